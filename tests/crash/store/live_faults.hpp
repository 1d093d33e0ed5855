#pragma once

#include <cstdint>

#include "tests/crash/store/recording.hpp"

namespace syncd::test {

// Runs the rest of a scenario, from the last opening before a fault, with that fault: for what a journal
// cannot tell because the store reacts to it.
class LiveFault {
 public:
  explicit LiveFault(const Recording& recording) : recording_(recording), moment_(recording) {}

  // `number` of an operation (or read) of the whole scenario; not smaller than in the call before. Answers
  // what was wrong with how the store took it.
  enum class Kind : std::uint8_t { error, read_error, full, full_for_names, cut };
  Violations run(Kind kind, std::uint64_t number);
  // To where run() begins: in a process that looks at what another one left.
  void move_to(Kind kind, std::uint64_t number);
  // What the run left behind, also one that ended in an abort of its process.
  DiskImage image();
  Progress progress();
  bool happened() const { return happened_; }  // of a run of this process
  bool failed() const { return failed_; }

 private:
  const Recording& recording_;
  Recording::Moment moment_;
  Journal journal_;
  const Recording::Segment* segment_ = nullptr;
  bool happened_ = false;
  bool failed_ = false;
};

}  // namespace syncd::test
