#include "daemon/webhook/key_note.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

#include "sync/core/hex.hpp"
#include "sync/core/note_numbers.hpp"

namespace syncd::daemon {

namespace {

// Neither a URL nor the id of a key has one.
constexpr char line_end = '\n';
constexpr std::string_view form = "1";

std::optional<std::string_view> take_line(std::string_view& text) {
  const std::size_t end = text.find(line_end);
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end + 1);
  return line;
}

std::optional<std::uint8_t> digit_of(char c) {
  if (c >= '0' && c <= '9') return static_cast<std::uint8_t>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<std::uint8_t>(c - 'a' + 10);
  return std::nullopt;
}

bool read_coordinate(std::string_view text, std::array<std::uint8_t, 32>& out) {
  if (text.size() != 2 * out.size()) return false;
  for (std::size_t at = 0; at < out.size(); ++at) {
    const auto high = digit_of(text[2 * at]);
    const auto low = digit_of(text[2 * at + 1]);
    if (!high || !low) return false;
    out[at] = static_cast<std::uint8_t>(*high << 4 | *low);
  }
  return true;
}

}  // namespace

std::string encode_kept_keys(const KeptKeys& kept) {
  std::string note{form};
  note += line_end;
  core::put_number(note, kept.fetched_at.time_since_epoch().count(), line_end);
  note += kept.upstream + line_end;
  for (const core::PublicKey& key : kept.keys)
    note += key.kid + line_end + core::hex_of(key.x) + line_end + core::hex_of(key.y) + line_end;
  return note;
}

std::optional<KeptKeys> decode_kept_keys(std::string_view note) {
  if (take_line(note) != form) return std::nullopt;
  KeptKeys kept;
  std::int64_t ms = 0;
  if (!core::take_number(note, ms, line_end)) return std::nullopt;
  kept.fetched_at = core::WallTime(core::Millis(ms));
  const auto upstream = take_line(note);
  if (!upstream) return std::nullopt;
  kept.upstream = *upstream;
  while (!note.empty()) {
    const auto kid = take_line(note);
    const auto x = take_line(note);
    const auto y = take_line(note);
    core::PublicKey key;
    const bool whole = kid && x && y && core::is_valid_kid(*kid) && read_coordinate(*x, key.x) &&
                       read_coordinate(*y, key.y) && kept.keys.size() < core::keys_max;
    if (!whole) return std::nullopt;
    key.kid = *kid;
    kept.keys.push_back(std::move(key));
  }
  if (kept.keys.empty()) return std::nullopt;
  return kept;
}

}  // namespace syncd::daemon
