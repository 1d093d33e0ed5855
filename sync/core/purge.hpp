#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "sync/core/types.hpp"

namespace syncd::core {

// ---- what is left of a purged link ----

// The note that says that the link was purged, and when: the discovery, which only knows that upstream has
// it, must not bring it back. It names a digest and not the link.
std::string purged_note(const LinkId& link_id);

// Requests of purged links that still count: budgets hold over a restart because each link stores what it has
// asked in the last minute, and a purged link stores nothing.
using PurgedSends = std::map<LinkId, std::vector<RecentSend>>;
inline constexpr std::string_view purged_sends_note = "purged-sends";
// Drops what is older than a minute; what lies ahead of `now` stays.
void forget_old_sends(PurgedSends& sends, WallTime now);
std::string encode_purged_sends(const PurgedSends& sends);
// What is not understood is left out.
PurgedSends decode_purged_sends(std::string_view note);

}  // namespace syncd::core
