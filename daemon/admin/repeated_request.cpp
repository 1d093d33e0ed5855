#include "daemon/admin/repeated_request.hpp"

#include <utility>

#include "sync/core/conflict_codes.hpp"

namespace syncd::daemon {

core::AuditNote act_of(const engine::Requester& by, std::string action, std::string detail) {
  return {.actor = by.actor,
          .action = std::move(action),
          .detail = std::move(detail),
          .request_key = by.request_key,
          .request_digest = by.request_digest};
}

std::unexpected<core::Error> key_of_another_request() {
  return std::unexpected(
      core::Error{.code = core::Errc::conflict,
                  .message = "this Idempotency-Key was used for another request; send a new one",
                  .api_code = std::string(core::idempotency_key_reused)});
}

core::Result<void> refuse_other_request(store::Store& store, const core::AuditNote& act) {
  core::LookupRequest request;
  request.request_key = act.request_key;
  const auto held = store.lookup(request);
  if (!held) return std::unexpected(held.error());
  if (held->earlier_act && held->earlier_act->note.request_digest == act.request_digest) return {};
  return key_of_another_request();
}

}  // namespace syncd::daemon
