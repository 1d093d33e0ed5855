#include "daemon/duration.hpp"

#include <array>
#include <charconv>
#include <cstdint>

#include <fmt/format.h>

#include "daemon/shown_value.hpp"

namespace syncd::daemon {

namespace {

struct Unit {
  std::string_view name;
  std::int64_t millis;
};
// Falling, so that a sum can be checked and written in one pass.
constexpr std::array<Unit, 5> units{
    {{"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1000}, {"ms", 1}}};
constexpr std::int64_t duration_max_ms = 3650LL * 86'400'000;

const Unit* find_unit(std::string_view name) {
  for (const Unit& unit : units) {
    if (unit.name == name) return &unit;
  }
  return nullptr;
}

std::unexpected<std::string> refuse(std::string_view text, std::string_view why) {
  return std::unexpected(fmt::format("{} {}", shown_value(text), why));
}

}  // namespace

std::expected<core::Millis, std::string> parse_duration(std::string_view text) {
  constexpr std::string_view hint = "is not a duration";
  if (text.empty()) return refuse(text, hint);
  std::int64_t total = 0;
  std::int64_t last_unit = INT64_MAX;
  for (std::string_view rest = text; !rest.empty();) {
    std::int64_t count = 0;
    if (rest.front() < '0' || rest.front() > '9') return refuse(text, hint);
    const auto [end, ec] = std::from_chars(rest.data(), rest.data() + rest.size(), count);
    if (ec != std::errc{}) return refuse(text, "is longer than ten years");
    rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
    const std::size_t letters = std::min(rest.find_first_of("0123456789"), rest.size());
    if (letters == 0) return refuse(text, "needs a unit: ms, s, m, h or d");
    const Unit* unit = find_unit(rest.substr(0, letters));
    if (unit == nullptr) return refuse(text, hint);
    if (unit->millis >= last_unit) return refuse(text, "must name each unit once, the longest first");
    last_unit = unit->millis;
    rest.remove_prefix(letters);
    if (count > duration_max_ms / unit->millis) return refuse(text, "is longer than ten years");
    total += count * unit->millis;
    if (total > duration_max_ms) return refuse(text, "is longer than ten years");
  }
  return core::Millis{total};
}

std::string format_duration(core::Millis duration) {
  std::int64_t rest = duration.count();
  if (rest == 0) return "0s";
  std::string text;
  for (const Unit& unit : units) {
    const std::int64_t count = rest / unit.millis;
    if (count == 0) continue;
    text += fmt::format("{}{}", count, unit.name);
    rest -= count * unit.millis;
  }
  return text;
}

}  // namespace syncd::daemon
