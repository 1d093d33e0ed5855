#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/e2e/oracle.hpp"
#include "tests/e2e/secrecy.hpp"

// Fifty links, more than half of them broken in every way there is: the others do not notice.
namespace syncd::test::e2e {
namespace {

constexpr std::size_t healthy_count = 24;
constexpr unsigned sync_per_link = 25;
constexpr unsigned sync_per_app = 5000;
constexpr unsigned throttles = 10;  // the counts of the two rules below
constexpr std::string_view new_links =
    R"(,"accounts":2,"history_months":3,"transactions_per_month":30,"refresh_every_seconds":31536000})";

/// One way to be broken, and the status that must come of it.
struct Defect {
  std::string_view name;
  std::string_view status;
  /// Of the sandbox: "state" or "access" with this body, or "faults" with this rule less its match.
  std::string_view control;
  std::string_view body;
  /// The reason of the relink entry; empty when there must be none.
  std::string_view relink_reason = "";
};

constexpr std::array<Defect, 26> defects = {{
    {"expired", "relink", "state", R"("state":"error","error_code":"auth_expired")", "auth_expired"},
    {"password changed", "relink", "state", R"("state":"error","error_code":"invalid_credentials")",
     "invalid_credentials"},
    {"never finished", "relink", "state", R"("state":"error","error_code":"incomplete")", "incomplete"},
    {"setup required", "relink", "state", R"("state":"error","error_code":"user_setup_required")",
     "user_setup_required"},
    {"expired, as 422", "relink", "faults", R"("fault":"bad_state")", "auth_expired"},
    {"deleted, as 200", "gone", "state", R"("state":"deleted")"},
    {"deleted, as 410", "gone", "faults", R"("fault":"deleted")"},
    {"deleted, as 404", "gone", "faults", R"("fault":"not_found")"},
    {"throttled, in seconds", "active", "faults", R"("fault":"throttle","retry_after_seconds":1,"count":6)"},
    {"throttled, until a date", "active", "faults",
     R"("fault":"throttle","retry_after_seconds":1,"variant":"date","count":4)"},
    {"garbage", "quarantined", "faults", R"("fault":"malformed","variant":"garbage")"},
    {"a page for people", "backoff", "faults", R"("fault":"malformed","variant":"html")"},
    {"half a document", "quarantined", "faults", R"("fault":"malformed","variant":"truncated")"},
    {"wrong types", "quarantined", "faults", R"("fault":"malformed","variant":"wrong_types")"},
    {"another link's answer", "quarantined", "faults", R"("fault":"wrong_link")"},
    {"the same cursor again", "quarantined", "faults", R"("fault":"repeat_cursor")"},
    {"cursors in a circle", "quarantined", "faults", R"("fault":"cyclic_cursor")"},
    {"more for ever", "quarantined", "faults", R"("fault":"endless")"},
    {"more, but no cursor", "quarantined", "faults", R"("fault":"bad_cursor","variant":"null")"},
    {"more, with an empty cursor", "quarantined", "faults", R"("fault":"bad_cursor","variant":"empty")"},
    {"500", "backoff", "faults", R"("fault":"status","status":500)"},
    {"503", "backoff", "faults", R"("fault":"status","status":503)"},
    {"reset", "backoff", "faults", R"("fault":"reset")"},
    {"provider error", "backoff", "state", R"("state":"error","error_code":"provider_error")"},
    {"somebody else's", "blocked", "access", R"("access":"foreign")"},
    {"forbidden", "blocked", "access", R"("access":"forbidden")"},
}};

Tuning quick() {
  return {.upstream = "",
          .schedule = "interval = \"1s\"\nbackoff_base = \"1s\"\noutage_base = \"1s\"\nprobe_base = \"1s\"\n",
          .cycle = "page_size = 40\nprotocol_failures_max = 3\ndrain_idle_pages_max = 4\n",
          .budget = "sync_per_app = " + std::to_string(sync_per_app) + "\nsync_per_link = " +
                    std::to_string(sync_per_link) + "\naccounts_per_app = 1000\naccounts_per_link = 20\n",
          .daemon = "",
          .store = "dead_letter_bodies = \"redacted\"\n",
          .link_ids = "hash"};
}

class BadLinks : public testing::Test {
 protected:
  BadLinks()
      : sandbox_(dir_.path(), {"--budget", "sync=5000/25", "--budget", "accounts=1000/20", "--seed", "50",
                               "--refresh-failures", "0"}),
        daemon_(dir_.path(), sandbox_, quick()),
        healthy_(add(healthy_count)),
        broken_(add(defects.size())) {}

  std::vector<std::string> add(std::size_t count) {
    return sandbox_.add_links("{\"count\":" + std::to_string(count) + std::string(new_links));
  }

  void break_link(std::size_t number) {
    const Defect& defect = defects.at(number);
    const std::string& link_id = broken_.at(number);
    if (defect.control == "faults") {
      sandbox_.control("POST", "faults",
                       R"([{"match":{"link_id":")" + link_id + "\"}," + std::string(defect.body) + "}]");
    } else {
      sandbox_.control("POST", "links/" + link_id + "/" + std::string(defect.control),
                       "{" + std::string(defect.body) + "}");
    }
  }

  /// Every second defect is there from the first visit on, the others come over a link that was well.
  static bool from_the_start(std::size_t number) { return number % 2 == 0; }

  /// Registers all links and waits until those that are well have been synced; returns what is stored of the
  /// links that are about to break.
  std::map<std::string, LinkRows> begin() {
    for (std::size_t i = 0; i < defects.size(); ++i) {
      if (from_the_start(i)) {
        break_link(i);
      }
    }
    daemon_.start();
    std::set<std::string> well(healthy_.begin(), healthy_.end());
    for (std::size_t i = 0; i < defects.size(); ++i) {
      daemon_.add_link(broken_[i]);
      if (!from_the_start(i)) {
        well.insert(broken_[i]);
      }
    }
    for (const std::string& link_id : healthy_) {
      daemon_.add_link(link_id);
    }
    daemon_.wait_for("the links that are well to be synced", [&] {
      const auto links = daemon_.links();
      return std::ranges::all_of(well,
                                 [&](const auto& id) { return !links.at(id)["last_success_at"].is_null(); });
    });
    std::map<std::string, LinkRows> before;
    for (std::size_t i = 0; i < defects.size(); ++i) {
      if (!from_the_start(i)) {
        before[broken_[i]] = stored_rows(daemon_, broken_[i]);
        break_link(i);
      }
    }
    return before;
  }

  std::string statuses_missed() {
    std::string out;
    const auto links = daemon_.links();
    for (std::size_t i = 0; i < defects.size(); ++i) {
      const std::string status = links.at(broken_[i])["status"].text();
      if (status != defects[i].status) {
        out.append(defects[i].name).append(": ").append(status).append("; ");
      }
    }
    return out;
  }

  void expect_statuses() {
    std::string missed;
    wait_until(
        "every broken link to have the status it deserves",
        [&] {
          missed = statuses_missed();
          return missed.empty();
        },
        [&] { return missed + "\n" + daemon_.process().log_tail(); }, std::chrono::seconds{120});
  }

  unsigned long long throttled() {
    const Json statistics = sandbox_.control("GET", "statistics");
    unsigned long long count = 0;
    for (const auto& endpoint : statistics["endpoints"].members()) {
      count += endpoint.second["throttled_by_script"].number();
    }
    return count;
  }

  void expect_relink_queue() {
    std::map<std::string, std::string> wanted;
    for (std::size_t i = 0; i < defects.size(); ++i) {
      if (!defects[i].relink_reason.empty()) {
        wanted[broken_[i]] = defects[i].relink_reason;
      }
    }
    std::map<std::string, std::string> found;
    const auto entries = daemon_.list("/v1/relink");
    for (const Json& entry : entries) {
      EXPECT_EQ(entry["status"].text(), "open");
      found[entry["link_id"].text()] = entry["reason"].text();
    }
    EXPECT_EQ(found, wanted);
    EXPECT_EQ(entries.size(), wanted.size());
  }

  /// The healthy links get new rows, and go on being visited.
  void expect_healthy_current() {
    for (const std::string& link_id : healthy_) {
      sandbox_.control("POST", "links/" + link_id + "/refresh", R"({"changes":true})");
    }
    std::map<std::string, std::set<std::string>> visits;
    daemon_.wait_for(
        "every healthy link to be visited three times more",
        [&] {
          const auto links = daemon_.links();
          for (const std::string& link_id : healthy_) {
            visits[link_id].insert(links.at(link_id)["last_success_at"].text());
          }
          return std::ranges::all_of(visits, [](const auto& link) { return link.second.size() >= 4; });
        },
        std::chrono::seconds{180});
    const auto links = daemon_.links();
    for (const std::string& link_id : healthy_) {
      EXPECT_EQ(links.at(link_id)["status"].text(), "active");
      EXPECT_EQ(first_difference(truth_of(sandbox_, link_id), stored_rows(daemon_, link_id)), "") << link_id;
    }
  }

  void expect_evidence() {
    const auto quarantined = std::ranges::count(defects, "quarantined", &Defect::status);
    EXPECT_EQ(daemon_.metric("moneykit_syncd_dead_letters_total"), std::to_string(quarantined));
  }

  /// Asks for more visits of one link than its budget allows.
  void press(const std::string& link_id) {
    for (unsigned i = 0; i < sync_per_link + 5; ++i) {
      daemon_.admin("POST", "/v1/links/" + link_id + "/sync?wait=300ms");
    }
  }

  void expect_manners() {
    const Json statistics = sandbox_.control("GET", "statistics");
    EXPECT_EQ(statistics["inside_retry_after"].number(), 0U);
    for (const auto& [endpoint, books] : statistics["endpoints"].members()) {
      EXPECT_EQ(books["throttled_by_budget"].number(), 0U) << endpoint;
      EXPECT_EQ(books["inside_retry_after"].number(), 0U) << endpoint;
    }
    const Json& sync = statistics["endpoints"]["sync"];
    EXPECT_LE(sync["in_minute_max"].number(), sync_per_app);
    EXPECT_LE(sync["in_minute_per_link_max"].number(), sync_per_link);
    // Otherwise the budget was never put to the test.
    EXPECT_GE(sync["in_minute_per_link_max"].number(), sync_per_link - 3);
  }

  /// Whatever went wrong, nothing of it is told in what others may read.
  void expect_secrecy() {
    std::vector<std::string> link_ids = healthy_;
    link_ids.insert(link_ids.end(), broken_.begin(), broken_.end());
    const Confidences confidences = confidences_of(daemon_, link_ids);
    EXPECT_GT(confidences.size(), link_ids.size() + 20) << "ids, names and descriptions";
    const auto texts = public_texts(daemon_);
    EXPECT_GE(texts.size(), 4U) << "the log, the metrics, the database's own";
    EXPECT_EQ(leaks(texts, confidences), std::vector<std::string>{});
    const auto errors = error_texts(daemon_, link_ids);
    EXPECT_GE(std::ranges::count_if(errors, [](const auto& each) { return each.second.size() > 20; }),
              static_cast<std::ptrdiff_t>(link_ids.size() + broken_.size() / 2))
        << "refusals, and last errors";
    EXPECT_EQ(leaks(errors, beside_link_ids(confidences)), std::vector<std::string>{});
    // That the search would find each of them in each text.
    for (const auto& [where, text] : texts) {
      for (const auto& [confidence, name] : confidences) {
        const std::map<std::string, std::string> planted{
            {where, text + "{\"msg\":\"x " + confidence + "\"}\n"}};
        ASSERT_EQ(leaks(planted, {{confidence, name}}).size(), 1U) << name << " in " << where;
      }
    }
    EXPECT_EQ(undocumented_lines(daemon_.log()), std::vector<std::string>{});
  }

  ScratchDir dir_;
  Sandbox sandbox_;
  Daemon daemon_;
  std::vector<std::string> healthy_;
  std::vector<std::string> broken_;
};

TEST_F(BadLinks, EachHasItsStatusAndTheOthersAreCurrent) {
  ASSERT_EQ(healthy_.size() + broken_.size(), 50U);
  const auto before = begin();
  expect_statuses();
  daemon_.wait_for("all scripted throttling", [&] { return throttled() == throttles; });
  expect_relink_queue();
  expect_healthy_current();
  expect_relink_queue();
  expect_evidence();
  EXPECT_EQ(statuses_missed(), "");
  // What was stored before a link broke can still be read.
  for (const auto& [link_id, rows] : before) {
    EXPECT_FALSE(rows.transactions.empty());
    EXPECT_EQ(first_difference(rows, stored_rows(daemon_, link_id)), "") << link_id;
  }
  EXPECT_EQ(replay_feed(daemon_).problems, std::vector<std::string>{});
  press(healthy_.front());
  expect_manners();
  expect_secrecy();
  daemon_.process().send(SIGTERM);
  EXPECT_EQ(daemon_.process().wait(std::chrono::seconds{30}).code, 0);
}

}  // namespace
}  // namespace syncd::test::e2e
