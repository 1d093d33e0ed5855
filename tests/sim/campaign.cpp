#include "tests/sim/campaign.hpp"

#include <atomic>
#include <mutex>
#include <thread>

namespace syncd::test {

namespace {

class Runner {
 public:
  explicit Runner(const CampaignOptions& options) : options_(options) {}

  Campaign run() {
    std::vector<std::jthread> threads;
    for (std::uint32_t i = 1; i < options_.jobs; ++i)
      threads.emplace_back([this] { work(); });
    work();
    threads.clear();
    return std::move(campaign_);
  }

 private:
  void work() {
    for (;;) {
      const std::uint64_t number = next_++;
      if (number >= options_.seeds || stopped_) return;
      Plan plan = options_.plan;
      plan.seed = options_.first + number;
      SimulationResult result = simulate(plan);
      if (number % options_.repeat_every == 0) repeat(plan, result);
      take(plan, result);
    }
  }

  static void repeat(const Plan& plan, SimulationResult& result) {
    result.tally.add("looked at " + label(Invariant::determinism));
    const SimulationResult again = simulate(plan);
    if (again.hash != result.hash)
      result.violations.push_back({Invariant::determinism, "the same seed went another way"});
  }

  void take(const Plan& plan, const SimulationResult& result) {
    const std::lock_guard lock(mutex_);
    ++campaign_.done;
    campaign_.tally.add(result.tally);
    if (!result.violations.empty() && campaign_.failed.empty()) {
      campaign_.failed.push_back(plan);
      campaign_.failure = result.violations.front().text();
      stopped_ = true;
    }
    if (options_.progress) options_.progress(campaign_.done, campaign_.failed.size());
  }

  const CampaignOptions& options_;
  std::atomic<std::uint64_t> next_ = 0;
  std::atomic<bool> stopped_ = false;
  std::mutex mutex_;
  Campaign campaign_;
};

}  // namespace

Campaign run_campaign(const CampaignOptions& options) {
  return Runner(options).run();
}

}  // namespace syncd::test
