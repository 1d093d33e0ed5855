#include "daemon/admin/dead_letter_id.hpp"

#include <charconv>

namespace syncd::daemon {

std::string to_text(const DeadLetterId& id) {
  return std::to_string(id.at.time_since_epoch().count()) + ':' + id.link_id.str();
}

std::optional<DeadLetterId> parse_dead_letter_id(std::string_view text) {
  std::int64_t at_ms = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), at_ms);
  if (error != std::errc{} || end == text.data() + text.size() || *end != ':') return std::nullopt;
  const auto link_id = core::LinkId::parse(text.substr(static_cast<std::size_t>(end - text.data()) + 1));
  if (!link_id) return std::nullopt;
  DeadLetterId id{.at = core::WallTime(core::Millis(at_ms)), .link_id = *link_id};
  // One letter, one name.
  if (to_text(id) != text) return std::nullopt;
  return id;
}

}  // namespace syncd::daemon
