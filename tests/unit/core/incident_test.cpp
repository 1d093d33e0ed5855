#include "sync/core/incident.hpp"

#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/core/incident_world.hpp"

namespace syncd::test {
namespace {

using core::Failing;
using core::Millis;
using core::VisitSign;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;

using Lines = std::vector<std::string>;

// ---- when one opens ----

TEST(Incident, OpensWhenEnoughLinksOfABankFailTogether) {
  for (const VisitSign sign : {VisitSign::outage, VisitSign::owner}) {
    IncidentWorld world;
    const auto chase = world.add("chase", 100);
    world.visit(chase, 4, sign);
    EXPECT_THAT(world.told(), IsEmpty());
    world.visit(chase + 4, sign);
    EXPECT_THAT(world.told(), ElementsAre("opened institution chase"));
    const auto views = world.incidents.views(world.now);
    ASSERT_EQ(views.size(), 1u);
    EXPECT_EQ(views[0].links_failing, 5u);
    EXPECT_EQ(views[0].links_total, 100u);
    EXPECT_EQ(views[0].held_back, sign == VisitSign::owner ? 5u : 0u);
    world.visit(chase + 5, 20, sign);
    EXPECT_THAT(world.told(), IsEmpty()) << "exactly one";
  }
}

struct Quiet {
  std::string name;
  std::function<void(IncidentWorld&)> happens;
};

class NoIncident : public testing::TestWithParam<Quiet> {};

TEST_P(NoIncident, None) {
  IncidentWorld world;
  GetParam().happens(world);
  EXPECT_THAT(world.told(), IsEmpty());
  EXPECT_TRUE(world.incidents.none());
  for (std::uint32_t link = 0; link < world.links(); ++link)
    EXPECT_FALSE(world.incidents.holds(link) || world.held_back(link));
}

const std::vector<Quiet> quiet_days = {
    {"OneExpiry", [](IncidentWorld& w) { w.visit(w.add("chase", 100), VisitSign::owner); }},
    {"TheSameLinkAgainAndAgain",
     [](IncidentWorld& w) {
       const auto link = w.add("chase", 100);
       for (int i = 0; i < 50; ++i) {
         w.visit(link, VisitSign::owner);
         if (i % 2 == 0) w.visit(link, VisitSign::ok);
       }
     }},
    {"ABankWithTwoLinks", [](IncidentWorld& w) { w.visit(w.add("tiny", 2), 2, VisitSign::outage); }},
    {"TooFewOfManyBanks",
     [](IncidentWorld& w) {
       for (int bank = 0; bank < 4; ++bank)
         w.visit(w.add("bank" + std::to_string(bank), 4), 4, VisitSign::owner);
     }},
    {"ATrickleOfAll",
     [](IncidentWorld& w) {
       const auto link = w.add("chase", 500);
       for (std::uint32_t i = 0; i < 500; ++i) {
         w.visit(link + i, VisitSign::owner);
         w.pass(minutes(8));
       }
     }},
    {"FewAmongManyThatWork",
     [](IncidentWorld& w) {
       const auto link = w.add("chase", 1'000);
       for (std::uint32_t i = 0; i < 1'000; ++i) {
         w.visit(link + i, i % 4 == 0 ? VisitSign::owner : VisitSign::ok);
         w.pass(seconds(1));
       }
     }},
    {"OtherFailures", [](IncidentWorld& w) { w.visit(w.add("chase", 100), 100, VisitSign::none); }},
    {"LinksThatNeverWorked",
     [](IncidentWorld& w) {
       const auto link = w.add("chase", 100);
       for (std::uint32_t i = 0; i < 100; ++i)
         w.visit(link + i, VisitSign::owner, false);
     }},
    {"LinksThatWaitAlready",
     [](IncidentWorld& w) { w.visit(w.add("chase", 100, "", Failing::owner), 100, VisitSign::owner); }},
    {"NoInstitution", [](IncidentWorld& w) { w.visit(w.add("", 100), 100, VisitSign::owner); }},
    {"ANameThatIsTooLong",
     [](IncidentWorld& w) { w.visit(w.add(std::string(129, 'x'), 100), 100, VisitSign::owner); }},
    {"ANameWithControlCharacters",
     [](IncidentWorld& w) {
       w.visit(w.add("a\x1f"
                     "b",
                     100),
               100, VisitSign::owner);
     }},
};
INSTANTIATE_TEST_SUITE_P(Days, NoIncident, testing::ValuesIn(quiet_days),
                         [](const auto& info) { return info.param.name; });

TEST(Incident, IsAMatterOfTheWindow) {
  for (const auto& [pause, opens] : {std::pair{Millis(minutes(7)), true}, {Millis(minutes(8)), false}}) {
    IncidentWorld world;
    const auto link = world.add("chase", 100);
    for (std::uint32_t i = 0; i < 5; ++i) {
      if (i > 0) world.pass(pause);
      world.visit(link + i, VisitSign::outage);
    }
    EXPECT_EQ(world.told().size(), opens ? 1u : 0u) << pause.count();
  }
}

TEST(Incident, IsAMatterOfTheShare) {
  for (const auto& [well, opens] : {std::pair{5u, true}, {6u, false}}) {
    IncidentWorld world;
    const auto link = world.add("chase", 100);
    world.visit(link, VisitSign::outage);
    world.visit(link + 50, well, VisitSign::ok);
    world.visit(link + 1, 4, VisitSign::outage);
    EXPECT_EQ(world.told().size(), opens ? 1u : 0u) << well;
  }
}

// What worked just before the outage is no reason to wait.
TEST(Incident, WhatWorkedBeforeTheFirstFailureDoesNotCount) {
  IncidentWorld world;
  const auto link = world.add("chase", 1'000);
  world.visit(link, 900, VisitSign::ok);
  world.visit(link, 5, VisitSign::outage);
  EXPECT_THAT(world.told(), ElementsAre("opened institution chase"));
}

TEST(Incident, ABankThatAlwaysFailsNowAndThenNeedsMore) {
  IncidentWorld world;
  const auto link = world.add("flaky", 1'000);
  // Every fifth visit fails, for days: five times that is more than nine tenths.
  for (std::uint32_t i = 0; i < 4'000; ++i) {
    world.visit(link + i % 999, i % 5 == 0 ? VisitSign::outage : VisitSign::ok);
    world.pass(minutes(1));
  }
  EXPECT_THAT(world.told(), IsEmpty());
  world.visit(link, 20, VisitSign::ok);
  world.visit(link, VisitSign::outage);
  world.visit(link + 500, VisitSign::ok);
  world.visit(link + 1, 4, VisitSign::outage);
  EXPECT_THAT(world.told(), IsEmpty()) << "five of six are an ordinary day here";
  world.visit(link + 5, 5, VisitSign::outage);
  EXPECT_THAT(world.told(), ElementsAre("opened institution flaky")) << "and an outage is an outage";
}

TEST(Incident, ChanceOpensNone) {
  IncidentWorld world;
  std::mt19937 dice(7);
  const auto link = world.add("chase", 2'000);
  for (int i = 0; i < 200'000; ++i) {  // a month of visits, one in a hundred finds an expiry
    const auto at = link + static_cast<std::uint32_t>(dice() % 2'000);
    world.visit(at, dice() % 100 == 0 ? VisitSign::owner : VisitSign::ok);
    world.pass(seconds(13));
  }
  EXPECT_THAT(world.told(), IsEmpty());
}

TEST(Incident, TwoProvidersOfABankAreTwoGroups) {
  IncidentWorld world;
  const auto through_a = world.add("chase", 10, "a");
  const auto through_b = world.add("chase", 10, "b");
  world.visit(through_a, 3, VisitSign::outage);
  world.visit(through_b, 3, VisitSign::outage);
  EXPECT_THAT(world.told(), IsEmpty());
  world.visit(through_b + 3, 2, VisitSign::outage);
  EXPECT_THAT(world.told(), ElementsAre("opened institution chase"));
  EXPECT_TRUE(world.incidents.holds(through_b + 9));
  EXPECT_FALSE(world.incidents.holds(through_a + 9));
}

// ---- a provider ----

TEST(ProviderIncident, TakesOverThoseOfItsBanks) {
  IncidentWorld world;
  for (const char* bank : {"a", "b", "c"})
    world.add(bank, 20, "plaid");
  const auto other = world.add("d", 20, "mx");
  for (std::uint32_t bank = 0; bank < 3; ++bank)
    world.visit(bank * 20, 5, VisitSign::owner);
  EXPECT_THAT(world.told(),
              ElementsAre("opened institution a", "opened institution b", "opened institution c",
                          "closed institution c absorbed", "closed institution b absorbed",
                          "closed institution a absorbed", "opened provider plaid"));
  const auto views = world.incidents.views(world.now);
  ASSERT_EQ(views.size(), 1u);
  EXPECT_EQ(views[0].links_total, 60u);
  EXPECT_EQ(views[0].held_back, 15u);
  EXPECT_TRUE(world.incidents.holds(59));
  EXPECT_FALSE(world.incidents.holds(other));
  world.run(minutes(15), VisitSign::ok);
  EXPECT_THAT(world.told(), ElementsAre("ramp provider plaid", "closed provider plaid recovered"));
  EXPECT_FALSE(world.held_back(0));
}

TEST(ProviderIncident, OpensForManySmallBanks) {
  IncidentWorld world;
  for (int bank = 0; bank < 50; ++bank)
    world.add("bank" + std::to_string(bank), 2, "plaid");
  for (std::uint32_t link = 0; link < 10; ++link)
    world.visit(link, VisitSign::outage);
  EXPECT_THAT(world.told(), ElementsAre("opened provider plaid"));
}

TEST(ProviderIncident, IsNotOneBankOfIt) {
  IncidentWorld world;
  world.add("big", 500, "plaid");
  const auto small = world.add("small", 500, "plaid");
  for (std::uint32_t i = 0; i < 200; ++i) {
    world.visit(i, VisitSign::outage);
    world.visit(small + i, VisitSign::ok);
  }
  EXPECT_THAT(world.told(), ElementsAre("opened institution big"));
}

TEST(ProviderIncident, ABankThatStaysDownGoesOnAlone) {
  IncidentWorld world;
  for (const char* bank : {"a", "b", "c", "d"})
    world.add(bank, 100, "plaid");
  for (std::uint32_t bank = 0; bank < 4; ++bank)
    world.visit(bank * 100, 40, VisitSign::owner);
  world.told();
  const auto down = [](std::uint32_t link) { return link < 100; };
  world.run(hours(1), [&](std::uint32_t link) { return down(link) ? VisitSign::owner : VisitSign::ok; });
  const auto views = world.incidents.views(world.now);
  ASSERT_EQ(views.size(), 1u);
  EXPECT_EQ(views[0].name, "a");
  EXPECT_TRUE(world.held_back(0));
  EXPECT_FALSE(world.held_back(100) || world.held_back(399));
  for (std::uint32_t link = 100; link < 400; ++link)
    EXPECT_EQ(world.marks[link].failing, Failing::no) << link;
}

// ---- what waits ----

TEST(Incident, HoldsBackWhatBeganInItsWindow) {
  IncidentWorld world;
  const auto link = world.add("chase", 100);
  world.visit(link + 90, VisitSign::owner);
  world.pass(minutes(31));
  world.visit(link + 91, VisitSign::owner);
  world.pass(minutes(29));
  world.visit(link, 5, VisitSign::owner);
  EXPECT_FALSE(world.held_back(link + 90)) << "long before";
  EXPECT_TRUE(world.held_back(link + 91)) << "within the window";
  EXPECT_TRUE(world.held_back(link) && world.held_back(link + 4));
  world.visit(link + 6, VisitSign::owner);
  EXPECT_TRUE(world.held_back(link + 6)) << "later";
  world.visit(link + 90, VisitSign::owner);
  EXPECT_FALSE(world.held_back(link + 90)) << "seen again, it is no newer";
  EXPECT_EQ(world.incidents.views(world.now)[0].held_back, 7u);
}

TEST(Incident, AnOutageThatTurnsIntoExpiriesHoldsThemBack) {
  IncidentWorld world;
  const auto link = world.add("chase", 100);
  world.visit(link, 5, VisitSign::outage);
  EXPECT_FALSE(world.held_back(link));
  world.visit(link, VisitSign::owner);
  EXPECT_TRUE(world.held_back(link));
}

TEST(Incident, AnEntryStaysHeldBackWhateverItsLinkSaysNext) {
  IncidentWorld world;
  const auto link = world.add("chase", 100);
  world.visit(link, 5, VisitSign::owner);
  world.visit(link, VisitSign::outage);
  world.visit(link + 1, VisitSign::none);
  EXPECT_TRUE(world.held_back(link) && world.held_back(link + 1));
}

TEST(Incident, AsksOneLinkEverMoreSlowlyAndAnotherEachTime) {
  IncidentWorld world;
  const auto link = world.add("chase", 100);
  world.visit(link, 5, VisitSign::outage);
  std::vector<std::uint32_t> asked;
  std::vector<Millis> when;
  world.run(minutes(30), [&](std::uint32_t canary) {
    asked.push_back(canary);
    when.push_back(world.now.steady - Millis{5'000});
    EXPECT_FALSE(world.incidents.holds(canary));
    EXPECT_TRUE(world.incidents.holds(canary + 1));
    return VisitSign::outage;
  });
  EXPECT_THAT(when, ElementsAre(minutes(1), minutes(2), minutes(4), minutes(8), minutes(13), minutes(18),
                                minutes(23), minutes(28)));
  // They lie apart: those with neighbouring numbers may be of one bank or one customer.
  EXPECT_THAT(asked, ElementsAre(0, 61, 22, 83, 44, 5, 66, 27));
}

TEST(Incident, WhoNeededItsOwnerLongBeforeIsNoCanary) {
  IncidentWorld world;
  world.add("chase", 50, "", Failing::owner);
  const auto link = world.add("chase", 10);
  world.visit(link, 5, VisitSign::outage);
  world.run(hours(2), [&](std::uint32_t canary) {
    EXPECT_GE(canary, link);
    return VisitSign::outage;
  });
  EXPECT_GT(world.canaries, 20u);
}

TEST(Incident, OneThatReallyExpiredDoesNotHideTheRecovery) {
  IncidentWorld world;
  const auto link = world.add("chase", 100);
  world.visit(link, 10, VisitSign::owner);
  world.run(minutes(15), [&](std::uint32_t at) { return at == link ? VisitSign::owner : VisitSign::ok; });
  EXPECT_THAT(world.told(), ElementsAre("opened institution chase", "ramp institution chase",
                                        "closed institution chase recovered"));
  EXPECT_FALSE(world.held_back(link)) << "it was asked, and it is true";
  EXPECT_EQ(world.marks[link].failing, Failing::owner);
}

TEST(Incident, AMemberThatLeavesIsNotWaitedFor) {
  IncidentWorld world;
  const auto link = world.add("chase", 10);
  world.visit(link, 5, VisitSign::outage);
  for (std::uint32_t at = link; at < link + 10; ++at)
    world.incidents.forget(at);
  world.run(minutes(6), VisitSign::outage);
  EXPECT_EQ(world.visits, 0u);
  EXPECT_TRUE(world.incidents.none());
}

// ---- the ramp ----

TEST(Ramp, DoublesEachMinuteAndHoldsTheRestUntilThen) {
  IncidentWorld world;
  const auto link = world.add("chase", 640);
  world.visit(link, 5, VisitSign::outage);
  for (std::uint32_t at = link + 5; at < link + 640; ++at)
    world.incidents.park(at);
  world.pass(minutes(1));
  ASSERT_EQ(world.incidents.due(world.now).size(), 1u);
  world.visit(link, VisitSign::ok);
  std::vector<std::size_t> sizes;
  for (int minute = 0; minute < 7; ++minute) {
    std::size_t given_back = 0;
    for (auto visits = world.incidents.due(world.now); !visits.empty();
         visits = world.incidents.due(world.now)) {
      EXPECT_LE(visits.size(), core::ramp_in_line_max);
      given_back += visits.size();
      for (const auto& visit : visits) {
        EXPECT_FALSE(world.incidents.holds(visit.link));
        world.visit(visit.link, VisitSign::ok);
      }
    }
    sizes.push_back(given_back);
    const auto waits = std::ranges::count_if(world.marks, &core::LinkMark::parked);
    EXPECT_EQ(waits > 0, minute < 6);
    if (world.incidents.none()) break;
    EXPECT_LE(world.incidents.next_at() - world.now.steady, core::ramp_step);
    world.pass(minutes(1));
  }
  EXPECT_THAT(sizes, ElementsAre(10, 20, 40, 80, 160, 320, 9));
  EXPECT_TRUE(world.incidents.none());
}

TEST(Ramp, IsNeverMoreThanSomeVisitsAhead) {
  IncidentWorld world;
  const auto link = world.add("chase", 10'000);
  world.visit(link, 5, VisitSign::outage);
  for (std::uint32_t at = link; at < link + 10'000; ++at)
    world.incidents.park(at);
  world.visit(link, VisitSign::ok);
  std::size_t in_line = 0;
  for (int minute = 0; minute < 5; ++minute) {
    in_line += world.incidents.due(world.now).size();
    world.pass(minutes(1));
  }
  EXPECT_EQ(in_line, core::ramp_in_line_max);
}

TEST(Ramp, ARelapseOpensTheIncidentAgain) {
  IncidentWorld world;
  const auto link = world.add("chase", 200);
  world.visit(link, 100, VisitSign::outage);
  for (std::uint32_t at = link + 100; at < link + 200; ++at)
    world.incidents.park(at);
  world.visit(link, VisitSign::ok);
  world.run(minutes(4), VisitSign::outage);
  EXPECT_THAT(world.told(), ElementsAre("opened institution chase", "ramp institution chase",
                                        "relapsed institution chase"));
  EXPECT_EQ(world.incidents.views(world.now)[0].phase, core::IncidentPhase::open);
  EXPECT_LE(world.visits, 12u);
  EXPECT_TRUE(world.incidents.holds(link + 150));
  world.run(minutes(15), VisitSign::ok);
  EXPECT_THAT(world.told(), ElementsAre("ramp institution chase", "closed institution chase recovered"));
  EXPECT_GE(world.visits, 199u) << "everything that had waited or failed was given back";
}

TEST(Ramp, EndsAtATimeWhenItsVisitsDoNot) {
  IncidentWorld world;
  const auto link = world.add("chase", 200);
  world.visit(link, 100, VisitSign::owner);
  world.visit(link, VisitSign::ok);
  std::size_t given_back = 0;
  for (int minute = 0; minute <= 60; ++minute) {
    given_back += world.incidents.due(world.now).size();
    world.pass(minutes(1));
  }
  EXPECT_EQ(given_back, 99u) << "some at a time, and the rest in the end";
  EXPECT_TRUE(world.incidents.none());
  EXPECT_THAT(world.told().back(), "closed institution chase timeout");
  EXPECT_FALSE(world.held_back(link + 1));
}

// ---- what really expired ----

TEST(Incident, ExpiriesThatLastAreTrue) {
  IncidentWorld world;
  const auto link = world.add("chase", 200);
  world.visit(link, 100, VisitSign::owner);
  EXPECT_TRUE(world.held_back(link));
  world.run(hours(25), VisitSign::owner);
  EXPECT_THAT(world.told(), ElementsAre("opened institution chase", "closed institution chase lasting"));
  EXPECT_FALSE(world.held_back(link));
}

TEST(Incident, ExpiriesThatStayWhileTheBankAnswersAreTrue) {
  IncidentWorld world;
  const auto link = world.add("chase", 200);
  world.visit(link, 100, VisitSign::owner);
  world.run(hours(2), [&](std::uint32_t at) { return at < link + 100 ? VisitSign::owner : VisitSign::ok; });
  EXPECT_THAT(world.told().back(), "closed institution chase lasting");
  EXPECT_FALSE(world.held_back(link));
}

TEST(Incident, AnOutageLastsAsLongAsItLastsButHoldsBackForADay) {
  IncidentWorld world;
  const auto link = world.add("chase", 200);
  world.visit(link, 100, VisitSign::outage);
  world.visit(link + 150, VisitSign::owner);
  world.run(hours(23), VisitSign::outage);
  EXPECT_TRUE(world.held_back(link + 150) || world.marks[link + 150].failing == Failing::outage);
  world.visit(link + 151, VisitSign::owner);
  EXPECT_TRUE(world.held_back(link + 151));
  world.run(hours(2), VisitSign::outage);
  EXPECT_FALSE(world.incidents.none());
  world.visit(link + 151, VisitSign::owner);
  EXPECT_FALSE(world.held_back(link + 151));
  EXPECT_EQ(world.incidents.views(world.now)[0].held_back, 0u);
}

// ---- a reload ----

TEST(Incident, DisabledItHoldsNothing) {
  IncidentWorld world;
  const auto link = world.add("chase", 100);
  world.visit(link, 5, VisitSign::owner);
  world.incidents.park(link + 50);
  world.told();
  world.incidents.set_policy({.enabled = false}, world.now);
  EXPECT_THAT(world.told(), ElementsAre("closed institution chase disabled"));
  const auto visits = world.incidents.due(world.now);
  ASSERT_EQ(visits.size(), 1u);
  EXPECT_EQ(visits[0].link, link + 50);
  world.visit(link + 5, 90, VisitSign::owner);
  EXPECT_TRUE(world.incidents.none());
  EXPECT_EQ(world.incidents.next_at(), Millis::max());
}

TEST(Incident, TakesOtherNumbersAtOnce) {
  IncidentWorld world;
  const auto link = world.add("chase", 100);
  world.visit(link, 4, VisitSign::owner);
  world.incidents.set_policy({.min_links = 3}, world.now);
  world.visit(link + 4, VisitSign::owner);
  EXPECT_THAT(world.told(), ElementsAre("opened institution chase"));
}

// ---- a restart ----

TEST(Restore, GoesOnWithACanaryAtOnce) {
  IncidentWorld world;
  const auto link = world.add("chase", 100, "plaid");
  world.visit(link + 90, VisitSign::owner);
  world.pass(hours(1));
  world.visit(link, 5, VisitSign::owner);
  const std::string note = world.incidents.note();
  const auto before = world.incidents.views(world.now)[0];

  IncidentWorld later;
  later.now = world.now;
  later.now.steady = Millis{3};
  later.pass(minutes(10));
  later.add("chase", 5, "plaid", Failing::owner);
  later.add("chase", 85, "plaid");
  later.add("chase", 1, "plaid", Failing::owner);
  later.incidents.restore(note, later.now);
  EXPECT_THAT(later.told(), ElementsAre("restored institution chase"));
  const auto after = later.incidents.views(later.now)[0];
  EXPECT_EQ(after.id, before.id);
  EXPECT_EQ(after.opened_at, before.opened_at);
  EXPECT_EQ(after.links_total, 91u);
  EXPECT_EQ(later.incidents.unsure().size(), 6u);
  EXPECT_TRUE(later.held_back(90)) << "not known yet";
  later.incidents.waits_since(90, world.now.wall - hours(1));
  later.incidents.waits_since(0, world.now.wall);
  EXPECT_FALSE(later.held_back(90));
  EXPECT_TRUE(later.held_back(0));
  EXPECT_TRUE(later.incidents.holds(50)) << "also what was not visited in it";
  EXPECT_LE(later.incidents.next_at(), later.now.steady);
  later.run(minutes(15), VisitSign::ok);
  EXPECT_THAT(later.told(), ElementsAre("ramp institution chase", "closed institution chase recovered"));
}

TEST(Restore, OfAProvider) {
  IncidentWorld world;
  for (int bank = 0; bank < 5; ++bank)
    world.visit(world.add("bank" + std::to_string(bank), 2, "plaid"), VisitSign::outage);
  IncidentWorld later;
  later.add("bank0", 2, "plaid");
  later.add("bank0", 2, "mx");
  later.incidents.restore(world.incidents.note(), later.now);
  EXPECT_TRUE(later.incidents.holds(0));
  EXPECT_FALSE(later.incidents.holds(2));
}

TEST(Restore, WhatIsNotUnderstoodIsLeftOut) {
  IncidentWorld world;
  world.visit(world.add("chase", 5), 5, VisitSign::outage);
  const std::string note = world.incidents.note();
  for (std::size_t cut = 0; cut < note.size(); ++cut) {
    IncidentWorld later;
    later.add("chase", 5);
    later.incidents.restore(note.substr(0, cut), later.now);
    later.incidents.restore("\n\n" + note.substr(cut) + "\x1f\n", later.now);
    later.run(minutes(20), VisitSign::ok);
    EXPECT_TRUE(later.incidents.none());
  }
  IncidentWorld twice;
  twice.add("chase", 5);
  twice.incidents.restore(note + note, twice.now);
  EXPECT_EQ(twice.incidents.views(twice.now).size(), 1u);
}

// ---- bounds ----

TEST(Bounds, InstitutionsBeyondAreNoGroup) {
  IncidentWorld world;
  for (std::size_t bank = 0; bank < core::incident_institutions_max; ++bank)
    world.add("bank" + std::to_string(bank), 1);
  const auto beyond = world.add("one too many", 10);
  world.visit(beyond, 10, VisitSign::outage);
  EXPECT_TRUE(world.incidents.none());
  EXPECT_EQ(world.marks[beyond].group, 0);
  EXPECT_EQ(world.marks[beyond - 1].group, core::incident_institutions_max);
}

TEST(Bounds, SoManyIncidentsAndNoMore) {
  IncidentWorld world;
  for (int bank = 0; bank < 300; ++bank)
    world.visit(world.add("bank" + std::to_string(bank), 5), 5, VisitSign::outage);
  EXPECT_EQ(world.incidents.views(world.now).size(), core::incidents_open_max);
  world.run(minutes(20), VisitSign::ok);
  EXPECT_TRUE(world.incidents.none());
}

TEST(Bounds, ALinkThatComesAndGoesCostsNothing) {
  IncidentWorld world;
  const auto link = world.add("chase", 20);
  world.visit(link, 5, VisitSign::outage);
  for (int i = 0; i < 10'000; ++i) {
    world.incidents.forget(link + 19);
    world.visit(link + 19, VisitSign::outage);
  }
  world.run(minutes(20), VisitSign::ok);
  EXPECT_TRUE(world.incidents.none());
  EXPECT_LE(world.visits, 21u + world.canaries);
}

// ---- what a report says ----

core::CycleReport report_of(std::optional<core::Error> error,
                            core::LinkStatus after = core::LinkStatus::active) {
  core::CycleReport report;
  report.status_after = after;
  report.error = std::move(error);
  return report;
}

TEST(Sign, OfAReport) {
  using core::Errc;
  using core::sign_of;
  EXPECT_EQ(sign_of(report_of({})), VisitSign::ok);
  EXPECT_EQ(sign_of(report_of({}, core::LinkStatus::backoff)), VisitSign::none) << "yielded in the middle";
  const auto sign = [](Errc code, std::string api_code, std::string link_error_code = {}) {
    return sign_of(report_of(core::Error{.code = code,
                                         .message = "",
                                         .api_code = std::move(api_code),
                                         .link_error_code = std::move(link_error_code)},
                             core::LinkStatus::backoff));
  };
  EXPECT_EQ(sign(Errc::relink_required, "auth_expired"), VisitSign::owner);
  for (const char* code : {"institution_error", "provider_error", "system_error"}) {
    EXPECT_EQ(sign(Errc::upstream_state, code), VisitSign::outage);
    EXPECT_EQ(sign(Errc::upstream_state, "link_error.bad_state", code), VisitSign::outage);
  }
  core::CycleReport waits =
      report_of(core::Error{.code = Errc::upstream_state, .message = "", .api_code = "institution_error"},
                core::LinkStatus::relink);
  EXPECT_EQ(sign_of(waits), VisitSign::owner) << "its owner was asked for before the bank went down";
  EXPECT_EQ(sign(Errc::upstream_state, "connecting"), VisitSign::none);
  EXPECT_EQ(sign(Errc::upstream_state, "news_to_us"), VisitSign::none);
  for (const Errc code : {Errc::transport, Errc::timeout, Errc::server, Errc::throttled, Errc::protocol,
                          Errc::forbidden, Errc::gone, Errc::cursor_rejected})
    EXPECT_EQ(sign(code, "institution_error"), VisitSign::none) << static_cast<int>(code);
}

TEST(Sign, OfAStoredLink) {
  using core::failing_of;
  using core::LinkStatus;
  EXPECT_EQ(failing_of(LinkStatus::active, "auth_expired"), Failing::no);
  EXPECT_EQ(failing_of(LinkStatus::relink, ""), Failing::owner);
  EXPECT_EQ(failing_of(LinkStatus::backoff, "institution_error"), Failing::outage);
  EXPECT_EQ(failing_of(LinkStatus::backoff, ""), Failing::no);
  EXPECT_EQ(failing_of(LinkStatus::blocked, "institution_error"), Failing::no);
}

}  // namespace
}  // namespace syncd::test
