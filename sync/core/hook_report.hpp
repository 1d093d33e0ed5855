#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "sync/core/types.hpp"

namespace syncd::core {

// Why a signature does not hold. The names are label values of a metric.
enum class SignatureFault : std::uint8_t {
  missing,      // no signature at all
  form,         // not three parts of strict base64url, or too long
  header,       // not JSON, or with members that change what a signature means
  algorithm,    // not ES256
  key_id,       // none, or one that cannot be
  unknown_key,  // upstream has no key of that id
  signature,    // does not hold
  claims,       // not JSON, or without what must be there
  issuer,
  too_old,
  in_future,
  body,  // another one than was signed
};
inline constexpr std::size_t signature_fault_count = 12;
std::string_view to_string(SignatureFault fault);

// What became of one request to the receiver; the names are label values of a metric.
enum class HookOutcome : std::uint8_t {
  accepted,           // 200: its link will be visited
  duplicate,          // 200: it was accepted before
  ignored,            // 200: no news, or an event or a version that is not known here
  unknown_link,       // 200: of a link that is not registered here
  not_visited,        // 200: its link is paused or gone
  unreadable,         // 200: signed, and yet no webhook: sending it again would not help
  bad_signature,      // 400
  bad_request,        // 4xx: another path or method
  too_many,           // 503: more in a second than are looked at
  too_many_waiting,   // 503: more links wait for a visit than may
  keys_unavailable,   // 503: upstream's keys are not to be had
  store_unavailable,  // 503: it could not be stored
};
inline constexpr std::size_t hook_outcome_count = 12;
std::string_view to_string(HookOutcome outcome);

struct HookReport {
  HookOutcome outcome = HookOutcome::accepted;
  std::optional<SignatureFault> fault = {};
  // What the check of the signature took, the wait for keys excluded; nullopt: it did not come so far.
  std::optional<std::chrono::nanoseconds> check_took = {};
  std::optional<LinkId> link_id = {};  // once the signature has held
};

}  // namespace syncd::core
