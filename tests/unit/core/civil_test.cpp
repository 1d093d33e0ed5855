#include "sync/core/civil.hpp"

#include <gtest/gtest.h>

namespace syncd::core {
namespace {

TEST(CivilDate, AcceptsDaysThatExist) {
  for (const char* text :
       {"0001-01-01", "9999-12-31", "2024-02-29", "2000-02-29", "2023-02-28", "1970-01-01"}) {
    EXPECT_TRUE(parse_civil_date(text)) << text;
  }
  EXPECT_EQ(sys_days_of(*parse_civil_date("1970-01-02")).time_since_epoch().count(), 1);
  EXPECT_EQ(sys_days_of(*parse_civil_date("2024-03-01")) - sys_days_of(*parse_civil_date("2024-02-01")),
            std::chrono::days{29});
}

TEST(CivilDate, RefusesEverythingElse) {
  for (const char* text :
       {"",           "2024",       "2024-02-30",  "2023-02-29",  "1900-02-29",  "0000-01-01",
        "2024-00-01", "2024-13-01", "2024-01-00",  "2024-01-32",  "2024-04-31",  "2024/01/01",
        "2024-1-01",  "24-01-01",   "2024-01-1 ",  " 2024-01-01", "2024-01-01 ", "+024-01-01",
        "-024-01-01", "2O24-01-01", "2024-01-01T", "10000-01-01", "20240101"}) {
    EXPECT_FALSE(parse_civil_date(text)) << text;
  }
}

TEST(CivilDate, YearsHaveFourDigits) {
  EXPECT_TRUE(is_civil_date(9999, 12, 31));
  EXPECT_FALSE(is_civil_date(10'000, 1, 1));
  EXPECT_FALSE(is_civil_date(0, 1, 1));
  EXPECT_FALSE(is_civil_date(-1, 1, 1));
}

TEST(CivilDate, DigitsAreTakenWholeOrNotAtAll) {
  std::string_view text = "12x";
  EXPECT_EQ(take_digits(text, 2), 12u);
  EXPECT_EQ(text, "x");
  EXPECT_FALSE(take_digits(text, 1));
  EXPECT_EQ(text, "x");
  EXPECT_FALSE(take_digits(text, 2));
}

}  // namespace
}  // namespace syncd::core
