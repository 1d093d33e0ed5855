#include "tests/crash/daemon/campaign.hpp"

#include <algorithm>
#include <cstdlib>
#include <set>

namespace syncd::test::crash {

using e2e::Daemon;
using e2e::Json;
using e2e::Reply;

namespace {

constexpr std::chrono::seconds converge_limit{60};  // against hanging only
// The same where the history of a long campaign is read, ten rows at a time with a moment between two
// requests.
constexpr std::chrono::minutes match_limit{20};

bool answered(const Reply& reply) {
  return reply.status != 0 && reply.status != 503;
}

}  // namespace

unsigned long number_from_environment(const char* name, unsigned long fallback) {
  const char* const text = std::getenv(name);
  return text == nullptr ? fallback : std::strtoul(text, nullptr, 10);
}

bool ended_by_database(const std::string& log) {
  return log.contains(".cc:") && log.contains("Assertion");
}

e2e::Tuning busy_tuning() {
  return {.upstream = "connections = 8\n",
          .schedule =
              "interval = \"1s\"\nmax_interval = \"1s\"\naccounts_interval = \"1s\"\n"
              "backoff_base = \"1s\"\nbackoff_max = \"1s\"\noutage_base = \"1s\"\nprobe_base = \"1s\"\n",
          .cycle = "page_size = 10\n",
          .budget =
              "sync_per_app = 1000000\nsync_per_link = 1000000\naccounts_per_app = 1000000\n"
              "accounts_per_link = 1000000\nlink_per_app = 1000000\nlink_per_link = 1000000\n",
          .daemon = "workers = 8\nstop_grace = \"5s\"\n",
          .store = "write_buffer_mib = 1\nblock_cache_mib = 4\n"};
}

const std::string& Campaign::any_link(std::mt19937& random) const {
  return links_[std::uniform_int_distribution<std::size_t>(0, links_.size() - 1)(random)];
}

bool Campaign::add_link(const Daemon& daemon, std::string_view body) {
  for (const std::string& link_id : sandbox_.add_links(body)) {
    links_.push_back(link_id);
    registered_[link_id] = false;
    paused_[link_id] = false;
  }
  return register_missing(daemon);
}

bool Campaign::register_missing(const Daemon& daemon) {
  for (auto& [link_id, done] : registered_) {
    if (done) {
      continue;
    }
    const Reply reply = daemon.ask("POST", "/v1/links", R"({"link_id":")" + link_id + "\"}");
    if (!answered(reply)) {
      return false;
    }
    if (reply.status != 200 && reply.status != 201) {
      throw e2e::Failed("adding a link: HTTP " + std::to_string(reply.status) + " " + reply.body);
    }
    done = true;
  }
  return true;
}

void Campaign::change_upstream(const std::string& link_id) {
  sandbox_.control("POST", "links/" + link_id + "/refresh", R"({"changes":true})");
}

void Campaign::ask_for_owner(const std::string& link_id) {
  sandbox_.control("POST", "links/" + link_id + "/state", R"({"state":"error","error_code":"auth_expired"})");
  wants_owner_[link_id] = true;
}

void Campaign::repair(const std::string& link_id) {
  sandbox_.control("POST", "links/" + link_id + "/relink",
                   R"({"username":"user_good","password":"pass_good"})");
  wants_owner_.erase(link_id);
}

bool Campaign::visit(const Daemon& daemon, const std::string& link_id) {
  return answered(daemon.ask("POST", "/v1/links/" + link_id + "/sync"));
}

bool Campaign::visit_and_wait(const Daemon& daemon, const std::string& link_id) {
  return daemon.ask("POST", "/v1/links/" + link_id + "/sync?wait=5s").status == 200;
}

bool Campaign::pause(const Daemon& daemon, const std::string& link_id) {
  paused_.erase(link_id);
  const Reply reply = daemon.ask("POST", "/v1/links/" + link_id + "/pause");
  if (reply.status == 200) {
    paused_[link_id] = true;
  }
  return answered(reply);
}

bool Campaign::resume(const Daemon& daemon, const std::string& link_id) {
  paused_.erase(link_id);
  const Reply reply = daemon.ask("POST", "/v1/links/" + link_id + "/resume");
  if (reply.status == 200) {
    paused_[link_id] = false;
  }
  return answered(reply);
}

bool Campaign::verify(const Daemon& daemon, const std::string& link_id) {
  return answered(daemon.ask("POST", "/v1/links/" + link_id + "/verify"));
}

bool Campaign::reread(const Daemon& daemon, const std::string& link_id) {
  return answered(daemon.ask("POST", "/v1/links/" + link_id + "/repair"));
}

// The copy is right at every moment, so a comparison may give up but never finds anything.
std::string Campaign::false_mismatch(Daemon& daemon) {
  for (const std::string& link_id : links_) {
    const Reply reply = daemon.ask("GET", "/v1/links/" + link_id + "/verify");
    const std::string result = reply.status == 200 ? Json::parse(reply.body)["report"]["result"].text() : "";
    if (result == "mismatch") {
      return link_id + " differs: " + reply.body;
    }
  }
  return {};
}

std::string Campaign::feed_problem() const {
  return follower_.replay().problems.empty() ? "" : "feed: " + follower_.replay().problems.front();
}

std::string Campaign::broken_promise(Daemon& daemon) {
  if (!follower_.read_on(daemon)) {
    return "the feed is not answered";
  }
  if (const std::string problem = feed_problem(); !problem.empty()) {
    return problem;
  }
  // One list after the other: an entry may be opened or closed in between, so only what is settled counts.
  const auto links = daemon.links();
  std::set<std::string> open;
  for (const Json& entry : daemon.list("/v1/relink", "status=open")) {
    if (!open.insert(entry["link_id"].text()).second) {
      return "two open relink entries for " + entry["link_id"].text();
    }
  }
  for (const auto& [link_id, done] : registered_) {
    const auto link = links.find(link_id);
    if (link == links.end()) {
      if (done) {
        return link_id + " was registered and is gone";
      }
      continue;
    }
    const std::string status = link->second["status"].text();
    const auto paused = paused_.find(link_id);
    if (paused != paused_.end() && paused->second != (status == "paused")) {
      return link_id + " was " + (paused->second ? "paused" : "not paused") + " and now is " + status;
    }
    if (wants_owner(link_id) && status == "relink" && !open.contains(link_id)) {
      return link_id + " has status relink and no open entry";
    }
  }
  return {};
}

std::string Campaign::wrong_link(Daemon& daemon, const std::string& link_id, const std::string& status,
                                 bool has_open_entry) {
  const e2e::FeedReplay& replay = follower_.replay();
  const auto opened = replay.relinks_open.find(link_id);
  const std::size_t told = opened == replay.relinks_open.end() ? 0 : opened->second;
  if (told != (has_open_entry ? 1U : 0U)) {
    return link_id + ": the feed leaves " + std::to_string(told) + " relink entries open";
  }
  const e2e::LinkRows rows = e2e::stored_rows(daemon, link_id);
  const auto heard = replay.links.find(link_id);
  const e2e::LinkRows& from_feed = heard == replay.links.end() ? e2e::LinkRows{} : heard->second;
  if (const std::string difference = e2e::first_difference(rows, from_feed); !difference.empty()) {
    return link_id + ": from the feed, " + difference;
  }
  if (wants_owner(link_id)) {
    return status == "relink" && has_open_entry ? "" : link_id + " wants its owner and is " + status;
  }
  if (status != "active" || has_open_entry) {
    return link_id + " is connected and has status " + status + (has_open_entry ? " and an open entry" : "");
  }
  const std::string difference = e2e::first_difference(e2e::truth_of(sandbox_, link_id), rows);
  return difference.empty() ? "" : link_id + ": " + difference;
}

std::string Campaign::not_converged(Daemon& daemon) {
  std::set<std::string> open;
  for (const Json& entry : daemon.list("/v1/relink", "status=open")) {
    open.insert(entry["link_id"].text());
  }
  const auto links = daemon.links();
  if (!follower_.read_on(daemon)) {
    return "the feed is not answered";
  }
  if (const std::string problem = feed_problem(); !problem.empty()) {
    throw e2e::Failed(problem);
  }
  for (const std::string& link_id : links_) {
    const auto link = links.find(link_id);
    if (link == links.end()) {
      return link_id + " is not there";
    }
    if (const std::string wrong =
            wrong_link(daemon, link_id, link->second["status"].text(), open.contains(link_id));
        !wrong.empty()) {
      return wrong;
    }
  }
  return {};
}

void Campaign::expect_converged(Daemon& daemon) {
  if (!register_missing(daemon)) {
    throw e2e::Failed("the daemon does not answer:\n" + daemon.process().log_tail());
  }
  for (const std::string& link_id : links_) {
    if (const auto paused = paused_.find(link_id); paused == paused_.end() || paused->second) {
      resume(daemon, link_id);
    }
    visit_and_wait(daemon, link_id);
  }
  std::string wrong;
  e2e::wait_until(
      "everything to be as upstream",
      [&] {
        wrong = not_converged(daemon);
        return wrong.empty();
      },
      [&] { return wrong + "\n" + daemon.process().log_tail(); }, converge_limit);
  if (const std::string differs = false_mismatch(daemon); !differs.empty()) {
    throw e2e::Failed(differs);
  }
}

void Campaign::expect_match(Daemon& daemon) {
  const auto readable =
      std::ranges::find_if(links_, [this](const std::string& link_id) { return !wants_owner(link_id); });
  if (readable == links_.end()) {
    return;
  }
  // A comparison leaves a moment between its requests, so it takes longer than one answer waits.
  std::string found;
  e2e::wait_until(
      "a comparison that finds everything right",
      [&] {
        (void)daemon.ask("POST", "/v1/links/" + *readable + "/verify?wait=10s");
        found = daemon.admin("GET", "/v1/links/" + *readable + "/verify")["report"]["result"].text();
        return found == "match";
      },
      [&] { return found + "\n" + daemon.process().log_tail(); }, match_limit);
}

std::string Campaign::changed_history(Daemon& daemon) {
  if (!follower_.read_again(daemon)) {
    return "the feed is not answered";
  }
  return feed_problem();
}

}  // namespace syncd::test::crash
