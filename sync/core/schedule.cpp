#include "sync/core/schedule.hpp"

#include <algorithm>

namespace syncd::core {

namespace {

std::uint64_t mix(std::uint64_t value) {
  value ^= value >> 33;
  value *= 0xff51afd7ed558ccdULL;
  value ^= value >> 33;
  value *= 0xc4ceb9fe1a85ec53ULL;
  value ^= value >> 33;
  return value;
}

// base * 2^doublings, not above max and without overflow.
Millis grown(Millis base, Millis max, std::uint32_t doublings) {
  Millis window = base;
  for (std::uint32_t i = 0; i < doublings && window < max; ++i)
    window *= 2;
  return std::clamp(window, Millis(1), std::max(max, Millis(1)));
}

}  // namespace

WallTime next_in_turn(std::uint64_t id_hash, WallTime now, Millis interval, Millis jitter) {
  const std::int64_t length = std::max<std::int64_t>(interval.count(), 1);
  const auto phase = static_cast<std::int64_t>(id_hash % static_cast<std::uint64_t>(length));
  const auto draws = static_cast<std::uint64_t>(jitter.count()) + 1;
  const std::int64_t earliest = now.time_since_epoch().count() + length / 20;
  for (std::int64_t visit = (earliest - phase) / length;; ++visit) {
    const std::uint64_t draw = mix(id_hash ^ static_cast<std::uint64_t>(visit));
    const std::int64_t due = visit * length + phase + static_cast<std::int64_t>(draw % draws);
    if (due > earliest) return WallTime(Millis(due));
  }
}

WallTime next_scheduled(const LinkId& link_id, WallTime now, const Policy& policy) {
  const Millis interval = std::max(std::min(policy.interval, policy.max_interval), Millis(1));
  return next_in_turn(stable_hash(link_id.str()), now, interval, interval * 3 / 100);
}

Millis full_jitter(Millis base, Millis max, std::uint32_t failures, std::uint64_t entropy) {
  const Millis window = grown(base, max, failures);
  const Millis floor = std::min({Millis(1000), base / 10 + Millis(1), window});
  const auto draw = static_cast<std::int64_t>(mix(entropy) % static_cast<std::uint64_t>(window.count()));
  return std::max(floor, Millis(draw + 1));
}

Millis slow_look(Millis base, Millis max, std::uint32_t looks, std::uint64_t entropy) {
  const Millis window = grown(base, max, looks);
  const std::int64_t range = window.count() / 10 + 1;
  const auto draw = static_cast<std::int64_t>(mix(entropy) % static_cast<std::uint64_t>(range));
  return std::max(Millis(1), window - Millis(draw));
}

std::optional<UpstreamTime> upstream_clock_of(const LinkRecord& record) {
  const bool reads_rows = record.has_transactions_product && !record.transactions_forbidden;
  return reads_rows ? record.transactions_clock : record.accounts_clock;
}

bool upstream_was_late(WallTime last_success_at, const std::optional<UpstreamTime>& clock,
                       Millis max_interval) {
  return clock && last_success_at != WallTime{} && last_success_at - *clock > max_interval;
}

}  // namespace syncd::core
