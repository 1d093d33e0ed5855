#include "store/manifest_scan.hpp"

#include <gtest/gtest.h>

#include "tests/unit/store/table_log.hpp"

namespace syncd::test {
namespace {

using store::scan_manifest;
using End = store::ManifestScan::End;

std::string log_of(std::initializer_list<std::string> records) {
  std::string log;
  for (const auto& record : records)
    append_record(log, record);
  return log;
}

TEST(ManifestScan, WholeLogsOfAnyShape) {
  for (const std::size_t bytes :
       {0u, 1u, 100u, 32'754u, 32'755u, 32'760u, 32'761u, 32'762u, 70'000u, 131'072u}) {
    const auto log = log_of({"first", std::string(bytes, 'x'), "last"});
    const auto scan = scan_manifest(log);
    EXPECT_EQ(scan.end, End::whole) << bytes;
    EXPECT_EQ(scan.whole_bytes, log.size()) << bytes;
    EXPECT_TRUE(scan.later.empty()) << bytes;
  }
  EXPECT_EQ(scan_manifest("").end, End::whole);
}

// RocksDB leaves the empty end of a block to the next record.
TEST(ManifestScan, AnEmptyBlockEndIsNoDamage) {
  auto log = log_of({std::string(32'768 - 7 - 3, 'x')});
  ASSERT_EQ(log.size(), 32'765u);
  EXPECT_EQ(scan_manifest(log).end, End::whole);
  log.append(3, '\0');
  EXPECT_EQ(scan_manifest(log).end, End::whole);
  append_record(log, "next");
  EXPECT_EQ(scan_manifest(log).whole_bytes, log.size());
}

// Whatever the write that came to no end had reached, the records before it are whole.
TEST(ManifestScan, EveryPrefixIsUnfinishedAtWorst) {
  const auto before = log_of({"one", "two"});
  auto log = before;
  append_record(log, std::string(40'000, 'x'));
  for (auto bytes = before.size() + 1; bytes < log.size(); bytes += bytes < before.size() + 20 ? 1 : 97) {
    const auto scan = scan_manifest(std::string_view(log).substr(0, bytes));
    EXPECT_EQ(scan.end, End::unfinished) << bytes;
    EXPECT_EQ(scan.whole_bytes, before.size()) << bytes;
  }
}

TEST(ManifestScan, EachBitOfARecordCounts) {
  const auto before = log_of({"one"});
  const auto whole = log_of({"one", "two", "three"});
  const auto damaged_end = log_of({"one", "two"}).size();
  for (auto bit = before.size() * 8; bit < damaged_end * 8; ++bit) {
    auto log = whole;
    log[bit / 8] = static_cast<char>(log[bit / 8] ^ (1 << (bit % 8)));
    const auto scan = scan_manifest(log);
    EXPECT_EQ(scan.end, End::damaged) << bit;  // also where the length now points behind the end of the file
    EXPECT_EQ(scan.whole_bytes, before.size()) << bit;
    ASSERT_EQ(scan.later.size(), 1u) << bit;
    EXPECT_EQ(scan.later[0], "three") << bit;
  }
}

TEST(ManifestScan, ZerosAndGarbageAreDamage) {
  const auto before = log_of({"one"});
  EXPECT_EQ(scan_manifest(before + std::string(100, '\0')).end, End::damaged);
  EXPECT_EQ(scan_manifest(before + std::string(100, '\0')).whole_bytes, before.size());
  const auto whole_block = before + std::string(32'768 - before.size(), '\xff');
  EXPECT_EQ(scan_manifest(whole_block).end, End::damaged);
}

TEST(ManifestScan, PartsMustFollowEachOther) {
  const auto one = log_part(1, "one");
  struct Case {
    std::string_view what;
    std::string parts;
    End end;
    std::size_t later;
  };
  const Case cases[] = {
      {"a middle of nothing", log_part(3, "m"), End::damaged, 0},
      {"an end of nothing", log_part(4, "e"), End::damaged, 0},
      {"a beginning without end", log_part(2, "b") + log_part(1, "full"), End::damaged, 1},
      {"two beginnings", log_part(2, "b") + log_part(2, "b"), End::damaged, 1},
      {"a beginning at the end", log_part(2, "b"), End::unfinished, 0},
      {"two of three", log_part(2, "b") + log_part(3, "m"), End::unfinished, 0},
      {"an unknown type", log_part(5, "recycled"), End::damaged, 0},
      {"type zero", log_part(0, "zero"), End::damaged, 0},
  };
  for (const auto& one_case : cases) {
    const auto scan = scan_manifest(one + one_case.parts);
    EXPECT_EQ(scan.end, one_case.end) << one_case.what;
    EXPECT_EQ(scan.whole_bytes, one.size()) << one_case.what;
    const auto log = one + one_case.parts;
    EXPECT_EQ(scan_manifest(log).later.size(), one_case.later) << one_case.what;
  }
}

// In a block of garbage of which nothing can be believed, lengths least of all.
TEST(ManifestScan, FindsWhatFollowsTheDamage) {
  auto log = log_of({"one"});
  const auto whole = log.size();
  log += "some garbage of no particular length";
  log += log_part(1, "two") + log_part(4, "of another") + log_part(2, "three");
  const auto scan = scan_manifest(log);
  EXPECT_EQ(scan.whole_bytes, whole);
  ASSERT_EQ(scan.later.size(), 2u);
  EXPECT_EQ(scan.later[0], "two");
  EXPECT_EQ(scan.later[1], "three");
}

TEST(ManifestScan, DoesNotLookThroughMoreThanATornWrite) {
  auto log = log_of({"one"});
  log.append(store::torn_tail_bytes_max, '\0');
  append_record(log, "two");
  EXPECT_EQ(scan_manifest(log).end, End::damaged);
  EXPECT_TRUE(scan_manifest(log).later.empty());
}

TEST(NextFileNumber, IsReadFromTheHeadOfAChange) {
  EXPECT_EQ(store::next_file_number(change_naming(12)), 12u);
  EXPECT_EQ(store::next_file_number(change_naming(1'000'000) + "\x06\x00\x05"), 1'000'000u);
  std::string with_texts;
  store::Writer writer(with_texts);
  writer.varint(8193);
  writer.text("an id of the database");
  writer.varint(1);
  writer.text("leveldb.BytewiseComparator");
  writer.varint(203);
  writer.varint(9);
  EXPECT_EQ(store::next_file_number(with_texts), std::nullopt);
  EXPECT_EQ(store::next_file_number(with_texts + change_naming(5)), 5u);
  EXPECT_EQ(store::next_file_number(""), std::nullopt);
  EXPECT_EQ(store::next_file_number("\x03"), std::nullopt);
  EXPECT_EQ(store::next_file_number("\x06\x00\x05\x03\x07"), std::nullopt);  // files come behind the numbers
}

}  // namespace
}  // namespace syncd::test
