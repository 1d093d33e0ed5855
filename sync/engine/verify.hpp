#pragma once

#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

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

// While it waits for a visit, a verify looks this often whether that may still come.
inline constexpr core::Millis verify_look_every{5'000};

// Why upstream may not be asked about a link now, in the words of the report.
struct Obstacle {
  std::string_view reason;
  std::string detail;
  bool service_wide = false;  // nor about any other
};

// What a verify needs of the scheduler. Obstacles are `stopped`, `hold`, `auth`, `storage` (service-wide),
// `not_found` and `status` (the link is paused, gone or waits for its owner).
class VisitPort {
 public:
  virtual ~VisitPort() = default;
  virtual std::optional<Obstacle> obstacle(const core::LinkId& link_id) const = 0;
  // Keeps visits away from the link until release(); waits for the end of the one that runs. An obstacle: it
  // is not claimed.
  virtual api::Task<std::optional<Obstacle>> claim(core::LinkId link_id) = 0;
  // The link is visited when it would have been, unless somebody has asked for it meanwhile.
  virtual void release(const core::LinkId& link_id) = 0;
  // An ordinary visit that begins after this call, in the order of the schedule; `with_accounts`: it pulls
  // the accounts, too, even if they are not due. Waits for its end; `busy`: it has not ended by `deadline`.
  virtual api::Task<std::expected<core::CycleReport, Obstacle>> visit(core::LinkId link_id,
                                                                      bool with_accounts,
                                                                      api::SteadyTime deadline) = 0;
  // From now on `news` hears of every page of the link's visits; null: nobody does. The link is claimed.
  virtual void listen(const core::LinkId& link_id, std::shared_ptr<core::VisitNews> news) = 0;
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
  bool service_wide = false;         // what made it incomplete would stop the verify of any other link, too
};

// Reads the whole link once more, from the null cursor, and compares it with what is stored. Writes nothing
// itself; the ordinary visits before and, if something differs, after it commit what is news. `not_before`:
// of its next request; moved on by each, and shared by all verifies, so that they keep their distance.
api::Task<VerifyOutcome> run_verify(VerifyContext context, core::LinkId link_id, api::SteadyTime& not_before);

}  // namespace syncd::engine
