#include "sync/engine/engine_impl.hpp"

// What the scheduler does for the verifier.
namespace syncd::engine {

// Nothing may be asked about a link that an operator paused, that is gone, or whose data may be unreadable
// until its owner acts.
core::Result<void> Engine::Impl::may_ask(Slot slot) const {
  const LinkStatus status = table.status(slot);
  if (visited_by_schedule(status) && status != LinkStatus::relink) return {};
  return core::fail(core::Errc::conflict,
                    "the link is " + std::string(core::to_string(status)) + ": it cannot be verified");
}

api::Task<core::Result<void>> Engine::Impl::claim(core::LinkId link_id) {
  const auto slot = table.find(link_id.str());
  if (!slot) co_return core::fail(core::Errc::conflict, "the link is not registered any more");
  while (table.in_flight(*slot)) {
    const auto state = co_await boost::asio::this_coro::cancellation_state;
    if (stopping || state.cancelled() != boost::asio::cancellation_type::none) break;
    co_await visit_ended->wait();
  }
  if (stopping || table.in_flight(*slot)) co_return core::fail(core::Errc::cancelled, "the daemon stops");
  auto allowed = may_ask(*slot);
  if (!allowed) co_return allowed;
  claimed_due.reset();
  if (table.scheduled(*slot)) claimed_due = table.due(*slot);
  table.unschedule(*slot);
  table.set_in_flight(*slot, true);
  co_return core::Result<void>{};
}

void Engine::Impl::release(const core::LinkId& link_id) {
  const auto slot = table.find(link_id.str());
  assert(slot && table.in_flight(*slot));
  table.set_in_flight(*slot, false);
  reschedule(*slot, claimed_due.value_or(now_tick()));
  pump();
}

api::Task<void> Engine::Impl::until_idle(Slot slot, api::SteadyTime deadline) {
  using namespace boost::asio::experimental::awaitable_operators;
  while (table.in_flight(slot) && !stopping && timers.steady_now() < deadline) {
    const auto state = co_await boost::asio::this_coro::cancellation_state;
    if (state.cancelled() != boost::asio::cancellation_type::none) co_return;
    auto ended = visit_ended->wait();
    auto late = timers.sleep_until(deadline);
    co_await (std::move(ended) || std::move(late));
  }
}

api::Task<std::optional<core::CycleReport>> Engine::Impl::visit(core::LinkId link_id, bool with_accounts,
                                                                api::SteadyTime deadline) {
  const auto slot = table.find(link_id.str());
  if (!slot) co_return std::nullopt;
  co_await until_idle(*slot, deadline);
  if (table.in_flight(*slot) || stopping || !may_ask(*slot)) co_return std::nullopt;
  const auto executor = co_await boost::asio::this_coro::executor;
  CycleWaiter waiter{*slot, cycles_begun, false, std::nullopt, api::Waiters(executor)};
  if (with_accounts) accounts_asked = slot;
  // Due now, behind those that were due before.
  if (!table.urgent(*slot)) put_in_schedule(*slot, now_tick());
  co_await until_answered(waiter, deadline);
  accounts_asked.reset();
  co_return std::move(waiter.report);
}

void Engine::Impl::start_verifier(const api::IoExecutor& executor) {
  visit_ended = std::make_unique<api::Waiters>(executor);
  Verifier::Hooks hooks;
  hooks.links = [this] { return table.size(); };
  hooks.audited = [this](const core::LinkId& link_id) {
    const auto slot = table.find(link_id.str());
    return slot && table.status(*slot) == LinkStatus::active;
  };
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
