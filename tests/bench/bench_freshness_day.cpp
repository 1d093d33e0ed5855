// An accelerated day of the real daemon, the real sandbox and HTTP between them, beside the virtual time of
// bench_freshness on the very same refreshes and webhooks.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "sync/core/planner.hpp"
#include "tests/bench/freshness.hpp"
#include "tests/bench/real_day.hpp"
#include "tests/e2e/process.hpp"

namespace syncd::bench {
namespace {

struct NamedScheme {
  const char* name;
  Scheme scheme;
  bool peeks, hooks;
};
constexpr std::array<NamedScheme, 4> schemes{{{"uniform", Scheme::uniform, false, false},
                                              {"policy", Scheme::policy, false, false},
                                              {"policy_peek", Scheme::policy, true, false},
                                              {"policy_hooks_peek", Scheme::policy, true, true}}};
constexpr std::int64_t begin_unix_ms = 1'767'225'600'000;  // as the virtual time of the simulation
// What the links share: 600 and 1,000 calls a minute of 100,000 links.
constexpr std::uint64_t whole_fleet = 100'000;
constexpr double off_most = 0.10;

struct Options {
  std::uint32_t links = 2'000;
  std::uint32_t seeds = 3;
  std::uint32_t first_seed = 1;
  std::uint32_t speed = 120;
  std::uint32_t draws = 10;
  double learning_days = 1;
  double measured_days = 1;
  std::vector<std::string> only;
  std::string dir;
  std::string json_file;
};

// Of one scheme and seed.
struct Pair {
  const NamedScheme* scheme;
  std::uint32_t seed;
  RealFigures real;
  std::vector<FreshnessResult> simulated;  // of the same refreshes; the first has the real links' ids
  std::string problem;
};

double mean_of(const std::vector<double>& values) {
  return values.empty()
             ? 0
             : std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}
template <class Value>
double mean_of(const std::vector<FreshnessResult>& results, Value value) {
  std::vector<double> values;
  for (const FreshnessResult& result : results)
    values.push_back(value(result));
  return mean_of(values);
}

// Standard deviation of what one draw gives: so far is one real day from the mean by chance alone.
double spread_of(const std::vector<FreshnessResult>& results) {
  const double mean = mean_of(results, [](const auto& r) { return r.mean_min; });
  const double squares = mean_of(results, [mean](const auto& r) { return std::pow(r.mean_min - mean, 2); });
  const auto count = static_cast<double>(results.size());
  return results.size() > 1 ? std::sqrt(squares * count / (count - 1)) : 0;
}

FreshnessRun run_of(const Options& options, const NamedScheme& scheme, const DrawnFleet& drawn) {
  FreshnessRun run;
  run.scheme = scheme.scheme;
  run.peeks = scheme.peeks;
  run.hooks = scheme.hooks;
  run.links = whole_fleet;
  run.fleet.links = options.links;
  run.learning_days = options.learning_days;
  run.measured_days = options.measured_days;
  run.drawn = &drawn;
  return run;
}

std::uint32_t scaled(const Options& options, std::uint32_t calls) {
  const double share = static_cast<double>(options.links) / static_cast<double>(whole_fleet);
  return std::max(1U, static_cast<std::uint32_t>(std::lround(calls * share)));
}

RealDay day_of(const Options& options, const NamedScheme& scheme) {
  RealDay day;
  day.adaptive = scheme.scheme == Scheme::policy;
  day.peeks = scheme.peeks;
  day.hooks = scheme.hooks;
  day.sync_per_minute = scaled(options, 600);
  day.link_per_minute = scaled(options, 1000);
  const double minutes = options.links / core::schedulable(day.sync_per_minute);
  day.turn_ms = static_cast<std::int64_t>(minutes * 60'000);
  day.learning_days = options.learning_days;
  day.measured_days = options.measured_days;
  return day;
}

// A link's id decides when it is visited: other ids are other draws of the same day.
void simulate(const Options& options, DrawnFleet drawn, Pair& pair) {
  for (std::uint32_t draw = 0; draw < options.draws; ++draw) {
    for (std::size_t at = 0; at < drawn.links.size(); ++at)
      drawn.links[at].id =
          draw == 0 ? pair.real.link_ids[at] : fmt::format("mk_{}_{}_{}", pair.seed, draw, at);
    pair.simulated.push_back(run_freshness(run_of(options, *pair.scheme, drawn)));
  }
  if (pair.simulated.front().changes != pair.real.delays_min.size())
    pair.problem = fmt::format("{} changes happened, and {} in the simulation: not the same day",
                               pair.real.delays_min.size(), pair.simulated.front().changes);
}

// All schemes of one seed side by side, in one time.
std::vector<Pair> run_seed(const Options& options, std::uint32_t seed, const std::filesystem::path& dir) {
  std::vector<Pair> pairs;
  for (const NamedScheme& scheme : schemes) {
    if (options.only.empty() || std::ranges::find(options.only, scheme.name) != options.only.end())
      pairs.push_back({.scheme = &scheme, .seed = seed, .real = {}, .simulated = {}, .problem = {}});
  }
  FleetShape shape;
  shape.links = options.links;
  const DrawnFleet drawn = draw_fleet(shape, seed, options.learning_days + options.measured_days);
  const FastTime time(options.speed, begin_unix_ms);
  time.preload(FAST_CLOCK_LIBRARY);
  {
    std::vector<std::jthread> threads;
    for (Pair& pair : pairs) {
      threads.emplace_back([&] {
        try {
          pair.real = run_real_day(day_of(options, *pair.scheme), drawn, time,
                                   dir / fmt::format("{}-{}", pair.scheme->name, seed));
        } catch (const std::exception& error) {
          pair.problem = error.what();
        }
      });
    }
  }
  for (Pair& pair : pairs) {
    if (pair.problem.empty()) simulate(options, drawn, pair);
  }
  return pairs;
}

void print_pair(const Pair& pair) {
  if (!pair.problem.empty()) {
    fmt::print("{} seed {}: {}\n", pair.scheme->name, pair.seed, pair.problem);
    return;
  }
  const RealFigures& real = pair.real;
  const double simulated = mean_of(pair.simulated, [](const auto& r) { return r.mean_min; });
  const FreshnessResult& first = pair.simulated.front();
  fmt::print(
      "{:<18} {:>4} {:>8.2f} {:>8.2f} {:>6.2f} {:>8.2f} {:>8.2f} {:>7} {:>6} {:>6} {:>6} {:>6} {:>4} "
      "{:>6} {:>4} {:>5} {:>4}\n",
      pair.scheme->name, pair.seed, mean_of(real.delays_min), simulated, spread_of(pair.simulated),
      real.met_mean_min, mean_of(pair.simulated, [](const auto& r) { return r.met_mean_min; }),
      real.delays_min.size(), real.syncs, first.fetches, real.looks, first.peeks, real.most_in_minute,
      real.unseen, real.failed_cycles, real.hooks_told, real.hooks_given_up);
  std::fflush(stdout);
}

struct Compared {
  double real = 0, simulated = 0, met_real = 0, met_simulated = 0;
};

Compared compare(const std::vector<Pair>& pairs, const NamedScheme& scheme) {
  Compared all;
  double count = 0;
  for (const Pair& pair : pairs) {
    if (pair.scheme != &scheme || !pair.problem.empty()) continue;
    ++count;
    all.real += mean_of(pair.real.delays_min);
    all.simulated += mean_of(pair.simulated, [](const auto& r) { return r.mean_min; });
    all.met_real += pair.real.met_mean_min;
    all.met_simulated += mean_of(pair.simulated, [](const auto& r) { return r.met_mean_min; });
  }
  for (double* value : {&all.real, &all.simulated, &all.met_real, &all.met_simulated})
    *value /= std::max(count, 1.0);
  return all;
}

// True: all within the bound.
bool judge(const Options& options, const std::vector<Pair>& pairs, std::string& json) {
  bool good = std::ranges::all_of(pairs, [](const Pair& pair) { return pair.problem.empty(); });
  fmt::print("\n{:<18} {:>10} {:>10} {:>7}   {:>10} {:>10} {:>7}\n", "mean delay, min", "simulated", "real",
             "off", "metric sim", "metric", "off");
  for (const NamedScheme& scheme : schemes) {
    const Compared all = compare(pairs, scheme);
    if (all.simulated <= 0) continue;
    const double off = all.real / all.simulated - 1;
    const double met_off = all.met_real / all.met_simulated - 1;
    const bool reached = std::abs(off) <= off_most && std::abs(met_off) <= off_most;
    good &= reached;
    fmt::print("{:<18} {:>10.2f} {:>10.2f} {:>6.1f}%   {:>10.2f} {:>10.2f} {:>6.1f}%  {}\n", scheme.name,
               all.simulated, all.real, 100 * off, all.met_simulated, all.met_real, 100 * met_off,
               reached ? "" : "MISSED");
    json += fmt::format(
        R"(, "day_{0}_simulated_min": {1:.6g}, "day_{0}_real_min": {2:.6g}, "day_{0}_off": {3:.4f})",
        scheme.name, all.simulated, all.real, off);
    json += fmt::format(R"(, "day_{0}_metric_min": {1:.6g}, "day_{0}_metric_off": {2:.4f})", scheme.name,
                        all.met_real, met_off);
  }
  fmt::print("{} links, {} seeds, {} times as fast; at most {:.0f} % off\n", options.links, options.seeds,
             options.speed, 100 * off_most);
  return good;
}

bool write_json(const Options& options, const std::string& json) {
  std::FILE* const out = std::fopen(options.json_file.c_str(), "w");
  if (out == nullptr) {
    fmt::print(stderr, "bench_freshness_day: cannot write {}\n", options.json_file);
    return false;
  }
  fmt::print(out, "{{\"day_links\": {}, \"day_seeds\": {}, \"day_speed\": {}{}}}\n", options.links,
             options.seeds, options.speed, json);
  return std::fclose(out) == 0;
}

int run(const Options& options) {
  std::vector<Pair> pairs;
  const test::e2e::ScratchDir scratch;
  const std::filesystem::path dir = options.dir.empty() ? scratch.path() : std::filesystem::path(options.dir);
  fmt::print(
      "{:<18} {:>4} {:>8} {:>8} {:>6} {:>8} {:>8} {:>7} {:>6} {:>6} {:>6} {:>6} {:>4} {:>6} {:>4} {:>5} "
      "{:>4}\n",
      "", "seed", "real", "sim", "+-", "metric", "sim", "changes", "syncs", "sim", "looks", "sim", "most",
      "unseen", "fail", "hooks", "lost");
  for (std::uint32_t seed = options.first_seed; seed < options.first_seed + options.seeds; ++seed) {
    for (Pair& pair : run_seed(options, seed, dir)) {
      print_pair(pair);
      pairs.push_back(std::move(pair));
    }
  }
  std::string json;
  const bool good = judge(options, pairs, json);
  if (!options.json_file.empty() && !write_json(options, json)) return 2;
  return good ? 0 : 1;
}

}  // namespace
}  // namespace syncd::bench

int main(int argc, char** argv) {
  syncd::bench::Options options;
  CLI::App app("An accelerated day of the real daemon beside the simulation of the same day");
  app.add_option("--links", options.links, "with their share of 600 calls a minute of 100,000")
      ->check(CLI::Range(20, 100'000));
  app.add_option("--seeds", options.seeds, "days, with other fleets")->check(CLI::Range(1, 100));
  app.add_option("--first-seed", options.first_seed, "of them")->check(CLI::Range(1, 1'000'000));
  app.add_option("--speed", options.speed, "seconds in one second")->check(CLI::Range(1, 2'000));
  app.add_option("--draws", options.draws, "simulations of each day")->check(CLI::Range(1, 1'000));
  app.add_option("--learning-days", options.learning_days, "before what is measured");
  app.add_option("--measured-days", options.measured_days, "that are measured");
  app.add_option("--schemes", options.only, "only these")->delimiter(',');
  app.add_option("--dir", options.dir, "keeps stores and logs there");
  app.add_option("--json", options.json_file, "file for the figures");
  CLI11_PARSE(app, argc, argv);
  try {
    return syncd::bench::run(options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_freshness_day: %s\n", error.what());
    return 2;
  }
}
