#include <algorithm>
#include <utility>

#include "sync/api/secret.hpp"
#include "sync/core/classify.hpp"
#include "sync/core/conflict_codes.hpp"
#include "sync/core/plan.hpp"
#include "sync/engine/engine_impl.hpp"

// Link sessions, with which people connect their banks, and the exchange of what the component gives for
// them.
namespace syncd::engine {

namespace {

// Upstream wants 4 to 150 characters, also on a relink, where it ignores what they are.
constexpr std::size_t customer_user_id_min = 4;
constexpr std::size_t customer_user_id_max = 150;
constexpr std::size_t links_named_max = 10;
constexpr core::Millis person_waits_max{10'000};  // for upstream's budget
// Their callers may have left.
constexpr std::size_t exchanges_max = 256;
// So long after the discovery has registered a link an exchange may still be the one that made it.
constexpr core::Millis new_for = std::chrono::minutes(10);

core::Error conflict(std::string message, std::string_view code = {}) {
  return {.code = core::Errc::conflict, .message = std::move(message), .api_code = std::string(code)};
}

core::Error no_redirect_uri() {
  return {
      .code = core::Errc::invalid,
      .message = "redirect_uri is missing: send it with the request, or set redirect_uri in [link_session]"};
}

core::Error token_was_shown() {
  return conflict(
      "this request was answered before, and the token of a session is shown once; send another "
      "Idempotency-Key for a new session",
      core::token_shown_before);
}

std::string user_of(const core::LinkRecord& record) {
  const std::size_t bytes = record.customer_user_id.size();
  const bool usable = bytes >= customer_user_id_min && bytes <= customer_user_id_max;
  return usable ? record.customer_user_id : record.link_id.str();
}

std::string named(const std::vector<core::LinkId>& links) {
  std::string names;
  for (std::size_t i = 0; i < std::min(links.size(), links_named_max); ++i)
    names += (names.empty() ? "" : ", ") + links[i].str();
  if (links.size() > links_named_max)
    names += " and " + std::to_string(links.size() - links_named_max) + " more";
  return names;
}

// Somebody waits for the answer: what cannot go out soon is refused, with when to ask again.
core::Result<void> refuse_long_wait(api::RateGate& gate, api::Timers& timers, core::Endpoint endpoint,
                                    api::BudgetOwner owner) {
  const core::Millis wait = gate.available_at(endpoint, owner, core::Cause::manual) - timers.steady_now();
  if (wait <= person_waits_max) return {};
  core::Error error{.code = core::Errc::throttled,
                    .message = std::string(core::to_string(endpoint)) +
                               ": upstream's Retry-After or a spent budget holds it back",
                    .retry_after = wait};
  return std::unexpected(std::move(error));
}

// Whether an exchange may have been carried out: by this request, or by one before whose answer was lost.
bool may_be_done(const core::Error& error) {
  return error.outcome_unknown || error.api_code == "link_session_error.invalid_token_exchange";
}

// The one that is this very request; null: none.
core::Result<std::shared_ptr<Errand>> under_way(const Errands& exchanges, const Requester& by) {
  if (by.request_key == core::Digest{}) return nullptr;
  const auto same = [&](const auto& each) { return each->by.request_key == by.request_key; };
  const auto found = std::ranges::find_if(exchanges, same);
  if (found == exchanges.end()) return nullptr;
  if ((*found)->by.request_digest == by.request_digest) return *found;
  return std::unexpected(
      conflict("this Idempotency-Key is used by another exchange, which is under way; send a new one"));
}

// Registered a moment ago by the discovery, which does not know whose it is.
api::Task<core::Result<bool>> is_new_and_nameless(StorePort& store, core::LinkId link_id,
                                                  core::WallTime now) {
  const auto loaded = co_await store.load(std::move(link_id));
  if (!loaded) co_return std::unexpected(loaded.error());
  if (!*loaded || !(*loaded)->customer_user_id.empty()) co_return false;
  co_return now - (*loaded)->added_at <= new_for;
}

// Of the user's links those that an exchange may have brought.
api::Task<core::Result<std::vector<core::LinkId>>> new_links_of(
    std::shared_ptr<const core::UserLinksAnswer> user, const LinkTable& table, StorePort& store,
    core::WallTime now) {
  std::vector<core::LinkId> unknown;
  std::vector<core::LinkId> nameless;
  for (const core::LinkObject& link : user->links) {
    const core::LinkHealth health = core::condition_of(link).health;
    if (health == core::LinkHealth::deleted || health == core::LinkHealth::not_ready) continue;
    core::LinkId link_id{std::string(link.link_id)};
    if (!table.find(link_id.str())) {
      // One that was purged is old, and only whoever names it may bring it back.
      std::string name = core::purged_note(link_id);
      const auto purged = co_await store.note(std::move(name));
      if (!purged) co_return std::unexpected(purged.error());
      if (!*purged) unknown.push_back(std::move(link_id));
      continue;
    }
    const auto fits = co_await is_new_and_nameless(store, link_id, now);
    if (!fits) co_return std::unexpected(fits.error());
    if (*fits) nameless.push_back(std::move(link_id));
  }
  co_return unknown.empty() ? std::move(nameless) : std::move(unknown);
}

}  // namespace

api::Task<core::Result<core::LinkKeeps>> Engine::Impl::look_before_session(
    const RelinkSessionRequest& request) {
  const auto open = refuse_long_wait(gate, timers, core::Endpoint::link, request.link_id);
  if (!open) co_return std::unexpected(open.error());
  const auto answer = co_await upstream.link(request.link_id, core::Cause::manual);
  if (!answer) co_return std::unexpected(answer.error());
  const core::LinkObject& link = (*answer)->link;
  const core::LinkHealth health = core::condition_of(link).health;
  const bool over = health == core::LinkHealth::deleted || health == core::LinkHealth::connected;
  if (over) {
    const bool visited = sync_now(request.link_id).has_value();
    std::string what = health == core::LinkHealth::deleted
                           ? "the link was deleted upstream"
                           : "the link is connected again: its owner has done it already";
    what += visited ? ". It is being synced, and its entry closes by itself"
                    : ". It is paused here: resume it, and its entry closes by itself";
    co_return std::unexpected(conflict(std::move(what), core::nothing_to_relink));
  }
  if (health == core::LinkHealth::outage && !request.force) {
    co_return std::unexpected(conflict("the bank or its provider is down (" + std::string(link.error_code) +
                                           "): a session would fail, too. Wait for it, or send force",
                                       core::bank_down));
  }
  co_return core::parse_link_keeps(std::string(link.json));
}

core::Result<void> Engine::Impl::refuse_held_back(const core::LinkId& link_id) const {
  const auto slot = table.find(link_id.str());
  const auto incident = slot ? outages.held_back_by(*slot) : std::nullopt;
  if (!incident) return {};
  return std::unexpected(conflict(
      "the entry is held back by incident " + *incident +
          ": many links of this bank fail together, so its owner can do nothing yet. Wait for the end, or "
          "send force",
      core::held_back));
}

api::Task<core::Result<IssuedSession>> Engine::Impl::make_session(core::SessionRequest session) {
  if (session.redirect_uri.empty()) session.redirect_uri = options.sessions.redirect_uri;
  if (session.redirect_uri.empty()) co_return std::unexpected(no_redirect_uri());
  const auto open = refuse_long_wait(gate, timers, core::Endpoint::link_session,
                                     api::BudgetOwner::user(session.customer_user_id));
  if (!open) co_return std::unexpected(open.error());
  auto token = co_await upstream.create_session(std::move(session), core::Cause::manual);
  if (!token) co_return std::unexpected(token.error());
  co_return IssuedSession{.token = std::move(*token),
                          .expires_at = timers.wall_now() + options.sessions.lifetime};
}

api::Task<core::Result<std::optional<core::AuditEntry>>> Engine::Impl::earlier_act(Requester by) {
  if (by.request_key == core::Digest{}) co_return std::nullopt;
  core::LookupRequest request;
  request.request_key = by.request_key;
  auto held = co_await store.lookup(std::move(request));
  if (!held) co_return std::unexpected(held.error());
  const core::Result<bool> repeated = is_repeated(*held, by);
  if (!repeated) co_return std::unexpected(repeated.error());
  co_return std::move(held->earlier_act);
}

api::Task<core::Result<void>> Engine::Impl::refuse_repeated(Requester by) {
  const auto earlier = co_await earlier_act(std::move(by));
  if (!earlier) co_return std::unexpected(earlier.error());
  if (*earlier) co_return std::unexpected(token_was_shown());
  co_return core::Result<void>{};
}

// Everything that can be refused is, before upstream is asked for a session; what comes between that and the
// commit is a conflict, and the session is forgotten.
api::Task<core::Result<Engine::Impl::RelinkSession>> Engine::Impl::issue_relink_session(
    RelinkSessionRequest request, Requester by) {
  const core::Result<void> fresh = co_await refuse_repeated(by);
  if (!fresh) co_return std::unexpected(fresh.error());
  auto loaded = co_await store.load(request.link_id);
  if (!loaded) co_return std::unexpected(loaded.error());
  if (!*loaded) co_return core::fail(core::Errc::not_found, "no such link");
  const core::LinkRecord record = std::move(**loaded);
  core::LookupRequest wanted = core::plan_lookup(record);
  auto held = co_await store.lookup(std::move(wanted));
  if (!held) co_return std::unexpected(held.error());
  core::RelinkRequest act_request{.kind = core::RelinkRequest::Kind::session, .version = request.version};
  const Act trial = entry_act(act_request, by, timers);
  if (const auto verdict = trial.check(record, *held); !verdict) co_return std::unexpected(verdict.error());

  if (!request.force) {
    const core::Result<void> actionable = refuse_held_back(request.link_id);
    if (!actionable) co_return std::unexpected(actionable.error());
  }
  auto keeps = co_await look_before_session(request);
  if (!keeps) co_return std::unexpected(keeps.error());
  core::SessionRequest session;
  session.customer_user_id = user_of(record);
  session.redirect_uri = request.redirect_uri;
  session.existing_link_id = request.link_id;
  session.webhook = std::move(keeps->webhook);
  session.link_tags = std::move(keeps->link_tags);
  auto issued = co_await make_session(std::move(session));
  if (!issued) co_return std::unexpected(issued.error());

  act_request.session_expires_at = issued->expires_at;
  Act final_act = entry_act(std::move(act_request), std::move(by), timers);
  auto acted = co_await act(request.link_id, std::move(final_act));
  if (!acted) co_return std::unexpected(acted.error());
  if (acted->repeated) co_return std::unexpected(token_was_shown());
  co_return RelinkSession{std::move(*issued), std::move(*acted->entry)};
}

// Nobody gets the token before the act is in the audit log.
api::Task<core::Result<IssuedSession>> Engine::Impl::issue_session(core::SessionRequest session,
                                                                   Requester by) {
  const core::Result<void> fresh = co_await refuse_repeated(by);
  if (!fresh) co_return std::unexpected(fresh.error());
  if (session.webhook.empty()) session.webhook = options.sessions.webhook;
  auto issued = co_await make_session(std::move(session));
  if (!issued) co_return std::unexpected(issued.error());
  core::AuditNote note = audit_note("link_sessions.create", by, {});
  const core::Result<void> recorded = co_await store.record_act(std::move(note));
  if (!recorded && recorded.error().code == core::Errc::conflict)
    co_return std::unexpected(token_was_shown());
  if (!recorded) co_return std::unexpected(recorded.error());
  co_return std::move(*issued);
}

api::Task<core::Result<Exchanged>> Engine::Impl::take_link(core::LinkId link_id,
                                                           const ExchangeRequest& request, bool recovered,
                                                           Requester by) {
  NewLink link{link_id, request.customer_user_id, request.tags};
  const auto added = co_await add_link(std::move(link), core::Cause::manual, std::move(by));
  if (!added) co_return std::unexpected(added.error());
  co_return Exchanged{
      .link_id = std::move(link_id), .added = *added == AddOutcome::added, .recovered = recovered};
}

// A token works once, so a client that leaves must not take its exchange along.
api::Task<core::Result<Exchanged>> Engine::Impl::await_exchange(ExchangeRequest request, Requester by) {
  if (!group || stopping) co_return core::fail(core::Errc::cancelled, "the daemon is starting or stopping");
  auto found = under_way(exchanges, by);
  if (!found) co_return std::unexpected(found.error());
  std::shared_ptr<Errand> errand = *std::move(found);
  const bool joins = errand != nullptr;
  if (!joins && exchanges.size() >= exchanges_max)
    co_return std::unexpected(conflict("too many exchanges are under way; try again in a minute"));
  if (!joins) {
    const auto executor = co_await boost::asio::this_coro::executor;
    errand = std::make_shared<Errand>(executor, std::move(by));
    group->spawn(run_exchange(errand, std::move(request)));
  }
  while (!errand->result) {
    const auto state = co_await boost::asio::this_coro::cancellation_state;
    if (state.cancelled() != boost::asio::cancellation_type::none)
      co_return core::fail(core::Errc::cancelled, "nobody waits for the exchange any more");
    co_await errand->done.wait();
  }
  core::Result<Exchanged> result = *errand->result;
  if (joins && result) result->added = false;
  co_return result;
}

api::Task<void> Engine::Impl::run_exchange(std::shared_ptr<Errand> errand, ExchangeRequest request) {
  const auto place = exchanges.insert(exchanges.end(), errand);
  Requester by = errand->by;
  auto result = co_await exchange(std::move(request), std::move(by));
  errand->result = std::move(result);
  exchanges.erase(place);
  errand->done.notify_all();
}

api::Task<core::Result<Exchanged>> Engine::Impl::exchange(ExchangeRequest request, Requester by) {
  // A token works once: what can be refused, or was answered before, is before upstream hears of it.
  auto earlier = co_await earlier_act(by);
  if (!earlier) co_return std::unexpected(earlier.error());
  if (*earlier && !(*earlier)->link_id.empty())
    co_return Exchanged{.link_id = std::move((*earlier)->link_id)};
  if (table.size() >= options.links_max) co_return std::unexpected(no_room_for_links());
  const auto open = refuse_long_wait(gate, timers, core::Endpoint::exchange_token, core::LinkId{});
  if (!open) co_return std::unexpected(open.error());
  api::Secret token{std::string(request.token->reveal())};
  const auto answer = co_await upstream.exchange(std::move(token), core::Cause::manual);
  if (answer) {
    core::LinkId link_id{std::string((*answer)->link.link_id)};
    auto taken = co_await take_link(std::move(link_id), request, false, std::move(by));
    co_return std::move(taken);
  }
  const core::Error& error = answer.error();
  if (!may_be_done(error)) co_return std::unexpected(error);
  auto recovered = co_await recover_exchange(std::move(request), error, std::move(by));
  co_return std::move(recovered);
}

api::Task<core::Result<Exchanged>> Engine::Impl::recover_exchange(ExchangeRequest request, core::Error error,
                                                                  Requester by) {
  if (request.customer_user_id.empty()) {
    error.message += "; with customer_user_id in the request its link could be looked up";
    co_return std::unexpected(error);
  }
  const auto answer = co_await upstream.user_links(request.customer_user_id, core::Cause::manual);
  if (!answer && answer.error().code == core::Errc::not_found) co_return std::unexpected(error);
  if (!answer) co_return std::unexpected(answer.error());
  const auto found = co_await new_links_of(*answer, table, store, timers.wall_now());
  if (!found) co_return std::unexpected(found.error());
  if (found->size() == 1) {
    auto taken = co_await take_link(found->front(), request, true, std::move(by));
    co_return std::move(taken);
  }
  if (found->empty()) {
    error.message += "; the user has no link that is not registered here";
    co_return std::unexpected(error);
  }
  co_return std::unexpected(conflict(
      "the exchange was carried out before, or its answer is lost, and the user has " +
      std::to_string(found->size()) + " links that are not registered here as theirs: " + named(*found) +
      ". Register the right one by its id"));
}

}  // namespace syncd::engine
