#include "daemon/duration.hpp"

#include <gtest/gtest.h>

namespace syncd::test {

using daemon::format_duration;
using daemon::parse_duration;

TEST(Duration, ReadsUnitsAndSums) {
  EXPECT_EQ(parse_duration("0s")->count(), 0);
  EXPECT_EQ(parse_duration("500ms")->count(), 500);
  EXPECT_EQ(parse_duration("30s")->count(), 30'000);
  EXPECT_EQ(parse_duration("5m")->count(), 300'000);
  EXPECT_EQ(parse_duration("6h")->count(), 21'600'000);
  EXPECT_EQ(parse_duration("1d")->count(), 86'400'000);
  EXPECT_EQ(parse_duration("1h30m")->count(), 5'400'000);
  EXPECT_EQ(parse_duration("1d2h3m4s5ms")->count(), 93'784'005);
  EXPECT_EQ(parse_duration("90m")->count(), 5'400'000);
}

TEST(Duration, RefusesEverythingElseWithAReason) {
  struct Case {
    const char* text;
    const char* reason;
  };
  const Case cases[] = {
      {"", "is not a duration"},
      {"6", "needs a unit"},
      {"6 h", "is not a duration"},
      {"h", "is not a duration"},
      {"-6h", "is not a duration"},
      {"+6h", "is not a duration"},
      {"1.5h", "is not a duration"},
      {"6H", "is not a duration"},
      {"6weeks", "is not a duration"},
      {" 6h", "is not a duration"},
      {"6h ", "is not a duration"},
      {"1h1h", "the longest first"},
      {"30m1h", "the longest first"},
      {"4000d", "longer than ten"},
      {"99999999999999999999s", "longer than ten"},
      {"3650d1s", "longer than ten"},
      {"6h\n", "is not a duration"},
  };
  for (const Case& test : cases) {
    const auto result = parse_duration(test.text);
    ASSERT_FALSE(result) << test.text;
    EXPECT_NE(result.error().find(test.reason), std::string::npos) << test.text << ": " << result.error();
  }
}

TEST(Duration, FormatsSoThatItReadsBack) {
  for (const std::int64_t millis :
       {0LL, 1LL, 999LL, 1000LL, 61'001LL, 3'600'000LL, 86'400'000LL, 93'784'005LL}) {
    const std::string text = format_duration(core::Millis{millis});
    const auto back = parse_duration(text);
    ASSERT_TRUE(back) << text;
    EXPECT_EQ(back->count(), millis) << text;
  }
  EXPECT_EQ(format_duration(core::Millis{5'400'000}), "1h30m");
}

}  // namespace syncd::test
