#pragma once

#include <expected>
#include <string>

#include "store/store.hpp"
#include "sync/engine/engine.hpp"

namespace syncd::daemon {

// What the audit log keeps of an act, with the key of the request.
core::AuditNote act_of(const engine::Requester& by, std::string action, std::string detail);

// What is said to a request whose Idempotency-Key belongs to another one.
std::unexpected<core::Error> key_of_another_request();

// The key of the act is known. Whether it belongs to the same request; otherwise, as an error, that it does
// not. On the store thread.
core::Result<void> refuse_other_request(store::Store& store, const core::AuditNote& act);

}  // namespace syncd::daemon
