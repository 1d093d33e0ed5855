#include "sync/core/purge.hpp"

#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "tests/unit/engine/engine_world.hpp"

// Links of which nothing is to be kept, and those that have been gone for long enough.
namespace syncd::test {
namespace {

using core::LinkStatus;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using Outcome = std::optional<core::Result<engine::Purged>>;
using Added = std::optional<core::Result<engine::AddOutcome>>;

api::Task<void> purge(engine::Engine& engine, std::string link, bool unlink, Outcome& outcome) {
  core::LinkId link_id{std::move(link)};
  outcome = co_await engine.purge(std::move(link_id), unlink, by_a_test);
}

api::Task<void> add(engine::Engine& engine, std::string link, Added& added) {
  engine::NewLink wanted{core::LinkId{std::move(link)}, {}, {}};
  added = co_await engine.add_link(std::move(wanted), by_a_test);
}

struct PurgeWorld : EngineWorld {
  using EngineWorld::EngineWorld;

  core::Result<engine::Purged> purged(const std::string& link, bool unlink = false) {
    Outcome outcome;
    io.start(purge(*engine, link, unlink, outcome));
    io.pass(seconds(5));
    if (!outcome) return core::fail(core::Errc::timeout, "no answer");
    return *outcome;
  }
  core::Result<engine::AddOutcome> add_again(const std::string& link) {
    Added outcome;
    io.start(add(*engine, link, outcome));
    io.settle();
    if (!outcome) return core::fail(core::Errc::timeout, "no answer");
    return *outcome;
  }
};

TEST(Purge, TakesTheLinkOutOfTheStoreAndTheSchedule) {
  PurgeWorld world;
  world.know("mk_1", world.now() + hours(1));
  world.know("mk_2", world.now() + hours(1));
  world.store.links["mk_1"].counts = {.accounts = 2, .transactions = 40, .pending = 1};
  world.store.notes["verify/mk_1"] = "v1 ...";
  world.start();
  const auto purged = world.purged("mk_1");
  ASSERT_TRUE(purged) << purged.error().message;
  EXPECT_EQ(purged->counts.transactions, 40u);
  EXPECT_FALSE(purged->unlinked);
  EXPECT_FALSE(world.store.links.contains("mk_1"));
  EXPECT_FALSE(world.store.notes.contains("verify/mk_1"));
  EXPECT_TRUE(world.store.notes.contains(core::purged_note(core::LinkId{"mk_1"})));
  EXPECT_FALSE(world.engine->knows(core::LinkId{"mk_1"}));
  EXPECT_EQ(world.engine->status().links, 1u);
  EXPECT_EQ(world.engine->status().links_by_status[static_cast<std::size_t>(LinkStatus::gone)], 0u);
  ASSERT_EQ(world.store.link_acts.size(), 1u);
  EXPECT_EQ(world.store.link_acts[0].action, "links.purge");
  EXPECT_EQ(world.store.link_acts[0].actor, by_a_test.actor);
  EXPECT_EQ(world.store.link_acts[0].detail, R"({"accounts":2,"transactions":40,"unlinked":false})");
  EXPECT_EQ(world.observer.purged, (std::vector<std::pair<std::string, bool>>{{"mk_1", false}}));
  world.io.pass(hours(48));
  for (const core::CycleReport& report : world.observer.cycles)
    EXPECT_EQ(report.link_id.str(), "mk_2");
  EXPECT_FALSE(world.observer.cycles.empty());
  EXPECT_EQ(world.purged("mk_1").error().code, core::Errc::not_found) << "once";
}

TEST(Purge, OfALinkInAnyState) {
  for (const LinkStatus status : {LinkStatus::paused, LinkStatus::gone, LinkStatus::relink,
                                  LinkStatus::quarantined, LinkStatus::blocked}) {
    PurgeWorld world;
    world.know("mk_1", world.now() + hours(1), status);
    world.start();
    EXPECT_TRUE(world.purged("mk_1")) << core::to_string(status);
    EXPECT_EQ(world.engine->status().links, 0u);
    std::uint64_t counted = 0;
    for (const std::uint64_t links : world.engine->status().links_by_status)
      counted += links;
    EXPECT_EQ(counted, 0u) << core::to_string(status);
  }
}

// The visit has asked already when the link is purged: what it finds goes nowhere, and it ends.
TEST(Purge, InTheMiddleOfAVisit) {
  PurgeWorld world;
  Outcome outcome;
  world.answer = [&](const api::HttpCall& call) -> api::HttpReply {
    if (!outcome && world.store.links.contains("mk_1"))
      world.io.start(purge(*world.engine, "mk_1", false, outcome));
    return empty_page(link_of(call.target), "c" + std::to_string(world.transport.calls().size()), true);
  };
  world.know("mk_1", world.now());
  world.start();
  world.io.pass(hours(30));
  ASSERT_TRUE(outcome && *outcome);
  EXPECT_FALSE(world.store.links.contains("mk_1")) << "its commit did not bring it back";
  EXPECT_LE(world.transport.calls().size(), 3u) << "and it asked no further";
  EXPECT_EQ(world.engine->status().in_flight, 0u);
  EXPECT_EQ(world.engine->status().links, 0u);
}

TEST(Purge, ALinkThatIsAddedAgainIsANewOne) {
  PurgeWorld world;
  world.know("mk_1", world.now() + hours(1));
  world.store.links["mk_1"].fence = 17;
  world.start();
  ASSERT_TRUE(world.purged("mk_1"));
  const auto added = world.add_again("mk_1");
  ASSERT_TRUE(added) << added.error().message;
  EXPECT_EQ(*added, engine::AddOutcome::added);
  EXPECT_GT(world.store.links["mk_1"].fence, 18u) << "nothing that was computed before fits it";
  world.io.pass(seconds(5));
  EXPECT_EQ(world.observer.cycles.size(), 1u);
  EXPECT_EQ(world.engine->status().links, 1u);
}

// ---- upstream, too ----

TEST(Purge, EndsTheLinkUpstreamFirst) {
  PurgeWorld world;
  std::string asked;
  world.answer = [&](const api::HttpCall& call) {
    asked = call.target;
    EXPECT_EQ(call.method, api::Method::del);
    EXPECT_TRUE(world.store.links.contains("mk_1")) << "nothing is taken away before";
    return json_reply(204, "");
  };
  world.know("mk_1", world.now() + hours(1));
  world.start();
  const auto purged = world.purged("mk_1", true);
  ASSERT_TRUE(purged) << purged.error().message;
  EXPECT_TRUE(purged->unlinked);
  EXPECT_EQ(asked, "/links/mk_1");
  EXPECT_FALSE(world.store.links.contains("mk_1"));
}

TEST(Purge, ALinkThatUpstreamDoesNotKnowIsPurged) {
  for (const auto& [status, code] : {std::pair(404, "link_error.not_found"), {410, "link_error.deleted"}}) {
    PurgeWorld world;
    world.answer = [&](const api::HttpCall&) { return error_reply(status, code); };
    world.know("mk_1", world.now() + hours(1));
    world.start();
    EXPECT_TRUE(world.purged("mk_1", true)) << status;
    EXPECT_FALSE(world.store.links.contains("mk_1"));
  }
}

TEST(Purge, WhereUpstreamRefusesNothingIsTakenAway) {
  PurgeWorld world;
  world.answer = [&](const api::HttpCall&) { return json_reply(403, "{}"); };
  world.know("mk_1", world.now() + hours(1));
  world.start();
  const auto purged = world.purged("mk_1", true);
  ASSERT_FALSE(purged);
  EXPECT_NE(purged.error().message.find("nothing was taken away here"), std::string::npos);
  EXPECT_TRUE(world.store.links.contains("mk_1"));
  EXPECT_TRUE(world.engine->knows(core::LinkId{"mk_1"}));
}

// ---- what is left ----

TEST(Purge, WhatTheLinkHasAskedStillCountsBehindARestart) {
  PurgeWorld before;
  before.know("mk_1", before.now());
  before.start();
  before.io.pass(seconds(1));
  ASSERT_EQ(before.observer.cycles.size(), 1u);
  ASSERT_TRUE(before.purged("mk_1"));
  const std::string note = before.store.notes.at(std::string(core::purged_sends_note));
  const auto sends = core::decode_purged_sends(note);
  ASSERT_EQ(sends.size(), 1u) << note;
  EXPECT_EQ(sends.begin()->first.str(), "mk_1");
  EXPECT_EQ(sends.begin()->second.size(), before.transport.calls().size());

  PurgeWorld after;
  after.engine->restore_purged_sends(note);
  EXPECT_EQ(after.gate.recent_sends(core::LinkId{"mk_1"}).size(), sends.begin()->second.size());
}

TEST(Purge, TheDiscoveryDoesNotBringItBack) {
  engine::EngineOptions options;
  options.discovery_registers = true;
  PurgeWorld world({}, options);
  world.answer = [&](const api::HttpCall& call) {
    if (!call.target.starts_with("/links?")) return no_news(call);
    return json_reply(200, R"({"links":[{"link_id":"mk_1"},{"link_id":"mk_2"}],"next_cursor":""})");
  };
  world.know("mk_1", world.now() + hours(1));
  world.store.notes[core::purged_note(core::LinkId{"mk_1"})] = "now";
  world.start();
  ASSERT_TRUE(world.purged("mk_1"));
  world.io.pass(hours(60));
  EXPECT_TRUE(world.engine->knows(core::LinkId{"mk_2"})) << "the discovery works";
  EXPECT_FALSE(world.engine->knows(core::LinkId{"mk_1"}));
  EXPECT_TRUE(world.add_again("mk_1")) << "a person may";
}

// ---- retention ----

struct Retained : PurgeWorld {
  explicit Retained(core::Millis kept) : PurgeWorld({}, options_of(kept)) {
    know("gone_long", now() + hours(1), LinkStatus::gone);
    know("gone_lately", now() + hours(1), LinkStatus::gone);
    know("paused", now() + hours(1), LinkStatus::paused);
    know("active", now() + hours(1));
    for (auto& [id, record] : store.links)
      record.last_attempt_at = now() - hours(id == "gone_lately" ? 1 : 240);
    start();
  }
  static engine::EngineOptions options_of(core::Millis kept) {
    engine::EngineOptions options;
    options.gone_links_kept = kept;
    return options;
  }
};

TEST(Retention, PurgesLinksThatHaveBeenGoneForLongEnough) {
  Retained world(hours(24 * 5));
  world.io.pass(hours(2));
  EXPECT_FALSE(world.store.links.contains("gone_long"));
  EXPECT_TRUE(world.store.links.contains("gone_lately"));
  EXPECT_TRUE(world.store.links.contains("paused"));
  EXPECT_TRUE(world.store.links.contains("active"));
  ASSERT_EQ(world.store.link_acts.size(), 1u);
  EXPECT_EQ(world.store.link_acts[0].actor, "retention");
  EXPECT_EQ(world.observer.purged, (std::vector<std::pair<std::string, bool>>{{"gone_long", true}}));
  world.io.pass(hours(24 * 5));
  EXPECT_FALSE(world.store.links.contains("gone_lately")) << "in its time";
}

// Between the look at the link and its purge somebody has made a new one of it.
TEST(Retention, LeavesALinkThatIsNotGoneAnyMore) {
  Retained world(hours(24 * 5));
  world.store.before_commit = [&world] {
    core::LinkRecord& record = world.store.links["gone_long"];
    ++record.fence;
    record.status = LinkStatus::active;
    world.store.before_commit = nullptr;
  };
  world.io.pass(hours(2));
  EXPECT_TRUE(world.store.links.contains("gone_long"));
  EXPECT_TRUE(world.observer.purged.empty());
}

TEST(Retention, OffKeepsThemForEver) {
  Retained world(core::Millis(0));
  world.io.pass(hours(24 * 30));
  EXPECT_EQ(world.store.links.size(), 4u);
  world.engine->set_retention(hours(24));
  world.io.pass(hours(2));
  EXPECT_EQ(world.store.links.size(), 2u) << "a reload is enough";
}

}  // namespace
}  // namespace syncd::test
