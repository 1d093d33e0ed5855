#pragma once

#include <string>
#include <string_view>

#include "sync/core/types.hpp"

namespace syncd::daemon {

// Notes in the store that more than one part knows.

inline constexpr std::string_view budget_note = "budget";  // what a clean stop leaves of the minute
// When the store was put back from a backup, in milliseconds of the wall clock: what the lost one had asked
// for just before nobody knows.
inline constexpr std::string_view restored_note = "restored";

// Whether that was so lately, or after `now`, that requests of the lost store may count still. Also for a
// note that cannot be read.
bool restored_lately(std::string_view note, core::WallTime now);
std::string restored_note_of(core::WallTime now);

}  // namespace syncd::daemon
