#include "store/keys.hpp"

#include <limits>
#include <utility>

#include <gtest/gtest.h>

#include "tests/unit/store/hex.hpp"

namespace syncd::test {
namespace {

using namespace store;

core::WallTime ms(std::int64_t value) {
  return core::WallTime{core::Millis{value}};
}

TEST(Keys, HaveTheseBytes) {
  EXPECT_EQ(to_hex(link_key("ab")), "00026162");
  EXPECT_EQ(to_hex(account_key("ab", "x")),
            "0002616201"
            "78");
  EXPECT_EQ(to_hex(link_object_key("ab")), "0002616202");
  EXPECT_EQ(to_hex(row_key("ab", RowKind::visible, "t1")),
            "0002616201"
            "7431");
  EXPECT_EQ(to_hex(row_key("ab", RowKind::pending_index, "t1")),
            "0002616202"
            "7431");
  EXPECT_EQ(to_hex(row_key("ab", RowKind::staged, "t1")),
            "0002616203"
            "7431");
  EXPECT_EQ(to_hex(feed_key(2, 258)),
            "0000000000000002"
            "0000000000000102");
  EXPECT_EQ(to_hex(dead_letter_key(ms(1), "ab")),
            "8000000000000001"
            "00026162");
  EXPECT_EQ(to_hex(dead_letter_key(ms(-1), "ab")),
            "7fffffffffffffff"
            "00026162");
  EXPECT_EQ(to_hex(freeze_key(core::Endpoint::accounts)), "667265657a652f02");
  EXPECT_EQ(to_hex(audit_key(258)), "0000000000000102");
  EXPECT_EQ(to_hex(user_link_key("u7", "ab")),
            "ff7537"
            "0000026162");
  EXPECT_EQ(to_hex(queue_key(true, ms(1), "ab")),
            "ff018000000000000001"
            "00026162");
  EXPECT_EQ(to_hex(queue_key(false, ms(-1), "ab")),
            "ff027fffffffffffffff"
            "00026162");
  EXPECT_EQ(meta_key::audit, "audit");
  EXPECT_EQ(note_key("budget"), "note/budget");
  EXPECT_EQ(meta_key::schema, "schema");
  EXPECT_EQ(meta_key::instance, "instance");
  EXPECT_EQ(meta_key::environment, "environment");
  EXPECT_EQ(meta_key::upstream, "upstream");
  EXPECT_EQ(meta_key::feed, "feed");
}

TEST(Keys, PlacesUsersAndActsAreReadBack) {
  const auto place = parse_queue_key(queue_key(false, ms(-7), "ab"));
  ASSERT_TRUE(place);
  EXPECT_FALSE(place->live);
  EXPECT_EQ(place->at, ms(-7));
  EXPECT_EQ(place->link_id, "ab");
  const std::string key = user_link_key("u7", "ab");
  const auto user = parse_user_link_key(key);
  ASSERT_TRUE(user);
  EXPECT_EQ(user->customer_user_id, "u7");
  EXPECT_EQ(user->link_id, "ab");
  EXPECT_EQ(parse_audit_key(audit_key(7)), 7u);
  for (const std::string& bad :
       {std::string("\xff\3"), std::string("\xff\1"), queue_key(true, ms(1), "ab") + "x", std::string("ab"),
        queue_begin(true) + std::string(8, 'x') + std::string("\0\0", 2)})
    EXPECT_FALSE(parse_queue_key(bad)) << to_hex(bad);
  for (const std::string& bad :
       {std::string("\xff"), std::string("\xffu7"), std::string("\xff\0\0\2ab", 6), key + "x"})
    EXPECT_FALSE(parse_user_link_key(bad)) << to_hex(bad);
  for (const std::string& bad : {std::string(8, '\0'), std::string(7, 'x'), std::string(9, 'x')})
    EXPECT_FALSE(parse_audit_key(bad)) << to_hex(bad);
}

TEST(Keys, LongIdsKeepTheirLengthInTwoBytes) {
  const std::string id(256, 'k');
  EXPECT_EQ(to_hex(link_key(id)).substr(0, 6), "01006b");
  EXPECT_EQ(parse_link_key(link_key(id)), id);
  const auto key = row_key(id, RowKind::staged, id);
  const auto parsed = parse_linked_key(key);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->link_id, id);
  EXPECT_EQ(parsed->kind, 3);
  EXPECT_EQ(parsed->id, id);
}

TEST(Keys, NoIdRunsIntoAnother) {
  // "a" + "b..." and "ab" + "..." must not share a range.
  const auto prefix = kind_prefix("a", 1);
  const auto end = kind_prefix_end("a", 1);
  for (const auto& other : {row_key("ab", RowKind::visible, "x"), row_key("a", RowKind::pending_index, "x"),
                            row_key(std::string("a\x01", 2), RowKind::visible, "x"), link_key("a")}) {
    EXPECT_FALSE(other >= prefix && other < end) << to_hex(other);
  }
  const auto own = row_key("a", RowKind::visible, "\xff\xff\xff");
  EXPECT_TRUE(own >= prefix && own < end);
}

TEST(Keys, OrderOfFeedAndDeadLettersIsTheOrderOfNumbers) {
  EXPECT_LT(feed_key(1, 255), feed_key(1, 256));
  EXPECT_LT(feed_key(1, std::numeric_limits<std::uint64_t>::max()), feed_key(2, 1));
  EXPECT_LT(dead_letter_key(ms(-5), "z"), dead_letter_key(ms(0), "a"));
  EXPECT_LT(dead_letter_key(ms(0), "z"), dead_letter_key(ms(7), "a"));
}

TEST(Keys, ParsersRefuseWhatIsNotAKey) {
  EXPECT_FALSE(parse_link_key(""));
  EXPECT_FALSE(parse_link_key(from_hex("00")));
  EXPECT_FALSE(parse_link_key(from_hex("0000")));        // an empty id
  EXPECT_FALSE(parse_link_key(from_hex("00036162")));    // shorter than it says
  EXPECT_FALSE(parse_link_key(from_hex("0002616200")));  // longer than it says
  EXPECT_FALSE(parse_link_key(from_hex("0101") + std::string(257, 'a')));
  EXPECT_FALSE(parse_linked_key(from_hex("00026162")));  // no kind
  EXPECT_FALSE(parse_feed_key(std::string(15, '\0')));
  EXPECT_FALSE(parse_feed_key(std::string(17, '\0')));
  EXPECT_FALSE(parse_dead_letter_key(from_hex("8000000000000001")));
  const auto letter_key = dead_letter_key(ms(-42), "link");
  const auto letter = parse_dead_letter_key(letter_key);
  ASSERT_TRUE(letter);
  EXPECT_EQ(letter->at, ms(-42));
  EXPECT_EQ(letter->link_id, "link");
}

TEST(Keys, OnlyOneTo256BytesFit) {
  EXPECT_FALSE(is_storable_id(""));
  EXPECT_TRUE(is_storable_id("a"));
  EXPECT_TRUE(is_storable_id(std::string(256, 'a')));
  EXPECT_FALSE(is_storable_id(std::string(257, 'a')));
}

}  // namespace
}  // namespace syncd::test
