#include "sync/engine/commit_queue.hpp"

#include <cassert>

namespace syncd::engine {

CommitQueue::CommitQueue(Backend& backend, api::IoExecutor io)
    : backend_(backend),
      io_(io),
      feed_head_(backend.feed_head()),
      feed_waiters_(io),
      relink_waiters_(io),
      idle_waiters_(io) {
}

CommitQueue::~CommitQueue() {
  assert(idle() && "stop() must be awaited first");
}

api::Task<core::Result<void>> CommitQueue::commit(const core::LinkUpdate& update) {
  api::WakeSlot waiter(io_);
  Job job{.waiter = &waiter, .update = &update};
  hand_over(waiting_.commits, job);
  while (!job.done) {  // as in run()
    co_await waiter.wait();
  }
  const core::Result<store::CommitOutcome>& outcome = *job.outcome;
  if (!outcome) co_return std::unexpected(outcome.error());
  if (*outcome == store::CommitOutcome::conflict) {
    co_return core::fail(core::Errc::conflict, "the link was changed meanwhile; nothing was written");
  }
  co_return core::Result<void>{};
}

void CommitQueue::hand_over(Jobs& line, Job& job) {
  line.push_back(&job);
  if (!busy_) start_round();
}

void CommitQueue::start_round() {
  assert(!busy_ && !waiting_.empty() && round_.empty());
  busy_ = true;
  std::swap(round_, waiting_);
  backend_.on_store_thread([this] { run_round(); });
}

// On the store thread. Reads are answered before the commits of the same round: they need not wait for the
// disk. Once the end of the round is on its way, the queue may be gone.
void CommitQueue::run_round() {
  for (Job* job : round_.reads)
    job->work();
  if (!round_.reads.empty()) backend_.on_io_thread([this] { finish(round_.reads); });
  if (!round_.commits.empty()) commit_all();
  const std::uint64_t head = backend_.feed_head();
  backend_.on_io_thread([this, head] { end_round(head); });
}

void CommitQueue::commit_all() {
  const Jobs& commits = round_.commits;
  std::vector<const core::LinkUpdate*> updates;
  updates.reserve(commits.size());
  for (const Job* job : commits)
    updates.push_back(job->update);
  const auto outcomes = backend_.commit(updates);
  for (std::size_t i = 0; i < commits.size(); ++i) {
    if (outcomes) {
      commits[i]->outcome.emplace((*outcomes)[i]);
    } else {
      commits[i]->outcome.emplace(std::unexpected(outcomes.error()));
    }
  }
}

void CommitQueue::finish(Jobs& jobs) {
  // A task that goes on may end, and its job with it, and may hand over the next one: that joins the next
  // round.
  for (Job* job : jobs) {
    job->done = true;
    job->waiter->wake_inline(api::Wake::ready);
  }
  jobs.clear();
}

std::uint64_t CommitQueue::changed_entries(const Jobs& commits) {
  std::uint64_t entries = 0;
  for (const Job* job : commits) {
    const bool committed = job->outcome && *job->outcome && **job->outcome == store::CommitOutcome::committed;
    if (committed && (job->update->relink || job->update->purge)) ++entries;
  }
  return entries;
}

void CommitQueue::end_round(std::uint64_t head) {
  const auto commits = static_cast<std::uint32_t>(round_.commits.size());
  const std::uint64_t entries = changed_entries(round_.commits);
  finish(round_.commits);
  busy_ = false;
  backend_.on_round_end(commits);
  if (head > feed_head_) {
    feed_head_ = head;
    feed_waiters_.notify_all();
  }
  if (entries > 0) {
    relink_revision_ += entries;
    relink_waiters_.notify_all();
  }
  if (!waiting_.empty()) {
    start_round();
  } else {
    idle_waiters_.notify_all();
  }
}

api::Task<void> CommitQueue::stop() {
  while (!idle()) {
    co_await idle_waiters_.wait_uncancellable();
  }
}

}  // namespace syncd::engine
