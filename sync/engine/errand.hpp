#pragma once

#include <list>
#include <memory>
#include <optional>
#include <utility>

#include "sync/api/task.hpp"
#include "sync/api/waiters.hpp"
#include "sync/engine/engine.hpp"

namespace syncd::engine {

// An exchange that runs as a task of the engine, and those who wait for it: they may leave, it goes on.
// Shared by both sides.
struct Errand {
  Errand(api::IoExecutor executor, Requester by_) : by(std::move(by_)), done(std::move(executor)) {}

  const Requester by;
  std::optional<core::Result<Exchanged>> result;
  api::Waiters done;
};

using Errands = std::list<std::shared_ptr<Errand>>;  // under way

}  // namespace syncd::engine
