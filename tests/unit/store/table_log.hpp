#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "store/bytes.hpp"
#include "store/high_water.hpp"

namespace syncd::test {

inline std::string little_endian_bytes(std::uint32_t value, int bytes) {
  std::string out;
  for (int i = 0; i < bytes; ++i)
    out.push_back(static_cast<char>((value >> (8 * i)) & 0xff));
  return out;
}

inline std::string log_part(char type, std::string_view content) {
  const auto crc = store::crc32c(std::string(1, type) + std::string(content));
  return little_endian_bytes(((crc >> 15) | (crc << 17)) + 0xa282ead8u, 4) +
         little_endian_bytes(static_cast<std::uint32_t>(content.size()), 2) + type + std::string(content);
}

// Appends a record as RocksDB's log writer does.
inline void append_record(std::string& log, std::string_view content) {
  constexpr std::size_t block = 32 << 10, header = 7;
  for (bool begins = true, ends = false; !ends; begins = false) {
    auto room = block - log.size() % block;
    if (room < header) {
      log.append(room, '\0');
      room = block;
    }
    const auto part = content.substr(0, room - header);
    content.remove_prefix(part.size());
    ends = content.empty();
    const char type = begins && ends ? 1 : begins ? 2 : ends ? 4 : 3;
    log += log_part(type, part);
  }
}

// A change of the table that names `next` as the next free file number.
inline std::string change_naming(std::uint64_t next) {
  std::string change;
  store::Writer writer(change);
  for (const std::uint64_t number : {std::uint64_t{2}, std::uint64_t{7}, std::uint64_t{9}, std::uint64_t{0}})
    writer.varint(number);  // the log's number, the previous log's
  writer.varint(3);
  writer.varint(next);
  return change;
}

}  // namespace syncd::test
