#pragma once

#include <optional>

#include "sync/api/moneykit_api.hpp"
#include "sync/api/rate_gate.hpp"
#include "sync/api/task.hpp"
#include "sync/api/timers.hpp"
#include "sync/core/policy.hpp"
#include "sync/core/reports.hpp"
#include "sync/core/verify.hpp"
#include "sync/engine/store_port.hpp"

namespace syncd::engine {

// Verifies run one at a time, beside the cycles: after a crash their requests count like those of one more
// cycle in flight.
inline constexpr std::uint32_t verifies_in_flight_max = 1;
// A verify that found no room in the budgets for so long gives up.
inline constexpr core::Millis verify_budget_wait_max = std::chrono::minutes(10);
// Between two requests of a verify. They are recorded with no commit, so a crash has to take them for sent:
// fewer in a minute than the gate charges for one cycle (see RateGate::assume_crash).
inline constexpr core::Millis verify_request_gap{1'200};
// An ordinary visit that a verify asked for and that has not ended by then: others come first today.
inline constexpr core::Millis verify_visit_wait_max = std::chrono::minutes(30);

// What a verify needs of the scheduler.
class VisitPort {
 public:
  virtual ~VisitPort() = default;
  // Keeps visits away from the link until release(); waits for the end of the one that runs. Errors: conflict
  // (the link is paused, gone or waits for its owner: nothing may be asked about it), cancelled.
  virtual api::Task<core::Result<void>> claim(core::LinkId link_id) = 0;
  virtual void release(const core::LinkId& link_id) = 0;
  // An ordinary visit that begins after this call, in the order of the schedule; `with_accounts`: it pulls
  // the accounts, too, even if they are not due. Waits for its end; nullopt: not by `deadline`, or shutdown.
  virtual api::Task<std::optional<core::CycleReport>> visit(core::LinkId link_id, bool with_accounts,
                                                            api::SteadyTime deadline) = 0;
};

// What a verify works with; everything outlives it.
struct VerifyContext {
  api::Timers& timers;
  api::MoneykitApi& upstream;
  api::RateGate& gate;
  StorePort& store;
  const core::Policy& policy;
  const bool& stopping;
  VisitPort& visits;
};

struct VerifyOutcome {
  core::VerifyReport report;
  std::optional<core::Error> error;  // what made it incomplete, where that was an error
};

// Reads the whole link once more, from the null cursor, and compares it with what is stored. Writes nothing
// itself; the ordinary visits before and, if something differs, after it commit what is news.
api::Task<VerifyOutcome> run_verify(VerifyContext context, core::LinkId link_id);

}  // namespace syncd::engine
