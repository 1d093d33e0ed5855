#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/cli/json_value.hpp"
#include "daemon/cli/render.hpp"
#include "daemon/cli/text.hpp"

namespace syncd::test {

using testing::HasSubstr;

namespace {

// 2025-05-06T16:31:12Z
constexpr core::WallTime now{core::Millis{1'746'549'072'000}};

cli::JsonValue json(std::string text) {
  auto value = cli::parse_json(std::move(text));
  EXPECT_TRUE(value) << (value ? "" : value.error());
  return value ? *value : cli::JsonValue{};
}

}  // namespace

TEST(CliText, Ages) {
  EXPECT_EQ(cli::age_of("2025-05-06T16:31:12.000Z", now), "now");
  EXPECT_EQ(cli::age_of("2025-05-06T16:30:12.000Z", now), "60s ago");
  EXPECT_EQ(cli::age_of("2025-05-06T16:21:12.000Z", now), "10m ago");
  EXPECT_EQ(cli::age_of("2025-05-06T13:31:12.000Z", now), "3h ago");
  EXPECT_EQ(cli::age_of("2025-05-01T13:31:12.000Z", now), "5d ago");
  EXPECT_EQ(cli::age_of("2025-05-06T16:36:12.000Z", now), "in 5m");
  EXPECT_EQ(cli::age_of("-", now), "-");
}

TEST(CliText, NothingFromOutsideReachesTheTerminalUnchecked) {
  EXPECT_EQ(cli::printable("a\x1b[2Jb\n"), "a?[2Jb?");
  EXPECT_EQ(cli::printable("\xC2\x9B"
                           "31m"),
            "?31m")
      << "C1";
  EXPECT_EQ(cli::printable("\xFF\xFE"), "??");
  EXPECT_EQ(cli::printable("\xE2\x80\xAE"
                           "evil"),
            "?evil")
      << "right-to-left override";
  EXPECT_EQ(cli::printable("Z\xC3\xBCrich", 4), "Z\xC3\xBCr\xE2\x80\xA6");
}

TEST(CliText, TablesAlign) {
  cli::Table table({{"NAME"}, {"AMOUNT", true}});
  table.add({"Z\xC3\xBCrich", "1.10"});
  table.add({"x", "100.00"});
  EXPECT_EQ(table.text(), "NAME    AMOUNT\nZ\xC3\xBCrich    1.10\nx       100.00\n");
}

TEST(CliJson, NumbersStayText) {
  const cli::JsonValue value =
      json(R"({"a":{"n":100.10,"e":1e2},"list":[{"x":-0.0}],"none":null,"s":"q\"","t":true})");
  EXPECT_EQ(value.at("a.n"), "100.10");
  EXPECT_EQ(value.at("a.e"), "1e2");
  EXPECT_EQ(value.at("s"), "q\"");
  EXPECT_EQ(value.at("t"), "true");
  EXPECT_EQ(value.at("none"), "-");
  EXPECT_EQ(value.at("absent", "?"), "?");
  ASSERT_EQ(value.find("list")->items.size(), 1U);
  EXPECT_EQ(value.find("list")->items[0].raw, R"({"x":-0.0})");
  EXPECT_FALSE(cli::parse_json("{"));
  EXPECT_FALSE(cli::parse_json("not json"));
}

TEST(CliRender, LinksWithTotals) {
  const cli::Items links{
      json(R"({"link_id":"mk_1","status":"active","institution_id":"chase",)"
           R"("counts":{"accounts":3,"transactions":12345},"last_success_at":"2025-05-06T13:31:12.000Z",)"
           R"("next_due_at":"2025-05-06T22:31:12.000Z","last_error":null})"),
      json(R"({"link_id":"mk_2","status":"relink","institution_id":null,)"
           R"("counts":{"accounts":0,"transactions":0},"last_success_at":null,"next_due_at":null,)"
           R"("last_error":{"kind":"relink_required","code":"auth_expired"}})")};
  EXPECT_EQ(cli::render_links(links, now),
            "LINK  STATUS  INSTITUTION  ACCOUNTS  TRANSACTIONS  LAST SUCCESS  NEXT DUE  LAST ERROR\n"
            "mk_1  active  chase               3        12,345  3h ago        in 6h     -\n"
            "mk_2  relink  -                   0             0  -             -         auth_expired\n"
            "\n2 links: 1 active, 1 relink\n");
  EXPECT_EQ(cli::render_links({}, now), "no links\n");
}

TEST(CliRender, TransactionsKeepTheirAmounts) {
  const cli::Items rows{json(
      R"({"transaction_id":"t1","account_id":"a1","pending":true,"data":{"amount":"100.10","currency":"USD",)"
      R"("type":"debit","date":"2025-05-06T00:00:00","description":"Coffee\u001b[31m"}})")};
  const std::string text = cli::render_transactions(rows);
  EXPECT_THAT(text,
              HasSubstr("2025-05-06  100.10  USD       debit      pending  Coffee?[31m  a1       t1\n"));
  EXPECT_THAT(text, HasSubstr("1 transaction, 1 of them pending\n"));
}

TEST(CliRender, FeedEntry) {
  EXPECT_EQ(
      cli::render_feed_entry(json(R"({"epoch":1,"seq":42,"at":"2025-05-06T16:31:12.000Z","link_id":"mk_1",)"
                                  R"("kind":"transaction.created","id":"t1"})")),
      "        42  2025-05-06T16:31:12.000Z  transaction.created   mk_1  t1\n");
}

}  // namespace syncd::test
