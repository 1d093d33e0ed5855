#include "sync/core/account_facts.hpp"

#include <gtest/gtest.h>

#include "sync/core/decimal_text.hpp"

namespace syncd::core {
namespace {

TEST(AccountFacts, AreWhatTellsAccountsApart) {
  const auto facts = account_facts(
      R"({"account_id":"a","account_type":"depository.checking","name":"Caf\u00e9","account_mask":"0042",)"
      R"("nickname":"x","balances":{"currency":"EUR","available":null,"current":-0.10,"limit":"1e3",)"
      R"("balance_date":null,"other":{"current":9}},"closed":false,"name_of":[{"name":"no"}]})");
  ASSERT_TRUE(facts);
  EXPECT_EQ(*facts, (AccountFacts{.name = "Café",
                                  .type = "depository.checking",
                                  .mask = "0042",
                                  .currency = "EUR",
                                  .available = "",
                                  .current = "-0.10",
                                  .limit = "1e3"}));
}

TEST(AccountFacts, WhatIsNoTextAndNoNumberIsPassedOver) {
  const auto facts =
      account_facts(R"({"name":["x"],"account_mask":{"a":1},"balances":[1],"account_type":true})");
  ASSERT_TRUE(facts);
  EXPECT_EQ(*facts, AccountFacts{});
  EXPECT_EQ(account_facts(R"({"balances":{"current":null,"currency":false}})"), AccountFacts{});
}

TEST(AccountFacts, OfWhatIsNoObjectThereAreNone) {
  for (const char* text : {"", "[]", "17", "{", R"({"name":"a"} x)", R"({"name":"a","name":"b"})"})
    EXPECT_FALSE(account_facts(text)) << text;
}

TEST(DecimalText, OneFormForAllWaysToWriteANumber) {
  struct Case {
    const char* text;
    const char* plain;
  };
  const Case cases[] = {
      {"10.10", "101e-1"},
      {"10.1", "101e-1"},
      {"101e-1", "101e-1"},
      {"1010.0E-2", "101e-1"},
      {"0", "0"},
      {"-0.00", "0"},
      {"0e5", "0"},
      {"-7", "-7e0"},
      {"007", "7e0"},
      {"1e+2", "1e2"},
      {"100", "1e2"},
      {"0.0000000001", "1e-10"},
      {"12345678901234567890123456789012345678", "12345678901234567890123456789012345678e0"},
      // Not numbers: as they are.
      {"", ""},
      {"abc", "abc"},
      {"1.", "1."},
      {".5", ".5"},
      {"1e", "1e"},
      {"1e1234567", "1e1234567"},
      {"1 ", "1 "},
      {"-", "-"},
      {"+1", "+1"},
  };
  for (const Case& test : cases)
    EXPECT_EQ(plain_decimal(test.text), test.plain) << test.text;
}

}  // namespace
}  // namespace syncd::core
