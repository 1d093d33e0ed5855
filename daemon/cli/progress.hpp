#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "sync/core/types.hpp"

namespace syncd::cli {

// How far long work has come. Pure.
struct WorkDone {
  std::uint64_t count = 0;             // of what it is about
  std::uint64_t part = 0;              // of `whole`, in any measure
  std::optional<std::uint64_t> whole;  // nullopt: nobody knows
  core::Millis elapsed{};
};
// `12,000 lines, 3,400/s, 41 %, about 2m 5s left`: without a line's end.
std::string render_work(const WorkDone& work, std::string_view things);

// One line on standard error that is written over again and again, ten times a second at most, and taken away
// at the end; nothing where that is no terminal.
class ProgressLine {
 public:
  explicit ProgressLine(std::string_view things);
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  void show(std::uint64_t count, std::uint64_t part, std::optional<std::uint64_t> whole);
  // Takes the line away, for something else to be written.
  void clear();

 private:
  using Clock = std::chrono::steady_clock;
  const std::string_view things_;
  const bool visible_;
  const Clock::time_point began_;
  Clock::time_point shown_at_{};
  std::size_t width_ = 0;
};

}  // namespace syncd::cli
