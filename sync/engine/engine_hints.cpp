#include "sync/engine/engine_impl.hpp"

// Webhooks: hints that there is news of a link.
namespace syncd::engine {

void Engine::restore_hint(const core::LinkId& link_id, std::uint64_t sequence) {
  const auto slot = impl_->table.find(link_id.str());
  if (!slot) return;
  impl_->hints.restore(*slot, sequence);
  if (visited_by_schedule(impl_->table.status(*slot))) impl_->want_now(*slot, core::Cause::webhook);
}

api::Task<core::Result<core::HintOutcome>> Engine::hint(core::LinkId link_id, core::Digest key) {
  return impl_->take_hint(std::move(link_id), key);
}

api::Task<core::Result<core::HintOutcome>> Engine::Impl::take_hint(core::LinkId link_id, core::Digest key) {
  const auto slot = table.find(link_id.str());
  if (!slot) co_return core::HintOutcome::unknown_link;
  // One that was resumed is visited at once anyway.
  if (!visited_by_schedule(table.status(*slot))) co_return core::HintOutcome::not_visited;
  if (stopping) co_return core::fail(core::Errc::cancelled, "the daemon stops");
  auto taken = co_await hints.take(*slot, std::move(link_id), key);
  if (!taken || *taken != core::HintOutcome::accepted) co_return taken;
  // The link may be purged by now, its hint with it, or a visit has answered it already.
  if (table.buried(*slot)) {
    hints.forget(*slot);
  } else if (hints.waiting(*slot) != 0 && visited_by_schedule(table.status(*slot))) {
    want_now(*slot, core::Cause::webhook);
  }
  co_return taken;
}

std::size_t Engine::hints_waiting() const {
  return impl_->hints.size();
}

void Engine::set_hints_max(std::size_t hints_max) {
  impl_->hints.set_limit(hints_max);
}

}  // namespace syncd::engine
