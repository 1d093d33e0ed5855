#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "sync/core/types.hpp"

namespace syncd::daemon {

// How the admin API names a dead letter: `MILLISECONDS:LINK`, which is also its place in the list.
struct DeadLetterId {
  core::WallTime at{};
  core::LinkId link_id;
};
inline constexpr std::size_t dead_letter_id_bytes_max = core::id_bytes_max + 21;

std::string to_text(const DeadLetterId& id);
std::optional<DeadLetterId> parse_dead_letter_id(std::string_view text);

}  // namespace syncd::daemon
