#include "tests/sim/sim_store_port.hpp"

#include <cassert>

#include <boost/asio/post.hpp>

namespace syncd::test {

using core::Errc;

namespace {

// How often a disk has to do something else first, in thousandths, and how long at most. One in four is busy
// all the time.
constexpr std::uint64_t slow_permille = 50;
constexpr std::uint64_t slow_permille_busy = 500;
constexpr std::uint64_t slow_ms_most = 200;

// Notes are few, and windows even fewer.
constexpr std::uint32_t notes_likelier = 5;
constexpr std::uint32_t windows_likelier = 15;

std::unexpected<core::Error> not_read() {
  return core::fail(Errc::storage, std::string(read_failure));
}

std::unexpected<core::Error> not_written() {
  return core::fail(Errc::storage, "injected: a note is not written");
}

std::unexpected<core::Error> gone() {
  return core::fail(Errc::storage, "the process is gone");
}

}  // namespace

// ---- the store thread ------------------------------------------------------------------------------------

SimStoreThread::SimStoreThread(VirtualTimers& timers, boost::asio::io_context& io, ModelStore& store,
                               const FaultWeights& weights, ProcessState& process, std::uint64_t seed,
                               CommitWatcher& watcher)
    : timers_(timers),
      io_(io),
      store_(store),
      weights_(weights),
      process_(process),
      random_(seed),
      watcher_(watcher),
      slow_permille_(random_() % 4 == 0 ? slow_permille_busy : slow_permille),
      work_(io.get_executor(), [](std::exception_ptr error) { std::rethrow_exception(error); }) {
}

// A few virtual milliseconds make room for other tasks in between.
core::Millis SimStoreThread::draw_delay() {
  return core::Millis(static_cast<std::int64_t>(random_() % 4));
}

void SimStoreThread::on_store_thread(std::move_only_function<void()> work) {
  in_round_ = handed_over_.size();
  work_.spawn(run_round(std::move(work)));
}

api::Task<void> SimStoreThread::run_round(std::move_only_function<void()> work) {
  core::Millis delay = draw_delay();
  if (random_() % 1000 < slow_permille_) delay += core::Millis(random_() % slow_ms_most);
  co_await timers_.sleep_until(timers_.steady_now() + delay);
  work();
}

void SimStoreThread::on_io_thread(std::move_only_function<void()> work) {
  told_at_ = std::max(told_at_, timers_.steady_now() + draw_delay());
  work_.spawn(tell(told_at_, std::move(work)));
}

api::Task<void> SimStoreThread::tell(api::SteadyTime at, std::move_only_function<void()> work) {
  co_await timers_.sleep_until(at);
  boost::asio::post(io_, std::move(work));
}

core::Result<std::vector<store::CommitOutcome>> SimStoreThread::commit(
    std::span<const core::LinkUpdate* const> updates) {
  assert(updates.size() == in_round_ && updates.front() == handed_over_.front());
  auto outcomes = write_all(updates);
  handed_over_.erase(handed_over_.begin(), handed_over_.begin() + static_cast<std::ptrdiff_t>(in_round_));
  in_round_ = 0;
  unanswered_ += static_cast<std::uint32_t>(updates.size());
  return outcomes;
}

// As Store::commit: one atomic synced write for all whose fence matches, each of which sees those before it.
core::Result<std::vector<store::CommitOutcome>> SimStoreThread::write_all(
    std::span<const core::LinkUpdate* const> updates) {
  if (process_.dead || process_.storage_failed) return core::fail(Errc::storage, "the store is closed");
  if (updates.size() > 1) ++made_up_["commits share a round"];
  if (strikes(Hazard::store_fails_before, "store fails before a commit is written", updates.size()))
    return core::fail(Errc::storage, "injected: not written");
  std::vector<store::CommitOutcome> outcomes;
  std::size_t refused = 0;
  for (const core::LinkUpdate* update : updates) {
    const bool written = write(*update);
    outcomes.push_back(written ? store::CommitOutcome::committed : store::CommitOutcome::conflict);
    if (!written) ++refused;
  }
  if (refused > 0) made_up_["commit refused by the fence"] += refused;
  if (refused > 0 && refused < updates.size())
    ++made_up_["a round is written but for what the fence refuses"];
  if (refused == updates.size()) return outcomes;  // nothing that could fail
  if (strikes(Hazard::store_fails_after, "store fails after a commit is written", updates.size()))
    return core::fail(Errc::storage, "injected: written but not acknowledged");
  return outcomes;
}

bool SimStoreThread::strikes(Hazard hazard, const char* what, std::size_t commits) {
  if (random_() % 1000 >= weights_.of(hazard) * commits) return false;
  process_.storage_failed = true;
  ++made_up_[what];
  if (commits > 1) ++made_up_["a round of several commits fails"];
  return true;
}

bool SimStoreThread::write(const core::LinkUpdate& update) {
  const auto found = store_.links.find(update.link_id);
  std::optional<core::LinkRecord> before;
  if (found != store_.links.end()) before = found->second;
  if (store_.apply(update) == store::CommitOutcome::conflict) return false;
  watcher_.on_committed(update, before ? &*before : nullptr);
  return true;
}

std::size_t SimStoreThread::cut_power(bool round_is_written) {
  if (process_.storage_failed || !round_is_written) return handed_over_.size();
  std::size_t found = 0;
  for (std::size_t i = 0; i < in_round_; ++i) {
    if (write(*handed_over_[i])) ++found;
  }
  if (found > 0) made_up_["power cut finds a commit that nobody was told of"] += found;
  return handed_over_.size() - in_round_;
}

// ---- the port --------------------------------------------------------------------------------------------

SimStorePort::SimStorePort(VirtualTimers& timers, boost::asio::io_context& io, ModelStore& store,
                           const FaultWeights& weights, ProcessState& process, std::uint64_t seed,
                           CommitWatcher& watcher)
    : timers_(timers),
      store_(store),
      process_(process),
      weights_(weights),
      random_(~seed),  // not the thread's
      watcher_(watcher),
      thread_(timers, io, store, weights, process, seed, watcher),
      queue_(thread_, io.get_executor()) {
}

template <class Work>
api::Task<std::invoke_result_t<Work&>> SimStorePort::run(Work work) {
  using Answer = std::invoke_result_t<Work&>;
  auto unless_dead = [&]() -> Answer {
    if (process_.dead) return gone();
    return work();
  };
  auto answer = co_await queue_.run(std::move(unless_dead));
  if (process_.dead) co_return gone();
  co_return answer;
}

core::Result<void> SimStorePort::open_for_writing() const {
  if (process_.storage_failed) return core::fail(Errc::storage, "the store is closed");
  return {};
}

bool SimStorePort::fails(const char* what, std::uint32_t likelier) {
  const std::uint64_t permille = std::uint64_t{weights_.of(Hazard::store_read_fails)} * likelier;
  const bool drawn = random_() % 1000 < permille;
  if (process_.storage_failed || !(std::exchange(next_fails_, false) || drawn)) return false;
  process_.storage_failed = true;
  thread_.make_up(what);
  return true;
}

api::Task<core::Result<std::optional<core::LinkRecord>>> SimStorePort::load(core::LinkId link_id) {
  using Answer = core::Result<std::optional<core::LinkRecord>>;
  auto work = [&]() -> Answer {
    if (fails("store fails a read: a link")) return not_read();
    const auto found = store_.links.find(link_id);
    if (found == store_.links.end()) return std::nullopt;
    return found->second;
  };
  auto answer = co_await run(std::move(work));
  co_return answer;
}

api::Task<core::Result<core::Held>> SimStorePort::lookup(core::LookupRequest request) {
  auto work = [&]() -> core::Result<core::Held> {
    if (fails("store fails a read: rows")) return not_read();
    return store_.lookup(request);
  };
  auto answer = co_await run(std::move(work));
  co_return answer;
}

api::Task<core::Result<void>> SimStorePort::commit(core::LinkUpdate update) {
  watcher_.on_commit_begins(update);
  thread_.take(update);
  auto result = co_await queue_.commit(update);
  thread_.told();
  if (process_.dead) co_return gone();
  co_return result;
}

api::Task<core::Result<void>> SimStorePort::put_freeze(core::GateFreeze freeze) {
  const FreezeUnderWay mine{.endpoint = freeze.endpoint, .since = timers_.true_now()};
  const auto place = freezes_under_way_.insert(freezes_under_way_.end(), mine);
  auto work = [&]() -> core::Result<void> {
    if (auto open = open_for_writing(); !open) return open;
    if (fails("store fails a note: a window", windows_likelier)) return not_written();
    store_.freezes[freeze.endpoint] = freeze.until;
    freezes_under_way_.erase(place);
    return {};
  };
  auto answer = co_await run(std::move(work));
  co_return answer;
}

api::Task<core::Result<std::vector<core::HintOutcome>>> SimStorePort::put_hints(
    std::vector<core::Hint> hints) {
  auto work = [&]() -> core::Result<std::vector<core::HintOutcome>> {
    if (auto open = open_for_writing(); !open) return std::unexpected(open.error());
    if (fails("store fails a hint", notes_likelier)) return not_written();
    std::vector<core::HintOutcome> outcomes;
    for (const core::Hint& hint : hints) {
      outcomes.push_back(store_.put_hint(hint));
      watcher_.on_hint(hint, outcomes.back());
    }
    return outcomes;
  };
  ++hints_under_way_;
  auto answer = co_await run(std::move(work));
  --hints_under_way_;
  co_return answer;
}

api::Task<core::Result<std::optional<core::LinkId>>> SimStorePort::next_link(std::string after) {
  auto work = [&]() -> core::Result<std::optional<core::LinkId>> {
    if (fails("store fails a read: the next link", notes_likelier)) return not_read();
    const auto next = after.empty() ? store_.links.begin() : store_.links.upper_bound(core::LinkId{after});
    if (next == store_.links.end()) return std::nullopt;
    return next->first;
  };
  auto answer = co_await run(std::move(work));
  co_return answer;
}

api::Task<core::Result<std::optional<std::string>>> SimStorePort::note(std::string name) {
  auto work = [&]() -> core::Result<std::optional<std::string>> {
    if (fails("store fails a read: a note", notes_likelier)) return not_read();
    const auto found = store_.notes.find(name);
    if (found == store_.notes.end()) return std::nullopt;
    return found->second;
  };
  auto answer = co_await run(std::move(work));
  co_return answer;
}

api::Task<core::Result<void>> SimStorePort::record_act(core::AuditNote note) {
  const core::WallTime at = timers_.wall_now();
  auto work = [&]() -> core::Result<void> {
    if (auto open = open_for_writing(); !open) return open;
    if (fails("store fails an act")) return not_written();
    return store_.record_act(at, note);
  };
  auto answer = co_await run(std::move(work));
  co_return answer;
}

api::Task<core::Result<void>> SimStorePort::put_note(std::string name, std::string value) {
  auto work = [&] { return write_note(name, value); };
  auto answer = co_await run(std::move(work));
  co_return answer;
}

api::Task<core::Result<bool>> SimStorePort::put_link_note(core::LinkId link_id, std::string name,
                                                          std::string value) {
  auto work = [&]() -> core::Result<bool> {
    if (auto open = open_for_writing(); !open) return std::unexpected(open.error());
    if (!store_.links.contains(link_id)) return false;
    if (auto written = write_note(name, value); !written) return std::unexpected(written.error());
    return true;
  };
  auto answer = co_await run(std::move(work));
  co_return answer;
}

core::Result<void> SimStorePort::write_note(const std::string& name, const std::string& value) {
  if (auto open = open_for_writing(); !open) return open;
  if (fails("store fails a note: of a verify", notes_likelier)) return not_written();
  watcher_.on_note(name, value);
  store_.notes[name] = value;
  return {};
}

}  // namespace syncd::test
