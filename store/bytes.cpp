#include "store/bytes.hpp"

#include <limits>

namespace syncd::store {

void Writer::u64(std::uint64_t value) {
  char bytes[8];
  for (int i = 7; i >= 0; --i) {
    bytes[i] = static_cast<char>(value & 0xff);
    value >>= 8;
  }
  out_.append(bytes, sizeof bytes);
}

void Writer::varint(std::uint64_t value) {
  while (value >= 0x80) {
    out_.push_back(static_cast<char>((value & 0x7f) | 0x80));
    value >>= 7;
  }
  out_.push_back(static_cast<char>(value));
}

void Writer::zigzag(std::int64_t value) {
  const auto bits = static_cast<std::uint64_t>(value);
  varint((bits << 1) ^ (value < 0 ? ~std::uint64_t{0} : 0));
}

void Writer::text(std::string_view value) {
  varint(value.size());
  out_.append(value);
}

std::uint8_t Reader::u8() {
  const auto bytes = raw(1);
  return bytes.empty() ? std::uint8_t{0} : static_cast<std::uint8_t>(bytes[0]);
}

std::uint64_t Reader::u64() {
  std::uint64_t value = 0;
  for (const char byte : raw(8))
    value = (value << 8) | static_cast<std::uint8_t>(byte);
  return value;
}

std::uint64_t Reader::varint() {
  std::uint64_t value = 0;
  for (unsigned shift = 0; ok_ && !rest_.empty(); shift += 7) {
    const auto byte = static_cast<std::uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    if (shift == 63 && byte > 1) break;
    value |= std::uint64_t{byte & 0x7fu} << shift;
    if ((byte & 0x80) == 0) {
      if (byte == 0 && shift != 0) break;
      return value;
    }
  }
  ok_ = false;
  return 0;
}

std::uint32_t Reader::varint32() {
  const auto value = varint();
  if (value > std::numeric_limits<std::uint32_t>::max()) {
    ok_ = false;
    return 0;
  }
  return static_cast<std::uint32_t>(value);
}

std::int64_t Reader::zigzag() {
  const auto bits = varint();
  return static_cast<std::int64_t>((bits >> 1) ^ ((bits & 1) != 0 ? ~std::uint64_t{0} : 0));
}

std::string_view Reader::text() {
  const auto bytes = varint();
  if (bytes > rest_.size()) {
    ok_ = false;
    return {};
  }
  return raw(static_cast<std::size_t>(bytes));
}

std::string_view Reader::raw(std::size_t bytes) {
  if (!ok_ || bytes > rest_.size()) {
    ok_ = false;
    return {};
  }
  const auto value = rest_.substr(0, bytes);
  rest_.remove_prefix(bytes);
  return value;
}

std::size_t Reader::count() {
  const auto value = varint();
  if (value > rest_.size()) {
    ok_ = false;
    return 0;
  }
  return static_cast<std::size_t>(value);
}

}  // namespace syncd::store
