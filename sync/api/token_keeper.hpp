#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "sync/api/secret.hpp"
#include "sync/api/task.hpp"
#include "sync/api/timers.hpp"
#include "sync/api/waiters.hpp"
#include "sync/core/page.hpp"
#include "sync/core/result.hpp"
#include "sync/core/types.hpp"

namespace syncd::api {

// Asks upstream for a bearer token once.
class TokenRequester {
 public:
  virtual ~TokenRequester() = default;
  virtual Task<core::Result<core::TokenAnswer>> request_token(core::Cause cause) = 0;
};

// The one bearer token of the process. Renewed at 85 % of its life by the first task that notices, while the
// others go on with the old one; when there is none to go on with, all wait for the same single request and
// share its outcome. Memory only.
//
// Thread: the io thread. Lifetime: outlives every task in ensure().
class TokenKeeper {
 public:
  TokenKeeper(TokenRequester& requester, Timers& timers) : requester_(requester), timers_(timers) {}

  // Makes sure that there is a token which, as far as its stated life says, is accepted. `refused`: the
  // serial of a token that upstream has just refused (0: none); the outcome is a newer one. Errors: those of
  // the request.
  Task<core::Result<void>> ensure(core::Cause cause, std::uint64_t refused);

  // Whether ensure() would succeed at once.
  bool is_fresh(std::uint64_t refused) const;

  // The newest token as a header value (`Bearer ...`), and its serial (1, 2, ...). After a successful
  // ensure().
  std::string_view authorization() const { return authorization_.reveal(); }
  std::uint64_t serial() const { return serial_; }

 private:
  bool usable(std::uint64_t refused) const;
  Task<core::Result<void>> renew(core::Cause cause);
  void store(core::TokenAnswer answer, SteadyTime asked_at);

  TokenRequester& requester_;
  Timers& timers_;
  Secret authorization_;
  std::uint64_t serial_ = 0;
  SteadyTime renew_at_{};
  SteadyTime expires_at_{};
  bool renewing_ = false;
  std::uint64_t rounds_ = 0;            // renewals begun
  std::optional<core::Error> failure_;  // of the last renewal, unless its task was cancelled
  std::optional<Waiters> waiters_;
};

}  // namespace syncd::api
