#pragma once

#include <string>
#include <vector>

#include <fmt/format.h>

#include "sync/core/continuity.hpp"

// Sides of a comparison, written briefly.
namespace syncd::test {

// 2025-05-01T00:00:00Z
inline constexpr core::WallTime continuity_now{std::chrono::hours(24) * 20'209};

struct SideAccount {
  std::string id;
  std::string mask = "1111";
  std::string type = "depository.checking";
  std::string name = "Everyday";
  std::string current = "12.50";
  std::string currency = "USD";
  bool gone = false;

  core::StoredAccount stored() const {
    return {.account_id = id,
            .json = fmt::format(R"({{"account_id":"{}","account_type":"{}","name":"{}","account_mask":"{}",)"
                                R"("balances":{{"currency":"{}","current":{}}}}})",
                                id, type, name, mask, currency, current),
            .gone = gone};
  }
};

struct SideRow {
  std::string id;
  std::string account;
  int day = 0;  // of April 2025
  std::string amount = "10.00";
  std::string words = "COFFEE";
  bool pending = false;

  core::StoredTransaction stored() const {
    return {.transaction_id = id,
            .account_id = account,
            .json = fmt::format(R"({{"transaction_id":"{}","account_id":"{}","amount":"{}","type":"debit",)"
                                R"("currency":"USD","date":"2025-04-{:02}","raw_description":"{}"}})",
                                id, account, amount, day, words),
            .pending = pending,
            .posted_from = {}};
  }
};

inline core::ContinuitySnapshot side_of(const std::vector<SideAccount>& accounts,
                                        const std::vector<SideRow>& rows,
                                        core::ContinuityLimits limits = {}) {
  std::vector<core::StoredAccount> stored;
  for (const SideAccount& account : accounts)
    stored.push_back(account.stored());
  core::SnapshotBuilder builder(continuity_now, continuity_now, core::continuity_from_day(continuity_now),
                                stored, limits);
  for (const SideRow& row : rows)
    builder.add(row.stored());
  return builder.take();
}

// `count` different payments on as many days from the first on; ids begin with `prefix`.
inline std::vector<SideRow> payments(const std::string& account, int count, const std::string& prefix,
                                     int cents = 0) {
  std::vector<SideRow> rows;
  for (int i = 0; i < count; ++i) {
    rows.push_back({.id = fmt::format("{}{}", prefix, i),
                    .account = account,
                    .day = 1 + i,
                    .amount = fmt::format("{}.{:02}", 10 + i, cents)});
  }
  return rows;
}

inline std::vector<SideRow> both(std::vector<SideRow> left, const std::vector<SideRow>& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

}  // namespace syncd::test
