#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace syncd::sandbox {

/// The model has no clock: every instant is handed in by the caller, in UTC.
using TimePoint = std::chrono::sys_time<std::chrono::milliseconds>;
using Milliseconds = std::chrono::milliseconds;
using Headers = std::vector<std::pair<std::string, std::string>>;

/// Every call the sandbox answers. The names used in fault scripts and statistics are endpoint_name()'s.
enum class Endpoint : std::uint8_t {
  token,
  introspect,
  jwks,
  link_session,
  exchange_token,
  links,
  link,
  link_update,
  link_delete,
  reset,
  refresh,
  accounts,
  account,
  transactions,
  sync,
  webhook_test,
  user_links,
  user_accounts,
  hook,  ///< not a call: a hook that upstream sends
  unknown,
};
inline constexpr std::size_t endpoint_count = static_cast<std::size_t>(Endpoint::unknown) + 1;

std::string_view endpoint_name(Endpoint endpoint);
std::optional<Endpoint> endpoint_from_name(std::string_view name);

struct HttpRequest {
  std::string method;
  std::string target;  ///< path and query, percent-encoded
  Headers headers{};
  std::string body{};
};

/// What has to happen to the connection besides the answer's bytes. The HTTP server executes it, a simulation
/// interprets it; the model itself never touches a socket.
struct Transport {
  std::uint32_t delay_ms = 0;                ///< wait this long before the first byte of the answer
  bool reset_before = false;                 ///< TCP reset, no answer
  bool close_before = false;                 ///< orderly close, no answer
  std::optional<std::size_t> cut_at_byte{};  ///< send this many body bytes, then close
  std::uint32_t slow_bytes_per_second = 0;   ///< drip the answer; 0 means full speed

  bool operator==(const Transport&) const = default;
};

struct HttpResponse {
  int status = 200;
  Headers headers;
  std::string body;
  Transport transport;
  Endpoint endpoint = Endpoint::unknown;
  std::string fault;               ///< name of the fault that shaped this answer, empty for an honest one
  std::string fault_variant = {};  ///< which form of it, as its script says
};

}  // namespace syncd::sandbox
