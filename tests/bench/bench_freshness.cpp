// What the schedule makes of the budget: the policy beside others, in virtual time (freshness.hpp).
#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "tests/bench/freshness.hpp"
#include "tests/bench/trace.hpp"

namespace syncd::bench {
namespace {

struct NamedScheme {
  const char* name;
  Scheme scheme;
  bool peeks, hooks;
};
constexpr std::array<NamedScheme, 7> schemes{{{"uniform", Scheme::uniform, false, false},
                                              {"sqrt_true", Scheme::sqrt_true, false, false},
                                              {"hooks_48h", Scheme::sweep, false, true},
                                              {"policy", Scheme::policy, false, false},
                                              {"policy_peek", Scheme::policy, true, false},
                                              {"policy_hooks", Scheme::policy, false, true},
                                              {"policy_hooks_peek", Scheme::policy, true, true}}};

struct NamedFault {
  const char* name;
  Fault fault;
  bool hooks;
  double lasts_h;  // how long it may explain a gap
};
constexpr std::array<NamedFault, 8> faults{{{"hooks_dark", Fault::hooks_dark, true, 6},
                                            {"budget_halved", Fault::budget_halved, false, 6},
                                            {"clock_ahead_1h", Fault::clock_ahead, false, 6},
                                            {"clock_behind_1h", Fault::clock_behind, false, 6},
                                            {"clock_ahead_30d", Fault::clock_month, false, 6},
                                            {"links_deleted", Fault::links_deleted, false, 0},
                                            {"links_added", Fault::links_added, false, 0},
                                            {"bank_dark", Fault::bank_dark, false, 6}}};
// A fault is over when the mean delay is back within this time.
constexpr double recovered_h_max = 24;

struct Options {
  std::vector<std::uint64_t> links{50'000, 100'000, 200'000, 600'000};
  std::uint32_t seeds = 3;
  std::uint32_t simulated = 4'000;
  std::vector<std::string> only;
  std::uint32_t jobs = 1;
  bool faults = false;
  std::vector<std::string> replay;  // files of a trace
  double learning_days = 0;         // of a trace; 0: two thirds of it
  std::string json_file;
};

struct Job {
  std::string name;  // of the figures, `policy_100000`
  FreshnessRun run;
  FreshnessResult result;
};

// Runs that know nothing of each other, on as many threads as wanted.
void run_all(std::vector<Job>& all, std::uint32_t jobs) {
  std::atomic<std::size_t> next = 0;
  const auto work = [&all, &next] {
    for (std::size_t at = next++; at < all.size(); at = next++) {
      all[at].result = run_freshness(all[at].run);
      fmt::print(stderr, "{} seed {}: {:.2f} min\n", all[at].name, all[at].run.seed, all[at].result.mean_min);
    }
  };
  std::vector<std::jthread> threads;
  for (std::uint32_t job = 1; job < jobs; ++job)
    threads.emplace_back(work);
  work();
}

struct Figure {
  double mean = 0, spread = 0;  // over the seeds; standard deviation
};

template <class Value>
Figure figure_of(const std::vector<const FreshnessResult*>& results, Value value) {
  Figure figure;
  const auto count = static_cast<double>(results.size());
  for (const FreshnessResult* result : results)
    figure.mean += value(*result) / count;
  double squares = 0;
  for (const FreshnessResult* result : results)
    squares += std::pow(value(*result) - figure.mean, 2);
  figure.spread = results.size() > 1 ? std::sqrt(squares / (count - 1)) : 0;
  return figure;
}

class Report {
 public:
  void put(const std::string& name, double value) {
    json_ += std::isfinite(value) ? fmt::format(", \"{}\": {:.6g}", name, value)
                                  : fmt::format(", \"{}\": null", name);
  }
  void aim(const std::string& name, double value, double most) {
    const bool reached = value <= most;
    missed_ |= !reached;
    fmt::print("{:<44} {:>9.4f}  at most {:<8.4g} {}\n", name, value, most, reached ? "" : "MISSED");
    put(name, value);
  }
  bool missed() const { return missed_; }
  bool write(const std::string& file, const Options& options) const {
    std::FILE* out = std::fopen(file.c_str(), "w");
    if (out == nullptr) {
      fmt::print(stderr, "bench_freshness: cannot write {}\n", file);
      return false;
    }
    const char* part = options.faults ? "fault" : !options.replay.empty() ? "replay" : "freshness";
    fmt::print(out, "{{\"{}_simulated_links\": {}, \"{}_seeds\": {}{}}}\n", part, options.simulated, part,
               options.seeds, json_);
    return std::fclose(out) == 0;
  }

 private:
  std::string json_;
  bool missed_ = false;
};

FreshnessRun run_of(const Options& options, const NamedScheme& scheme, std::uint64_t links,
                    std::uint32_t seed) {
  FreshnessRun run;
  run.scheme = scheme.scheme;
  run.peeks = scheme.peeks;
  run.hooks = scheme.hooks;
  run.links = links;
  run.fleet.links = options.simulated;
  run.seed = seed;
  return run;
}

using ByName = std::map<std::string, std::vector<const FreshnessResult*>>;

ByName by_name(const std::vector<Job>& all) {
  ByName results;
  for (const Job& job : all)
    results[job.name].push_back(&job.result);
  return results;
}

double gap_over(const FreshnessResult& result) {
  return result.gap_max_h - result.max_interval_h;
}

void print_head() {
  fmt::print("{:<26} {:>16} {:>8} {:>8} {:>8} {:>8} {:>9} {:>8} {:>9}\n", "", "mean min", "p95", "p99",
             "<= 1 h", "gap h", "calls/min", "peeks", "x uniform");
}

void print_row(const std::string& name, const std::vector<const FreshnessResult*>& results,
               double uniform_min, Report& report) {
  const auto mean = [&results](auto value) { return figure_of(results, value).mean; };
  const Figure delay = figure_of(results, [](const auto& r) { return r.mean_min; });
  const double p95 = mean([](const auto& r) { return r.p95_min; });
  const double p99 = mean([](const auto& r) { return r.p99_min; });
  const double within = mean([](const auto& r) { return r.within_hour; });
  const double calls = mean([](const auto& r) { return r.calls_per_minute; });
  const double peeks = mean([](const auto& r) {
    return r.fetches > 0 ? r.calls_per_minute * static_cast<double>(r.peeks) / static_cast<double>(r.fetches)
                         : 0;
  });
  double gap = 0;
  for (const FreshnessResult* result : results)
    gap = std::max(gap, result->gap_max_h);
  const double ratio = uniform_min > 0 ? delay.mean / uniform_min : 0;
  fmt::print("{:<26} {:>9.2f} ±{:>5.2f} {:>8.1f} {:>8.1f} {:>7.1f}% {:>8.1f} {:>9.1f} {:>8.1f} {:>9.4f}\n",
             name, delay.mean, delay.spread, p95, p99, 100 * within, gap, calls, peeks, ratio);
  report.put(name + "_mean_min", delay.mean);
  report.put(name + "_mean_min_spread", delay.spread);
  report.put(name + "_p95_min", p95);
  report.put(name + "_p99_min", p99);
  report.put(name + "_within_hour", within);
  report.put(name + "_gap_max_h", gap);
  report.put(name + "_calls_per_minute", calls);
  report.put(name + "_peeks_per_minute", peeks);
  if (uniform_min > 0) report.put(name + "_to_uniform", ratio);
}

bool wanted(const Options& options, const char* scheme) {
  return options.only.empty() || std::ranges::find(options.only, scheme) != options.only.end();
}

std::vector<Job> compared(const Options& options) {
  std::vector<Job> all;
  for (std::uint32_t seed = 1; seed <= options.seeds; ++seed) {
    for (const std::uint64_t links : options.links) {
      for (const NamedScheme& scheme : schemes) {
        if (!wanted(options, scheme.name)) continue;
        const FreshnessRun run = run_of(options, scheme, links, seed);
        all.push_back({.name = fmt::format("{}_{}", scheme.name, links), .run = run, .result = {}});
        // A day without any rhythm: nothing but how often things change can be learned.
        if (links != 100'000 || scheme.hooks) continue;
        all.push_back({.name = fmt::format("irregular_{}_{}", scheme.name, links), .run = run, .result = {}});
        all.back().run.fleet.periodic_share = 0;
      }
    }
  }
  return all;
}

void print_group(const ByName& results, const std::string& before, std::uint64_t links, Report& report) {
  const auto mean_of = [&results](const std::string& name) {
    const auto found = results.find(name);
    return found == results.end() ? 0.0
                                  : figure_of(found->second, [](const auto& r) { return r.mean_min; }).mean;
  };
  const double uniform_min = mean_of(fmt::format("{}uniform_{}", before, links));
  double longest = 0;
  for (const NamedScheme& scheme : schemes) {
    const std::string name = fmt::format("{}{}_{}", before, scheme.name, links);
    const auto found = results.find(name);
    if (found == results.end()) continue;
    print_row(name, found->second, uniform_min, report);
    longest = std::max(longest, found->second.front()->max_interval_h);
  }
  if (longest > 24.01)
    fmt::print("  ({} links each day would take more than 0.4 of the budget: max_interval is {:.1f} h)\n",
               links, longest);
}

void judge(const ByName& results, const std::vector<Job>& all, Report& report) {
  const auto ratio = [&](const std::string& name, const std::string& to, double most) {
    const auto a = results.find(name);
    const auto b = results.find(to);
    if (a == results.end() || b == results.end()) return;
    const auto mean = [](const auto& r) { return r.mean_min; };
    report.aim(name + "_over_" + to, figure_of(a->second, mean).mean / figure_of(b->second, mean).mean, most);
  };
  ratio("policy_100000", "uniform_100000", 0.32);
  ratio("policy_peek_100000", "uniform_100000", 0.20);
  ratio("policy_hooks_peek_100000", "uniform_100000", 0.025);
  ratio("irregular_policy_100000", "irregular_sqrt_true_100000", 1.02);
  ratio("irregular_policy_peek_100000", "irregular_sqrt_true_100000", 1.02);
  double gap = 0;
  double fetch_gap = 0;
  std::uint64_t over = 0;
  for (const Job& job : all) {
    over += job.result.over_budget;
    if (job.run.scheme != Scheme::policy) continue;
    gap = std::max(gap, gap_over(job.result));
    fetch_gap = std::max(fetch_gap, job.result.fetch_gap_max_h - job.result.max_interval_h);
  }
  report.aim("policy_gap_over_max_interval_h", gap, 1);
  report.aim("policy_feed_gap_over_max_interval_h", fetch_gap, 1);
  report.aim("requests_over_budget", static_cast<double>(over), 0);
}

void compare(const Options& options, Report& report) {
  std::vector<Job> all = compared(options);
  run_all(all, options.jobs);
  const ByName results = by_name(all);
  for (const std::uint64_t links : options.links) {
    print_head();
    print_group(results, "", links, report);
    fmt::print("\n");
  }
  print_head();
  for (const std::uint64_t links : options.links)
    print_group(results, "irregular_", links, report);
  fmt::print("\n");
  judge(results, all, report);
}

void try_faults(const Options& options, Report& report) {
  std::vector<Job> all;
  for (std::uint32_t seed = 1; seed <= options.seeds; ++seed) {
    for (const NamedFault& fault : faults) {
      FreshnessRun run = run_of(options, schemes[fault.hooks ? 6 : 4], 100'000, seed);
      run.fault = fault.fault;
      all.push_back({.name = fault.name, .run = run, .result = {}});
    }
  }
  run_all(all, options.jobs);
  const ByName results = by_name(all);
  fmt::print("{:<18} {:>10} {:>10} {:>12} {:>8}   mean min of each 6 h afterwards\n", "", "without", "during",
             "back after h", "gap h");
  for (const NamedFault& fault : faults) {
    double back = 0;
    double gap = 0;
    std::uint64_t over = 0;
    for (const FreshnessResult* result : results.at(fault.name)) {
      back = std::max(back, result->recovered_h);
      gap = std::max(gap, gap_over(*result));
      over += result->over_budget;
    }
    const auto& found = results.at(fault.name);
    const double calm = figure_of(found, [](const auto& r) { return r.calm_min; }).mean;
    const double during = figure_of(found, [](const auto& r) { return r.during_min; }).mean;
    fmt::print("{:<18} {:>10.2f} {:>10.2f} {:>12.0f} {:>8.1f}  ", fault.name, calm, during, back,
               gap + found.front()->max_interval_h);
    for (std::size_t at = 0; at < std::min<std::size_t>(found.front()->after_min.size(), 6); ++at)
      fmt::print(" {:.1f}", figure_of(found, [at](const auto& r) { return r.after_min[at]; }).mean);
    fmt::print("\n");
    report.put(fmt::format("fault_{}_calm_min", fault.name), calm);
    report.put(fmt::format("fault_{}_during_min", fault.name), during);
    report.aim(fmt::format("fault_{}_recovered_h", fault.name), back, recovered_h_max);
    report.aim(fmt::format("fault_{}_gap_over_max_interval_h", fault.name), gap, 1 + fault.lasts_h);
    report.aim(fmt::format("fault_{}_over_budget", fault.name), static_cast<double>(over), 0);
  }
}

// ---- a trace of real visits ----

bool read_files(const std::vector<std::string>& files, Visits& visits) {
  for (const std::string& name : files) {
    std::ifstream file(name, std::ios::binary);
    if (file && add_visits(file, visits)) continue;
    fmt::print(stderr, "bench_freshness: {}: {}\n", name,
               file ? "is no trace of visits that this version reads" : "cannot be read");
    return false;
  }
  return true;
}

std::vector<Job> replayed(const Options& options, const Trace& trace, double learning_days) {
  const auto sources = std::make_shared<const std::vector<LinkSource>>(trace.sources);
  std::vector<Job> all;
  for (std::uint32_t seed = 1; seed <= options.seeds; ++seed) {
    for (const std::uint64_t links : options.links) {
      for (const NamedScheme& scheme : schemes) {
        if (!wanted(options, scheme.name)) continue;
        if (scheme.hooks && trace.links_with_hooks == 0) continue;
        FreshnessRun run = run_of(options, scheme, links, seed);
        run.recorded = sources;
        run.fleet.hook_recall = trace.hook_recall;
        run.fleet.hook_latency_s = std::max(trace.hook_latency_s, 0.001);
        run.learning_days = learning_days;
        run.measured_days = trace.days - learning_days;
        all.push_back({.name = fmt::format("replay_{}_{}", scheme.name, links), .run = run, .result = {}});
      }
    }
  }
  return all;
}

void print_regrets(const ByName& results, const std::vector<Job>& all, const Trace& trace, Report& report) {
  constexpr double day_ms = 86'400'000;
  for (const Job& job : all) {
    if (job.run.seed != 1) continue;
    const auto from_ms = static_cast<std::int64_t>(job.run.learning_days * day_ms);
    const auto to_ms = static_cast<std::int64_t>(trace.days * day_ms);
    const double bound = clairvoyant_min(trace.sources, job.result.allowed_in_minute, from_ms, to_ms);
    const double mean = figure_of(results.at(job.name), [](const auto& r) { return r.mean_min; }).mean;
    fmt::print("{:<34} regret {:>9.2f} min, over {:.4f} of whoever knows every refresh\n", job.name,
               mean - bound, bound);
    report.put(job.name + "_clairvoyant_min", bound);
    report.put(job.name + "_regret_min", mean - bound);
  }
}

// False: there is nothing to replay, and it was said why.
bool replay(Options& options, Report& report) {
  Visits visits;
  if (!read_files(options.replay, visits)) return false;
  const std::uint64_t damaged = visits.damaged;
  const Trace trace = trace_of(std::move(visits));
  const double learning_days = options.learning_days > 0 ? options.learning_days : trace.days * 2 / 3;
  fmt::print(
      "{} visits of {} links at {} institutions in {:.2f} days; {} lines could not be read\n"
      "{} refreshes were seen, {} brought changes; {} links have webhooks, which told {:.3f} of theirs "
      "within {:.0f} s\n\n",
      trace.visits, trace.sources.size(), trace.institutions, trace.days, damaged, trace.refreshes,
      trace.changed, trace.links_with_hooks, trace.hook_recall, trace.hook_latency_s);
  if (trace.changed == 0 || learning_days >= trace.days) {
    fmt::print(stderr, "bench_freshness: the trace is too short, or no refresh in it brought a change\n");
    return false;
  }
  options.simulated = static_cast<std::uint32_t>(trace.sources.size());
  if (options.links.empty()) options.links = {trace.sources.size()};
  std::vector<Job> all = replayed(options, trace, learning_days);
  run_all(all, options.jobs);
  const ByName results = by_name(all);
  for (const std::uint64_t links : options.links) {
    print_head();
    print_group(results, "replay_", links, report);
    fmt::print("\n");
  }
  print_regrets(results, all, trace, report);
  report.put("replay_days", trace.days);
  report.put("replay_visits", static_cast<double>(trace.visits));
  report.put("replay_damaged_lines", static_cast<double>(damaged));
  report.put("replay_changed_refreshes", static_cast<double>(trace.changed));
  return true;
}

}  // namespace
}  // namespace syncd::bench

int main(int argc, char** argv) {
  syncd::bench::Options options;
  CLI::App app("Freshness that the schedule makes of the budget, in virtual time");
  app.add_option("--links", options.links, "fleets that share 600 calls a minute")->delimiter(',');
  app.add_option("--seeds", options.seeds, "runs of each, with other fleets")->check(CLI::Range(1, 1000));
  app.add_option("--simulated", options.simulated, "links that are simulated, with their share of the budget")
      ->check(CLI::Range(200, 1'000'000));
  app.add_option("--schemes", options.only, "only these")->delimiter(',');
  app.add_option("--jobs", options.jobs, "runs at a time")->check(CLI::Range(1, 64));
  app.add_flag("--faults", options.faults, "what happens when something goes wrong, and how soon it is over");
  CLI::Option* const replay =
      app.add_option(
             "--replay", options.replay,
             "files of a trace of visits: its links instead of made-up ones; --links says for how many "
             "links the budget is, by default for those of the trace")
          ->excludes("--faults");
  app.add_option("--learning-days", options.learning_days,
                 "days of the trace behind which it is measured; by default two thirds of it")
      ->needs(replay);
  app.add_option("--json", options.json_file, "file for the figures");
  CLI11_PARSE(app, argc, argv);
  syncd::bench::Report report;
  if (!options.replay.empty()) {
    if (app.count("--links") == 0) options.links.clear();
    if (!syncd::bench::replay(options, report)) return 2;
  } else if (options.faults) {
    syncd::bench::try_faults(options, report);
  } else {
    syncd::bench::compare(options, report);
  }
  if (!options.json_file.empty() && !report.write(options.json_file, options)) return 2;
  return report.missed() ? 1 : 0;
}
