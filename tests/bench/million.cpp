#include "tests/bench/million.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <random>
#include <stdexcept>
#include <vector>

#include "store/store.hpp"
#include "sync/core/hint.hpp"
#include "sync/core/planner.hpp"
#include "sync/core/step.hpp"
#include "tests/bench/learned_fleet.hpp"
#include "tests/bench/link_ids.hpp"

namespace syncd::bench {

namespace {

constexpr std::uint32_t group_size = 1000;
// One in so many links waits for the visit that a webhook asked for.
constexpr std::uint32_t hinted_one_in = 100;
// Of a smaller fleet many institutions would have no link, and the planner less to keep.
constexpr std::uint32_t taught_by_min = 200'000;

core::LinkUpdate idle_link(const std::string& link_id, const LearnedLink& link,
                           const std::string& institution, core::WallTime now) {
  core::LinkUpdate update = core::step_add({core::LinkId{link_id}, {}, {}}, now);
  core::LinkRecord& record = update.record;
  record.institution_id = institution;
  record.provider = LearnedFleet::provider;
  record.upstream_state = "connected";
  record.cursor = core::Cursor{"bXhyNDI3MTk4NDYxMjk4NDYxMjg5NDYxMjg5NDYx=="};
  record.transactions_clock = record.accounts_clock = link.refreshed_at;
  record.freshness = link.freshness;
  record.last_success_at = record.last_attempt_at = link.freshness.fetched_at;
  record.next_due_at = link.due_at;
  return update;
}

void must(const core::Result<void>& result) {
  if (!result) throw std::runtime_error(result.error().message);
}

void put_hints(store::Store& store, const std::vector<std::string>& link_ids, core::WallTime now) {
  std::vector<core::Hint> hints;
  auto sequence = static_cast<std::uint64_t>(now.time_since_epoch().count());
  for (const std::string& link_id : link_ids) {
    hints.push_back({.link_id = core::LinkId{link_id},
                     .key = core::digest_of(link_id),
                     .sequence = ++sequence,
                     .replaces = 0});
  }
  const auto stored = store.put_hints(hints, now, {});
  if (!stored) throw std::runtime_error(stored.error().message);
}

}  // namespace

void make_million(const std::string& store_path, std::uint32_t links) {
  store::StoreOptions options;
  options.path = store_path;
  options.environment = "sandbox";
  options.upstream = "127.0.0.1";
  auto store = store::Store::open(options);
  if (!store) throw std::runtime_error(store.error().message);
  std::mt19937_64 random(1);
  const auto now = std::chrono::floor<core::Millis>(std::chrono::system_clock::now());
  LearnedFleet fleet(std::max(links, taught_by_min), {.links = links}, now);
  std::vector<std::string> hinted;
  for (std::uint32_t done = 0; done < links; done += group_size) {
    std::vector<core::LinkUpdate> updates;
    for (std::uint32_t i = done; i < std::min(links, done + group_size); ++i) {
      const LearnedLink& link = fleet.links()[i];
      const std::string link_id = random_link_id(random);
      if (i % hinted_one_in == hinted_one_in - 1) hinted.push_back(link_id);
      updates.push_back(idle_link(link_id, link, fleet.name_of(link.institution), now));
    }
    std::vector<const core::LinkUpdate*> group;
    for (const core::LinkUpdate& update : updates)
      group.push_back(&update);
    const auto committed = (*store)->commit(group);
    if (!committed) throw std::runtime_error(committed.error().message);
  }
  put_hints(**store, hinted, now);
  const std::string note = fleet.planner().encode();
  must((*store)->put_note(core::planner_note, note));
  must((*store)->close());
  std::printf("{\"links\": %u, \"institutions\": %zu, \"note_bytes\": %zu, \"hints\": %zu}\n", links,
              fleet.planner().outlooks().institutions(), note.size(), hinted.size());
}

}  // namespace syncd::bench
