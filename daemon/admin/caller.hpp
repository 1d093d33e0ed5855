#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>

#include "sync/core/types.hpp"

namespace syncd::daemon {

// What a caller of the admin API may do; each role may also do what the ones below it may. The numbers are
// stored with the tokens and are never changed or reused.
enum class Role : std::uint8_t {
  read = 1,     // look at everything but the audit log and the tokens
  operate = 2,  // act on links, relink entries and dead letters
  admin = 3,    // tokens, the audit log, and what goes in and out by the thousand
};
std::string_view to_string(Role role);
std::optional<Role> parse_role(std::string_view text);  // read, operate or admin
constexpr bool allows(Role has, Role needed) {
  return has >= needed;
}

// Who asks, as one request has proved.
struct Caller {
  std::string actor;  // `uid:1000` (peer of the unix socket) or `token:NAME` (TCP)
  Role role = Role::read;
  std::optional<uid_t> uid = {};                  // of the peer of a unix socket
  std::optional<core::WallTime> expires_at = {};  // of the token
};

}  // namespace syncd::daemon
