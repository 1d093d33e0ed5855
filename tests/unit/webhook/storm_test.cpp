#include <algorithm>
#include <deque>
#include <malloc.h>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/unit/webhook/hook_world.hpp"

// Ten thousand webhooks a second, for a minute.
namespace syncd::test {
namespace {

using core::Cause;
using daemon::HookOutcome;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr int per_second = 10'000;
constexpr int storm_seconds = 60;
constexpr int links = 400;

std::size_t bytes_in_use() {
  return mallinfo2().uordblks;
}

std::string link_name(int link) {
  return "mk_" + std::to_string(link);
}

// The most calls within any sixty seconds.
std::size_t most_in_a_minute(const std::vector<api::SteadyTime>& calls) {
  std::size_t most = 0;
  std::size_t begin = 0;
  for (std::size_t at = 0; at < calls.size(); ++at) {
    while (calls[at] - calls[begin] >= minutes(1))
      ++begin;
    most = std::max(most, at - begin + 1);
  }
  return most;
}

struct Storm : HookWorld {
  Storm() : HookWorld({.sync_per_app = budget}) {
    for (int link = 0; link < links; ++link)
      know(link_name(link), now() + hours(5));
    answer = [this](const api::HttpCall& call) {
      called_at.push_back(io.timers.steady_now());
      return no_news(call);
    };
    begin();
  }
  static constexpr std::uint32_t budget = 120;
  std::vector<api::SteadyTime> called_at;
};

// Real signatures, through the receiver: it looks at as many as it may, and tells the others to come again.
TEST(Storm, OfSignedWebhooksIsBounded) {
  Storm world;
  std::vector<std::pair<std::string, std::string>> pool;  // bodies and their signatures
  for (int hook = 0; hook < 2'000; ++hook) {
    std::string body = hook_body(link_name(hook % (links / 2)), "k" + std::to_string(hook));
    std::string signature = world.signer.token(body, world.now());
    pool.emplace_back(std::move(body), std::move(signature));
  }
  std::size_t sent = 0;
  std::size_t waiting_most = 0;
  std::size_t before = 0;
  for (int tenth = 0; tenth < storm_seconds * 10; ++tenth) {
    for (int hook = 0; hook < per_second / 10; ++hook) {
      const auto& [body, signature] = pool[sent++ % pool.size()];
      const daemon::HttpResponse response = world.ask(world.request(body, signature));
      ASSERT_TRUE(response.status == 200 || response.status == 503) << response.status;
    }
    waiting_most = std::max(waiting_most, world.engine->hints_waiting());
    world.io.pass(core::Millis(100));
    if (tenth == 60) before = bytes_in_use();
  }
  const std::size_t after = bytes_in_use();
  EXPECT_EQ(sent, 600'000u);
  EXPECT_EQ(world.count(HookOutcome::too_many), sent - storm_seconds * 500);
  EXPECT_EQ(world.count(HookOutcome::accepted) + world.count(HookOutcome::duplicate), storm_seconds * 500u);
  EXPECT_LE(waiting_most, links / 2u) << "one for each link";
  EXPECT_LE(world.store.hints().size(), links / 2u);
  EXPECT_LE(after, before + (1 << 20)) << "a minute of storm costs no memory";
  EXPECT_LE(most_in_a_minute(world.called_at), Storm::budget);
  EXPECT_EQ(world.fetches, 1u);
}

api::Task<void> hint(engine::Engine& engine, int link, std::uint64_t key, std::size_t& accepted) {
  core::LinkId link_id{link_name(link)};
  const core::Digest digest = core::digest_of(std::to_string(key));
  const auto taken = co_await engine.hint(std::move(link_id), digest);
  accepted += taken == core::HintOutcome::accepted ? 1 : 0;
}

// All of them new and accepted, as if every signature held: one pull for each link, the budget is kept, and
// the links that nobody tells of are polled as ever.
TEST(Storm, OfAcceptedHintsIsOnePullForEachLink) {
  Storm world;
  for (int link = links; link < links + 40; ++link)
    world.know(link_name(link), world.now() + seconds(30));
  world.store.hint_gate = [&] {
    return world.io.timers.sleep_until(world.io.timers.steady_now() + core::Millis(2));
  };
  std::size_t accepted = 0;
  std::uint64_t key = 0;
  std::size_t before = 0;
  for (int tenth = 0; tenth < storm_seconds * 10; ++tenth) {
    for (int number = 0; number < per_second / 10; ++number) {
      ++key;
      world.io.group.spawn(hint(*world.engine, static_cast<int>(key % 20), key, accepted));
    }
    world.io.pass(core::Millis(100));
    ASSERT_LE(world.engine->hints_waiting(), 20u);
    ASSERT_LE(world.store.hints().size(), 20u);
    world.store.hook_keys.clear();  // the real store has a bound for them, see its own test
    if (tenth == 60) before = bytes_in_use();
  }
  EXPECT_EQ(accepted, 600'000u);
  EXPECT_LE(bytes_in_use(), before + (1 << 20));
  EXPECT_LE(most_in_a_minute(world.called_at), Storm::budget);
  EXPECT_LT(world.store.hint_writes, 3'000u) << "many share one write";
  // The first second has spent the minute's budget. Of the next one, while it goes on, the schedule has its
  // share.
  for (int tenth = 0; tenth < 700; ++tenth) {
    for (int number = 0; number < 20; ++number) {
      ++key;
      world.io.group.spawn(hint(*world.engine, static_cast<int>(key % 20), key, accepted));
    }
    world.io.pass(core::Millis(100));
  }
  const auto polled_links = [&] {
    int polled = 0;
    for (int link = links; link < links + 40; ++link)
      polled += world.causes(link_name(link)).empty() ? 0 : 1;
    return polled;
  };
  EXPECT_GE(polled_links(), 12);
  world.io.pass(minutes(2));
  EXPECT_EQ(polled_links(), 40);
  EXPECT_EQ(world.engine->hints_waiting(), 0u);
  EXPECT_TRUE(world.store.hints().empty());
}

// Twenty links that news is told of each second, for hours, and many more that are due. Eighteen visits a
// minute.
struct LongStorm : HookWorld {
  static constexpr int told = 20;
  explicit LongStorm(const core::Policy& policy = {})
      : HookWorld({.sync_per_app = 20}, {.policy = policy, .workers = 4}) {
    for (int link = 0; link < told; ++link)
      know(link_name(link), now() + hours(5));
  }
  void go_on(core::Millis span) {
    for (core::Millis passed{0}; passed < span; passed += seconds(1)) {
      for (int link = 0; link < told; ++link)
        io.group.spawn(hint(*engine, link, ++key, accepted));
      io.pass(seconds(1));
      store.hook_keys.clear();
    }
  }
  // That asked for a feed, of the last visits.
  std::size_t fetches_by(Cause cause, std::size_t from) const {
    std::size_t found = 0;
    for (std::size_t at = from; at < observer.cycles.size(); ++at)
      found += observer.cycles[at].cause == cause && observer.cycles[at].pages > 0 ? 1 : 0;
    return found;
  }
  std::size_t accepted = 0;
  std::uint64_t key = 0;
};

TEST(Storm, LeavesALateScheduleHalfOfTheVisits) {
  LongStorm world;
  for (int link = 0; link < 600; ++link)
    world.know("due_" + std::to_string(link), world.now());
  world.begin();
  // Visits that have begun before the first was told of.
  world.go_on(minutes(6));
  std::size_t from = world.observer.cycles.size();
  world.go_on(minutes(20));
  EXPECT_NEAR(static_cast<double>(world.fetches_by(Cause::schedule, from)), 20 * 18 / 5.0, 10);
  EXPECT_NEAR(static_cast<double>(world.fetches_by(Cause::webhook, from)), 20 * 18 * 4 / 5.0, 10);
  world.go_on(minutes(10));
  from = world.observer.cycles.size();
  world.go_on(minutes(20));
  EXPECT_NEAR(static_cast<double>(world.fetches_by(Cause::schedule, from)), 20 * 18 / 2.0, 10);
  EXPECT_NEAR(static_cast<double>(world.fetches_by(Cause::webhook, from)), 20 * 18 / 2.0, 10);
}

core::Policy with_peeks() {
  core::Policy policy;
  policy.adaptive = true;
  policy.interval = hours(24);
  policy.accounts_interval = hours(24 * 30);
  return policy;
}

void plan_peek(LongStorm& world, const std::string& name) {
  core::LinkRecord& record = world.store.links[name];
  record.upstream_state = "connected";
  record.freshness.peek_next = true;
  record.freshness.fetched_at = world.now();
}

// Peeks have a budget of their own: they do not use up what is left to the links whose feeds are due.
TEST(Storm, LeavesToFeedsWhatPeeksDoNotUse) {
  LongStorm world(with_peeks());
  constexpr int plain = 100;
  for (int link = 0; link < 4 * plain; ++link) {
    const std::string name = "due_" + std::to_string(link);
    world.know(name, world.now() + core::Millis(link));
    if (link % 4 != 0) plan_peek(world, name);
  }
  world.begin();
  world.go_on(minutes(6));
  const std::size_t from = world.observer.cycles.size();
  world.go_on(minutes(20));
  std::size_t peeks = 0;
  for (const core::CycleReport& report : world.observer.cycles)
    peeks += report.peeked && report.pages == 0 ? 1 : 0;
  EXPECT_GT(peeks, 200u);
  EXPECT_NEAR(static_cast<double>(world.fetches_by(Cause::schedule, from)), 20 * 18 / 5.0, 12);
}

// They cost nothing, and are made up for by visits that may be peeks again: there is an end to it.
TEST(Storm, IsNotHeldUpByPeeks) {
  LongStorm world(with_peeks());
  for (int link = 0; link < 600; ++link) {
    const std::string name = "due_" + std::to_string(link);
    world.know(name, world.now() + seconds(30));
    plan_peek(world, name);
  }
  world.begin();
  world.let_nobody_drain(minutes(1));
  world.go_on(minutes(2));
  std::size_t hints = 0;
  std::size_t between = 0;
  std::size_t between_most = 0;
  for (const core::CycleReport& report : world.observer.cycles) {
    const bool of_hint = report.cause == Cause::webhook;
    hints += of_hint ? 1 : 0;
    between = of_hint || report.pages > 0 ? 0 : between + 1;
    if (hints < 18) between_most = std::max(between_most, between);
  }
  EXPECT_GE(hints, 18u);
  EXPECT_GE(between_most, 4u);
  EXPECT_LE(between_most, 20u) << "twelve, and those that had begun";
}

}  // namespace
}  // namespace syncd::test
