#include <algorithm>
#include <utility>

#include <boost/asio/experimental/awaitable_operators.hpp>

#include "sync/engine/engine_impl.hpp"

// What follows from comparing the lists of links.
namespace syncd::engine {

void Engine::Impl::begin_discovery() {
  discovering = true;
  group->spawn(discover());
}

// Below the guard of the disk nothing is asked and nothing registered: the lists are compared afterwards.
api::Task<void> Engine::Impl::discover() {
  while (!stopping && options.discovery) {
    if (on_hold) {
      co_await hold_ended->wait();
      continue;
    }
    compare_at_once = false;
    auto purged = [this](core::LinkId link_id) { return was_purged(std::move(link_id)); };
    const auto found = co_await compare_links(upstream, table, std::move(purged), on_hold);
    if (stopping) co_return;
    Registered registered;
    if (found) {
      registered = co_await act_on(*found);
    } else if (found.error().code == core::Errc::auth) {
      refuse_auth(found.error());
    } else if (found.error().code != core::Errc::cancelled) {
      observer.on_discovery_failed(found.error());
    }
    if (stopping) co_return;
    // What was given up for another reason is no hold: to ask again at once would spend the budget on it.
    const bool list_held = on_hold && !found && found.error().code == core::Errc::cancelled;
    if (list_held || registered.held) continue;
    // What did not fit into one list is registered by going through it again, at once.
    if (registered.count > 0 && found->only_upstream_count > registered.count) continue;
    co_await pause_discovery(!found);
  }
  discovering = false;
}

// Returns when the next comparison is due, or none is wanted any more.
api::Task<void> Engine::Impl::pause_discovery(bool failed) {
  using namespace boost::asio::experimental::awaitable_operators;
  const api::SteadyTime since = timers.steady_now();
  while (!stopping && options.discovery && !compare_at_once) {
    const core::Millis interval = options.discovery_interval;
    const api::SteadyTime next = since + (failed ? std::min(discovery_retry, interval) : interval);
    if (timers.steady_now() >= next) co_return;
    auto due = timers.sleep_until(next);
    auto changed = discovery_changed->wait();
    co_await (std::move(due) || std::move(changed));
  }
}

void Engine::Impl::set_discovery(const DiscoverySettings& settings) {
  const bool begins = settings.compares && !options.discovery;
  const bool registers_at_last = settings.registers && !options.discovery_registers;
  options.discovery = settings.compares;
  options.discovery_registers = settings.registers;
  options.discovery_interval = settings.interval;
  if (!running || stopping) return;
  compare_at_once |= begins || registers_at_last;
  if (options.discovery && !discovering) {
    begin_discovery();
  } else {
    discovery_changed->notify_all();
  }
}

api::Task<Engine::Impl::Registered> Engine::Impl::act_on(const Differences& found) {
  Registered registered;
  observer.on_discovery(found.only_upstream, found.only_upstream_count, found.only_here,
                        found.only_here_count);
  if (options.discovery_registers) {
    for (const core::LinkId& link_id : found.only_upstream) {
      registered.held = on_hold;
      if (stopping || on_hold) co_return registered;
      const bool purged = co_await was_purged(link_id);  // since the lists were compared
      if (stopping) co_return registered;
      if (purged) continue;
      NewLink link{link_id, {}, {}};
      const auto added = co_await add_link(std::move(link), core::Cause::backfill, std::nullopt);
      if (added) {
        ++registered.count;
        observer.on_registered();
      }
      if (!added) observer.on_discovery_failed(added.error());
    }
  }
  for (std::size_t i = 0; i < std::min(found.only_here.size(), probes_per_discovery_max); ++i) {
    const auto slot = table.find(found.only_here[i].str());
    if (slot && visited_by_schedule(table.status(*slot))) want_now(*slot, core::Cause::probe);
  }
  co_return registered;
}

}  // namespace syncd::engine
