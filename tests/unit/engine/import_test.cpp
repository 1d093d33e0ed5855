#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sync/engine/import_pace.hpp"
#include "tests/unit/engine/engine_world.hpp"

// Links by the thousand: each once, in few rounds, and not in the way of those that are there.
namespace syncd::test {
namespace {

using core::Errc;
using engine::AddOutcome;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::AllOf;
using testing::Each;
using testing::HasSubstr;
using testing::SizeIs;

// The store in memory behind a thread that takes its time, so that commits meet, with the keys of requests.
class SlowStore final : public engine::StorePort {
 public:
  explicit SlowStore(VirtualTimers& timers) : timers_(timers) {}

  api::Task<core::Result<std::optional<core::LinkRecord>>> load(core::LinkId link_id) override {
    return memory.load(std::move(link_id));
  }
  api::Task<core::Result<core::Held>> lookup(core::LookupRequest request) override {
    core::Held held;
    const auto known = keys.find(request.request_key);
    if (known != keys.end()) held.earlier_act = known->second;
    co_return held;
  }
  api::Task<core::Result<void>> commit(core::LinkUpdate update) override {
    most_waiting = std::max(most_waiting, ++waiting);
    const api::SteadyTime done_at = timers_.steady_now() + milliseconds(10);
    co_await timers_.sleep_until(done_at);
    --waiting;
    if (fail_at == update.link_id.str()) co_return core::fail(Errc::storage, "the disk is gone");
    if (update.audit) audit.push_back(*update.audit);
    co_return memory.apply(update);
  }
  api::Task<core::Result<void>> record_act(core::AuditNote note) override {
    if (key_taken_meanwhile) keys.emplace(note.request_key, std::exchange(key_taken_meanwhile, {}).value());
    const bool keyed = note.request_key != core::Digest{};
    if (keyed && keys.contains(note.request_key)) co_return core::fail(Errc::conflict, "known already");
    if (keyed) keys[note.request_key] = {.sequence = 1, .at = {}, .link_id = {}, .note = note, .hash = {}};
    acts.push_back(std::move(note));
    co_return core::Result<void>{};
  }
  api::Task<core::Result<void>> put_freeze(core::GateFreeze) override { co_return core::Result<void>{}; }
  api::Task<core::Result<void>> put_note(std::string, std::string) override {
    co_return core::Result<void>{};
  }
  bool healthy() const override { return true; }

  MemoryStore memory;
  std::map<core::Digest, core::AuditEntry> keys;
  std::optional<core::AuditEntry> key_taken_meanwhile;
  std::vector<core::AuditNote> audit;  // of links
  std::vector<core::AuditNote> acts;   // about none
  std::string fail_at;
  std::size_t waiting = 0;
  std::size_t most_waiting = 0;

 private:
  VirtualTimers& timers_;
};

using Outcome = std::optional<core::Result<engine::Imported>>;

api::Task<void> import(engine::Engine& engine, std::vector<engine::NewLink> links, engine::Requester by,
                       Outcome& outcome) {
  outcome = co_await engine.import_links(std::move(links), std::move(by));
}

api::Task<void> note(engine::Engine& engine, engine::Requester by,
                     std::optional<core::Result<void>>& outcome) {
  outcome = co_await engine.record_act("export.begin", R"({"what":"feed"})", std::move(by));
}

using Words = std::vector<std::string>;

// `added`, `existed`, or the code of the refusal.
Words words(const core::Result<engine::Imported>& results) {
  if (!results) return {results.error().message};
  Words out;
  for (const auto& result : *results) {
    const std::string code = result ? "" : result.error().api_code;
    out.push_back(!result ? (code.empty() ? "invalid" : code)
                          : (*result == AddOutcome::added ? "added" : "existed"));
  }
  return out;
}

std::vector<engine::NewLink> links_named(const std::string& prefix, int count) {
  std::vector<engine::NewLink> links;
  for (int number = 0; number < count; ++number)
    links.push_back({core::LinkId{prefix + std::to_string(number)}, {}, {}});
  return links;
}

struct ImportWorld {
  explicit ImportWorld(api::Budgets budgets = {}, std::uint32_t links_max = 10'000'000)
      : gate(io.timers, budgets), upstream(transport, gate, io.timers, {}, [](const core::HttpReport&) {}) {
    engine::EngineOptions options;
    options.discovery = false;
    options.links_max = links_max;
    engine.emplace(io.timers, upstream, gate, store, observer, options);
    engine->start(io.io.get_executor());
  }
  ~ImportWorld() {
    io.start(engine->stop(io.timers.steady_now()));
    io.settle();
  }

  core::Result<engine::Imported> run(std::vector<engine::NewLink> links, engine::Requester by = by_a_test) {
    Outcome outcome;
    io.start(import(*engine, std::move(links), std::move(by), outcome));
    io.pass(seconds(2));
    EXPECT_TRUE(outcome);
    return std::move(*outcome);
  }
  std::size_t visited(const std::string& prefix) const {
    return static_cast<std::size_t>(std::ranges::count_if(
        observer.cycles, [&](const auto& report) { return report.link_id.str().starts_with(prefix); }));
  }

  VirtualIo io;
  FakeTransport transport{[](const api::HttpCall& call) { return no_news(call); }};
  api::RateGate gate;
  api::MoneykitApi upstream;
  SlowStore store{io.timers};
  NotingObserver observer;
  std::optional<engine::Engine> engine;
};

TEST(Import, RegistersEachLinkOnceWithAnActOfItsOwn) {
  ImportWorld world;
  auto links = links_named("mk_", 300);
  links[7].customer_user_id = "user-7";
  links[7].tags = {"a", "b"};
  const auto results = world.run(links);
  EXPECT_THAT(words(results), AllOf(SizeIs(300), Each("added")));
  EXPECT_EQ(world.store.memory.links.size(), 300u);
  EXPECT_EQ(world.store.memory.links["mk_7"].customer_user_id, "user-7");
  EXPECT_THAT(world.store.memory.links["mk_7"].tags, testing::ElementsAre("a", "b"));
  EXPECT_THAT(world.store.audit, SizeIs(300));
  EXPECT_EQ(world.store.audit.front().action, "links.add");
  EXPECT_EQ(world.store.audit.front().actor, by_a_test.actor);
  ASSERT_THAT(world.store.acts, SizeIs(1));
  EXPECT_EQ(world.store.acts.front().action, "links.import");
  EXPECT_EQ(world.store.acts.front().detail, R"({"added":300,"existed":0,"refused":0})");
  EXPECT_GT(world.store.most_waiting, 50u) << "commits share a round";
  EXPECT_LT(world.store.most_waiting, 200u) << "and leave room for others";
}

TEST(Import, SentAgainChangesNothing) {
  ImportWorld world;
  ASSERT_TRUE(world.run(links_named("mk_", 20)));
  const auto again = world.run(links_named("mk_", 21));
  ASSERT_TRUE(again);
  EXPECT_EQ(std::ranges::count(words(again), "existed"), 20);
  EXPECT_EQ(words(again)[20], "added");
  EXPECT_EQ(world.store.memory.links.size(), 21u);
  ASSERT_TRUE(world.run(links_named("mk_", 21)));
  EXPECT_THAT(world.store.acts, SizeIs(2)) << "what changes nothing is no act";
}

TEST(Import, OneLinkTwiceIsAddedOnce) {
  ImportWorld world;
  auto links = links_named("mk_", 3);
  const auto again = links;
  links.insert(links.end(), again.begin(), again.end());
  const auto results = world.run(links);
  ASSERT_TRUE(results);
  EXPECT_EQ(std::ranges::count(words(results), "added"), 3);
  EXPECT_EQ(std::ranges::count(words(results), "existed"), 3);
  EXPECT_EQ(world.engine->status().links, 3u);
}

// The discovery may have been faster than the file that knows whose links they are.
TEST(Import, CompletesWhatIsThereAndOverwritesNothing) {
  ImportWorld world;
  ASSERT_TRUE(world.run(links_named("mk_", 1)));
  for (const std::string user : {"user-1", "user-2"}) {
    auto links = links_named("mk_", 1);
    links[0].customer_user_id = user;
    EXPECT_THAT(words(world.run(links)), Each("existed"));
    EXPECT_EQ(world.store.memory.links["mk_0"].customer_user_id, "user-1");
  }
  ASSERT_THAT(world.store.audit, SizeIs(2)) << "what changes nothing is no act";
  EXPECT_EQ(world.store.audit.back().action, "links.complete");
}

TEST(Import, KeepsTheLimitOfLinksAlthoughManyAreAddedAtATime) {
  ImportWorld world({}, 50);
  const auto results = world.run(links_named("mk_", 300));
  ASSERT_TRUE(results);
  EXPECT_EQ(std::ranges::count(words(results), "added"), 50);
  EXPECT_EQ(world.engine->status().links, 50u);
  EXPECT_EQ(world.store.memory.links.size(), 50u);
  EXPECT_EQ(words(results).back(), "links_max");
}

TEST(Import, RefusesWhatIsNoIdAndTakesTheOthers) {
  ImportWorld world;
  auto links = links_named("mk_", 3);
  links[1].link_id = core::LinkId{std::string(257, 'x')};
  const auto results = world.run(links);
  ASSERT_TRUE(results);
  EXPECT_THAT(words(results), testing::ElementsAre("added", "invalid", "added"));
  const auto too_many = world.run(links_named("mk_", 1001));
  EXPECT_EQ(too_many.error().code, Errc::invalid);
  EXPECT_EQ(world.engine->status().links, 2u);
}

TEST(Import, EndsWhereTheStoreFails) {
  ImportWorld world;
  world.store.fail_at = "mk_5";
  const auto results = world.run(links_named("mk_", 600));
  ASSERT_FALSE(results);
  EXPECT_EQ(results.error().code, Errc::storage);
  EXPECT_LT(world.store.memory.links.size(), 300u) << "the rest is not begun";
  EXPECT_THAT(world.store.acts, SizeIs(0));
}

TEST(Import, OneKeyHasOneEffect) {
  ImportWorld world;
  const engine::Requester by{.actor = "uid:1", .request_key = {7}, .request_digest = {8}};
  ASSERT_TRUE(world.run(links_named("mk_", 5), by));
  world.store.memory.links.clear();
  const auto again = world.run(links_named("mk_", 5), by);
  ASSERT_TRUE(again);
  EXPECT_THAT(words(again), Each("existed"));
  EXPECT_TRUE(world.store.memory.links.empty()) << "nothing is done again";
  const auto more = world.run(links_named("mk_", 6), by);
  ASSERT_TRUE(more);
  EXPECT_EQ((*more)[5].error().api_code, "not_registered");
  engine::Requester other = by;
  other.request_digest = {9};
  EXPECT_EQ(world.run(links_named("mk_", 5), other).error().code, Errc::conflict);
  EXPECT_THAT(world.store.acts, SizeIs(1));
}

// Two requests with one key at once: the acts decide, and the same request is no conflict.
TEST(Import, ActsUnderOneKeyCross) {
  ImportWorld world;
  const engine::Requester by{.actor = "uid:1", .request_key = {7}, .request_digest = {8}};
  for (const std::uint8_t digest : {std::uint8_t{8}, std::uint8_t{9}}) {
    world.store.keys.clear();
    world.store.key_taken_meanwhile = core::AuditEntry{
        .sequence = 1, .at = {}, .link_id = {}, .note = {.actor = "uid:1", .action = "x"}, .hash = {}};
    world.store.key_taken_meanwhile->note.request_digest = {digest};
    std::optional<core::Result<void>> outcome;
    world.io.start(note(*world.engine, by, outcome));
    ASSERT_TRUE(outcome);
    EXPECT_EQ(outcome->has_value(), digest == 8);
    if (digest == 9) EXPECT_THAT(outcome->error().message, HasSubstr("Idempotency-Key"));
  }
  EXPECT_THAT(world.store.acts, SizeIs(0));
}

// Sixty calls a minute: thirty for the new links, and the old ones are visited when they are due.
TEST(Import, LeavesTheOthersHalfOfTheBudget) {
  api::Budgets budgets;
  budgets.sync_per_app = 60;
  ImportWorld world(budgets);
  ASSERT_TRUE(world.run(links_named("old_", 20)));
  world.io.pass(hours(5));
  world.observer.cycles.clear();
  ASSERT_TRUE(world.run(links_named("new_", 900)));
  world.io.pass(minutes(10) - seconds(2));
  EXPECT_GE(world.visited("new_"), 290u);
  EXPECT_LE(world.visited("new_"), 301u);
  world.io.pass(hours(6) - minutes(10));
  EXPECT_GE(world.visited("old_"), 18u) << "within an interval and its jitter";
  EXPECT_GE(world.visited("new_"), 900u);
  const auto late = std::ranges::max(world.observer.cycles, {}, [](const auto& report) {
    return report.link_id.str().starts_with("old_") ? report.schedule_lag : core::Millis{0};
  });
  EXPECT_LT(late.schedule_lag, minutes(1));
  const auto first = std::ranges::find_if(
      world.observer.cycles, [](const auto& report) { return report.link_id.str().starts_with("new_"); });
  ASSERT_NE(first, world.observer.cycles.end());
  EXPECT_EQ(first->cause, core::Cause::backfill);
}

// ---- the pace alone ----

TEST(ImportPace, TheFirstWaitsForNothingAndTheOthersInARow) {
  engine::ImportPace pace;
  const api::SteadyTime now{hours(1)};
  std::vector<core::Millis> waits;
  for (int link = 0; link < 4; ++link)
    waits.push_back(pace.next(now, 600, hours(24)));
  using core::Millis;
  EXPECT_THAT(waits, testing::ElementsAre(Millis(0), Millis(200), Millis(400), Millis(600)));
  EXPECT_EQ(pace.next(now + seconds(1), 600, hours(24)), Millis(0)) << "the row is over";
}

TEST(ImportPace, IsFineEnoughForLargeBudgets) {
  engine::ImportPace pace;
  const api::SteadyTime now{hours(1)};
  core::Millis last{0};
  for (int link = 0; link < 500'000; ++link)
    last = pace.next(now, 1'000'000, hours(24));
  EXPECT_GE(last, seconds(59));
  EXPECT_LE(last, seconds(60));
}

TEST(ImportPace, NobodyWaitsLongerThanAnyLinkMay) {
  engine::ImportPace pace;
  const api::SteadyTime now{hours(1)};
  core::Millis last{0};
  for (int link = 0; link < 10'000; ++link)
    last = std::max(last, pace.next(now, 1, hours(24)));
  EXPECT_EQ(last, hours(24));
  EXPECT_LT(pace.next(now + hours(23), 1, hours(24)), hours(2)) << "the row has not grown without end";
}

}  // namespace
}  // namespace syncd::test
