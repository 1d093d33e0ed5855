#include "store/high_water.hpp"

#include <fmt/format.h>

#include "store/bytes.hpp"

namespace syncd::store {
namespace {

constexpr std::string_view magic = "mksynchw";
constexpr std::uint8_t file_format = 1;
constexpr std::size_t crc_bytes = 4;

constexpr std::array<std::uint32_t, 256> crc_table = [] {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit)
      value = (value >> 1) ^ ((value & 1) != 0 ? 0x82f63b78u : 0u);
    table[i] = value;
  }
  return table;
}();

void append_crc(std::string& out) {
  const auto crc = crc32c(out);
  for (int shift = 24; shift >= 0; shift -= 8)
    out.push_back(static_cast<char>((crc >> shift) & 0xff));
}

}  // namespace

std::uint32_t crc32c(std::string_view bytes) {
  std::uint32_t crc = ~0u;
  for (const char byte : bytes)
    crc = (crc >> 8) ^ crc_table[(crc ^ static_cast<std::uint8_t>(byte)) & 0xff];
  return ~crc;
}

std::string to_hex(const InstanceId& id) {
  std::string text;
  for (const auto byte : id)
    text += fmt::format("{:02x}", byte);
  return text;
}

std::string encode_high_water(const HighWater& mark) {
  std::string out(magic);
  Writer writer(out);
  writer.u8(file_format);
  for (const auto byte : mark.instance)
    writer.u8(byte);
  writer.u64(mark.epoch);
  writer.u64(mark.published);
  append_crc(out);
  return out;
}

core::Result<std::optional<HighWater>> decode_high_water(std::string_view content) {
  if (content.size() <= magic.size() + crc_bytes) return std::nullopt;
  std::string expected(content.substr(0, content.size() - crc_bytes));
  append_crc(expected);
  if (expected != content) return std::nullopt;
  Reader in(content.substr(0, content.size() - crc_bytes));
  if (in.raw(magic.size()) != magic) return std::nullopt;
  if (const auto format = in.u8(); format != file_format) {
    return core::fail(core::Errc::invalid,
                      fmt::format("{} has format {}: it was written by a newer version; run that version",
                                  high_water_name, format));
  }
  HighWater mark;
  for (auto& byte : mark.instance)
    byte = in.u8();
  mark.epoch = in.u64();
  mark.published = in.u64();
  if (!in.finished() || mark.epoch == 0) return std::nullopt;
  return mark;
}

core::Result<std::optional<HighWater>> load_high_water(const std::string& directory, const Disk& disk) {
  auto content = read_small_file(directory + "/" + std::string(high_water_name), 4096, disk);
  if (!content) return std::unexpected(content.error());
  if (!*content) return std::nullopt;
  return decode_high_water(**content);
}

core::Result<void> save_high_water(const std::string& directory, const HighWater& mark, const Disk& disk) {
  return write_durably(directory, std::string(high_water_name), encode_high_water(mark), disk);
}

}  // namespace syncd::store
