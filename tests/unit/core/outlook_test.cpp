#include "sync/core/outlook.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace syncd::core {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

const WallTime now = std::chrono::sys_days(std::chrono::year(2026) / 3 / 1);

void teach_rhythm(Outlooks& outlooks, std::string_view institution, Millis period) {
  for (int gap = 0; gap < 32; ++gap)
    outlooks.note_gap(institution, "moneykit", period + minutes(gap % 5), period, UpstreamTime(now));
}

TEST(Outlooks, KnowsEachInstitutionAndProviderApart) {
  Outlooks outlooks;
  teach_rhythm(outlooks, "bank", hours(6));
  EXPECT_TRUE(outlooks.of("bank", "moneykit").rhythm.regular);
  EXPECT_FALSE(outlooks.of("bank", "plaid").rhythm.regular);
  EXPECT_FALSE(outlooks.of("other", "moneykit").rhythm.regular);
  EXPECT_FALSE(outlooks.of("", "moneykit").rhythm.regular);
  EXPECT_EQ(outlooks.institutions(), 1U);
}

TEST(Outlooks, ALinkOfALittleKnownBankIsLikeAllOthers) {
  Outlooks outlooks;
  const auto rate_of = [&outlooks](std::string_view institution) {
    const ChangePrior prior = outlooks.of(institution, "moneykit").prior;
    return prior.changes / prior.days;
  };
  EXPECT_FLOAT_EQ(rate_of("bank"), 1);
  for (int fetch = 0; fetch < 1'000; ++fetch)
    outlooks.note_fetch("busy", "moneykit", now, hours(24), 4);
  EXPECT_NEAR(rate_of("busy"), 4, 0.01);
  EXPECT_NEAR(rate_of("bank"), 4, 0.01);
  outlooks.note_fetch("bank", "moneykit", now, hours(12), 0);
  EXPECT_NEAR(rate_of("bank"), 3.6, 0.1) << "half a day says little";
  for (int fetch = 0; fetch < 100; ++fetch)
    outlooks.note_fetch("bank", "moneykit", now, hours(24), 0.5);
  EXPECT_NEAR(rate_of("bank"), 0.65, 0.05);
}

// The first looks come minutes after the first fetches. That these find nothing must not make a fleet seem
// dead: its links would not be visited for a day.
TEST(Outlooks, ShortLooksWithoutNewsSayLittle) {
  Outlooks outlooks;
  const auto rate_of = [&outlooks](std::string_view institution) {
    const ChangePrior prior = outlooks.of(institution, "moneykit").prior;
    return prior.changes / prior.days;
  };
  for (int fetch = 0; fetch < 20; ++fetch)
    outlooks.note_fetch("bank", "moneykit", now, minutes(10), 0);
  EXPECT_GT(rate_of("bank"), 0.8);
  EXPECT_GT(rate_of("other"), 0.8);
  for (int fetch = 0; fetch < 400; ++fetch)
    outlooks.note_fetch("bank", "moneykit", now, hours(6), 0);
  EXPECT_LT(rate_of("bank"), 0.05) << "but not for ever";
}

TEST(Outlooks, ForgetsWhatIsLongAgo) {
  Outlooks outlooks;
  for (int fetch = 0; fetch < 100; ++fetch)
    outlooks.note_fetch("bank", "moneykit", now, hours(24), 4);
  for (int day = 1; day <= 100; ++day)
    outlooks.note_fetch("bank", "moneykit", now + hours(24 * day), hours(24), 0.5);
  const ChangePrior prior = outlooks.of("bank", "moneykit").prior;
  EXPECT_LT(prior.changes / prior.days, 1.2);
  // A clock that is set back forgets nothing and breaks nothing.
  outlooks.note_fetch("bank", "moneykit", now - hours(24 * 400), hours(24), 0.5);
  EXPECT_GT(outlooks.of("bank", "moneykit").prior.days, 0);
}

TEST(Outlooks, LearnsOfSoManyInstitutionsAndNoMore) {
  Outlooks outlooks;
  for (std::size_t at = 0; at < outlook_institutions_max + 100; ++at)
    outlooks.note_fetch("bank" + std::to_string(at), "moneykit", now, hours(1), 1);
  EXPECT_EQ(outlooks.institutions(), outlook_institutions_max);
  teach_rhythm(outlooks, "late", hours(6));
  EXPECT_FALSE(outlooks.of("late", "moneykit").rhythm.regular);
  EXPECT_FALSE(outlooks.explores("late", "moneykit", now));
  teach_rhythm(outlooks, "bank7", hours(6));
  EXPECT_TRUE(outlooks.of("bank7", "moneykit").rhythm.regular);
  Outlooks read;
  read.decode(outlooks.encode());
  EXPECT_EQ(read.institutions(), outlook_institutions_max);
}

TEST(Outlooks, TheSameKnowledgeIsTheSameNote) {
  Outlooks one;
  Outlooks other;
  for (int at = 0; at < 200; ++at) {
    one.note_gap("bank" + std::to_string(at), "moneykit", hours(6), hours(5), UpstreamTime(now));
    other.note_gap("bank" + std::to_string(199 - at), "moneykit", hours(6), hours(5), UpstreamTime(now));
  }
  ASSERT_EQ(one.institutions(), 200U);
  EXPECT_EQ(one.encode(), other.encode()) << "in whatever order they were met";
}

TEST(Outlooks, ALinkWithoutAnInstitutionIsLikeAllOthers) {
  Outlooks outlooks;
  for (int fetch = 0; fetch < 1'000; ++fetch)
    outlooks.note_fetch("", "moneykit", now, hours(24), 4);
  EXPECT_EQ(outlooks.institutions(), 0U);
  const ChangePrior prior = outlooks.of("", "moneykit").prior;
  EXPECT_NEAR(prior.changes / prior.days, 4, 0.01);
  EXPECT_FALSE(outlooks.explores("", "moneykit", now));
}

TEST(Outlooks, ALongNameIsNoInstitution) {
  Outlooks outlooks;
  const std::string longest(outlook_name_bytes_max - 1 - 8, 'x');
  teach_rhythm(outlooks, longest, hours(6));
  EXPECT_TRUE(outlooks.of(longest, "moneykit").rhythm.regular);
  teach_rhythm(outlooks, longest + "x", hours(6));
  EXPECT_FALSE(outlooks.of(longest + "x", "moneykit").rhythm.regular);
  EXPECT_EQ(outlooks.institutions(), 1U);
  Outlooks read;
  read.decode(outlooks.encode());
  EXPECT_TRUE(read.of(longest, "moneykit").rhythm.regular) << "the longest name comes back";
}

TEST(Outlooks, ExploresNowAndThen) {
  Outlooks outlooks;
  int explored = 0;
  for (int minute = 0; minute < 24 * 60; ++minute)
    explored += outlooks.explores("bank", "moneykit", now + minutes(minute)) ? 1 : 0;
  EXPECT_EQ(explored, 24 * 3);
  teach_rhythm(outlooks, "known", hours(6));
  explored = 0;
  for (int minute = 0; minute < 24 * 60; ++minute)
    explored += outlooks.explores("known", "moneykit", now + minutes(minute)) ? 1 : 0;
  EXPECT_EQ(explored, 2);
  // A clock that was a month ahead stops it for no month.
  EXPECT_TRUE(outlooks.explores("known", "moneykit", now + hours(24 * 31)));
  EXPECT_TRUE(outlooks.explores("known", "moneykit", now + hours(24)));
}

TEST(Outlooks, ComesBackFromItsNote) {
  Outlooks outlooks;
  teach_rhythm(outlooks, "six", hours(6));
  teach_rhythm(outlooks, "day", hours(24));
  for (int fetch = 0; fetch < 40; ++fetch) {
    outlooks.note_fetch("six", "moneykit", now, hours(7), 0.7);
    outlooks.note_fetch("odd", "moneykit", now, hours(1), 0);
  }
  outlooks.note_fetch("line\nend", "moneykit", now, hours(1), 0);
  Outlooks read;
  read.note_fetch("gone", "moneykit", now, hours(1), 0);
  read.decode(outlooks.encode());
  EXPECT_EQ(read.institutions(), 3U) << "without the name that has a line end";
  for (const char* institution : {"six", "day", "odd", "unknown"}) {
    const InstitutionOutlook before = outlooks.of(institution, "moneykit");
    const InstitutionOutlook after = read.of(institution, "moneykit");
    EXPECT_EQ(before.rhythm.regular, after.rhythm.regular) << institution;
    EXPECT_EQ(before.rhythm.period, after.rhythm.period) << institution;
    EXPECT_EQ(before.rhythm.spread, after.rhythm.spread) << institution;
    EXPECT_EQ(before.prior.days, after.prior.days) << institution;
  }
  Outlooks again;
  again.decode(read.encode());
  EXPECT_EQ(again.encode(), read.encode());
}

TEST(Outlooks, OfANoteThatIsNotUnderstoodNothingIsKnown) {
  Outlooks known;
  teach_rhythm(known, "bank", hours(6));
  const std::string note = known.encode();
  const std::string head = "outlook 1\n";
  const std::string everybody = "0\t0\t0\t0\t0\t0\t0\t\n";
  for (const std::string& bad : {
           std::string(),
           std::string("outlook 2\n") + everybody,
           note.substr(0, note.size() - 1),
           head + everybody + "1\t1000\t10\t1000\t0\t0\t0\t\n",                   // no name
           head + everybody + "1\t1000\t10\t1000\t0\t0\t0\n",                     // a number less
           head + everybody + "1\t21600000\tx\t1000\t0\t0\t0\tbank\tmoneykit\n",  // no number
           head + everybody + "1\t21600000\tnan\t1000\t0\t0\t0\tbank\tmoneykit\n",
           head + everybody + "1\tinf\t10\t1000\t0\t0\t0\tbank\tmoneykit\n",
           head + everybody + "1\t-5\t10\t1000\t0\t0\t0\tbank\tmoneykit\n",
           head + everybody + "1\t0\t0\t1000\t0\t0\t0\tbank\tmoneykit\n",         // no period
           head + everybody + "1\t21600000\t0\t1000\t0\t0\t0\tbank\tmoneykit\n",  // no spread
           head + everybody + "1\t1000\t1000\t1000\t0\t0\t0\tbank\tmoneykit\n",   // as wide as long
           head + everybody + "1\t9e14\t10\t1000\t0\t0\t0\tbank\tmoneykit\n",     // longer than any
           head + everybody +
               "1\t21600000\t10\t1000\t1e14\t0\t0\tbank\tmoneykit\n",  // more changes than there are
           head + everybody + "1\t21600000\t10\t1000\t0\t1e14\t0\tbank\tmoneykit\n",
           head + everybody + "1\t21600000\t10\t1000\t0\t0\t0\t" + std::string(257, 'x') + "\n",
       }) {
    Outlooks outlooks;
    outlooks.decode(note);
    ASSERT_EQ(outlooks.institutions(), 1U);
    outlooks.decode(bad);
    EXPECT_EQ(outlooks.institutions(), 0U) << bad;
    EXPECT_FALSE(outlooks.of("bank", "moneykit").rhythm.regular) << bad;
  }
  Outlooks outlooks;
  outlooks.decode(head + everybody + "1\t21600000\t1000\t1000\t0\t0\t0\tbank\tmoneykit\n");
  EXPECT_EQ(outlooks.of("bank", "moneykit").rhythm.period, hours(6));
}

TEST(Outlooks, CountsWhatWebhooksTellAndForgetsIt) {
  Outlooks outlooks;
  outlooks.note_fetch("bank", "moneykit", now, hours(24), 1);
  outlooks.note_webhook(hours(24), true, FoundBy::hook);
  outlooks.note_webhook(hours(24 * 30), true, FoundBy::poll);
  outlooks.note_webhook(hours(-1), false, FoundBy::hook);
  EXPECT_EQ(outlooks.webhooks().days, 1 + watched_days_max);
  EXPECT_EQ(outlooks.webhooks().hooked, 1);
  EXPECT_EQ(outlooks.webhooks().missed, 1);
  Outlooks read;
  read.decode(outlooks.encode());
  EXPECT_EQ(read.webhooks().days, outlooks.webhooks().days);
  EXPECT_EQ(read.webhooks().hooked, 1);
  EXPECT_EQ(read.webhooks().missed, 1);
  outlooks.note_fetch("bank", "moneykit", now + hours(24 * 21), hours(24), 1);
  EXPECT_NEAR(outlooks.webhooks().hooked, 0.5, 1e-9);
  EXPECT_NEAR(outlooks.webhooks().days, 4, 1e-9);
}

TEST(Outlooks, ANoteOfBeforeWebhooksWereCountedIsRead) {
  Outlooks outlooks;
  outlooks.note_fetch("bank", "moneykit", now, hours(24), 1);
  outlooks.note_webhook(hours(24), true, FoundBy::hook);
  std::string note = outlooks.encode();
  // The first line without what stands behind its numbers.
  const std::size_t line = note.find('\n') + 1;
  std::size_t end = line;
  for (int number = 0; number < 7; ++number)
    end = note.find('\t', end) + 1;
  note.erase(end, note.find('\n', end) - end);
  Outlooks read;
  read.decode(note);
  EXPECT_EQ(read.institutions(), 1U);
  EXPECT_EQ(read.everybody().days, 1);
  EXPECT_EQ(read.webhooks().hooked, 0);
}

TEST(Outlooks, ShowsThePoolsAsOfTheSameTime) {
  Outlooks outlooks;
  outlooks.note_fetch("early", "moneykit", now, hours(24), 1);
  for (int fetch = 0; fetch < 900; ++fetch)
    outlooks.note_fetch("late", "moneykit", now + hours(24 * 21), hours(24), 3);
  teach_rhythm(outlooks, "late", hours(6));
  const std::vector<InstitutionPool> pools = outlooks.pools();
  ASSERT_EQ(pools.size(), 2U);
  EXPECT_NEAR(pools[0].days, 0.5, 1e-9) << "the watching of long ago counts for half";
  EXPECT_FALSE(pools[0].knows_rhythm);
  EXPECT_NEAR(pools[1].days, 900, 1e-6);
  EXPECT_NEAR(pools[1].changes_per_day, 3, 0.01);
  EXPECT_TRUE(pools[1].knows_rhythm);
  EXPECT_TRUE(pools[1].rhythm.regular);
  EXPECT_NEAR(outlooks.everybody().days, 900.5, 1e-6);
  EXPECT_NEAR(pools[0].changes_per_day, outlooks.everybody().changes_per_day, 0.5) << "known for too short";
}

}  // namespace
}  // namespace syncd::core
