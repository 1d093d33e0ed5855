#pragma once

#include <string_view>

namespace syncd::store {

// The next step in every message about damage. The command also begins a new epoch of the feed, without which
// the sequences that were shown since the backup would be given to other changes.
inline constexpr std::string_view restore_advice =
    "restore a backup: moneykit-syncd backup restore latest --replace, see docs/backup.md";

}  // namespace syncd::store
