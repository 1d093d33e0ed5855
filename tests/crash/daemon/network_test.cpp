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

#include "tests/crash/daemon/campaign.hpp"
#include "tests/crash/daemon/fault_proxy.hpp"

// The real daemon over a network that breaks: whatever is lost, nothing half is applied, and afterwards all
// is right.
namespace syncd::test::crash {
namespace {

using e2e::Daemon;

constexpr std::chrono::seconds limit{120};  // against hanging only
constexpr int exit_unavailable = 69;
constexpr std::size_t check_every = 400;  // cuts
constexpr std::string_view link_body =
    R"({"accounts":1,"history_months":1,"transactions_per_month":6,"refresh_every_seconds":31536000})";

/// Cuts answers of one kind until each byte of the longest of them was a last one.
class Cuts {
 public:
  /// From now on no answer of this kind comes through.
  void hold(std::string kind) {
    const std::scoped_lock lock(mutex_);
    kind_ = std::move(kind);
    holds_ = true;
  }
  /// From now on cuts count; upstream must stand still until it is done. `askers`: links that it is asked
  /// for.
  void begin(std::size_t askers) {
    const std::scoped_lock lock(mutex_);
    holds_ = false;
    askers_ = askers;
    met_.clear();
    cut_.clear();
    made_ = 0;
  }

  Fault next(const Exchange& exchange) {
    const std::scoped_lock lock(mutex_);
    if (exchange.kind != kind_) return {};
    if (holds_) return {.way = Fault::Way::cut};
    if (is_done()) return {};
    met_.insert(exchange.link_id);
    const std::size_t size = exchange.answer.size();
    cut_.resize(std::max(cut_.size(), size));
    // A short answer whose own bytes are all done waits for the others, cut anywhere.
    std::size_t at = made_ % size;
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

  bool done() const {
    const std::scoped_lock lock(mutex_);
    return is_done();
  }
  bool all_met() const {
    const std::scoped_lock lock(mutex_);
    return met_.size() >= askers_;
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
  bool is_done() const { return met_.size() >= askers_ && std::ranges::find(cut_, false) == cut_.end(); }

  mutable std::mutex mutex_;
  std::string kind_;
  bool holds_ = false;
  std::size_t askers_ = 0;
  std::set<std::string> met_;  ///< links that were cut
  std::vector<bool> cut_;      ///< by place
  std::size_t made_ = 0;
};

e2e::Tuning tuning_through(const FaultProxy& proxy) {
  e2e::Tuning tuning = busy_tuning();
  tuning.base_url = proxy.url();
  return tuning;
}

class Network : public testing::Test {
 protected:
  void start(e2e::Tuning tuning) {
    daemon_ = std::make_unique<Daemon>(dir_.path() / "daemon", sandbox_, tuning);
    daemon_->start();
  }
  void start() { start(tuning_through(proxy_)); }

  void add_links(std::size_t count) {
    while (campaign_.links().size() < count) {
      ASSERT_TRUE(campaign_.add_link(*daemon_, link_body));
    }
  }

  void expect_all_right() {
    ASSERT_EQ(campaign_.broken_promise(*daemon_), "");
    ASSERT_NO_THROW(campaign_.expect_converged(*daemon_));
    ASSERT_EQ(campaign_.changed_history(*daemon_), "");
    EXPECT_EQ(proxy_.problems(), std::vector<std::string>{});
  }

  /// All links are visited again and again, each by somebody of its own, while `watch` looks on.
  void visit_all_until(const std::function<bool()>& done, const std::function<void()>& watch) {
    std::vector<std::jthread> visitors;
    for (const std::string& link_id : campaign_.links()) {
      visitors.emplace_back([this, link_id](const std::stop_token& stop) {
        while (!stop.stop_requested()) {
          static_cast<void>(daemon_->ask("POST", "/v1/links/" + link_id + "/sync?wait=5s"));
        }
      });
    }
    daemon_->wait_for(
        "the end of the faults",
        [&] {
          if (!daemon_->process().running()) {
            throw e2e::Failed("the daemon ended:\n" + daemon_->process().log_tail());
          }
          watch();
          return done();
        },
        limit);
  }

  std::map<std::string, e2e::LinkRows> rows() {
    std::map<std::string, e2e::LinkRows> out;
    for (const std::string& link_id : campaign_.links()) {
      out.emplace(link_id, e2e::stored_rows(*daemon_, link_id));
    }
    return out;
  }

  void cut_every_byte(const std::string& kind, const std::string& what, const std::function<void()>& change);
  void cut_every_byte_of_check(const std::string& kind);

  Fault plan(const Exchange& exchange) { return plan_ ? plan_(exchange) : cuts_.next(exchange); }

  e2e::ScratchDir dir_{e2e::fast_scratch_directory()};
  e2e::Sandbox sandbox_{dir_.path(), {"--no-budgets", "--seed", "31", "--refresh-failures", "0"}};
  Cuts cuts_;
  FaultProxy::Plan plan_;
  FaultProxy proxy_{sandbox_.url(), [this](const Exchange& exchange) { return plan(exchange); }};
  Campaign campaign_{sandbox_};
  std::unique_ptr<Daemon> daemon_;
};

// While a kind of answer is cut, what stands in it must not show anywhere: no row and no feed entry moves.
void Network::cut_every_byte(const std::string& kind, const std::string& what,
                             const std::function<void()>& change) {
  SCOPED_TRACE(what);
  cuts_.hold(kind);
  change();
  cuts_.begin(kind == "token" ? 1 : campaign_.links().size());
  std::size_t checked_at = 0;
  std::size_t checks = 0;
  std::optional<unsigned long long> head;
  std::map<std::string, e2e::LinkRows> held;
  const auto check = [&] {
    const std::string broken = campaign_.broken_promise(*daemon_);
    const auto now = rows();
    if (cuts_.done()) return;
    if (!broken.empty()) throw e2e::Failed(broken + "\n" + daemon_->process().log_tail());
    if (!head) {
      head = campaign_.feed_head();
      held = now;
      return;
    }
    ++checks;
    EXPECT_EQ(campaign_.feed_head(), *head) << "after " << cuts_.made() << " cuts";
    EXPECT_TRUE(now == held) << "after " << cuts_.made() << " cuts";
  };
  visit_all_until([&] { return cuts_.done(); },
                  [&] {
                    if (!cuts_.all_met() || (head && cuts_.made() < checked_at + check_every)) return;
                    check();
                    checked_at = cuts_.made();
                  });
  std::printf("%s: %zu cuts at %zu places, %zu checks\n", what.c_str(), cuts_.made(), cuts_.places(), checks);
  expect_all_right();
}

// The same for the answers that only `check-config --online` asks for: it must never take a part for an
// answer.
void Network::cut_every_byte_of_check(const std::string& kind) {
  SCOPED_TRACE("check-config, " + kind);
  const std::vector<std::string> command{SYNCD_PROGRAM, "check-config", "--online", "--config",
                                         daemon_->dir() / "config.toml"};
  cuts_.hold(kind);
  cuts_.begin(1);
  std::atomic<std::size_t> refused = 0;
  std::atomic<std::size_t> accepted = 0;
  {
    std::vector<std::jthread> askers;
    for (int i = 0; i < 3; ++i) {
      askers.emplace_back([&, i] {
        while (!cuts_.done()) {
          e2e::Process check(command, dir_.path() / ("check-" + std::to_string(i) + ".log"));
          const e2e::Ended ended = check.wait(limit);
          ++(ended.code == exit_unavailable ? refused : accepted);
          if (ended.code != exit_unavailable && ended.code != 0) {
            ADD_FAILURE() << "code " << ended.code.value_or(-1) << ", signal " << ended.signal << "\n"
                          << check.log_tail();
            return;
          }
        }
      });
    }
  }
  std::printf("check-config, %s: %zu cuts at %zu places\n", kind.c_str(), cuts_.made(), cuts_.places());
  EXPECT_EQ(refused, cuts_.made());
  e2e::Process last(command, dir_.path() / "check.log");
  EXPECT_EQ(last.wait(limit).code, 0) << last.log_tail();
  EXPECT_LE(accepted, 2U) << "only those that asked when all was cut";
}

TEST_F(Network, CutAtEveryByteOfWhatIsStored) {
  start();
  cut_every_byte("sync", "first page", [&] { add_links(4); });
  cut_every_byte("sync", "changes", [&] {
    for (const std::string& link_id : campaign_.links()) {
      campaign_.change_upstream(link_id);
    }
  });
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

TEST_F(Network, CutAtEveryByteOfWhoWeAre) {
  e2e::Tuning tuning = tuning_through(proxy_);
  tuning.upstream += "auth = \"token\"\n";
  cuts_.hold("token");
  start(tuning);
  cut_every_byte("token", "token", [&] { add_links(2); });
  cut_every_byte_of_check("token");
  cut_every_byte_of_check("introspect");
  // Where nobody knows that call, the list of links is asked for.
  sandbox_.control("PUT", "faults",
                   R"([{"match":{"endpoint":"introspect"},"fault":"status","status":404,"body":"{}",)"
                   R"("content_type":"application/json"}])");
  cut_every_byte_of_check("links");
}

// A list of links that did not come whole registers nobody and misses nobody. The list is asked for once a
// second.
TEST_F(Network, CutListRegistersNobody) {
  constexpr std::size_t cuts = 8;
  std::atomic<std::size_t> lists = 0;
  plan_ = [&](const Exchange& exchange) -> Fault {
    if (exchange.kind != "links" || lists >= cuts) return {};
    const std::size_t place = exchange.answer.size() * ++lists / (cuts + 1);
    return {.way = Fault::Way::cut, .at = place, .reset = lists % 3 == 0};
  };
  e2e::Tuning tuning = tuning_through(proxy_);
  tuning.discovery = "register";
  tuning.schedule += "discovery_interval = \"1s\"\n";
  const std::vector<std::string> listed =
      sandbox_.add_links(R"({"count":12,"accounts":1,"history_months":1})");
  start(tuning);
  daemon_->wait_for("the cut lists", [&] {
    const std::size_t known = daemon_->links().size();
    if (lists < cuts) EXPECT_EQ(known, 0U) << "after " << lists << " lists";
    return lists >= cuts;
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
