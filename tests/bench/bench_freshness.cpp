#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "tests/bench/freshness.hpp"
using namespace syncd;
using namespace syncd::bench;
int main(int argc, char** argv) {
  std::string only = argc > 1 ? argv[1] : "";
  const std::uint64_t links = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 100000;
  const double periodic = argc > 3 ? std::atof(argv[3]) : 0.8;
  const std::uint64_t seed = argc > 4 ? std::strtoull(argv[4], nullptr, 10) : 1;
  struct Named {
    const char* name;
    Scheme scheme;
    bool peeks, hooks;
  };
  for (const Named& n :
       {Named{"uniform", Scheme::uniform, false, false}, Named{"sqrt_true", Scheme::sqrt_true, false, false},
        Named{"policy", Scheme::policy, false, false}, Named{"policy_peek", Scheme::policy, true, false},
        Named{"sweep_hooks", Scheme::sweep, false, true}, Named{"policy_hooks", Scheme::policy, false, true},
        Named{"policy_hooks_peek", Scheme::policy, true, true}}) {
    if (!only.empty() && only != "all" && only != n.name) continue;
    FreshnessRun run;
    run.scheme = n.scheme;
    run.peeks = n.peeks;
    run.hooks = n.hooks;
    run.links = links;
    run.seed = seed;
    run.fleet.periodic_share = periodic;
    const FreshnessResult r = run_freshness(run);
    std::printf(
        "%-18s mean %7.2f p95 %7.1f p99 %7.1f in 1h %5.1f%% gap %5.1f h of %.1f  fetches/link-day %.2f peeks "
        "%.2f  minute %u of %u; refreshes %.2f changed %.2f\n",
        n.name, r.mean_min, r.p95_min, r.p99_min, 100 * r.within_hour, r.gap_max_h, r.max_interval_h,
        double(r.fetches) / run.fleet.links / run.measured_days,
        double(r.peeks) / run.fleet.links / run.measured_days, r.most_in_minute, r.allowed_in_minute,
        r.refreshes_per_day, r.changed_per_day);
    std::fflush(stdout);
  }
}
