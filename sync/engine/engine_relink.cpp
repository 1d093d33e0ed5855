#include <cassert>
#include <utility>

#include "sync/engine/engine_impl.hpp"

// What a person does to an entry of the relink queue.
namespace syncd::engine {

namespace {

core::Error no_entry() {
  return {.code = core::Errc::not_found,
          .message = "the link has never needed its owner: it has no relink entry"};
}

}  // namespace

Engine::Impl::Act Engine::Impl::entry_act(core::RelinkRequest request, Requester by, api::Timers& timers) {
  request.actor = by.actor;
  const auto action = [request](const core::StepInput& input) {
    auto changed = core::apply(*input.held->relink, request, input.now);
    assert(changed && "the check has just passed");
    return core::step_relink(input, std::move(*changed));
  };
  const auto check = [request, &timers](const core::LinkRecord&,
                                        const core::Held& held) -> core::Result<Verdict> {
    if (!held.relink) return std::unexpected(no_entry());
    const auto changed = core::apply(*held.relink, request, timers.wall_now());
    if (!changed) return std::unexpected(changed.error());
    return changed->version == held.relink->version ? Verdict::nothing_to_do : Verdict::act;
  };
  return {.name = core::action_name(request.kind), .action = action, .check = check, .by = std::move(by)};
}

api::Task<core::Result<core::RelinkEntry>> Engine::Impl::act_on_entry(core::LinkId link_id,
                                                                      core::RelinkRequest request,
                                                                      Requester by) {
  Act wanted = entry_act(std::move(request), std::move(by), timers);
  auto acted = co_await act(std::move(link_id), std::move(wanted));
  if (!acted) co_return std::unexpected(acted.error());
  if (!acted->entry) co_return std::unexpected(no_entry());
  co_return std::move(*acted->entry);
}

}  // namespace syncd::engine
