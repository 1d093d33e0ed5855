#include "sync/core/step.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

#include "sync/core/classify.hpp"
#include "sync/core/diff.hpp"
#include "sync/core/plan.hpp"
#include "sync/core/schedule.hpp"
#include "sync/core/step_parts.hpp"

namespace syncd::core {

namespace {

constexpr std::size_t cursor_hashes_max = 16;
constexpr Millis day = std::chrono::hours(24);

// Whether so much time has passed. What was noted in the future was noted by a clock that was wrong, and
// would otherwise not pass for as long as that clock was ahead.
bool has_passed(WallTime since, Millis span, WallTime now) {
  return since > now || now - since >= span;
}

Millis scaled(Millis base, const Policy& policy) {
  return std::min(base, policy.interval);
}

Millis longest_backoff(const Policy& policy) {
  return std::min(policy.backoff_max, policy.max_interval);
}

void take_link(const LinkObject& link, LinkUpdate& update) {
  LinkRecord& record = update.record;
  record.institution_id = link.institution_id;
  record.provider = link.provider;
  record.upstream_state = link.state;
  record.upstream_error_code = link.error_code;
  const Digest digest = digest_of(link.json);
  if (digest != record.link_digest) update.link_object = link.json;
  record.link_digest = digest;
  // A link that names no products at all has not told us that transactions are missing, and one whose feed
  // has answered has them, whatever it names.
  const bool fed = record.cursor || record.resync;
  record.has_transactions_product = link.transactions.granted || !link.accounts.granted || fed;
  if (link.transactions.refreshed_at) record.transactions_clock = link.transactions.refreshed_at;
  if (link.accounts.refreshed_at) record.accounts_clock = link.accounts.refreshed_at;
  record.freshness.has_webhook = link.has_webhook;
  record.freshness.looked_at = update.at;
  update.looked = true;
}

// What an entry tells of its link, and what it was opened for.
void fill_entry(const StepInput& input, std::string_view reason, const LinkUpdate& update,
                RelinkEntry& entry) {
  entry.link_id = input.record.link_id;
  entry.status = RelinkStatus::open;
  entry.reason = reason;
  entry.institution_id = update.record.institution_id;
  entry.provider = update.record.provider;
  entry.customer_user_id = update.record.customer_user_id;
  entry.opened_at = input.now;
  entry.resolved_at = WallTime{};
  entry.resolved_by.clear();
  entry.assignee.clear();
  entry.session.reset();
  entry.last_success_at = input.record.last_success_at;
}

void open_relink(const StepInput& input, std::string_view reason, LinkUpdate& update) {
  update.record.status = LinkStatus::relink;
  const std::optional<RelinkEntry>& held = input.held->relink;
  // Who dismissed an entry has seen this wait for this reason: only another one is news.
  const bool told = relink_waits(input) && held->reason == reason;
  if (told) return;
  RelinkEntry entry = held ? *held : RelinkEntry{};
  if (held) ++entry.version;
  if (held && is_live(held->status)) {
    // Another reason for the same wait: the entry stays, its version moves.
    entry.reason = reason;
    note_event(entry, {input.now, RelinkEventKind::reason_changed, {}, std::string(reason)});
    update.relink = std::move(entry);
    return;
  }
  if (held) ++entry.reopened;
  fill_entry(input, reason, update, entry);
  const auto kind = held ? RelinkEventKind::reopened : RelinkEventKind::opened;
  note_event(entry, {input.now, kind, {}, std::string(reason)});
  update.changes.push_back(
      {ChangeKind::relink_opened, link_id_text(update), {}, keep_text(update, to_json(entry))});
  update.relink = std::move(entry);
}

// A dismissed entry is closed for the feed already; what is left to tell is how the wait ended.
void resolve_relink(const StepInput& input, std::string_view how, LinkUpdate& update) {
  if (!relink_waits(input)) return;
  const RelinkEntry& held = *input.held->relink;
  RelinkEntry entry = held;
  entry.status = RelinkStatus::resolved;
  entry.resolved_at = input.now;
  entry.resolved_by = how;
  ++entry.version;
  note_event(entry, {input.now, RelinkEventKind::resolved, {}, std::string(how)});
  if (is_live(held.status)) {
    update.changes.push_back({ChangeKind::relink_resolved, link_id_text(update),
                              keep_text(update, to_json(held)), keep_text(update, to_json(entry))});
  }
  update.relink = std::move(entry);
}

void note_error(const StepInput& input, Errc code, int http_status, std::string_view api_code,
                std::string message, LinkUpdate& update) {
  update.record.last_error = ErrorNote{.code = code,
                                       .http_status = http_status,
                                       .api_code = std::string(api_code),
                                       .message = std::move(message),
                                       .at = input.now};
}

// A link that waits for its owner keeps that status, whatever else goes wrong with it meanwhile.
void set_status_unless_relink(LinkRecord& record, LinkStatus status) {
  if (record.status != LinkStatus::relink) record.status = status;
}

void retire(const StepInput& input, LinkUpdate& update) {
  resolve_relink(input, "gone", update);
  update.record.status = LinkStatus::gone;
  update.record.drain = {};
  update.staged_clear = input.record.drain.staged > 0;
  update.more = false;
}

// The pages of one drain all tell the link's condition: only the first of them counts as a visit.
bool told_by_this_drain(const StepInput& input, std::string_view reason) {
  const LinkRecord& record = input.record;
  return record.drain.open && record.last_error && record.last_error->api_code == reason;
}

void wait_for_owner(const StepInput& input, std::string_view reason, bool told, LinkUpdate& update) {
  LinkRecord& record = update.record;
  const bool was_waiting = input.record.status == LinkStatus::relink;
  const std::uint32_t counted = told ? 0 : 1;
  open_relink(input, reason, update);
  record.failures = was_waiting ? input.record.failures + counted : 0;
  record.next_due_at = input.now + slow_look(scaled(input.policy.probe_base, input.policy),
                                             input.policy.max_interval, record.failures, input.entropy);
}

void wait_for_upstream(const StepInput& input, bool told, LinkUpdate& update) {
  LinkRecord& record = update.record;
  const bool counted = input.record.failures > 0 && told;
  const std::uint32_t looks = counted ? input.record.failures - 1 : input.record.failures;
  set_status_unless_relink(record, LinkStatus::backoff);
  record.next_due_at = input.now + slow_look(scaled(input.policy.outage_base, input.policy),
                                             longest_backoff(input.policy), looks, input.entropy);
  record.failures = looks + 1;
}

void block(const StepInput& input, LinkUpdate& update) {
  set_status_unless_relink(update.record, LinkStatus::blocked);
  update.record.failures = input.record.failures + 1;
  update.record.next_due_at =
      input.now + slow_look(input.policy.max_interval, input.policy.max_interval, 0, input.entropy);
}

// The level that the link itself reports, when it is anything but connected. Data that came with it was
// applied where it is readable. `told`: an earlier page of the same drain has said so.
void apply_condition(const StepInput& input, const LinkCondition& condition, bool told, LinkUpdate& update) {
  const std::string_view reason = condition.reason;
  const auto note = [&](Errc code, std::string message) {
    note_error(input, code, 200, reason, std::move(message), update);
  };
  switch (condition.health) {
    case LinkHealth::connected:
      return;
    case LinkHealth::needs_owner:
      note(Errc::relink_required, "the link's owner must reconnect it");
      wait_for_owner(input, reason, told, update);
      return;
    case LinkHealth::outage:
      note(Errc::upstream_state, condition.known ? "upstream cannot refresh the link now"
                                                 : "the link is in a state this version does not know");
      wait_for_upstream(input, told, update);
      return;
    case LinkHealth::not_ready:
      note(Errc::upstream_state, "the link is not connected yet");
      wait_for_upstream(input, told, update);
      return;
    case LinkHealth::unsupported:
      note(Errc::forbidden, "the link has no account that could be read");
      block(input, update);
      return;
    case LinkHealth::deleted:
      note(Errc::gone, "the link was deleted upstream");
      retire(input, update);
      return;
  }
}

bool accounts_due(const StepInput& input, const LinkRecord& record) {
  if (record.accounts_forbidden) return input.retry_refused;
  if (record.accounts_wanted) return true;
  if (record.accounts_clock && record.accounts_clock > record.accounts_pulled_clock) return true;
  return has_passed(record.accounts_pulled_at, input.policy.accounts_interval, input.now);
}

// The turn of the uniform policy; the adaptive one puts its own time in its place (plan_next_visit).
void wait_for_turn(const StepInput& input, LinkUpdate& update) {
  update.record.next_due_at = next_scheduled(update.record.link_id, input.now, input.policy);
  update.record.freshness.peek_next = false;
  update.record.freshness.reason = VisitReason::turn;
  update.waits = true;
}

// The link is connected and everything upstream had to say is stored.
void succeed(const StepInput& input, LinkUpdate& update) {
  LinkRecord& record = update.record;
  resolve_relink(input, "reconnected", update);
  record.status = LinkStatus::active;
  record.failures = 0;
  record.protocol_failures = 0;
  record.accounts_failing = false;
  record.last_error.reset();
  record.last_success_at = input.now;
  wait_for_turn(input, update);
}

// The feed answered, the accounts are still to be asked. What failed with them is forgotten only when they
// answer too: otherwise a link whose accounts alone fail would be new to failing at each visit, asked again
// within the minute, and change its status twice each time.
void keep_failing(const StepInput& input, LinkUpdate& update) {
  const LinkStatus before = input.record.status;
  const bool failing =
      before == LinkStatus::backoff || before == LinkStatus::quarantined || before == LinkStatus::blocked;
  if (!failing || !input.record.accounts_failing) return;
  LinkRecord& record = update.record;
  record.accounts_failing = true;
  record.status = before;
  record.failures = input.record.failures;
  record.protocol_failures = input.record.protocol_failures;
  record.last_error = input.record.last_error;
}

void move_drain(const StepInput& input, const Page& page, LinkUpdate& update) {
  LinkRecord& record = update.record;
  if (!page.next.empty()) record.cursor = Cursor{std::string(page.next)};
  if (!page.has_more) {
    record.drain = {};
    record.resync = false;
    return;
  }
  DrainState& drain = record.drain;
  if (!drain.open && input.record.cursor)
    drain.cursor_hashes.push_back(stable_hash(input.record.cursor->text));
  drain.open = true;
  ++drain.pages;
  const bool idle = update.changes.empty() && update.staged_puts.empty() && !record.resync;
  drain.idle_pages = idle ? drain.idle_pages + 1 : 0;
  drain.clock = drain_clock(input.record, page);
  drain.cursor_hashes.push_back(stable_hash(page.next));
  if (drain.cursor_hashes.size() > cursor_hashes_max) drain.cursor_hashes.erase(drain.cursor_hashes.begin());
}

// Starts the history over: everything held stays visible until the replay ends and the differences are known.
void start_resync(const StepInput& input, LinkUpdate& update) {
  LinkRecord& record = update.record;
  const bool new_window = has_passed(record.resync_started_at, day, input.now);
  record.resyncs_in_window = new_window ? 1 : record.resyncs_in_window + 1;
  if (new_window) record.resync_started_at = input.now;
  begin_replay(input, update);
  update.more = true;
}

bool may_resync(const StepInput& input) {
  const LinkRecord& record = input.record;
  const bool new_window = has_passed(record.resync_started_at, day, input.now);
  return record.cursor && (new_window || record.resyncs_in_window < input.policy.resyncs_per_day_max);
}

void fail_protocol(const StepInput& input, const Error& error, Endpoint endpoint, LinkUpdate& update) {
  LinkRecord& record = update.record;
  record.failures = input.record.failures + 1;
  ++record.protocol_failures;
  // A drain that was taken for endless gets its bounds anew at the next try: it may only have been long.
  record.drain.pages = 0;
  record.drain.idle_pages = 0;
  if (record.protocol_failures < input.policy.protocol_failures_max) {
    set_status_unless_relink(record, LinkStatus::backoff);
    record.next_due_at =
        input.now + full_jitter(scaled(input.policy.backoff_base, input.policy),
                                longest_backoff(input.policy), input.record.failures, input.entropy);
    return;
  }
  set_status_unless_relink(record, LinkStatus::quarantined);
  record.next_due_at =
      input.now + slow_look(input.policy.max_interval, input.policy.max_interval, 0, input.entropy);
  update.dead_letter = DeadLetter{.link_id = record.link_id,
                                  .endpoint = endpoint,
                                  .at = input.now,
                                  .reason = error.message,
                                  .body_bytes = error.body_bytes,
                                  .body_digest = error.body_digest};
  if (input.policy.keep_redacted_bodies) update.dead_letter->redacted_body = error.redacted_body;
}

void back_off(const StepInput& input, const Error& error, LinkUpdate& update) {
  LinkRecord& record = update.record;
  if (record.status == LinkStatus::active) record.status = LinkStatus::backoff;
  Millis delay = full_jitter(scaled(input.policy.backoff_base, input.policy), longest_backoff(input.policy),
                             input.record.failures, input.entropy);
  if (error.retry_after) delay = std::max(delay, std::min(*error.retry_after, input.policy.max_interval));
  record.failures = input.record.failures + 1;
  record.next_due_at = input.now + delay;
}

void wait_for_window(const StepInput& input, const Error& error, LinkUpdate& update) {
  const Millis window =
      std::clamp(error.retry_after.value_or(retry_after_default), retry_after_min, retry_after_max);
  const Millis spread = window / 10 + Millis(1);
  update.record.next_due_at =
      input.now + window +
      Millis(static_cast<std::int64_t>(input.entropy % static_cast<std::uint64_t>(spread.count())));
}

bool reads_transactions(const LinkRecord& record) {
  return record.has_transactions_product && !record.transactions_forbidden;
}

// The feed has answered in this cycle and the accounts are refused: they alone are off.
void go_on_without_accounts(const StepInput& input, LinkUpdate& update) {
  LinkRecord& record = update.record;
  const bool well = record.upstream_state == "connected" && record.status != LinkStatus::relink;
  if (well && !record.drain.open) {
    succeed(input, update);
  } else {  // the link's own trouble is what matters
    record.last_error = input.record.last_error;
    record.accounts_failing = false;
  }
}

// Nothing of the link is ours to read. When it has just been seen connected its owner has done their part:
// there is nothing left that the entry could wait for.
void refuse_link(const StepInput& input, const Error& error, Endpoint endpoint, LinkUpdate& update) {
  const bool refused = error.http_status == 401 || error.http_status == 403;
  const bool connected = endpoint != Endpoint::link && update.record.upstream_state == "connected";
  if (refused && connected && relink_waits(input)) {
    resolve_relink(input, "reconnected", update);
    update.record.status = LinkStatus::blocked;
  }
  block(input, update);
}

// Either product may be refused while the other is granted: only both together block the link.
void refuse_access(const StepInput& input, const Error& error, Endpoint endpoint, LinkUpdate& update) {
  LinkRecord& record = update.record;
  const bool product = error.http_status == 403;
  if (product && (endpoint == Endpoint::sync || endpoint == Endpoint::accounts))
    record.refused_retry_at = input.now + std::min(day, input.policy.max_interval);
  if (product && endpoint == Endpoint::sync) {
    record.transactions_forbidden = true;
    if (!record.accounts_forbidden || input.retry_refused) {
      record.next_due_at = input.now;
      update.accounts_next = true;
      return;
    }
  }
  if (product && endpoint == Endpoint::accounts) {
    record.accounts_forbidden = true;
    if (!record.resync) record.repairing = false;  // what is refused cannot be repaired
    if (reads_transactions(record)) return go_on_without_accounts(input, update);
  }
  refuse_link(input, error, endpoint, update);
}

// What has come so far ends a row of failures, as far as that was about the feed. Pages that bring nothing
// and promise more do not: a drain that never ends is a failure, too.
bool progresses(const StepInput& input, const Page& page, const LinkUpdate& update) {
  const bool brings =
      !update.changes.empty() || !update.transaction_puts.empty() || !update.staged_puts.empty();
  return (brings || !page.has_more) && !input.record.accounts_failing;
}

// Upstream has refreshed a product since it was last seen, or its opinion of the link is another one.
bool shows_news(const LinkRecord& record, const LinkObject& link) {
  const auto advanced = [](const std::optional<UpstreamTime>& shown,
                           const std::optional<UpstreamTime>& known) {
    return shown && (!known || *shown > *known);
  };
  return advanced(link.transactions.refreshed_at, record.transactions_clock) ||
         advanced(link.accounts.refreshed_at, record.accounts_clock) || link.state != record.upstream_state ||
         link.error_code != record.upstream_error_code;
}

// A server that lags behind shows accounts of before the last whole pull.
bool shows_older_accounts(const LinkRecord& record, const Page& page) {
  const std::optional<UpstreamTime>& clock = page.link.accounts.refreshed_at;
  return clock && clock < record.accounts_pulled_clock;
}

// The rows of a page, the cursor behind them, and what follows from the link's condition.
void take_page(const StepInput& input, const Page& page, const LinkCondition& condition, LinkUpdate& update) {
  LinkRecord& record = update.record;
  if (page.accounts_present && !shows_older_accounts(input.record, page)) {
    if (page.accounts_digest != input.record.accounts_digest)
      diff_accounts(input, page.accounts, false, update);
    record.accounts_digest = page.accounts_digest;
  }
  if (names_unknown_account(input, page)) record.accounts_wanted = true;
  diff_transactions(input, page, update);
  move_drain(input, page, update);
  update.more = page.has_more;
  record.transactions_forbidden = false;
  const bool progress = progresses(input, page, update);
  if (progress) record.protocol_failures = 0;

  const bool connected = condition.health == LinkHealth::connected;
  apply_condition(input, condition, told_by_this_drain(input, condition.reason), update);
  if (!connected) {
    if (update.more) record.next_due_at = input.now;
  } else if (page.has_more) {
    if (progress) record.failures = 0;
    record.next_due_at = input.now;
  } else {
    succeed(input, update);
    update.fetched = true;
  }
  const bool readable = condition.health != LinkHealth::unsupported;
  update.accounts_next = !update.more && readable && accounts_due(input, record);
  if (update.accounts_next && connected) keep_failing(input, update);
  // The accounts that a repair asks for belong to it, too.
  if (!record.resync && !update.accounts_next) record.repairing = false;
}

void take_accounts(const StepInput& input, const AccountsAnswer& answer, LinkUpdate& update) {
  LinkRecord& record = update.record;
  diff_accounts(input, answer.accounts, true, update);
  record.accounts_pulled_at = input.now;
  // As far as known: an accounts answer may leave out the clock that sync answers show.
  record.accounts_pulled_clock = record.accounts_clock;
  record.accounts_wanted = false;
  record.accounts_forbidden = false;
  record.accounts_failing = false;
  if (!record.resync) record.repairing = false;
  // The embedded accounts of the next sync answer are compared again: the pull may have been newer.
  record.accounts_digest = {};
}

// Of a link that is connected `more` says that its feed is to be asked: always, or only for news.
LinkUpdate look_at(const StepInput& input, std::shared_ptr<const LinkAnswer> answer, bool only_for_news) {
  assert(answer->link.link_id == input.record.link_id.str());
  LinkUpdate update = begin_step(input);
  update.keep_alive.push_back(answer);
  take_link(answer->link, update);
  const LinkCondition condition = condition_of(answer->link);
  if (condition.health != LinkHealth::connected) {
    apply_condition(input, condition, false, update);
  } else if (only_for_news && !shows_news(input.record, answer->link)) {
    wait_for_turn(input, update);
  } else {
    update.record.next_due_at = input.now;
    update.more = true;
  }
  note_status(input, update);
  return update;
}

}  // namespace

LinkUpdate step_page(const StepInput& input, std::shared_ptr<const Page> page) {
  assert(page->link.link_id == input.record.link_id.str());
  LinkUpdate update = begin_step(input);
  update.keep_alive.push_back(page);
  if (input.record.repairing && input.record.resync) update.cause = Cause::verify;
  take_link(page->link, update);
  update.record.has_transactions_product = true;  // it has just answered
  const LinkCondition condition = condition_of(page->link);
  if (condition.data_readable) {
    take_page(input, *page, condition, update);
  } else {
    apply_condition(input, condition, false, update);
  }
  note_status(input, update);
  return update;
}

LinkUpdate step_accounts(const StepInput& input, std::shared_ptr<const AccountsAnswer> answer) {
  assert(answer->link.link_id == input.record.link_id.str());
  LinkUpdate update = begin_step(input);
  update.keep_alive.push_back(answer);
  // Also while its replay waits for a refused feed: but then only the pull that the repair asked for.
  if (input.record.repairing && input.record.accounts_wanted) update.cause = Cause::verify;
  take_link(answer->link, update);
  const LinkRecord& record = update.record;
  const LinkCondition condition = condition_of(answer->link);
  if (condition.data_readable) take_accounts(input, *answer, update);
  if (condition.health != LinkHealth::connected) {
    // When a drain of this cycle has just said the same, saying it again would count the wait twice.
    const bool already_said = input.record.last_error &&
                              input.record.last_error->at == input.record.last_attempt_at &&
                              input.record.last_error->api_code == condition.reason;
    if (!already_said || !reads_transactions(record)) apply_condition(input, condition, false, update);
  } else if (!reads_transactions(record) || !record.drain.open) {
    succeed(input, update);
    update.fetched = !reads_transactions(record);
  }
  note_status(input, update);
  return update;
}

LinkUpdate step_link(const StepInput& input, std::shared_ptr<const LinkAnswer> answer) {
  return look_at(input, std::move(answer), false);
}

LinkUpdate step_peek(const StepInput& input, std::shared_ptr<const LinkAnswer> answer) {
  LinkUpdate update = look_at(input, std::move(answer), true);
  update.record.freshness.peek_next = false;
  return update;
}

LinkUpdate step_error(const StepInput& input, const Error& error, Endpoint endpoint) {
  assert(error.code != Errc::storage && error.code != Errc::cancelled && error.code != Errc::auth);
  LinkUpdate update = begin_step(input);
  if (error.code == Errc::throttled) {
    wait_for_window(input, error, update);
    return update;
  }
  const std::string& word = error.link_error_code.empty() ? error.api_code : error.link_error_code;
  note_error(input, error.code, error.http_status, word, error.message, update);
  // A look that fails says nothing about which of the two had failed before.
  if (endpoint != Endpoint::link) update.record.accounts_failing = endpoint == Endpoint::accounts;
  switch (error.code) {
    case Errc::relink_required:
      // What an earlier answer said of the link is no longer so: nobody may take it for connected.
      update.record.upstream_state = "error";
      update.record.upstream_error_code = word;
      wait_for_owner(input, word, false, update);
      break;
    case Errc::gone:
      retire(input, update);
      break;
    case Errc::forbidden:
      refuse_access(input, error, endpoint, update);
      break;
    case Errc::upstream_state:
      wait_for_upstream(input, false, update);
      break;
    case Errc::cursor_rejected:
      if (may_resync(input)) {
        start_resync(input, update);
      } else {
        fail_protocol(input, error, endpoint, update);
      }
      break;
    case Errc::transport:
    case Errc::timeout:
    case Errc::server:
      back_off(input, error, update);
      break;
    default:
      fail_protocol(input, error, endpoint, update);
      break;
  }
  note_status(input, update);
  return update;
}

}  // namespace syncd::core
