// Links that are purged in the simulated world, and what must be true of them then.
#include <algorithm>
#include <memory>

#include "sync/core/purge.hpp"
#include "tests/sim/world_impl.hpp"

namespace syncd::test {

// Most come back after a while, some in the very next moment, and some not before the quiet.
void World::purge_somebody() {
  Dice dice(plan_.seed, purge_stream, ++purges_);
  if (!on(Hazard::purge) || faults_over_ || !dice.chance(25) || store_.links.empty()) return;
  const std::string& link = links_[dice.draw(links_.size())];
  const bool unlink = dice.chance(25);
  std::optional<Millis> until_back;
  if (dice.chance(75)) until_back = Millis(dice.chance(30) ? dice.draw(50) : dice.draw(7'200'000));
  engine::Requester by = somebody();
  if (dice.chance(50)) {
    by.request_key = core::digest_of(by.actor);
    by.request_digest = core::digest_of(link);
  }
  note("purge " + link + (unlink ? " and end it upstream" : "") + " as " + by.actor);
  let_a_read_fail();
  tasks_.spawn(purge_task(LinkId{link}, unlink, by, until_back));
  if (by.request_key == core::Digest{} || !dice.chance(30)) return;
  tally("the same request comes twice at once");
  tasks_.spawn(purge_task(LinkId{link}, unlink, by, std::nullopt));
}

api::Task<void> World::purge_task(LinkId link_id, bool unlink, engine::Requester by,
                                  std::optional<Millis> until_back) {
  Process* const process = process_.get();
  const std::string actor = by.actor;
  ++purging_;
  const std::shared_ptr<void> over(nullptr, [this](void*) { --purging_; });
  const bool with_key = by.request_key != core::Digest{};
  const auto purged = co_await process->engine.purge(link_id, unlink, std::move(by));
  if (process->state.dead) co_return;
  if (!purged) {
    tally("a purge fails: " + std::string(core::to_string(purged.error().code)));
    co_return;
  }
  // One that was answered before may have been done by the twin of this request.
  const std::size_t acts = acts_by(actor);
  findings_.expect(Invariant::acts, acts == 1 && (with_key || !purged->repeated),
                   "link " + link_id.str() + ": " + actor + " was answered, and the audit log has " +
                       std::to_string(acts) + " of the acts");
  if (!until_back || process->state.stopping) co_return;
  const api::SteadyTime at = timers_.steady_now() + *until_back;
  co_await timers_.sleep_until(at);
  if (process->state.stopping || process->state.dead) co_return;
  engine::NewLink link{std::move(link_id), "user", {}};
  const auto added = co_await process->engine.add_link(std::move(link), somebody());
  if (!added)
    tally("a purged link is not registered again: " + std::string(core::to_string(added.error().code)));
}

void World::check_purge(const core::LinkUpdate& update, const core::LinkRecord* before) {
  const LinkId& link_id = update.link_id;
  const std::string link = "purged link " + link_id.str() + ": ";
  tally("act: links.purge");
  if (!update.changes.empty() && update.changes.front().after.contains("\"unlinked\":true"))
    tally("a link is purged and ended upstream");
  const auto flying = process_->transport.links_in_flight();
  if (std::ranges::find(flying, link_id.str()) != flying.end()) tally("a link is purged while it is visited");
  findings_.expect(Invariant::single_owner, before != nullptr && before->fence == update.expected_fence,
                   link + "another record than the one that was there");
  findings_.expect(Invariant::acts, update.audit && store_.audit.back().note == *update.audit,
                   link + "not in the audit log");
  findings_.expect(Invariant::exactly_once,
                   update.changes.size() == 1 && update.changes.front().kind == core::ChangeKind::link_purged,
                   link + "no receipt in the feed");
  findings_.expect(Invariant::acts, store_.notes.contains(core::purged_note(link_id)),
                   link + "nothing says that it was purged");
  Past& past = past_[link_id];
  past.cursor.clear();
  past.earlier.clear();
  past.in_circle = false;
  past.relink_version = 0;
  past.history_was_read = false;
  past.removed.clear();
  past.purged = true;
  draining_.erase(link_id);
  repairing_.erase(link_id);
  awaited_reports_.erase(link_id);
  hinted_.erase(link_id);
  check_hint_waits(link_id);
  std::erase_if(damages_, [&](const Damage& damage) { return damage.link_id == link_id; });
}

// Only a person brings a purged link back.
void World::check_return(const core::LinkUpdate& update) {
  Past& past = past_[update.link_id];
  if (!std::exchange(past.purged, false)) return;
  tally("a purged link is registered again");
  findings_.expect(Invariant::acts, update.audit.has_value(),
                   "purged link " + update.link_id.str() + ": brought back, and by nobody");
}

}  // namespace syncd::test
