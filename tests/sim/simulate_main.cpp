// Runs seeds of the simulation until one of them breaks an invariant; then looks for the smallest run that
// breaks it, too.
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <unistd.h>

#include "tests/sim/campaign.hpp"
#include "tests/sim/fault_table.hpp"

namespace syncd::test {
namespace {

constexpr std::string_view usage =
    "simulate --seeds N --from S [--jobs N] [--links N] [--steps N] [--without KIND,...] "
    "[--only KIND,...] [--trace] "
    "[--counts]\n";

struct Arguments {
  CampaignOptions campaign;
  bool trace = false;
  bool counts = false;
};

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size()) return std::nullopt;
  return value;
}

// False: there is no such option, or its value is not understood.
bool take_option(std::string_view name, std::string_view value, Arguments& arguments) {
  if (name == "--without") {
    const auto without = HazardSet::parse(value);
    if (without) arguments.campaign.plan.without = *without;
    return without.has_value();
  }
  if (name == "--only") {
    const auto only = HazardSet::parse(value);
    if (only) arguments.campaign.plan.without = only->others();
    return only.has_value();
  }
  const auto count = number(value);
  if (!count) return false;
  CampaignOptions& campaign = arguments.campaign;
  if (name == "--seeds") campaign.seeds = *count;
  if (name == "--from") campaign.first = *count;
  if (name == "--jobs") campaign.jobs = static_cast<std::uint32_t>(std::max<std::uint64_t>(1, *count));
  if (name == "--links") campaign.plan.links_max = std::max<std::uint64_t>(1, *count);
  if (name == "--steps") campaign.plan.steps_max = *count;
  return name == "--seeds" || name == "--from" || name == "--jobs" || name == "--links" || name == "--steps";
}

std::optional<Arguments> read_arguments(std::span<char*> words) {
  Arguments arguments;
  arguments.campaign.jobs = std::max(1u, std::thread::hardware_concurrency());
  for (std::size_t i = 1; i < words.size(); ++i) {
    const std::string_view word = words[i];
    if (word == "--trace") {
      arguments.trace = true;
    } else if (word == "--counts") {
      arguments.counts = true;
    } else if (i + 1 < words.size() && take_option(word, words[i + 1], arguments)) {
      ++i;
    } else {
      return std::nullopt;
    }
  }
  return arguments;
}

// A bar on a terminal, a line now and then elsewhere.
class Progress {
 public:
  explicit Progress(std::uint64_t seeds) : seeds_(seeds), terminal_(isatty(STDOUT_FILENO) == 1) {}

  void show(std::uint64_t done, std::uint64_t failed) {
    const auto now = std::chrono::steady_clock::now();  // tidy: allow seam: how fast this machine is
    const auto pause = terminal_ ? std::chrono::milliseconds(200) : std::chrono::seconds(10);
    if (done < seeds_ && failed == 0 && now - shown_ < pause) return;
    shown_ = now;
    const double seconds = std::chrono::duration<double>(now - begun_).count();
    const double rate = seconds > 0 ? static_cast<double>(done) / seconds : 0;
    const double left = rate > 0 ? static_cast<double>(seeds_ - done) / rate : 0;
    const auto filled = static_cast<int>(done * 30 / std::max<std::uint64_t>(1, seeds_));
    if (terminal_) std::printf("\r[%-30s] ", std::string(static_cast<std::size_t>(filled), '#').c_str());
    std::printf("%llu of %llu seeds, %llu failed, %.1f seeds/s, %.0f s left",
                static_cast<unsigned long long>(done), static_cast<unsigned long long>(seeds_),
                static_cast<unsigned long long>(failed), rate, left);
    std::printf(terminal_ && done < seeds_ && failed == 0 ? "  " : "\n");
    std::fflush(stdout);
  }

 private:
  std::uint64_t seeds_;
  bool terminal_;
  // tidy: allow seam: how fast this machine is
  std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point shown_{};
};

int run(Arguments arguments) {
  if (arguments.trace) {
    Plan plan = arguments.campaign.plan;
    plan.seed = arguments.campaign.first;
    plan.trace = true;
    const SimulationResult result = simulate(plan);
    std::cout << report(plan, result);
    return result.violations.empty() ? 0 : 1;
  }
  Progress progress(arguments.campaign.seeds);
  arguments.campaign.progress = [&](std::uint64_t done, std::uint64_t failed) {
    progress.show(done, failed);
  };
  const Campaign campaign = run_campaign(arguments.campaign);
  if (arguments.counts) std::cout << listing(campaign.tally);
  if (!campaign.failed.empty()) {
    std::cout << "seed " << campaign.failed.front().seed << " fails: " << campaign.failure
              << "\nlooking for the smallest run that breaks it\n";
    const auto tell = [](const std::string& what) { std::cout << "  " << what << std::endl; };
    std::cout << explain(campaign.failed.front(), tell);
    return 1;
  }
  const bool whole = arguments.campaign.plan.without.size() == 0;
  const auto missing = whole ? shortfalls(campaign.tally, campaign.done) : std::vector<std::string>{};
  for (const std::string& what : missing)
    std::cout << "too rare: " << what << '\n';
  std::cout << campaign.done << " seeds kept every invariant\n";
  return missing.empty() ? 0 : 1;
}

}  // namespace
}  // namespace syncd::test

int main(int count, char** words) {
  const auto arguments = syncd::test::read_arguments({words, static_cast<std::size_t>(count)});
  if (!arguments) {
    std::cerr << syncd::test::usage;
    return 2;
  }
  return syncd::test::run(*arguments);
}
