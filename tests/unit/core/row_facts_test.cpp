#include "sync/core/row_facts.hpp"

#include <gtest/gtest.h>

namespace syncd::core {
namespace {

TEST(RowFacts, AreTheFewMembersThatMatchingLooksAt) {
  const auto facts =
      row_facts(R"({"amount":"4.50","type":"debit","currency":"USD","date":"2025-05-01T00:00:00",)"
                R"("raw_description":"CAF\u00c9","other":{"amount":"9"}})");
  ASSERT_TRUE(facts);
  EXPECT_EQ(facts->amount, "4.50");
  EXPECT_EQ(facts->type, "debit");
  EXPECT_EQ(facts->currency, "USD");
  EXPECT_EQ(facts->date, "2025-05-01");
  EXPECT_EQ(facts->raw_description, "CAFÉ");
}

TEST(RowFacts, AmountsKeepTheirText) {
  for (const char* amount :
       {"4.50", "4.5", "0.00", "1e2", "-0.0", "12345678901234567890123456789012345678"}) {
    const auto bare = row_facts(R"({"amount":)" + std::string(amount) + R"( ,"type":"debit"})");
    ASSERT_TRUE(bare) << amount;
    EXPECT_EQ(bare->amount, amount);
    EXPECT_EQ(bare->type, "debit");
  }
}

TEST(RowFacts, MissingAndNullAreEmpty) {
  const auto facts = row_facts(R"({"amount":"1","raw_description":null,"type":null })");
  ASSERT_TRUE(facts);
  EXPECT_EQ(facts->amount, "1");
  EXPECT_EQ(facts->type, "");
  EXPECT_EQ(facts->raw_description, "");
  EXPECT_EQ(facts->date, "");
}

// Rows were checked when they came; a row that is damaged all the same must not pass for a match.
TEST(RowFacts, OfADamagedRowAreWhatCanBeRead) {
  const auto no_literal = row_facts(R"({"amount":nope,"type":"debit"})");
  ASSERT_TRUE(no_literal);
  EXPECT_EQ(no_literal->amount, "nope");
  EXPECT_EQ(no_literal->type, "debit");
  const auto no_comma = row_facts(R"({"amount":4.50 "type":"debit","date":"2025-05-01"})");
  ASSERT_TRUE(no_comma);
  EXPECT_EQ(no_comma->amount, "");
  EXPECT_EQ(no_comma->type, "");
  EXPECT_EQ(no_comma->date, "");
}

TEST(RowFacts, OfWhatIsNoObjectAreNone) {
  EXPECT_FALSE(row_facts(""));
  EXPECT_FALSE(row_facts("[1]"));
  EXPECT_FALSE(row_facts("17"));
}

TEST(CivilDay, CountsFromTheEpoch) {
  EXPECT_EQ(civil_day("1970-01-01"), 0);
  EXPECT_EQ(civil_day("1969-12-31"), -1);
  EXPECT_EQ(civil_day("2024-02-29"), 19'782);
  for (const char* other :
       {"", "2025-02-29", "2025-13-01", "2025-1-01", "2025/01/01", "2025-01-01T", "aaaa-bb-cc"})
    EXPECT_FALSE(civil_day(other)) << other;
}

}  // namespace
}  // namespace syncd::core
