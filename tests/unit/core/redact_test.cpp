#include "sync/core/redact.hpp"

#include <string>

#include <gtest/gtest.h>

namespace syncd::test {
namespace {

using core::redacted;

TEST(Redact, KeepsStructureAndTheNamesOfTheContract) {
  EXPECT_EQ(redacted(R"j({ "transactions" : { "created" : [ {"transaction_id":"txn_1","amount":"12.30",)j"
                     R"j("pending":true,"posted":null,"n":-12.5e+3} ] }, "has_more":false })j"),
            R"j({"transactions":{"created":[{"transaction_id":"text","amount":"num",)j"
            R"j("pending":bool,"*":null,"*":num}]},"has_more":bool})j");
}

// Neither how much, nor how long it is to write, nor whether somebody owes it.
TEST(Redact, NumbersAreAllTheSame) {
  for (const char* number : {"0", "-0", "7", "-7", "1234567.89", "-0.01", "1e300", "2E-7", "-1.5e+10"}) {
    EXPECT_EQ(redacted(number), "num") << number;
    EXPECT_EQ(redacted(R"j({"amount":")j" + std::string(number) + "\"}"), R"j({"amount":"num"})j") << number;
  }
}

// What JSON does not take for a number is evidence of its own.
TEST(Redact, WhatIsNoNumberIsNotTakenForOne) {
  for (const char* other :
       {"-", "+1", "01", "1.", ".5", "1e", "1e+", "--1", "1-2", "1.2.3", "0x1", "12secret"}) {
    EXPECT_EQ(redacted(other), "?") << other;
    EXPECT_EQ(redacted("[\"" + std::string(other) + "\"]"), R"j(["text"])j") << other;
  }
}

// Of a text only what the contract decides by: nothing, something, or longer than an id may be.
TEST(Redact, TextsOfOneKindAreAllTheSame) {
  EXPECT_EQ(redacted(R"j([""])j"), R"j([""])j");
  EXPECT_EQ(redacted(R"j(["A"])j"), R"j(["text"])j");
  EXPECT_EQ(redacted("[\"" + std::string(256, 'A') + "\"]"), R"j(["text"])j");
  EXPECT_EQ(redacted("[\"" + std::string(257, 'A') + "\"]"), R"j(["long text"])j");
  EXPECT_EQ(redacted("[\"" + std::string(257, '1') + "\"]"), R"j(["long text"])j");
}

TEST(Redact, AWordOfTheContractThatIsAValueIsOne) {
  EXPECT_EQ(redacted(R"j({"name":"name"})j"), R"j({"name":"text"})j");
  EXPECT_EQ(redacted(R"j(["name":"x"])j"), R"j(["text":"text"])j") << "no member stands in a list";
  EXPECT_EQ(redacted(R"j("name":1)j"), R"j("text":num)j");
}

TEST(Redact, WorksOnAnyBytes) {
  EXPECT_EQ(redacted(""), "");
  EXPECT_EQ(redacted("<html>SECRET</html>"), "?");
  EXPECT_EQ(redacted(R"j({"amount":"12)j"), R"j({"amount":"...)j");
  EXPECT_EQ(redacted(R"j({"amount)j"), R"j({"...)j") << "a name that does not end may be anything";
  EXPECT_EQ(redacted(R"j(["a\"b","\)j"), R"j(["text","...)j");
  EXPECT_EQ(redacted("[\xFF\xFE, secret, 12secret, -]"), "[?,?,?,?]");
  EXPECT_EQ(redacted("}}]]{"), "}}]]{");
  EXPECT_EQ(redacted(std::string("\0\0[1]", 5)), "?[num]");
}

TEST(Redact, HasABound) {
  const std::string body = "[" + std::string(1000, '[') + std::string(1000, '1');
  const std::string text = redacted(body, 100);
  EXPECT_EQ(text, std::string(100, '[') + " ...");
  // A word that has no room is left out whole.
  EXPECT_EQ(redacted("[12]", 3), "[ ...");
  EXPECT_EQ(redacted("[12]", 5), "[num]");
}

}  // namespace
}  // namespace syncd::test
