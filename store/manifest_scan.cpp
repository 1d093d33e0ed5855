#include "store/manifest_scan.hpp"

#include <algorithm>

#include "store/bytes.hpp"
#include "store/high_water.hpp"

namespace syncd::store {
namespace {

constexpr std::size_t block_bytes = 32 << 10;
constexpr std::size_t header_bytes = 7;
constexpr std::size_t type_at = 6;

enum Type : std::uint8_t { full = 1, first = 2, middle = 3, last = 4 };

// One part of a record, within one block.
struct Part {
  enum class Is : std::uint8_t { good, cut_short, bad };
  Is is = Is::bad;
  std::uint8_t type = 0;
  std::string_view content;
  std::size_t bytes = 0;
};

std::uint32_t little_endian(std::string_view bytes) {
  std::uint32_t value = 0;
  for (auto i = bytes.size(); i-- > 0;)
    value = (value << 8) | static_cast<std::uint8_t>(bytes[i]);
  return value;
}

// A checksum over bytes that hold checksums would be a weak one, so it is stored turned and shifted.
std::uint32_t masked_crc(std::string_view bytes) {
  const auto crc = crc32c(bytes);
  return ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
}

std::size_t block_rest(std::size_t at) {
  return block_bytes - at % block_bytes;
}

Part part_at(std::string_view file, std::size_t at) {
  const auto rest = file.substr(at, block_rest(at));
  const bool at_end = rest.size() < block_rest(at);
  const auto does_not_fit = at_end ? Part::Is::cut_short : Part::Is::bad;
  if (rest.size() < header_bytes) return {.is = does_not_fit, .content = {}};
  const auto bytes = header_bytes + little_endian(rest.substr(4, 2));
  if (bytes > rest.size()) return {.is = does_not_fit, .content = {}};
  const auto type = static_cast<std::uint8_t>(rest[type_at]);
  if (type < full || type > last) return {.content = {}};
  if (little_endian(rest.substr(0, 4)) != masked_crc(rest.substr(type_at, bytes - type_at)))
    return {.content = {}};
  return {.is = Part::Is::good,
          .type = type,
          .content = rest.substr(header_bytes, bytes - header_bytes),
          .bytes = bytes};
}

// Lengths cannot be believed there, so a record may begin at every byte.
std::vector<std::string_view> records_from(std::string_view file, std::size_t at) {
  std::vector<std::string_view> records;
  while (at < file.size()) {
    const auto part = part_at(file, at);
    if (part.is != Part::Is::good) {
      ++at;
      continue;
    }
    if (part.type == full || part.type == first) records.push_back(part.content);
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
  auto broken = Part::Is::good;
  while (at < file.size()) {
    if (block_rest(at) < header_bytes) {  // no header fits: left empty
      at = std::min(at + block_rest(at), file.size());
      continue;
    }
    const auto part = part_at(file, at);
    const bool goes_on = part.type == middle || part.type == last;
    broken = part.is == Part::Is::good && goes_on != inside ? Part::Is::bad : part.is;
    if (broken != Part::Is::good) break;
    inside = part.type == first || part.type == middle;
    at += part.bytes;
    if (!goes_on) begun = part.content;
    if (inside) continue;
    scan.whole_bytes = at;
    scan.last = begun;
  }
  if (broken == Part::Is::good) {
    if (inside) scan.end = ManifestScan::End::unfinished;
    return scan;
  }
  if (file.size() - scan.whole_bytes <= torn_tail_bytes_max) scan.later = records_from(file, at);
  const bool unfinished = broken == Part::Is::cut_short && scan.later.empty();
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
