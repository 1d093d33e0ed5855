#include "sync/engine/verify.hpp"

#include <algorithm>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include <boost/asio/this_coro.hpp>

#include "sync/core/classify.hpp"

namespace syncd::engine {

namespace {

using core::Difference;
using core::Endpoint;
using core::Errc;

constexpr std::uint32_t rows_at_a_time = 1'000;
// The fewest rows that a page is asked for when larger ones come out larger than an answer may be.
constexpr std::uint32_t page_size_min = 16;
// A copy that is met in the middle of a drain so often is too busy to be compared.
constexpr int claims_max = 4;

// What stops every other verify, too.
bool is_service_wide(Errc code) {
  return code == Errc::auth || code == Errc::storage || code == Errc::cancelled || code == Errc::throttled;
}

class Verify {
 public:
  Verify(VerifyContext context, core::LinkId link_id, api::SteadyTime& not_before)
      : context_(context),
        link_id_(std::move(link_id)),
        began_at_(context.timers.steady_now()),
        page_size_(context.policy.page_size),
        reading_(link_id_),
        not_before_(not_before) {
    report().link_id = link_id_;
  }

  api::Task<VerifyOutcome> run() {
    co_await begin();
    if (!ended_ && reads_feed_) {
      co_await read_feed();
    }
    if (!ended_ && reads_accounts_) {
      co_await read_accounts();
    }
    if (!ended_) {
      co_await compare();
    }
    if (!ended_ && differs()) {
      co_await look_again();
    }
    context_.visits.listen(link_id_, nullptr);
    conclude();
    co_return std::move(outcome_);
  }

 private:
  core::VerifyReport& report() { return outcome_.report; }

  void incomplete(std::string_view reason, std::string detail, bool service_wide = false) {
    if (ended_) return;
    ended_ = true;
    report().reason = reason;
    report().detail = std::move(detail);
    outcome_.service_wide = service_wide;
  }
  void incomplete(Obstacle obstacle) {
    incomplete(obstacle.reason, std::move(obstacle.detail), obstacle.service_wide);
  }
  void fail(core::Error error) {
    const bool stopped = error.code == Errc::cancelled;
    incomplete(stopped ? "stopped" : core::to_string(error.code), error.message, is_service_wide(error.code));
    outcome_.error = std::move(error);
  }

  void conclude() {
    report().at = context_.timers.wall_now();
    report().duration = context_.timers.steady_now() - began_at_;
    report().rows = reading_.rows();
    report().pages = reading_.pages();
    if (ended_) return;
    if (in_doubt_ && !differs()) {
      incomplete("moved", "upstream changed the link while it was read");
      return;
    }
    report().result = differs() ? core::VerifyResult::mismatch : core::VerifyResult::match;
    report().transactions = core::tally_of(rows_);
    report().accounts = core::tally_of(accounts_);
    report().transactions_compared = reads_feed_;
    report().accounts_compared = upstream_accounts_ && !accounts_in_doubt_;
  }

  bool differs() const { return !rows_.empty() || !accounts_.empty(); }

  // ---- the local side ----

  bool grants_feed() const { return record_.has_transactions_product && !record_.transactions_forbidden; }

  // False: there is no record of use, and the verify has ended.
  api::Task<bool> load() {
    auto loaded = co_await context_.store.load(link_id_);
    if (!loaded) {
      fail(std::move(loaded.error()));
      co_return false;
    }
    if (!*loaded) {
      incomplete("not_found", "the link is not registered any more");
      co_return false;
    }
    record_ = std::move(**loaded);
    co_return true;
  }

  // Brings the local copy up to date, as any visit does; also that only while there is budget to spare.
  api::Task<void> visit() {
    const Endpoint first = grants_feed() ? Endpoint::sync : Endpoint::accounts;
    const bool has_room =
        co_await wait_for_room(first, context_.timers.steady_now() + verify_budget_wait_max);
    if (!has_room) co_return;
    const api::SteadyTime deadline = context_.timers.steady_now() + verify_visit_wait_max;
    auto cycle = co_await context_.visits.visit(link_id_, pulls_accounts_, deadline);
    // A visit that the stop has cut short says nothing about the link.
    auto obstacle = context_.visits.obstacle(link_id_);
    if (!cycle) {
      incomplete(std::move(cycle.error()));
    } else if (cycle->error) {
      fail(*cycle->error);
    } else if (obstacle) {
      incomplete(*std::move(obstacle));
    }
  }

  // What is stored is one state of upstream, not a piece of the way to the next one.
  bool copy_is_whole() const {
    return !grants_feed() || (record_.cursor && !record_.resync && !record_.drain.open);
  }

  // Claims the link at a moment when nothing is left to be drained. False: the verify has ended, and the link
  // is not claimed.
  api::Task<bool> claim_copy() {
    for (int tries = 1;; ++tries) {
      auto obstacle = co_await context_.visits.claim(link_id_);
      if (obstacle) {
        incomplete(*std::move(obstacle));
        co_return false;
      }
      const bool loaded = co_await load();
      if (loaded && copy_is_whole()) co_return true;
      context_.visits.release(link_id_);
      if (loaded && tries == claims_max)
        incomplete("not_synced", "the link's history has not been read to its end yet");
      if (ended_) co_return false;
      co_await visit();
      if (ended_) co_return false;
    }
  }

  void check_status() {
    if (record_.status != core::LinkStatus::active)
      incomplete("status", "the link is " + std::string(core::to_string(record_.status)));
  }

  api::Task<void> begin() {
    const bool loaded = co_await load();
    if (!loaded) co_return;
    // Without the upstream clock of the accounts nothing says how old the stored ones are.
    pulls_accounts_ = !record_.accounts_clock && !record_.accounts_forbidden;
    co_await visit();
    if (ended_) co_return;
    const bool claimed = co_await claim_copy();
    if (!claimed) co_return;
    take_record();
    context_.visits.release(link_id_);
  }

  // What the copy was when the reading began.
  void take_record() {
    check_status();
    reads_feed_ = grants_feed();
    reads_accounts_ = !record_.accounts_forbidden;
    if (!reads_feed_ && !reads_accounts_) {
      incomplete(core::to_string(Errc::forbidden), "nothing of the link may be read");
    } else if (reads_feed_ && record_.counts.transactions > core::verify_rows_max) {
      incomplete("too_large", "the link has more transactions than a verify can hold");
    }
    clocks_.before = record_.pending_clock;
    context_.visits.listen(link_id_, news_);
  }

  // ---- upstream's side ----

  // Waits until there is budget to spare. False: the verify has ended.
  api::Task<bool> wait_for_room(Endpoint endpoint, api::SteadyTime give_up_at) {
    for (;;) {
      auto obstacle = context_.visits.obstacle(link_id_);
      if (obstacle) {
        incomplete(*std::move(obstacle));
        co_return false;
      }
      const auto state = co_await boost::asio::this_coro::cancellation_state;
      if (state.cancelled() != boost::asio::cancellation_type::none) {
        incomplete("stopped", "the daemon stops", true);
        co_return false;
      }
      const api::SteadyTime at = available_at(endpoint);
      if (at <= context_.timers.steady_now()) co_return true;
      if (at > give_up_at) {
        incomplete("budget", "the request budget had no room to spare", app_has_no_room(endpoint));
        co_return false;
      }
      co_await context_.timers.sleep_until(at);
    }
  }

  bool app_has_no_room(Endpoint endpoint) {
    const api::SteadyTime at = context_.gate.available_at(endpoint, core::LinkId{}, core::Cause::verify);
    return at > context_.timers.steady_now();
  }

  // Waits until there is budget to spare and nobody visits the link; then it is claimed for one request.
  // False: the verify has ended.
  api::Task<bool> claim_for(Endpoint endpoint) {
    const api::SteadyTime give_up_at = context_.timers.steady_now() + verify_budget_wait_max;
    for (;;) {
      const bool has_room = co_await wait_for_room(endpoint, give_up_at);
      if (!has_room) co_return false;
      auto obstacle = co_await context_.visits.claim(link_id_);
      if (obstacle) {
        incomplete(*std::move(obstacle));
        co_return false;
      }
      if (available_at(endpoint) <= context_.timers.steady_now()) co_return true;
      context_.visits.release(link_id_);
    }
  }

  api::SteadyTime available_at(Endpoint endpoint) {
    return std::max(context_.gate.available_at(endpoint, link_id_, core::Cause::verify), not_before_);
  }

  void request_done() {
    context_.visits.release(link_id_);
    ++report().requests;
    not_before_ = context_.timers.steady_now() + verify_request_gap;
  }

  // False: the answer is about another link, or the link cannot be read now.
  bool accept(const core::LinkObject& link) {
    if (link.link_id != link_id_.str()) {
      incomplete(core::to_string(Errc::protocol), "the answer is about another link");
      return false;
    }
    const core::LinkCondition condition = core::condition_of(link);
    if (condition.health == core::LinkHealth::connected) return true;
    incomplete("status", "upstream calls the link not connected: " + std::string(condition.reason));
    return false;
  }

  api::Task<void> read_feed() {
    while (!reading_.ended()) {
      const bool claimed = co_await claim_for(Endpoint::sync);
      if (!claimed) co_return;
      auto answer =
          co_await context_.upstream.sync_page(link_id_, reading_.cursor(), page_size_, core::Cause::verify);
      request_done();
      if (!answer) {
        if (answer.error().too_large && page_size_ > page_size_min) {
          page_size_ = std::max(page_size_ / 2, page_size_min);
          continue;
        }
        fail(std::move(answer.error()));
        co_return;
      }
      if (!accept((*answer)->link)) co_return;
      auto refusal = reading_.add(**answer, context_.policy);
      if (refusal && refusal->too_large) incomplete("too_large", refusal->message);
      if (refusal) fail(std::move(*refusal));
      if (ended_) co_return;
    }
  }

  api::Task<void> read_accounts() {
    const bool claimed = co_await claim_for(Endpoint::accounts);
    if (!claimed) co_return;
    auto answer = co_await context_.upstream.accounts(link_id_, core::Cause::verify);
    request_done();
    if (!answer) {
      fail(std::move(answer.error()));
      co_return;
    }
    if (accept((*answer)->link)) upstream_accounts_ = std::move(*answer);
  }

  // ---- comparing ----

  // Everything that is stored against everything that was read, while nobody writes.
  api::Task<void> compare() {
    const bool claimed = co_await claim_copy();
    if (!claimed) co_return;
    check_grants();
    if (!ended_ && reads_feed_) {
      co_await compare_rows();
    }
    if (!ended_ && upstream_accounts_) {
      accounts_ = co_await differing_accounts();
    }
    context_.visits.release(link_id_);
  }

  // A feed that was not read must not be compared, nor one that is not visited any more.
  void check_grants() {
    if (grants_feed() != reads_feed_)
      incomplete("moved", "what upstream grants of the link changed while it was read");
  }

  api::Task<void> compare_rows() {
    reading_.begin_comparison();
    std::string after;
    for (bool more = true; more;) {
      core::LookupRequest request;
      request.link_id = link_id_;
      request.stale_below = std::numeric_limits<std::uint32_t>::max();
      request.stale_limit = rows_at_a_time;
      request.stale_after = after;
      auto held = co_await context_.store.lookup(std::move(request));
      if (!held) {
        fail(std::move(held.error()));
        co_return;
      }
      more = false;
      for (const core::StoredTransaction& row : held->transactions) {
        if (!after.empty() && row.transaction_id <= after) continue;
        reading_.compare(row);
        more = true;
      }
      if (more) after = held->transactions.back().transaction_id;
    }
    rows_ = reading_.end_comparison();
    std::ranges::sort(rows_, {}, &Difference::id);
  }

  api::Task<std::vector<Difference>> differing_accounts() {
    core::LookupRequest request;
    request.link_id = link_id_;
    request.accounts = true;
    auto held = co_await context_.store.lookup(std::move(request));
    if (!held) {
      fail(std::move(held.error()));
      co_return std::vector<Difference>();
    }
    co_return core::compare_accounts(upstream_accounts_->accounts, held->accounts);
  }

  // The stored accounts, as of now, are of the same clock as those that were read: what differs is no news.
  // An answer without a clock may be of a server that lags behind.
  bool judges_accounts() const {
    const auto& clock = upstream_accounts_->link.accounts.refreshed_at;
    return clock && clock == record_.accounts_clock && clock == record_.accounts_pulled_clock &&
           clock == news_->accounts_clock();
  }

  // What differs may be news: it counts only if it still differs behind one more ordinary visit, and if it is
  // known that upstream has not changed it while it was read.
  api::Task<void> look_again() {
    co_await visit();
    if (ended_) co_return;
    const bool claimed = co_await claim_copy();
    if (!claimed) co_return;
    check_status();
    check_grants();
    clocks_.after = record_.pending_clock;
    if (!ended_) {
      co_await compare_again();
    }
    context_.visits.release(link_id_);
  }

  api::Task<void> compare_again() {
    std::vector<Difference> still;
    for (std::size_t at = 0; at < rows_.size(); at += rows_at_a_time) {
      const std::size_t end = std::min<std::size_t>(at + rows_at_a_time, rows_.size());
      core::LookupRequest request;
      request.link_id = link_id_;
      for (std::size_t i = at; i < end; ++i)
        request.transaction_ids.push_back(rows_[i].id);
      auto held = co_await context_.store.lookup(std::move(request));
      if (!held) {
        fail(std::move(held.error()));
        co_return;
      }
      for (std::size_t i = at; i < end; ++i)
        judge(rows_[i].id, held->transactions, still);
    }
    rows_ = std::move(still);
    if (accounts_.empty()) co_return;
    const auto after = co_await differing_accounts();
    if (ended_) co_return;
    accounts_ = core::in_both(accounts_, after);
    if (accounts_.empty() || judges_accounts()) co_return;
    accounts_.clear();
    accounts_in_doubt_ = in_doubt_ = true;
  }

  void judge(const std::string& id, const std::vector<core::StoredTransaction>& rows,
             std::vector<Difference>& still) {
    const auto row = std::ranges::lower_bound(rows, id, {}, &core::StoredTransaction::transaction_id);
    const bool held = row != rows.end() && row->transaction_id == id;
    const core::StoredTransaction* const local = held ? &*row : nullptr;
    const auto difference = reading_.judge(id, local);
    if (!difference) return;
    if (reading_.proves(id, local, clocks_, *news_)) {
      still.push_back({*difference, id});
    } else {
      in_doubt_ = true;
    }
  }

  VerifyContext context_;
  const core::LinkId link_id_;
  const api::SteadyTime began_at_;
  std::uint32_t page_size_;
  core::SecondReading reading_;
  std::shared_ptr<const core::AccountsAnswer> upstream_accounts_;
  core::LinkRecord record_;  // as of the last look
  const std::shared_ptr<core::VisitNews> news_ = std::make_shared<core::VisitNews>();
  core::CopyClocks clocks_;
  bool pulls_accounts_ = false;
  bool reads_feed_ = false;
  bool reads_accounts_ = false;
  std::vector<Difference> rows_;      // so far
  std::vector<Difference> accounts_;  // so far
  bool in_doubt_ = false;             // something differs and may be news
  bool accounts_in_doubt_ = false;
  api::SteadyTime& not_before_;
  VerifyOutcome outcome_;
  bool ended_ = false;
};

}  // namespace

api::Task<VerifyOutcome> run_verify(VerifyContext context, core::LinkId link_id,
                                    api::SteadyTime& not_before) {
  Verify verify(context, std::move(link_id), not_before);
  VerifyOutcome outcome = co_await verify.run();
  co_return outcome;
}

}  // namespace syncd::engine
