#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "tests/crash/store/checks.hpp"

namespace syncd::test {

// Counters that child processes add to.
class SharedTally {
 public:
  SharedTally();
  ~SharedTally();
  SharedTally(const SharedTally&) = delete;
  SharedTally& operator=(const SharedTally&) = delete;
  std::atomic<std::uint64_t>& operator[](std::size_t number) { return counters_[number]; }
  static constexpr std::size_t count = 16;

 private:
  std::atomic<std::uint64_t>* counters_;
};

// One try of many: what is done, and what it is called.
struct PointWork {
  std::size_t count = 0;
  std::function<Violations(std::size_t)> check;
  // Called, in another process, when check() ended in an assertion of RocksDB, which then is no violation by
  // itself. Empty: an abort is one.
  std::function<Violations(std::size_t)> after_abort;
  std::function<std::string(std::size_t)> name;  // seed/operation/policy, as SYNCD_CRASH_POINT takes it
  std::string label;                             // says in progress lines what is going on
};

// Does all of it in child processes, one after another: this process opens no database, because threads do
// not survive a fork. A child goes on to the next point until it dies. Each violation is reported as a
// failure of the current test, with how to do just that point again; after ten bad points it gives up. With
// SYNCD_CRASH_POINT only the point of that name is tried. Answers how many points were tried.
std::size_t try_points(const PointWork& work);

// Runs `work` in a child process; it answers what went wrong, which is a failure of the current test and
// false here.
bool run_in_child(const std::function<std::string()>& work);

// A whole number from the environment.
std::uint64_t environment_number(const char* name, std::uint64_t otherwise);
// "seed/operation/policy": what SYNCD_CRASH_POINT asks for, if anything.
std::optional<std::string> wanted_point();
// The scenarios of this run: those given, or SYNCD_CRASH_SEEDS of them from SYNCD_CRASH_SEED on, or the one
// of SYNCD_CRASH_POINT.
std::vector<std::uint64_t> seeds_of_run(std::uint64_t first);

}  // namespace syncd::test
