#include "tests/bench/store_alone.hpp"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <vector>

#include "store/store.hpp"
#include "sync/core/page.hpp"
#include "sync/core/plan.hpp"
#include "sync/core/step.hpp"
#include "tests/bench/rig.hpp"
#include "tests/bench/site.hpp"

namespace syncd::bench {

namespace {

constexpr std::size_t group_size = 16;  // updates that share a synced write

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return std::move(text).str();
}

std::string encoded(const std::string& cursor) {
  std::string out;
  for (const char c : cursor)
    out += c == '=' ? std::string("%3D") : std::string(1, c);
  return out;
}

// The updates of one link's first drain, as the cycle would make them.
void decide(const std::string& link_id, const std::filesystem::path& folder,
            std::vector<core::LinkUpdate>& updates, std::uint64_t& transactions) {
  const core::WallTime now{std::chrono::hours(24 * 365 * 55)};
  const core::Policy policy;
  updates.push_back(core::step_add({core::LinkId{link_id}, {}, {}}, now));
  core::LinkRecord record = updates.back().record;
  const auto held = std::make_shared<const core::Held>();
  for (bool more = true; more;) {
    const std::string cursor = record.cursor ? encoded(record.cursor->text) : std::string{};
    auto page = core::parse_page(read_file(folder / ("sync-" + cursor + ".json")));
    if (!page) throw std::runtime_error(page.error().message);
    const core::StepInput input{
        .record = record, .held = held, .now = now, .policy = policy, .recent_sends = {}};
    core::LinkUpdate update = core::step_page(input, *page);
    transactions += update.created;
    more = update.more;
    record = update.record;
    updates.push_back(std::move(update));
  }
}

}  // namespace

void store_alone(const std::string& site_directory, const std::string& store_path) {
  const Site site = load_site(site_directory);
  std::vector<core::LinkUpdate> updates;
  std::uint64_t transactions = 0;
  for (const std::string& link_id : site.link_ids) {
    decide(link_id, std::filesystem::path(site_directory) / "links" / link_id, updates, transactions);
  }
  store::StoreOptions options;
  options.path = store_path;
  options.environment = "sandbox";
  options.upstream = "bench";
  auto store = store::Store::open(options);
  if (!store) throw std::runtime_error(store.error().message);
  const double cpu = cpu_seconds();
  const double began = wall_seconds();
  for (std::size_t at = 0; at < updates.size(); at += group_size) {
    std::vector<const core::LinkUpdate*> group;
    for (std::size_t i = at; i < std::min(updates.size(), at + group_size); ++i)
      group.push_back(&updates[i]);
    const auto committed = (*store)->commit(group);
    if (!committed) throw std::runtime_error(committed.error().message);
  }
  const double wall = wall_seconds() - began;
  const double used = cpu_seconds() - cpu;
  std::printf(
      "{\"transactions\": %llu, \"wall_s\": %.3f, \"transactions_per_s\": %.0f, \"cpu_s_per_million\": "
      "%.3f}\n",
      static_cast<unsigned long long>(transactions), wall, static_cast<double>(transactions) / wall,
      used / (static_cast<double>(transactions) / 1e6));
  const auto closed = (*store)->close();
  if (!closed) throw std::runtime_error(closed.error().message);
}

}  // namespace syncd::bench
