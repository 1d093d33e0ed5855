#include "tests/bench/drawn_fleet.hpp"

#include <iterator>
#include <random>

#include <fmt/format.h>

namespace syncd::bench {

namespace {

constexpr double day_ms = 86'400'000;

std::optional<std::int64_t> draw_hook(const FleetShape& shape, std::mt19937_64& random) {
  const bool told = std::bernoulli_distribution(shape.hook_recall)(random);
  const double latency_s = std::exponential_distribution<double>(1 / shape.hook_latency_s)(random);
  if (!told) return std::nullopt;
  return static_cast<std::int64_t>(latency_s * 1000);
}

}  // namespace

std::vector<LinkSource> sources_of(const DrawnFleet& drawn) {
  std::vector<LinkSource> sources(drawn.links.size());
  for (std::size_t at = 0; at < sources.size(); ++at) {
    sources[at].institution = drawn.links[at].institution;
    sources[at].has_webhook = drawn.links[at].has_webhook;
  }
  return sources;
}

DrawnFleet draw_fleet(const FleetShape& shape, std::uint64_t seed, double days) {
  std::mt19937_64 random(seed);
  const auto end_ms = static_cast<std::int64_t>(days * day_ms);
  DrawnFleet drawn;
  for (LinkSource& source : make_fleet(shape, random)) {
    DrawnLink& link = drawn.links.emplace_back();
    link.institution = source.institution;
    link.has_webhook = source.has_webhook;
    for (;;) {
      Refresh refresh = source.next(shape.skipped_share, random);
      if (refresh.at_ms > end_ms) break;
      if (refresh.at_ms <= 0) link.refreshes.clear();
      if (refresh.changed && link.has_webhook) refresh.hook_ms = draw_hook(shape, random);
      link.refreshes.push_back(refresh);
    }
  }
  return drawn;
}

std::string to_sandbox(const DrawnFleet& drawn, std::int64_t start_unix_ms) {
  std::string text;
  const auto to = std::back_inserter(text);
  for (const DrawnLink& link : drawn.links) {
    fmt::format_to(to, "link bank_{:03}\n", link.institution);
    for (const Refresh& refresh : link.refreshes) {
      fmt::format_to(to, "{} {} ", start_unix_ms + refresh.at_ms, refresh.changed ? 1 : 0);
      text += refresh.hook_ms ? std::to_string(*refresh.hook_ms) : "-";
      text += '\n';
    }
  }
  return text;
}

}  // namespace syncd::bench
