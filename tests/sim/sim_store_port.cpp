#include "tests/sim/sim_store_port.hpp"

namespace syncd::test {

using core::Errc;

SimStorePort::SimStorePort(VirtualTimers& timers, ModelStore& store, const FaultWeights& weights,
                           ProcessState& process, std::uint64_t seed, CommitWatcher& watcher)
    : timers_(timers), store_(store), weights_(weights), process_(process), random_(seed), watcher_(watcher) {
}

// The store thread is deaf to cancellation; a few virtual milliseconds make room for other tasks in between.
api::Task<void> SimStorePort::pause() {
  co_await timers_.sleep_until(timers_.steady_now() + core::Millis(random_() % 4));
}

api::Task<core::Result<std::optional<core::LinkRecord>>> SimStorePort::load(core::LinkId link_id) {
  co_await pause();
  if (process_.dead) co_return core::fail(Errc::storage, "the process is gone");
  const auto found = store_.links.find(link_id);
  if (found == store_.links.end()) co_return std::optional<core::LinkRecord>{};
  co_return std::optional<core::LinkRecord>{found->second};
}

api::Task<core::Result<core::Held>> SimStorePort::lookup(core::LookupRequest request) {
  co_await pause();
  if (process_.dead) co_return core::fail(Errc::storage, "the process is gone");
  co_return store_.lookup(request);
}

api::Task<core::Result<void>> SimStorePort::commit(core::LinkUpdate update) {
  watcher_.on_commit_begins(update);
  const auto place = handed_over_.insert(handed_over_.end(), &update);
  co_await pause();
  handed_over_.erase(place);
  const auto result = apply(update);
  ++unanswered_;
  co_await pause();
  --unanswered_;
  if (process_.dead) co_return core::fail(Errc::storage, "the process is gone");
  co_return result;
}

api::Task<core::Result<void>> SimStorePort::put_freeze(core::GateFreeze freeze) {
  co_await pause();
  if (process_.dead) co_return core::fail(Errc::storage, "the process is gone");
  store_.freezes[freeze.endpoint] = freeze.until;
  co_return core::Result<void>{};
}

api::Task<core::Result<std::optional<core::LinkId>>> SimStorePort::next_link(std::string after) {
  co_await pause();
  if (process_.dead) co_return core::fail(Errc::storage, "the process is gone");
  const auto next =
      after.empty() ? store_.links.begin() : store_.links.upper_bound(core::LinkId{std::move(after)});
  if (next == store_.links.end()) co_return std::optional<core::LinkId>{};
  co_return std::optional(next->first);
}

api::Task<core::Result<std::optional<std::string>>> SimStorePort::note(std::string name) {
  co_await pause();
  if (process_.dead) co_return core::fail(Errc::storage, "the process is gone");
  const auto found = store_.notes.find(name);
  if (found == store_.notes.end()) co_return std::optional<std::string>{};
  co_return std::optional(found->second);
}

api::Task<core::Result<void>> SimStorePort::put_note(std::string name, std::string value) {
  co_await pause();
  if (process_.dead || process_.storage_failed) co_return core::fail(Errc::storage, "the store is closed");
  watcher_.on_note(name, value);
  store_.notes[std::move(name)] = std::move(value);
  co_return core::Result<void>{};
}

std::size_t SimStorePort::cut_power(std::size_t kept) {
  if (process_.storage_failed) return 0;
  const std::size_t count = handed_over_.size();
  for (const core::LinkUpdate* update : handed_over_) {
    if (kept == 0) break;
    --kept;
    if (write(*update)) ++made_up_["power cut finds a commit that nobody was told of"];
  }
  return count;
}

bool SimStorePort::write(const core::LinkUpdate& update) {
  const auto found = store_.links.find(update.link_id);
  std::optional<core::LinkRecord> before;
  if (found != store_.links.end()) before = found->second;
  if (store_.apply(update) == store::CommitOutcome::conflict) return false;
  watcher_.on_committed(update, before ? &*before : nullptr);
  return true;
}

core::Result<void> SimStorePort::apply(const core::LinkUpdate& update) {
  if (process_.dead || process_.storage_failed) return core::fail(Errc::storage, "the store is closed");
  if (random_() % 1000 < weights_.of(Hazard::store_fails_before)) {
    process_.storage_failed = true;
    ++made_up_["store fails before a commit is written"];
    return core::fail(Errc::storage, "injected: not written");
  }
  if (!write(update)) {
    ++made_up_["commit refused by the fence"];
    return core::fail(Errc::conflict, "fence");
  }
  if (random_() % 1000 < weights_.of(Hazard::store_fails_after)) {
    process_.storage_failed = true;
    ++made_up_["store fails after a commit is written"];
    return core::fail(Errc::storage, "injected: written but not acknowledged");
  }
  return {};
}

}  // namespace syncd::test
