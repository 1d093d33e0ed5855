#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "tests/crash/store/driver.hpp"
#include "tests/crash/store/points.hpp"

namespace syncd::test {

// A scenario that ran once, undisturbed: the journal of its disk, with what was promised when. A power cut at
// any operation follows from it without running the scenario again: what came before has happened, what came
// after has not. Made in a child process.
class Recording {
 public:
  struct Options {
    bool sync_writes = true;
    std::string forgotten{};  // see Faults
    std::uint64_t forgotten_from = 0;
  };
  explicit Recording(const Scenario& scenario) : Recording(scenario, Options{}) {}
  Recording(const Scenario& scenario, const Options& options);

  const Scenario& scenario() const { return scenario_; }
  bool good() const { return good_; }
  std::uint64_t operations() const { return operations_; }

  // A moment of the recording, moved forward only.
  class Moment {
   public:
    explicit Moment(const Recording& recording) : recording_(recording) {}
    // To where `operations` have been done, and what was said before the next one.
    void move_to(std::uint64_t operations);
    const DiskImage& image() const { return image_; }
    const Progress& progress() const { return progress_; }
    Op last() const { return last_; }
    // Whether the last one wrote to a file whose path has `part` in it.
    bool appended_to(std::string_view part) const;

   private:
    const Recording& recording_;
    std::size_t at_ = 0;
    std::uint64_t operations_ = 0;
    DiskImage image_;
    Progress progress_;
    Op last_ = Op::mark;
    std::uint32_t last_file_ = 0;
  };

  // Where a run may begin without repeating all before: an open store was just closed, or nothing is there
  // yet.
  struct Segment {
    std::size_t step = 0;          // its first, which opens the store
    std::uint64_t operations = 0;  // done before it
    std::uint64_t reads = 0;
  };
  const std::vector<Segment>& segments() const { return segments_; }
  std::uint64_t reads() const { return reads_; }
  // The last segment that begins before operation `number` (or read, counted from 1).
  const Segment& segment_of(std::uint64_t number, bool read) const;

 private:
  void find_segments();

  const Scenario& scenario_;
  Journal journal_;
  bool good_ = false;
  std::uint64_t operations_ = 0;
  std::uint64_t reads_ = 0;
  std::vector<Segment> segments_;
};

}  // namespace syncd::test
