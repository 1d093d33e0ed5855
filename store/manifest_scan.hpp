#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace syncd::store {

// The most that one write to RocksDB's table of files (MANIFEST) may have left unsynced: the changes of one
// flush or compaction take a few KiB.
inline constexpr std::size_t torn_tail_bytes_max = 64 << 10;

// How the table of files ends. It is a log of changes in the form of RocksDB's write-ahead logs: blocks of
// 32 KiB, in them records with a header of 7 bytes (masked CRC-32C, length, type), a record that does not fit
// being split; decision 011.
struct ManifestScan {
  enum class End : std::uint8_t {
    whole,       // nothing behind the last complete record
    unfinished,  // the beginning of a record, as a write leaves it that did not come to its end
    damaged,     // bytes that are no record
  };
  End end = End::whole;
  std::size_t whole_bytes = 0;  // up to there every record is complete
  std::string_view last;        // the last of them: its first part
  // Records that are complete behind the damage, each from its first byte on; not looked for when more than
  // torn_tail_bytes_max is left.
  std::vector<std::string_view> later;
};

// The views are into `file`.
ManifestScan scan_manifest(std::string_view file);

// The next free file number that a change names, which all changes of one write to the table have in common
// and a later one raises. nullopt: it names none, as in the part that was written when the table began.
std::optional<std::uint64_t> next_file_number(std::string_view change);

}  // namespace syncd::store
