#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <boost/container/small_vector.hpp>

#include "sync/api/task.hpp"
#include "sync/api/timers.hpp"
#include "sync/core/budget.hpp"
#include "sync/core/result.hpp"
#include "sync/core/types.hpp"
#include "sync/core/update.hpp"

namespace syncd::api {

// Requests per minute that upstream allows. 1 to 1,000,000 each.
struct Budgets {
  std::uint32_t sync_per_app = 600;
  std::uint32_t sync_per_link = 15;
  std::uint32_t accounts_per_app = 600;
  std::uint32_t accounts_per_link = 4;
  std::uint32_t link_per_app = 1000;
  std::uint32_t link_per_link = 15;
  std::uint32_t links_per_app = 600;
  std::uint32_t token_per_client = 300;
  std::uint32_t link_session_per_app = 1200;
  std::uint32_t link_session_per_user = 20;
  std::uint32_t exchange_per_app = 600;
  std::uint32_t user_links_per_app = 600;
  std::uint32_t delete_link_per_app = 600;
  std::uint32_t update_link_per_app = 600;
  std::uint32_t update_link_per_link = 4;
  // Upstream shows no figures for these.
  std::uint32_t products_per_app = 600;
  std::uint32_t products_per_link = 15;
};

// Of the key set, a minute. Upstream documents no limit; keys change a few times a year.
inline constexpr std::uint32_t key_sets_per_app = 1;

// Whose own budget a request counts against, beside the app's: that of a link, or of a customer user.
class BudgetOwner {
 public:
  // An empty id: nobody's. The id outlives the owner. Implicit: nearly every request is a link's.
  BudgetOwner(const core::LinkId& link_id) : id_(&link_id.str()) {}
  // 1 to 256 bytes without control characters, as ids are.
  static BudgetOwner user(const std::string& customer_user_id) { return {customer_user_id, true}; }

  const std::string& id() const { return *id_; }
  bool is_user() const { return is_user_; }

 private:
  BudgetOwner(const std::string& id, bool is_user) : id_(&id), is_user_(is_user) {}
  const std::string* id_;
  bool is_user_ = false;
};

// How much of an endpoint's budget is in use; for metrics and the status page.
struct BudgetUse {
  core::Endpoint endpoint = core::Endpoint::sync;
  std::uint32_t limit = 0;  // RateGate::allowed()
  std::uint32_t configured = 0;
  std::uint32_t used = 0;     // in the last minute
  std::uint32_t waiting = 0;  // tasks
  std::optional<core::WallTime> frozen_until;
};

// Holds every request back until the budgets of its endpoint, per app and per link or user, allow it and no
// Retry-After window is open. An app's budget is smaller for a while after upstream refused (refused()).
// Manual causes may use a reserve (a tenth) that the others leave free, webhooks too: there may be more of
// them than the budget has room for. A verify leaves half of each budget free, per app and per link, and lets
// everybody else go first; only of the app's it may have three in a hundred where the others, who leave the
// tenth free, use more than half all the time, as the adaptive schedule does.
//
// A promise about the wire: a request is counted at the moment before its first byte, not while it still
// needs a connection. So a task lines up, waits for its turn, gets a connection and asks once more (Turn).
//
// The promise holds across restarts: a clean stop leaves a snapshot of what was sent and of the open windows;
// after a crash everything that may have gone out unrecorded is assumed to have been sent at the moment of
// the start. A user's requests are in the snapshot and in no record. What stays uncovered, because only the
// wall clock connects two runs: a wall clock that is set forward between a clean stop and the start ends
// windows early by as much, and one that is stepped in a run that then crashes misdates the windows opened
// before.
//
// Thread: the io thread. Lifetime: outlives every task that waits in it.
class RateGate {
 public:
  RateGate(Timers& timers, const Budgets& budgets);

  // One request's place in the line of its endpoint, from its first wait until it goes out or is given up.
  // Those behind it leave it the capacity it needs, so a slot that becomes free wakes one task and not all;
  // one that only its own link's or user's budget holds back is not waited for. People go before the
  // schedule.
  class Turn {
   public:
    // The gate and the owner's id outlive the turn.
    Turn(RateGate& gate, core::Endpoint endpoint, BudgetOwner owner, core::Cause cause);
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    ~Turn();

    // Returns when the request may be sent now; counts nothing. Errors: cancelled.
    Task<core::Result<void>> wait();
    // Counts the request if it may be sent at this moment, which the caller then does before it suspends
    // again. False: it may not, wait() again.
    bool take();

   private:
    friend class RateGate;
    SteadyTime look(SteadyTime now);  // when it is this one's turn

    RateGate& gate_;
    BudgetOwner owner_;
    core::Endpoint endpoint_;
    core::Cause cause_;
    bool held_by_owner_ = false;
  };

  // take() without a place in the line, for a request that can go out at once: false also when others, who
  // came before, need what is free.
  bool try_take(core::Endpoint endpoint, BudgetOwner owner, core::Cause cause);
  // When a request that lined up now would have its turn, as far as can be told; a cycle that would wait long
  // yields its worker instead.
  SteadyTime available_at(core::Endpoint endpoint, BudgetOwner owner, core::Cause cause);

  // No request to the endpoint before `until`; never shortens a window. Windows longer than an hour are cut
  // to one.
  void freeze(core::Endpoint endpoint, core::WallTime until);
  // Called with every window that freeze() opens or extends, so that somebody can store it.
  void on_freeze(std::function<void(const core::GateFreeze&)> tell) { tell_freeze_ = std::move(tell); }
  std::optional<core::WallTime> frozen_until(core::Endpoint endpoint) const;

  // Upstream refused a request that the budgets had room for: it allows less than was configured, or others
  // use the same budget. The endpoint's is cut (core::YieldingBudget). Which budget it means upstream does
  // not say: where the owner used more than one request of its own, and a greater share of them than was used
  // of the app's, it is taken for the owner's, and nothing is cut. After freeze(). Not kept over a restart:
  // the window is, and what it takes to find out again is one more refusal.
  void refused(core::Endpoint endpoint, BudgetOwner owner);
  // Of the app's budget, what may be used at present.
  std::uint32_t allowed(core::Endpoint endpoint);

  // This link's requests of the last minute, to be stored with it.
  std::vector<core::RecentSend> recent_sends(const core::LinkId& link_id);

  // ---- start and stop ----
  // What a restart found stored with a link. Ignored after restore(), which knew these requests already.
  void seed(const core::LinkId& link_id, const std::vector<core::RecentSend>& sends);
  // The last run did not stop cleanly: up to `in_flight_max` cycles at a time may have sent requests that no
  // record shows. Endpoints whose requests are never recorded are charged in full.
  void assume_crash(std::uint32_t in_flight_max);
  // Requests and open windows as a text for restore(); empty when there is too much to write, which is then a
  // crash to the next run.
  std::string snapshot();
  // The snapshot of a run that sent nothing, for a store that is new.
  static std::string_view nothing_sent();
  // False when the text is not understood: nothing was restored.
  bool restore(std::string_view snapshot);

  std::vector<BudgetUse> use();
  void set_budgets(const Budgets& budgets);
  const Budgets& budgets() const { return budgets_; }

 private:
  struct Send {
    core::Endpoint endpoint;
    SteadyTime at;
  };
  // Of one link or user, in time order. A visit needs one or two.
  using Sends = boost::container::small_vector<Send, 4>;
  using SendsById = std::unordered_map<std::string, Sends>;  // the last minute only
  struct OwnerUse {
    std::uint32_t limit = 0;       // 0: nobody's own budget limits it
    bool recorded = false;         // with the link, so that a crash forgets little
    const Sends* sends = nullptr;  // nullptr: none
  };
  struct Opening {
    SteadyTime at;       // not before now
    bool held_by_owner;  // only by the link's or user's own budget
  };

  core::SlidingMinute& app_window(core::Endpoint endpoint, SteadyTime now);
  std::uint32_t used_by(const OwnerUse& owner, core::Endpoint endpoint, SteadyTime now) const;
  // 0: not limited.
  std::uint32_t limit_of(core::Endpoint endpoint, BudgetOwner owner) const;
  Opening opening(core::Endpoint endpoint, const OwnerUse& owner, core::Cause cause, std::uint32_t ahead,
                  SteadyTime now);
  std::int64_t app_opens_ms(core::Endpoint endpoint, core::Cause cause, std::uint32_t ahead, SteadyTime now);
  SteadyTime owner_available_at(core::Endpoint endpoint, const OwnerUse& owner, core::Cause cause,
                                SteadyTime now) const;
  SendsById& sends_of(BudgetOwner owner) { return owner.is_user() ? users_ : links_; }
  OwnerUse use_by(core::Endpoint endpoint, BudgetOwner owner);
  // Of those in line before `turn` (nullptr: behind all), how many need capacity first.
  std::uint32_t ahead_of(const Turn* turn, core::Endpoint endpoint, core::Cause cause) const;
  Opening opening_in_line(const Turn* turn, core::Endpoint endpoint, const OwnerUse& owner, core::Cause cause,
                          SteadyTime now);
  bool count_if_open(const Turn* turn, core::Endpoint endpoint, BudgetOwner owner, core::Cause cause);
  void seed_at(core::Endpoint endpoint, BudgetOwner owner, SteadyTime at, std::uint32_t requests);
  void forget_old(SteadyTime now);
  static void forget_old(SendsById& all, SteadyTime now);
  core::WallTime to_wall(SteadyTime at);
  SteadyTime to_steady(core::WallTime at);

  Timers& timers_;
  Budgets budgets_;
  std::vector<core::SlidingMinute> app_;                       // by endpoint
  std::vector<core::YieldingBudget> allowed_;                  // by endpoint
  std::vector<core::SlidingMinute> verifies_;                  // by endpoint: of app_, those of verifies
  std::array<SteadyTime, core::endpoint_count + 1> frozen_{};  // by endpoint; the epoch: not frozen
  std::array<std::vector<const Turn*>, core::endpoint_count + 1> line_;  // by endpoint, first come first
  std::array<std::uint32_t, core::endpoint_count + 1> waiting_{};
  SendsById links_;
  SendsById users_;
  std::function<void(const core::GateFreeze&)> tell_freeze_;
  SteadyTime forget_at_{};
  SteadyTime crash_shadow_until_{};  // until then each link is charged for unrecorded requests
  bool restored_ = false;
};

}  // namespace syncd::api
