#include <array>
#include <atomic>
#include <cstdio>
#include <map>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/crash/daemon/network.hpp"

// A network that falls silent, ends connections at the worst moment, and brings what nobody has sent.
namespace syncd::test::crash {
namespace {

std::size_t count_of(const std::string& text, std::string_view part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
    ++count;
  }
  return count;
}

// ---- silence ----

constexpr std::size_t half = 1'000'000;  // of an answer
constexpr std::size_t most = 1'000'001;  // all but its last byte
constexpr std::array<std::size_t, 8> silences{0, 0, 1, 12, 60, 140, half, most};

/// The next answer to each of the first links falls silent, each at another byte.
class Silence : public Network {
 protected:
  Silence() {
    proxy_.follow([this](const Exchange& exchange) { return plan(exchange); });
  }

  /// Links that fall silent at the next answer of transactions.
  void fall_silent(std::size_t count) {
    const std::scoped_lock lock(mutex_);
    for (std::size_t i = 0; i < count; ++i) {
      waiting_.emplace(campaign_.links()[i], silences.at(i));
    }
  }

  Fault plan(const Exchange& exchange) {
    const std::scoped_lock lock(mutex_);
    const auto found = exchange.kind == "sync" ? waiting_.find(exchange.link_id) : waiting_.end();
    if (found == waiting_.end()) return {};
    const std::size_t size = exchange.answer.size();
    const std::size_t at = found->second;
    waiting_.erase(found);
    return {.way = Fault::Way::stall, .at = at == half ? size / 2 : at == most ? size - 1 : at};
  }

  std::mutex mutex_;
  std::map<std::string, std::size_t> waiting_;
};

// Nobody but those whose answers are missing waits, and what came of those answers counts for nothing.
TEST_F(Silence, IsGivenUpAndAskedAgain) {
  e2e::Tuning tuning = tuning_through_proxy();
  tuning.upstream = "connections = 12\n";
  tuning.daemon = "workers = 12\n";
  start(tuning);
  add_links(silences.size() + 1);
  expect_all_right();
  const std::string healthy = campaign_.links().back();
  const auto before = rows();
  fall_silent(silences.size());
  change_all();
  for (const std::string& link_id : campaign_.links()) {
    if (link_id != healthy) ASSERT_TRUE(campaign_.visit(*daemon_, link_id));
  }
  daemon_->wait_for("all to be silent", [&] { return proxy_.stalling() == silences.size(); });
  for (int i = 0; i < 5; ++i) {
    campaign_.change_upstream(healthy);
    ASSERT_TRUE(campaign_.visit_and_wait(*daemon_, healthy));
    EXPECT_EQ(e2e::first_difference(e2e::truth_of(sandbox_, healthy), e2e::stored_rows(*daemon_, healthy)),
              "");
  }
  const auto meanwhile = rows();
  ASSERT_EQ(proxy_.stalling(), silences.size()) << "too slow to look at it";
  for (const auto& [link_id, held] : before) {
    EXPECT_EQ(held == meanwhile.at(link_id), link_id != healthy) << link_id;
  }
  daemon_->wait_for("the daemon to give up", [&] { return proxy_.given_up() == silences.size(); });
  expect_all_right();
  const std::string log = daemon_->log();
  EXPECT_EQ(count_of(log, "no answer within 30000 ms"), 2U);
  EXPECT_EQ(count_of(log, "answer slower than 1024 bytes a second"), silences.size() - 2);
  EXPECT_EQ(count_of(log, "cycle failed"), silences.size());
}

TEST_F(Silence, ThatEndsIsNoFailure) {
  e2e::Tuning tuning = tuning_through_proxy();
  tuning.upstream = "connections = 12\n";
  tuning.daemon = "workers = 12\n";
  start(tuning);
  add_links(silences.size());
  expect_all_right();
  fall_silent(silences.size());
  change_all();
  for (const std::string& link_id : campaign_.links()) {
    ASSERT_TRUE(campaign_.visit(*daemon_, link_id));
  }
  daemon_->wait_for("all to be silent", [&] { return proxy_.stalling() == silences.size(); });
  proxy_.release();
  expect_all_right();
  EXPECT_EQ(proxy_.given_up(), 0U);
  EXPECT_EQ(count_of(daemon_->log(), "cycle failed"), 0U);
}

// ---- kept connections that end ----

struct Ending {
  Fault fault;
  const char* name;
};
const std::array<Ending, 6> endings{{
    {{.way = Fault::Way::close_behind}, "at once"},
    {{.way = Fault::Way::close_behind, .reset = true}, "at once, by a reset"},
    {{.way = Fault::Way::close_behind, .pause = std::chrono::milliseconds{1}}, "a moment later"},
    {{.way = Fault::Way::half_close}, "one half"},
    {{.way = Fault::Way::close_under_next}, "under the next request"},
    {{.way = Fault::Way::close_under_next, .reset = true}, "under the next request, by a reset"},
}};
constexpr std::size_t ends_of_each = 200;

class KeptConnections : public Network {
 protected:
  KeptConnections() {
    proxy_.follow([this](const Exchange&) -> Fault {
      const std::size_t number = made_++;
      if (number >= ends_of_each * endings.size()) return {};
      return endings.at(number % endings.size()).fault;
    });
  }

  std::atomic<std::size_t> made_ = 0;
};

// The answer before the end has come whole, so no visit may fail: the request that met the end goes out
// again.
TEST_F(KeptConnections, ThatEndFailNoVisit) {
  start(tuning_through_proxy());
  add_links(6);
  std::size_t changes = 0;
  visit_all_until([&] {
    ++changes;
    change_all();
    return made_ >= ends_of_each * endings.size();
  });
  expect_all_right();
  EXPECT_EQ(visits_.failed, 0U);
  EXPECT_EQ(count_of(daemon_->log(), "cycle failed"), 0U) << daemon_->process().log_tail();
  const std::string stale = daemon_->metric("moneykit_syncd_api_stale_connections_total");
  std::printf("%zu ends behind answers, %zu visits, %zu rounds of changes, %s connections found closed\n",
              ends_of_each * endings.size(), visits_.good.load(), changes, stale.c_str());
  // When one is met all idle ones are dropped, so fewer are met than ended.
  EXPECT_GE(std::stoul(stale), ends_of_each) << "the ends were not met";
}

// ---- bytes that are no answer ----

constexpr std::size_t garbage_max = 600;

class Garbage : public Network {
 protected:
  Garbage() {
    proxy_.follow([this](const Exchange& exchange) { return plan(exchange); });
  }

  std::string noise(std::size_t size) {
    std::string out(size, '\0');
    for (char& byte : out) {
      byte = static_cast<char>(std::uniform_int_distribution<int>(0, 255)(random_));
    }
    return out;
  }

  /// An answer that was true, but for another link.
  std::string of_another(const Exchange& exchange) {
    for (const auto& [link_id, answer] : answers_[exchange.kind]) {
      if (link_id != exchange.link_id) return answer;
    }
    return noise(100);
  }

  Fault plan(const Exchange& exchange) {
    answers_[exchange.kind][exchange.link_id] = exchange.answer;
    // Every second one comes through, so that there is always something to spoil.
    if (++answers_count_ % 2 == 0 || made_ >= garbage_max) return {};
    const std::size_t body = exchange.answer.find("\r\n\r\n") + 4;
    const std::size_t size = std::uniform_int_distribution<std::size_t>(1, 3'000)(random_);
    const std::chrono::milliseconds pause{size % 3};
    switch (made_++ % 7) {
      case 0:
        return {.way = Fault::Way::other_bytes, .bytes = noise(size)};
      case 1:
        return {.way = Fault::Way::other_bytes, .bytes = "HTTP/1.1 200 OK\r\n" + noise(size)};
      case 2:
        return {.way = Fault::Way::other_bytes,
                .bytes = exchange.answer.substr(0, body) + noise(exchange.answer.size() - body)};
      case 3:
        return {.way = Fault::Way::other_bytes, .bytes = of_another(exchange)};
      case 4:
        return {.way = Fault::Way::more_bytes, .bytes = of_another(exchange)};
      case 5:
        return {.way = Fault::Way::late_bytes, .bytes = of_another(exchange)};
      default:
        return {.way = Fault::Way::late_bytes, .pause = pause, .bytes = of_another(exchange)};
    }
  }

  std::mt19937 random_{7};
  std::map<std::string, std::map<std::string, std::string>> answers_;  ///< the last ones, by kind and link
  std::size_t answers_count_ = 0;
  std::atomic<std::size_t> made_ = 0;
};

TEST_F(Garbage, BecomesNobodysAnswer) {
  e2e::Tuning tuning = tuning_through_proxy();
  tuning.cycle += "protocol_failures_max = 1000\n";
  start(tuning);
  add_links(6);
  visit_all_until([&] {
    change_all();
    return made_ >= garbage_max;
  });
  expect_all_right();
  std::map<std::string, std::string> owners;
  for (const e2e::Json& entry : daemon_->list("/v1/feed")) {
    const std::string link_id = entry["link_id"].text();
    const auto known = owners.emplace(entry["id"].text(), link_id).first;
    EXPECT_EQ(known->second, link_id) << "a row of another link: " << entry.canonical();
  }
  std::printf("%zu answers spoilt, %zu visits failed, %zu did not, feed of %llu entries\n", made_.load(),
              visits_.failed.load(), visits_.good.load(), campaign_.feed_head());
  EXPECT_GT(visits_.failed, garbage_max / 7 * 3) << "the garbage was not met";
}

}  // namespace
}  // namespace syncd::test::crash
