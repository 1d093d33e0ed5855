#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "tests/crash/daemon/network.hpp"

// Answers that end too early, at each of their bytes: nothing half is applied, and afterwards all is right.
namespace syncd::test::crash {
namespace {

constexpr int exit_unavailable = 69;
constexpr std::size_t check_every = 250;  // cuts

/// Cuts answers of one kind until each byte of the longest of them was a last one.
class Cuts {
 public:
  /// From now on no answer of this kind comes through.
  void hold(std::string kind) {
    const std::scoped_lock lock(mutex_);
    kind_ = std::move(kind);
    state_ = State::holds;
    met_.clear();
  }
  /// How many links were held since, each at least once.
  std::size_t met() const {
    const std::scoped_lock lock(mutex_);
    return met_.size();
  }
  void forget_met() {
    const std::scoped_lock lock(mutex_);
    met_.clear();
  }
  /// From now on cuts count; upstream must stand still. `askers`: how many links ask.
  void begin(std::size_t askers) {
    const std::scoped_lock lock(mutex_);
    state_ = State::cuts;
    askers_ = askers;
    met_.clear();
    cut_.clear();
    made_ = 0;
  }
  bool all_cut() const {
    const std::scoped_lock lock(mutex_);
    return met_.size() >= askers_ && std::ranges::find(cut_, false) == cut_.end();
  }
  void let_through() {
    const std::scoped_lock lock(mutex_);
    state_ = State::passes;
  }

  Fault next(const Exchange& exchange) {
    const std::scoped_lock lock(mutex_);
    if (exchange.kind != kind_ || state_ == State::passes) return {};
    met_.insert(exchange.link_id);
    if (state_ == State::holds) return {.way = Fault::Way::cut};
    const std::size_t size = exchange.answer.size();
    cut_.resize(std::max(cut_.size(), size));
    // A short answer whose own bytes are all done waits for the others.
    std::size_t at = size / 2;
    for (std::size_t open = size; open > 0; --open) {
      if (!cut_[open - 1]) {
        at = open - 1;
        break;
      }
    }
    cut_[at] = true;
    ++made_;
    return {.way = Fault::Way::cut, .at = at, .reset = at % 3 == 0};
  }

  std::size_t made() const {
    const std::scoped_lock lock(mutex_);
    return made_;
  }
  /// Different places.
  std::size_t places() const {
    const std::scoped_lock lock(mutex_);
    return static_cast<std::size_t>(std::ranges::count(cut_, true));
  }

 private:
  enum class State : unsigned char { passes, holds, cuts };

  mutable std::mutex mutex_;
  State state_ = State::passes;
  std::string kind_;
  std::size_t askers_ = 0;
  std::set<std::string> met_;  ///< links whose answers were kept back
  std::vector<bool> cut_;      ///< by place
  std::size_t made_ = 0;
};

class Cutting : public Network {
 protected:
  Cutting() {
    proxy_.follow([this](const Exchange& exchange) { return cuts_.next(exchange); });
  }

  void cut_every_byte(const std::string& kind, const std::string& what, const std::function<void()>& change);
  void cut_every_byte_of_check(const std::string& kind, std::size_t resent);

  Cuts cuts_;
};

// While a kind of answer is cut, what stands in it must not show anywhere: no row and no feed entry moves.
void Cutting::cut_every_byte(const std::string& kind, const std::string& what,
                             const std::function<void()>& change) {
  SCOPED_TRACE(what);
  cuts_.hold(kind);
  change();
  const std::size_t askers = kind == "token" ? 1 : campaign_.links().size();
  cuts_.forget_met();
  visit_all_until([&] { return cuts_.met() == askers; });
  ASSERT_EQ(campaign_.broken_promise(*daemon_), "");
  const unsigned long long head = campaign_.feed_head();
  const auto held = rows();
  std::size_t checks = 0;
  const auto check = [&] {
    const std::string broken = campaign_.broken_promise(*daemon_);
    const bool moved = campaign_.feed_head() != head || rows() != held;
    if (!broken.empty() || moved) {
      throw e2e::Failed(broken + " after " + std::to_string(cuts_.made()) + " cuts, the feed at " +
                        std::to_string(campaign_.feed_head()) + " instead of " + std::to_string(head));
    }
    ++checks;
  };
  cuts_.begin(askers);
  visit_all_until([&] {
    if (cuts_.made() >= (checks + 1) * check_every) check();
    return cuts_.all_cut();
  });
  check();
  std::printf("%s: %zu cuts at %zu places, %zu checks\n", what.c_str(), cuts_.made(), cuts_.places(), checks);
  cuts_.let_through();
  expect_all_right();
}

// The same for the answers that only `check-config --online` asks for: it must never take a part for all.
// `resent`: requests that went out once more, because their connection was kept and nothing came over it.
void Cutting::cut_every_byte_of_check(const std::string& kind, std::size_t resent) {
  SCOPED_TRACE("check-config, " + kind);
  const std::vector<std::string> command{SYNCD_PROGRAM, "check-config", "--online", "--config",
                                         daemon_->dir() / "config.toml"};
  cuts_.hold(kind);
  cuts_.begin(1);
  std::atomic<std::size_t> refused = 0;
  std::atomic<bool> wrong = false;
  const auto ask = [&](const std::filesystem::path& log) {
    while (!wrong && !cuts_.all_cut()) {
      e2e::Process check(command, log);
      const e2e::Ended ended = check.wait(network_limit);
      wrong = wrong || ended.code != exit_unavailable;
      EXPECT_EQ(ended.code, exit_unavailable) << check.log_tail();
      ++refused;
    }
  };
  {
    const std::jthread one(ask, dir_.path() / "check-1.log");
    const std::jthread two(ask, dir_.path() / "check-2.log");
  }
  std::printf("check-config, %s: %zu cuts at %zu places\n", kind.c_str(), cuts_.made(), cuts_.places());
  EXPECT_EQ(refused + resent, cuts_.made());
  cuts_.let_through();
  e2e::Process last(command, dir_.path() / "check.log");
  EXPECT_EQ(last.wait(network_limit).code, 0) << last.log_tail();
  EXPECT_EQ(proxy_.problems(), std::vector<std::string>{});
}

TEST_F(Cutting, EveryByteOfWhatIsStored) {
  start(tuning_through_proxy());
  cut_every_byte("sync", "first page", [&] { add_links(4); });
  cut_every_byte("sync", "changes", [&] { change_all(); });
  cut_every_byte("sync", "nothing new", [] {});
  cut_every_byte("accounts", "other accounts", [&] {
    for (const std::string& link_id : campaign_.links()) {
      sandbox_.control("POST", "links/" + link_id + "/relink",
                       R"({"username":"user_good","password":"pass_good","new_accounts":true})");
    }
  });
  for (const std::string& link_id : campaign_.links()) {
    campaign_.ask_for_owner(link_id);
  }
  expect_all_right();
  cut_every_byte("link", "repaired link", [&] {
    for (const std::string& link_id : campaign_.links()) {
      campaign_.repair(link_id);
    }
  });
}

TEST_F(Cutting, EveryByteOfToken) {
  e2e::Tuning tuning = tuning_through_proxy();
  tuning.upstream += "auth = \"token\"\n";
  start(tuning);
  cut_every_byte("token", "token", [&] { add_links(2); });
}

TEST_F(Cutting, EveryByteOfWhoWeAre) {
  prepare(tuning_through_proxy());
  cut_every_byte_of_check("introspect", 0);
}

// Where nobody knows the call that tells who we are, the list of links is asked for.
TEST_F(Cutting, EveryByteOfList) {
  sandbox_.control("PUT", "faults",
                   R"([{"match":{"endpoint":"introspect"},"fault":"status","status":404,"body":"{}",)"
                   R"("content_type":"application/json"}])");
  prepare(tuning_through_proxy());
  cut_every_byte_of_check("links", 1);
}

class CutList : public Network {
 protected:
  static constexpr std::size_t cuts = 8;

  CutList() {
    proxy_.follow([this](const Exchange& exchange) -> Fault {
      if (exchange.kind != "links" || lists_ >= cuts) return {};
      const std::size_t place = exchange.answer.size() * ++lists_ / (cuts + 1);
      return {.way = Fault::Way::cut, .at = place, .reset = lists_ % 3 == 0};
    });
  }

  std::atomic<std::size_t> lists_ = 0;
};

// A list of links that did not come whole registers nobody and misses nobody. The list is asked for once a
// second.
TEST_F(CutList, RegistersNobody) {
  e2e::Tuning tuning = tuning_through_proxy();
  tuning.discovery = "register";
  tuning.schedule += "discovery_interval = \"1s\"\n";
  const std::vector<std::string> listed =
      sandbox_.add_links(R"({"count":12,"accounts":1,"history_months":1})");
  start(tuning);
  daemon_->wait_for("the cut lists", [&] {
    const std::size_t known = daemon_->links().size();
    const bool over = lists_ >= cuts;
    EXPECT_TRUE(over || known == 0) << "after " << lists_ << " lists";
    return over;
  });
  daemon_->wait_for("the list to be registered", [&] { return daemon_->links().size() == listed.size(); });
  const auto links = daemon_->links();
  for (const std::string& link_id : listed) {
    EXPECT_TRUE(links.contains(link_id)) << link_id;
  }
  EXPECT_EQ(proxy_.problems(), std::vector<std::string>{});
}

}  // namespace
}  // namespace syncd::test::crash
