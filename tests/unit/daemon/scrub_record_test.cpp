#include "daemon/scrub_record.hpp"

#include <gtest/gtest.h>

namespace syncd::test {
namespace {

using daemon::ScrubRecord;
using std::chrono::hours;

constexpr core::WallTime now{hours(24 * 365 * 56)};
constexpr core::Millis week = hours(24 * 7);

store::ScrubStep step_of(std::uint64_t file, std::uint64_t bytes, std::string damage = {}) {
  store::ScrubStep step;
  step.next = {.after_file = file, .until_file = 9};
  step.bytes = bytes;
  step.damage = std::move(damage);
  return step;
}

store::ScrubStep last_step() {
  store::ScrubStep step;
  step.next = {.after_file = 9, .until_file = 9};
  step.finished = true;
  return step;
}

TEST(ScrubRecord, IsDueOnceInAnInterval) {
  EXPECT_TRUE(daemon::scrub_due({}, week, now)) << "never done";
  EXPECT_FALSE(daemon::scrub_due({}, core::Millis{0}, now)) << "switched off";
  ScrubRecord done;
  done.finished_at = now - week + core::Millis{1};
  EXPECT_FALSE(daemon::scrub_due(done, week, now));
  EXPECT_TRUE(daemon::scrub_due(done, week, now + core::Millis{1}));
  done.finished_at = now + hours(24 * 3650);  // the clock was years ahead
  EXPECT_TRUE(daemon::scrub_due(done, week, now));
  done.finished_at = now;
  EXPECT_FALSE(daemon::scrub_due(done, week, now));
}

TEST(ScrubRecord, AWalkThatWasBegunIsDueUntilItEnds) {
  ScrubRecord record;
  record.finished_at = now;
  daemon::begin_walk(record);
  EXPECT_TRUE(daemon::scrub_due(record, week, now));
  EXPECT_FALSE(daemon::take_step(record, step_of(3, 1000), now));
  EXPECT_TRUE(daemon::scrub_due(record, week, now));
  EXPECT_TRUE(daemon::take_step(record, last_step(), now));
  EXPECT_FALSE(daemon::scrub_due(record, week, now));
}

TEST(ScrubRecord, CountsFilesBytesAndDamage) {
  ScrubRecord record;
  daemon::begin_walk(record);
  daemon::take_step(record, step_of(3, 1000), now);
  daemon::take_step(record, step_of(5, 500, "000005.sst: wrong checksum"), now);
  EXPECT_EQ(record.damaged_files, 0u) << "only a whole walk counts";
  daemon::begin_walk(record);  // after a restart: goes on
  EXPECT_EQ(record.place.after_file, 5u);
  daemon::take_step(record, last_step(), now);
  EXPECT_EQ(record.files, 2u);
  EXPECT_EQ(record.bytes, 1500u);
  EXPECT_EQ(record.damaged_files, 1u);
  EXPECT_EQ(record.finished_at, now);
  daemon::begin_walk(record);
  EXPECT_EQ(record.place.after_file, 0u);
  EXPECT_EQ(record.files, 0u);
  EXPECT_EQ(record.damaged_files, 1u) << "until the next walk has ended";
}

TEST(ScrubRecord, AFileThatIsPutOffIsNotCounted) {
  ScrubRecord record;
  daemon::begin_walk(record);
  daemon::take_step(record, step_of(3, 1000), now);
  auto later = step_of(3, 0);
  later.put_off = "000005.sst: Too many open files";
  EXPECT_FALSE(daemon::take_step(record, later, now));
  EXPECT_EQ(record.files, 1u);
  EXPECT_EQ(record.place.after_file, 3u);
  EXPECT_TRUE(record.walking);
}

TEST(ScrubRecord, SurvivesWritingAndReading) {
  ScrubRecord record;
  record.finished_at = now;
  record.damaged_files = 2;
  daemon::begin_walk(record);
  daemon::take_step(record, step_of(7, 123456789, "x"), now);
  const std::string text = daemon::encode(record);
  EXPECT_EQ(text, "scrub 1 1766016000000 2 1 7 9 1 123456789 1");
  EXPECT_EQ(daemon::decode_scrub_record(text), record);
}

TEST(ScrubRecord, AnythingElseIsNoRecord) {
  for (const auto* text :
       {"", "scrub 1", "scrub 2 1 2 1 7 9 1 3 1", "scrub 1 1 2 1 7 9 1 3", "scrub 1 1 2 1 7 9 1 3 1 ",
        "scrub 1 1 2 5 7 9 1 3 1", "scrub 1 1 2 1 7 9 1 -3 1", "scrub 1 1 2 1 7 9 1 99999999999999999999 1",
        "scrub 1  1 2 1 7 9 1 3 1", "scrub 1 9223372036854775808 2 1 7 9 1 3 1"}) {
    EXPECT_EQ(daemon::decode_scrub_record(text), ScrubRecord{}) << text;
  }
}

}  // namespace
}  // namespace syncd::test
