#include "sync/core/hook_report.hpp"

#include <array>

namespace syncd::core {

std::string_view to_string(SignatureFault fault) {
  static constexpr std::array<std::string_view, signature_fault_count> names{
      "missing",   "form",   "header", "algorithm", "key_id",    "unknown_key",
      "signature", "claims", "issuer", "too_old",   "in_future", "body"};
  return names[static_cast<std::size_t>(fault)];
}

std::string_view to_string(HookOutcome outcome) {
  static constexpr std::array<std::string_view, hook_outcome_count> names{
      "accepted",    "duplicate",        "ignored",          "unknown_link",
      "not_visited", "unreadable",       "bad_signature",    "bad_request",
      "too_many",    "too_many_waiting", "keys_unavailable", "store_unavailable"};
  return names[static_cast<std::size_t>(outcome)];
}

}  // namespace syncd::core
