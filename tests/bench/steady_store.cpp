#include "tests/bench/steady_store.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <random>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "store/store.hpp"
#include "sync/core/page.hpp"
#include "sync/core/step.hpp"
#include "tests/bench/link_ids.hpp"
#include "tests/bench/site.hpp"

namespace syncd::bench {

namespace {

constexpr std::uint32_t group_size = 200;  // links that share a synced write
constexpr std::uint32_t history_months = 1;
constexpr std::uint32_t transactions_per_month = 5;

std::string with_id(const std::string& body, const std::string& from, const std::string& to) {
  std::string out;
  std::size_t at = 0;
  for (std::size_t found = body.find(from); found != std::string::npos; found = body.find(from, at)) {
    out.append(body, at, found - at);
    out += to;
    at = found + from.size();
  }
  return out.append(body, at);
}

template <class T>
std::shared_ptr<const T> must(core::Result<std::shared_ptr<const T>> result) {
  if (!result) throw std::runtime_error(result.error().message);
  return std::move(*result);
}

// What a link's first visit commits, decided as the cycle decides it.
void first_visit(const RecordedLink& recorded, const std::string& link_id, core::WallTime now,
                 std::vector<core::LinkUpdate>& updates) {
  const core::Policy policy;
  const auto held = std::make_shared<const core::Held>();
  updates.push_back(core::step_add({core::LinkId{link_id}, {}, {}}, now));
  core::LinkRecord record = updates.back().record;
  const auto input = [&] {
    return core::StepInput{.record = record, .held = held, .now = now, .policy = policy, .recent_sends = {}};
  };
  for (const std::string& body : recorded.pages) {
    const auto page = must(core::parse_page(with_id(body, recorded.link_id, link_id)));
    updates.push_back(core::step_page(input(), page));
    record = updates.back().record;
  }
  // The accounts of the sync answers are stored already; a pull that finds them changes no row.
  auto known = std::make_shared<core::Held>();
  for (const core::AccountPut& put : updates.back().account_puts)
    known->accounts.push_back({.account_id = std::string(put.account_id), .json = std::string(put.json)});
  const auto accounts =
      must(core::parse_accounts(with_id(recorded.accounts_body, recorded.link_id, link_id)));
  const core::StepInput pull{
      .record = record, .held = known, .now = now, .policy = policy, .recent_sends = {}};
  updates.push_back(core::step_accounts(pull, accounts));
  // And the first answer without news, which still compares the accounts.
  record = updates.back().record;
  const auto idle = must(core::parse_page(with_id(recorded.idle_body, recorded.link_id, link_id)));
  const core::StepInput look{
      .record = record, .held = known, .now = now, .policy = policy, .recent_sends = {}};
  updates.push_back(core::step_page(look, idle));
}

void commit(store::Store& store, const std::vector<core::LinkUpdate>& updates) {
  std::vector<const core::LinkUpdate*> group;
  for (const core::LinkUpdate& update : updates)
    group.push_back(&update);
  const auto committed = store.commit(group);
  if (!committed) throw std::runtime_error(committed.error().message);
}

}  // namespace

void make_steady(const std::string& directory, const std::string& store_path, std::uint32_t links) {
  const RecordedLink recorded = record_one_link(history_months, transactions_per_month);
  std::filesystem::create_directories(directory);
  std::ofstream body(std::filesystem::path(directory) / "idle.body", std::ios::binary);
  body << with_id(recorded.idle_body, recorded.link_id, "$1");
  if (!body.flush()) throw std::runtime_error("cannot write " + directory + "/idle.body");

  store::StoreOptions options;
  options.path = store_path;
  options.environment = "sandbox";
  options.upstream = "bench";
  auto store = store::Store::open(options);
  if (!store) throw std::runtime_error(store.error().message);
  std::mt19937_64 random(1);
  const auto now = std::chrono::floor<core::Millis>(std::chrono::system_clock::now());
  std::uint64_t transactions = 0;
  for (std::uint32_t done = 0; done < links; done += group_size) {
    std::vector<core::LinkUpdate> updates;
    for (std::uint32_t i = done; i < std::min(links, done + group_size); ++i)
      first_visit(recorded, random_link_id(random), now, updates);
    for (const core::LinkUpdate& update : updates)
      transactions += update.created;
    commit(**store, updates);
  }
  const auto closed = (*store)->close();
  if (!closed) throw std::runtime_error(closed.error().message);
  std::printf("{\"links\": %u, \"transactions\": %llu, \"idle_target\": \"%s\", \"idle_bytes\": %zu}\n",
              links, static_cast<unsigned long long>(transactions), recorded.idle_target.c_str(),
              recorded.idle_body.size());
}

}  // namespace syncd::bench
