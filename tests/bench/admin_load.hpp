#pragma once

#include <cstdint>
#include <string>

#include "tests/bench/admin_store.hpp"

namespace syncd::bench {

struct AdminLoad {
  std::string socket;  // of a daemon on a store of make_admin_store()
  AdminPlan plan;
  std::uint32_t requests = 2000;  // of each kind
  std::uint32_t clients = 2;      // that ask at the same time, each one request after the other
};

// Asks for pages of the relink queue and searches links, all kinds in random order, and prints the median,
// the 99th percentile and the longest time of each kind in milliseconds, as a client sees them: from the
// connection to the answer read. Throws std::runtime_error for an answer that is not what was asked for.
void admin_load(const AdminLoad& load);

}  // namespace syncd::bench
