#include "tests/bench/million.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <random>
#include <stdexcept>
#include <vector>

#include "store/store.hpp"
#include "sync/core/step.hpp"
#include "tests/bench/link_ids.hpp"

namespace syncd::bench {

namespace {

constexpr std::uint32_t group_size = 1000;

core::LinkUpdate idle_link(const std::string& link_id, core::WallTime now, std::uint64_t spread) {
  core::LinkUpdate update = core::step_add({core::LinkId{link_id}, {}, {}}, now);
  core::LinkRecord& record = update.record;
  record.institution_id = "chase";
  record.provider = "moneykit";
  record.upstream_state = "connected";
  record.cursor = core::Cursor{"bXhyNDI3MTk4NDYxMjk4NDYxMjg5NDYxMjg5NDYx=="};
  record.last_success_at = now;
  record.next_due_at = now + std::chrono::hours(12) + core::Millis(spread % 36'000'000);
  return update;
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
  for (std::uint32_t done = 0; done < links; done += group_size) {
    std::vector<core::LinkUpdate> updates;
    for (std::uint32_t i = done; i < std::min(links, done + group_size); ++i) {
      updates.push_back(idle_link(random_link_id(random), now, random()));
    }
    std::vector<const core::LinkUpdate*> group;
    for (const core::LinkUpdate& update : updates)
      group.push_back(&update);
    const auto committed = (*store)->commit(group);
    if (!committed) throw std::runtime_error(committed.error().message);
  }
  const auto closed = (*store)->close();
  if (!closed) throw std::runtime_error(closed.error().message);
  std::printf("{\"links\": %u}\n", links);
}

}  // namespace syncd::bench
