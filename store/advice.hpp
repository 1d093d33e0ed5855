#pragma once

#include <string_view>

namespace syncd::store {

// The next step in every message about damage. The file of the high-water mark lies in the directory that is
// restored: one that is as old as the database beside it cannot tell that anything was shown since, and the
// same sequences would be given to other changes.
inline constexpr std::string_view restore_advice =
    "restore a backup: put back db/ only and leave feed-high-water as it is, or put back everything and "
    "remove feed-high-water";

}  // namespace syncd::store
