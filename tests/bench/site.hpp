#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace syncd::bench {

// Answers of the sandbox, recorded as files that nginx serves: <dir>/links/<id>/sync-<cursor>.json for each
// page of the drain and the answer to the last cursor (nothing new), and accounts.json.
struct SiteOptions {
  std::string directory;
  std::uint32_t links = 1000;
  std::uint32_t history_months = 1;
  std::uint32_t transactions_per_month = 5;
};

struct Site {
  std::vector<std::string> link_ids;
  std::uint64_t transactions = 0;
  std::string idle_target;  // path and query of one no-change request
  std::uint64_t idle_bytes = 0;
};

// One recorded link: the answers of its drain in order, the answer behind the last cursor (nothing new), and
// its accounts. Every other link of a bank that never changes would say the same of itself.
struct RecordedLink {
  std::string link_id;
  std::vector<std::string> pages;
  std::string idle_target;  // path and query
  std::string idle_body;
  std::string accounts_body;
};
RecordedLink record_one_link(std::uint32_t history_months, std::uint32_t transactions_per_month);

// Throws std::runtime_error when a file cannot be written or the sandbox answers anything but 200.
Site record_site(const SiteOptions& options);
// <dir>/site.txt keeps the ids and figures for the later steps.
void save_site(const std::string& directory, const Site& site);
Site load_site(const std::string& directory);

}  // namespace syncd::bench
