#include "store/manifest_scan.hpp"

#include <algorithm>

#include "store/bytes.hpp"
#include "store/log_form.hpp"

namespace syncd::store {
namespace {

// Lengths cannot be believed there, so a record may begin at every byte.
std::vector<std::string_view> records_from(std::string_view file, std::size_t at) {
  std::vector<std::string_view> records;
  while (at < file.size()) {
    const auto part = log_part_at(file, at);
    if (part.is != LogPart::Is::good) {
      ++at;
      continue;
    }
    if (part.begins_record()) records.push_back(part.content);
    at += part.bytes;
  }
  return records;
}

}  // namespace

ManifestScan scan_manifest(std::string_view file) {
  ManifestScan scan;
  std::size_t at = 0;
  bool inside = false;     // behind the first part of a record
  std::string_view begun;  // its first part
  auto broken = LogPart::Is::good;
  while (at < file.size()) {
    if (log_block_rest(at) < log_header_bytes) {  // no header fits: left empty
      at = std::min(at + log_block_rest(at), file.size());
      continue;
    }
    const auto part = log_part_at(file, at);
    const bool goes_on = !part.begins_record();
    broken = part.is == LogPart::Is::good && goes_on != inside ? LogPart::Is::bad : part.is;
    if (broken != LogPart::Is::good) break;
    inside = !part.ends_record();
    at += part.bytes;
    if (!goes_on) begun = part.content;
    if (inside) continue;
    scan.whole_bytes = at;
    scan.last = begun;
  }
  if (broken == LogPart::Is::good) {
    if (inside) scan.end = ManifestScan::End::unfinished;
    return scan;
  }
  if (file.size() - scan.whole_bytes <= torn_tail_bytes_max) scan.later = records_from(file, at);
  const bool unfinished = broken == LogPart::Is::cut_short && scan.later.empty();
  scan.end = unfinished ? ManifestScan::End::unfinished : ManifestScan::End::damaged;
  return scan;
}

std::optional<std::uint64_t> next_file_number(std::string_view change) {
  // RocksDB writes the numbers of a change first, in this order; each is a tag and its value.
  constexpr std::uint32_t comparator = 1, log_number = 2, next_file = 3, previous_log = 9,
                          most_families = 203, database_id = 8193;
  Reader in(change);
  while (in.ok() && !in.rest().empty()) {
    switch (in.varint32()) {
      case database_id:
      case comparator:
        in.text();
        continue;
      case log_number:
      case previous_log:
      case most_families:
        in.varint();
        continue;
      case next_file: {
        const auto number = in.varint();
        if (in.ok()) return number;
        return std::nullopt;
      }
      default:
        return std::nullopt;
    }
  }
  return std::nullopt;
}

}  // namespace syncd::store
