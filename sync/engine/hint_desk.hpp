#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <unordered_map>
#include <vector>

#include "sync/api/task.hpp"
#include "sync/api/wake_slot.hpp"
#include "sync/core/hint.hpp"
#include "sync/engine/link_table.hpp"
#include "sync/engine/store_port.hpp"
#include "sync/engine/task_group.hpp"

namespace syncd::engine {

// Hints on their way into the store, and those that wait there for a visit. Many share one write: while one
// is under way, what comes is put into the next. A link has one hint at most: a new one takes the place of
// the one that waits.
//
// Thread: the io thread. `store` outlives it.
class HintDesk {
 public:
  using Slot = LinkTable::Slot;
  static constexpr std::size_t per_write_max = 1'000;

  explicit HintDesk(StorePort& store) : store_(store) {}
  HintDesk(const HintDesk&) = delete;
  HintDesk& operator=(const HintDesk&) = delete;

  // Its writes are tasks of the group, which outlives them and is deaf to none. `now_ms`: of the wall clock;
  // sequences begin above it, so that those of an earlier run are not used again.
  void start(TaskGroup& group, api::IoExecutor executor, std::uint64_t now_ms);
  // As the store had it at the start.
  void restore(Slot slot, std::uint64_t sequence);

  // Returns when the hint is stored, or is not needed. Errors: throttled (hints_max links wait already),
  // storage, cancelled (not started).
  api::Task<core::Result<core::HintOutcome>> take(Slot slot, core::LinkId link_id, core::Digest key);
  // The sequence of the hint that waits for the link's next visit; 0: none does.
  std::uint64_t waiting(Slot slot) const;
  // The commit of a visit took it away.
  void answered(Slot slot, std::uint64_t sequence);
  // The link is gone.
  void forget(Slot slot) { waiting_.erase(slot); }

  std::size_t size() const { return waiting_.size(); }
  void set_limit(std::size_t hints_max) { hints_max_ = hints_max; }

 private:
  // Lives in the frame of the task that waits for it.
  struct Arrival {
    Slot slot;
    core::Hint hint;
    api::WakeSlot* waiter = nullptr;
    core::Result<core::HintOutcome> outcome = core::HintOutcome::accepted;
    bool done = false;
  };

  bool is_full(Slot slot) const;
  api::Task<void> write();
  std::vector<core::Hint> number(std::vector<Arrival*>& batch);
  void tell(std::vector<Arrival*>& batch, const core::Result<std::vector<core::HintOutcome>>& outcomes);

  StorePort& store_;
  TaskGroup* group_ = nullptr;
  std::optional<api::IoExecutor> executor_;
  std::unordered_map<Slot, std::uint64_t> waiting_;  // sequences
  std::vector<Arrival*> arrivals_;
  std::uint64_t last_sequence_ = 0;
  std::size_t hints_max_ = 100'000;
  bool writing_ = false;
};

}  // namespace syncd::engine
