// The measured half of scripts/bench: each sub-command does one thing and prints one flat JSON object.
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <stdexcept>
#include <string>

#include <CLI/CLI.hpp>

#include "tests/bench/admin_load.hpp"
#include "tests/bench/admin_store.hpp"
#include "tests/bench/million.hpp"
#include "tests/bench/rig.hpp"
#include "tests/bench/site.hpp"
#include "tests/bench/steady_store.hpp"
#include "tests/bench/store_alone.hpp"

namespace syncd::bench {
namespace {

struct Arguments {
  std::string site, url, ca_file, store, socket;
  std::uint32_t links = 1000, months = 1, per_month = 5, connections = 64, workers = 0, requests = 2000,
                clients = 2;
  double seconds = 5;
};

void make_site(const Arguments& arguments) {
  SiteOptions options{arguments.site, arguments.links, arguments.months, arguments.per_month};
  const Site site = record_site(options);
  save_site(arguments.site, site);
  std::printf("{\"links\": %zu, \"transactions\": %llu, \"idle_target\": \"%s\", \"idle_bytes\": %llu}\n",
              site.link_ids.size(), static_cast<unsigned long long>(site.transactions),
              site.idle_target.c_str(), static_cast<unsigned long long>(site.idle_bytes));
}

RigOptions rig_options(const Arguments& arguments) {
  RigOptions options;
  options.base_url = arguments.url;
  options.ca_file = arguments.ca_file;
  options.store_path = arguments.store;
  options.connections = arguments.connections;
  options.workers = arguments.workers != 0 ? arguments.workers : 4 * arguments.connections;
  options.policy.accounts_interval = std::chrono::hours(24 * 365);
  options.policy.max_interval = std::chrono::hours(24);
  return options;
}

// A figure from a run in which something failed is none.
void refuse_failures(const Rig& rig) {
  if (rig.counts().failures == 0) return;
  throw std::runtime_error(std::to_string(rig.counts().failures) +
                           " failures; the first: " + rig.first_failure());
}

// Every link once from nothing, durable.
void backfill(const Arguments& arguments) {
  const Site site = load_site(arguments.site);
  Rig rig(rig_options(arguments));
  const double cpu = cpu_seconds();
  const double began = wall_seconds();
  rig.add_links(site.link_ids);
  const bool drained = rig.run_until_drained(site.link_ids.size(), 600);
  const double wall = wall_seconds() - began;
  const double used = cpu_seconds() - cpu;
  refuse_failures(rig);
  if (!drained || rig.counts().created != site.transactions)
    throw std::runtime_error("the backfill did not bring every transaction of the site");
  const double millions = static_cast<double>(rig.counts().created) / 1e6;
  std::printf(
      "{\"transactions\": %llu, \"wall_s\": %.3f, \"cpu_s\": %.3f, \"transactions_per_s\": %.0f, "
      "\"cpu_s_per_million\": %.3f, \"requests\": %llu, \"fsyncs\": %llu}\n",
      static_cast<unsigned long long>(rig.counts().created), wall, used,
      static_cast<double>(rig.counts().created) / wall, used / millions,
      static_cast<unsigned long long>(rig.requests), static_cast<unsigned long long>(rig.groups));
}

// Links that have nothing new, as fast as it goes. The store is one that make-steady made.
void steady(const Arguments& arguments) {
  RigOptions options = rig_options(arguments);
  options.policy.interval = core::Millis(1000);
  options.all_due = true;
  Rig rig(options);
  rig.run_for(1.0);
  const Counts before = rig.counts();
  const std::uint64_t requests = rig.requests;
  const std::uint64_t groups = rig.groups;
  const double cpu = cpu_seconds();
  const double began = wall_seconds();
  rig.run_for(arguments.seconds);
  const double wall = wall_seconds() - began;
  const double used = cpu_seconds() - cpu;
  refuse_failures(rig);
  const auto cycles = static_cast<double>(rig.counts().cycles - before.cycles);
  if (cycles < 1 || rig.counts().created != 0) throw std::runtime_error("these were no visits without news");
  std::printf(
      "{\"cycles\": %.0f, \"requests_per_s\": %.0f, \"cpu_us_per_cycle\": %.2f, \"fsyncs_per_1000\": %.2f}\n",
      cycles, static_cast<double>(rig.requests - requests) / wall, used / cycles * 1e6,
      static_cast<double>(rig.groups - groups) / cycles * 1000.0);
}

int run(int argc, char** argv) {
  CLI::App app{"Measures the parts of moneykit-syncd; see scripts/bench"};
  app.require_subcommand(1);
  Arguments arguments;
  const auto command = [&](const char* name, const char* help, void (*action)(const Arguments&)) {
    CLI::App* sub = app.add_subcommand(name, help);
    sub->add_option("--site", arguments.site);
    sub->add_option("--url", arguments.url);
    sub->add_option("--ca-file", arguments.ca_file);
    sub->add_option("--store", arguments.store);
    sub->add_option("--links", arguments.links);
    sub->add_option("--months", arguments.months);
    sub->add_option("--per-month", arguments.per_month);
    sub->add_option("--connections", arguments.connections);
    sub->add_option("--workers", arguments.workers, "Links visited at once; 0: four times the connections");
    sub->add_option("--seconds", arguments.seconds);
    sub->add_option("--socket", arguments.socket, "The admin socket of a running daemon");
    sub->add_option("--requests", arguments.requests, "Of each kind");
    sub->add_option("--clients", arguments.clients);
    sub->callback([&arguments, action] { action(arguments); });
  };
  command("make-site", "Record the sandbox's answers as files", &make_site);
  command("backfill", "Drain every link of a site into an empty store", &backfill);
  command("make-steady", "Fill a store with links that have nothing new, and write what answers them",
          [](const Arguments& a) { make_steady(a.site, a.store, a.links); });
  command("steady", "Sync links that have nothing new, as fast as possible", &steady);
  command("store-alone", "Write the records of a site's backfill without network and parsing",
          [](const Arguments& a) { store_alone(a.site, a.store); });
  command("make-million", "Fill a store with idle links",
          [](const Arguments& a) { make_million(a.store, a.links); });
  command("make-admin", "Fill a store with links that are due, users, and a relink queue",
          [](const Arguments& a) { make_admin_store(a.site, a.store, {.links = a.links}); });
  command("admin-load", "List the relink queue and search links of a daemon on such a store",
          [](const Arguments& a) { admin_load({a.socket, {.links = a.links}, a.requests, a.clients}); });
  CLI11_PARSE(app, argc, argv);
  return 0;
}

}  // namespace
}  // namespace syncd::bench

int main(int argc, char** argv) {
  try {
    return syncd::bench::run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "syncd_bench: %s\n", error.what());
    return 1;
  }
}
