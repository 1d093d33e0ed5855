#include "sync/core/purge.hpp"

#include <string>

#include <gtest/gtest.h>

#include "sync/core/step.hpp"
#include "sync/core/update.hpp"

// What is left of a purged link.
namespace syncd::core {
namespace {

WallTime at_ms(std::int64_t ms) {
  return WallTime{Millis{ms}};
}

TEST(PurgedNote, IsOfOneLinkAndDoesNotNameIt) {
  const std::string note = purged_note(LinkId{"mk_1"});
  EXPECT_EQ(note, purged_note(LinkId{"mk_1"}));
  EXPECT_NE(note, purged_note(LinkId{"mk_2"}));
  EXPECT_EQ(note.find("mk_1"), std::string::npos);
  EXPECT_EQ(note.size(), std::string("purged/").size() + 32);
}

TEST(PurgedSends, ComeBackAsTheyWere) {
  const PurgedSends sends = {
      {LinkId{"mk 1\xc3\xa9"},
       {{Endpoint::sync, at_ms(-5)}, {Endpoint::delete_link, at_ms(1'700'000'000'000)}}},
      {LinkId{std::string(256, 'x')}, {{Endpoint::accounts, at_ms(0)}}}};
  EXPECT_EQ(decode_purged_sends(encode_purged_sends(sends)), sends);
  EXPECT_EQ(decode_purged_sends(""), PurgedSends{});
}

TEST(PurgedSends, WhatIsNotUnderstoodIsLeftOut) {
  for (const char* line : {"1 5", "1 5 ", "0 5 mk_1", "99 5 mk_1", "300 5 mk_1", "x 5 mk_1", "1 x mk_1",
                           "1  mk_1", "1 5 a\tb", "\n"}) {
    const PurgedSends sends = decode_purged_sends(std::string(line) + "\n1 7 mk_2");
    ASSERT_EQ(sends.size(), 1u) << line;
    EXPECT_EQ(sends.begin()->first.str(), "mk_2");
    EXPECT_EQ(sends.begin()->second, (std::vector<RecentSend>{{Endpoint::sync, at_ms(7)}}));
  }
}

TEST(PurgedSends, AreForgottenAfterAMinute) {
  PurgedSends sends = {{LinkId{"old"}, {{Endpoint::sync, at_ms(0)}}},
                       {LinkId{"both"}, {{Endpoint::sync, at_ms(1)}, {Endpoint::link, at_ms(40'000)}}},
                       {LinkId{"ahead"}, {{Endpoint::sync, at_ms(900'000)}}}};
  forget_old_sends(sends, at_ms(60'000));
  EXPECT_EQ(sends.size(), 3u) << "a minute to the millisecond still counts";
  forget_old_sends(sends, at_ms(60'002));
  EXPECT_EQ(sends.size(), 2u);
  EXPECT_EQ(sends.at(LinkId{"both"}), (std::vector<RecentSend>{{Endpoint::link, at_ms(40'000)}}));
  EXPECT_TRUE(sends.contains(LinkId{"ahead"})) << "of a clock that was put back";
}

TEST(StepPurge, LeavesAReceipt) {
  LinkRecord record;
  record.link_id = LinkId{"mk_1"};
  record.fence = 7;
  record.counts = {.accounts = 2, .transactions = 1234, .pending = 1};
  const Policy policy;
  const StepInput input{.record = record,
                        .held = std::make_shared<const Held>(),
                        .now = at_ms(9),
                        .policy = policy,
                        .cause = Cause::manual,
                        .recent_sends = {{Endpoint::sync, at_ms(8)}}};
  for (const bool unlinked : {false, true}) {
    const LinkUpdate update = step_purge(input, unlinked);
    EXPECT_TRUE(update.purge);
    EXPECT_EQ(update.expected_fence, 7u);
    EXPECT_EQ(update.record.recent_sends, input.recent_sends) << "they still count";
    EXPECT_FALSE(update.relink);
    ASSERT_EQ(update.changes.size(), 1u);
    EXPECT_EQ(update.changes[0].kind, ChangeKind::link_purged);
    EXPECT_EQ(update.changes[0].id, "mk_1");
    EXPECT_EQ(update.changes[0].before, "");
    EXPECT_EQ(update.changes[0].after, std::string(R"({"accounts":2,"transactions":1234,"unlinked":)") +
                                           (unlinked ? "true}" : "false}"));
  }
}

}  // namespace
}  // namespace syncd::core
