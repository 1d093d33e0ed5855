#include <algorithm>
#include <filesystem>
#include <mutex>
#include <string>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <vector>

#include "store/consumers.hpp"
#include "store/high_water.hpp"
#include "tests/unit/store/store_fixture.hpp"

// What must be on the disk before anybody hears of it. The functions below stand in for those of the C
// library, for RocksDB, too: they do the same and note what was synced, and how long it was then.
namespace syncd::test {
namespace {

struct Synced {
  std::string path;
  std::int64_t bytes = 0;
};

std::mutex noted_mutex;  // RocksDB has threads of its own
std::vector<Synced> noted;

void note(int fd) {
  char target[512];
  const std::string link = "/proc/self/fd/" + std::to_string(fd);
  const ssize_t length = ::readlink(link.c_str(), target, sizeof target);
  struct stat info = {};
  if (length <= 0 || ::fstat(fd, &info) != 0) return;
  const std::lock_guard guard(noted_mutex);
  noted.push_back({std::string(target, static_cast<std::size_t>(length)), info.st_size});
}

std::vector<Synced> take_noted() {
  const std::lock_guard guard(noted_mutex);
  return std::exchange(noted, {});
}

}  // namespace
}  // namespace syncd::test

extern "C" int fdatasync(int fd) {
  syncd::test::note(fd);
  return static_cast<int>(::syscall(SYS_fdatasync, fd));
}

extern "C" int fsync(int fd) {
  syncd::test::note(fd);
  return static_cast<int>(::syscall(SYS_fsync, fd));
}

namespace syncd::test {
namespace {

class DurabilityTest : public StoreTest {
 protected:
  void SetUp() override {
    open();
    commit(update_of("link", 0));
    take_noted();
  }
  std::filesystem::path log() const {
    std::filesystem::path newest;
    for (const auto& entry : std::filesystem::directory_iterator(options_.path + "/db")) {
      if (entry.path().extension() == ".log" && entry.path() > newest) newest = entry.path();
    }
    return newest;
  }
};

TEST_F(DurabilityTest, ACommitIsOnTheDiskWhenItIsAcknowledged) {
  for (int i = 0; i < 3; ++i) {
    auto update = update_of("link");
    const std::string transaction_id = "t" + std::to_string(i);  // a change only looks at it
    update.changes.push_back(created(transaction_id, "{}"));
    commit(update);
    const auto synced = take_noted();
    const auto last = std::ranges::find(synced.rbegin(), synced.rend(), log().string(), &Synced::path);
    ASSERT_NE(last, synced.rend()) << "the log was not synced";
    EXPECT_EQ(static_cast<std::uint64_t>(last->bytes), std::filesystem::file_size(log()));
  }
}

// A consumer's position, and that the feed begins later: what was answered is not taken back.
TEST_F(DurabilityTest, SoAreAcknowledgementsAndCuts) {
  for (int i = 0; i < 3; ++i) {
    auto update = update_of("link");
    update.changes.push_back(created("t", "{}"));
    commit(update);
  }
  feed(0);
  const core::AuditNote act{.actor = "uid:1", .action = "x"};
  const auto expect_synced = [this](std::string_view what) {
    const auto synced = take_noted();
    const auto last = std::ranges::find(synced.rbegin(), synced.rend(), log().string(), &Synced::path);
    ASSERT_NE(last, synced.rend()) << what;
    EXPECT_EQ(static_cast<std::uint64_t>(last->bytes), std::filesystem::file_size(log())) << what;
  };
  take_noted();
  ASSERT_TRUE(store_->add_consumer("books", store::ConsumerStart::first, at_ms(1), act));
  expect_synced("add");
  const auto moved = store_->move_consumer("books", {1, 2}, store::ConsumerMove::acknowledge, at_ms(1), act);
  ASSERT_EQ(moved->outcome, store::MovedConsumer::Outcome::moved);
  expect_synced("acknowledge");
  const auto cut = store_->cut_feed({.before = at_ms(1LL << 50), .hard_before = at_ms(0)});
  ASSERT_EQ(cut->entries, 2u);
  expect_synced("cut");
  ASSERT_TRUE(store_->remove_consumer("books", at_ms(1), act));
  expect_synced("remove");
}

// First the new file itself, then the directory that says which one it is.
TEST_F(DurabilityTest, TheHighWaterFileIsOnTheDiskBeforeASequenceIsShown) {
  auto update = update_of("link");
  update.changes.push_back(created("t1", "{}"));
  commit(update);
  take_noted();
  EXPECT_EQ(feed(0).head, 1u);
  const auto synced = take_noted();
  const std::string name = options_.path + "/" + std::string(store::high_water_name);
  const auto is_file = [&](const Synced& file) { return file.path.starts_with(name) && file.bytes > 0; };
  const auto file = std::ranges::find_if(synced, is_file);
  ASSERT_NE(file, synced.end()) << "the file was not synced";
  const auto is_directory = [&](const Synced& directory) { return directory.path == options_.path; };
  EXPECT_NE(std::find_if(file, synced.end(), is_directory), synced.end()) << "the directory was not synced";
}

}  // namespace
}  // namespace syncd::test
