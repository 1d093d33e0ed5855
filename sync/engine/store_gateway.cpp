#include "sync/engine/store_gateway.hpp"

#include <cassert>
#include <chrono>
#include <span>

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/post.hpp>

namespace syncd::engine {

StoreGateway::StoreGateway(store::Store& store, api::IoExecutor io, api::Timers& timers,
                           std::function<void(const core::CommitReport&)> report)
    : store_(store),
      io_(io),
      timers_(timers),
      report_(std::move(report)),
      feed_head_(store.feed_head()),
      feed_waiters_(io),
      idle_waiters_(io) {
}

StoreGateway::~StoreGateway() {
  assert(!busy_ && waiting_.empty() && "stop() must be awaited first");
  thread_.join();
}

api::Task<core::Result<std::optional<core::LinkRecord>>> StoreGateway::load(core::LinkId link_id) {
  auto work = [&link_id](store::Store& store) { return store.load(link_id); };
  auto result = co_await run(std::move(work));
  co_return result;
}

api::Task<core::Result<core::Held>> StoreGateway::lookup(core::LookupRequest request) {
  auto work = [&request](store::Store& store) { return store.lookup(request); };
  auto result = co_await run(std::move(work));
  co_return result;
}

api::Task<core::Result<void>> StoreGateway::commit(core::LinkUpdate update) {
  Job job{{}, &update};
  co_await submit(job);
  const core::Result<store::CommitOutcome>& outcome = *job.outcome;
  if (!outcome) co_return std::unexpected(outcome.error());
  if (*outcome == store::CommitOutcome::conflict) {
    co_return core::fail(core::Errc::conflict, "the link was changed meanwhile; nothing was written");
  }
  co_return core::Result<void>{};
}

api::Task<core::Result<void>> StoreGateway::put_freeze(core::GateFreeze freeze) {
  auto work = [&freeze](store::Store& store) { return store.put_freeze(freeze); };
  auto result = co_await run(std::move(work));
  co_return result;
}

api::Task<core::Result<std::optional<core::LinkId>>> StoreGateway::next_link(std::string after) {
  auto work = [&after](store::Store& store) { return store.links(after, 1, std::nullopt); };
  const auto listing = co_await run(std::move(work));
  if (!listing) co_return std::unexpected(listing.error());
  if (listing->items.empty()) co_return std::nullopt;
  co_return std::optional(listing->items.front().link_id);
}

api::Task<core::Result<std::optional<std::string>>> StoreGateway::note(std::string name) {
  auto work = [&name](store::Store& store) { return store.note(name); };
  auto result = co_await run(std::move(work));
  co_return result;
}

api::Task<core::Result<void>> StoreGateway::put_note(std::string name, std::string value) {
  auto work = [&](store::Store& store) { return store.put_note(name, value); };
  auto result = co_await run(std::move(work));
  co_return result;
}

bool StoreGateway::healthy() const {
  return store_.healthy();
}

api::Task<void> StoreGateway::submit(Job& job) {
  api::WakeSlot waiter(io_);
  job.waiter = &waiter;
  waiting_.push_back(&job);
  if (!busy_) start_round();
  // The store thread has the job in its hands: being cancelled is no reason to leave.
  while (!job.done) {
    co_await waiter.wait();
  }
}

void StoreGateway::start_round() {
  assert(!busy_ && !waiting_.empty());
  busy_ = true;
  boost::asio::post(thread_,
                    [this, jobs = std::exchange(waiting_, {})]() mutable { run_round(std::move(jobs)); });
}

// On the store thread. Reads are answered before the commits of the same round: they need not wait for the
// disk.
void StoreGateway::run_round(Jobs jobs) {
  Jobs commits;
  Jobs reads;
  for (Job* job : jobs)
    (job->update != nullptr ? commits : reads).push_back(job);
  for (Job* job : reads)
    job->work(store_);
  if (!reads.empty())
    boost::asio::post(io_, [this, done = std::move(reads)]() mutable { finish(std::move(done)); });
  core::CommitReport report;
  if (!commits.empty()) report = commit_all(commits);
  const std::uint64_t head = store_.feed_head();
  boost::asio::post(io_, [this, done = std::move(commits), report, head]() mutable {
    finish(std::move(done));
    end_round(report, head);
  });
}

core::CommitReport StoreGateway::commit_all(const Jobs& commits) {
  std::vector<const core::LinkUpdate*> updates;
  updates.reserve(commits.size());
  for (const Job* job : commits)
    updates.push_back(job->update);
  const auto began = std::chrono::steady_clock::now();
  const auto outcomes = store_.commit(updates);
  const auto took = std::chrono::steady_clock::now() - began;
  for (std::size_t i = 0; i < commits.size(); ++i) {
    if (outcomes) {
      commits[i]->outcome.emplace((*outcomes)[i]);
    } else {
      commits[i]->outcome.emplace(std::unexpected(outcomes.error()));
    }
  }
  return {.updates = static_cast<std::uint32_t>(commits.size()),
          .duration = std::chrono::duration_cast<core::Millis>(took)};
}

void StoreGateway::finish(Jobs jobs) {
  // A task that goes on may end, and its job with it, and may hand over the next one: that joins the next
  // round.
  for (Job* job : jobs) {
    job->done = true;
    job->waiter->wake_inline(api::Wake::ready);
  }
}

void StoreGateway::end_round(core::CommitReport report, std::uint64_t head) {
  busy_ = false;
  if (report.updates > 0) report_(report);
  if (head > feed_head_) {
    feed_head_ = head;
    feed_waiters_.notify_all();
  }
  if (!waiting_.empty()) {
    start_round();
  } else {
    idle_waiters_.notify_all();
  }
}

api::Task<void> StoreGateway::wait_for_feed(std::uint64_t after, api::SteadyTime deadline) {
  using namespace boost::asio::experimental::awaitable_operators;
  while (feed_head_ <= after && timers_.steady_now() < deadline) {
    // Also before the first wait: a task that was told to end earlier is not told again.
    const auto state = co_await boost::asio::this_coro::cancellation_state;
    if (state.cancelled() != boost::asio::cancellation_type::none) co_return;
    auto changed = feed_waiters_.wait();
    auto late = timers_.sleep_until(deadline);
    co_await (std::move(changed) || std::move(late));
  }
}

api::Task<void> StoreGateway::stop() {
  while (busy_ || !waiting_.empty()) {
    co_await idle_waiters_.wait_uncancellable();
  }
}

}  // namespace syncd::engine
