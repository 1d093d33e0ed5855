#include "sync/core/redact.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace syncd::test {
namespace {

using core::redacted;
using testing::EndsWith;
using testing::StartsWith;

TEST(Redact, KeepsStructureAndTheNamesOfTheContract) {
  EXPECT_EQ(redacted(R"j({ "transactions" : { "created" : [ {"transaction_id":"txn_1","amount":"12.30",)j"
                     R"j("pending":true,"posted":null,"n":-12.5e+3} ] }, "has_more":false })j"),
            R"j({"transactions":{"created":[{"transaction_id":"(5)","amount":"(5)",)j"
            R"j("pending":bool,"*":null,"*":-00.0e+0}]},"has_more":bool})j");
}

TEST(Redact, AWordOfTheContractThatIsAValueIsOne) {
  EXPECT_EQ(redacted(R"j({"name":"name"})j"), R"j({"name":"(4)"})j");
  EXPECT_EQ(redacted(R"j(["name":"x"])j"), R"j(["(4)":"(1)"])j") << "no member stands in a list";
  EXPECT_EQ(redacted(R"j("name":1)j"), R"j("(4)":0)j");
}

TEST(Redact, WorksOnAnyBytes) {
  EXPECT_EQ(redacted(""), "");
  EXPECT_EQ(redacted("<html>SECRET</html>"), "?");
  EXPECT_EQ(redacted(R"j({"amount":"12)j"), R"j({"amount":"(2))j");
  EXPECT_EQ(redacted(R"j({"amount)j"), R"j({"(6))j") << "a name that does not end may be anything";
  EXPECT_EQ(redacted(R"j(["a\"b","\)j"), R"j(["(4)","(1))j");
  EXPECT_EQ(redacted("[\xFF\xFE, secret, 12secret, -]"), "[?,?,?,?]");
  EXPECT_EQ(redacted("}}]]{"), "}}]]{");
  EXPECT_EQ(redacted(std::string("\0\0[1]", 5)), "?[0]");
}

TEST(Redact, HasABound) {
  const std::string body = "[" + std::string(1000, '[') + std::string(1000, '1');
  const std::string text = redacted(body, 100);
  EXPECT_THAT(text, StartsWith(std::string(100, '[')));
  EXPECT_THAT(text, EndsWith(" ... (1901 bytes more)"));
  // One long number is left out whole.
  EXPECT_EQ(redacted(std::string(1000, '1'), 100), " ... (1000 bytes more)");
}

}  // namespace
}  // namespace syncd::test
