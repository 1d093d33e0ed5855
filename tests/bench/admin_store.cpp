#include "tests/bench/admin_store.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include <fmt/format.h>

#include "store/store.hpp"
#include "sync/core/step.hpp"
#include "tests/bench/link_ids.hpp"
#include "tests/bench/site.hpp"

namespace syncd::bench {

namespace {

constexpr std::uint32_t group_size = 1000;  // links that share a synced write
constexpr std::array<std::string_view, 5> reasons = {
    "auth_expired", "invalid_credentials", "user_oauth_denied", "user_setup_required", "user_error"};

void write_body(const std::filesystem::path& path, std::string body, const std::string& link_id) {
  for (std::size_t at = body.find(link_id); at != std::string::npos; at = body.find(link_id, at + 2))
    body.replace(at, link_id.size(), "$1");
  std::ofstream file(path, std::ios::binary);
  file << body;
  if (!file.flush()) throw std::runtime_error("cannot write " + path.string());
}

// What people did with an entry: a few steps, now and then all that is kept.
void add_history(core::RelinkEntry& entry, std::uint32_t link) {
  const std::size_t steps = link % 50 == 0 ? core::relink_history_max : 4 + link % 5;
  for (std::size_t step = 0; step < steps; ++step) {
    core::note_event(entry, {.at = entry.opened_at + std::chrono::minutes(step),
                             .kind = core::RelinkEventKind::noted,
                             .actor = admin_assignee(link % AdminPlan::assignees),
                             .text = "called the owner, who will sign in again this evening"});
  }
}

core::RelinkEntry entry_of(const core::LinkRecord& record, std::uint32_t link, bool live,
                           core::WallTime now) {
  core::RelinkEntry entry{.link_id = record.link_id,
                          .reason = std::string(admin_reason(link)),
                          .institution_id = record.institution_id,
                          .provider = record.provider,
                          .customer_user_id = record.customer_user_id,
                          .opened_at = now - std::chrono::hours(24 * 60) + std::chrono::minutes(link),
                          .last_success_at = record.last_success_at};
  if (!live) {
    entry.status = core::RelinkStatus::resolved;
    entry.resolved_at = entry.opened_at + std::chrono::hours(5);
    entry.resolved_by = "reconnected";
  } else if (link % 3 == 0) {
    entry.status = link % 2 == 0 ? core::RelinkStatus::claimed : core::RelinkStatus::session_issued;
    entry.assignee = admin_assignee(link / 3 % AdminPlan::assignees);
  }
  add_history(entry, link);
  return entry;
}

core::LinkUpdate update_of(const std::string& link_id, std::uint32_t link, const AdminPlan& plan,
                           core::WallTime now) {
  core::LinkUpdate update = core::step_add({core::LinkId{link_id}, admin_user(link), {}}, now);
  core::LinkRecord& record = update.record;
  record.institution_id = admin_institution(link % AdminPlan::institutions);
  record.provider = "moneykit";
  record.upstream_state = "connected";
  record.cursor = core::Cursor{"bXhyNDI3MTk4NDYxMjk4NDYxMjg5NDYxMjg5NDYx=="};
  record.last_success_at = now - std::chrono::hours(7);
  record.next_due_at = now - std::chrono::hours(1) + core::Millis(link);
  const bool live = link < plan.live;
  if (live) {
    record.status = core::LinkStatus::relink;
    record.upstream_state = "error";
    record.upstream_error_code = admin_reason(link);
    record.next_due_at = now + std::chrono::hours(20);
  }
  if (link < plan.live + plan.ended) update.relink = entry_of(record, link, live, now);
  return update;
}

}  // namespace

std::vector<std::string> admin_link_ids(const AdminPlan& plan) {
  std::mt19937_64 random(1);
  std::vector<std::string> ids(plan.links);
  std::ranges::generate(ids, [&] { return random_link_id(random); });
  return ids;
}

// Neighbours in the list of links are no neighbours among the users.
std::string admin_user(std::uint32_t link) {
  constexpr std::uint64_t users = 10'000'000;
  return fmt::format("user-{:07}", std::uint64_t{link} * 7'654'321 % users);
}

std::string admin_institution(std::uint32_t number) {
  return fmt::format("bank_{:02}", number);
}

std::string admin_assignee(std::uint32_t number) {
  return fmt::format("uid:{}", 1000 + number);
}

std::string_view admin_reason(std::uint32_t number) {
  return reasons[number / 7 % reasons.size()];
}

void make_admin_store(const std::string& directory, const std::string& store_path, const AdminPlan& plan) {
  constexpr std::uint32_t history_months = 1;
  constexpr std::uint32_t transactions_per_month = 5;
  const RecordedLink recorded = record_one_link(history_months, transactions_per_month);
  std::filesystem::create_directories(directory);
  write_body(std::filesystem::path(directory) / "sync.body", recorded.idle_body, recorded.link_id);
  write_body(std::filesystem::path(directory) / "accounts.body", recorded.accounts_body, recorded.link_id);

  store::StoreOptions options;
  options.path = store_path;
  options.environment = "sandbox";
  options.upstream = "127.0.0.1";
  auto store = store::Store::open(options);
  if (!store) throw std::runtime_error(store.error().message);
  const auto now = std::chrono::floor<core::Millis>(std::chrono::system_clock::now());
  const std::vector<std::string> ids = admin_link_ids(plan);
  for (std::uint32_t done = 0; done < plan.links; done += group_size) {
    std::vector<core::LinkUpdate> updates;
    for (std::uint32_t link = done; link < std::min(plan.links, done + group_size); ++link)
      updates.push_back(update_of(ids[link], link, plan, now));
    std::vector<const core::LinkUpdate*> group;
    for (const core::LinkUpdate& update : updates)
      group.push_back(&update);
    const auto committed = (*store)->commit(group);
    if (!committed) throw std::runtime_error(committed.error().message);
  }
  const auto closed = (*store)->close();
  if (!closed) throw std::runtime_error(closed.error().message);
  std::printf("{\"links\": %u, \"live\": %u, \"ended\": %u}\n", plan.links, plan.live, plan.ended);
}

}  // namespace syncd::bench
