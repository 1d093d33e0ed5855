#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "sync/core/types.hpp"

namespace syncd::core {

// Upstream says that there is news of a link: a webhook whose signature holds. It is stored before it is
// answered and makes the link due at once; it changes nothing by itself.
//
// Each hint has a sequence of its own, so that the commit of the visit that it caused takes away that hint
// and not one that has come meanwhile.
struct Hint {
  LinkId link_id;
  Digest key{};  // of the webhook's idempotency key
  std::uint64_t sequence = 0;
  std::uint64_t replaces = 0;  // the link's hint that waits already; 0: none does
};

// What became of one; numbers are ours and are not stored.
enum class HintOutcome : std::uint8_t {
  accepted,      // stored: the link will be visited
  duplicate,     // its webhook was accepted before; nothing was stored
  unknown_link,  // not registered here; nothing was stored
  not_visited,   // the link is paused or gone; nothing was stored
};
inline constexpr std::size_t hint_outcome_count = 4;
std::string_view to_string(HintOutcome outcome);

// A hint is kept as a note (LinkUpdate::notes) of this name, which holds the id's length, so that the hints
// of one link have one beginning and no other link has it.
std::string hint_note(const LinkId& link_id, std::uint64_t sequence);
std::string hint_notes_of(const LinkId& link_id);
inline constexpr std::string_view hint_note_prefix = "hint/";
struct NamedHint {
  std::string_view link_id;
  std::uint64_t sequence = 0;
};
// nullopt: not such a name. The view points into `name`.
std::optional<NamedHint> parse_hint_note(std::string_view name);

}  // namespace syncd::core
