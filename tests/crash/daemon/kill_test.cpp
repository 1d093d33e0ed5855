#include <array>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include "tests/crash/daemon/campaign.hpp"

// The daemon under load, killed at random moments, mostly while it works and sometimes while it starts.
//
//   CRASH_KILLS=3000   kills in all, over the four loads (default 200)
//   CRASH_SEED=N       other moments and another order of acts
namespace syncd::test::crash {
namespace {

using e2e::Daemon;

constexpr std::size_t links_max = 8;
constexpr unsigned check_every = 5;
constexpr unsigned starting_every = 8;  // such a kill comes before the daemon is ready
constexpr std::chrono::seconds start_limit{60};
constexpr std::string_view small_link =
    R"({"accounts":2,"history_months":2,"transactions_per_month":20,"refresh_every_seconds":31536000})";
constexpr std::string_view long_link =
    R"({"accounts":2,"history_months":12,"transactions_per_month":40,"refresh_every_seconds":31536000})";

enum class Act : unsigned char {
  change,
  visit,
  ask_owner,
  repair,
  add,
  pause,
  resume,
  follow,
  verify,
  reread
};
constexpr std::size_t act_count = 10;

/// How often each act is drawn, in the order of the acts.
struct Load {
  const char* name;
  std::array<double, act_count> weights;
  std::string_view link;
  std::size_t links_min;
};
constexpr std::array<Load, 4> loads{{{"backfill", {1, 1, 0, 0, 6, 0, 0, 2, 0, 1}, long_link, 2},
                                     {"changes", {6, 4, 0, 0, 0, 0, 0, 2, 2, 1}, small_link, 6},
                                     {"relinks", {1, 3, 3, 3, 0, 0, 0, 2, 1, 1}, small_link, 6},
                                     {"operator", {3, 3, 1, 1, 1, 2, 2, 2, 2, 2}, small_link, 4}}};

/// Kills one process after a drawn time, while others talk to it.
class Killer {
 public:
  Killer(pid_t victim, std::chrono::microseconds after)
      : thread_([this, victim, after] {
          // tidy: allow sleep: the moment of the kill is what is drawn, nothing is waited for
          std::this_thread::sleep_for(after);
          ::kill(victim, SIGKILL);
          done_ = true;
        }) {}
  [[nodiscard]] bool done() const { return done_; }
  /// Afterwards the victim's id may belong to somebody else.
  void join() { thread_.join(); }

 private:
  std::atomic<bool> done_ = false;
  std::jthread thread_;
};

class RandomKill : public testing::TestWithParam<Load> {
 protected:
  RandomKill() {
    sandbox_.control("PUT", "faults", R"([{"fault":"latency","delay_ms":0,"delay_ms_max":4}])");
  }

  std::chrono::microseconds draw(int most) {
    return std::chrono::microseconds{std::uniform_int_distribution<int>(0, most)(random_)};
  }

  bool act() {
    const Load& load = GetParam();
    std::discrete_distribution<int> choose(load.weights.begin(), load.weights.end());
    const std::string link_id = campaign_.any_link(random_);
    switch (static_cast<Act>(choose(random_))) {
      case Act::change:
        if (!campaign_.wants_owner(link_id)) campaign_.change_upstream(link_id);
        return campaign_.visit(daemon_, link_id);
      case Act::visit:
        return campaign_.visit(daemon_, link_id);
      case Act::ask_owner:
        campaign_.ask_for_owner(link_id);
        return campaign_.visit(daemon_, link_id);
      case Act::repair:
        campaign_.repair(link_id);
        return campaign_.visit(daemon_, link_id);
      case Act::add:
        if (campaign_.links().size() < links_limit_) return campaign_.add_link(daemon_, load.link);
        return campaign_.visit(daemon_, link_id);
      case Act::pause:
        return campaign_.pause(daemon_, link_id);
      case Act::resume:
        return campaign_.resume(daemon_, link_id);
      case Act::follow:
        return campaign_.follow(daemon_);
      case Act::verify:
        return campaign_.verify(daemon_, link_id);
      case Act::reread:
        return campaign_.reread(daemon_, link_id);
    }
    return true;
  }

  void expect_killed() {
    const e2e::Ended ended = daemon_.process().wait(start_limit);
    if (ended.signal != SIGKILL) {
      throw e2e::Failed("the daemon ended by itself:\n" + daemon_.process().log_tail());
    }
  }

  void killed_while_starting() {
    daemon_.launch();
    Killer killer(daemon_.process().id(), draw(90'000));
    killer.join();
    expect_killed();
  }

  void check(unsigned cycle) {
    if (const std::string broken = campaign_.broken_promise(daemon_); !broken.empty()) {
      throw e2e::Failed(broken + "\n" + daemon_.process().log_tail());
    }
    if (cycle % check_every != 0) {
      return;
    }
    campaign_.expect_converged(daemon_);
    if (cycle % (5 * check_every) != 0) {
      return;
    }
    if (const std::string changed = campaign_.changed_history(daemon_); !changed.empty()) {
      throw e2e::Failed(changed + "\n" + daemon_.process().log_tail());
    }
  }

  void killed_while_working(unsigned cycle) {
    daemon_.start();
    while (campaign_.links().size() < GetParam().links_min) {
      campaign_.add_link(daemon_, GetParam().link);
    }
    check(cycle);
    Killer killer(daemon_.process().id(), draw(60'000));
    while (!killer.done() && act()) {
      ++acts_;
    }
    killer.join();
    expect_killed();
  }

  const unsigned seed_ = static_cast<unsigned>(number_from_environment("CRASH_SEED", 20'250'101));
  std::mt19937 random_{seed_};
  e2e::ScratchDir dir_;
  e2e::Sandbox sandbox_{dir_.path(), {"--no-budgets", "--seed", "7", "--refresh-failures", "0"}};
  Daemon daemon_{dir_.path(), sandbox_, busy_tuning()};
  Campaign campaign_{sandbox_};
  std::size_t links_limit_ = links_max;
  std::size_t acts_ = 0;
};

TEST_P(RandomKill, NothingPromisedIsLost) {
  const auto kills = number_from_environment("CRASH_KILLS", 200) / loads.size();
  for (unsigned cycle = 1; cycle <= kills; ++cycle) {
    try {
      if (cycle % starting_every == 0) {
        killed_while_starting();
      } else {
        killed_while_working(cycle);
      }
    } catch (const e2e::Failed& failure) {
      FAIL() << "kill " << cycle << " of " << kills << ", seed " << seed_ << ": " << failure.what()
             << "\nagain: CRASH_SEED=" << seed_ << " CRASH_KILLS=" << cycle * loads.size()
             << " crash_daemon_kill --gtest_filter='*/" << GetParam().name << "'";
    }
    // A backfill that was killed once is done soon: there is always a new one.
    links_limit_ = links_max + cycle / 4;
  }
  daemon_.start();
  check(5 * check_every);
  if (GetParam().link == small_link) {
    campaign_.expect_match(daemon_);
  }
  const unsigned long long epoch = daemon_.admin("GET", "/v1/status")["feed"]["epoch"].number();
  EXPECT_EQ(epoch, campaign_.feed_epoch()) << "an ordinary crash takes nothing back that was published";
  EXPECT_FALSE(daemon_.log().contains("begins at change 1")) << "a new epoch began";
  std::printf("%lu kills, %zu acts, %zu links, %llu feed entries\n", kills, acts_, campaign_.links().size(),
              campaign_.feed_head());
  EXPECT_GE(acts_, kills) << "the daemon was killed idle";
  daemon_.process().send(SIGTERM);
  EXPECT_EQ(daemon_.process().wait(start_limit).code, 0);
}

INSTANTIATE_TEST_SUITE_P(Loads, RandomKill, testing::ValuesIn(loads),
                         [](const testing::TestParamInfo<Load>& info) {
                           return std::string(info.param.name);
                         });

}  // namespace
}  // namespace syncd::test::crash
