#include <fstream>
#include <iterator>
#include <set>

#include "store/database_impl.hpp"
#include "store/manifest_repair_impl.hpp"
#include "store/manifest_scan.hpp"
#include "tests/unit/store/store_fixture.hpp"
#include "tests/unit/store/table_log.hpp"

// RocksDB's table of files after a power cut tore its last write, and after its bytes decayed: the first is
// cut off when nothing depends on it, everything else is refused and left as it was found.
namespace syncd::test {
namespace {

namespace fs = std::filesystem;

std::string read_all(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write_all(const fs::path& path, std::string_view content) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
}

class ManifestRepairTest : public StoreTest {
 protected:
  static constexpr int links = 6;

  // What a running store has on disk when the power goes: it was opened before, and its tables were flushed
  // twice since; the newest commits are in the log.
  void stop_uncleanly() {
    open();
    add(0, 1);
    store_.reset();
    open();
    add(1, 2);
    store_.reset();
    flush_and_add(2);
    open();
    add(4, links);
    fs::remove_all(options_.path + ".cut");
    fs::copy(options_.path, options_.path + ".cut", fs::copy_options::recursive);
    store_.reset();
    fs::remove_all(options_.path);
    fs::rename(options_.path + ".cut", options_.path);
    fs::remove(options_.path + "/clean-close");
  }
  // Two more runs, each of which ends with a flush.
  void flush_and_add(int first) {
    for (int i = first; i < first + 2; ++i) {
      open();
      add(i, i + 1);
      store_.reset();
    }
  }
  void add(int from, int to) {
    for (int i = from; i < to; ++i) {
      auto update = update_of("link" + std::to_string(i), 0);
      const auto id = "row" + std::to_string(i);
      update.transaction_puts = {row_of(id)};
      update.changes = {created(id, "{}")};
      commit(update);
    }
  }
  void expect_everything() {
    for (int i = 0; i < links; ++i)
      EXPECT_TRUE(store_->load(core::LinkId{"link" + std::to_string(i)}).value().has_value()) << i;
    EXPECT_EQ(store_->feed_head(), static_cast<std::uint64_t>(links));
    EXPECT_EQ(store_->stats().feed_epoch, 1u);
  }

  fs::path table() {
    const auto name = store::current_table(options_.path + "/db", store::host_disk());
    EXPECT_TRUE(name && *name);
    return fs::path(options_.path) / "db" / **name;
  }
  fs::path kept() { return fs::path(options_.path) / store::torn_table_name; }
  std::set<std::string> files() {
    std::set<std::string> names;
    for (const auto& entry : fs::recursive_directory_iterator(options_.path))
      names.insert(entry.path().filename());
    return names;
  }
  std::string refusal() {
    const auto opened = store::Store::open(options_);
    EXPECT_FALSE(opened);
    return opened ? "" : opened.error().message;
  }
  void expect_refused_untouched(std::string_view why) {
    const auto path = table();
    const auto content = read_all(path);
    const auto names = files();
    const auto message = refusal();
    EXPECT_NE(message.find(why), std::string::npos) << message;
    EXPECT_NE(message.find("restore a backup"), std::string::npos) << message;
    EXPECT_EQ(table(), path);
    EXPECT_EQ(read_all(path), content);
    EXPECT_EQ(files(), names);
  }
};

TEST_F(ManifestRepairTest, ARealTableIsWhole) {
  stop_uncleanly();
  const auto content = read_all(table());
  const auto scan = store::scan_manifest(content);
  EXPECT_EQ(scan.end, store::ManifestScan::End::whole);
  EXPECT_EQ(scan.whole_bytes, content.size());
  EXPECT_GT(content.size(), 500u);
  open();
  EXPECT_TRUE(store_->notices().empty());
  expect_everything();
}

// Garbage, zeros, and records of the torn write that happen to be whole.
TEST_F(ManifestRepairTest, ATornWriteIsCutOffAndToldOf) {
  std::string halves(600, '\x5a');
  append_record(halves, change_naming(1'000));
  append_record(halves, change_naming(1'000));
  for (const auto& tail : {std::string(300, '\x01'), std::string(5'000, '\0'), halves}) {
    fs::remove_all(options_.path);
    stop_uncleanly();
    const auto torn = read_all(table()) + tail;
    write_all(table(), torn);
    open();
    ASSERT_NE(store_, nullptr);
    ASSERT_EQ(store_->notices().size(), 1u);
    EXPECT_NE(store_->notices()[0].find("is torn, as a power cut leaves it"), std::string::npos)
        << store_->notices()[0];
    EXPECT_NE(store_->notices()[0].find("torn-manifest"), std::string::npos);
    EXPECT_EQ(read_all(kept()), torn);
    expect_everything();
    reopen();
    EXPECT_TRUE(store_->notices().empty());
    expect_everything();
    store_.reset();
  }
}

// The beginning of a record is what a write leaves that did not come to its end; RocksDB ignores it.
TEST_F(ManifestRepairTest, AnUnfinishedWriteNeedsNoRepair) {
  stop_uncleanly();
  std::string record;
  append_record(record, change_naming(1'000));
  write_all(table(), read_all(table()) + record.substr(0, record.size() - 1));
  open();
  EXPECT_TRUE(store_->notices().empty());
  EXPECT_FALSE(fs::exists(kept()));
  expect_everything();
}

TEST_F(ManifestRepairTest, AfterACleanCloseNothingIsTorn) {
  stop_uncleanly();
  open();
  store_.reset();
  const auto whole = read_all(table());
  std::string record;
  append_record(record, change_naming(1'000));
  for (const auto& tail : {std::string(300, '\x01'), std::string(300, '\0'), record.substr(0, 9)}) {
    write_all(table(), whole + tail);
    expect_refused_untouched("it was closed cleanly");
  }
  write_all(table(), whole);
  open();
  expect_everything();
}

// An opening that was interrupted leaves the marker of the close before it beside a table that it began.
TEST_F(ManifestRepairTest, AMarkerOfAnEarlierTableSaysNothingAboutThisOne) {
  stop_uncleanly();
  write_all(options_.path + "/clean-close", "MANIFEST-000001");
  write_all(table(), read_all(table()) + std::string(300, '\x01'));
  open();
  EXPECT_EQ(store_->notices().size(), 1u);
  expect_everything();
}

TEST_F(ManifestRepairTest, RecordsOfSeveralWritesBehindTheDamageAreRefused) {
  stop_uncleanly();
  std::string tail(300, '\xa5');
  append_record(tail, change_naming(1'000));
  append_record(tail, change_naming(1'001));
  write_all(table(), read_all(table()) + tail);
  expect_refused_untouched("more follows");
}

TEST_F(ManifestRepairTest, MoreThanOneWriteCanHoldIsRefused) {
  stop_uncleanly();
  write_all(table(), read_all(table()) + std::string(store::torn_tail_bytes_max + 1, '\0'));
  expect_refused_untouched("more follows");
}

// The last change of the table is of a flush, was synced, and the log it replaced is gone: without it the
// commits of that log would be lost, and RocksDB alone would not notice.
TEST_F(ManifestRepairTest, ADecayedFlushIsRefused) {
  open();
  add(0, links);
  store_.reset();
  fs::remove(options_.path + "/clean-close");
  auto content = read_all(table());
  content[content.size() - 40] ^= '\x01';
  write_all(table(), content);
  expect_refused_untouched("its write-ahead log is missing");
}

// Whichever bit of its header it is: one in the length makes it end behind the end of the file, which RocksDB
// takes for a write that did not come to its end.
TEST_F(ManifestRepairTest, NoBitOfTheHeaderOfAFlushLosesIt) {
  open();
  add(0, links);
  store_.reset();
  fs::remove(options_.path + "/clean-close");
  const auto whole = read_all(table());
  const auto before = store::scan_manifest(std::string_view(whole).substr(0, whole.size() - 1)).whole_bytes;
  ASSERT_LT(before + 7, whole.size());
  for (std::size_t bit = 0; bit < 7 * 8; ++bit) {
    auto content = whole;
    content[before + bit / 8] = static_cast<char>(content[before + bit / 8] ^ (1 << (bit % 8)));
    write_all(table(), content);
    expect_refused_untouched("its write-ahead log is missing");
  }
  write_all(table(), whole.substr(0, whole.size() - 1));
  expect_refused_untouched("its write-ahead log is missing");
  write_all(table(), whole);
  open();
  expect_everything();
}

// The same for a flush in the middle of a run: the log that must be there is named by the flush before.
TEST_F(ManifestRepairTest, ADecayedFlushAfterAnotherIsRefused) {
  open();
  store_.reset();
  {
    auto opened = store::Database::open(options_.path + "/db", options_, store::host_disk(), false,
                                        std::make_shared<store::Health>());
    ASSERT_TRUE(opened);
    for (const std::string key : {"one", "two"}) {
      rocksdb::WriteBatch batch;
      batch.Put((*opened)->family(store::Family::audit), key, "value");
      ASSERT_TRUE((*opened)->write(batch, true));
      ASSERT_TRUE((*opened)->db().Flush({}, (*opened)->family(store::Family::audit)).ok());
    }
  }
  fs::remove(options_.path + "/clean-close");
  auto content = read_all(table());
  const auto whole = content;
  content[content.size() - 40] ^= '\x01';
  write_all(table(), content);
  expect_refused_untouched("its write-ahead log is missing");
  write_all(table(), whole);
  open();
}

// Families are added one by one when the store is created; without one of them RocksDB would pass over its
// rows in the log.
TEST_F(ManifestRepairTest, ADecayedFamilyIsRefusedOnceItHasRows) {
  open();
  add(0, links);
  fs::copy(options_.path, options_.path + ".cut", fs::copy_options::recursive);
  store_.reset();
  fs::remove_all(options_.path);
  fs::rename(options_.path + ".cut", options_.path);
  auto content = read_all(table());
  content[content.size() - 10] ^= '\x01';
  write_all(table(), content);
  expect_refused_untouched("a part of it is missing");
}

// What a table begins with is synced before anything points to it.
TEST_F(ManifestRepairTest, ADecayedBeginningIsRefused) {
  stop_uncleanly();
  const auto whole = read_all(table());
  const auto name = table().filename().string();
  const auto number = std::stoull(name.substr(name.find('-') + 1));
  // The records before the one that first counts the table itself, whole, and nothing behind them but zeros.
  std::size_t beginning = 0;
  for (std::size_t bytes = 1; bytes < whole.size(); ++bytes) {
    const auto scan = store::scan_manifest(std::string_view(whole).substr(0, bytes));
    const auto next = store::next_file_number(scan.last);
    if (next && *next > number) break;
    beginning = scan.whole_bytes;
  }
  ASSERT_GT(beginning, 0u);
  write_all(table(), whole.substr(0, beginning) + std::string(200, '\0'));
  expect_refused_untouched("what it began with was safe");
}

// One bit anywhere in the table of a store that lost power: it is refused, or nothing is lost. RocksDB alone
// takes some of these for the end of the file and drops what follows.
TEST_F(ManifestRepairTest, NoDecayedBitLosesAnything) {
  stop_uncleanly();
  const auto backup = directory_ / "backup";
  fs::copy(options_.path, backup, fs::copy_options::recursive);
  const auto bits = read_all(table()).size() * 8;
  int opened_well = 0, refused = 0;
  for (std::size_t bit = 3; bit < bits; bit += bits / 24) {
    fs::remove_all(options_.path);
    fs::copy(backup, options_.path, fs::copy_options::recursive);
    auto content = read_all(table());
    content[bit / 8] = static_cast<char>(content[bit / 8] ^ (1 << (bit % 8)));
    write_all(table(), content);
    auto opened = store::Store::open(options_);
    if (!opened) {
      ++refused;
      continue;
    }
    ++opened_well;
    store_ = std::move(*opened);
    expect_everything();
    EXPECT_EQ(store_->notices().size(), 1u) << "told of, bit " << bit;
    store_.reset();
  }
  EXPECT_GT(refused, 8);
  RecordProperty("opened", opened_well);
}

}  // namespace
}  // namespace syncd::test
