#include "daemon/live_view.hpp"

#include <utility>

#include <boost/asio/this_coro.hpp>

namespace syncd::daemon {

api::Task<core::Result<engine::AddOutcome>> LiveView::add_link(engine::NewLink link) {
  return parts_.engine.add_link(std::move(link));
}

api::Task<core::Result<core::LinkStatus>> LiveView::pause(core::LinkId link_id) {
  return parts_.engine.pause(std::move(link_id));
}

api::Task<core::Result<core::LinkStatus>> LiveView::resume(core::LinkId link_id) {
  return parts_.engine.resume(std::move(link_id));
}

api::Task<core::Result<std::optional<core::CycleReport>>> LiveView::sync(core::LinkId link_id,
                                                                         core::Millis wait) {
  const auto begun = parts_.engine.sync_now(link_id);
  if (!begun) co_return std::unexpected(begun.error());
  if (wait == core::Millis{0}) co_return std::nullopt;
  const api::SteadyTime deadline = parts_.timers.steady_now() + wait;
  auto report = co_await parts_.engine.wait_for_cycle(std::move(link_id), deadline);
  co_return std::move(report);
}

api::Task<core::Result<store::Listing<core::LinkRecord>>> LiveView::links(
    std::string after, std::size_t limit, std::optional<core::LinkStatus> status) {
  auto work = [&](store::Store& store) { return store.links(after, limit, status); };
  auto listing = co_await parts_.store.run(std::move(work));
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
  const bool wants_more =
      slice && slice->entries.empty() && wait > core::Millis{0} && !parts_.process.stopping;
  if (!wants_more) co_return std::move(slice);
  const api::SteadyTime deadline = parts_.timers.steady_now() + wait;
  co_await parts_.store.wait_for_feed(after, deadline);
  auto later = co_await parts_.store.run(read);
  co_return std::move(later);
}

api::Task<core::Result<store::Listing<core::RelinkEntry>>> LiveView::relink_entries(
    std::string after, std::size_t limit, std::optional<core::RelinkStatus> status) {
  auto work = [&](store::Store& store) { return store.relink_entries(after, limit, status); };
  auto listing = co_await parts_.store.run(std::move(work));
  co_return std::move(listing);
}

api::Task<core::Result<std::optional<core::RelinkEntry>>> LiveView::relink_entry(core::LinkId link_id) {
  auto work = [&](store::Store& store) { return store.relink_entry(link_id); };
  auto entry = co_await parts_.store.run(std::move(work));
  co_return std::move(entry);
}

api::Task<core::Result<StatusView>> LiveView::status() {
  auto work = [](store::Store& store) { return store.stats(); };
  store::StoreStats stats = co_await parts_.store.run(std::move(work));
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
  view.store = stats;
  view.discovery = parts_.observer.discovery();
  view.config_reload_ok = parts_.process.config_reload_ok;
  view.config_loaded_at = parts_.process.config_loaded_at;
  view.auth_error = parts_.observer.auth_error();
  co_return view;
}

void LiveView::note_action(std::string_view action, const core::LinkId& link_id,
                           const std::optional<uid_t>& uid) {
  LogFields fields;
  fields.add("action", action).add("link", std::string_view(parts_.log.links().in_log(link_id)));
  if (uid) fields.add("uid", *uid);
  parts_.log.info("operator_action", "an operator changed something", fields);
}

}  // namespace syncd::daemon
