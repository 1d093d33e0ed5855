#include <utility>

#include "sync/engine/engine_impl.hpp"
#include "sync/engine/verifier.hpp"

// Links of which nothing is to be kept, and those that have been gone for long enough (decision 017).
namespace syncd::engine {

namespace {

constexpr core::Millis look_for_expired_every = std::chrono::hours(1);
constexpr std::string_view retention_actor = "retention";

}  // namespace

// The discovery does not bring the link back, nothing that was noted about it stays, and what it has asked
// upstream in the last minute still counts. A visit that had begun before notes nothing afterwards either:
// such notes are put under the condition that the link is there (StorePort::put_link_note).
void Engine::Impl::note_purge(core::LinkUpdate& update) {
  const core::LinkId& link_id = update.link_id;
  core::forget_old_sends(purged_sends, update.at);
  if (!update.record.recent_sends.empty()) purged_sends[link_id] = update.record.recent_sends;
  update.notes.push_back({core::purged_note(link_id), core::format_wall_time(update.at)});
  update.notes.push_back({std::string(core::purged_sends_note), core::encode_purged_sends(purged_sends)});
  update.notes.push_back({verify_result_note(link_id), std::nullopt});
  update.notes.push_back({core::continuity_note(link_id), std::nullopt});
  update.notes.push_back({core::refresh_note(link_id), std::nullopt});
}

// By retention only while the link has been gone for long enough: it may have been added anew meanwhile.
Engine::Impl::Act Engine::Impl::purge_act(bool unlinked, Requester by) {
  const bool by_retention = by.actor == retention_actor;
  const auto action = [this, unlinked](const core::StepInput& input) {
    core::LinkUpdate update = core::step_purge(input, unlinked);
    note_purge(update);
    return update;
  };
  const auto check = [this, by_retention](const core::LinkRecord& record,
                                          const core::Held&) -> core::Result<Verdict> {
    if (by_retention && !has_expired(record))
      return core::fail(core::Errc::conflict, "the link has not been gone for long enough");
    return Verdict::act;
  };
  return {.name = "links.purge", .action = action, .check = check, .by = std::move(by)};
}

// A link that upstream does not know any more is what was asked for.
api::Task<core::Result<void>> Engine::Impl::unlink(core::LinkId link_id) {
  auto ended = co_await upstream.delete_link(std::move(link_id), core::Cause::manual);
  if (ended) co_return core::Result<void>{};
  core::Error error = std::move(ended.error());
  const bool over = error.code == core::Errc::not_found || error.code == core::Errc::gone;
  if (over) co_return core::Result<void>{};
  error.message += "; nothing was taken away here, try again";
  co_return std::unexpected(std::move(error));
}

api::Task<core::Result<Purged>> Engine::Impl::purge(core::LinkId link_id, bool unlink_too, Requester by) {
  auto earlier = co_await earlier_act(by);
  if (!earlier) co_return std::unexpected(earlier.error());
  if (*earlier) co_return Purged{.unlinked = unlink_too, .repeated = true};
  auto loaded = co_await store.load(link_id);
  if (!loaded) co_return std::unexpected(loaded.error());
  if (!*loaded) co_return core::fail(core::Errc::not_found, "no such link");
  if (unlink_too) {
    auto ended = co_await unlink(link_id);
    if (!ended) co_return std::unexpected(ended.error());
  }
  const bool by_retention = by.actor == retention_actor;
  Act wanted = purge_act(unlink_too, by);
  auto acted = co_await act(link_id, std::move(wanted));
  if (!acted && acted.error().code == core::Errc::not_found) {
    // The same request, sent once more, may have been faster.
    earlier = co_await earlier_act(std::move(by));
    if (earlier && *earlier) co_return Purged{.unlinked = unlink_too, .repeated = true};
  }
  if (!acted) co_return std::unexpected(acted.error());
  if (acted->repeated) co_return Purged{.unlinked = unlink_too, .repeated = true};
  observer.on_purged(link_id, by_retention, acted->counts);
  co_return Purged{.counts = acted->counts, .unlinked = unlink_too};
}

api::Task<bool> Engine::Impl::was_purged(core::LinkId link_id) {
  std::string name = core::purged_note(link_id);
  const auto note = co_await store.note(std::move(name));
  if (!note) observer.on_store_failed(note.error());
  co_return !note || note->has_value();
}

api::Task<void> Engine::Impl::retain() {
  while (!stopping) {
    co_await timers.sleep_until(timers.steady_now() + look_for_expired_every);
    const auto state = co_await boost::asio::this_coro::cancellation_state;
    if (stopping || state.cancelled() != boost::asio::cancellation_type::none) co_return;
    if (options.gone_links_kept > core::Millis(0)) co_await purge_expired();
  }
}

// The last attempt at a link is the one that found it gone.
bool Engine::Impl::has_expired(const core::LinkRecord& record) const {
  return options.gone_links_kept > core::Millis(0) && record.status == LinkStatus::gone &&
         timers.wall_now() - record.last_attempt_at >= options.gone_links_kept;
}

api::Task<void> Engine::Impl::purge_expired() {
  for (Slot slot = 0; slot < table.slots() && !stopping; ++slot) {
    if (table.buried(slot) || table.status(slot) != LinkStatus::gone) continue;
    const core::LinkId link_id{std::string(table.id(slot))};
    const auto loaded = co_await store.load(link_id);
    if (!loaded) co_return observer.on_store_failed(loaded.error());
    if (!*loaded || !has_expired(**loaded)) continue;
    Requester by{.actor = std::string(retention_actor)};
    const auto purged = co_await purge(link_id, false, std::move(by));
    if (!purged && purged.error().code == core::Errc::storage)
      co_return observer.on_store_failed(purged.error());
  }
}

}  // namespace syncd::engine
