#include "tests/bench/trace.hpp"

#include <algorithm>
#include <memory>
#include <optional>
#include <tuple>
#include <unordered_map>
#include <utility>

namespace syncd::bench {

namespace {

using daemon::VisitLine;

constexpr double day_ms = 86'400'000;
constexpr std::int64_t minute_ms = 60'000;

struct SeenLink {
  std::uint32_t institution = 0;
  bool has_webhook = false;
  std::vector<Refresh> refreshes;  // the first one is where it begins
  std::uint64_t changed = 0, hooked = 0;
  double hooked_after_ms = 0;  // sum
};

class Links {
 public:
  explicit Links(core::WallTime begin) : begin_(begin) {}

  void add(const VisitLine& visit) {
    SeenLink& link = link_of(visit);
    const bool hooked = visit.cause == core::Cause::webhook;
    link.has_webhook |= hooked;
    const std::int64_t at_ms = (visit.refreshed_at - begin_).count();
    const bool first = link.refreshes.empty();
    const bool newer = first || at_ms > link.refreshes.back().at_ms;
    if (newer) link.refreshes.push_back({at_ms, false});
    Refresh& refresh = link.refreshes.back();
    if (!visit.changed || refresh.changed || link.refreshes.size() == 1) return;
    refresh.changed = true;
    ++link.changed;
    if (!hooked) return;
    ++link.hooked;
    link.hooked_after_ms +=
        static_cast<double>(std::max<std::int64_t>((visit.at - visit.refreshed_at).count(), 0));
  }

  Trace take(double days, std::uint64_t visits) {
    Trace trace{.sources = {}, .days = days, .visits = visits};
    trace.institutions = static_cast<std::uint32_t>(institutions_.size());
    std::uint64_t changed = 0;
    std::uint64_t hooked = 0;
    double after_ms = 0;
    for (SeenLink& link : links_) {
      trace.refreshes += link.refreshes.size() - 1;
      trace.changed += link.changed;
      if (link.has_webhook) {
        ++trace.links_with_hooks;
        changed += link.changed;
        hooked += link.hooked;
        after_ms += link.hooked_after_ms;
      }
      trace.sources.push_back(source_of(std::move(link), days));
    }
    if (changed > 0) trace.hook_recall = static_cast<double>(hooked) / static_cast<double>(changed);
    if (hooked > 0) trace.hook_latency_s = after_ms / static_cast<double>(hooked) / 1000;
    return trace;
  }

 private:
  SeenLink& link_of(const VisitLine& visit) {
    const auto [link, is_new] = by_name_.try_emplace(visit.link, links_.size());
    if (is_new) links_.emplace_back();
    const auto next = static_cast<std::uint32_t>(institutions_.size());
    SeenLink& seen = links_[link->second];
    seen.institution = institutions_.try_emplace(visit.institution, next).first->second;
    return seen;
  }

  static LinkSource source_of(SeenLink link, double days) {
    LinkSource source;
    source.institution = link.institution;
    source.has_webhook = link.has_webhook;
    source.changes_per_day = days > 0 ? static_cast<double>(link.changed) / days : 0;
    source.recorded = std::make_shared<const std::vector<Refresh>>(std::move(link.refreshes));
    return source;
  }

  core::WallTime begin_;
  std::vector<SeenLink> links_;
  std::unordered_map<std::uint64_t, std::size_t> by_name_;
  std::unordered_map<std::uint64_t, std::uint32_t> institutions_;
};

struct Change {
  std::int64_t at_ms;
  std::size_t link;
};

std::vector<Change> changes_of(const std::vector<LinkSource>& sources, std::int64_t to_ms) {
  std::vector<Change> changes;
  for (std::size_t link = 0; link < sources.size(); ++link) {
    if (!sources[link].recorded) continue;
    for (const Refresh& refresh : *sources[link].recorded) {
      if (refresh.changed && refresh.at_ms >= 0 && refresh.at_ms < to_ms)
        changes.push_back({refresh.at_ms, link});
    }
  }
  std::ranges::sort(changes, {}, &Change::at_ms);
  return changes;
}

}  // namespace

bool add_visits(std::istream& file, Visits& visits) {
  std::string line;
  if (!std::getline(file, line) || line + "\n" != daemon::visit_trace_head) return false;
  while (std::getline(file, line)) {
    if (const auto visit = daemon::parse_visit(line)) {
      visits.lines.push_back(*visit);
    } else {
      ++visits.damaged;
    }
  }
  return true;
}

Trace trace_of(Visits visits) {
  if (visits.lines.empty()) return {};
  std::ranges::sort(visits.lines, {}, [](const VisitLine& visit) {
    return std::tuple(visit.at, visit.link, visit.refreshed_at);
  });
  const core::WallTime begin = visits.lines.front().at;
  Links links(begin);
  for (const VisitLine& visit : visits.lines)
    links.add(visit);
  const core::Millis span = visits.lines.back().at - begin;
  return links.take(static_cast<double>(span.count()) / day_ms, visits.lines.size());
}

double clairvoyant_min(const std::vector<LinkSource>& sources, std::uint32_t calls_per_minute,
                       std::int64_t from_ms, std::int64_t to_ms) {
  std::vector<std::int64_t> calls_ms;
  std::vector<std::optional<std::int64_t>> called_ms(sources.size());
  double sum_ms = 0;
  std::uint64_t count = 0;
  for (const Change& change : changes_of(sources, to_ms)) {
    auto& called = called_ms[change.link];
    // A call that still waits brings this, too.
    if (!called || *called < change.at_ms) {
      const bool full = calls_ms.size() >= calls_per_minute;
      const std::int64_t free_ms =
          full ? calls_ms[calls_ms.size() - calls_per_minute] + minute_ms : change.at_ms;
      called = std::max(change.at_ms, free_ms);
      calls_ms.push_back(*called);
    }
    if (change.at_ms < from_ms) continue;
    sum_ms += static_cast<double>(*called - change.at_ms);
    ++count;
  }
  return count > 0 ? sum_ms / static_cast<double>(count) / minute_ms : 0;
}

}  // namespace syncd::bench
