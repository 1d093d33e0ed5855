#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace syncd::store {

// The form in which RocksDB writes its logs, the table of files among them: blocks of 32 KiB, in them parts
// with a header of 7 bytes (masked CRC-32C, length, type). A record that does not fit is split into several
// parts.
inline constexpr std::size_t log_block_bytes = 32 << 10;
inline constexpr std::size_t log_header_bytes = 7;

// One part of a record, within one block.
struct LogPart {
  enum class Is : std::uint8_t { good, cut_short, bad };
  enum Type : std::uint8_t { full = 1, first = 2, middle = 3, last = 4 };
  Is is = Is::bad;
  std::uint8_t type = 0;
  std::string_view content;
  std::size_t bytes = 0;  // with its header

  bool begins_record() const { return type == full || type == first; }
  bool ends_record() const { return type == full || type == last; }
};

// From there to the end of the block; where no header fits any more the block is left empty.
inline std::size_t log_block_rest(std::size_t at) {
  return log_block_bytes - at % log_block_bytes;
}

// `log` begins at the beginning of a block; at < log.size(). Views are into it.
LogPart log_part_at(std::string_view log, std::size_t at);

}  // namespace syncd::store
