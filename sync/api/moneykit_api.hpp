#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "sync/api/rate_gate.hpp"
#include "sync/api/task.hpp"
#include "sync/api/timers.hpp"
#include "sync/api/transport.hpp"
#include "sync/core/page.hpp"
#include "sync/core/reports.hpp"
#include "sync/core/types.hpp"

namespace syncd::api {

// A string that is wiped when it goes, and that no stream or formatter prints.
class Secret;

// How the daemon proves who it is: on each request by header, or by a bearer token from POST /auth/token.
enum class AuthMethod : unsigned char { headers, token };

struct ApiOptions {
  AuthMethod auth = AuthMethod::headers;
  std::string client_id;
  std::shared_ptr<const Secret> client_secret;
};

// The endpoints of MoneyKit that the daemon reads, as typed calls: builds the request, authenticates it,
// classifies every error, parses the answer strictly. Passes the rate gate before every single request, a
// renewed token or a resend on a fresh connection included, and freezes the gate when upstream answers 429.
//
// Thread: the io thread. Lifetime: outlives every task that calls it.
class MoneykitApi {
 public:
  MoneykitApi(Transport& transport, RateGate& gate, Timers& timers, ApiOptions options,
              std::function<void(const core::HttpReport&)> report);
  ~MoneykitApi();

  // One page of changes behind `cursor` (none: the whole history). 1 <= size <= 500.
  Task<core::Result<std::shared_ptr<const core::Page>>> sync_page(core::LinkId link_id,
                                                                  std::optional<core::Cursor> cursor,
                                                                  unsigned size, core::Cause cause);
  Task<core::Result<std::shared_ptr<const core::AccountsAnswer>>> accounts(core::LinkId link_id,
                                                                           core::Cause cause);
  Task<core::Result<std::shared_ptr<const core::LinkAnswer>>> link(core::LinkId link_id, core::Cause cause);
  // `cursor` empty: the first page.
  Task<core::Result<std::shared_ptr<const core::LinksAnswer>>> links(std::string cursor);
  Task<core::Result<core::IntrospectAnswer>> introspect();

  // Of every request that is built from now on. False: it is the one in use. A token stays valid until its
  // end, and the next one is asked for with the new secret.
  bool set_client_secret(std::shared_ptr<const Secret> secret);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace syncd::api
