#pragma once

#include <cstdint>
#include <optional>

#include "sync/core/policy.hpp"
#include "sync/core/types.hpp"

namespace syncd::core {

// Nothing visits a link that is paused or gone, whatever its record says of its next time; everything else
// has its turn.
inline bool visited_by_schedule(LinkStatus status) {
  return status != LinkStatus::paused && status != LinkStatus::gone;
}

// The next visit of a link that has its turn every `interval`: a fixed phase within it, taken from the link's
// hash on absolute time, so that neither restarts nor upgrades bunch the fleet; plus up to `jitter`, not
// below zero, that differs from visit to visit. At least a twentieth of the interval after `now`, and at most
// that and an interval and the jitter.
WallTime next_in_turn(std::uint64_t id_hash, WallTime now, Millis interval, Millis jitter);

// The next ordinary visit of a healthy link under the uniform policy: in its turn, with up to 3 % of the
// interval of jitter, so at most 1.1 intervals after `now`.
WallTime next_scheduled(const LinkId& link_id, WallTime now, const Policy& policy);

// Exponential back-off with full jitter: uniform over (0, min(max, base * 2^failures)], but not below one
// second (or a tenth of the base when that is smaller). `failures` counts those before this one.
Millis full_jitter(Millis base, Millis max, std::uint32_t failures, std::uint64_t entropy);

// Growing interval without much jitter (a tenth): for looks at a link that waits for somebody else.
Millis slow_look(Millis base, Millis max, std::uint32_t looks, std::uint64_t entropy);

// The upstream clock of what a link is visited for: of its transactions, or where it has none or they are
// forbidden, of its accounts.
std::optional<UpstreamTime> upstream_clock_of(const LinkRecord& record);

// At the link's last success what upstream had was older than `max_interval` already: it is the bank, or
// MoneyKit, that is late. A clock that was never told says nothing.
bool upstream_was_late(WallTime last_success_at, const std::optional<UpstreamTime>& clock,
                       Millis max_interval);

}  // namespace syncd::core
