#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace syncd::store {

// The primitives of every key and value on disk. Numbers are big-endian where order matters and LEB128
// varints elsewhere; signed numbers go through zigzag; texts carry their length. Each value has exactly one
// encoding.
class Writer {
 public:
  explicit Writer(std::string& out) : out_(out) {}

  void u8(std::uint8_t value) { out_.push_back(static_cast<char>(value)); }
  void u64(std::uint64_t value);  // 8 bytes, big-endian
  void varint(std::uint64_t value);
  void zigzag(std::int64_t value);
  void text(std::string_view value);  // varint length + bytes
  void raw(std::string_view value) { out_.append(value); }

 private:
  std::string& out_;
};

// Reads what Writer wrote. After the first problem every further read answers zero or empty and ok() stays
// false, so that a decoder checks once, at its end. Never reads outside `in`; texts are views into it.
class Reader {
 public:
  explicit Reader(std::string_view in) : rest_(in) {}

  std::uint8_t u8();
  std::uint64_t u64();
  std::uint64_t varint();  // refuses more than 64 bits and overlong forms
  std::uint32_t varint32();
  std::int64_t zigzag();
  std::string_view text();
  std::string_view raw(std::size_t bytes);
  // A count of things that take at least one byte each: refused when more than the bytes that are left.
  std::size_t count();

  void refuse() { ok_ = false; }
  bool ok() const { return ok_; }
  bool finished() const { return ok_ && rest_.empty(); }
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace syncd::store
