#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "store/store.hpp"
#include "sync/api/task.hpp"
#include "sync/core/hint.hpp"
#include "sync/core/types.hpp"
#include "sync/core/update.hpp"

namespace syncd::engine {

// What the engine needs of the store, as tasks. The daemon puts StoreGateway behind it, the simulation a
// model with faults; between the port and the store both have the CommitQueue.
class StorePort {
 public:
  virtual ~StorePort() = default;
  virtual api::Task<core::Result<std::optional<core::LinkRecord>>> load(core::LinkId link_id) = 0;
  // Views inside the request must outlive the call.
  virtual api::Task<core::Result<core::Held>> lookup(core::LookupRequest request) = 0;
  // Errors: conflict (the fence had moved, nothing was written), storage. A commit that has been handed over
  // is finished whatever happens to the caller: cancellation does not reach it.
  virtual api::Task<core::Result<void>> commit(core::LinkUpdate update) = 0;
  // An act about no link; conflict: its request_key is known already, nothing was written.
  virtual api::Task<core::Result<void>> record_act(core::AuditNote note) = 0;
  // Makes a Retry-After window durable.
  virtual api::Task<core::Result<void>> put_freeze(core::GateFreeze freeze) = 0;
  virtual bool healthy() const = 0;
  // As Store::put_hints, durable; outcomes in the order of the hints. A store without it stores none and
  // takes each for new.
  virtual api::Task<core::Result<std::vector<core::HintOutcome>>> put_hints(std::vector<core::Hint> hints);

  // ---- for the verifier; a store without these keeps no results and is not audited ----
  // The link behind `after` (empty: the first) in the order of the store; nullopt: the end.
  virtual api::Task<core::Result<std::optional<core::LinkId>>> next_link(std::string after);
  virtual api::Task<core::Result<std::optional<std::string>>> note(std::string name);
  // Durable; replaces the earlier one.
  virtual api::Task<core::Result<void>> put_note(std::string name, std::string value);
  // As Store::put_link_note: false, and nothing written, when the link is not stored (any more).
  virtual api::Task<core::Result<bool>> put_link_note(core::LinkId link_id, std::string name,
                                                      std::string value);
};

}  // namespace syncd::engine
