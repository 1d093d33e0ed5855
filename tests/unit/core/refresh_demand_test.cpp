#include "sync/core/refresh_demand.hpp"

#include <memory>
#include <set>
#include <string>

#include <gtest/gtest.h>

namespace syncd::core {
namespace {

using namespace std::chrono_literals;

constexpr WallTime noon{std::chrono::sys_days{std::chrono::year{2026} / 11 / 30} + 12h};

RefreshPolicy on() {
  return {.enabled = true, .calls_per_day = 2, .calls_per_month = 3};
}

LinkRecord connected() {
  LinkRecord record;
  record.link_id = LinkId("mk_1");
  record.upstream_state = "connected";
  record.transactions_clock = UpstreamTime(noon - 30h);
  record.accounts_clock = UpstreamTime(noon - 2h);
  return record;
}

struct Question {
  LinkRecord record = connected();
  RefreshProduct product = RefreshProduct::transactions;
  RefreshPlace place = {};
  RefreshSpending spending = spending_at({}, noon);
  RefreshHours hours = {};
  Millis learned{0};
  RefreshPolicy policy = on();
  WallTime now = noon;

  RefreshVerdict judge() const {
    return judge_refresh({.record = record,
                          .product = product,
                          .place = place,
                          .spending = spending,
                          .hours = &hours,
                          .learned_interval = learned,
                          .policy = policy,
                          .now = now});
  }
  std::string word() const {
    const RefreshVerdict verdict = judge();
    return verdict.refusal ? std::string(to_string(*verdict.refusal)) : "ask";
  }
};

TEST(RefreshDemand, IsRefusedForOneReasonAfterTheOther) {
  Question q;
  EXPECT_EQ(q.word(), "ask");
  q.policy.enabled = false;
  EXPECT_EQ(q.word(), "off");
  q = {};
  q.policy.transactions = false;
  EXPECT_EQ(q.word(), "off");
  for (const LinkStatus status : {LinkStatus::relink, LinkStatus::blocked, LinkStatus::quarantined,
                                  LinkStatus::paused, LinkStatus::gone}) {
    q = {};
    q.record.status = status;
    EXPECT_EQ(q.word(), "not_connected") << to_string(status);
  }
  q = {};
  q.record.upstream_state = "error";
  EXPECT_EQ(q.word(), "not_connected");
  q = {};
  q.record.has_transactions_product = false;
  EXPECT_EQ(q.word(), "not_granted");
  q.product = RefreshProduct::accounts;
  EXPECT_EQ(q.word(), "ask");
  q.record.accounts_forbidden = true;
  EXPECT_EQ(q.word(), "not_granted");
}

TEST(RefreshDemand, WaitsForItsIntervalSinceTheLastSuccessOrRequest) {
  Question q;
  q.record.transactions_clock = UpstreamTime(noon - 24h + 1s);
  EXPECT_EQ(q.word(), "too_soon");
  EXPECT_EQ(q.judge().retry_at, noon + 1s);
  q.record.transactions_clock = UpstreamTime(noon - 24h);
  EXPECT_EQ(q.word(), "ask");
  q.place.asked_at = noon - 1h;
  EXPECT_EQ(q.judge().retry_at, noon + 23h);
  q = {};
  q.place.not_before = noon + 5min;
  EXPECT_EQ(q.judge().retry_at, noon + 5min);
  q = {};
  q.record.transactions_clock.reset();
  EXPECT_EQ(q.word(), "ask") << "never yet";
  q = {};
  q.policy.transactions_interval = 1h;
  q.record.transactions_clock = UpstreamTime(noon - 2h);
  EXPECT_EQ(q.word(), "ask");
  q.learned = 24h;
  EXPECT_EQ(q.judge().retry_at, noon + 22h) << "what upstream taught counts where it is longer";
}

TEST(RefreshDemand, StopsWhereTheMoneyIsSpentUntilTheDayOrMonthIsOver) {
  Question q;
  q.spending.in_day = 2;
  EXPECT_EQ(q.word(), "day_spent");
  EXPECT_EQ(q.judge().retry_at, std::chrono::sys_days(std::chrono::year{2026} / 12 / 1));
  q.spending.in_month = 3;
  EXPECT_EQ(q.word(), "month_spent");
  EXPECT_EQ(calls_left(q.spending, q.policy), 0U);
  q.now = noon + 12h;
  q.spending = spending_at(q.spending, q.now);
  EXPECT_EQ(q.word(), "ask") << "December";
  EXPECT_EQ(calls_left(q.spending, q.policy), 2U);
  q.policy.calls_per_day = 0;
  EXPECT_EQ(q.word(), "day_spent");
  const RefreshSpending spent{.day = 20'000, .in_day = 5, .month = 650, .in_month = 9};
  EXPECT_EQ(spending_at(spent, WallTime{}), spent) << "a clock that was set back grants nothing";
}

TEST(RefreshDemand, SpendingIsReadBackAsItWasWritten) {
  const RefreshSpending spent{.day = 20'787, .in_day = 5, .month = 682, .in_month = 4'000'000'000};
  EXPECT_EQ(encode_spending(spent), "v1 20787 5 682 4000000000");
  EXPECT_EQ(decode_spending(encode_spending(spent)), spent);
  for (const char* bad : {"", "v1", "v2 1 2 3 4", "v1 1 2 3", "v1 1 2 3 4 5", "v1 1 -2 3 4", "v1 1 2 3 4x"})
    EXPECT_FALSE(decode_spending(bad)) << bad;
}

TEST(RefreshDemand, PlacesAreReadBackAsTheyWereWritten) {
  RefreshPlaces places;
  places[1].asked_at = noon;
  places[1].clock_before = UpstreamTime(noon) + 451us;
  places[2].not_before = noon + 1h;
  EXPECT_EQ(decode_places(encode_places(places)), places);
  EXPECT_EQ(encode_places({}), "");
  EXPECT_EQ(decode_places("0 1 2 3\n3 1 2 3\nx\n1 2\n"), RefreshPlaces{});
  EXPECT_NE(refresh_note(LinkId("a")), refresh_note(LinkId("b")));
  EXPECT_EQ(refresh_note(LinkId("mk_secret")).find("secret"), std::string::npos);
}

TEST(RefreshHours, AreLearnedFromRefusalsAndUnlearnedFromAnAcceptance) {
  const WallTime day = noon - 12h;
  RefreshHours hours;
  EXPECT_FALSE(hours.closed_until(day + 3h));
  hours.refused(day + 5h, day + 8h);
  EXPECT_EQ(hours.closed_until(day + 6h), day + 8h);
  EXPECT_EQ(hours.closed_until(day + 24h + 7h), day + 24h + 8h) << "every day";
  EXPECT_FALSE(hours.closed_until(day + 4h)) << "not known";
  EXPECT_FALSE(hours.closed_until(day + 8h));
  hours.refused(day + 22h, day + 32h + 1s);  // rounded, and under way
  EXPECT_EQ(hours.closed_until(day + 23h), day + 32h) << "over midnight";
  EXPECT_EQ(hours.closed_until(day + 27h), day + 32h);
  EXPECT_FALSE(hours.closed_until(day + 12h));
  hours.accepted(day + 26h);
  EXPECT_FALSE(hours.closed_until(day + 23h));
  EXPECT_EQ(hours.closed_until(day + 27h), day + 32h);
  hours.refused(day + 12h, day + 14h);
  EXPECT_EQ(hours.closed_until(day + 13h), day + 14h) << "other hours take the place of the old ones";
  EXPECT_FALSE(hours.closed_until(day + 27h));
  hours.refused(day, day + 30h);
  EXPECT_EQ(hours.closed_until(day + 13h), day + 14h) << "no opening is so far away";
}

TEST(RefreshInterval, IsARoundNumberOfHoursSinceTheLast) {
  RefreshInterval interval;
  EXPECT_FALSE(interval.refused(WallTime{}, noon));
  EXPECT_FALSE(interval.refused(noon, noon + 90min)) << "an opening";
  EXPECT_EQ(interval.learned(), 0ms);
  EXPECT_TRUE(interval.refused(noon, noon + 24h + 1s));
  EXPECT_NEAR(static_cast<double>(interval.learned().count()), static_cast<double>(Millis(24h).count()),
              120'000);
  EXPECT_TRUE(interval.refused(noon, noon + 1h - 1s));
  EXPECT_GE(interval.learned(), 23h);
  interval.accepted(noon, noon + 2h);
  EXPECT_EQ(interval.learned(), 2h) << "it is shorter after all";
  EXPECT_FALSE(interval.refused(noon, noon + 49h));
}

TEST(RefreshDemand, WordsAreDifferent) {
  std::set<std::string_view> words;
  std::set<std::string_view> explanations;
  for (std::size_t i = 1; i <= refresh_refusal_count; ++i) {
    words.insert(to_string(static_cast<RefreshRefusal>(i)));
    explanations.insert(explanation(static_cast<RefreshRefusal>(i)));
  }
  EXPECT_EQ(words.size(), refresh_refusal_count);
  EXPECT_EQ(explanations.size(), refresh_refusal_count);
  EXPECT_EQ(parse_refresh_product("accounts"), RefreshProduct::accounts);
  EXPECT_EQ(parse_refresh_product("transactions"), RefreshProduct::transactions);
  EXPECT_FALSE(parse_refresh_product("identity"));
}

TEST(RefreshDemand, ARequestIsNotedBeforeItGoesOut) {
  const LinkRecord record = connected();
  const Policy policy;
  RefreshPlaces places;
  places[2].asked_at = noon;
  const StepInput input{.record = record,
                        .held = std::make_shared<const Held>(),
                        .now = noon,
                        .policy = policy,
                        .cause = Cause::manual,
                        .recent_sends = {}};
  const RefreshSpending spending{.day = 1, .in_day = 2, .month = 3, .in_month = 4};
  const LinkUpdate update = step_refresh(input, places, spending);
  EXPECT_TRUE(update.changes.empty());
  ASSERT_EQ(update.notes.size(), 2U);
  EXPECT_EQ(update.notes[0].name, refresh_note(record.link_id));
  EXPECT_EQ(update.notes[1].value, encode_spending(spending));
  LinkRecord expected = record;
  ++expected.fence;
  EXPECT_EQ(update.record, expected);
}

}  // namespace
}  // namespace syncd::core
