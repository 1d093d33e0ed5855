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

WallTime next_scheduled(const LinkId& link_id, WallTime now, const Policy& policy) {
  const std::int64_t interval =
      std::max<std::int64_t>(std::min(policy.interval, policy.max_interval).count(), 1);
  const std::uint64_t hash = stable_hash(link_id.str());
  const auto phase = static_cast<std::int64_t>(hash % static_cast<std::uint64_t>(interval));
  const std::int64_t jitter_range = interval * 3 / 100 + 1;
  const std::int64_t earliest = now.time_since_epoch().count() + interval / 20;
  for (std::int64_t visit = (earliest - phase) / interval;; ++visit) {
    const std::uint64_t draw = mix(hash ^ static_cast<std::uint64_t>(visit));
    const auto jitter = static_cast<std::int64_t>(draw % static_cast<std::uint64_t>(jitter_range));
    const std::int64_t due = visit * interval + phase + jitter;
    if (due > earliest) return WallTime(Millis(due));
  }
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
