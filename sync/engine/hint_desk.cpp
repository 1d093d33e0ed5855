#include "sync/engine/hint_desk.hpp"

#include <algorithm>
#include <utility>

namespace syncd::engine {

namespace {

// Room for more hints in a millisecond than can be taken.
constexpr std::uint64_t sequences_per_ms = 1'000;

}  // namespace

void HintDesk::start(TaskGroup& group, api::IoExecutor executor, std::uint64_t now_ms) {
  group_ = &group;
  executor_ = executor;
  last_sequence_ = std::max(last_sequence_, now_ms * sequences_per_ms);
}

void HintDesk::restore(Slot slot, std::uint64_t sequence) {
  waiting_[slot] = sequence;
  last_sequence_ = std::max(last_sequence_, sequence);
}

std::uint64_t HintDesk::waiting(Slot slot) const {
  const auto found = waiting_.find(slot);
  return found == waiting_.end() ? 0 : found->second;
}

void HintDesk::answered(Slot slot, std::uint64_t sequence) {
  const auto found = waiting_.find(slot);
  if (found != waiting_.end() && found->second == sequence) waiting_.erase(found);
}

// One that waits already costs nothing more.
bool HintDesk::is_full(Slot slot) const {
  return waiting_.size() + arrivals_.size() >= hints_max_ && !waiting_.contains(slot);
}

api::Task<core::Result<core::HintOutcome>> HintDesk::take(Slot slot, core::LinkId link_id, core::Digest key) {
  if (group_ == nullptr) co_return core::fail(core::Errc::cancelled, "the daemon is starting");
  if (is_full(slot)) co_return core::fail(core::Errc::throttled, "too many links wait for a visit");
  api::WakeSlot waiter(*executor_);
  Arrival arrival{.slot = slot, .hint = {.link_id = std::move(link_id), .key = key}, .waiter = &waiter};
  arrivals_.push_back(&arrival);
  if (!writing_) {
    writing_ = true;
    group_->spawn(write());
  }
  // The store has it in its hands: being cancelled is no reason to leave.
  while (!arrival.done) {
    co_await waiter.wait();
  }
  co_return std::move(arrival.outcome);
}

// Deaf to cancellation, as the store is: what was handed over is finished.
api::Task<void> HintDesk::write() {
  while (!arrivals_.empty()) {
    const auto count = static_cast<std::ptrdiff_t>(std::min(arrivals_.size(), per_write_max));
    std::vector<Arrival*> batch(arrivals_.begin(), arrivals_.begin() + count);
    arrivals_.erase(arrivals_.begin(), arrivals_.begin() + count);
    std::vector<core::Hint> hints = number(batch);
    const auto outcomes = co_await store_.put_hints(std::move(hints));
    tell(batch, outcomes);
  }
  writing_ = false;
}

// Hints of one link in one write are one hint.
std::vector<core::Hint> HintDesk::number(std::vector<Arrival*>& batch) {
  std::unordered_map<Slot, std::uint64_t> numbers;
  std::vector<core::Hint> hints;
  hints.reserve(batch.size());
  for (Arrival* arrival : batch) {
    const auto [place, is_first] = numbers.try_emplace(arrival->slot, last_sequence_ + 1);
    if (is_first) ++last_sequence_;
    arrival->hint.sequence = place->second;
    arrival->hint.replaces = waiting(arrival->slot);
    hints.push_back(arrival->hint);
  }
  return hints;
}

void HintDesk::tell(std::vector<Arrival*>& batch,
                    const core::Result<std::vector<core::HintOutcome>>& outcomes) {
  for (std::size_t at = 0; at < batch.size(); ++at) {
    Arrival& arrival = *batch[at];
    if (outcomes) {
      arrival.outcome = outcomes->at(at);
    } else {
      arrival.outcome = std::unexpected(outcomes.error());
    }
    if (arrival.outcome == core::HintOutcome::accepted) waiting_[arrival.slot] = arrival.hint.sequence;
    arrival.done = true;
    arrival.waiter->wake(api::Wake::ready);
  }
}

}  // namespace syncd::engine
