#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "store/store.hpp"
#include "tests/crash/store/crashing_file_system.hpp"
#include "tests/crash/store/journal.hpp"
#include "tests/crash/store/scenario.hpp"

namespace syncd::test {

// Kinds of marks in the journal.
enum Mark : std::uint32_t {
  mark_begun = 1,
  mark_done = 2,
  mark_published = 3,
  mark_reads = 4,
  mark_segment = 5
};

// What was promised up to some moment. Numbers of steps.
struct Progress {
  std::size_t done = 0;
  std::size_t begun = 0;
  std::uint64_t published = 0;
  void take(const Operation& operation);
};

// Runs a scenario against the real store, and writes down what it was promised.
class Driver {
 public:
  Driver(const Scenario& scenario, std::shared_ptr<CrashingFileSystem> files, bool sync_writes = true);
  // Between steps the database's own threads are waited for, and during one they come after it: the same
  // operations in the same order in every run, up to the first fault.
  void make_repeatable();

  // Opens a store that is not the scenario's first step: after a crash.
  bool open();
  // Steps [from, to), up to the first that fails. False: `error` says why.
  bool run(std::size_t from, std::size_t to);
  bool close();
  // Without closing it well: what a dying process leaves undone.
  void drop() { store_.reset(); }

  store::Store* store() { return store_.get(); }
  const std::string& error() const { return error_; }

 private:
  bool take(const Step& step);
  bool commit(const Step& step);
  bool read_feed();
  template <class T>
  bool good(const core::Result<T>& result);

  const Scenario& scenario_;
  std::shared_ptr<CrashingFileSystem> files_;
  bool sync_writes_;
  bool repeatable_ = false;
  std::unique_ptr<store::Store> store_;
  std::string error_;
};

}  // namespace syncd::test
