#include "daemon/notes.hpp"

#include <charconv>
#include <system_error>

namespace syncd::daemon {

namespace {

// Upstream counts requests by the minute; the other one is for two clocks that differ.
constexpr core::Millis lately{2 * 60'000};

}  // namespace

bool restored_lately(std::string_view note, core::WallTime now) {
  std::int64_t ms = 0;
  const auto [end, error] = std::from_chars(note.data(), note.data() + note.size(), ms);
  if (error != std::errc{} || end != note.data() + note.size()) return true;
  return now < core::WallTime{core::Millis{ms}} + lately;
}

std::string restored_note_of(core::WallTime now) {
  return std::to_string(now.time_since_epoch().count());
}

}  // namespace syncd::daemon
