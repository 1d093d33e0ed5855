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

}  // namespace
}  // namespace syncd::test
