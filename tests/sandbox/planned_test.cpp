// Refreshes that were drawn elsewhere, and the file that tells them.
#include <string>
#include <vector>

#include <boost/json.hpp>
#include <gtest/gtest.h>

#include "tests/sandbox/model/upstream.hpp"
#include "tests/sandbox/server/refresh_file.hpp"

namespace syncd::sandbox::test {
namespace {

using std::chrono_literals::operator""min;
using std::chrono_literals::operator""h;
using std::chrono_literals::operator""s;

constexpr TimePoint start{Milliseconds{1'790'000'000'000}};

std::string line(TimePoint at, const std::string& rest) {
  return std::to_string(at.time_since_epoch().count()) + " " + rest + "\n";
}

struct Planned {
  Planned() {
    UpstreamOptions options;
    options.budgets = Budgets::unlimited();
    options.refreshes_kept = 1000;
    options.switches.refresh_failure_permille = 1000;  // not of those that are planned
    upstream.emplace(options);
  }
  std::string add(const std::string& text) {
    const auto links = parse_refresh_file(text);
    EXPECT_TRUE(links) << links.error();
    NewLink link;
    link.history_months = 1;
    link.webhook = "http://127.0.0.1:1/hook";
    link.institution = links->at(0).institution;
    link.refreshes = std::make_shared<const std::vector<PlannedRefresh>>(links->at(0).refreshes);
    std::string id = upstream->add_link(link, start);
    EXPECT_TRUE(upstream->truth(id, start));
    return id;
  }
  std::optional<Upstream> upstream;
};

TEST(PlannedRefreshes, ComeWhenTheFileSaysAndBringWhatItSays) {
  Planned bank;
  const std::string id =
      bank.add("link bank_007\n" + line(start - 5h, "1 -") + line(start - 2h, "0 -") +
               line(start + 1h, "0 -") + line(start + 7h, "1 -") + line(start + 8h, "1 -"));
  EXPECT_EQ(bank.upstream->truth(id, start)->transactions_refreshed_at, start - 2h)
      << "of its history, the last";
  std::vector<std::pair<TimePoint, bool>> seen;
  for (const RefreshNote& note : bank.upstream->refreshes(0, 100, start + std::chrono::days{40})) {
    EXPECT_TRUE(note.accounts);
    EXPECT_TRUE(note.transactions);
    EXPECT_EQ(note.created_row.empty(), note.rows == 0);
    EXPECT_LE(note.rows, 1U);
    seen.emplace_back(note.at, note.rows == 1);
  }
  EXPECT_EQ(seen, (std::vector<std::pair<TimePoint, bool>>{
                      {start + 1h, false}, {start + 7h, true}, {start + 8h, true}}));
  EXPECT_EQ(bank.upstream->truth(id, start + std::chrono::days{40})->transactions_refreshed_at, start + 8h);
}

TEST(PlannedRefreshes, ALinkWithoutAnyStaysAsItWasAdded) {
  Planned bank;
  const std::string id = bank.add("link bank_000\n");
  EXPECT_EQ(bank.upstream->truth(id, start + std::chrono::days{9})->transactions_refreshed_at, start);
  EXPECT_TRUE(bank.upstream->refreshes(0, 100, start + std::chrono::days{9}).empty());
}

TEST(PlannedRefreshes, TellOfRowsAfterTheTimeThatTheFileSaysAndOfNothingElse) {
  Planned bank;
  bank.add("link bank_007\n" + line(start + 1h, "1 90000") + line(start + 2h, "0 -") +
           line(start + 3h, "1 -") + line(start + 4h, "1 0"));
  std::vector<TimePoint> told;
  for (TimePoint at = start; at < start + 6h; at += 30s) {
    for (const HookDelivery& hook : bank.upstream->due_hooks(at, at, 10)) {
      EXPECT_EQ(boost::json::parse(hook.body).at("webhook_event"), "transactions.updates_available");
      bank.upstream->hook_answered(hook.number, 200, at);
      told.push_back(at);
    }
  }
  EXPECT_EQ(told, (std::vector<TimePoint>{start + 1h + 90s, start + 4h}));
  EXPECT_EQ(bank.upstream->hooks().counts().lost, 1U) << "the one of the third hour is in the books";
}

TEST(RefreshFile, TellsWhichLineIsWrong) {
  const auto problem = [](const std::string& text) {
    const auto links = parse_refresh_file(text);
    return links ? std::string("none") : links.error().substr(0, links.error().find(':'));
  };
  EXPECT_EQ(problem(""), "none");
  EXPECT_EQ(problem("link bank_000\n5 0 -\n5 1 20\nlink bank_001\n"), "none");
  EXPECT_EQ(problem("link chase\n"), "line 1") << "it has habits of its own";
  EXPECT_EQ(problem("5 0 -\n"), "line 1") << "of no link";
  EXPECT_EQ(problem("link bank_000\n5 0 -\n4 0 -\n"), "line 3") << "out of order";
  for (const char* const refresh : {"5 2 -", "5 1", "x 1 -", "5 1 -1", "5 1 2 3", "5  1 -", ""})
    EXPECT_EQ(problem(std::string("link bank_000\n") + refresh + "\n"), "line 2") << refresh;
}

}  // namespace
}  // namespace syncd::sandbox::test
