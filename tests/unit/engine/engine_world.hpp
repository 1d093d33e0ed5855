#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "sync/engine/engine.hpp"
#include "tests/unit/api/fake_upstream.hpp"
#include "tests/unit/engine/memory_store.hpp"
#include "tests/unit/engine/requester.hpp"
#include "tests/unit/engine/virtual_io.hpp"

// The engine on a scripted upstream and a store in memory, in virtual time.
namespace syncd::test {

class NotingObserver final : public engine::EngineObserver {
 public:
  void on_cycle(const core::CycleReport& report) override { cycles.push_back(report); }
  void on_auth_incident(bool refused, const core::Error&) override { incidents.push_back(refused); }
  void on_discovery(const std::vector<core::LinkId>&, std::uint64_t, const std::vector<core::LinkId>&,
                    std::uint64_t) override {}
  void on_discovery_failed(const core::Error&) override {}
  void on_store_failed(const core::Error&) override {}
  void on_incident(const core::IncidentEvent& event) override { outages.push_back(event); }
  void on_purged(const core::LinkId& link_id, bool by_retention, const core::Counts&) override {
    purged.emplace_back(link_id.str(), by_retention);
  }

  void on_refresh(const core::LinkId&, core::RefreshProduct, core::RefreshStage stage) override {
    refreshes.push_back(stage);
  }

  std::vector<core::CycleReport> cycles;
  std::vector<core::RefreshStage> refreshes;
  std::vector<core::IncidentEvent> outages;
  std::vector<bool> incidents;  // true: began
  std::vector<std::pair<std::string, bool>> purged;
};

inline std::string link_of(const std::string& target) {
  const std::size_t begin = std::string("/links/").size();
  return target.substr(begin, target.find('/', begin) - begin);
}

// A page without rows.
inline api::HttpReply empty_page(const std::string& link_id, const std::string& next, bool more) {
  return json_reply(200, R"({"transactions":{"created":[],"updated":[],"removed":[]},"accounts":[],)"
                         R"("cursor":{"next":")" +
                             next + R"("},"has_more":)" + (more ? "true" : "false") +
                             R"(,"link":{"link_id":")" + link_id +
                             R"(","state":"connected","products":{"transactions":{}}}})");
}

// A bank without news: every page is the last one and empty.
inline api::HttpReply no_news(const api::HttpCall& call) {
  const std::string link_id = link_of(call.target);
  if (call.target == "/links/" + link_id)
    return json_reply(
        200, R"({"link_id":")" + link_id + R"(","state":"connected","products":{"transactions":{}}})");
  return empty_page(link_id, "c1", false);
}

struct EngineWorld {
  explicit EngineWorld(api::Budgets budgets = {}, engine::EngineOptions options = {})
      : gate(io.timers, budgets), upstream(transport, gate, io.timers, {}, [](const core::HttpReport&) {}) {
    options.discovery = options.discovery_registers;  // where nothing follows from it, it is in the way
    engine.emplace(io.timers, upstream, gate, store, observer, options);
  }
  ~EngineWorld() {
    stop();
    io.settle();
  }

  // A stored link whose accounts need no pull.
  void know(const std::string& link_id, core::WallTime due,
            core::LinkStatus status = core::LinkStatus::active) {
    core::LinkRecord record;
    record.link_id = core::LinkId{link_id};
    record.next_due_at = due;
    record.status = status;
    record.accounts_wanted = false;
    record.accounts_pulled_at = io.timers.wall_now();
    record.cursor = core::Cursor{"c0"};
    store.links[link_id] = record;
    engine->register_stored(
        {.link_id = record.link_id, .status = status, .next_due_at = due, .recent_sends = {}});
  }
  void start() { engine->start(io.io.get_executor()); }
  void stop() {
    if (stopped) return;
    stopped = true;
    io.start(engine->stop(io.timers.steady_now()));
  }
  core::WallTime now() { return io.timers.wall_now(); }

  VirtualIo io;
  FakeTransport::Upstream answer = no_news;
  FakeTransport transport{[this](const api::HttpCall& call) { return answer(call); }};
  api::RateGate gate;
  api::MoneykitApi upstream;
  MemoryStore store;
  NotingObserver observer;
  std::optional<engine::Engine> engine;
  bool stopped = false;
};

}  // namespace syncd::test
