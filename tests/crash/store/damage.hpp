#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tests/crash/store/recording.hpp"

namespace syncd::test {

// What damage of the store's files is done to, and what may come of it.

enum class Victim : std::uint8_t { table, manifest, current, log, options, identity, high_water };
inline constexpr std::array<Victim, 7> all_victims{Victim::table,     Victim::manifest, Victim::current,
                                                   Victim::log,       Victim::options,  Victim::identity,
                                                   Victim::high_water};
std::string_view name_of(Victim victim);
bool is_of(const std::string& path, Victim victim);
// Those that are not empty.
std::vector<std::string> files_of(const DiskImage& image, Victim victim);

// The disk after a power cut there that keeps nothing that was not synced: the same in each run.
DiskImage cut_at(const Recording& recording, Recording::Moment& moment, std::uint64_t operation);

// Where such a cut leaves such a file: so many operations, spread evenly over those of
// the recording once the first opening is done. Fewer only when there are not so many.
std::vector<std::uint64_t> operations_with(const Recording& recording, Victim victim, std::size_t count);

// Counters of a SharedTally. `same`: what was to do harm was no change.
enum Seen : std::size_t { tried, refused, unreadable, equal, older, new_epoch, same };

// The mark may be on the disk a moment before the reader has its answer.
std::uint64_t published_on(const DiskImage& image);

// What a store that opened in spite of the damage shows: never what was not, and nothing acknowledged is gone
// without a word.
Violations check_shown(const Scenario& scenario, const Progress& progress, std::uint64_t published,
                       Victim victim, store::Store& store, SharedTally& tally);

// The store on such a disk must not open, and must say why: `why` is a part of its words.
Violations check_refused(const Scenario& scenario, const DiskImage& image, std::string_view why);

}  // namespace syncd::test
