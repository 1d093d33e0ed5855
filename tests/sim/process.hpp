#pragma once

#include <cstdint>

#include <boost/asio/io_context.hpp>

#include "sync/api/moneykit_api.hpp"
#include "sync/api/rate_gate.hpp"
#include "sync/core/planner.hpp"
#include "sync/core/purge.hpp"
#include "sync/engine/engine.hpp"
#include "sync/engine/verify.hpp"
#include "tests/sim/settings.hpp"
#include "tests/sim/sim_store_port.hpp"
#include "tests/sim/sim_transport.hpp"

namespace syncd::test {

// What every process of one world is started with; outlives them all.
struct Surroundings {
  VirtualTimers& timers;
  boost::asio::io_context& io;
  sandbox::Upstream& upstream;
  ModelStore& store;
  const FaultWeights& weights;
  const Settings& settings;
  engine::EngineObserver& observer;
  CommitWatcher& commits;
  WireWatcher& wire;
};

// What a start makes and a stop or crash takes away.
struct Process {
  Process(const Surroundings& around, std::uint64_t seed)
      : transport(around.timers, around.upstream, around.weights, state, around.wire, seed),
        gate(around.timers, around.settings.budgets),
        client(transport, gate, around.timers, around.settings.api, [](const core::HttpReport&) {}),
        port(around.timers, around.io, around.store, around.weights, state, seed + 1, around.commits),
        engine(around.timers, client, gate, port, around.observer, around.settings.engine) {}

  // The steps of daemon/app.cpp between opening the store and being ready, in their order: open_store,
  // restore_budgets, register_links, live. A change there belongs here, too.
  void start(ModelStore& store, const engine::EngineOptions& options, boost::asio::io_context& io) {
    store.reopen();
    restore_budgets(store, options.workers);
    for (const auto& [link_id, record] : store.links) {
      engine.register_stored({.link_id = link_id,
                              .status = record.status,
                              .next_due_at = record.next_due_at,
                              .last_success_at = record.last_success_at,
                              .added_at = record.added_at,
                              .recent_sends = record.recent_sends,
                              .institution_id = record.institution_id,
                              .provider = record.provider,
                              .upstream_error_code = record.upstream_error_code});
    }
    if (const auto note = store.notes.find(std::string(core::planner_note)); note != store.notes.end())
      engine.restore_planner(note->second);
    if (const auto note = store.notes.find(std::string(engine::incidents_note)); note != store.notes.end())
      engine.restore_incidents(note->second);
    if (const auto note = store.notes.find(std::string(core::purged_sends_note)); note != store.notes.end())
      engine.restore_purged_sends(note->second);
    for (const core::Hint& hint : store.hints())
      engine.restore_hint(hint.link_id, hint.sequence);
    engine.start(io.get_executor());
  }

  // As daemon/app_live.cpp: the store's queue ends behind everything that may use it.
  api::Task<void> stop(api::SteadyTime grace_end) {
    co_await engine.stop(grace_end);
    co_await port.stop();
  }

  ProcessState state;
  SimTransport transport;
  api::RateGate gate;
  api::MoneykitApi client;
  SimStorePort port;
  engine::Engine engine;

 private:
  void restore_budgets(ModelStore& store, std::uint32_t workers) {
    const std::string note = std::exchange(store.clean_stop_note, {});  // taken: a crash finds none
    if (!note.empty() && gate.restore(note)) {
      for (const api::BudgetUse& use : gate.use()) {
        if (use.frozen_until) store.freezes[use.endpoint] = *use.frozen_until;
      }
      return;
    }
    for (const auto& [endpoint, until] : store.freezes)
      gate.freeze(endpoint, until);
    gate.assume_crash(workers + engine::verifies_in_flight_max);
  }
};

}  // namespace syncd::test
