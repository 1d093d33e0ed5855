#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/scrub_record.hpp"
#include "store/log_form.hpp"
#include "store/manifest_scan.hpp"
#include "sync/core/verify_report.hpp"
#include "tests/fuzz/support/choices.hpp"
#include "tests/fuzz/support/target.hpp"
#include "tests/unit/store/table_log.hpp"

// What is read beside the families: the table of files, which is mended after a power cut, and two notes. Of
// a table that was cut anywhere, or changed at one byte, exactly the records that are complete before there
// are kept; any bytes at all are read within their bounds. What a note is understood as means the same when
// it is written again.
namespace syncd::fuzz {
namespace {

using End = store::ManifestScan::End;

void check_bounds(std::string_view file, const store::ManifestScan& scan) {
  const auto inside = [&](std::string_view view) {
    return view.empty() || (view.data() >= file.data() && view.end() <= file.end());
  };
  FUZZ_CHECK(scan.whole_bytes <= file.size(), "no more is kept than there is");
  FUZZ_CHECK(inside(scan.last) && std::ranges::all_of(scan.later, inside), "records are in the file");
  FUZZ_CHECK(scan.end != End::whole || scan.later.empty(), "nothing is behind the end");
  static_cast<void>(store::next_file_number(scan.last));
}

struct Table {
  std::string file;
  std::vector<std::size_t> ends;  // of each record
};

// Some records are longer than a block.
Table write_table(Choices& choices) {
  Table table;
  const std::uint32_t records = choices.below(12);
  for (std::uint32_t i = 0; i < records; ++i) {
    const std::size_t filler = choices.once_in(4) ? std::size_t{200} * choices.byte() : choices.byte();
    test::append_record(
        table.file, test::change_naming(choices.number()) + std::string(filler, static_cast<char>('a' + i)));
    table.ends.push_back(table.file.size());
  }
  return table;
}

// The end of the last record that is complete within so many bytes.
std::size_t complete_within(const Table& table, std::size_t bytes) {
  const auto behind = std::ranges::upper_bound(table.ends, bytes);
  return behind == table.ends.begin() ? 0 : *std::prev(behind);
}

void try_table(Choices& choices) {
  Table table = write_table(choices);
  const auto whole = store::scan_manifest(table.file);
  FUZZ_CHECK(whole.end == End::whole && whole.whole_bytes == table.file.size(), "what was written is whole");
  if (table.file.empty()) return;
  const std::size_t at = choices.number() % table.file.size();
  if (choices.flag()) {
    const std::string_view cut = std::string_view(table.file).substr(0, at);
    const auto scan = store::scan_manifest(cut);
    check_bounds(cut, scan);
    const std::size_t complete = complete_within(table, at);
    FUZZ_CHECK(scan.whole_bytes == complete, "of a table that was cut the complete records are kept");
    FUZZ_CHECK(scan.end != End::damaged, "a cut is no damage");
    return;
  }
  const auto changed = static_cast<std::uint8_t>(table.file[at]) ^ (1 + choices.below(255));
  table.file[at] = static_cast<char>(changed);
  const auto scan = store::scan_manifest(table.file);
  check_bounds(table.file, scan);
  const std::size_t complete = complete_within(table, at);
  const std::size_t left_empty = store::log_block_rest(complete);
  const bool nobody_reads_it = left_empty < store::log_header_bytes && at < complete + left_empty;
  FUZZ_CHECK(scan.whole_bytes == (nobody_reads_it ? table.file.size() : complete),
             "what is kept ends before a change");
}

void try_scrub(std::string_view text) {
  const auto record = daemon::decode_scrub_record(text);
  FUZZ_CHECK(daemon::decode_scrub_record(daemon::encode(record)) == record,
             "written again it means the same");
  const core::WallTime now{core::Millis{1'700'000'000'000}};
  static_cast<void>(daemon::scrub_due(record, core::Millis{1}, now));
}

void try_verify_note(std::string_view text) {
  const core::LinkId link_id{"mk_1"};
  const auto report = core::from_note(link_id, text);
  if (!report) return;
  const std::string note = core::to_note(*report);
  const auto again = core::from_note(link_id, note);
  FUZZ_CHECK(again && core::to_note(*again) == note, "written again it means the same");
}

}  // namespace

FUZZ_TARGET(store_files) {
  Choices choices(bytes);
  const std::uint32_t what = choices.below(4);
  const std::string_view rest = choices.rest();
  switch (what) {
    case 0:
      return try_table(choices);
    case 1:
      return check_bounds(rest, store::scan_manifest(rest));
    case 2:
      return try_scrub(rest);
    default:
      return try_verify_note(rest);
  }
}

}  // namespace syncd::fuzz
