#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace syncd::core {

// What went wrong, as a kind that decides the action (see ARCHITECTURE.md). The numbers are stored on disk
// and must never be changed or reused.
enum class Errc : std::uint8_t {
  transport = 1,         // resolve, connect, TLS or socket failure: back off
  timeout = 2,           // a deadline passed: back off
  server = 3,            // 5xx, or an answer made by something in front of upstream: back off
  throttled = 4,         // 429: the gate freezes, the link is not at fault
  auth = 5,              // our own credentials were refused: one service-wide incident, no link is touched
  relink_required = 6,   // the link's owner must act
  gone = 7,              // the link no longer exists upstream
  forbidden = 8,         // this link or product is not ours to read
  protocol = 9,          // an answer we must not believe: rejected whole, counted, quarantined
  storage = 10,          // the local store failed: fetching stops
  cancelled = 11,        // shutdown; never a failure of a link
  cursor_rejected = 12,  // upstream does not accept the stored cursor: full resync
  upstream_state =
      13,          // the link is not usable now for a reason upstream must mend (outage, still connecting)
  conflict = 14,   // somebody else changed the record first; nothing was written
  not_found = 15,  // a thing asked for does not exist here
  invalid = 16,    // input from a person or a file is not acceptable
};

// Lower-case name of the kind, stable: used in logs, metrics and the admin API.
std::string_view to_string(Errc code);

struct Error {
  Errc code = Errc::protocol;
  std::string message;               // for people: the thing, the cause; never a secret or a row's text
  int http_status = 0;               // 0: no answer was received
  std::string api_code = {};         // upstream's `error_code`, verbatim, may be empty
  std::string link_error_code = {};  // upstream's `link_error_code` of a 422, may be empty
  std::optional<std::chrono::milliseconds> retry_after = {};  // from now; only with `throttled` and `server`
  // Of an answer that was refused: its size and digest are evidence without its content. Zeros where the
  // error cannot end in a quarantine, and of an answer that was not read for its size.
  std::uint64_t body_bytes = 0;
  std::array<std::uint8_t, 16> body_digest = {};
  std::string redacted_body = {};  // the same answer's structure, see redact.hpp; may be empty
  bool too_large = false;          // refused for its size alone: a smaller page may pass
  // A request that changes something upstream may have been carried out there, and no answer that can be
  // believed says whether. Not set: it was refused, or never left.
  bool outcome_unknown = false;
};

template <class T>
using Result = std::expected<T, Error>;

inline std::unexpected<Error> fail(Errc code, std::string message) {
  return std::unexpected(Error{.code = code, .message = std::move(message)});
}

// Adds what was being done in front of the message, from the inside out: "commit page: disk full".
Error with_context(Error error, std::string_view doing);

}  // namespace syncd::core
