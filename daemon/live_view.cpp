#include "daemon/live_view.hpp"

#include <algorithm>
#include <utility>

#include <boost/asio/this_coro.hpp>

#include "daemon/fill_page.hpp"
#include "sync/core/conflict_codes.hpp"
#include "sync/core/continuity.hpp"

namespace syncd::daemon {

namespace {

constexpr std::size_t page_limit = 1000;
constexpr core::Millis incidents_look_every{2'000};
constexpr core::Millis continuity_look_every{200};
constexpr std::size_t counted_pages_max = 10;  // of the dead letters, for the status
// Acts between which other work gets the store: a few milliseconds.
constexpr std::size_t audit_checked_at_once = 1000;

struct StoreFigures {
  store::StoreStats stats;
  StatusView::Length dead_letters;
};

// `read` gives the page behind `after`; a page may be empty and still have a next one.
template <class Read>
core::Result<StatusView::Length> count_entries(Read read) {
  StatusView::Length length;
  std::string after;
  for (std::size_t pages = 0; pages < counted_pages_max; ++pages) {
    auto page = read(after);
    if (!page) return std::unexpected(page.error());
    length.count += page->items.size();
    after = std::move(page->next);
    if (after.empty()) return length;
  }
  length.more = true;
  return length;
}

core::Result<StoreFigures> figures_of(store::Store& store) {
  const auto letters =
      count_entries([&store](const std::string& after) { return store.dead_letters(after, page_limit); });
  if (!letters) return std::unexpected(letters.error());
  return StoreFigures{.stats = store.stats(), .dead_letters = *letters};
}

}  // namespace

api::Task<core::Result<engine::AddOutcome>> LiveView::add_link(engine::NewLink link, engine::Requester by) {
  return parts_.engine.add_link(std::move(link), std::move(by));
}

api::Task<core::Result<engine::Imported>> LiveView::import_links(std::vector<engine::NewLink> links,
                                                                 engine::Requester by) {
  if (parts_.care.space_low()) {
    core::Error full{
        .code = core::Errc::conflict,
        .message = "the disk of the store is nearly full: no links are imported until there is more room",
        .api_code = std::string(core::space_low)};
    co_return std::unexpected(std::move(full));
  }
  auto imported = co_await parts_.engine.import_links(std::move(links), std::move(by));
  co_return std::move(imported);
}

api::Task<core::Result<void>> LiveView::record_act(std::string action, std::string detail,
                                                   engine::Requester by) {
  return parts_.engine.record_act(std::move(action), std::move(detail), std::move(by));
}

api::Task<core::Result<core::LinkStatus>> LiveView::pause(core::LinkId link_id, engine::Requester by) {
  return parts_.engine.pause(std::move(link_id), std::move(by));
}

api::Task<core::Result<core::LinkStatus>> LiveView::resume(core::LinkId link_id, engine::Requester by) {
  return parts_.engine.resume(std::move(link_id), std::move(by));
}

api::Task<core::Result<std::optional<core::CycleReport>>> LiveView::sync(core::LinkId link_id,
                                                                         core::Millis wait) {
  if (parts_.care.space_low()) {
    core::Error full{
        .code = core::Errc::conflict,
        .message = "the disk of the store is nearly full: nothing is fetched until there is more room",
        .api_code = std::string(core::space_low)};
    co_return std::unexpected(std::move(full));
  }
  const auto begun = parts_.engine.sync_now(link_id);
  if (!begun) co_return std::unexpected(begun.error());
  if (wait == core::Millis{0}) co_return std::nullopt;
  const api::SteadyTime deadline = parts_.timers.steady_now() + wait;
  auto report = co_await parts_.engine.wait_for_cycle(std::move(link_id), deadline);
  if (!report && parts_.process.stopping)
    co_return core::fail(core::Errc::cancelled, "the daemon is stopping");
  co_return std::move(report);
}

api::Task<core::Result<store::Listing<core::LinkRecord>>> LiveView::links(
    std::string after, std::size_t limit, std::optional<core::LinkStatus> status) {
  auto read = [status](store::Store& store, const std::string& from, std::size_t items) {
    return store.links(from, items, status);
  };
  auto listing = co_await fill_page(parts_.store, std::move(after), limit, std::move(read));
  co_return std::move(listing);
}

api::Task<core::Result<std::optional<core::LinkRecord>>> LiveView::link(core::LinkId link_id) {
  return parts_.store.load(std::move(link_id));
}

api::Task<core::Result<std::string>> LiveView::link_object(core::LinkId link_id) {
  auto work = [&](store::Store& store) { return store.link_object(link_id); };
  auto object = co_await parts_.store.run(std::move(work));
  co_return std::move(object);
}

api::Task<core::Result<store::Listing<core::StoredAccount>>> LiveView::accounts(core::LinkId link_id,
                                                                                std::string after,
                                                                                std::size_t limit) {
  auto work = [&](store::Store& store) { return store.accounts(link_id, after, limit); };
  auto listing = co_await parts_.store.run(std::move(work));
  co_return std::move(listing);
}

api::Task<core::Result<store::Listing<core::StoredTransaction>>> LiveView::transactions(core::LinkId link_id,
                                                                                        std::string after,
                                                                                        std::size_t limit) {
  auto work = [&](store::Store& store) { return store.transactions(link_id, after, limit); };
  auto listing = co_await parts_.store.run(std::move(work));
  co_return std::move(listing);
}

api::Task<core::Result<store::FeedSlice>> LiveView::feed(std::uint64_t after, std::size_t limit,
                                                         core::Millis wait) {
  auto read = [&](store::Store& store) { return store.feed(after, limit); };
  auto slice = co_await parts_.store.run(read);
  // Whoever is ahead of the head has read another epoch: told at once, by the epoch of the answer.
  const bool at_head = slice && slice->head == after;
  const bool wants_more = at_head && wait > core::Millis{0} && !parts_.process.stopping;
  if (!wants_more) co_return std::move(slice);
  const api::SteadyTime deadline = parts_.timers.steady_now() + wait;
  co_await parts_.store.wait_for_feed(after, deadline);
  auto later = co_await parts_.store.run(read);
  co_return std::move(later);
}

api::Task<core::Result<store::Listing<core::RelinkEntry>>> LiveView::relink_entries(
    std::string after, std::size_t limit, store::RelinkFilter filter) {
  auto read = [&filter](store::Store& store, const std::string& from, std::size_t items) {
    return store.relink_entries(from, items, filter);
  };
  auto listing = co_await fill_page(parts_.store, std::move(after), limit, std::move(read));
  co_return std::move(listing);
}

api::Task<core::Result<std::optional<core::RelinkEntry>>> LiveView::relink_entry(core::LinkId link_id) {
  auto work = [&](store::Store& store) { return store.relink_entry(link_id); };
  auto entry = co_await parts_.store.run(std::move(work));
  co_return std::move(entry);
}

// The report follows the end of the wait within moments, and nobody tells.
api::Task<core::Result<std::optional<std::string>>> LiveView::continuity(core::LinkId link_id,
                                                                         core::Millis wait) {
  const api::SteadyTime deadline = parts_.timers.steady_now() + wait;
  for (;;) {
    auto note = co_await parts_.store.note(core::continuity_note(link_id));
    const bool under_way = note && *note && core::snapshot_from_note(**note);
    const api::SteadyTime now = parts_.timers.steady_now();
    if (!under_way || now >= deadline || parts_.process.stopping) co_return std::move(note);
    co_await parts_.timers.sleep_until(std::min(deadline, now + continuity_look_every));
    const auto state = co_await boost::asio::this_coro::cancellation_state;
    if (state.cancelled() != boost::asio::cancellation_type::none) co_return std::move(note);
  }
}

api::Task<core::Result<core::RelinkEntry>> LiveView::act_on_entry(core::LinkId link_id,
                                                                  core::RelinkRequest request,
                                                                  engine::Requester by) {
  return parts_.engine.act_on_entry(std::move(link_id), std::move(request), std::move(by));
}

api::Task<core::Result<std::pair<engine::IssuedSession, core::RelinkEntry>>> LiveView::issue_relink_session(
    engine::RelinkSessionRequest request, engine::Requester by) {
  return parts_.engine.issue_relink_session(std::move(request), std::move(by));
}

api::Task<core::Result<engine::IssuedSession>> LiveView::issue_session(core::SessionRequest session,
                                                                       engine::Requester by) {
  return parts_.engine.issue_session(std::move(session), std::move(by));
}

api::Task<core::Result<engine::Exchanged>> LiveView::exchange(engine::ExchangeRequest request,
                                                              engine::Requester by) {
  return parts_.engine.exchange(std::move(request), std::move(by));
}

// Incidents begin and end seldom, and nobody tells: they are looked at now and then.
api::Task<std::uint64_t> LiveView::revision(std::uint64_t seen, core::Millis wait) {
  const api::SteadyTime deadline = parts_.timers.steady_now() + wait;
  while (revision_now() == seen && !parts_.process.stopping) {
    const api::SteadyTime now = parts_.timers.steady_now();
    if (now >= deadline) break;
    const api::SteadyTime look_at = std::min(deadline, now + incidents_look_every);
    co_await parts_.store.wait_for_relink(parts_.store.relink_revision(), look_at);
    const auto state = co_await boost::asio::this_coro::cancellation_state;
    if (state.cancelled() != boost::asio::cancellation_type::none) break;
  }
  co_return revision_now();
}

api::Task<core::Result<store::Listing<core::LinkRecord>>> LiveView::search_links(std::string prefix,
                                                                                 std::string after,
                                                                                 std::size_t limit) {
  auto read = [&prefix](store::Store& store, const std::string& from, std::size_t items) {
    return store.search_links(prefix, from, items);
  };
  auto listing = co_await fill_page(parts_.store, std::move(after), limit, std::move(read));
  co_return std::move(listing);
}

api::Task<core::Result<store::AuditSlice>> LiveView::audit_entries(std::uint64_t before, std::size_t limit) {
  auto work = [&](store::Store& store) { return store.audit_entries(before, limit); };
  auto slice = co_await parts_.store.run(std::move(work));
  co_return std::move(slice);
}

api::Task<core::Result<store::AuditCheck>> LiveView::check_audit() {
  core::Result<store::AuditCheck> check{store::AuditCheck{}};
  while (check && !check->finished && check->broken_at == 0 && !parts_.process.stopping) {
    auto work = [from = check->end](store::Store& store) {
      return store.check_audit(from, audit_checked_at_once);
    };
    check = co_await parts_.store.run(std::move(work));
  }
  if (check && !check->finished && check->broken_at == 0)
    co_return core::fail(core::Errc::cancelled, "the daemon is stopping");
  co_return std::move(check);
}

api::Task<core::Result<StatusView>> LiveView::status() {
  auto work = [](store::Store& store) { return figures_of(store); };
  auto figures = co_await parts_.store.run(std::move(work));
  // A store that failed has no more entries to count; the rest of the status is wanted all the more.
  if (!figures) {
    auto stats_alone = [](store::Store& store) { return StoreFigures{store.stats(), {}}; };
    figures = co_await parts_.store.run(std::move(stats_alone));
  }
  const auto relinks = co_await live_relinks_.count();
  const api::TransportStats connections = parts_.transport.stats();
  StatusView view;
  view.version = SYNCD_VERSION;
  view.environment = parts_.environment;
  view.now = parts_.timers.wall_now();
  view.started_at = parts_.process.started_at;
  view.healthy = healthy();
  view.ready = ready();
  view.engine = parts_.engine.status();
  view.budget = parts_.gate.use();
  view.connections = {.open = connections.open, .idle = connections.idle, .waiting = connections.waiting};
  view.store = figures->stats;
  view.space_low = parts_.care.space_low();
  view.scrubbed_at = parts_.care.scrubbed().finished_at;
  view.damaged_files = parts_.care.scrubbed().damaged_files;
  if (relinks) view.relinks_open.count = relinks->entries;
  view.dead_letters = figures->dead_letters;
  view.discovery = parts_.observer.discovery();
  view.config = parts_.process.config;
  view.auth_error = parts_.observer.auth_error();
  view.admin_tcp = parts_.process.admin_tcp;
  co_return view;
}

api::Task<core::Result<engine::VerifyState>> LiveView::verify(core::LinkId link_id, core::Millis wait) {
  const auto wanted = parts_.engine.verify(link_id);
  if (!wanted) co_return std::unexpected(wanted.error());
  auto state = co_await verify_state(std::move(link_id), wait);
  co_return std::move(state);
}

api::Task<core::Result<engine::VerifyState>> LiveView::verify_state(core::LinkId link_id, core::Millis wait) {
  const api::SteadyTime deadline = parts_.timers.steady_now() + wait;
  return parts_.engine.verify_state(std::move(link_id), deadline);
}

api::Task<core::Result<std::optional<core::CycleReport>>> LiveView::repair(core::LinkId link_id,
                                                                           core::Millis wait,
                                                                           engine::Requester by) {
  const auto begun = co_await parts_.engine.repair(link_id, std::move(by));
  if (!begun) co_return std::unexpected(begun.error());
  if (wait == core::Millis{0}) co_return std::nullopt;
  const api::SteadyTime deadline = parts_.timers.steady_now() + wait;
  auto report = co_await parts_.engine.wait_for_repair(std::move(link_id), deadline);
  co_return std::move(report);
}

api::Task<core::Result<store::Listing<core::DeadLetter>>> LiveView::dead_letters(std::string after,
                                                                                 std::size_t limit) {
  auto work = [&](store::Store& store) { return store.dead_letters(after, limit); };
  auto listing = co_await parts_.store.run(std::move(work));
  co_return std::move(listing);
}

api::Task<core::Result<std::optional<core::DeadLetter>>> LiveView::dead_letter(core::LinkId link_id,
                                                                               core::WallTime at) {
  auto work = [&](store::Store& store) { return store.dead_letter(at, link_id); };
  auto letter = co_await parts_.store.run(std::move(work));
  co_return std::move(letter);
}

api::Task<core::Result<engine::Purged>> LiveView::purge(core::LinkId link_id, bool unlink,
                                                        engine::Requester by) {
  return parts_.engine.purge(std::move(link_id), unlink, std::move(by));
}

api::Task<core::Result<std::vector<store::FeedEntry>>> LiveView::link_feed(core::LinkId link_id,
                                                                           std::uint64_t before,
                                                                           std::size_t limit) {
  auto work = [&](store::Store& store) { return store.link_feed(link_id, before, limit); };
  auto entries = co_await parts_.store.run(std::move(work));
  co_return std::move(entries);
}

api::Task<core::Result<core::LinkStatus>> LiveView::retry_letter(core::LinkId link_id, core::WallTime at,
                                                                 engine::Requester by) {
  return parts_.engine.retry_letter(std::move(link_id), at, std::move(by));
}

api::Task<core::Result<core::LinkStatus>> LiveView::drop_letter(core::LinkId link_id, core::WallTime at,
                                                                engine::Requester by) {
  return parts_.engine.drop_letter(std::move(link_id), at, std::move(by));
}

api::Task<core::Result<CreatedToken>> LiveView::create_token(NewToken wanted, engine::Requester by) {
  const std::string actor = by.actor;
  const core::WallTime now = parts_.timers.wall_now();
  auto created = co_await parts_.tokens.create(parts_.store, std::move(wanted), std::move(by), now);
  if (created) {
    parts_.log.info("token_created", "an operator made a token of the admin API",
                    LogFields{}
                        .add("name", std::string_view(created->token.name))
                        .add("role", to_string(created->token.role))
                        .add("actor", std::string_view(actor)));
  }
  co_return std::move(created);
}

api::Task<core::Result<Token>> LiveView::revoke_token(std::string name, engine::Requester by) {
  const std::string actor = by.actor;
  const core::WallTime now = parts_.timers.wall_now();
  auto token = co_await parts_.tokens.revoke(parts_.store, std::move(name), std::move(by), now);
  if (token) {
    parts_.log.info(
        "token_revoked", "an operator revoked a token of the admin API",
        LogFields{}.add("name", std::string_view(token->name)).add("actor", std::string_view(actor)));
  }
  co_return std::move(token);
}

void LiveView::note_action(std::string_view action, const core::LinkId& link_id, std::string_view actor) {
  LogFields fields;
  fields.add("action", action);
  if (!link_id.empty()) fields.add("link", std::string_view(parts_.log.links().in_log(link_id)));
  fields.add("actor", actor);
  parts_.log.info("operator_action", "an operator changed something", fields);
}

}  // namespace syncd::daemon
