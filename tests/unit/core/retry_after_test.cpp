#include <string>

#include <gtest/gtest.h>

#include "sync/core/classify.hpp"

namespace syncd::core {
namespace {

using namespace std::chrono_literals;

// Sun, 06 Nov 1994 08:49:37 GMT
constexpr WallTime now{784111777s};
constexpr const char* date_now = "Sun, 06 Nov 1994 08:49:37 GMT";

TEST(RetryAfter, Seconds) {
  const std::pair<const char*, Millis> table[] = {
      {"1", 1s},       {"60", 60s},      {"007", 7s},
      {" 30 ", 30s},   {"\t30", 30s},    {"3600", 3600s},
      {"3601", 3600s}, {"86400", 3600s}, {"99999999999999999999999999999999", 3600s}};
  for (const auto& [text, delay] : table)
    EXPECT_EQ(parse_retry_after(text, "", now), delay) << text;
}

TEST(RetryAfter, DatesInAllThreeForms) {
  for (const char* text :
       {"Sun, 06 Nov 1994 08:50:37 GMT", "Sunday, 06-Nov-94 08:50:37 GMT", "Sun Nov  6 08:50:37 1994"}) {
    EXPECT_EQ(parse_retry_after(text, "", now), 60s) << text;
    EXPECT_EQ(parse_retry_after(text, date_now, now), 60s) << text;
  }
  EXPECT_EQ(parse_retry_after("Wed Nov 16 08:49:38 1994", "Wed Nov 16 08:49:37 1994", now), 1s);
}

TEST(RetryAfter, TheServersOwnClockCounts) {
  // Our clock is three years off; the server's two headers agree with each other.
  const WallTime wrong = now - 24h * 1100;
  EXPECT_EQ(parse_retry_after("Sun, 06 Nov 1994 08:50:07 GMT", date_now, wrong), 30s);
  EXPECT_EQ(parse_retry_after("Sun, 06 Nov 1994 08:50:07 GMT", "nonsense", wrong), 3600s);
  EXPECT_EQ(parse_retry_after("Sun, 06 Nov 1994 08:50:07 GMT", "nonsense", now), 30s);
}

// A wait of nothing would be no back-off at all: the caller's own delay counts then.
TEST(RetryAfter, WhatIsNotInTheFutureIsNothing) {
  for (const char* text :
       {"0", "000", "-0", "-5", "-99999999999999999999", "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:36 GMT", "Mon, 01 Jan 1900 00:00:00 GMT", "Sun Nov  6 08:49:37 1994"}) {
    EXPECT_EQ(parse_retry_after(text, date_now, now), std::nullopt) << text;
    EXPECT_EQ(parse_retry_after(text, "", now), std::nullopt) << text;
  }
}

TEST(RetryAfter, IsAtLeastASecondAndAtMostAnHour) {
  EXPECT_EQ(parse_retry_after("Sun, 06 Nov 1994 08:49:37 GMT", "", now - 1ms), 1s);
  EXPECT_EQ(parse_retry_after("Sun, 06 Nov 1994 09:49:38 GMT", date_now, now), 3600s);
  EXPECT_EQ(parse_retry_after("Fri, 31 Dec 9999 23:59:59 GMT", date_now, now), 3600s);
}

TEST(RetryAfter, AnHourTheDayBeforeAndLeapSeconds) {
  EXPECT_EQ(parse_retry_after("Sat, 31 Dec 2016 23:59:60 GMT", "Sat, 31 Dec 2016 23:59:58 GMT", now), 1s);
  EXPECT_EQ(parse_retry_after("Sun, 01 Jan 2017 00:00:01 GMT", "Sat, 31 Dec 2016 23:59:59 GMT", now), 2s);
}

TEST(RetryAfter, ShortYearsLieWithinFiftyYears) {
  const WallTime in_2026{std::chrono::sys_days{std::chrono::year{2026} / 1 / 1}};
  EXPECT_EQ(parse_retry_after("Thursday, 01-Jan-26 00:00:30 GMT", "", in_2026), 30s);
  EXPECT_EQ(parse_retry_after("Wednesday, 01-Jan-76 00:00:30 GMT", "", in_2026), 3600s);        // 2076
  EXPECT_EQ(parse_retry_after("Saturday, 01-Jan-77 00:00:30 GMT", "", in_2026), std::nullopt);  // 1977
}

TEST(RetryAfter, ShortYearsOfTheFirstCentury) {
  const WallTime in_year_1{std::chrono::sys_days{std::chrono::year{1} / 1 / 1}};
  EXPECT_EQ(parse_retry_after("Monday, 01-Jan-01 00:00:30 GMT", "", in_year_1), 30s);
  EXPECT_EQ(parse_retry_after("Monday, 01-Jan-00 00:00:30 GMT", "", in_year_1), std::nullopt);
  EXPECT_EQ(parse_retry_after("Monday, 01-Jan-99 00:00:30 GMT", "", in_year_1), std::nullopt);
}

// Each of the three forms, spoilt in each of its parts.
TEST(RetryAfter, DatesThatAreSpoiltAnywhereAreNothing) {
  const std::string forms[] = {"Sun, 06 Nov 1994 08:50:37 GMT", "Sunday, 06-Nov-94 08:50:37 GMT",
                               "Sun Nov  6 08:50:37 1994", "Sun Nov 06 08:50:37 1994"};
  for (const std::string& form : forms) {
    ASSERT_EQ(parse_retry_after(form, "", now), 60s) << form;
    for (std::size_t i = 0; i < form.size(); ++i) {
      std::string spoilt = form;
      spoilt[i] = '_';
      EXPECT_EQ(parse_retry_after(spoilt, "", now), std::nullopt) << spoilt;
      EXPECT_EQ(parse_retry_after(form.substr(0, i), "", now), std::nullopt) << i << " bytes of " << form;
    }
  }
}

TEST(RetryAfter, WhatIsNotUnderstoodIsNothing) {
  for (const char* text : {"",
                           " ",
                           "soon",
                           "1.5",
                           "1e3",
                           "+5",
                           "0x10",
                           "5s",
                           "5 5",
                           "5,5",
                           "--5",
                           "-",
                           "1-",
                           "Sun, 06 Nov 1994 08:49:37",
                           "Sun, 06 Nov 1994 08:49:37 UTC",
                           "Sun, 06 Nov 1994 08:49:37 +0000",
                           "sun, 06 Nov 1994 08:49:37 GMT",
                           "Sun 06 Nov 1994 08:49:37 GMT",
                           "Sun, 6 Nov 1994 08:49:37 GMT",
                           "Sun, 06 nov 1994 08:49:37 GMT",
                           "Sun, 06 Nov 94 08:49:37 GMT",
                           "Sun, 31 Feb 1994 08:49:37 GMT",
                           "Sun, 06 Nov 1994 24:00:00 GMT",
                           "Sun, 06 Nov 1994 08:60:00 GMT",
                           "Sun, 06 Nov 1994 08:49:61 GMT",
                           "Sun, 06 Nov 0000 08:49:37 GMT",
                           "Sun, 06 Nov 1994 08:49:37 GMT junk",
                           "Xyz, 06 Nov 1994 08:49:37 GMT",
                           "Sun, 06-Nov-94 08:49:37 GMT",
                           "Sunday, 06 Nov 94 08:49:37 GMT",
                           "Sun Nov 6 08:49:37 1994",
                           "Sun Nov  6 08:49:37 94",
                           "Sun Nov  6 08:49:37 1994 GMT",
                           "1994-11-06T08:49:37Z"}) {
    EXPECT_EQ(parse_retry_after(text, date_now, now), std::nullopt) << text;
  }
}

TEST(RetryAfter, IsCutToWhatItsCallerTakes) {
  EXPECT_EQ(parse_retry_after("80000", "", now), 1h);
  EXPECT_EQ(parse_retry_after("80000", "", now, 48h), 80'000s);
  EXPECT_EQ(parse_retry_after("900000", "", now, 48h), 48h);
  EXPECT_EQ(parse_retry_after("Mon, 07 Nov 1994 08:49:37 GMT", date_now, now, 48h), 24h);
}

}  // namespace
}  // namespace syncd::core
