#include <algorithm>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/engine/engine_world.hpp"

// Links of a bank that fail together, on the real schedule.
namespace syncd::test {
namespace {

using core::IncidentChange;
using core::LinkStatus;
using core::Millis;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr Millis interval = hours(1);

engine::EngineOptions options_of_banks() {
  engine::EngineOptions options;
  options.policy.interval = interval;
  options.policy.accounts_interval = hours(24 * 30);  // feeds alone are counted here
  return options;
}

std::string bank_of(const std::string& link_id) {
  return link_id.substr(0, link_id.find('-'));
}

// The links of bank `chase` are chase-0, chase-1 and so on; what each finds is what its bank, or the link
// itself, has been told to say.
struct Banks : EngineWorld {
  explicit Banks(api::Budgets budgets = {}) : EngineWorld(budgets, options_of_banks()) {
    answer = [this](const api::HttpCall& call) { return say(call); };
  }

  api::HttpReply say(const api::HttpCall& call) {
    const std::string link_id = link_of(call.target);
    ++requests[bank_of(link_id)];
    std::string code = down[bank_of(link_id)];
    if (const auto own = down.find(link_id); own != down.end()) code = own->second;
    std::string link = R"({"link_id":")" + link_id + R"(","institution_id":")" + bank_of(link_id) +
                       R"(","provider":"plaid","state":")" + (code.empty() ? "connected" : "error") + '"';
    if (!code.empty()) link += R"(,"error_code":")" + code + '"';
    link += R"(,"products":{"transactions":{}}})";
    if (call.target == "/links/" + link_id) return json_reply(200, link);
    return json_reply(200, R"({"transactions":{"created":[],"updated":[],"removed":[]},"accounts":[],)"
                           R"("cursor":{"next":"c1"},"has_more":false,"link":)" +
                               link + '}');
  }

  // Stored links that worked until now, their visits spread over the interval.
  void add(const std::string& bank, int count) {
    for (int at = 0; at < count; ++at) {
      core::LinkRecord record;
      record.link_id = core::LinkId{bank + '-' + std::to_string(at)};
      record.institution_id = bank;
      record.provider = "plaid";
      record.next_due_at = now() + interval * at / count;
      record.accounts_wanted = false;
      record.accounts_pulled_at = now();
      record.last_success_at = now();
      record.cursor = core::Cursor{"c0"};
      keep(record);
    }
  }
  void keep(const core::LinkRecord& record) {
    store.links[record.link_id.str()] = record;
    engine->register_stored({.link_id = record.link_id,
                             .status = record.status,
                             .next_due_at = record.next_due_at,
                             .last_success_at = record.last_success_at,
                             .recent_sends = {},
                             .institution_id = record.institution_id,
                             .provider = record.provider,
                             .upstream_error_code = record.upstream_error_code});
  }
  std::vector<const core::LinkRecord*> of(const std::string& bank) const {
    std::vector<const core::LinkRecord*> records;
    for (const auto& [link_id, record] : store.links) {
      if (bank_of(link_id) == bank) records.push_back(&record);
    }
    return records;
  }
  // Requests to the bank while `span` passes.
  std::uint64_t asked_in(const std::string& bank, Millis span) {
    const std::uint64_t before = requests[bank];
    io.pass(span);
    return requests[bank] - before;
  }
  std::size_t count(IncidentChange change) const {
    return static_cast<std::size_t>(
        std::ranges::count(observer.outages, change, &core::IncidentEvent::change));
  }
  bool held_back(const std::string& link_id) const {
    return engine->held_back_by(core::LinkId{link_id}).has_value();
  }
  std::size_t actionable(const std::string& bank) const {
    const auto waits = [&](const core::LinkRecord* record) {
      return record->status == LinkStatus::relink && !held_back(record->link_id.str());
    };
    return static_cast<std::size_t>(std::ranges::count_if(of(bank), waits));
  }
  Millis longest_lag(const std::string& bank, std::size_t from) const {
    Millis longest{0};
    for (std::size_t at = from; at < observer.cycles.size(); ++at) {
      const core::CycleReport& report = observer.cycles[at];
      if (bank_of(report.link_id.str()) == bank) longest = std::max(longest, report.schedule_lag);
    }
    return longest;
  }
  // Every link of the bank has worked since.
  void expect_fresh(const std::string& bank, core::WallTime since) const {
    for (const core::LinkRecord* record : of(bank)) {
      EXPECT_GE(record->last_success_at, since) << record->link_id.str();
      EXPECT_EQ(record->status, LinkStatus::active) << record->link_id.str();
    }
  }

  std::map<std::string, std::string> down;  // bank or link -> its error code
  std::map<std::string, std::uint64_t> requests;
};

class WholeBank : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Codes, WholeBank,
                         testing::Values("institution_error", "provider_error", "system_error",
                                         "auth_expired", "invalid_credentials"),
                         [](const auto& info) { return std::string(info.param); });

TEST_P(WholeBank, IsOneIncidentWithOneCanary) {
  Banks world;
  world.add("chase", 300);
  world.add("other", 300);
  world.start();
  world.io.pass(hours(2));
  const std::uint64_t usual = world.asked_in("chase", hours(6));
  EXPECT_TRUE(world.observer.outages.empty());

  world.down["chase"] = GetParam();
  const std::uint64_t other_before = world.requests["other"];
  const std::size_t cycles_before = world.observer.cycles.size();
  const std::uint64_t asked = world.asked_in("chase", hours(6));
  EXPECT_LE(asked * 20, usual) << "at least 95 per cent fewer";
  EXPECT_GT(asked, 70u) << "and the recovery would be seen";
  EXPECT_EQ(world.count(IncidentChange::opened), 1u);
  EXPECT_EQ(world.observer.outages.size(), 1u);
  EXPECT_EQ(world.actionable("chase"), 0u);
  const auto incidents = world.engine->status().incidents;
  ASSERT_EQ(incidents.size(), 1u);
  EXPECT_EQ(incidents[0].what.name, "chase");
  EXPECT_EQ(incidents[0].what.links_total, 300u);
  const bool waits =
      std::string_view(GetParam()) == "auth_expired" || std::string_view(GetParam()) == "invalid_credentials";
  EXPECT_EQ(incidents[0].what.held_back, waits ? incidents[0].what.links_failing : 0u);
  EXPECT_NEAR(static_cast<double>(world.requests["other"] - other_before), static_cast<double>(usual), 30.0);
  EXPECT_LE(world.longest_lag("other", cycles_before), Millis(1'000));

  world.down.clear();
  const core::WallTime recovered = world.now();
  const std::size_t cycles_then = world.observer.cycles.size();
  world.io.pass(minutes(15));
  world.expect_fresh("chase", recovered);
  EXPECT_TRUE(world.engine->incidents().empty());
  EXPECT_EQ(world.count(IncidentChange::ramp), 1u);
  EXPECT_EQ(world.count(IncidentChange::closed), 1u);
  EXPECT_LE(world.longest_lag("other", cycles_then), Millis(1'000));
  const std::uint64_t again = world.asked_in("chase", hours(6));
  EXPECT_NEAR(static_cast<double>(again), static_cast<double>(usual), 60.0) << "as before";
}

// Nothing falls out of the schedule, and the other links' visits are not behind hundreds of given back ones.
TEST(Outage, TheRampLeavesTheOthersTheirTurn) {
  Banks world({.sync_per_app = 60});
  world.add("chase", 400);
  world.add("other", 600);
  world.start();
  world.io.pass(hours(2));
  world.down["chase"] = "institution_error";
  world.io.pass(hours(3));
  world.down.clear();
  const core::WallTime recovered = world.now();
  const std::size_t cycles_then = world.observer.cycles.size();
  world.io.pass(minutes(15));
  world.expect_fresh("chase", recovered);
  EXPECT_LE(world.longest_lag("other", cycles_then), Millis(minutes(2)));
}

TEST(Outage, ATrickleOfExpiriesIsNone) {
  Banks world;
  world.add("chase", 300);
  world.start();
  for (int at = 0; at < 200; ++at) {
    world.down["chase-" + std::to_string(at)] = "auth_expired";
    world.io.pass(minutes(20));
  }
  EXPECT_TRUE(world.observer.outages.empty());
  EXPECT_GT(world.actionable("chase"), 190u);
}

TEST(Outage, ASmallBankIsNeverHeldBack) {
  Banks world;
  world.add("tiny", 2);
  world.add("chase", 100);
  world.start();
  world.io.pass(hours(1));
  world.down["tiny"] = "auth_expired";
  world.io.pass(hours(3));
  EXPECT_TRUE(world.observer.outages.empty());
  EXPECT_EQ(world.actionable("tiny"), 2u);
}

TEST(Outage, AnOlderEntryStaysActionable) {
  Banks world;
  world.add("chase", 300);
  world.start();
  world.io.pass(hours(1));
  world.down["chase-7"] = "auth_expired";
  world.io.pass(hours(2));
  ASSERT_EQ(world.actionable("chase"), 1u);
  world.down["chase"] = "auth_expired";
  world.io.pass(hours(2));
  EXPECT_EQ(world.count(IncidentChange::opened), 1u);
  EXPECT_EQ(world.actionable("chase"), 1u);
  EXPECT_FALSE(world.held_back("chase-7"));
}

// Of a link that is new here nobody knows which bank it is of, until it is looked at.
struct UnknownBank : testing::Test {
  UnknownBank() {
    world.add("chase", 300);
    world.start();
    world.io.pass(hours(2));
    world.down["chase"] = "institution_error";
    world.io.pass(hours(1));
    EXPECT_EQ(world.count(IncidentChange::opened), 1u);
  }
  // One that waits since then; it is looked at when somebody asks for it.
  void add_waiting(core::WallTime since) {
    core::LinkRecord record;
    record.link_id = core::LinkId{"chase-new"};
    record.status = LinkStatus::relink;
    record.next_due_at = world.now() + hours(1);
    world.keep(record);
    world.store.relinks["chase-new"] = {.link_id = record.link_id,
                                        .status = core::RelinkStatus::open,
                                        .reason = "auth_expired",
                                        .opened_at = since};
    ASSERT_TRUE(world.engine->sync_now(record.link_id));
    world.io.pass(seconds(10));
    ASSERT_EQ(world.store.links["chase-new"].institution_id, "chase");
    ASSERT_EQ(world.store.links["chase-new"].status, LinkStatus::relink);
  }
  Banks world;
};

TEST_F(UnknownBank, AnEntryThatWasOpenedWhileItWasDownIsHeldBack) {
  add_waiting(world.now() - minutes(10));
  EXPECT_TRUE(world.held_back("chase-new"));
}

TEST_F(UnknownBank, AnEntryFromBeforeIsNot) {
  add_waiting(world.now() - hours(3));
  EXPECT_FALSE(world.held_back("chase-new"));
}

// One of them had really expired: it is asked in the ramp, and then its entry is for somebody to act on.
TEST(Outage, WhoReallyNeedsTheOwnerIsActionableInTheEnd) {
  Banks world;
  world.add("chase", 300);
  world.start();
  world.io.pass(hours(1));
  world.down["chase"] = "auth_expired";
  world.io.pass(hours(2));
  ASSERT_TRUE(world.observer.outages.size() == 1 && world.actionable("chase") == 0);
  const auto links = world.of("chase");
  const auto waiting = std::ranges::find(links, LinkStatus::relink, &core::LinkRecord::status);
  ASSERT_NE(waiting, links.end());
  const std::string link_id = (*waiting)->link_id.str();
  world.down.clear();
  world.down[link_id] = "auth_expired";
  world.io.pass(minutes(15));
  EXPECT_TRUE(world.engine->incidents().empty());
  EXPECT_EQ(world.actionable("chase"), 1u);
  EXPECT_EQ(world.store.links[link_id].status, LinkStatus::relink);
}

TEST(Outage, WhatAPersonAsksForIsDone) {
  Banks world;
  world.add("chase", 300);
  world.start();
  world.io.pass(hours(1));
  world.down["chase"] = "institution_error";
  world.io.pass(minutes(30));
  ASSERT_EQ(world.count(IncidentChange::opened), 1u);
  const std::uint64_t before = world.requests["chase"];
  for (int at = 100; at < 110; ++at)
    ASSERT_TRUE(world.engine->sync_now(core::LinkId{"chase-" + std::to_string(at)}));
  world.io.pass(seconds(5));
  EXPECT_GE(world.requests["chase"] - before, 10u);
}

TEST(Outage, ARelapseInTheRampOpensItAgain) {
  Banks world;
  world.add("chase", 300);
  world.start();
  world.io.pass(hours(1));
  world.down["chase"] = "auth_expired";
  world.io.pass(hours(2));
  world.down.clear();
  while (world.count(IncidentChange::ramp) == 0)
    world.io.pass(seconds(1));
  world.down["chase"] = "auth_expired";
  EXPECT_LE(world.asked_in("chase", minutes(60)), 30u);
  EXPECT_EQ(world.count(IncidentChange::relapsed), 1u);
  EXPECT_EQ(world.actionable("chase"), 0u);
  world.down.clear();
  const core::WallTime recovered = world.now();
  world.io.pass(minutes(15));
  world.expect_fresh("chase", recovered);
  EXPECT_EQ(world.count(IncidentChange::opened), 1u);
  EXPECT_EQ(world.count(IncidentChange::closed), 1u);
}

TEST(Outage, OfAProviderIsOneIncident) {
  Banks world;
  for (const char* bank : {"a", "b", "c", "d"})
    world.add(bank, 75);
  world.start();
  world.io.pass(hours(1));
  for (const char* bank : {"a", "b", "c", "d"})
    world.down[bank] = "provider_error";
  world.io.pass(hours(2));
  const auto incidents = world.engine->incidents();
  ASSERT_EQ(incidents.size(), 1u);
  EXPECT_EQ(incidents[0].what.scope, core::IncidentScope::provider);
  EXPECT_EQ(incidents[0].what.name, "plaid");
  EXPECT_EQ(incidents[0].what.links_total, 300u);
  world.down.clear();
  const core::WallTime recovered = world.now();
  world.io.pass(minutes(15));
  for (const char* bank : {"a", "b", "c", "d"})
    world.expect_fresh(bank, recovered);
}

TEST(Outage, SwitchedOffEverythingIsVisitedAgain) {
  Banks world;
  world.add("chase", 300);
  world.start();
  world.io.pass(hours(1));
  world.down["chase"] = "auth_expired";
  world.io.pass(hours(2));
  core::Policy policy = options_of_banks().policy;
  policy.incidents.enabled = false;
  world.engine->set_policy(policy);
  world.io.pass(hours(2));
  EXPECT_TRUE(world.engine->incidents().empty());
  EXPECT_EQ(world.actionable("chase"), 300u);
}

// Paused, gone and removed links are no part of it any more.
TEST(Outage, ALinkThatIsPausedIsNotCounted) {
  Banks world;
  world.add("chase", 300);
  world.start();
  world.io.pass(hours(1));
  world.down["chase"] = "institution_error";
  world.io.pass(minutes(30));
  const auto pause = [](engine::Engine& engine) -> api::Task<void> {
    core::LinkId link_id{"chase-42"};
    const auto paused = co_await engine.pause(std::move(link_id), by_a_test);
    EXPECT_TRUE(paused);
  };
  world.io.start(pause(*world.engine));
  EXPECT_EQ(world.engine->incidents().at(0).what.links_total, 299u);
}

// ---- a restart in the middle ----

struct Restart : testing::Test {
  Restart() {
    before.add("chase", 300);
    before.start();
    before.io.pass(hours(1));
    before.down["chase-7"] = "auth_expired";
    before.io.pass(hours(2));
    before.down["chase"] = "auth_expired";
    before.io.pass(hours(2));
    before.stop();
    before.io.settle();
    after.io.pass(hours(5) + minutes(1));
    for (const auto& [link_id, record] : before.store.links)
      after.keep(record);
    after.store.relinks = before.store.relinks;
    after.down = before.down;
  }
  Banks before;
  Banks after;
};

TEST_F(Restart, TheIncidentGoesOn) {
  ASSERT_EQ(before.observer.outages.size(), 1u);
  after.engine->restore_incidents(before.store.notes.at("incidents"));
  after.start();
  EXPECT_LE(after.asked_in("chase", hours(1)), 16u);
  ASSERT_EQ(after.observer.outages.size(), 1u);
  EXPECT_EQ(after.observer.outages[0].change, IncidentChange::restored);
  EXPECT_EQ(after.observer.outages[0].incident.id, before.observer.outages[0].incident.id);
  EXPECT_EQ(after.actionable("chase"), 1u) << "the one that had expired long before";
  EXPECT_FALSE(after.held_back("chase-7"));
  after.down.erase("chase");
  const core::WallTime recovered = after.now();
  after.io.pass(minutes(15));
  EXPECT_TRUE(after.engine->incidents().empty());
  EXPECT_EQ(after.store.links["chase-7"].status, LinkStatus::relink);
  after.store.links.erase("chase-7");
  after.expect_fresh("chase", recovered);
}

// A note that was lost costs one more detection.
TEST_F(Restart, WithoutItsNoteItIsFoundAgain) {
  after.start();
  after.io.pass(hours(2));
  EXPECT_EQ(after.count(IncidentChange::opened), 1u);
  EXPECT_LE(after.requests["chase"], 200u);
}

}  // namespace
}  // namespace syncd::test
