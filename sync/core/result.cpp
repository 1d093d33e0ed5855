#include "sync/core/result.hpp"

namespace syncd::core {

std::string_view to_string(Errc code) {
  switch (code) {
    case Errc::transport:
      return "transport";
    case Errc::timeout:
      return "timeout";
    case Errc::server:
      return "server";
    case Errc::throttled:
      return "throttled";
    case Errc::auth:
      return "auth";
    case Errc::relink_required:
      return "relink_required";
    case Errc::gone:
      return "gone";
    case Errc::forbidden:
      return "forbidden";
    case Errc::protocol:
      return "protocol";
    case Errc::storage:
      return "storage";
    case Errc::cancelled:
      return "cancelled";
    case Errc::cursor_rejected:
      return "cursor_rejected";
    case Errc::upstream_state:
      return "upstream_state";
    case Errc::conflict:
      return "conflict";
    case Errc::not_found:
      return "not_found";
    case Errc::invalid:
      return "invalid";
  }
  return "unknown";  // a number from a newer version's disk
}

Error with_context(Error error, std::string_view doing) {
  std::string message;
  message.reserve(doing.size() + 2 + error.message.size());
  message.append(doing).append(": ").append(error.message);
  error.message = std::move(message);
  return error;
}

}  // namespace syncd::core
