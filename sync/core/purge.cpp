#include "sync/core/purge.hpp"

#include <algorithm>
#include <utility>

#include "sync/core/hex.hpp"
#include "sync/core/note_numbers.hpp"

namespace syncd::core {

namespace {

constexpr Millis counts_for{60'000};

}  // namespace

std::string purged_note(const LinkId& link_id) {
  return "purged/" + hex_of(digest_of(link_id.str()));
}

void forget_old_sends(PurgedSends& sends, WallTime now) {
  for (auto& [link_id, of_link] : sends)
    std::erase_if(of_link, [&](const RecentSend& send) { return now - send.at > counts_for; });
  std::erase_if(sends, [](const auto& of_link) { return of_link.second.empty(); });
}

// A line for each: endpoint, milliseconds, link.
std::string encode_purged_sends(const PurgedSends& sends) {
  std::string note;
  for (const auto& [link_id, of_link] : sends) {
    for (const RecentSend& send : of_link) {
      note += std::to_string(std::to_underlying(send.endpoint)) + ' ';
      note += std::to_string(send.at.time_since_epoch().count()) + ' ';
      note += link_id.str() + '\n';
    }
  }
  return note;
}

PurgedSends decode_purged_sends(std::string_view note) {
  PurgedSends sends;
  while (!note.empty()) {
    std::string_view line = note.substr(0, note.find('\n'));
    note.remove_prefix(std::min(line.size() + 1, note.size()));
    std::uint8_t endpoint = 0;
    Millis::rep at_ms = 0;
    const bool read = take_number(line, endpoint, ' ') && take_number(line, at_ms, ' ');
    if (!read || endpoint < 1 || endpoint > endpoint_count || !is_valid_id(line)) continue;
    sends[LinkId{std::string(line)}].push_back(
        {.endpoint = static_cast<Endpoint>(endpoint), .at = WallTime{Millis{at_ms}}});
  }
  return sends;
}

}  // namespace syncd::core
