#pragma once

#include <chrono>
#include <cstddef>
#include <unordered_set>

#include "sync/api/timers.hpp"
#include "sync/engine/link_table.hpp"
#include "sync/engine/place_row.hpp"

namespace syncd::engine {

// Peeks that their budget turned away. Each comes back at a place of its own, one behind the other at the
// pace of that budget: of all that came back when it opens next, all but one would be turned away again.
// Pure.
class PeekRow {
 public:
  // The longest wait: whatever has opened by then, the link is looked at again.
  static constexpr core::Millis wait_max = std::chrono::hours(1);

  // The link's peek cannot go out before `opens`. When to try again; at most wait_max later.
  // `calls_per_minute`: that the schedule may make; above zero.
  api::SteadyTime place(LinkTable::Slot slot, api::SteadyTime opens, double calls_per_minute);
  // The peek went out, or is not wanted any more.
  void left(LinkTable::Slot slot) { waiting_.erase(slot); }
  bool holds(LinkTable::Slot slot) const { return waiting_.contains(slot); }
  // Links that wait for a peek.
  std::size_t size() const { return waiting_.size(); }

 private:
  std::unordered_set<LinkTable::Slot> waiting_;
  PlaceRow places_;
};

}  // namespace syncd::engine
