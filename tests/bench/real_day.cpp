#include "tests/bench/real_day.hpp"

#include <algorithm>
#include <fstream>
#include <string_view>
#include <thread>
#include <unordered_map>

#include <fmt/format.h>

#include "sync/core/types.hpp"
#include "tests/e2e/rig.hpp"

namespace syncd::bench {

namespace {

using test::e2e::Daemon;
using test::e2e::Failed;
using test::e2e::Json;
using test::e2e::Sandbox;
using test::e2e::Tuning;

constexpr std::int64_t day_ms = 86'400'000;
constexpr double minute_ms = 60'000;
constexpr std::size_t import_max = 1000;
constexpr std::string_view delay_metric = "moneykit_syncd_visibility_delay_seconds";

// The sum of a metric's values over all lines that begin so and have none of these labels.
double sum_of(const std::string& page, const std::string& begin,
              std::initializer_list<std::string_view> without = {}) {
  double sum = 0;
  for (std::size_t at = page.find("\n" + begin); at != std::string::npos;
       at = page.find("\n" + begin, at + 1)) {
    const std::string line = page.substr(at + 1, page.find('\n', at + 1) - at - 1);
    const bool counts =
        std::ranges::none_of(without, [&](std::string_view label) { return line.contains(label); });
    if (counts) sum += std::stod(line.substr(line.rfind(' ') + 1));
  }
  return sum;
}

struct Met {
  double seconds = 0, count = 0;
};
Met met_of(const std::string& page) {
  return {.seconds = sum_of(page, fmt::format("{}_sum", delay_metric)),
          .count = sum_of(page, fmt::format("{}_count", delay_metric))};
}

std::uint64_t count_of(const Json& value) {
  return value.is_null() ? 0 : value.number();
}

class RealRun {
 public:
  RealRun(const RealDay& day, const DrawnFleet& drawn, const FastTime& time, const std::filesystem::path& dir)
      : day_(day),
        drawn_(drawn),
        time_(time),
        sandbox_(dir, sandbox_options(dir)),
        daemon_(dir / "daemon", sandbox_, tuning()) {}

  RealFigures go() {
    read_ids();
    daemon_.start();
    if (day_.hooks) set_webhooks();
    import_links();
    sleep_until(measured_from_ms());
    sandbox_.control("DELETE", "statistics");
    const Met before = met_of(daemon_.scrape());
    sleep_until(end_ms());
    const std::string page = daemon_.scrape();
    const Met met = met_of(page);
    figures_.met_mean_min = (met.seconds - before.seconds) / std::max(met.count - before.count, 1.0) / 60;
    figures_.failed_cycles = static_cast<std::uint64_t>(
        sum_of(page, "moneykit_syncd_cycles_total", {"\"success\"", "\"yielded\""}));
    read_statistics();
    read_delays();
    return std::move(figures_);
  }

 private:
  std::vector<std::string> sandbox_options(const std::filesystem::path& dir) const {
    const std::filesystem::path file = dir / "refreshes";
    std::ofstream(file) << to_sandbox(drawn_, time_.begin_unix_ms());
    // Its budgets would count what a busy machine does: a delay of some milliseconds is a second here.
    return {"--refreshes",      file, "--refresh-failures",       "0",  "--refresh-log", "10000000",
            "--history-months", "1",  "--transactions-per-month", "12", "--no-budgets"};
  }

  Tuning tuning() const {
    const std::string policy = day_.adaptive
                                   ? fmt::format("peek = {}\n", day_.peeks)
                                   : fmt::format("policy = \"uniform\"\ninterval = \"{}ms\"\n", day_.turn_ms);
    return {
        .upstream = "",
        .schedule = policy + (day_.adaptive ? "interval = \"1d\"\n" : ""),
        .cycle = "",
        // Account pulls keep their whole budget: the simulation has none of them.
        .budget =
            fmt::format("sync_per_app = {}\nlink_per_app = {}\n", day_.sync_per_minute, day_.link_per_minute),
        .daemon = "",
        .admin =
            day_.hooks ? "[webhook]\nlisten = \"127.0.0.1:0\"\nissuer = \"https://api.moneykit.com\"\n" : ""};
  }

  std::int64_t measured_from_ms() const {
    return time_.begin_unix_ms() + static_cast<std::int64_t>(day_.learning_days * day_ms);
  }
  std::int64_t end_ms() const {
    return measured_from_ms() + static_cast<std::int64_t>(day_.measured_days * day_ms);
  }

  void sleep_until(std::int64_t unix_ms) {
    // tidy: allow sleep: the run lasts as long as it lasts
    std::this_thread::sleep_for(time_.real_until(unix_ms));
    if (!daemon_.process().running()) throw Failed("the daemon ended:\n" + daemon_.process().log_tail());
  }

  void read_ids() {
    while (figures_.link_ids.size() < drawn_.links.size()) {
      const Json page = sandbox_.control("GET", fmt::format("links?from={}", figures_.link_ids.size()));
      if (page["links"].items().empty()) throw Failed("the sandbox has fewer links than its file");
      for (const Json& link : page["links"].items())
        figures_.link_ids.push_back(link["link_id"].text());
    }
  }

  // Where the daemon receives is known only now that it runs.
  void set_webhooks() {
    const std::string url = daemon_.webhooks().text + "/webhook";
    for (std::size_t at = 0; at < drawn_.links.size(); ++at) {
      if (drawn_.links[at].has_webhook)
        sandbox_.control("POST", "links/" + figures_.link_ids[at] + "/webhook",
                         fmt::format(R"({{"webhook":"{}"}})", url));
    }
  }

  void import_links() {
    for (std::size_t at = 0; at < figures_.link_ids.size(); at += import_max) {
      std::string body;
      for (std::size_t next = at; next < std::min(at + import_max, figures_.link_ids.size()); ++next)
        body += fmt::format(R"({}{{"link_id":"{}"}})", body.empty() ? "" : ",", figures_.link_ids[next]);
      daemon_.admin("POST", "/v1/links:import", R"({"items":[)" + body + "]}");
    }
  }

  void read_statistics() {
    const Json statistics = sandbox_.control("GET", "statistics");
    const Json& endpoints = statistics["endpoints"];
    figures_.syncs = count_of(endpoints["sync"]["requests"]);
    figures_.looks = count_of(endpoints["link"]["requests"]);
    figures_.most_in_minute = static_cast<std::uint32_t>(count_of(endpoints["sync"]["in_minute_max"]));
    const Json hooks = sandbox_.control("GET", "hooks?limit=1");
    figures_.hooks_told = count_of(hooks["counts"]["delivered"]);
    figures_.hooks_given_up = count_of(hooks["counts"]["given_up"]);
  }

  // The daemon's patience is as much shorter as its time is faster: one that this program keeps waiting hangs
  // up.
  Json patiently(const std::string& target) const {
    for (int left = 20;; --left) {
      const test::e2e::Reply reply = daemon_.ask("GET", target);
      if (reply.status == 200) return Json::parse(reply.body);
      if (left == 0) throw Failed(fmt::format("admin: GET {}: HTTP {} {}", target, reply.status, reply.body));
    }
  }

  // When the row of each id was committed.
  std::unordered_map<std::string, std::int64_t> read_feed() {
    std::unordered_map<std::string, std::int64_t> at_ms;
    std::string after = "0";
    for (;;) {
      const Json page = patiently("/v1/feed?limit=250&after=" + after);
      for (const Json& entry : page["items"].items()) {
        const auto at = core::parse_upstream_time(entry["at"].text());
        if (!at) throw Failed("the feed has an entry with the time " + entry["at"].text());
        const auto since = std::chrono::duration_cast<core::Millis>(at->time_since_epoch());
        at_ms.try_emplace(entry["id"].text(), since.count());
      }
      if (page["next"].is_null()) return at_ms;
      after = page["next"].text();
    }
  }

  void read_delays() {
    const auto committed = read_feed();
    std::string after = "0";
    for (;;) {
      const Json page = sandbox_.control("GET", "refreshes?limit=10000&after=" + after);
      for (const Json& refresh : page["refreshes"].items()) {
        after = refresh["number"].text();
        const auto at = static_cast<std::int64_t>(refresh["at_unix_ms"].number());
        if (refresh["created"].is_null() || at < measured_from_ms() || at > end_ms()) continue;
        const auto found = committed.find(refresh["created"].text());
        const bool seen = found != committed.end() && found->second <= end_ms();
        figures_.unseen += seen ? 0 : 1;
        const std::int64_t seen_at = seen ? found->second : end_ms();
        figures_.delays_min.push_back(static_cast<double>(seen_at - at) / minute_ms);
      }
      if (page["refreshes"].items().empty()) return;
    }
  }

  RealDay day_;
  const DrawnFleet& drawn_;
  const FastTime& time_;
  Sandbox sandbox_;
  Daemon daemon_;
  RealFigures figures_;
};

}  // namespace

RealFigures run_real_day(const RealDay& day, const DrawnFleet& drawn, const FastTime& time,
                         const std::filesystem::path& dir) {
  std::filesystem::create_directories(dir);
  return RealRun(day, drawn, time, dir).go();
}

}  // namespace syncd::bench
