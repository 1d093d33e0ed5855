#include "sync/engine/engine_impl.hpp"

// What the scheduler does for the verifier.
namespace syncd::engine {

// Nothing may be asked about a link that an operator paused, that is gone, or whose data may be unreadable
// until its owner acts.
core::Result<void> Engine::Impl::may_ask(Slot slot) const {
  const LinkStatus status = table.status(slot);
  if (visited_by_schedule(status) && status != LinkStatus::relink) return {};
  return core::fail(
      core::Errc::conflict,
      "the link is " + std::string(core::to_string(status)) +
          (status == LinkStatus::relink ? ": its owner must sign in again before it can be verified"
                                        : ": only links that are visited can be verified"));
}

std::optional<Obstacle> Engine::Impl::service_obstacle() const {
  if (stopping) return Obstacle{"stopped", "the daemon stops", true};
  if (on_hold) return Obstacle{"hold", "nothing is fetched now: the store has no room", true};
  if (auth_refused) return Obstacle{"auth", "upstream refuses our credentials", true};
  if (!store.healthy()) return Obstacle{"storage", "the store has failed", true};
  return std::nullopt;
}

std::optional<Obstacle> Engine::Impl::obstacle(const core::LinkId& link_id) const {
  if (auto found = service_obstacle()) return found;
  const auto slot = table.find(link_id.str());
  if (!slot) return Obstacle{"not_found", "the link is not registered any more"};
  const auto allowed = may_ask(*slot);
  if (!allowed) return Obstacle{"status", allowed.error().message};
  return std::nullopt;
}

api::Task<std::optional<Obstacle>> Engine::Impl::claim(core::LinkId link_id) {
  for (;;) {
    const auto state = co_await boost::asio::this_coro::cancellation_state;
    if (state.cancelled() != boost::asio::cancellation_type::none)
      co_return Obstacle{"stopped", "the daemon stops", true};
    auto found = obstacle(link_id);
    if (found) co_return found;
    if (!table.in_flight(*table.find(link_id.str()))) break;
    co_await visit_ended->wait();
  }
  const Slot slot = *table.find(link_id.str());
  claimed = {.slot = slot, .due = {}, .urgent = table.urgent(slot), .wanted_cause = table.wanted_cause(slot)};
  if (table.scheduled(slot)) claimed.due = table.due(slot);
  leave_hinted(slot);  // release() puts it back; the queue would drop it meanwhile
  // What is wanted from now on is told apart from what was.
  table.set_wanted_cause(slot, 0);
  table.unschedule(slot);
  table.set_in_flight(slot, true);
  co_return std::nullopt;
}

void Engine::Impl::release(const core::LinkId&) {
  const Slot slot = claimed.slot;
  assert(table.in_flight(slot));
  const bool asked = table.wanted_cause(slot) != 0;
  const bool by_hand = claimed.wanted_cause == static_cast<std::uint8_t>(core::Cause::manual);
  if (!asked || by_hand) table.set_wanted_cause(slot, claimed.wanted_cause);
  table.set_in_flight(slot, false);
  if (visited_by_schedule(table.status(slot))) {
    if (asked || claimed.urgent) {
      put_urgent(slot);
    } else {
      put_in_schedule(slot, claimed.due.value_or(now_tick()));
    }
  }
  pump();
}

void Engine::Impl::listen(const core::LinkId& link_id, std::shared_ptr<core::VisitNews> news) {
  listened_to = news ? table.find(link_id.str()) : std::nullopt;
  listener = std::move(news);
}

api::Task<void> Engine::Impl::until_idle(const core::LinkId& link_id, Slot slot, api::SteadyTime deadline) {
  using namespace boost::asio::experimental::awaitable_operators;
  while (table.in_flight(slot) && !obstacle(link_id) && timers.steady_now() < deadline) {
    const auto state = co_await boost::asio::this_coro::cancellation_state;
    if (state.cancelled() != boost::asio::cancellation_type::none) co_return;
    auto ended = visit_ended->wait();
    auto late = timers.sleep_until(std::min(deadline, timers.steady_now() + verify_look_every));
    co_await (std::move(ended) || std::move(late));
  }
}

api::Task<std::expected<core::CycleReport, Obstacle>> Engine::Impl::visit(core::LinkId link_id,
                                                                          bool with_accounts,
                                                                          api::SteadyTime deadline) {
  const auto slot = table.find(link_id.str());
  if (!slot) co_return std::unexpected(*obstacle(link_id));
  co_await until_idle(link_id, *slot, deadline);
  auto found = obstacle(link_id);
  if (found) co_return std::unexpected(*std::move(found));
  if (!table.in_flight(*slot)) {
    const auto executor = co_await boost::asio::this_coro::executor;
    CycleWaiter waiter{*slot, cycles_begun, false, std::nullopt, api::Waiters(executor)};
    waiter.by_verify = true;
    if (with_accounts) accounts_asked = slot;
    // Due now, behind those that were due before. One that waits with a cause of its own comes by itself.
    if (table.wanted_cause(*slot) == 0 && !table.urgent(*slot)) put_in_schedule(*slot, now_tick());
    co_await until_answered(waiter, deadline);
    accounts_asked.reset();
    if (waiter.report) co_return *std::move(waiter.report);
    found = obstacle(link_id);
    if (found) co_return std::unexpected(*std::move(found));
  }
  co_return std::unexpected(Obstacle{"busy", "an ordinary visit of the link did not come to an end"});
}

void Engine::Impl::start_verifier(const api::IoExecutor& executor) {
  visit_ended = std::make_unique<api::Waiters>(executor);
  Verifier::Hooks hooks;
  hooks.links = [this] { return table.size(); };
  hooks.known = [this](const core::LinkId& link_id) { return table.find(link_id.str()).has_value(); };
  hooks.audited = [this](const core::LinkId& link_id) {
    const auto slot = table.find(link_id.str());
    return slot && table.status(*slot) == LinkStatus::active && !outages.holds(*slot);
  };
  hooks.may_ask = [this] { return !service_obstacle(); };
  hooks.store_failed = [this](const core::Error& error) { observer.on_store_failed(error); };
  hooks.ended = [this](const VerifyOutcome& outcome) {
    observer.on_verify(outcome.report);
    if (!outcome.error) return;
    if (outcome.error->code == core::Errc::auth) refuse_auth(*outcome.error);
    if (outcome.error->code == core::Errc::storage) observer.on_store_failed(*outcome.error);
  };
  const VerifyContext context{timers, upstream, gate, store, options.policy, stopping, *this};
  verifier = std::make_unique<Verifier>(context, executor, std::move(hooks));
  group->spawn(verifier->run());
}

core::Result<void> Engine::Impl::want_verify(const core::LinkId& link_id) {
  const auto slot = table.find(link_id.str());
  if (!slot) return core::fail(core::Errc::not_found, "no such link");
  auto allowed = may_ask(*slot);
  if (!allowed) return allowed;
  if (!verifier || stopping) return core::fail(core::Errc::cancelled, "the daemon is starting or stopping");
  return verifier->want(link_id);
}

}  // namespace syncd::engine
