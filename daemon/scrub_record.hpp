#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "store/store.hpp"
#include "sync/core/types.hpp"

namespace syncd::daemon {

// How far the scrub has come, kept as a note in the store: a restart goes on where the last run was.
struct ScrubRecord {
  core::WallTime finished_at{};     // of the last whole walk; epoch: there was none
  std::uint64_t damaged_files = 0;  // that it found
  bool walking = false;
  store::ScrubPlace place;  // of the walk that runs
  std::uint64_t files = 0;  // looked at by it
  std::uint64_t bytes = 0;
  std::uint64_t damaged_so_far = 0;
  bool operator==(const ScrubRecord&) const = default;
};

std::string encode(const ScrubRecord& record);
// An empty record for anything that encode() did not write: the walk begins anew, which costs nothing but
// reading.
ScrubRecord decode_scrub_record(std::string_view text);

// Whether a walk is due or running. `interval` zero: never. A last walk in the future (the wall clock was
// wrong then, or is now) says nothing: the next is due.
bool scrub_due(const ScrubRecord& record, core::Millis interval, core::WallTime now);

// Begins the walk that is due.
void begin_walk(ScrubRecord& record);
// Takes in one step of the walk. True: the walk is over.
bool take_step(ScrubRecord& record, const store::ScrubStep& step, core::WallTime now);

}  // namespace syncd::daemon
