#include <csignal>
#include <string>

#include <gtest/gtest.h>

#include "tests/crash/daemon/campaign.hpp"

// Asked to stop in the middle of fetching and committing, once or twice.
namespace syncd::test::crash {
namespace {

using e2e::Daemon;

constexpr std::chrono::seconds limit{60};  // against hanging only
constexpr std::string_view link_body =
    R"({"accounts":2,"history_months":6,"transactions_per_month":60,"refresh_every_seconds":31536000})";

struct Stop {
  const char* name;
  int first;
  int second;  // 0: none
};

class StopInTheMiddle : public testing::TestWithParam<Stop> {
 protected:
  std::size_t signals_seen() const {
    constexpr std::string_view line = "\"event\":\"signal\"";
    const std::string log = daemon_.log();
    std::size_t count = 0;
    for (std::size_t at = log.find(line); at != std::string::npos; at = log.find(line, at + 1)) {
      ++count;
    }
    return count;
  }

  e2e::ScratchDir dir_;
  e2e::Sandbox sandbox_{dir_.path(), {"--no-budgets", "--seed", "13", "--refresh-failures", "0"}};
  Daemon daemon_{dir_.path(), sandbox_, busy_tuning()};
  Campaign campaign_{sandbox_};
};

TEST_P(StopInTheMiddle, IsConsistent) {
  for (const unsigned long long entries : {1U, 60U, 200U}) {
    // Answers take longer than the pages before them, so that one is under way whenever the signal comes.
    sandbox_.control("PUT", "faults", R"([{"match":{"endpoint":"sync"},"fault":"latency","delay_ms":20}])");
    daemon_.start();
    ASSERT_TRUE(campaign_.add_link(daemon_, link_body));
    ASSERT_TRUE(campaign_.add_link(daemon_, link_body));
    const unsigned long long target = campaign_.feed_head() + entries;
    daemon_.wait_for("the backfill to be under way", [&] {
      campaign_.follow(daemon_);
      return campaign_.feed_head() >= target;
    });
    const std::size_t seen = signals_seen();
    daemon_.process().send(GetParam().first);
    if (GetParam().second != 0) {
      // The second one must find the first one taken, or both are one.
      daemon_.wait_for("the first signal to be seen",
                       [&] { return signals_seen() > seen || !daemon_.process().running(); });
      daemon_.process().send(GetParam().second);
    }
    const e2e::Ended ended = daemon_.process().wait(limit);
    EXPECT_EQ(ended.signal, 0);
    // The second signal ends it at once, unless the stop was quicker.
    EXPECT_TRUE(ended.code == 0 || (GetParam().second != 0 && ended.code == 1))
        << daemon_.process().log_tail();
    sandbox_.control("DELETE", "faults");
    daemon_.start();
    ASSERT_EQ(campaign_.broken_promise(daemon_), "");
    campaign_.expect_converged(daemon_);
    ASSERT_EQ(campaign_.changed_history(daemon_), "");
    daemon_.process().send(SIGTERM);
    ASSERT_EQ(daemon_.process().wait(limit).code, 0) << daemon_.process().log_tail();
  }
}

INSTANTIATE_TEST_SUITE_P(Signals, StopInTheMiddle,
                         testing::Values(Stop{"term", SIGTERM, 0}, Stop{"interrupt", SIGINT, 0},
                                         Stop{"term_twice", SIGTERM, SIGTERM},
                                         Stop{"term_then_interrupt", SIGTERM, SIGINT}),
                         [](const testing::TestParamInfo<Stop>& info) {
                           return std::string(info.param.name);
                         });

}  // namespace
}  // namespace syncd::test::crash
