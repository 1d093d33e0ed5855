#include <algorithm>
#include <csignal>
#include <fcntl.h>
#include <fstream>
#include <poll.h>
#include <random>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/consumers.hpp"
#include "tests/crash/store/script.hpp"
#include "tests/unit/store/store_fixture.hpp"

// The store under kill -9 and failing writes: everything acknowledged is there, nothing is there in part, the
// feed has no gap and replays to the rows.
namespace syncd::test {
namespace {

struct Acknowledged {
  std::uint64_t calls = 0;
  std::uint64_t published = 0;
  std::uint64_t acknowledged = 0;
  std::uint64_t first = 1;
  bool unhealthy = false;
};

// The writer process. Started by exec, not by a bare fork: RocksDB's threads do not survive one.
class Writer {
 public:
  Writer(const std::string& path, std::size_t fill, std::size_t file_bytes_max, bool with_cuts = false) {
    int pipe[2];
    if (::pipe2(pipe, O_CLOEXEC) != 0) throw std::runtime_error("pipe failed");
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, pipe[1], STDOUT_FILENO);
    std::string program = STORE_WRITER, store = path, fill_text = std::to_string(fill),
                limit = std::to_string(file_bytes_max), cuts = "cuts";
    char* arguments[] = {
        program.data(), store.data(), fill_text.data(), limit.data(), with_cuts ? cuts.data() : nullptr,
        nullptr};
    const int failed = ::posix_spawn(&pid_, program.c_str(), &actions, nullptr, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    ::close(pipe[1]);
    out_ = pipe[0];
    if (failed != 0) throw std::runtime_error("the writer does not start");
  }
  ~Writer() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
    ::close(out_);
  }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  // Reads until `bytes` more have been said, so that the moment of the kill depends on progress and on
  // chance, not on a clock. False: the writer ended by itself.
  bool read_some(std::size_t bytes) {
    char buffer[512];
    while (bytes > 0) {
      const auto got = ::read(out_, buffer, std::min(bytes, sizeof buffer));
      if (got <= 0) return false;
      said_.append(buffer, static_cast<std::size_t>(got));
      bytes -= static_cast<std::size_t>(got);
    }
    return true;
  }
  void kill() { ::kill(pid_, SIGKILL); }
  // Everything it said, after it ended. A last line without its end does not count.
  Acknowledged finish(int& status) {
    while (read_some(4096)) {
    }
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    Acknowledged seen;
    for (std::size_t begin = 0; begin < said_.size();) {
      const auto end = said_.find('\n', begin);
      if (end == std::string::npos) break;
      const auto line = said_.substr(begin, end - begin);
      if (line.starts_with("c ")) seen.calls = std::stoull(line.substr(2));
      if (line.starts_with("p ")) seen.published = std::stoull(line.substr(2));
      if (line.starts_with("a ")) seen.acknowledged = std::stoull(line.substr(2));
      if (line.starts_with("f ")) seen.first = std::stoull(line.substr(2));
      if (line == "unhealthy") seen.unhealthy = true;
      begin = end + 1;
    }
    return seen;
  }

 private:
  pid_t pid_ = -1;
  int out_ = -1;
  std::string said_;
};

class StoreKillTest : public testing::Test {
 protected:
  // Checks the whole store against the script and answers the number of calls it holds.
  std::uint64_t check(std::size_t fill, bool same_epoch = true) {
    auto opened = store::Store::open(script::options(path_));
    EXPECT_TRUE(opened) << opened.error().message;
    if (!opened) return 0;
    auto& store = **opened;
    if (same_epoch) {
      EXPECT_TRUE(store.notices().empty()) << store.notices().front();
      EXPECT_EQ(store.stats().feed_epoch, 1u);
    }
    std::array<std::uint64_t, script::links> steps{};
    std::uint64_t total = 0;
    for (int link = 0; link < script::links; ++link) {
      const auto record = store.load(core::LinkId{script::link_name(link)});
      EXPECT_TRUE(record);
      if (!record || !*record) continue;
      const auto k = std::stoull((*record)->cursor->text);
      EXPECT_EQ(store.link_object((*record)->link_id).value(), "{\"half\":" + std::to_string(k / 2) + "}");
      steps[static_cast<std::size_t>(link)] = k;
      total += k;
    }
    const auto calls = total / script::links_per_call;
    std::uint64_t changes = 0;
    for (int link = 0; link < script::links; ++link) {
      const auto k = steps[static_cast<std::size_t>(link)];
      EXPECT_EQ(k, script::steps_after(calls, link)) << "part of call " << calls;
      changes += script::changes_after(k);
      check_rows(store, link, k, fill);
    }
    if (same_epoch) check_feed(store, changes, steps, fill);
    return calls;
  }

  static void check_rows(store::Store& store, int link, std::uint64_t k, std::size_t fill) {
    const auto expected = script::rows_after(link, k, fill);
    const core::LinkId id{script::link_name(link)};
    const auto listing = store.transactions(id, "", 1000);
    ASSERT_TRUE(listing);
    std::map<std::string, script::Row> rows;
    for (const auto& row : listing->items)
      rows[row.transaction_id] = {.json = row.json, .pending = row.pending};
    EXPECT_EQ(rows, expected) << "link " << link << " step " << k;
    const auto held = store.lookup({.link_id = id, .transaction_ids = {}, .pending = true});
    ASSERT_TRUE(held);
    const auto pending = std::ranges::count_if(expected, [](const auto& row) { return row.second.pending; });
    EXPECT_EQ(held->transactions.size(), static_cast<std::size_t>(pending));
  }

  static void check_feed(store::Store& store, std::uint64_t changes,
                         const std::array<std::uint64_t, script::links>& steps, std::size_t fill) {
    std::map<std::string, std::map<std::string, std::string>> replayed;
    std::uint64_t after = 0;
    for (;;) {
      const auto slice = store.feed(after, 1000);
      ASSERT_TRUE(slice) << slice.error().message;
      EXPECT_EQ(slice->head, changes);
      if (slice->entries.empty()) break;
      for (const auto& entry : slice->entries) {
        ASSERT_EQ(entry.sequence, ++after);
        auto& rows = replayed[entry.link_id.str()];
        if (entry.kind == core::ChangeKind::transaction_removed) {
          EXPECT_EQ(rows.erase(entry.id), 1u);
        } else {
          EXPECT_EQ(rows.contains(entry.id), entry.kind == core::ChangeKind::transaction_updated);
          rows[entry.id] = entry.after;
        }
      }
    }
    EXPECT_EQ(after, changes);
    for (int link = 0; link < script::links; ++link) {
      std::map<std::string, std::string> expected;
      for (auto& [id, row] : script::rows_after(link, steps[static_cast<std::size_t>(link)], fill)) {
        expected[id] = row.json;
      }
      EXPECT_EQ(replayed[script::link_name(link)], expected);
    }
  }

  TempDir directory_;
  std::string path_ = directory_ / "store";
};

TEST_F(StoreKillTest, ThirtyKillsLoseNothingAcknowledged) {
  constexpr int kills = 30;
  constexpr std::size_t fill = 2000;
  std::mt19937 random(20'240'607);
  std::uint64_t calls = 0;
  for (int i = 0; i < kills && !HasFailure(); ++i) {
    // Some are killed in the middle of opening: before they say a word.
    const auto bytes = i % 10 == 9 ? 0 : std::uniform_int_distribution<std::size_t>(1, 600)(random);
    Writer writer(path_, fill, 0);
    ASSERT_TRUE(writer.read_some(bytes)) << "the writer ended by itself";
    writer.kill();
    int status = 0;
    const auto seen = writer.finish(status);
    ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    const auto held = check(fill);
    EXPECT_GE(held, std::max(calls, seen.calls)) << "kill " << i;
    calls = held;
  }
  EXPECT_GT(calls, 30u);
}

TEST_F(StoreKillTest, FailedWriteStopsTheStoreAndLosesNothing) {
  constexpr std::size_t fill = 2000;
  Writer writer(path_, fill, 400 << 10);
  int status = 0;
  const auto seen = writer.finish(status);
  EXPECT_GT(seen.calls, 5u);
  // Debian's librocksdb answers some failed writes with an abort: as good as a crash, and as harmless.
  const bool aborted = WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
  EXPECT_TRUE(aborted || (WIFEXITED(status) && WEXITSTATUS(status) == 0 && seen.unhealthy)) << status;
  EXPECT_GE(check(fill), seen.calls);
}

// A cut is a whole one, never in front of the consumer, and what the links know of the feed is cut with it.
TEST_F(StoreKillTest, CutsAndAcknowledgementsAreWholeAndKept) {
  std::mt19937 random(20'240'608);
  std::uint64_t first = 1;
  for (int i = 0; i < 20 && !HasFailure(); ++i) {
    Writer writer(path_, 200, 0, true);
    ASSERT_TRUE(writer.read_some(std::uniform_int_distribution<std::size_t>(1, 600)(random)));
    writer.kill();
    int status = 0;
    const auto seen = writer.finish(status);
    auto opened = store::Store::open(script::options(path_));
    ASSERT_TRUE(opened) << opened.error().message;
    auto& store = **opened;
    EXPECT_TRUE(store.notices().empty()) << store.notices().front();
    const auto consumers = store.consumers();
    ASSERT_TRUE(consumers);
    const auto& feed = consumers->feed;
    EXPECT_EQ(feed.epoch, 1u);
    EXPECT_GE(feed.first, std::max(seen.first, first)) << "kill " << i;
    first = feed.first;
    for (const auto& view : consumers->consumers) {
      EXPECT_EQ(view.state, store::ConsumerState::live);
      EXPECT_GE(view.consumer.acknowledged.sequence, seen.acknowledged) << "kill " << i;
    }
    std::map<std::string, std::vector<std::uint64_t>> of_links;
    for (std::uint64_t after = feed.first - 1; after < feed.head;) {
      const auto slice = store.feed(after, 1000);
      ASSERT_TRUE(slice && !slice->entries.empty());
      for (const auto& entry : slice->entries) {
        ASSERT_EQ(entry.sequence, ++after);
        of_links[entry.link_id.str()].push_back(entry.sequence);
      }
    }
    for (int link = 0; link < script::links; ++link) {
      std::vector<std::uint64_t> sequences;
      const auto newest_first = store.link_feed(core::LinkId{script::link_name(link)}, 0, 1000);
      ASSERT_TRUE(newest_first) << newest_first.error().message;
      for (const auto& entry : *newest_first)
        sequences.insert(sequences.begin(), entry.sequence);
      EXPECT_EQ(sequences, of_links[script::link_name(link)]) << "kill " << i;
    }
  }
  EXPECT_GT(first, 50u);
}

// A bit of the live log changes after something was published: the store opens at an older state and must say
// so in a new epoch whenever published sequences are gone.
TEST_F(StoreKillTest, DamagedLogGoesBackToAWholeStateInANewEpoch) {
  constexpr std::size_t fill = 100;
  std::uint64_t published = 0;
  {
    Writer writer(path_, fill, 0);
    ASSERT_TRUE(writer.read_some(400));
    writer.kill();
    int status = 0;
    const auto seen = writer.finish(status);
    published = seen.published;
    ASSERT_GT(published, 0u);
  }
  std::filesystem::path log;
  for (const auto& entry : std::filesystem::directory_iterator(path_ + "/db")) {
    if (entry.path().extension() != ".log") continue;
    if (log.empty() || entry.file_size() > std::filesystem::file_size(log)) log = entry.path();
  }
  const auto bytes = std::filesystem::file_size(log);
  ASSERT_GT(bytes, 1000u);
  {
    std::fstream file(log, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(static_cast<std::streamoff>(bytes / 3));
    const auto byte = static_cast<char>(file.get());
    file.seekp(static_cast<std::streamoff>(bytes / 3));
    file.put(static_cast<char>(byte ^ 4));
  }
  check(fill, false);
  auto opened = store::Store::open(script::options(path_));
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_EQ((*opened)->stats().feed_epoch, 2u);
  EXPECT_EQ((*opened)->stats().feed_head, 0u);
}

}  // namespace
}  // namespace syncd::test
