#include "sync/engine/cycle.hpp"

#include <algorithm>
#include <memory>
#include <utility>

#include "sync/core/classify.hpp"
#include "sync/core/hint.hpp"
#include "sync/core/next_visit.hpp"
#include "sync/core/plan.hpp"
#include "sync/core/redact.hpp"
#include "sync/core/schedule.hpp"
#include "sync/core/step.hpp"

namespace syncd::engine {

namespace {

using core::Endpoint;
using core::Errc;

// For so long a look that found the link connected need not be repeated.
constexpr core::Millis look_holds = std::chrono::minutes(10);

// The fewest rows that a page is asked for when larger ones come out larger than an answer may be.
constexpr std::uint32_t page_size_min = 16;

// The state of one cycle: the record as of the last commit, and the report that grows.
class Cycle {
 public:
  Cycle(CycleContext context, core::LinkRecord record, core::Cause cause)
      : context_(context),
        record_(std::move(record)),
        cause_(cause),
        began_at_(context.timers.steady_now()),
        retry_refused_(may_retry_refused()),
        page_size_(context.policy.page_size) {
    report().link_id = record_.link_id;
    report().cause = cause;
    report().status_before = record_.status;
    seen_ = core::SeenRows::for_first_drain(record_);
  }

  api::Task<CycleOutcome> run() {
    if (look_first()) {
      co_await look();
    } else if (peeks_first()) {
      co_await peek();
    }
    if (!ended_ && record_.status == core::LinkStatus::relink) {
      co_await remember();
    }
    if (!ended_ && reads_transactions()) {
      co_await drain();
    }
    if (!ended_ && accounts_next()) {
      co_await pull_accounts();
    }
    if (comparison_due()) {
      co_await compare_with_before();
    }
    conclude();
    co_return std::move(outcome_);
  }

 private:
  core::CycleReport& report() { return outcome_.report; }

  void end(CycleEnd how) {
    ended_ = true;
    report().yielded = how == CycleEnd::yielded || how == CycleEnd::held_back;
    outcome_.end = how;
  }

  void conclude() {
    report().institution_id = record_.institution_id;
    report().provider = record_.provider;
    report().status_after = record_.status;
    report().arm = core::arm_of(core::stable_hash(record_.link_id.str()), context_.policy.control_share);
    if (!report().next_due_at.time_since_epoch().count()) report().next_due_at = record_.next_due_at;
    report().duration = context_.timers.steady_now() - began_at_;
    if (record_.last_success_at != core::WallTime{}) outcome_.last_success_at = record_.last_success_at;
    outcome_.upstream_clock = core::upstream_clock_of(record_);
    outcome_.fetched_at = record_.freshness.fetched_at;
  }

  // A link that waits for its owner, or is not connected yet, is asked for its state before its data: that
  // budget is larger, and some states forbid data calls.
  bool look_first() const {
    const bool never_ready =
        record_.upstream_state == "connecting" || record_.upstream_state == "awaiting_token_exchange";
    return (record_.status == core::LinkStatus::relink && !just_looked()) || never_ready;
  }

  // The visit was planned so, and nobody asks for more. Who listens to a visit wants its pages.
  bool peeks_first() const {
    const bool plain = cause_ == core::Cause::schedule && record_.status == core::LinkStatus::active;
    const bool open = record_.drain.open || record_.resync || record_.repairing;
    const bool wanted = context_.pull_accounts || context_.news || context_.hint != 0;
    if (context_.planner == nullptr || !record_.freshness.peek_next || !plain || open || wanted) return false;
    return core::may_peek(record_.freshness.fetched_at, context_.planner->max_interval(),
                          context_.timers.wall_now());
  }

  // The look before this visit found the link connected, but then nobody might drain. Looking again would
  // lose the race for the budget again, and again.
  bool just_looked() const {
    const core::Millis ago = context_.timers.wall_now() - record_.last_attempt_at;
    return record_.upstream_state == "connected" && ago >= core::Millis(0) && ago < look_holds;
  }

  // A refused product is tried again when its time has come, and whenever somebody asks for it. A blocked
  // link is visited for nothing else.
  bool may_retry_refused() const {
    const core::Millis left = record_.refused_retry_at - context_.timers.wall_now();
    // Nothing is put off for longer: a later time was noted by a clock that was wrong.
    const bool passed = left <= core::Millis(0) || left > context_.policy.max_interval;
    return cause_ == core::Cause::manual || passed || record_.status == core::LinkStatus::blocked;
  }

  // Its owner has reconnected the link, and what is stored of it is as it was before.
  api::Task<void> remember() {
    if (context_.continuity == nullptr) co_return;
    core::LinkId link_id = record_.link_id;
    co_await context_.continuity->remember(std::move(link_id), record_.counts.transactions);
  }

  // Also at a later visit, where the one that ended the wait was cut short.
  bool comparison_due() const {
    const bool knows_record = !ended_ || outcome_.end == CycleEnd::finished ||
                              outcome_.end == CycleEnd::yielded || outcome_.end == CycleEnd::held_back;
    return context_.continuity != nullptr && knows_record && record_.status != core::LinkStatus::relink &&
           context_.continuity->awaits(record_.link_id);
  }

  api::Task<void> compare_with_before() {
    core::LinkId link_id = record_.link_id;
    co_await context_.continuity->conclude(std::move(link_id));
  }

  bool reads_transactions() const {
    return record_.has_transactions_product && (!record_.transactions_forbidden || retry_refused_);
  }

  bool accounts_next() const {
    const bool accounts_only = !record_.has_transactions_product || record_.transactions_forbidden;
    const bool wanted = context_.pull_accounts && outcome_.report.drained && !record_.accounts_forbidden;
    return accounts_next_ || accounts_only || wanted;
  }

  bool on_hold() const { return context_.on_hold != nullptr && *context_.on_hold; }

  // True when the request would wait too long or cycles are held; the link comes back when it need not.
  bool yields(Endpoint endpoint) {
    const api::SteadyTime now = context_.timers.steady_now();
    if (on_hold()) {
      report().next_due_at = context_.timers.wall_now();
      return true;
    }
    const api::SteadyTime at = context_.gate.available_at(endpoint, record_.link_id, cause_);
    if (at <= now + wait_in_worker_max) return false;
    report().next_due_at = context_.timers.wall_now() + (at - now);
    return true;
  }

  // It is not this link that must wait, and nothing was done for it yet.
  bool nobody_drains(std::uint32_t pages) {
    if (pages > 0) return false;
    if (on_hold()) return true;
    const api::SteadyTime at = context_.gate.available_at(Endpoint::sync, core::LinkId{}, cause_);
    return at > context_.timers.steady_now() + wait_in_worker_max;
  }

  core::StepInput input(std::shared_ptr<const core::Held> held) {
    return {.record = record_,
            .held = std::move(held),
            .now = context_.timers.wall_now(),
            .policy = context_.policy,
            .cause = cause_,
            .recent_sends = context_.gate.recent_sends(record_.link_id),
            .entropy = context_.timers.random(),
            .retry_refused = retry_refused_};
  }

  // Reads what the step must see. Ends the cycle on failure (then null).
  api::Task<std::shared_ptr<const core::Held>> lookup(core::LookupRequest request) {
    const bool nothing_needed = request.transaction_ids.empty() && !request.pending && !request.staged &&
                                !request.accounts && !request.relink && request.stale_below == 0;
    if (nothing_needed) co_return std::make_shared<const core::Held>();
    auto held = co_await context_.store.lookup(std::move(request));
    if (!held) {
      fail(held.error());
      co_return nullptr;
    }
    co_return std::make_shared<const core::Held>(std::move(*held));
  }

  // Commits and, on success, makes the update's record the current one. False: the cycle has ended.
  api::Task<bool> commit(core::LinkUpdate update) {
    const core::WallTime at = update.at;
    if (context_.planner != nullptr) {
      const bool changed = core::brought_change(outcome_.report) || !update.changes.empty();
      core::plan_next_visit(*context_.planner, context_.policy, record_, changed, update);
    }
    if (!core::visited_by_schedule(update.record.status)) answer_hint(update);
    core::LinkRecord committed = update.record;
    const Noted noted = note(update);
    const bool looked = update.looked;
    const auto result = co_await context_.store.commit(std::move(update));
    if (!result) {
      fail(result.error());
      co_return false;
    }
    add(noted);
    if (looked) report().refreshed_at = core::upstream_clock_of(committed);
    outcome_.hint_answered |= std::exchange(answers_hint_, false);
    note_visibility(committed, at);
    record_ = std::move(committed);
    co_return true;
  }

  // The last commit of what the hint was about: behind it a crash need not repeat the visit.
  void answer_hint(core::LinkUpdate& update) {
    if (context_.hint == 0 || outcome_.hint_answered || answers_hint_) return;
    update.notes.push_back({core::hint_note(record_.link_id, context_.hint), std::nullopt});
    answers_hint_ = true;
  }

  // What an update will have done once it is committed.
  struct Noted {
    std::uint32_t created = 0, updated = 0, removed = 0, accounts = 0;
    bool dead_letter = false, resync_started = false, relink_opened = false, relink_resolved = false;
  };

  Noted note(const core::LinkUpdate& update) const {
    Noted noted{.created = update.created,
                .updated = update.updated,
                .removed = update.removed,
                .dead_letter = update.dead_letter.has_value(),
                .resync_started = update.record.resync && !record_.resync};
    for (const core::Change& change : update.changes) {
      using enum core::ChangeKind;
      noted.relink_opened |= change.kind == relink_opened;
      noted.relink_resolved |= change.kind == relink_resolved;
      const bool account = change.kind == account_created || change.kind == account_updated ||
                           change.kind == account_gone || change.kind == account_returned;
      noted.accounts += account ? 1 : 0;
    }
    return noted;
  }

  void add(const Noted& noted) {
    report().created += noted.created;
    report().updated += noted.updated;
    report().removed += noted.removed;
    report().account_changes += noted.accounts;
    report().dead_letter |= noted.dead_letter;
    report().resync_started |= noted.resync_started;
    report().relink_opened |= noted.relink_opened;
    report().relink_resolved |= noted.relink_resolved;
  }

  // Our delay: from upstream's refresh to the commit of the last page that it brought. The pending set's
  // clock is that of the last drain that ended: the link's own one may be ahead of the rows, behind a look.
  // What a first drain or a resync reads is history, and says nothing about how late we are.
  void note_visibility(const core::LinkRecord& committed, core::WallTime at) {
    const bool reads_history = record_.last_success_at == core::WallTime{} || record_.resync;
    const auto& clock = committed.pending_clock;
    const bool advanced = clock && record_.pending_clock && *clock > *record_.pending_clock;
    if (advanced && !reads_history)
      report().visibility_delay = std::chrono::duration_cast<core::Millis>(at - *clock);
  }

  // A failure that is nobody's record: the cycle ends and the scheduler decides.
  void fail(const core::Error& error) {
    report().error = error;
    switch (error.code) {
      case Errc::cancelled:
        end(CycleEnd::stopped);
        return;
      case Errc::auth:
        end(CycleEnd::auth);
        return;
      case Errc::conflict:
        end(CycleEnd::conflict);
        return;
      default:
        end(CycleEnd::storage);
        return;
    }
  }

  static bool recorded(const core::Error& error) {
    return error.code != Errc::cancelled && error.code != Errc::auth && error.code != Errc::storage;
  }

  // A failed poll is a result: it is committed like any other. Returns true when the cycle goes on (a
  // resync).
  api::Task<bool> record_failure(core::Error error, Endpoint endpoint) {
    if (!recorded(error)) {
      fail(error);
      co_return false;
    }
    auto held = co_await lookup(core::plan_lookup(record_));
    if (!held) co_return false;
    core::StepInput step = input(std::move(held));
    core::LinkUpdate update = core::step_error(step, error, endpoint);
    const bool more = update.more;
    accounts_next_ = update.accounts_next;
    const bool committed = co_await commit(std::move(update));
    if (!committed) co_return false;
    if (more) co_return true;
    // The refusal of one product is not the end: the accounts may be granted.
    if (!accounts_next_) {
      report().error = std::move(error);
      end(CycleEnd::finished);
    }
    co_return false;
  }

  // What a doubtful refusal means now that the link object has said that the link is connected.
  core::Error beside_a_live_link(core::Error error, Endpoint endpoint) const {
    const bool feed = endpoint == Endpoint::sync;
    if (error.code == Errc::gone) {
      error.code = feed && record_.cursor ? Errc::cursor_rejected : Errc::protocol;
      error.message = feed ? "the transaction feed is not found though the link exists"
                           : "the accounts are not found though the link exists";
    }
    if (error.code == Errc::cursor_rejected && !record_.cursor) error.code = Errc::protocol;
    return error;
  }

  // The link object; null: the cycle has ended.
  api::Task<std::shared_ptr<const core::LinkAnswer>> ask_for_link() {
    if (context_.stopping) {
      end(CycleEnd::stopped);
      co_return nullptr;
    }
    if (yields(Endpoint::link)) {
      end(CycleEnd::yielded);
      co_return nullptr;
    }
    auto answer = co_await context_.upstream.link(record_.link_id, cause_);
    if (answer && (*answer)->link.link_id != record_.link_id.str()) answer = wrong_link((*answer)->body);
    if (!answer) {
      co_await record_failure(std::move(answer.error()), Endpoint::link);
      co_return nullptr;
    }
    report().unknown_values += (*answer)->unknown_values;
    co_return std::move(*answer);
  }

  using LookStep = core::LinkUpdate (*)(const core::StepInput&, std::shared_ptr<const core::LinkAnswer>);

  // The cycle goes on behind it when the step says that the feed is to be asked.
  api::Task<void> look(LookStep step_of = &core::step_link) {
    const std::shared_ptr<const core::LinkAnswer> answer = co_await ask_for_link();
    if (!answer) co_return;
    auto held = co_await lookup(core::plan_lookup(record_, *answer));
    if (!held) co_return;
    core::StepInput step = input(std::move(held));
    core::LinkUpdate update = step_of(step, answer);
    const bool more = update.more;
    if (!more) answer_hint(update);
    const bool committed = co_await commit(std::move(update));
    if (committed && !more) {
      note_condition();
      end(CycleEnd::finished);
    }
  }

  // Asks whether upstream has anything new.
  api::Task<void> peek() {
    report().peeked = true;  // also one that the budget turns away
    co_await look(&core::step_peek);
  }

  static std::unexpected<core::Error> wrong_link(const std::string& body) {
    core::Error error{
        .code = Errc::protocol, .message = "the answer is about another link", .http_status = 200};
    return std::unexpected(core::with_evidence(std::move(error), body));
  }

  api::Task<void> drain() {
    for (std::uint32_t page_count = 0; page_count < context_.policy.cycle_pages_max; ++page_count) {
      if (context_.stopping) {
        end(CycleEnd::stopped);
        co_return;
      }
      if (yields(Endpoint::sync)) {
        end(nobody_drains(page_count) ? CycleEnd::held_back : CycleEnd::yielded);
        co_return;
      }
      const bool more = co_await one_page();
      if (ended_ || !more) co_return;
    }
    report().next_due_at = context_.timers.wall_now();
    end(CycleEnd::yielded);
  }

  // Fetches, decides and commits one page. True: there is another.
  api::Task<bool> one_page() {
    auto answer = co_await context_.upstream.sync_page(record_.link_id, record_.cursor, page_size_, cause_);
    if (answer) {
      auto refusal = core::check_page(record_, **answer, context_.policy);
      if (refusal) answer = std::unexpected(std::move(*refusal));
    }
    if (!answer) {
      const bool again = co_await failed_page(std::move(answer.error()));
      co_return again;
    }
    const std::shared_ptr<const core::Page> page = std::move(*answer);
    auto held = co_await lookup(core::plan_lookup(record_, *page, seen_ ? &*seen_ : nullptr));
    if (!held) co_return false;
    if (context_.news) context_.news->add(record_, *page);
    core::StepInput step = input(std::move(held));
    core::LinkUpdate update = core::step_page(step, page);
    const bool more = update.more;
    accounts_next_ = update.accounts_next;
    if (!more) answer_hint(update);
    const bool committed = co_await commit(std::move(update));
    if (!committed) co_return false;
    if (seen_) seen_->add(*page);
    ++report().pages;
    report().unknown_values += page->unknown_values;
    if (!more) note_condition();
    // Data that the link calls unreadable was not taken, and its other data must not be asked for.
    if (!core::condition_of(page->link).data_readable) {
      end(CycleEnd::finished);
      co_return false;
    }
    report().drained = !page->has_more;
    co_return more;
  }

  // The rest of the cycle asks for smaller pages. False: they cannot be smaller.
  bool reduce_page_size() {
    if (page_size_ <= page_size_min) return false;
    page_size_ = std::max(page_size_ / 2, page_size_min);
    return true;
  }

  // True: the feed is to be asked again, for less or from the start.
  api::Task<bool> failed_page(core::Error error) {
    if (error.too_large && reduce_page_size()) co_return true;
    if (core::is_doubtful(error)) {
      co_await look();
      if (ended_) co_return false;
      error = beside_a_live_link(std::move(error), Endpoint::sync);
    }
    seen_.reset();
    const bool again = co_await record_failure(std::move(error), Endpoint::sync);
    co_return again;
  }

  // A link that answered but says of itself that it is not usable: the report carries that as the outcome.
  void note_condition() {
    if (!record_.last_error || record_.last_error->at != record_.last_attempt_at) return;
    report().error = core::Error{.code = record_.last_error->code,
                                 .message = record_.last_error->message,
                                 .http_status = record_.last_error->http_status,
                                 .api_code = record_.last_error->api_code};
  }

  api::Task<void> pull_accounts() {
    if (context_.stopping) {
      end(CycleEnd::stopped);
      co_return;
    }
    if (yields(Endpoint::accounts)) {
      end(CycleEnd::yielded);
      co_return;
    }
    auto answer = co_await context_.upstream.accounts(record_.link_id, cause_);
    if (answer && (*answer)->link.link_id != record_.link_id.str()) answer = wrong_link((*answer)->body);
    if (!answer) {
      co_await failed_accounts(std::move(answer.error()));
      co_return;
    }
    report().unknown_values += (*answer)->unknown_values;
    auto held = co_await lookup(core::plan_lookup(record_, **answer));
    if (!held) co_return;
    core::StepInput step = input(std::move(held));
    core::LinkUpdate update = core::step_accounts(step, *answer);
    answer_hint(update);
    const bool committed = co_await commit(std::move(update));
    if (committed) note_condition();
  }

  api::Task<void> failed_accounts(core::Error error) {
    if (core::is_doubtful(error)) {
      co_await look();
      if (ended_) co_return;
      error = beside_a_live_link(std::move(error), Endpoint::accounts);
    }
    co_await record_failure(std::move(error), Endpoint::accounts);
  }

  CycleContext context_;
  core::LinkRecord record_;
  core::Cause cause_;
  api::SteadyTime began_at_;
  const bool retry_refused_;
  std::uint32_t page_size_;  // rows to ask for
  std::optional<core::SeenRows> seen_;
  CycleOutcome outcome_;
  bool ended_ = false;
  bool accounts_next_ = false;
  bool answers_hint_ = false;  // the commit under way
};

}  // namespace

api::Task<CycleOutcome> run_cycle(CycleContext context, core::LinkId link_id, core::Cause cause) {
  CycleOutcome outcome;
  outcome.report.link_id = link_id;
  outcome.report.cause = cause;
  auto loaded = co_await context.store.load(link_id);
  if (!loaded) {
    outcome.end = CycleEnd::storage;
    outcome.report.error = loaded.error();
    co_return outcome;
  }
  if (!*loaded) {
    outcome.end = CycleEnd::missing;
    co_return outcome;
  }
  core::LinkRecord record = std::move(**loaded);
  if (!core::visited_by_schedule(record.status)) {
    outcome.end = CycleEnd::not_active;
    outcome.report.status_before = record.status;
    outcome.report.status_after = record.status;
    co_return outcome;
  }
  Cycle cycle(context, std::move(record), cause);
  outcome = co_await cycle.run();
  co_return outcome;
}

}  // namespace syncd::engine
