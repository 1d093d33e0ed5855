#include "tests/bench/admin_load.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <exception>
#include <functional>
#include <random>
#include <stdexcept>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "daemon/cli/admin_client.hpp"

namespace syncd::bench {

namespace {

using Random = std::mt19937_64;
constexpr std::uint32_t page_size = 100;

// One question, with other particulars each time it is asked.
struct Kind {
  const char* name;
  std::function<std::string(Random&)> target;
  bool finds = true;  // at least one item; otherwise none
};

std::uint32_t below(Random& random, std::size_t count) {
  return static_cast<std::uint32_t>(random() % count);
}

std::string queue(std::string_view query) {
  return fmt::format("/v1/relink?status=live&limit={}{}{}", page_size, query.empty() ? "" : "&", query);
}

std::string search(std::string_view prefix) {
  return fmt::format("/v1/links?limit={}&search={}", page_size, cli::percent_encoded(prefix));
}

std::vector<cli::JsonValue> items_of(const cli::Client& client, const std::string& target,
                                     std::string& next) {
  const auto answer = client.get(target);
  if (!answer) throw std::runtime_error(target + ": " + answer.error().message);
  const cli::JsonValue* items = answer->value.find("items");
  if (items == nullptr) throw std::runtime_error(target + ": an answer without items");
  next = answer->value.at("next", "");
  return items->items;
}

// Where the pages of the live queue begin, in its second half.
std::vector<std::string> deep_places(const AdminLoad& load) {
  const cli::Client client(load.socket);
  std::vector<std::string> places;
  std::size_t entries = 0;
  std::string next;
  do {
    const std::string after = next.empty() ? "" : "after=" + cli::percent_encoded(next);
    entries += items_of(client, queue(after), next).size();
    if (!next.empty() && entries >= load.plan.live / 2) places.push_back(next);
  } while (!next.empty());
  if (entries != load.plan.live)
    throw std::runtime_error(
        fmt::format("the queue has {} live entries instead of {}", entries, load.plan.live));
  return places;
}

std::vector<Kind> kinds_of(const AdminLoad& load, const std::vector<std::string>& ids) {
  const auto places = deep_places(load);
  const auto live_id = [live = load.plan.live, &ids](Random& random) { return ids[below(random, live)]; };
  return {
      {"queue_first", [](Random&) { return queue(""); }},
      {"queue_newest", [](Random&) { return queue("order=newest"); }},
      {"queue_deep",
       [places](Random& random) {
         return queue("after=" + cli::percent_encoded(places[below(random, places.size())]));
       }},
      {"queue_institution",
       [](Random& random) {
         return queue("institution=" + admin_institution(below(random, AdminPlan::institutions)));
       }},
      {"queue_reason",
       [](Random& random) { return queue(fmt::format("reason={}", admin_reason(below(random, 1000)))); }},
      {"queue_assignee",
       [](Random& random) {
         return queue("assignee=" +
                      cli::percent_encoded(admin_assignee(below(random, AdminPlan::assignees))));
       }},
      {"queue_search", [live_id](Random& random) { return queue("search=" + live_id(random).substr(0, 8)); }},
      {"queue_any_nothing",  // past every entry that there is, those that ended included
       [](Random& random) {
         return fmt::format("/v1/relink?limit={}&search=nobody-{}", page_size, below(random, 1000));
       },
       false},
      {"links_id",
       [&ids](Random& random) {
         return search(ids[below(random, ids.size())].substr(0, 4 + below(random, 6)));
       }},
      {"links_user",
       [&load](Random& random) {
         return search(admin_user(below(random, load.plan.links)).substr(0, 7 + below(random, 6)));
       }},
      {"links_nothing",  // 0 is not in the alphabet of the ids
       [](Random& random) { return search(fmt::format("mk_{}0", below(random, 1000))); }, false},
      {"links_one_character", [](Random& random) { return search(random() % 2 == 0 ? "m" : "u"); }},
      {"status", [](Random&) { return std::string("/v1/status"); }},
  };
}

double ask(const cli::Client& client, const Kind& kind, Random& random) {
  const std::string target = kind.target(random);
  const auto began = std::chrono::steady_clock::now();
  const auto answer = client.get(target);
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - began;
  if (!answer) throw std::runtime_error(target + ": " + answer.error().message);
  const cli::JsonValue* items = answer->value.find("items");
  if (items != nullptr && items->items.empty() == kind.finds)
    throw std::runtime_error(fmt::format("{}: {} items", target, items->items.size()));
  return took.count();
}

// Milliseconds of each request, by kind.
using Times = std::vector<std::vector<double>>;

Times ask_all(const AdminLoad& load, const std::vector<Kind>& kinds, const std::vector<std::size_t>& order,
              std::uint32_t first) {
  const cli::Client client(load.socket);
  Random random(first + 1);
  Times times(kinds.size());
  for (std::size_t at = first; at < order.size(); at += load.clients)
    times[order[at]].push_back(ask(client, kinds[order[at]], random));
  return times;
}

std::vector<std::size_t> shuffled(std::size_t kinds, std::uint32_t requests) {
  std::vector<std::size_t> order;
  for (std::size_t kind = 0; kind < kinds; ++kind)
    order.insert(order.end(), requests, kind);
  Random random(7);
  std::ranges::shuffle(order, random);
  return order;
}

// The smallest time that `share` of all do not exceed.
double percentile(const std::vector<double>& sorted, double share) {
  const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(sorted.size())));
  return sorted[std::max<std::size_t>(rank, 1) - 1];
}

}  // namespace

void admin_load(const AdminLoad& load) {
  const auto ids = admin_link_ids(load.plan);
  const auto kinds = kinds_of(load, ids);
  const auto order = shuffled(kinds.size(), load.requests);
  std::vector<Times> times(load.clients);
  std::vector<std::exception_ptr> failures(load.clients);
  const auto began = std::chrono::steady_clock::now();
  {
    std::vector<std::jthread> clients;
    for (std::uint32_t i = 0; i < load.clients; ++i) {
      clients.emplace_back([&, i] {
        try {
          times[i] = ask_all(load, kinds, order, i);
        } catch (...) {
          failures[i] = std::current_exception();
        }
      });
    }
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  for (const std::exception_ptr& failure : failures) {
    if (failure) std::rethrow_exception(failure);
  }
  std::printf("{\"seconds\": %.1f, \"requests\": %zu", took.count(), order.size());
  double worst = 0;
  for (std::size_t kind = 0; kind < kinds.size(); ++kind) {
    std::vector<double> all;
    for (const Times& of_client : times)
      all.insert(all.end(), of_client[kind].begin(), of_client[kind].end());
    std::ranges::sort(all);
    const double p99 = percentile(all, 0.99);
    worst = std::max(worst, p99);
    std::printf(", \"%s_p50\": %.2f, \"%s_p99\": %.2f, \"%s_max\": %.2f", kinds[kind].name,
                percentile(all, 0.5), kinds[kind].name, p99, kinds[kind].name, all.back());
  }
  std::printf(", \"worst_p99\": %.2f}\n", worst);
}

}  // namespace syncd::bench
