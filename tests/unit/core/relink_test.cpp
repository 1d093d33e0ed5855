#include "sync/core/relink.hpp"

#include <chrono>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sync/core/audit.hpp"

namespace syncd::core {
namespace {

using namespace std::chrono_literals;
using Kind = RelinkRequest::Kind;
using testing::HasSubstr;

const WallTime now{std::chrono::sys_days{std::chrono::year(2024) / 3 / 1} + 9h};

RelinkEntry open_entry() {
  RelinkEntry entry;
  entry.link_id = LinkId("mk_\"1");
  entry.reason = "auth_expired";
  entry.institution_id = "chase";
  entry.provider = "mx";
  entry.opened_at = now;
  entry.version = 3;
  return entry;
}

RelinkRequest request_of(Kind kind, std::uint64_t version = 3, std::string actor = "uid:1") {
  return {.kind = kind, .actor = std::move(actor), .version = version};
}

RelinkEntry after(const RelinkEntry& entry, RelinkRequest request) {
  request.version = entry.version;
  const auto result = apply(entry, request, now + 1h);
  EXPECT_TRUE(result) << result.error().message;
  return result.value_or(entry);
}

std::string refusal(const RelinkEntry& entry, const RelinkRequest& request, Errc code = Errc::conflict) {
  const auto result = apply(entry, request, now + 1h);
  EXPECT_FALSE(result);
  if (result) return {};
  EXPECT_EQ(result.error().code, code);
  return result.error().message;
}

TEST(RelinkNames, AreTheOnesOfTheApi) {
  EXPECT_EQ(to_string(RelinkStatus::open), "open");
  EXPECT_EQ(to_string(RelinkStatus::claimed), "claimed");
  EXPECT_EQ(to_string(RelinkStatus::session_issued), "session_issued");
  EXPECT_EQ(to_string(RelinkStatus::resolved), "resolved");
  EXPECT_EQ(to_string(RelinkStatus::dismissed), "resolved");
  EXPECT_EQ(to_string(static_cast<RelinkStatus>(99)), "unknown");
  EXPECT_EQ(to_string(static_cast<RelinkEventKind>(99)), "unknown");
  const char* kinds[] = {"opened",         "reason_changed", "claimed",  "released", "noted",
                         "session_issued", "dismissed",      "reopened", "resolved"};
  for (std::size_t i = 0; i < relink_event_kind_count; ++i)
    EXPECT_EQ(to_string(static_cast<RelinkEventKind>(i + 1)), kinds[i]);
  const char* actions[] = {"relink.claim",   "relink.release", "relink.note",
                           "relink.dismiss", "relink.reopen",  "relink.session"};
  for (std::size_t i = 0; i < relink_request_kind_count; ++i)
    EXPECT_EQ(action_name(static_cast<Kind>(i + 1)), actions[i]);
}

TEST(RelinkStatuses, SayWhoWaitsAndWhoShouldAct) {
  for (const auto status : {RelinkStatus::open, RelinkStatus::claimed, RelinkStatus::session_issued}) {
    EXPECT_TRUE(is_live(status));
    EXPECT_TRUE(is_waiting(status));
  }
  EXPECT_FALSE(is_live(RelinkStatus::dismissed));
  EXPECT_TRUE(is_waiting(RelinkStatus::dismissed));
  EXPECT_FALSE(is_live(RelinkStatus::resolved));
  EXPECT_FALSE(is_waiting(RelinkStatus::resolved));
}

TEST(RelinkEntries, AreShownWhole) {
  RelinkEntry entry = open_entry();
  EXPECT_EQ(to_json(entry),
            R"({"link_id":"mk_\"1","status":"open","reason":"auth_expired","institution_id":"chase",)"
            R"("provider":"mx","customer_user_id":null,)"
            R"("opened_at":"2024-03-01T09:00:00.000Z","resolved_at":null,"resolved_by":null,)"
            R"("last_success_at":null,"assignee":null,"reopened":0,"version":3})");
  entry.status = RelinkStatus::resolved;
  entry.resolved_at = now + 1h;
  entry.resolved_by = "reconnected";
  entry.last_success_at = now - 1h;
  entry.customer_user_id = "u7";
  entry.assignee = "uid:1";
  entry.reopened = 2;
  entry.version = 5;
  EXPECT_EQ(to_json(entry),
            R"({"link_id":"mk_\"1","status":"resolved","reason":"auth_expired","institution_id":"chase",)"
            R"("provider":"mx","customer_user_id":"u7",)"
            R"("opened_at":"2024-03-01T09:00:00.000Z","resolved_at":"2024-03-01T10:00:00.000Z",)"
            R"("resolved_by":"reconnected","last_success_at":"2024-03-01T08:00:00.000Z",)"
            R"("assignee":"uid:1","reopened":2,"version":5})");
}

TEST(RelinkActs, EachRaisesTheVersionAndIsAStepOfTheHistory) {
  const RelinkEntry claimed = after(open_entry(), request_of(Kind::claim));
  EXPECT_EQ(claimed.status, RelinkStatus::claimed);
  EXPECT_EQ(claimed.assignee, "uid:1");
  EXPECT_EQ(claimed.version, 4u);
  ASSERT_EQ(claimed.history.size(), 1u);
  EXPECT_EQ(claimed.history[0], (RelinkEvent{now + 1h, RelinkEventKind::claimed, "uid:1", "uid:1"}));

  const RelinkEntry released = after(claimed, request_of(Kind::release));
  EXPECT_EQ(released.status, RelinkStatus::open);
  EXPECT_EQ(released.assignee, "");
  EXPECT_EQ(released.version, 5u);

  RelinkRequest note = request_of(Kind::note);
  note.text = "called, no answer";
  const RelinkEntry noted = after(released, note);
  EXPECT_EQ(noted.status, RelinkStatus::open);
  EXPECT_EQ(noted.history.back().text, "called, no answer");
  EXPECT_EQ(noted.history.size(), 3u);
}

TEST(RelinkActs, AClaimIsForWhomItNames) {
  RelinkRequest request = request_of(Kind::claim);
  request.assignee = "ann";
  EXPECT_EQ(after(open_entry(), request).assignee, "ann");
  request.assignee = std::string(relink_assignee_bytes_max + 1, 'x');
  EXPECT_THAT(refusal(open_entry(), request, Errc::invalid), HasSubstr("assignee"));
}

TEST(RelinkActs, AnAssigneeIsANameAndNoText) {
  for (const char* name : {"ann", "uid:1000", "token:help-desk.2", "Ann_B+1@example.com"})
    EXPECT_TRUE(is_valid_assignee(name)) << name;
  for (const char* text : {"", "Ann B", "owes\n12", "J\xc3\xb6rg", "a/b", "a\"b", "tel;1", "a,b"})
    EXPECT_FALSE(is_valid_assignee(text)) << text;
  EXPECT_TRUE(is_valid_assignee(std::string(relink_assignee_bytes_max, 'x')));
  EXPECT_FALSE(is_valid_assignee(std::string(relink_assignee_bytes_max + 1, 'x')));

  RelinkRequest request = request_of(Kind::claim);
  request.assignee = "call +49 170 1";
  EXPECT_THAT(refusal(open_entry(), request, Errc::invalid), HasSubstr("belongs in a note"));
  RelinkEntry before = open_entry();
  before.assignee = "Ann from support";  // of an earlier version
  before.status = RelinkStatus::claimed;
  RelinkRequest release = request_of(Kind::release);
  release.take_over = true;
  EXPECT_EQ(after(before, release).assignee, "") << "what is there stays usable";
}

TEST(RelinkActs, AClaimIsNotTakenFromSomebodyUnasked) {
  const RelinkEntry claimed = after(open_entry(), request_of(Kind::claim));
  RelinkRequest other = request_of(Kind::claim, claimed.version, "uid:2");
  EXPECT_THAT(refusal(claimed, other), HasSubstr("claimed by uid:1"));
  other.take_over = true;
  EXPECT_EQ(after(claimed, other).assignee, "uid:2");
  EXPECT_EQ(after(claimed, request_of(Kind::claim)).assignee, "uid:1") << "one's own claim again";
}

TEST(RelinkActs, AClaimIsNotReleasedBySomebodyUnasked) {
  RelinkRequest for_ann = request_of(Kind::claim);
  for_ann.assignee = "ann";
  const RelinkEntry claimed = after(open_entry(), for_ann);
  RelinkRequest other = request_of(Kind::release, claimed.version, "uid:2");
  EXPECT_THAT(refusal(claimed, other), HasSubstr("claimed by ann"));
  other.take_over = true;
  EXPECT_EQ(after(claimed, other).assignee, "");
  EXPECT_EQ(after(claimed, request_of(Kind::release, 0, "ann")).assignee, "") << "who works on it";
  EXPECT_EQ(after(claimed, request_of(Kind::release)).assignee, "") << "who claimed it for her";
  RelinkRequest taken = request_of(Kind::claim, 0, "uid:2");
  taken.take_over = true;
  EXPECT_THAT(refusal(after(claimed, taken), request_of(Kind::release, claimed.version + 1)),
              HasSubstr("claimed by uid:2"))
      << "who had it before has it no more";
}

TEST(RelinkActs, ARepeatedClaimIsNoNews) {
  RelinkRequest for_ann = request_of(Kind::claim);
  for_ann.assignee = "ann";
  const RelinkEntry claimed = after(open_entry(), for_ann);
  EXPECT_EQ(after(claimed, for_ann), claimed);
  EXPECT_EQ(after(after(claimed, request_of(Kind::dismiss)), request_of(Kind::reopen)).assignee, "");
  RelinkRequest by_another = for_ann;
  by_another.actor = "uid:2";
  EXPECT_EQ(after(claimed, by_another).version, claimed.version + 1) << "another person says so too";
  RelinkRequest session = request_of(Kind::session);
  session.session_expires_at = now + 2h;
  const RelinkEntry issued = after(claimed, session);
  EXPECT_EQ(after(issued, for_ann), issued);
  const RelinkEntry self = after(after(open_entry(), request_of(Kind::claim)), request_of(Kind::release));
  const RelinkEntry sent = after(self, session);
  EXPECT_EQ(sent.assignee, "uid:1");
  EXPECT_EQ(after(sent, request_of(Kind::claim)).version, sent.version + 1)
      << "the claim before was given up";
  RelinkEntry forgotten = claimed;
  forgotten.history.clear();
  EXPECT_EQ(after(forgotten, for_ann).version, claimed.version + 1) << "nobody knows who claimed it";
  for_ann.version = claimed.version - 1;
  EXPECT_THAT(refusal(claimed, for_ann), HasSubstr("version 4 by now")) << "the version counts all the same";
}

TEST(RelinkActs, ASessionIsNotedWithItsEnd) {
  RelinkRequest request = request_of(Kind::session);
  request.session_expires_at = now + 2h;
  const RelinkEntry issued = after(open_entry(), request);
  EXPECT_EQ(issued.status, RelinkStatus::session_issued);
  EXPECT_EQ(issued.session, (RelinkSession{now + 1h, now + 2h, "uid:1"}));
  EXPECT_EQ(issued.assignee, "uid:1") << "who sends the session works on it";
  const RelinkEntry released = after(issued, request_of(Kind::release));
  EXPECT_EQ(released.status, RelinkStatus::session_issued) << "the owner still has it";
  RelinkRequest claim = request_of(Kind::claim, 0, "uid:2");
  EXPECT_EQ(after(released, claim).status, RelinkStatus::session_issued);
}

TEST(RelinkActs, ADismissedEntryCanBeOpenedAgain) {
  const RelinkEntry dismissed = after(open_entry(), request_of(Kind::dismiss));
  EXPECT_EQ(dismissed.status, RelinkStatus::dismissed);
  EXPECT_EQ(dismissed.resolved_by, "dismissed");
  EXPECT_EQ(dismissed.resolved_at, now + 1h);
  for (const Kind kind : {Kind::claim, Kind::release, Kind::dismiss, Kind::session})
    EXPECT_THAT(refusal(dismissed, request_of(kind, dismissed.version)), HasSubstr("reopen it first"));
  const RelinkEntry again = after(dismissed, request_of(Kind::reopen));
  EXPECT_EQ(again.status, RelinkStatus::open);
  EXPECT_EQ(again.reopened, 1u);
  EXPECT_EQ(again.resolved_by, "");
  EXPECT_EQ(again.resolved_at, WallTime{});
  EXPECT_EQ(again.opened_at, now) << "the wait is the same one";
}

TEST(RelinkActs, WhatIsOverIsLeftAlone) {
  RelinkEntry resolved = open_entry();
  resolved.status = RelinkStatus::resolved;
  resolved.resolved_by = "reconnected";
  resolved.resolved_at = now;
  for (const Kind kind : {Kind::claim, Kind::release, Kind::dismiss, Kind::session})
    EXPECT_THAT(refusal(resolved, request_of(kind)), HasSubstr("resolved (reconnected) at 2024-03-01"));
  EXPECT_THAT(refusal(resolved, request_of(Kind::reopen)), HasSubstr("opens by itself"));
  EXPECT_THAT(refusal(open_entry(), request_of(Kind::reopen)), HasSubstr("open already"));
  EXPECT_THAT(refusal(open_entry(), request_of(Kind::release)), HasSubstr("claimed by nobody"));
  RelinkRequest note = request_of(Kind::note);
  note.text = "for the record";
  EXPECT_EQ(after(resolved, note).status, RelinkStatus::resolved);
}

TEST(RelinkActs, WhoSawAnotherVersionIsToldWhoChangedIt) {
  const RelinkEntry claimed = after(open_entry(), request_of(Kind::claim));
  EXPECT_THAT(refusal(claimed, request_of(Kind::dismiss, 3, "uid:2")),
              HasSubstr("version 4 by now, not 3: uid:1 (claimed, 2024-03-01T10:00:00.000Z) changed it"));
  RelinkEntry bare = open_entry();
  EXPECT_THAT(refusal(bare, request_of(Kind::claim, 2)), HasSubstr("somebody changed it"));
  note_event(bare, {now, RelinkEventKind::reason_changed, {}, "x"});
  EXPECT_THAT(refusal(bare, request_of(Kind::claim, 2)), HasSubstr("the daemon (reason_changed"));
}

TEST(RelinkActs, NotesHaveAText) {
  RelinkRequest note = request_of(Kind::note);
  EXPECT_THAT(refusal(open_entry(), note, Errc::invalid), HasSubstr("text is empty"));
  note.text = std::string(relink_text_bytes_max + 1, 'x');
  EXPECT_THAT(refusal(open_entry(), note, Errc::invalid), HasSubstr("more than 2000 bytes"));
  note.text.pop_back();
  note.version.reset();
  EXPECT_TRUE(apply(open_entry(), note, now)) << "a note overwrites nothing: it needs no version";
}

TEST(RelinkHistory, HasABound) {
  RelinkEntry entry = open_entry();
  for (std::size_t i = 0; i < relink_history_max + 5; ++i)
    note_event(entry, {now, RelinkEventKind::noted, "uid:1", std::to_string(i)});
  EXPECT_EQ(entry.history.size(), relink_history_max);
  EXPECT_EQ(entry.history_dropped, 5u);
  EXPECT_EQ(entry.history.front().text, "5");
}

TEST(DaysLost, CountFromTheLastSuccess) {
  RelinkEntry entry = open_entry();
  EXPECT_EQ(days_lost(entry, now + 49h), 2);
  entry.last_success_at = now - 24h;
  EXPECT_EQ(days_lost(entry, now + 49h), 3);
  EXPECT_EQ(days_lost(entry, now - 48h), 0) << "a clock that was put back";
  entry.status = RelinkStatus::resolved;
  entry.resolved_at = now + 1h;
  EXPECT_EQ(days_lost(entry, now + 900h), 1);
}

// ---- the chain of acts ----

TEST(AuditChain, EveryMemberIsInTheHash) {
  const AuditNote note{
      .actor = "a", .action = "b", .detail = "{}", .request_key = {1}, .request_digest = {2}};
  const AuditEntry entry = next_entry({.sequence = 4, .hash = {9}}, now, LinkId("l"), note);
  EXPECT_EQ(entry.sequence, 5u);
  EXPECT_EQ(entry.hash, chain_hash({9}, entry));
  EXPECT_NE(entry.hash, chain_hash({8}, entry));
  const auto differs = [&](auto change) {
    AuditEntry other = entry;
    change(other);
    EXPECT_NE(entry.hash, chain_hash({9}, other));
  };
  differs([](AuditEntry& e) { ++e.sequence; });
  differs([](AuditEntry& e) { e.at += 1ms; });
  differs([](AuditEntry& e) { e.link_id = LinkId("m"); });
  differs([](AuditEntry& e) { e.note.actor = "x"; });
  differs([](AuditEntry& e) { e.note.action = "x"; });
  differs([](AuditEntry& e) { e.note.detail = "x"; });
  differs([](AuditEntry& e) { e.note.request_key = {7}; });
  differs([](AuditEntry& e) { e.note.request_digest = {7}; });
  differs([](AuditEntry& e) {  // a byte that moves from one text to the next
    e.note.actor = "ab";
    e.note.action = "";
  });
}

}  // namespace
}  // namespace syncd::core
