#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "sync/core/result.hpp"

namespace syncd::daemon {

// The trace of visits lies in two files, 0600: the newer lines, and those before them.
inline constexpr std::string_view visit_file_name = "visits.trace";
inline constexpr std::string_view visit_file_before_name = "visits.trace.1";

struct AppendedVisits {
  std::uint64_t lines = 0;           // that were written
  std::optional<core::Error> error;  // why the others were not
};

// Appends whole lines to the newer file in `directory`. Neither file gets longer than `file_bytes_max`: one
// that has no room becomes the one before, whose lines are gone then. A line that was cut off by a crash or
// a full disk is ended, or taken back. Not synced: a trace may lose its end. The file is opened each time, so
// that it may be moved away at any time.
//
// Thread: any, one at a time; it blocks on the disk.
AppendedVisits append_visits(const std::string& directory, std::string_view lines,
                             std::uint64_t file_bytes_max);

}  // namespace syncd::daemon
