#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace syncd::bench {

// A store as its admins know it after some years: every link has a user, some have a live relink entry, more
// had one. The same numbers give the same ids.
struct AdminPlan {
  std::uint32_t links = 1'000'000;
  std::uint32_t live = 10'000;
  std::uint32_t ended = 30'000;

  static constexpr std::uint32_t institutions = 20;
  static constexpr std::uint32_t assignees = 10;
};

// In the order in which their entries were opened, the live ones first.
std::vector<std::string> admin_link_ids(const AdminPlan& plan);
std::string admin_user(std::uint32_t link);
std::string admin_institution(std::uint32_t number);
std::string admin_assignee(std::uint32_t number);
std::string_view admin_reason(std::uint32_t number);

// Fills an empty store. All links are due but those that wait for their owner. Beside it come the answers of
// a server to each visit, <directory>/sync.body and accounts.body, in which `$1` stands for the link id.
// Throws std::runtime_error.
void make_admin_store(const std::string& directory, const std::string& store_path, const AdminPlan& plan);

}  // namespace syncd::bench
