#include "sync/core/conflict_codes.hpp"
#include "sync/core/json_text.hpp"
#include "sync/core/plan.hpp"
#include "sync/engine/engine_impl.hpp"

// What an operator does to a link.
namespace syncd::engine {

namespace {

core::Error conflict(std::string message, std::string_view code = {}) {
  return {.code = core::Errc::conflict, .message = std::move(message), .api_code = std::string(code)};
}

core::Error gone() {
  return conflict("the link is gone upstream: it is not visited any more");
}

// No text of a person: notes stay in the entry, and so does an assignee of before names were asked for.
std::string detail_of(const core::LinkUpdate& update) {
  if (update.purge) return std::string(update.changes.front().after);  // the receipt
  if (!update.relink) return {};
  std::string detail = "{\"version\":" + std::to_string(update.relink->version) + ",\"status\":";
  core::append_json_string(detail, core::to_string(update.relink->status));
  const std::string& assignee = update.relink->assignee;
  if (assignee.empty() || core::is_valid_assignee(assignee)) {
    detail += ",\"assignee\":";
    core::append_json_string(detail, assignee);
  }
  return detail + '}';
}

core::Error no_such_letter() {
  return {.code = core::Errc::not_found, .message = "no such dead letter"};
}

// From the second page on there is a cursor. The end of a drain notes the upstream clock; where upstream
// shows none, only a success tells that one has ended.
bool reads_first_history(const core::LinkRecord& record) {
  if (!record.cursor) return true;
  if (!record.drain.open || record.pending_clock) return false;
  return record.drain.clock || record.last_success_at == core::WallTime{};
}

}  // namespace

// Whether this very request was answered before.
core::Result<bool> Engine::Impl::is_repeated(const core::Held& held, const Requester& by) {
  if (!held.earlier_act) return false;
  const core::AuditEntry& earlier = *held.earlier_act;
  if (earlier.note.request_digest == by.request_digest) return true;
  return std::unexpected(conflict("this Idempotency-Key was used at " + core::format_wall_time(earlier.at) +
                                      " for another request (" + earlier.note.action + "); send a new one",
                                  core::idempotency_key_reused));
}

api::Task<core::Result<AddOutcome>> Engine::Impl::add_link(NewLink link, core::Cause cause,
                                                           std::optional<Requester> by, core::Millis wait) {
  if (!core::is_valid_id(link.link_id.str())) {
    co_return core::fail(core::Errc::invalid, "link_id must have 1 to 256 bytes and no control characters");
  }
  if (table.find(link.link_id.str())) {
    if (!by) co_return AddOutcome::existed;
    const auto completed = co_await complete(std::move(link), *std::move(by));
    co_return completed;
  }
  if (table.leaving(link.link_id.str())) {
    co_return std::unexpected(
        conflict("the link was purged a moment ago and its last visit has not ended; try again in a minute"));
  }
  if (table.size() + adding >= options.links_max) {
    co_return std::unexpected(no_room_for_links());
  }
  if (by) {
    const auto earlier = co_await earlier_act(*by);
    if (!earlier) co_return std::unexpected(earlier.error());
    if (*earlier) {
      co_return std::unexpected(
          conflict("this request was answered before, and the link has been removed since; send a new one"));
    }
  }
  const core::Registration registration{link.link_id, link.customer_user_id, link.tags};
  core::LinkUpdate update = core::step_add(registration, timers.wall_now(), cause);
  // What was computed from the record of a link that was purged must not fit the one that is added now.
  update.record.fence += fence_floor;
  update.record.next_due_at += wait;
  const core::WallTime due = update.record.next_due_at;
  if (by) update.audit = audit_note("links.add", *by, {});
  ++adding;
  const auto committed = co_await store.commit(std::move(update));
  --adding;
  if (!committed && committed.error().code != core::Errc::conflict)
    co_return std::unexpected(committed.error());
  // Two additions of the same link may have crossed: the table decides who was first.
  if (table.find(link.link_id.str())) {
    if (!by) co_return AddOutcome::existed;
    const auto completed = co_await complete(std::move(link), *std::move(by));
    co_return completed;
  }
  // Or two requests with one key, which is a conflict, too.
  if (!committed && by && by->request_key != core::Digest{}) co_return std::unexpected(committed.error());
  const Slot slot = add(link.link_id.str(), LinkStatus::active, due);
  table.set_fresh_since_s(slot, seconds_of(timers.wall_now()), false);
  if (committed && cause == core::Cause::manual) {
    want_now(slot, cause);
  } else if (committed) {
    table.set_wanted_cause(slot, static_cast<std::uint8_t>(cause));
    pump();
  }
  co_return committed ? AddOutcome::added : AddOutcome::existed;
}

// The discovery may have been faster than whoever knows whose link it is.
api::Task<core::Result<AddOutcome>> Engine::Impl::complete(NewLink link, Requester by) {
  if (link.customer_user_id.empty() && link.tags.empty()) co_return AddOutcome::existed;
  const core::Registration registration{link.link_id, std::move(link.customer_user_id), std::move(link.tags)};
  const auto action = [registration](const core::StepInput& input) {
    return core::step_complete(input, registration);
  };
  const auto check = [registration](const core::LinkRecord& record,
                                    const core::Held&) -> core::Result<Verdict> {
    return core::completes(registration, record) ? Verdict::act : Verdict::nothing_to_do;
  };
  Act completion{.name = "links.complete", .action = action, .check = check, .by = std::move(by)};
  const auto acted = co_await act(std::move(link.link_id), std::move(completion));
  if (!acted) co_return std::unexpected(acted.error());
  co_return AddOutcome::existed;
}

// Applies an operator's action to the record as it is now; a cycle that commits in between makes it try
// again.
api::Task<core::Result<Engine::Impl::Acted>> Engine::Impl::act(core::LinkId link_id, Act act) {
  for (int attempt = 0; attempt < conflict_retries_max; ++attempt) {
    auto loaded = co_await store.load(link_id);
    if (!loaded) co_return std::unexpected(loaded.error());
    if (!*loaded) co_return core::fail(core::Errc::not_found, "no such link");
    const core::LinkRecord record = std::move(**loaded);
    core::LookupRequest request = core::plan_lookup(record);
    request.dead_letter_at = act.letter_at;
    request.request_key = act.by.request_key;
    auto held = co_await store.lookup(std::move(request));
    if (!held) co_return std::unexpected(held.error());
    const core::Result<bool> repeated = is_repeated(*held, act.by);
    if (!repeated) co_return std::unexpected(repeated.error());
    if (*repeated) co_return Acted{record.status, std::move(held->relink), record.counts, true};
    const core::Result<Verdict> verdict = act.check(record, *held);
    if (!verdict) co_return std::unexpected(verdict.error());
    if (*verdict == Verdict::nothing_to_do) co_return Acted{record.status, std::move(held->relink)};
    const core::StepInput input{.record = record,
                                .held = std::make_shared<const core::Held>(std::move(*held)),
                                .now = timers.wall_now(),
                                .policy = options.policy,
                                .cause = core::Cause::manual,
                                .recent_sends = gate.recent_sends(link_id)};
    core::LinkUpdate update = act.action(input);
    update.audit = audit_note(act.name, act.by, detail_of(update));
    const Acted acted{update.record.status, update.relink ? update.relink : input.held->relink,
                      record.counts};
    const bool entry_moved =
        update.relink && input.held->relink &&
        core::is_live(update.relink->status) != core::is_live(input.held->relink->status);
    const bool purges = update.purge;
    const std::uint64_t fence = update.record.fence;
    const auto committed = co_await store.commit(std::move(update));
    if (committed) {
      if (purges) {
        fence_floor = std::max(fence_floor, fence);
        if (const auto slot = table.find(link_id.str())) forget(*slot);
        co_return acted;
      }
      if (entry_moved) observer.on_entry_moved(*acted.entry);
      if (*verdict == Verdict::act_and_visit) apply_action(link_id, acted.status);
      co_return acted;
    }
    if (committed.error().code != core::Errc::conflict) co_return std::unexpected(committed.error());
  }
  co_return core::fail(core::Errc::conflict, "the link changed again and again meanwhile; try once more");
}

api::Task<core::Result<LinkStatus>> Engine::Impl::change(core::LinkId link_id, Act act_) {
  auto acted = co_await act(std::move(link_id), std::move(act_));
  if (!acted) co_return std::unexpected(acted.error());
  co_return acted->status;
}

core::Result<Engine::Impl::Verdict> Engine::Impl::may_pause(const core::LinkRecord& record,
                                                            const core::Held&) {
  if (record.status == LinkStatus::gone) return std::unexpected(gone());
  return record.status == LinkStatus::paused ? Verdict::nothing_to_do : Verdict::act_and_visit;
}

core::Result<Engine::Impl::Verdict> Engine::Impl::may_resume(const core::LinkRecord& record,
                                                             const core::Held&) {
  if (record.status == LinkStatus::gone) return std::unexpected(gone());
  return record.status != LinkStatus::paused ? Verdict::nothing_to_do : Verdict::act_and_visit;
}

core::Result<Engine::Impl::Verdict> Engine::Impl::may_repair(const core::LinkRecord& record,
                                                             const core::Held&) {
  if (record.status == LinkStatus::gone) return std::unexpected(gone());
  if (record.status == LinkStatus::paused)
    return std::unexpected(conflict("the link is paused; resume it first"));
  if (record.status == LinkStatus::relink)
    return std::unexpected(conflict("the link waits for its owner; it can be repaired once it is connected"));
  const bool reads_feed = record.has_transactions_product && !record.transactions_forbidden;
  // Behind its replay a repair waits for the accounts only, perhaps for long: another one begins anew.
  if (record.repairing && record.resync && reads_feed) return Verdict::nothing_to_do;
  // Either reads the whole history already; to begin anew would throw away how far it has come.
  if (reads_feed && record.resync) {
    return std::unexpected(
        conflict("upstream refused the link's cursor, so its whole history is being read again already; "
                 "repair it when that has ended, if it still differs"));
  }
  if (reads_feed && reads_first_history(record)) {
    return std::unexpected(
        conflict("the link's history is being read for the first time; repair it when that has ended"));
  }
  return Verdict::act_and_visit;
}

core::Result<Engine::Impl::Verdict> Engine::Impl::may_retry_letter(const core::LinkRecord& record,
                                                                   const core::Held& held) {
  if (!held.dead_letter) return std::unexpected(no_such_letter());
  if (held.dead_letter->retried_at != core::WallTime{}) {
    return std::unexpected(conflict("the letter was retried already at " +
                                    core::format_wall_time(held.dead_letter->retried_at) +
                                    "; a new failure leaves a new letter"));
  }
  if (record.status == LinkStatus::gone) return std::unexpected(gone());
  if (record.status == LinkStatus::paused)
    return std::unexpected(conflict("the link is paused; resume it first"));
  return Verdict::act_and_visit;
}

core::Result<Engine::Impl::Verdict> Engine::Impl::may_drop_letter(const core::LinkRecord&,
                                                                  const core::Held& held) {
  if (!held.dead_letter) return std::unexpected(no_such_letter());
  return Verdict::act;
}

void Engine::Impl::apply_action(const core::LinkId& link_id, LinkStatus status) {
  const auto slot = table.find(link_id.str());
  if (!slot) return;
  set_status(*slot, status);
  if (visited_by_schedule(status)) want_now(*slot, core::Cause::manual);
}

core::Result<void> Engine::Impl::sync_now(const core::LinkId& link_id) {
  const auto slot = table.find(link_id.str());
  if (!slot) return core::fail(core::Errc::not_found, "no such link");
  if (!visited_by_schedule(table.status(*slot))) {
    return core::fail(
        core::Errc::conflict,
        "the link is " + std::string(core::to_string(table.status(*slot))) + ": it is not visited");
  }
  want_now(*slot, core::Cause::manual);
  return {};
}

api::Task<std::optional<core::CycleReport>> Engine::Impl::wait_for_cycle(core::LinkId link_id,
                                                                         api::SteadyTime deadline,
                                                                         bool in_all) {
  const auto slot = table.find(link_id.str());
  if (!slot) co_return std::nullopt;
  const auto executor = co_await boost::asio::this_coro::executor;
  CycleWaiter waiter{*slot, wait_after(*slot), in_all, std::nullopt, api::Waiters(executor)};
  co_await until_answered(waiter, deadline);
  co_return std::move(waiter.report);
}

api::Task<void> Engine::Impl::until_answered(CycleWaiter& waiter, api::SteadyTime deadline) {
  using namespace boost::asio::experimental::awaitable_operators;
  const auto place = cycle_waiters.insert(cycle_waiters.end(), &waiter);
  const core::LinkId link_id{std::string(table.id(waiter.slot))};
  while (!waiter.report && timers.steady_now() < deadline && !stopping && !table.buried(waiter.slot)) {
    const auto state = co_await boost::asio::this_coro::cancellation_state;
    if (state.cancelled() != boost::asio::cancellation_type::none) break;
    if (waiter.by_verify && obstacle(link_id)) break;
    const api::SteadyTime look_at = timers.steady_now() + verify_look_every;
    auto ended = waiter.done.wait();
    auto late = timers.sleep_until(waiter.by_verify ? std::min(deadline, look_at) : deadline);
    co_await (std::move(ended) || std::move(late));
  }
  cycle_waiters.erase(place);
}

// sync_now() may have begun the cycle already, inside its own call: that one counts.
std::uint64_t Engine::Impl::wait_after(Slot slot) const {
  const auto flying = in_flight_numbers.find(slot);
  const bool begun_just_now = flying != in_flight_numbers.end() && table.wanted_cause(slot) == 0;
  return begun_just_now ? flying->second - 1 : cycles_begun;
}

}  // namespace syncd::engine
