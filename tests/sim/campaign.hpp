#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tests/sim/shrink.hpp"
#include "tests/sim/world.hpp"

namespace syncd::test {

// Many seeds in a row.
struct CampaignOptions {
  std::uint64_t first = 1;
  std::uint64_t seeds = 500;
  std::uint32_t jobs = 1;            // threads
  Plan plan{};                       // the seed in it does not count
  std::uint64_t repeat_every = 100;  // seeds run twice, for the same events
  std::function<void(std::uint64_t done, std::uint64_t failed)> progress = {};  // on any of the threads
};

struct Campaign {
  std::uint64_t done = 0;
  std::vector<Plan> failed;  // at most one: it stops there
  std::string failure;       // what the first violation says
  Tally tally;
};

Campaign run_campaign(const CampaignOptions& options);

}  // namespace syncd::test
