#include "tests/crash/store/driver.hpp"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <utility>

#include <rocksdb/env.h>

namespace syncd::test {
namespace {

struct Signal {
  std::mutex mutex;
  std::condition_variable changed;
  bool done = false;
};

// Each of RocksDB's pools has one thread that takes jobs in their order: ours ends after those before it.
void wait_for_pool(rocksdb::Env::Priority priority) {
  Signal signal;
  rocksdb::Env::Default()->Schedule(
      [](void* argument) {
        auto* const mine = static_cast<Signal*>(argument);
        const std::lock_guard lock(mine->mutex);
        mine->done = true;
        mine->changed.notify_one();
      },
      &signal, priority);
  std::unique_lock lock(signal.mutex);
  signal.changed.wait(lock, [&signal] { return signal.done; });
}

// A job may leave another one behind: until a whole round touches the disk no more.
void wait_for_background(const CrashingFileSystem& files) {
  for (std::uint64_t before = ~std::uint64_t{0};;) {
    const auto now = files.operations() + files.reads();
    if (now == before) return;
    before = now;
    wait_for_pool(rocksdb::Env::Priority::HIGH);
    wait_for_pool(rocksdb::Env::Priority::LOW);
  }
}

}  // namespace

void Progress::take(const Operation& operation) {
  if (operation.op != Op::mark) return;
  const auto value = static_cast<std::size_t>(operation.value);
  if (operation.file == mark_begun) begun = value;
  if (operation.file == mark_done) done = value;
  if (operation.file == mark_published) published = operation.value;
}

Driver::Driver(const Scenario& scenario, std::shared_ptr<CrashingFileSystem> files, bool sync_writes)
    : scenario_(scenario), files_(std::move(files)), sync_writes_(sync_writes) {
}

void Driver::make_repeatable() {
  repeatable_ = true;
  // As RocksDB does when it opens a database, which may fail before it comes to that.
  rocksdb::Env::Default()->IncBackgroundThreadsIfNeeded(1, rocksdb::Env::Priority::HIGH);
  rocksdb::Env::Default()->IncBackgroundThreadsIfNeeded(1, rocksdb::Env::Priority::LOW);
}

template <class T>
bool Driver::good(const core::Result<T>& result) {
  if (!result) error_ = result.error().message;
  return result.has_value();
}

bool Driver::open() {
  auto options = scenario_options(files_);
  options.sync_writes = sync_writes_;
  auto opened = store::Store::open(options);
  if (!good(opened)) return false;
  store_ = std::move(*opened);
  return true;
}

bool Driver::run(std::size_t from, std::size_t to) {
  for (auto i = from; i < to; ++i) {
    const auto& step = scenario_.steps().at(i);
    files_->mark(mark_begun, i + 1);
    // Closing waits for the database's threads, so they must not wait for it.
    const bool closes = step.kind == Step::Kind::close || (step.kind == Step::Kind::open && store_);
    if (closes && !close()) return false;
    // Nor while opening, which reads tables with threads of its own and waits for those.
    if (repeatable_ && step.kind != Step::Kind::open) files_->hold_background(true);
    const bool taken = take(step);
    if (repeatable_) {
      files_->hold_background(false);
      wait_for_background(*files_);
    }
    if (!taken) return false;
    files_->mark(mark_done, i + 1);
  }
  return true;
}

bool Driver::take(const Step& step) {
  switch (step.kind) {
    case Step::Kind::open:
      return open();
    case Step::Kind::commit:
      return commit(step);
    case Step::Kind::read_feed:
      return read_feed();
    case Step::Kind::put_freeze:
      return good(store_->put_freeze(step.freeze));
    case Step::Kind::put_note:
      return good(store_->put_note(step.name, step.value));
    case Step::Kind::take_note:
      return good(store_->take_note(step.name));
    case Step::Kind::close:
      return true;
  }
  return false;
}

bool Driver::commit(const Step& step) {
  std::vector<const core::LinkUpdate*> updates;
  for (const auto& update : step.updates) {
    // The daemon loads a link before each of its pages.
    if (!good(store_->load(update.link_id))) return false;
    updates.push_back(&update);
  }
  const auto outcomes = store_->commit(updates);
  if (!good(outcomes)) return false;
  if (std::ranges::all_of(*outcomes, [](auto one) { return one == store::CommitOutcome::committed; }))
    return true;
  error_ = "a fence did not match";
  return false;
}

bool Driver::read_feed() {
  const auto head = store_->feed_head();
  const auto slice = store_->feed(head > 20 ? head - 20 : 0, 100);
  if (!good(slice)) return false;
  files_->mark(mark_published, slice->head);
  return true;
}

bool Driver::close() {
  if (!store_) return true;
  const auto closed = store_->close();
  store_.reset();
  return good(closed);
}

}  // namespace syncd::test
