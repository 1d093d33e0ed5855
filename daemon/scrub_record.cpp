#include "daemon/scrub_record.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <system_error>
#include <utility>

#include <fmt/format.h>

namespace syncd::daemon {

namespace {

constexpr std::string_view head = "scrub 1";
constexpr std::size_t number_count = 8;

std::optional<std::uint64_t> take_number(std::string_view& text) {
  if (!text.starts_with(' ')) return std::nullopt;
  text.remove_prefix(1);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{}) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return value;
}

}  // namespace

std::string encode(const ScrubRecord& record) {
  return fmt::format("{} {} {} {} {} {} {} {} {}", head, record.finished_at.time_since_epoch().count(),
                     record.damaged_files, record.walking ? 1 : 0, record.place.after_file,
                     record.place.until_file, record.files, record.bytes, record.damaged_so_far);
}

ScrubRecord decode_scrub_record(std::string_view text) {
  if (!text.starts_with(head)) return {};
  text.remove_prefix(head.size());
  std::array<std::uint64_t, number_count> numbers{};
  for (std::uint64_t& number : numbers) {
    const auto value = take_number(text);
    if (!value) return {};
    number = *value;
  }
  if (!text.empty() || !std::in_range<std::int64_t>(numbers[0]) || numbers[2] > 1) return {};
  return {.finished_at = core::WallTime{core::Millis{static_cast<std::int64_t>(numbers[0])}},
          .damaged_files = numbers[1],
          .walking = numbers[2] == 1,
          .place = {.after_file = numbers[3], .until_file = numbers[4]},
          .files = numbers[5],
          .bytes = numbers[6],
          .damaged_so_far = numbers[7]};
}

bool scrub_due(const ScrubRecord& record, core::Millis interval, core::WallTime now) {
  if (interval == core::Millis{0}) return false;
  if (record.walking || record.finished_at == core::WallTime{} || record.finished_at > now) return true;
  return now - record.finished_at >= interval;
}

void begin_walk(ScrubRecord& record) {
  if (record.walking) return;
  record.walking = true;
  record.place = {};
  record.files = 0;
  record.bytes = 0;
  record.damaged_so_far = 0;
}

bool take_step(ScrubRecord& record, const store::ScrubStep& step, core::WallTime now) {
  record.place = step.next;
  if (!step.put_off.empty()) return false;
  if (!step.finished) {
    ++record.files;
    record.bytes += step.bytes;
    record.damaged_so_far += step.damage.empty() ? 0 : 1;
    return false;
  }
  record.walking = false;
  record.finished_at = now;
  record.damaged_files = record.damaged_so_far;
  return true;
}

}  // namespace syncd::daemon
