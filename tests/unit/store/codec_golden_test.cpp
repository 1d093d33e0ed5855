#include <limits>

#include <gtest/gtest.h>

#include "store/codec.hpp"
#include "store/feed.hpp"
#include "store/high_water.hpp"
#include "sync/core/schedule.hpp"
#include "tests/unit/store/hex.hpp"
#include "tests/unit/store/sample_values.hpp"

// The exact bytes of every value. A test that fails here means that stores in the field can no longer be
// read: never adapt the bytes, add a format.
namespace syncd::test {
namespace {

using namespace store;

TEST(ValueBytes, Varints) {
  const auto varint = [](std::uint64_t value) {
    std::string out;
    Writer(out).varint(value);
    return to_hex(out);
  };
  EXPECT_EQ(varint(0), "00");
  EXPECT_EQ(varint(127), "7f");
  EXPECT_EQ(varint(128), "8001");
  EXPECT_EQ(varint(~std::uint64_t{0}), "ffffffffffffffffff01");
  const auto zigzag = [](std::int64_t value) {
    std::string out;
    Writer(out).zigzag(value);
    return to_hex(out);
  };
  EXPECT_EQ(zigzag(0), "00");
  EXPECT_EQ(zigzag(-1), "01");
  EXPECT_EQ(zigzag(1), "02");
  EXPECT_EQ(zigzag(std::numeric_limits<std::int64_t>::min()), "ffffffffffffffffff01");
}

TEST(ValueBytes, TransactionRow) {
  const auto value = sample_row_value();
  EXPECT_EQ(to_hex(value),
            "01"
            "01"        // format, pending
            "ac02"      // generation 300
            "03616363"  // account
            "02"
            "7030"  // posted from
            "09"
            "7b2261223a312e307d");
  const auto row = decode_row("t1", value);
  ASSERT_TRUE(row) << row.error().message;
  EXPECT_EQ(row->transaction_id, "t1");
  EXPECT_TRUE(row->pending);
  EXPECT_EQ(row->generation, 300u);
  EXPECT_EQ(row->account_id, "acc");
  EXPECT_EQ(row->posted_from, "p0");
  EXPECT_EQ(row->json, R"({"a":1.0})");
  EXPECT_EQ(decode_row_generation(value), 300u);
}

TEST(ValueBytes, Account) {
  const auto value = sample_account_value();
  EXPECT_EQ(to_hex(value),
            "01"
            "01"
            "d00f"
            "02"
            "7b7d");
  const auto account = decode_account("a1", value);
  ASSERT_TRUE(account) << account.error().message;
  EXPECT_EQ(*account, (core::StoredAccount{
                          .account_id = "a1", .json = "{}", .gone = true, .gone_since = wall_ms(1000)}));
}

TEST(ValueBytes, SmallestLinkRecord) {
  core::LinkRecord record;
  record.link_id = core::LinkId{"l"};
  std::string value;
  encode_link(value, record);
  EXPECT_EQ(to_hex(value),
            "01"
            "01"
            "01"  // format, fence, active
            "00"
            "00"
            "00"    // last success, next due, no recent sends
            "8120"  // has_transactions_product, accounts_wanted
            "00"
            "00"
            "00"  // customer, tags, added
            "00"
            "00"
            "00"
            "00"
            "01"
            "00"
            "00"  // generation, resync
            "00"  // accounts pulled
            "00"
            "00"
            "00"  // last attempt, failures
            "00"
            "00"
            "00");  // counts
  EXPECT_EQ(decode_link("l", value), record);
}

constexpr std::string_view full_link_record =
    "01"
    "8402"
    "03"      // format, fence 260, relink
    "90a10f"  // last success 125,000 ms
    "c0a907"  // next due 60,000 ms later
    "02"
    "01"
    "c701"
    "02"
    "06"        // two recent sends: sync 100 ms before that success, accounts 3 ms later
    "ffffff01"  // every flag
    "02"
    "6375"  // customer
    "02"
    "01"
    "61"
    "02"
    "6262"  // tags
    "0e"    // added
    "03"
    "696e73"
    "02"
    "7072"
    "02"
    "7374"
    "02"
    "6572"
    "02"
    "04"  // transactions clock, accounts clock
    "03"
    "637572"  // cursor
    "05"
    "10"
    "02"  // generation, resync started, resyncs
    "03"
    "01"
    "04"
    "06"
    "02"  // drain: pages, idle pages, staged, clock, two hashes
    "0000000000000001"
    "ffffffffffffffff"
    "02"
    "01"
    "78"
    "02"
    "7979"  // drain: two posted rows
    "08"    // pending clock
    "12"
    "0a"  // accounts pulled at, under clock
    "0102030405060708090a0b0c0d0e0f10"
    "ff02030405060708090a0b0c0d0e0f10"
    "c80164"  // last attempt 100 ms after the success, refused products again 50 ms after it
    "07"
    "01"  // failures
    "03"
    "ee07"
    "02"
    "6563"
    "02"
    "656d"
    "14"
    "02"
    "ac02"
    "04"  // counts
    "808080fe03"
    "8080888d04"
    "808080fc03"
    "808080f803"  // evidence: 1.5 changes in 20.25 days, 1 hooked, 0.5 missed
    "cf0f"
    "00"  // fetched a second before the success, looked at with it
    "03"
    "01";  // webhook, peek; by the ladder

TEST(ValueBytes, FullLinkRecord) {
  const auto record = sample_link();
  std::string value;
  encode_link(value, record);
  EXPECT_EQ(to_hex(value), full_link_record);
}

TEST(ValueBytes, FullLinkRecordIsReadBack) {
  const auto record = sample_link();
  std::string value;
  encode_link(value, record);
  auto decoded = decode_link("link", value);
  ASSERT_TRUE(decoded) << decoded.error().message;
  EXPECT_EQ(*decoded, record);
  EXPECT_EQ(decode_link_fence(value), 260u);
  EXPECT_EQ(decode_link_status(value), core::LinkStatus::relink);

  LinkSummary summary;
  ASSERT_TRUE(decode_link_summary(value, summary));
  EXPECT_EQ(summary.status, record.status);
  EXPECT_EQ(summary.next_due_at, record.next_due_at);
  EXPECT_EQ(summary.last_success_at, record.last_success_at);
  EXPECT_EQ(summary.recent_sends, record.recent_sends);
  EXPECT_EQ(summary.institution_id, record.institution_id);
  EXPECT_EQ(summary.provider, record.provider);
  EXPECT_EQ(summary.upstream_error_code, record.upstream_error_code);
  EXPECT_EQ(summary.upstream_clock, core::upstream_clock_of(record));
}

// Does not compile when the record has gained a member: then encode_link needs a new format, and this a new
// name.
TEST(ValueBytes, EveryMemberOfTheLinkRecordIsKnown) {
  const auto record = sample_link();
  const auto& [link_id, fence, status, customer_user_id, tags, added_at, institution_id, provider,
               upstream_state, upstream_error_code, link_digest, has_transactions_product,
               transactions_forbidden, accounts_forbidden, accounts_failing, accounts_wanted,
               refused_retry_at, transactions_clock, accounts_clock, cursor, generation, resync, repairing,
               resync_started_at, resyncs_in_window, drain, pending_clock, accounts_pulled_at,
               accounts_pulled_clock, accounts_digest, next_due_at, last_attempt_at, last_success_at,
               failures, protocol_failures, last_error, counts, recent_sends, freshness] = record;
  const auto& [open, pages, idle_pages, staged, brought_pending, clock, cursor_hashes, posted_ids,
               match_given_up] = drain;
  const auto& [evidence, fetched_at, looked_at, has_webhook, peek_next, reason] = freshness;
  const auto& [changes, days, hooked, missed] = evidence;
  EXPECT_EQ(reason, core::VisitReason::ladder);
  EXPECT_EQ(missed, 0.5F);
  EXPECT_EQ(fence, 260u);
  EXPECT_EQ(pages, 3u);
  EXPECT_TRUE(match_given_up);
}

// As versions before wrote it: these bytes are in stores.
TEST(ValueBytes, RelinkEntryOfTheFirstFormat) {
  const std::string value = from_hex(
      "01"
      "02"
      "05"
      "01"  // format, resolved, version, reopened
      "02"
      "04"
      "06"  // opened, resolved, last success
      "01"
      "72"
      "01"
      "69"
      "01"
      "62");
  auto wanted = sample_relink();
  wanted.provider.clear();
  wanted.customer_user_id.clear();
  wanted.assignee.clear();
  wanted.session.reset();
  wanted.history_dropped = 0;
  wanted.history.clear();
  const auto entry = decode_relink("link", value);
  ASSERT_TRUE(entry) << entry.error().message;
  EXPECT_EQ(*entry, wanted);
}

TEST(ValueBytes, RelinkEntry) {
  const auto value = sample_relink_value();
  EXPECT_EQ(to_hex(value),
            "02"
            "02"
            "05"
            "01"  // format, resolved, version, reopened
            "02"
            "04"
            "06"  // opened, resolved, last success
            "0172"
            "0169"
            "0162"  // reason, institution, resolved by
            "0170"
            "0175"
            "0161"  // provider, customer user, assignee
            "01"
            "08"
            "0a"
            "0173"  // session: issued, expires, by
            "06"
            "01"
            "0e"
            "05"
            "0178"
            "0174");  // history: dropped, count; at, noted, actor, text
  const auto entry = decode_relink("link", value);
  ASSERT_TRUE(entry) << entry.error().message;
  EXPECT_EQ(*entry, sample_relink());
}

TEST(ValueBytes, TheHeadOfARelinkEntryEndsBeforeItsHistory) {
  constexpr std::size_t history_bytes = 8;
  const auto value = sample_relink_value();
  core::RelinkEntry head = sample_relink();
  head.history_dropped = 0;
  head.history.clear();
  const auto of_all = decode_relink_head("link", value);
  ASSERT_TRUE(of_all) << of_all.error().message;
  EXPECT_EQ(*of_all, head);
  for (std::size_t bytes = 0; bytes < value.size() - history_bytes; ++bytes)
    EXPECT_FALSE(decode_relink_head("link", std::string_view(value).substr(0, bytes))) << bytes;
}

TEST(ValueBytes, PlaceInTheQueue) {
  std::string value;
  encode_relink_place(value, sample_relink());
  EXPECT_EQ(to_hex(value),
            "01"
            "02"
            "0172"
            "0169"
            "0161"
            "0175");  // format, resolved, reason, institution, assignee, customer user
  const auto place = decode_relink_place(value);
  ASSERT_TRUE(place) << place.error().message;
  EXPECT_EQ(place->status, core::RelinkStatus::resolved);
  EXPECT_EQ(place->customer_user_id, "u");
}

TEST(ValueBytes, AuditEntryAndHead) {
  const core::AuditEntry entry = sample_act();
  std::string value;
  encode_audit_entry(value, entry);
  EXPECT_EQ(
      to_hex(value),
      "01"
      "02"
      "046c696e6b"
      "0161"
      "0162"
      "027b7d" +  // format, at, link, actor, action, detail
          ("01" + std::string(30, '0')) +
          ("02" + std::string(30, '0')) +
          to_hex(std::string_view(reinterpret_cast<const char*>(entry.hash.data()), entry.hash.size())));
  EXPECT_EQ(decode_audit_entry(9, value), entry);
  value.clear();
  encode_audit_head(value, {.sequence = 300, .hash = {7}});
  EXPECT_EQ(to_hex(value), "01ac0207" + std::string(62, '0'));
  EXPECT_EQ(decode_audit_head(value), (core::AuditHead{.sequence = 300, .hash = {7}}));
}

// A chain that was written once must be found whole by every later version.
TEST(AuditChain, HasThisHash) {
  const core::Hash hash = sample_act().hash;
  const std::string_view bytes(reinterpret_cast<const char*>(hash.data()), hash.size());
  EXPECT_EQ(to_hex(bytes), "c97f5b04e67a4275b2b4ca6b4d82e7f2711a45385561ca2cb13a8091d23438f8");
}

TEST(ValueBytes, DeadLetter) {
  const auto value = sample_dead_letter_value();
  EXPECT_EQ(to_hex(value),
            "01"
            "02"
            "ac02"
            "0102030405060708090a0b0c0d0e0f10"
            "03"
            "776879"
            "03"
            "5b3f5d"
            "0c");
  EXPECT_EQ(decode_dead_letter(wall_ms(5), "link", value), sample_dead_letter());
}

TEST(ValueBytes, FreezeAndBlob) {
  std::string value;
  encode_freeze(value, wall_ms(1000));
  EXPECT_EQ(to_hex(value), "01d00f");
  EXPECT_EQ(decode_freeze(value), wall_ms(1000));
  value.clear();
  encode_blob_head(value);
  EXPECT_EQ(to_hex(value), "01");
  EXPECT_EQ(decode_blob("note", value + "xy"), "xy");
}

TEST(ValueBytes, FeedBlock) {
  const auto value = sample_feed_block();
  EXPECT_EQ(to_hex(value),
            "01"
            "02"
            "00"  // format, two entries, not packed
            "d00f"
            "03"  // time, manual
            "01"
            "6c"  // link
            "08"
            "02"
            "7431"
            "02"
            "7b7d"
            "03"
            "5b315d"
            "01"
            "01"
            "6c"
            "00"
            "00");
  FeedWindow window{.after = 6, .limit = 10, .bytes = 0, .bytes_max = 1000};
  std::vector<FeedEntry> entries;
  EXPECT_EQ(decode_feed_block(value, 3, 7, window, entries), 2u);
  ASSERT_EQ(entries.size(), 2u);
  EXPECT_EQ(entries[0].epoch, 3u);
  EXPECT_EQ(entries[0].sequence, 7u);
  EXPECT_EQ(entries[0].at, wall_ms(1000));
  EXPECT_EQ(entries[0].link_id.str(), "l");
  EXPECT_EQ(entries[0].kind, core::ChangeKind::transaction_updated);
  EXPECT_EQ(entries[0].id, "t1");
  EXPECT_EQ(entries[0].before, "{}");
  EXPECT_EQ(entries[0].after, "[1]");
  EXPECT_EQ(entries[0].cause, core::Cause::manual);
  EXPECT_EQ(entries[1].sequence, 8u);
  EXPECT_EQ(entries[1].kind, core::ChangeKind::link_added);
  EXPECT_EQ(decode_feed_block_size(value), 2u);
}

// The bytes behind the head are LZ4's: any version of it reads them, not every version writes the same.
TEST(ValueBytes, LargeFeedBlockIsPacked) {
  core::LinkUpdate update;
  update.link_id = core::LinkId{"l"};
  update.at = wall_ms(1000);
  const std::string image = "{\"amount\":\"1.10\",\"description\":\"the same words again and again\"}";
  for (int i = 0; i < 500; ++i)
    update.changes.push_back({core::ChangeKind::transaction_created, "t1", {}, image});
  std::string value;
  encode_feed_block(value, update);
  EXPECT_LT(value.size(), 500 * image.size() / 10);
  EXPECT_EQ(to_hex(value.substr(0, 4)), "01f40301");  // format, 500 entries, LZ4
  EXPECT_EQ(decode_feed_block_size(value), 500u);
  FeedWindow window{.after = 499, .limit = 10, .bytes = 0, .bytes_max = 1000};
  std::vector<FeedEntry> entries;
  EXPECT_EQ(decode_feed_block(value, 1, 1, window, entries), 500u);
  ASSERT_EQ(entries.size(), 1u);
  EXPECT_EQ(entries[0].sequence, 500u);
  EXPECT_EQ(entries[0].after, image);
  EXPECT_EQ(entries[0].at, wall_ms(1000));
}

TEST(ValueBytes, FeedState) {
  std::string value;
  encode_feed_state(value, {.epoch = 2, .head = 300});
  EXPECT_EQ(to_hex(value), "0102ac02");
  EXPECT_EQ(decode_feed_state(value), (FeedState{.epoch = 2, .head = 300}));
}

TEST(ValueBytes, FeedFront) {
  std::string value;
  encode_feed_front(value, {.epoch = 2, .first = 300});
  EXPECT_EQ(to_hex(value), "0102ac02");
  EXPECT_EQ(decode_feed_front(value), (FeedFront{.epoch = 2, .first = 300}));
}

TEST(ValueBytes, HighWaterFile) {
  EXPECT_EQ(crc32c("123456789"), 0xe3069283u);  // the check value of CRC-32C
  HighWater mark{.instance = {}, .epoch = 2, .published = 300};
  mark.instance[0] = 0xab;
  mark.instance[15] = 0xcd;
  const auto content = encode_high_water(mark);
  EXPECT_EQ(content.size(), high_water_bytes);
  EXPECT_EQ(to_hex(content.substr(0, 41)),
            "6d6b73796e636877"
            "01"
            "ab0000000000000000000000000000cd"
            "0000000000000002"
            "000000000000012c");
  EXPECT_EQ(to_hex(content.substr(41)), "37fb07b5");
  const auto decoded = decode_high_water(content);
  ASSERT_TRUE(decoded);
  EXPECT_EQ(*decoded, mark);
}

}  // namespace
}  // namespace syncd::test
