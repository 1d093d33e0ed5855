// Refreshes: those that are asked for, and the habits of made-up institutions.
#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include <boost/json.hpp>
#include <gtest/gtest.h>

#include "tests/sandbox/feed_client.hpp"
#include "tests/sandbox/model/random.hpp"
#include "tests/sandbox/model/refresh_habit.hpp"
#include "tests/sandbox/model/upstream.hpp"

namespace syncd::sandbox::test {
namespace {

namespace json = boost::json;
using std::chrono_literals::operator""min;
using std::chrono_literals::operator""h;
using std::chrono_literals::operator""s;

constexpr TimePoint start{Milliseconds{1'790'000'000'000}};

UpstreamOptions quiet() {
  UpstreamOptions out;
  out.budgets = Budgets::unlimited();
  out.switches.refresh_failure_permille = 0;
  out.refreshes_kept = 1'000'000;
  return out;
}

HttpResponse call(Upstream& upstream, TimePoint now, const std::string& method, const std::string& target,
                  const std::string& body = "") {
  const UpstreamOptions defaults;
  return upstream.respond({method,
                           target,
                           {{"X-Client-Id", defaults.client_id}, {"X-Client-Secret", defaults.client_secret}},
                           body},
                          now);
}

std::int64_t retry_after(const HttpResponse& response, TimePoint now) {
  const std::string* const text = find_header(response.headers, "Retry-After");
  if (text == nullptr) {
    return -1;
  }
  if (text->contains("GMT")) {
    // The date is compared as the text that the wait makes.
    for (std::int64_t s = 0; s < 200'000; ++s) {
      if (http_date(now + std::chrono::seconds{s}) == *text) {
        return s;
      }
    }
    return -1;
  }
  return std::stoll(*text);
}

TEST(MadeUpBanks, HaveTheSharesThatTheyAreToHave) {
  const auto& banks = made_up_institutions();
  ASSERT_EQ(banks.size(), 120U);
  std::map<std::int64_t, double> share;
  double event_driven = 0.0;
  constexpr int links = 40'000;
  for (int i = 0; i < links; ++i) {
    const Institution& bank = pick_made_up_institution(3, static_cast<std::uint64_t>(i));
    ASSERT_EQ(find_institution(bank.id), &bank);
    if (bank.habit->event_driven) {
      event_driven += 1.0 / links;
    } else {
      share[std::chrono::duration_cast<std::chrono::hours>(bank.habit->period).count()] += 1.0 / links;
      EXPECT_GE(bank.habit->spread, 0.02);
      EXPECT_LE(bank.habit->spread, 0.10);
    }
  }
  EXPECT_NEAR(event_driven, 0.20, 0.03);
  EXPECT_NEAR(share[4], 0.08, 0.03);
  EXPECT_NEAR(share[6], 0.36, 0.03);
  EXPECT_NEAR(share[8], 0.12, 0.03);
  EXPECT_NEAR(share[12], 0.12, 0.03);
  EXPECT_NEAR(share[24], 0.12, 0.03);
}

TEST(MadeUpBanks, ActivityHasHeavyTailsAndNights) {
  int dormant = 0;
  std::vector<double> rates;
  for (std::uint64_t i = 0; i < 20'000; ++i) {
    const double rate = activity_of(mix(i));
    dormant += rate == 0.0 ? 1 : 0;
    if (rate > 0.0) {
      rates.push_back(rate);
    }
  }
  EXPECT_NEAR(dormant, 3000, 300);
  std::ranges::sort(rates);
  EXPECT_NEAR(rates[rates.size() / 2], 1.0, 0.08);
  EXPECT_NEAR(std::log(rates[rates.size() * 84 / 100]), 1.3, 0.1);  // one standard deviation
  int day = 0;
  int all = 0;
  TimePoint at = start;
  for (std::uint64_t step = 1; at < start + std::chrono::days{400}; ++step, ++all) {
    at = next_activity(77, step, 10.0, 1.0, at);
    const auto hour = (at - std::chrono::floor<std::chrono::days>(at)) / 1h;
    day += hour >= 9 && hour < 21 ? 1 : 0;
  }
  EXPECT_NEAR(all, 4000, 320);
  EXPECT_GT(day, all * 65 / 100);
}

TEST(MadeUpBanks, PeriodicOnesKeepTheirGridAndSkipOneInTwenty) {
  const RefreshHabit habit{6h, 0.05, false};
  TimePoint at = start;
  std::int64_t slot = 0;
  int refreshes = 0;
  double squares = 0.0;
  double sum = 0.0;
  const std::int64_t period = Milliseconds{6h}.count();
  std::set<std::int64_t> slots;
  std::optional<double> phase;
  while (at < start + std::chrono::days{500}) {
    const RefreshSlot next = next_slot(habit, 99, 1.0, slot, at);
    ASSERT_GT(next.at, at);
    ASSERT_GT(next.slot, slot);
    at = next.at;
    slot = next.slot;
    slots.insert(slot);
    const auto off = static_cast<double>(at.time_since_epoch().count() - slot * period);
    phase = phase.value_or(off);
    sum += off;
    squares += off * off;
    ++refreshes;
  }
  const double mean = sum / refreshes;
  const double sd = std::sqrt(squares / refreshes - mean * mean) / static_cast<double>(period);
  EXPECT_NEAR(sd, 0.05, 0.01);
  const auto span = static_cast<double>(*slots.rbegin() - *slots.begin() + 1);
  EXPECT_NEAR(1.0 - refreshes / span, 0.05, 0.025);
}

TEST(MadeUpBanks, RefreshAsOftenAsMeasuredAndASyncIsQuietAfterEmptyOnes) {
  Upstream upstream(quiet());
  NewLink wanted;
  wanted.history_months = 1;
  std::vector<std::string> ids;
  for (std::uint64_t i = 0; i < 300; ++i) {
    wanted.institution = std::string(pick_made_up_institution(1, i).id);
    ids.push_back(upstream.add_link(wanted, start));
    ASSERT_TRUE(upstream.truth(ids.back(), start));
  }
  constexpr int days = 14;
  std::uint64_t refreshed = 0;
  std::uint64_t changed = 0;
  for (const RefreshNote& note : upstream.refreshes(0, 1'000'000, start + std::chrono::days{days})) {
    ++refreshed;
    changed += note.rows != 0 ? 1U : 0U;
    EXPECT_EQ(note.rows != 0, !note.created_row.empty());
  }
  const double link_days = 300.0 * days;
  EXPECT_NEAR(static_cast<double>(refreshed) / link_days, 3.0, 0.5);
  EXPECT_NEAR(static_cast<double>(changed) / link_days, 1.0, 0.3);
}

TEST(MadeUpBanks, AClientThatFollowsTheFeedHoldsTheTruth) {
  Upstream upstream(quiet());
  NewLink wanted;
  wanted.institution = "bank_003";
  wanted.history_months = 2;
  std::vector<std::string> ids;
  for (int i = 0; i < 20; ++i) {
    ids.push_back(upstream.add_link(wanted, start));
  }
  for (const std::string& id : ids) {
    FeedClient client(id);
    for (TimePoint at = start; at < start + std::chrono::days{4}; at += 3h) {
      const auto before = upstream.feed_length(id, at);
      client.drain(upstream, at, 100);
      const auto truth = upstream.truth(id, at);
      EXPECT_EQ(client.posted, truth->posted);
      EXPECT_TRUE(truth->pending.empty());
      EXPECT_EQ(upstream.feed_length(id, at), before);
    }
  }
}

TEST(OnDemand, ARefreshTellsHowItGoesAndItsIntervalsHold) {
  Upstream upstream(quiet());
  NewLink wanted;
  wanted.institution = "chase";
  wanted.prefetch = false;
  wanted.webhook = "http://127.0.0.1:1/x";
  const std::string id = upstream.add_link(wanted, start);
  const std::string target = "/links/" + id + "/products";
  ASSERT_EQ(call(upstream, start, "POST", target, R"({"products":["transactions"]})").status, 202);
  std::vector<std::string> states;
  TimePoint at = start;
  for (; at < start + 1min; at += 1s) {
    for (const HookDelivery& hook : upstream.due_hooks(at, at, 10)) {
      const json::value body = json::parse(hook.body);
      if (body.at("webhook_event") == "link.product_refresh") {
        EXPECT_EQ(body.at("product"), "transactions");
        states.emplace_back(body.at("state").as_string());
      }
    }
  }
  EXPECT_EQ(states, (std::vector<std::string>{"pending", "completed"}));
  const auto refused = call(upstream, at, "POST", target, R"({"products":["transactions"]})");
  ASSERT_EQ(refused.status, 429);
  EXPECT_NEAR(static_cast<double>(retry_after(refused, at)), 86'400 - 60, 61);
  EXPECT_EQ(call(upstream, at, "POST", target, R"({"products":["accounts"]})").status, 202);
  EXPECT_EQ(call(upstream, at + 59min, "POST", target, R"({"products":["accounts"]})").status, 429);
  EXPECT_EQ(call(upstream, at + 61min, "POST", target, R"({"products":["accounts"]})").status, 202);
}

TEST(OnDemand, ItMayBeAcceptedAndFailLater) {
  UpstreamOptions options = quiet();
  options.switches.refresh_failure_permille = 1000;
  Upstream upstream(options);
  NewLink wanted;
  wanted.prefetch = false;
  wanted.webhook = "http://127.0.0.1:1/x";
  const std::string id = upstream.add_link(wanted, start);
  ASSERT_EQ(
      call(upstream, start, "POST", "/links/" + id + "/products", R"({"products":["transactions"]})").status,
      202);
  const TimePoint later = start + 1min;
  const json::value link = json::parse(call(upstream, later, "GET", "/links/" + id).body);
  EXPECT_EQ(link.at("products").at("transactions").at("error_code"), "rate_limit");
  EXPECT_TRUE(link.at("products").at("transactions").at("refreshed_at").is_null());
  bool failed = false;
  for (const HookDelivery& hook : upstream.due_hooks(later, later, 10)) {
    failed = failed || hook.body.contains("\"state\":\"failed\"");
  }
  EXPECT_TRUE(failed);
}

TEST(OnDemand, AnInstitutionTakesThemInItsHoursOnly) {
  Upstream upstream(quiet());
  NewLink wanted;
  wanted.institution = "oauth_bank";
  wanted.prefetch = false;
  const std::string id = upstream.add_link(wanted, start);
  const std::string target = "/links/" + id + "/products";
  const std::string body = R"({"products":["accounts"]})";
  ASSERT_FALSE(upstream.set_refresh_hours("nobody", 8, 18));
  ASSERT_TRUE(upstream.set_refresh_hours("oauth_bank", 22, 6));  // over midnight
  const TimePoint midnight = std::chrono::floor<std::chrono::days>(start) + std::chrono::days{1};
  const auto refused = call(upstream, midnight + 6h, "POST", target, body);
  ASSERT_EQ(refused.status, 429);
  EXPECT_EQ(retry_after(refused, midnight + 6h), 16 * 3600);
  EXPECT_EQ(call(upstream, midnight + 21h + 59min, "POST", target, body).status, 429);
  EXPECT_EQ(call(upstream, midnight + 22h, "POST", target, body).status, 202);
  EXPECT_EQ(call(upstream, midnight + 29h, "POST", target, body).status, 202);
}

}  // namespace
}  // namespace syncd::sandbox::test
