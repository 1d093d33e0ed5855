#include "metrics/process.hpp"

#include <unistd.h>

#include <gtest/gtest.h>

#include "tests/unit/daemon/scratch.hpp"

namespace syncd::metrics {
namespace {

TEST(Process, ReadsThisProcess) {
  const ProcessUsage usage = read_process_usage();
  ASSERT_TRUE(usage.cpu.has_value());
  EXPECT_GT(usage.cpu->count(), 0);
  ASSERT_TRUE(usage.resident_bytes.has_value());
  ASSERT_TRUE(usage.virtual_bytes.has_value());
  EXPECT_GT(*usage.resident_bytes, 0U);
  EXPECT_LE(*usage.resident_bytes, *usage.virtual_bytes);
  ASSERT_TRUE(usage.open_fds.has_value());
  ASSERT_TRUE(usage.threads.has_value());
  EXPECT_GE(*usage.threads, 1U);
}

// The name of a program may hold anything, brackets and blanks included.
TEST(Process, CountsThreadsWhateverTheProgramIsCalled) {
  const test::ScratchDirectory dir;
  dir.write("self/stat",
            "42 (a) b) (c) S 1 42 42 0 -1 4194560 100 0 0 0 5 6 7 8 20 0 17 0 4242 1000000 200 0\n");
  EXPECT_EQ(read_process_usage(dir.path("")).threads, 17U);
  dir.write("self/stat", "42 (cut) S 1 42\n");
  EXPECT_FALSE(read_process_usage(dir.path("")).threads.has_value());
}

TEST(Process, CountsAnOpenedDescriptorAndNotItsOwn) {
  const ProcessUsage before = read_process_usage();
  const int fd = ::dup(0);
  ASSERT_GE(fd, 0);
  const ProcessUsage with_one_more = read_process_usage();
  ::close(fd);
  ASSERT_TRUE(before.open_fds.has_value() && with_one_more.open_fds.has_value());
  EXPECT_EQ(*with_one_more.open_fds, *before.open_fds + 1);
}

// A hardened unit may mount /proc without what we read.
TEST(Process, AHiddenProcLeavesValuesEmpty) {
  const ProcessUsage usage = read_process_usage("/nonexistent-proc");
  EXPECT_TRUE(usage.cpu.has_value());
  EXPECT_FALSE(usage.resident_bytes.has_value());
  EXPECT_FALSE(usage.virtual_bytes.has_value());
  EXPECT_FALSE(usage.open_fds.has_value());
  EXPECT_FALSE(usage.threads.has_value());
}

}  // namespace
}  // namespace syncd::metrics
