#include "tests/crash/store/recording.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace syncd::test {

Recording::Recording(const Scenario& scenario, const Options& options) : scenario_(scenario) {
  good_ = run_in_child([&]() -> std::string {
    Faults faults;
    faults.forgotten = options.forgotten;
    faults.forgotten_from = options.forgotten_from;
    const auto files = std::make_shared<CrashingFileSystem>(DiskImage{}, journal_, faults);
    Driver driver(scenario, files, options.sync_writes);
    driver.make_repeatable();
    // One step at a time, to write down where each begins.
    for (std::size_t step = 0; step < scenario.steps().size(); ++step) {
      const bool opens = scenario.steps()[step].kind == Step::Kind::open;
      if (opens && !driver.close()) return driver.error();
      if (opens) files->mark(mark_segment, step);
      files->mark(mark_reads, files->reads());
      if (!driver.run(step, step + 1)) return fmt::format("step {}: {}\n", step, driver.error());
    }
    files->mark(mark_reads, files->reads());
    return {};
  });
  find_segments();
}

void Recording::find_segments() {
  bool begins = false;
  for (std::size_t at = 0; at < journal_.end();) {
    Operation operation;
    at = journal_.read(at, operation);
    if (operation.op != Op::mark) {
      ++operations_;
    } else if (operation.file == mark_segment) {
      begins = true;
      segments_.push_back({.step = static_cast<std::size_t>(operation.value), .operations = operations_});
    } else if (operation.file == mark_reads) {
      reads_ = operation.value;
      if (begins) segments_.back().reads = reads_;
      begins = false;
    }
  }
}

const Recording::Segment& Recording::segment_of(std::uint64_t number, bool read) const {
  const Segment* found = &segments_.front();
  for (const auto& segment : segments_) {
    if ((read ? segment.reads : segment.operations) < number) found = &segment;
  }
  return *found;
}

void Recording::Moment::move_to(std::uint64_t operations) {
  const auto end = recording_.journal_.end();
  while (at_ < end) {
    Operation operation;
    const auto next = recording_.journal_.read(at_, operation);
    if (operation.op != Op::mark && operations_ == operations) return;
    at_ = next;
    progress_.take(operation);
    if (operation.op == Op::mark) continue;
    image_.apply(operation);
    last_ = operation.op;
    last_file_ = operation.file;
    ++operations_;
  }
}

bool Recording::Moment::appended_to(std::string_view part) const {
  return last_ == Op::append && std::ranges::any_of(image_.names(), [&](const auto& name) {
           return name.second == last_file_ && name.first.find(part) != std::string::npos;
         });
}

}  // namespace syncd::test
