// What a relink did to a link's data, as people see it: the real daemon, its command line tool, and a sandbox
// whose links come back under other ids, with fewer rows, or so that nobody can tell.
#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/e2e/rig.hpp"

namespace syncd::test::e2e {

namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr std::chrono::seconds end_limit{60};

Tuning unhurried() {
  Tuning tuning;
  tuning.budget = "accounts_per_link = 1000\nsync_per_link = 1000\nlink_per_link = 1000\n";
  tuning.schedule = "interval = \"2s\"\nmax_interval = \"1h\"\n";
  return tuning;
}

class RelinkContinuity : public testing::Test {
 protected:
  RelinkContinuity() : sandbox_(dir_.path(), {"--no-budgets"}), daemon_(dir_.path(), sandbox_, unhurried()) {
    daemon_.start();
  }

  Result ctl(const std::vector<std::string>& arguments) {
    std::vector<std::string> command{MONEYKITCTL_PROGRAM, "--socket", dir_.path() / "admin.sock"};
    command.insert(command.end(), arguments.begin(), arguments.end());
    const std::filesystem::path log = dir_.path() / fmt::format("ctl-{}.log", ++runs_);
    return run_to_end(command, log, end_limit);
  }

  std::string add_link(int accounts) {
    const std::string link_id = sandbox_.add_links(fmt::format(
        R"({{"institution_id":"instant_bank","accounts":{},"history_months":2,"transactions_per_month":60,)"
        R"("refresh_every_seconds":31536000}})",
        accounts))[0];
    daemon_.add_link(link_id);
    daemon_.wait_for("the first history",
                     [&] { return status_of(link_id) == "active" && has_synced(link_id); });
    return link_id;
  }
  std::string status_of(const std::string& link_id) { return daemon_.links()[link_id]["status"].text(); }
  bool has_synced(const std::string& link_id) {
    return !daemon_.links()[link_id]["last_success_at"].is_null();
  }
  Json ask(const std::string& link_id) {
    return Json::parse(daemon_.ask("GET", "/v1/relink/" + link_id + "/continuity?wait=10s").body);
  }
  void expire(const std::string& link_id) {
    sandbox_.control("POST", "links/" + link_id + "/reset");
    daemon_.admin("POST", "/v1/links/" + link_id + "/sync");
    daemon_.wait_for("an entry", [&] { return status_of(link_id) == "relink"; });
  }
  std::vector<Json> rows_of(const std::string& link_id) {
    return daemon_.list("/v1/links/" + link_id + "/transactions");
  }
  // The report of the relink that ends so. What was stored before is in before_.
  Json relink(const std::string& link_id, std::string_view how) {
    expire(link_id);
    before_ = rows_of(link_id);
    const std::string since = daemon_.admin("GET", "/v1/relink/" + link_id)["opened_at"].text();
    sandbox_.control("POST", "links/" + link_id + "/relink",
                     fmt::format(R"({{"username":"user_good","password":"pass_good"{}}})", how));
    daemon_.admin("POST", "/v1/links/" + link_id + "/sync");
    daemon_.wait_for("the report", [&] { return ask(link_id)["opened_at"].text() == since; });
    return ask(link_id);
  }

  ScratchDir dir_;
  Sandbox sandbox_;
  Daemon daemon_;
  int runs_ = 0;
  std::vector<Json> before_;
};

std::vector<std::string> ids_of(const Json& accounts) {
  std::vector<std::string> ids;
  for (const Json& account : accounts.items())
    ids.push_back(account["account_id"].text());
  return ids;
}

// Posted rows of an account (empty: of all) from a day on.
std::vector<Json> posted_since(const std::vector<Json>& rows, const std::string& account,
                               const std::string& day) {
  std::vector<Json> found;
  for (const Json& row : rows) {
    const Json& data = row["data"];
    const bool of_account = account.empty() || data["account_id"].text() == account;
    if (of_account && !data["pending"].is_true() && data["date"].text() >= day) found.push_back(data);
  }
  return found;
}

// `2025-05-01 10.1 debit`: an amount without the zeros that say nothing.
std::string payment_of(const Json& data) {
  std::string amount = data["amount"].text();
  if (amount.find('.') != std::string::npos) amount.erase(amount.find_last_not_of('0') + 1);
  return fmt::format("{} {} {}", data["date"].text(), amount, data["type"].text());
}

std::string first_day(const std::vector<Json>& rows) {
  std::string day = rows.front()["date"].text();
  for (const Json& data : rows)
    day = std::min(day, data["date"].text());
  return day;
}

// How many of `left` are in `right` too, one for one.
std::size_t in_both(const std::vector<Json>& left, const std::vector<Json>& right) {
  std::multiset<std::string> others;
  for (const Json& data : right)
    others.insert(payment_of(data));
  std::size_t count = 0;
  for (const Json& data : left) {
    const auto found = others.find(payment_of(data));
    if (found == others.end()) continue;
    others.erase(found);
    ++count;
  }
  return count;
}

}  // namespace

TEST_F(RelinkContinuity, NothingIsLostAndNothingIsSaid) {
  const std::string link_id = add_link(2);
  const Result none = ctl({"relink", "continuity", link_id});
  EXPECT_EQ(none.code, 1);
  EXPECT_THAT(none.output, HasSubstr("no relink of link"));
  const Json report = relink(link_id, "");
  EXPECT_EQ(report["verdict"].text(), "intact") << report.canonical();
  EXPECT_EQ(report["kept"].items().size(), 2U);
  EXPECT_GT(report["rows"]["before"].number(), 50U);
  EXPECT_EQ(report["rows"]["vanished"].number(), 0U);
  EXPECT_THAT(ctl({"relink", "show", link_id}).output, HasSubstr("intact: 2 accounts kept"));
}

TEST_F(RelinkContinuity, AccountsUnderNewIdsAreMappedWithTheirEvidence) {
  const std::string link_id = add_link(2);
  const Json report = relink(link_id, R"(,"new_accounts":true)");
  const auto missing = ids_of(report["missing"]);
  const auto fresh = ids_of(report["new"]);
  ASSERT_EQ(missing.size(), 2U) << report.canonical();
  ASSERT_EQ(fresh.size(), 2U);
  for (const Json& mapping : report["mappings"].items()) {
    EXPECT_NE(mapping["verdict"].text(), "ambiguous") << mapping.canonical();
    EXPECT_THAT(fresh, testing::Contains(mapping["to"].text()));
    const std::string from = report["rows_from"].text();
    const auto new_rows = posted_since(rows_of(link_id), mapping["to"].text(), from);
    ASSERT_FALSE(new_rows.empty());
    const auto old_rows = posted_since(before_, mapping["from"].text(), first_day(new_rows));
    EXPECT_EQ(mapping["evidence"]["rows_before"].number(), old_rows.size());
    EXPECT_EQ(mapping["evidence"]["rows_equal"].number(), in_both(old_rows, new_rows));
    EXPECT_GT(in_both(old_rows, new_rows), old_rows.size() / 2);
  }
  const Result shown = ctl({"relink", "continuity", link_id});
  EXPECT_EQ(shown.code, 0);
  EXPECT_THAT(shown.output,
              AllOf(HasSubstr(missing[0]), HasSubstr(fresh[0]), HasSubstr("the daemon merges nothing")));
  const Json same = Json::parse(ctl({"relink", "continuity", link_id, "--json"}).output);
  EXPECT_EQ(same.canonical(), report.canonical());
  // Nothing was merged: what the link has is what upstream says.
  const Json truth = sandbox_.control("GET", "links/" + link_id + "/truth");
  EXPECT_EQ(rows_of(link_id).size(), truth["transactions"].members().size());
}

TEST_F(RelinkContinuity, RowsThatAreLostAreCounted) {
  const std::string link_id = add_link(1);
  const Json report = relink(link_id, R"(,"lost_rows":true)");
  std::set<std::string> left;
  for (const Json& row : rows_of(link_id))
    left.insert(row["transaction_id"].text());
  std::size_t lost = 0;
  for (const Json& data : posted_since(before_, {}, report["rows_from"].text()))
    lost += left.contains(data["transaction_id"].text()) ? 0 : 1;
  EXPECT_EQ(report["verdict"].text(), "attention");
  EXPECT_GT(lost, 10U);
  EXPECT_EQ(report["rows"]["vanished"].number() + report["rows"]["renumbered"].number(), lost);
  EXPECT_GT(report["rows"]["vanished"].number(), 10U) << report.canonical();
  EXPECT_THAT(ctl({"relink", "show", link_id}).output, HasSubstr("rows vanished"));
}

TEST_F(RelinkContinuity, TwinsAreRefused) {
  const std::string link_id = add_link(1);
  const Json report = relink(link_id, R"(,"twins":true)");
  ASSERT_EQ(report["mappings"].items().size(), 1U) << report.canonical();
  const Json& mapping = report["mappings"].items()[0];
  EXPECT_TRUE(mapping["to"].is_null()) << mapping.canonical();
  EXPECT_EQ(mapping["reason"].text(), "rivals");
  EXPECT_EQ(mapping["candidates"].items().size(), 2U);
  EXPECT_EQ(report["verdict"].text(), "attention");
  EXPECT_THAT(ctl({"relink", "continuity", link_id}).output, HasSubstr("several accounts could be it"));
}

TEST_F(RelinkContinuity, TheReportOutlivesTheProcessAndIsInNoLog) {
  const std::string link_id = add_link(1);
  const Json report = relink(link_id, R"(,"new_accounts":true)");
  daemon_.kill_now();
  daemon_.start();
  EXPECT_EQ(ask(link_id).canonical(), report.canonical());
  const std::string balance = report["missing"].items()[0]["balances"]["current"].text();
  ASSERT_FALSE(balance.empty());
  EXPECT_THAT(daemon_.log(), Not(HasSubstr('"' + balance + '"')));
  EXPECT_THAT(daemon_.log(), Not(HasSubstr(report["missing"].items()[0]["account_id"].text())));
}

}  // namespace syncd::test::e2e
