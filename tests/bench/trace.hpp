#pragma once

#include <cstdint>
#include <istream>
#include <string>
#include <vector>

#include "daemon/visit_line.hpp"
#include "tests/bench/fleet.hpp"

namespace syncd::bench {

// The lines of traces (docs/freshness.md).
struct Visits {
  std::vector<daemon::VisitLine> lines;
  std::uint64_t damaged = 0;  // lines that could not be read, left out
};

// Adds the lines of one file. False: it does not begin as a trace of this form does.
bool add_visits(std::istream& file, Visits& visits);

// What the visits say of the links' banks, for a run that visits them otherwise. Time begins with the first
// visit. Of refreshes between two looks at a link only the last is known, and what the others brought counts
// as brought by it. The first clock that a link showed is where it begins, not a refresh of the run.
struct Trace {
  std::vector<LinkSource> sources;
  double days = 0;  // from the first visit to the last
  std::uint64_t visits = 0, refreshes = 0, changed = 0;
  std::uint32_t institutions = 0;
  // Of links that were ever visited because of a webhook. Both are on the safe side: a poll may have been
  // faster than the webhook, and the delay ends with the visit.
  std::uint64_t links_with_hooks = 0;
  double hook_recall = 0;  // share of their changed refreshes that such a visit found
  double hook_latency_s = 0;
};

Trace trace_of(Visits visits);

// Mean delay, in minutes, that nobody can beat: whoever knows each changed refresh beforehand calls right
// behind it, in their order, with no more than so many calls in any sliding minute. Of changed refreshes in
// [from, to); a backlog from before counts. 0: there are none, or the budget is never short.
double clairvoyant_min(const std::vector<LinkSource>& sources, std::uint32_t calls_per_minute,
                       std::int64_t from_ms, std::int64_t to_ms);

}  // namespace syncd::bench
