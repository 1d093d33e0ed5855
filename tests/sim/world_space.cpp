// The disk of the simulated store is nearly full for a while: nothing is fetched, everything else goes on.
#include <algorithm>

#include "tests/sim/world_impl.hpp"

namespace syncd::test {

using std::chrono::minutes;

namespace {

// A request that had begun may be sent again on a fresh connection, and again with a fresh token.
constexpr std::uint32_t sends_max = 3;

}  // namespace

// Dice of their own, which draw the same whatever else happens in the step.
void World::plan_full_disk(std::uint64_t step) {
  if (!on(Hazard::disk_full)) return;
  Dice dice(plan_.seed, space_stream, step);
  if (full_disk_ || !dice.chance(6)) return;
  const auto moment = static_cast<Moment>(dice.draw(moment_count));
  const std::uint64_t skip = dice.draw(moment == Moment::any_event ? 300 : 8);
  full_disk_plan_ = FullDiskPlan{.moment = moment, .skip = skip, .length = minutes(dice.between(5, 120))};
}

bool World::disk_fills_up() {
  if (!full_disk_plan_ || !reached(full_disk_plan_->moment)) return false;
  return full_disk_plan_->skip-- == 0;
}

void World::fill_disk() {
  const FullDiskPlan plan = *std::exchange(full_disk_plan_, std::nullopt);
  note("the disk is full for " + std::to_string(plan.length / minutes(1)) + " minutes");
  tally("disk full");
  if (reached(Moment::request_in_flight)) tally("disk full with a request in flight");
  if (reached(Moment::mid_drain)) tally("disk full in the middle of a drain");
  if (reached(Moment::mid_repair)) tally("disk full in the middle of a repair");
  FullDisk disk;
  disk.until = timers_.steady_now() + plan.length;
  disk.links_max = process_->engine.status().in_flight + engine::verifies_in_flight_max;
  disk.may_list = timers_.steady_now() >= no_list_until_;
  full_disk_ = std::move(disk);
  process_->engine.hold(true);
}

void World::free_disk() {
  full_disk_plan_.reset();
  if (!full_disk_) return;
  note("the disk has room again");
  findings_.looked(Invariant::full_disk);  // all the time
  full_disk_.reset();
  process_->engine.hold(false);
}

// As daemon/app_live.cpp: the room is looked at before the first link is visited.
void World::hold_if_full() {
  if (!full_disk_) return;
  tally("start with a full disk");
  full_disk_->links_max = 0;
  full_disk_->may_list = false;
  full_disk_->asked.clear();
  process_->engine.hold(true);
}

// What was under way when the disk filled up comes to the end of its request; no other begins. A token is a
// part of such a request, and whether our credentials work may be asked: nothing is fetched by that.
void World::check_full_disk(const WireRequest& request) {
  if (!full_disk_ || process_->state.dead) return;
  if (request.endpoint == core::Endpoint::token || request.endpoint == core::Endpoint::introspect) return;
  AskedInHold& asked = full_disk_->asked[request.link_id];
  if (asked.sends++ == 0) asked.target = request.target;
  const bool the_same = asked.target == request.target && asked.sends <= sends_max;
  const std::size_t links = full_disk_->asked.size() - full_disk_->asked.count("");
  const bool under_way = request.link_id.empty() ? full_disk_->may_list : links <= full_disk_->links_max;
  findings_.expect(Invariant::full_disk, the_same && under_way,
                   "asked with a full disk: " + std::string(request.target));
}

}  // namespace syncd::test
