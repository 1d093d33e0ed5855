#include "sync/api/percent.hpp"

#include <string>

#include <gtest/gtest.h>

namespace syncd::test {
namespace {

std::string encoded(std::string_view text) {
  std::string out;
  api::append_percent_encoded(out, text);
  return out;
}

TEST(percent, leaves_the_unreserved_alone) {
  const std::string unreserved = "ABCXYZabcxyz0189-._~";
  EXPECT_EQ(encoded(unreserved), unreserved);
}

TEST(percent, encodes_everything_else) {
  EXPECT_EQ(encoded("a+/=b"), "a%2B%2F%3Db");
  EXPECT_EQ(encoded("../ ?&#%"), "..%2F%20%3F%26%23%25");
  EXPECT_EQ(encoded("\xc3\xa9"), "%C3%A9");
  EXPECT_EQ(encoded(std::string_view("\0\r\n", 3)), "%00%0D%0A");
}

TEST(percent, each_byte_is_either_itself_or_three_characters) {
  for (int value = 0; value < 256; ++value) {
    const std::string one(1, static_cast<char>(value));
    const std::string out = encoded(one);
    EXPECT_TRUE(out == one || (out.size() == 3 && std::stoi(out.substr(1), nullptr, 16) == value)) << value;
  }
}

}  // namespace
}  // namespace syncd::test
