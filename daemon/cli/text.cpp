#include "daemon/cli/text.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "sync/core/json_text.hpp"

namespace syncd::cli {

namespace {

std::size_t width_of(std::string_view text) {
  // Continuation bytes take no column of their own.
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

std::optional<std::uint64_t> to_number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || ec != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

std::string printable(std::string_view text, std::size_t width_max) {
  std::vector<std::string> characters;
  while (!text.empty()) {
    const core::CodePoint point = core::first_code_point(text);
    const std::size_t length = std::max(point.length, 1U);
    // C0, DEL, C1, and the marks that turn the direction of text around.
    const bool harmful =
        point.length == 0 || point.value < 0x20 || (point.value >= 0x7F && point.value < 0xA0) ||
        (point.value >= 0x202A && point.value <= 0x202E) || (point.value >= 0x2066 && point.value <= 0x2069);
    characters.emplace_back(harmful ? "?" : std::string(text.substr(0, length)));
    text.remove_prefix(length);
  }
  if (width_max > 0 && characters.size() > width_max) {
    characters.resize(width_max - 1);
    characters.emplace_back("\u2026");
  }
  std::string out;
  for (const std::string& character : characters)
    out += character;
  return out;
}

std::string span_of(core::Millis span) {
  const std::int64_t seconds = span.count() / 1000;
  if (seconds >= 2 * 86'400) return fmt::format("{}d", seconds / 86'400);
  if (seconds >= 2 * 3600) return fmt::format("{}h", seconds / 3600);
  if (seconds >= 120) return fmt::format("{}m", seconds / 60);
  return fmt::format("{}s", seconds);
}

std::string age_of(std::string_view timestamp, core::WallTime now) {
  const auto time = core::parse_upstream_time(timestamp);
  if (!time) return "-";
  const core::Millis age = now - std::chrono::floor<core::Millis>(*time);
  if (age >= core::Millis{1000}) return span_of(age) + " ago";
  if (age <= core::Millis{-1000}) return "in " + span_of(-age);
  return "now";
}

std::string grouped(std::string_view number) {
  std::string digits{number};
  if (!to_number(number)) return digits;
  for (std::size_t at = digits.size(); at > 3; at -= 3)
    digits.insert(at - 3, ",");
  return digits;
}

std::string bytes_of(std::string_view number) {
  const auto bytes = to_number(number);
  if (!bytes) return std::string(number);
  constexpr std::uint64_t kib = 1024;
  if (*bytes >= kib * kib * kib) {
    return fmt::format("{}.{} GiB", *bytes / (kib * kib * kib),
                       *bytes % (kib * kib * kib) * 10 / (kib * kib * kib));
  }
  if (*bytes >= kib * kib) return fmt::format("{} MiB", *bytes / (kib * kib));
  return fmt::format("{} KiB", *bytes / kib);
}

std::string plural(std::size_t count, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", grouped(std::to_string(count)), count == 1 ? one : many);
}

void Sheet::add(std::string_view name, std::string_view value) {
  text_ += fmt::format("{:<18}{}\n", name, printable(value));
}

void Table::add(std::vector<std::string> cells) {
  cells.resize(columns_.size());
  for (std::size_t at = 0; at < cells.size(); ++at)
    cells[at] = printable(cells[at], columns_[at].width_max);
  rows_.push_back(std::move(cells));
}

std::string Table::text() const {
  std::vector<std::size_t> widths;
  for (std::size_t at = 0; at < columns_.size(); ++at) {
    std::size_t width = width_of(columns_[at].heading);
    for (const auto& row : rows_)
      width = std::max(width, width_of(row[at]));
    widths.push_back(width);
  }
  const auto line = [&](const auto& cell_at) {
    std::string out;
    for (std::size_t at = 0; at < columns_.size(); ++at) {
      const std::string& cell = cell_at(at);
      const std::string padding(widths[at] - width_of(cell), ' ');
      if (at > 0) out += "  ";
      out += columns_[at].right ? padding + cell : cell + padding;
    }
    out.erase(out.find_last_not_of(' ') + 1);
    return out + '\n';
  };
  std::string out = line([&](std::size_t at) -> const std::string& { return columns_[at].heading; });
  for (const auto& row : rows_)
    out += line([&](std::size_t at) -> const std::string& { return row[at]; });
  return out;
}

}  // namespace syncd::cli
