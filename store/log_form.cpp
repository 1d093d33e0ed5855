#include "store/log_form.hpp"

#include "store/high_water.hpp"

namespace syncd::store {
namespace {

constexpr std::size_t length_at = 4;
constexpr std::size_t type_at = 6;

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

}  // namespace

LogPart log_part_at(std::string_view log, std::size_t at) {
  const auto rest = log.substr(at, log_block_rest(at));
  const bool at_end = rest.size() < log_block_rest(at);
  const auto does_not_fit = at_end ? LogPart::Is::cut_short : LogPart::Is::bad;
  if (rest.size() < log_header_bytes) return {.is = does_not_fit, .content = {}};
  const auto bytes = log_header_bytes + little_endian(rest.substr(length_at, 2));
  if (bytes > rest.size()) return {.is = does_not_fit, .content = {}};
  const auto type = static_cast<std::uint8_t>(rest[type_at]);
  if (type < LogPart::full || type > LogPart::last) return {.content = {}};
  if (little_endian(rest.substr(0, length_at)) != masked_crc(rest.substr(type_at, bytes - type_at)))
    return {.content = {}};
  return {.is = LogPart::Is::good,
          .type = type,
          .content = rest.substr(log_header_bytes, bytes - log_header_bytes),
          .bytes = bytes};
}

}  // namespace syncd::store
