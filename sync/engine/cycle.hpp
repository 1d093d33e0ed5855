#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "sync/api/moneykit_api.hpp"
#include "sync/api/rate_gate.hpp"
#include "sync/api/task.hpp"
#include "sync/api/timers.hpp"
#include "sync/core/planner.hpp"
#include "sync/core/policy.hpp"
#include "sync/core/reports.hpp"
#include "sync/core/verify.hpp"
#include "sync/engine/continuity.hpp"
#include "sync/engine/store_port.hpp"

namespace syncd::engine {

// A cycle that would have to wait longer than this for a request gives its worker to another link.
inline constexpr core::Millis wait_in_worker_max{5'000};

// What a cycle works with; everything outlives it.
struct CycleContext {
  api::Timers& timers;
  api::MoneykitApi& upstream;
  api::RateGate& gate;
  StorePort& store;
  const core::Policy& policy;
  const bool& stopping;        // true: begin no further request
  bool pull_accounts = false;  // behind a drain, even if they are not due
  // True: the cycle yields before its next request. Null: nobody holds cycles back.
  const bool* on_hold = nullptr;
  std::shared_ptr<core::VisitNews> news = {};  // hears of every page, if somebody wants to know
  core::VisitPlanner* planner = nullptr;       // says when the link is visited next; null: in its turn
  Continuity* continuity = nullptr;  // looks at the data before and after a relink; null: nobody does
  std::uint64_t hint = 0;            // the sequence of the hint that waits for this visit; 0: none does
};

// How a cycle ended, for the scheduler.
enum class CycleEnd : std::uint8_t {
  finished,    // everything it found out is committed; visit again at report.next_due_at
  yielded,     // committed so far, more to do at report.next_due_at
  held_back,   // nobody may drain now: the feed was not asked, the link keeps its place in the schedule
  not_active,  // paused or gone: nothing was asked
  missing,     // no such link in the store
  conflict,    // the link was changed by somebody else meanwhile: look again at once
  auth,        // our credentials were refused: nothing was learnt about the link
  storage,     // the store failed
  stopped,     // shutdown
};

struct CycleOutcome {
  CycleEnd end = CycleEnd::finished;
  core::CycleReport report;
  std::optional<core::WallTime> last_success_at;
  std::optional<core::UpstreamTime> upstream_clock;  // core::upstream_clock_of()
  core::WallTime fetched_at{};                       // of the feed; epoch: never
  bool hint_answered = false;                        // a commit took the hint away: what it told of is stored
};

// One visit to one link: looks at the link object first when its owner has to act, drains its transaction
// feed page by page (each page one commit), then pulls its accounts when that is due.
api::Task<CycleOutcome> run_cycle(CycleContext context, core::LinkId link_id, core::Cause cause);

}  // namespace syncd::engine
