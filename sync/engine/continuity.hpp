#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "sync/api/task.hpp"
#include "sync/api/timers.hpp"
#include "sync/core/continuity.hpp"
#include "sync/core/types.hpp"
#include "sync/engine/store_port.hpp"

namespace syncd::engine {

// Hashes of the links whose data was looked at and not yet compared, for a restart. No link id is in it.
inline constexpr std::string_view continuity_awaited_note = "continuity";

// Compares a link's data before and after a relink (decision 015), around the cycle that reads it again. Asks
// upstream nothing and changes nothing but its notes. Whatever fails in here is no failure of the cycle: a
// store in trouble tells the cycle itself, and what was left undone is done by a later visit or not at all.
//
// All references outlive every task. Thread: the io thread.
class Continuity {
 public:
  // Links between the two looks. Of one more, nothing is remembered.
  static constexpr std::size_t awaited_max = 1'000;
  // A link with more rows is not compared: all of them would have to be read.
  static constexpr std::uint64_t rows_read_max = 500'000;

  // `stopping`, `on_hold`: nothing is begun while one of them is true, and what is under way is given up.
  Continuity(StorePort& store, api::Timers& timers, const bool& stopping, const bool& on_hold)
      : store_(store), timers_(timers), stopping_(stopping), on_hold_(on_hold) {}

  // Reads which links were between the two looks when the daemon ended. Once is enough.
  api::Task<void> restore();

  // The first look: the link was found connected, its entry waits still, and nothing of it was read again. A
  // look at the same wait that was taken before, also by an earlier run of the daemon, stays. `rows`: that
  // the link has.
  api::Task<void> remember(core::LinkId link_id, std::uint64_t rows);
  // True: conclude() may have something to do once the link waits no more.
  bool awaits(const core::LinkId& link_id) const;
  // The second look, behind the end of the wait: the report takes the place of the first one.
  api::Task<void> conclude(core::LinkId link_id);

 private:
  bool halted() const { return stopping_ || on_hold_; }
  api::Task<std::optional<core::Held>> accounts_and_entry(core::LinkId link_id);
  api::Task<std::optional<core::ContinuitySnapshot>> read(core::LinkId link_id,
                                                          core::SnapshotBuilder builder);
  api::Task<void> await_conclusion(core::LinkId link_id);

  StorePort& store_;
  api::Timers& timers_;
  const bool& stopping_;
  const bool& on_hold_;
  bool restored_ = false;
  std::unordered_set<std::uint64_t> awaited_;  // hashes: another link with the same one costs it a read
};

}  // namespace syncd::engine
