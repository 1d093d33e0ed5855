#include <cstdlib>

#include "tests/sandbox/feed_client.hpp"
#include "tests/sandbox/model/marks.hpp"
#include "tests/sandbox/model/random.hpp"
#include "tests/sandbox/model/text.hpp"

namespace syncd::sandbox::test {
namespace {

using namespace std::chrono_literals;

/// Drains in pages of random size while the bank refreshes, now and then between two pages, and compares the
/// client with the oracle after every page.
void walk(std::uint64_t seed, Switches switches, int rounds, std::size_t* both_lists = nullptr) {
  UpstreamOptions options = free_options(seed);
  options.switches = switches;
  Upstream upstream(options);
  NewLink wanted;
  wanted.history_months = 3;
  wanted.transactions_per_month = 25;
  wanted.refresh_every = 3h;
  const std::string id = upstream.add_link(wanted, test_start);
  FeedClient client(id);
  client.settles_in_place = switches.pending_mode == PendingMode::settled_in_place;
  Rng rng(hash_words(seed, 0x7e57));
  TimePoint now = test_start;
  for (int round = 0; round < rounds; ++round) {
    const int size = 1 + static_cast<int>(rng.below(rng.permille(500) ? 7 : 60));
    bool more = true;
    while (more) {
      more = client.page(upstream, now, size);
      const auto held = upstream.truth_at_cursor(id, client.cursor, now);
      ASSERT_TRUE(held) << "seed " << seed;
      ASSERT_EQ(difference(held->posted, client.posted), "") << "seed " << seed << " round " << round;
      ASSERT_EQ(difference(held->pending, client.pending), "") << "seed " << seed << " round " << round;
      ASSERT_EQ(held->drained, !more);
      if (rng.permille(120)) {
        now += Milliseconds{rng.between(1, 6 * 3'600'000)};
      } else if (rng.permille(60)) {
        upstream.refresh_with_changes(id, now);
      }
    }
    now += Milliseconds{rng.between(1, 20 * 3'600'000)};
    if (rng.permille(100)) {
      upstream.refresh_with_changes(id, now);
    }
    if (rng.permille(30)) {
      upstream.relink_with_new_accounts(id, now);
    }
  }
  client.drain(upstream, now, 100);
  const auto truth = upstream.truth(id, now);
  ASSERT_TRUE(truth);
  EXPECT_EQ(difference(truth->posted, client.posted), "");
  EXPECT_EQ(difference(truth->pending, client.pending), "");
  if (both_lists != nullptr) {
    *both_lists += client.both_lists;
  }
}

/// How many seeds a walk takes; SANDBOX_WALKS=1000 in the environment asks for a long run.
std::uint64_t walks() {
  const char* const wanted = std::getenv("SANDBOX_WALKS");
  return wanted == nullptr ? 4 : std::strtoull(wanted, nullptr, 10);
}

TEST(Feed, ClientEqualsOracleAfterEveryPage) {
  for (std::uint64_t seed = 1; seed <= walks(); ++seed) {
    walk(seed, {}, 40);
    if (HasFatalFailure()) {
      return;
    }
  }
}

TEST(Feed, ClientEqualsOracleWhenPendingRowsSettleInPlace) {
  std::size_t both_lists = 0;
  for (std::uint64_t seed = 1; seed <= walks(); ++seed) {
    walk(seed, {.pending_mode = PendingMode::settled_in_place}, 40, &both_lists);
    if (HasFatalFailure()) {
      return;
    }
  }
  EXPECT_GT(both_lists, 0U) << "an id in created and updated of one answer is part of this mode";
}

TEST(Feed, ClientEqualsOracleUnderAllOddForms) {
  Switches switches;
  switches.nulls = NullForm::mixed;
  switches.timestamps = TimestampForm::mixed;
  switches.unknown_members = true;
  switches.unknown_enums = true;
  switches.duplicate_in_updated = false;
  switches.idle_cursor_changes = true;
  switches.refresh_failure_permille = 300;
  for (std::uint64_t seed = 100; seed < 100 + walks(); ++seed) {
    walk(seed, switches, 30);
    if (HasFatalFailure()) {
      return;
    }
  }
}

// Whoever looks for the marks must be able to find each of them.
TEST(Feed, MarkedDataIsAFeedLikeAnyOther) {
  walk(7, {.marked_data = true}, 30);
  UpstreamOptions options = free_options(7);
  options.switches.marked_data = true;
  Upstream upstream(options);
  NewLink wanted;
  wanted.accounts = 5;
  const std::string id = upstream.add_link(wanted, test_start);
  upstream.reset(id, test_start);
  const Truth truth = *upstream.truth(id, test_start);
  std::string everything = truth.link;
  for (const auto* rows : {&truth.accounts, &truth.posted, &truth.pending}) {
    for (const auto& [row_id, json] : *rows) {
      everything.append(json);
    }
  }
  for (const marks::Mark& mark : marks::all) {
    std::string in_json = json_string(mark.text);
    in_json = in_json.substr(1, in_json.size() - 2);
    EXPECT_NE(everything.find(in_json), std::string::npos) << mark.what;
  }
}

TEST(Feed, ReplayWithoutCursorGivesTheCurrentRows) {
  Upstream upstream(free_options(7));
  const std::string id = upstream.add_link({}, test_start);
  FeedClient early(id);
  early.drain(upstream, test_start, 500);
  TimePoint now = test_start;
  for (int i = 0; i < 30; ++i) {
    now += 11h;
    upstream.refresh_with_changes(id, now);
    early.drain(upstream, now, 50);
  }
  FeedClient late(id);
  late.drain(upstream, now, 500);
  EXPECT_EQ(difference(early.posted, late.posted), "");
  EXPECT_EQ(difference(early.pending, late.pending), "");
  EXPECT_GT(late.posted.size(), 500U);
}

TEST(Feed, NothingNewRepeatsTheCursorAndIsEmpty) {
  Upstream upstream(free_options(3));
  const std::string id = upstream.add_link({}, test_start);
  FeedClient client(id);
  client.drain(upstream, test_start, 500);
  const auto request = get("/links/" + id + "/transactions/sync?cursor=" + percent_encode(client.cursor));
  const HttpResponse first = upstream.respond(request, test_start);
  const HttpResponse second = upstream.respond(request, test_start);
  EXPECT_EQ(first.body, second.body);
  EXPECT_TRUE(elements(first.body, "created").empty());
  EXPECT_TRUE(elements(first.body, "updated").empty());
  EXPECT_TRUE(elements(first.body, "removed").empty());
  const auto root = boost::json::parse(first.body);
  EXPECT_EQ(root.at("cursor").at("next").as_string(), client.cursor);
  EXPECT_FALSE(root.at("has_more").as_bool());
  EXPECT_TRUE(client.cursor.ends_with("=="));
  EXPECT_EQ(client.cursor.size(), 48U);
}

TEST(Feed, ARefreshWithoutRowsStillDropsThePendingSet) {
  // The clock advances, the lists are empty: only the oracle's rule of whole replacement clears pending rows.
  bool seen = false;
  for (std::uint64_t seed = 1; seed <= 60 && !seen; ++seed) {
    Upstream upstream(free_options(seed));
    NewLink wanted;
    wanted.history_months = 1;
    wanted.transactions_per_month = 1;
    const std::string id = upstream.add_link(wanted, test_start);
    FeedClient client(id);
    TimePoint now = test_start;
    for (int i = 0; i < 20; ++i) {
      now += 10min;
      upstream.refresh(id, now);
      const bool had_pending = !client.pending.empty();
      const std::string target =
          "/links/" + id + "/transactions/sync?size=500&cursor=" + percent_encode(client.cursor);
      const std::string body = upstream.respond(get(target), now).body;
      client.drain(upstream, now, 500);
      ASSERT_EQ(difference(upstream.truth(id, now)->pending, client.pending), "");
      seen = seen || (had_pending && client.pending.empty() && elements(body, "created").empty() &&
                      elements(body, "updated").empty() && elements(body, "removed").empty());
    }
  }
  EXPECT_TRUE(seen);
}

// A new account: refreshed again and again, and nothing is ever booked.
TEST(Feed, ALinkMayHaveNoRows) {
  NewLink wanted;
  wanted.history_months = 1;
  wanted.transactions_per_month = 0;
  int without_rows = 0;
  for (std::uint64_t seed = 1; seed <= 20'000 && without_rows < 3; ++seed) {
    Upstream upstream(free_options(seed));
    const std::string id = upstream.add_link(wanted, test_start);
    if (!upstream.truth(id, test_start)->posted.empty() || !upstream.truth(id, test_start)->pending.empty()) {
      continue;
    }
    ++without_rows;
    FeedClient client(id);
    client.drain(upstream, test_start, 10);
    const auto held = upstream.truth_at_cursor(id, client.cursor, test_start);
    ASSERT_TRUE(held) << "seed " << seed;
    EXPECT_TRUE(held->drained && held->posted.empty() && held->pending.empty()) << "seed " << seed;
    EXPECT_TRUE(client.posted.empty() && client.pending.empty()) << "seed " << seed;
  }
  EXPECT_GT(without_rows, 0);
}

TEST(Feed, ADrainTakesAtMostTwiceThePagesOfTheFeed) {
  NewLink wanted;
  wanted.refresh_every = 1h;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Upstream upstream(free_options(seed));
    const std::string id = upstream.add_link(wanted, test_start);
    const TimePoint later = test_start + 24h * 30;
    ASSERT_TRUE(upstream.truth(id, test_start));
    FeedClient client(id);
    std::size_t pages = 1;
    while (client.page(upstream, later, 8)) {
      ++pages;
    }
    const std::size_t length = upstream.feed_length(id, later);
    EXPECT_LE(pages, 2 * (length / 8 + 1)) << "seed " << seed;
    EXPECT_GE(length, client.posted.size()) << "seed " << seed;
  }
  Upstream upstream(free_options(1));
  EXPECT_EQ(upstream.feed_length("mk_unknown", test_start), 0U);
}

TEST(Feed, EveryKindOfChangeOccurs) {
  Upstream upstream(free_options(11));
  NewLink wanted;
  wanted.refresh_every = 1h;
  const std::string id = upstream.add_link(wanted, test_start);
  FeedClient client(id);
  client.drain(upstream, test_start, 500);
  std::size_t created = 0;
  std::size_t updated = 0;
  std::size_t removed = 0;
  std::size_t late = 0;
  std::size_t pending = 0;
  for (int hour = 1; hour <= 24 * 30; ++hour) {
    const TimePoint now = test_start + std::chrono::hours{hour};
    const auto body = upstream
                          .respond(get("/links/" + id +
                                       "/transactions/sync?size=500&cursor=" + percent_encode(client.cursor)),
                                   now)
                          .body;
    created += elements(body, "created").size();
    updated += elements(body, "updated").size();
    removed += elements(body, "removed").size();
    std::string old_date;
    append_date(old_date, static_cast<std::int32_t>(
                              std::chrono::floor<std::chrono::days>(now).time_since_epoch().count()) -
                              60);
    for (const auto& row : elements(body, "created")) {
      late += text_member(row, "date") < old_date ? 1U : 0U;
    }
    client.drain(upstream, now, 500);
    pending = std::max(pending, client.pending.size());
  }
  EXPECT_GT(created, 100U);
  EXPECT_GT(updated, 20U);
  EXPECT_GT(removed, 10U);
  EXPECT_GT(late, 5U);
  EXPECT_GT(pending, 0U);
}

TEST(Feed, RowsArriveUnordered) {
  Upstream upstream(free_options(5));
  const std::string id = upstream.add_link({}, test_start);
  const auto body = upstream.respond(get("/links/" + id + "/transactions/sync?size=200"), test_start).body;
  std::vector<std::string> dates;
  for (const auto& row : elements(body, "created")) {
    dates.push_back(text_member(row, "date"));
  }
  ASSERT_EQ(dates.size(), 200U);
  EXPECT_FALSE(std::ranges::is_sorted(dates));
  EXPECT_FALSE(std::ranges::is_sorted(dates, std::greater<>{}));
}

TEST(Feed, SettledRowsGetNewIdsUnlessTheSwitchSaysOtherwise) {
  Upstream upstream(free_options(21));
  NewLink wanted;
  wanted.refresh_every = 1h;
  const std::string id = upstream.add_link(wanted, test_start);
  FeedClient client(id);
  client.drain(upstream, test_start, 500);
  std::map<std::string, std::string> was_pending;
  for (int hour = 1; hour < 200; ++hour) {
    client.drain(upstream, test_start + std::chrono::hours{hour}, 500);
    was_pending.insert(client.pending.begin(), client.pending.end());
    for (const auto& [pending_id, row] : was_pending) {
      EXPECT_FALSE(client.posted.contains(pending_id));
    }
  }
  const auto settled = upstream.settled_from(id, test_start + 200h);
  EXPECT_GT(settled.size(), 5U);
  for (const auto& [posted, pending] : settled) {
    EXPECT_NE(posted, pending);
  }
}

TEST(Feed, CursorsOfOthersAndOldOnesAreRefused) {
  Upstream upstream(free_options(2));
  const std::string one = upstream.add_link({}, test_start);
  const std::string two = upstream.add_link({}, test_start);
  FeedClient client(one);
  client.drain(upstream, test_start, 500);
  const auto ask = [&](const std::string& link, const std::string& cursor) {
    return upstream.respond(get("/links/" + link + "/transactions/sync?cursor=" + percent_encode(cursor)),
                            test_start);
  };
  EXPECT_EQ(ask(one, client.cursor).status, 200);
  EXPECT_EQ(ask(two, client.cursor).status, 422);
  EXPECT_EQ(ask(one, "nonsense").status, 422);
  std::string bent = client.cursor;
  bent[12] = bent[12] == 'A' ? 'B' : 'A';
  EXPECT_EQ(ask(one, bent).status, 422);
  EXPECT_FALSE(upstream.truth_at_cursor(two, client.cursor, test_start));
  upstream.expire_cursors(one);
  EXPECT_EQ(ask(one, client.cursor).status, 422);
  EXPECT_FALSE(upstream.truth_at_cursor(one, client.cursor, test_start));
  const auto rows = client.posted;
  FeedClient again(one);
  again.drain(upstream, test_start, 500);
  EXPECT_EQ(difference(rows, again.posted), "");
}

TEST(Feed, SameSeedSameBytesWhateverTheOrderOfQuestions) {
  const auto run = [](std::uint64_t seed, bool touch_between) {
    Upstream upstream(free_options(seed));
    const std::string one = upstream.add_link({.institution = "harbor_credit_union"}, test_start);
    const std::string two = upstream.add_link({.institution = "flaky_trust"}, test_start);
    if (touch_between) {
      for (int day = 1; day < 40; ++day) {
        upstream.respond(get("/links/" + two), test_start + std::chrono::days{day});
        upstream.respond(get("/links/" + one + "/accounts"), test_start + std::chrono::days{day});
      }
    }
    const TimePoint later = test_start + std::chrono::days{40};
    std::string text;
    for (const auto& id : {one, two}) {
      const auto truth = upstream.truth(id, later);
      text += truth->link;
      for (const auto* rows : {&truth->accounts, &truth->posted, &truth->pending}) {
        for (const auto& [key, row] : *rows) {
          text += key + row;
        }
      }
    }
    return text;
  };
  EXPECT_EQ(run(9, false), run(9, true));
  EXPECT_NE(run(9, false), run(10, false));
}

TEST(Feed, IdsUseTheDocumentedAlphabet) {
  Upstream upstream(free_options(1));
  const std::string id = upstream.add_link({}, test_start);
  const auto truth = upstream.truth(id, test_start);
  const auto check = [](const std::string& text, const std::string& prefix) {
    ASSERT_TRUE(text.starts_with(prefix)) << text;
    const std::string rest = text.substr(prefix.size());
    EXPECT_EQ(rest.size(), 22U);
    EXPECT_EQ(rest.find_first_not_of("23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"),
              std::string::npos)
        << text;
  };
  check(id, "mk_");
  for (const auto& [account, json] : truth->accounts) {
    check(account, "acc_");
  }
  for (const auto& [row, json] : truth->posted) {
    check(row, "txn_");
  }
}

}  // namespace
}  // namespace syncd::sandbox::test
