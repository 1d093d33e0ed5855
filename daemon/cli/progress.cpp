#include "daemon/cli/progress.hpp"

#include <algorithm>
#include <cstdio>
#include <unistd.h>

#include <fmt/format.h>

#include "daemon/cli/text.hpp"

namespace syncd::cli {

namespace {

constexpr core::Millis show_every{100};
constexpr core::Millis rate_from{500};  // before that a rate says nothing
constexpr std::uint64_t whole_percent = 100;

std::string with_commas(std::uint64_t number) {
  return grouped(fmt::format("{}", number));
}

}  // namespace

std::string render_work(const WorkDone& work, std::string_view things) {
  std::string line = fmt::format("{} {}", with_commas(work.count), things);
  const auto elapsed_ms = static_cast<std::uint64_t>(std::max<std::int64_t>(work.elapsed.count(), 0));
  const bool has_rate = work.elapsed >= rate_from;
  if (has_rate) line += fmt::format(", {}/s", with_commas(work.count * 1000 / elapsed_ms));
  if (!work.whole || *work.whole == 0) return line;
  const std::uint64_t part = std::min(work.part, *work.whole);
  line += fmt::format(", {} %", part * whole_percent / *work.whole);
  if (!has_rate || part == 0 || part == *work.whole) return line;
  const double left =
      static_cast<double>(elapsed_ms) * static_cast<double>(*work.whole - part) / static_cast<double>(part);
  return line + fmt::format(", about {} left", span_of(core::Millis(static_cast<std::int64_t>(left))));
}

ProgressLine::ProgressLine(std::string_view things)
    : things_(things), visible_(isatty(STDERR_FILENO) == 1), began_(Clock::now()) {
}

ProgressLine::~ProgressLine() {
  clear();
}

void ProgressLine::show(std::uint64_t count, std::uint64_t part, std::optional<std::uint64_t> whole) {
  if (!visible_) return;
  const Clock::time_point now = Clock::now();
  if (width_ > 0 && now - shown_at_ < show_every) return;
  const auto elapsed = std::chrono::duration_cast<core::Millis>(now - began_);
  const std::string line =
      render_work({.count = count, .part = part, .whole = whole, .elapsed = elapsed}, things_);
  fmt::print(stderr, "\r{:<{}}", line, width_);
  std::fflush(stderr);
  width_ = std::max(width_, line.size());
  shown_at_ = now;
}

void ProgressLine::clear() {
  if (width_ == 0) return;
  fmt::print(stderr, "\r{:<{}}\r", "", width_);
  std::fflush(stderr);
  width_ = 0;
}

}  // namespace syncd::cli
