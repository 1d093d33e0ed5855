#include "daemon/cli/text.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

#include <fmt/format.h>

#include "daemon/cli/width.hpp"
#include "sync/core/json_text.hpp"

namespace syncd::cli {

namespace {

constexpr std::size_t gap_columns = 2;
// A column of text keeps so many, or it says nothing any more.
constexpr std::size_t text_columns_min = 8;

std::optional<std::uint64_t> to_number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || ec != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

std::string printable(std::string_view text, std::size_t width_max) {
  std::string out;
  std::size_t columns = 0;
  // What is left when a character more would leave no room for the ellipsis.
  std::size_t kept = 0;
  while (!text.empty()) {
    const core::CodePoint point = core::first_code_point(text);
    const std::size_t length = std::max(point.length, 1U);
    // C0, DEL, C1, and the marks that turn the direction of text around.
    const bool harmful =
        point.length == 0 || point.value < 0x20 || (point.value >= 0x7F && point.value < 0xA0) ||
        (point.value >= 0x202A && point.value <= 0x202E) || (point.value >= 0x2066 && point.value <= 0x2069);
    columns += harmful ? 1 : columns_of(point.value);
    if (width_max > 0 && columns > width_max) return out.substr(0, kept) + "\u2026";
    out += harmful ? std::string_view("?") : text.substr(0, length);
    if (columns < width_max) kept = out.size();
    text.remove_prefix(length);
  }
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

Tone tone_of_age(std::string_view timestamp, core::WallTime now, core::Millis limit) {
  const auto time = core::parse_upstream_time(timestamp);
  const bool old = time && now - std::chrono::floor<core::Millis>(*time) >= limit;
  return old ? Tone::warning : Tone::plain;
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

void Sheet::add(std::string_view name, std::string_view value, Tone tone) {
  text_ += fmt::format("{:<18}{}\n", name, painted(printable(value), tone, look_));
}

void Table::add(std::vector<Cell> cells) {
  cells.resize(columns_.size(), Cell(""));
  for (Cell& cell : cells)
    cell.text = printable(cell.text);
  rows_.push_back(std::move(cells));
}

std::vector<std::size_t> Table::natural_widths(const Look& look) const {
  std::vector<std::size_t> widths;
  for (std::size_t at = 0; at < columns_.size(); ++at) {
    const Column& column = columns_[at];
    std::size_t width = columns_of(column.heading);
    for (const auto& row : rows_)
      width = std::max(width, columns_of(row[at].text));
    const bool bounded = look.columns > 0 && column.width_max > 0;
    widths.push_back(bounded ? std::min(width, std::max(column.width_max, columns_of(column.heading)))
                             : width);
  }
  return widths;
}

std::vector<std::size_t> Table::widths(const Look& look) const {
  std::vector<std::size_t> widths = natural_widths(look);
  std::size_t total = gap_columns * (columns_.size() - 1);
  for (const std::size_t width : widths)
    total += width;
  for (const bool any_text : {false, true}) {
    while (look.columns > 0 && total > look.columns) {
      std::optional<std::size_t> widest;
      for (std::size_t at = 0; at < columns_.size(); ++at) {
        const bool shortens = columns_[at].width_max > 0 || (any_text && at > 0 && !columns_[at].right);
        const bool may =
            shortens && widths[at] > std::max(text_columns_min, columns_of(columns_[at].heading));
        if (may && (!widest || widths[at] > widths[*widest])) widest = at;
      }
      if (!widest) break;
      --widths[*widest];
      --total;
    }
  }
  return widths;
}

std::string Table::text(const Look& look) const {
  const std::vector<std::size_t> widths = this->widths(look);
  const auto line = [&](const auto& cell_at) {
    std::string out;
    for (std::size_t at = 0; at < columns_.size(); ++at) {
      const Cell& cell = cell_at(at);
      const std::string shown = printable(cell.text, widths[at]);
      const std::string padding(widths[at] - columns_of(shown), ' ');
      if (at > 0) out.append(gap_columns, ' ');
      const std::string text = painted(shown, cell.tone, look);
      out += columns_[at].right ? padding + text : text + padding;
    }
    out.erase(out.find_last_not_of(' ') + 1);
    return out + '\n';
  };
  std::string out = line([&](std::size_t at) { return Cell(columns_[at].heading, Tone::strong); });
  for (const auto& row : rows_)
    out += line([&](std::size_t at) -> const Cell& { return row[at]; });
  return out;
}

}  // namespace syncd::cli
