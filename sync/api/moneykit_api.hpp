#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sync/api/rate_gate.hpp"
#include "sync/api/task.hpp"
#include "sync/api/timers.hpp"
#include "sync/api/transport.hpp"
#include "sync/core/key_set.hpp"
#include "sync/core/link_session.hpp"
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

// The endpoints of MoneyKit that the daemon uses, as typed calls: builds the request, authenticates it,
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
  // GET /.well-known/jwks.json: the keys that webhooks are signed with. Names the client and proves nothing;
  // once a minute at most.
  Task<core::Result<core::KeySetAnswer>> key_set();

  // ---- what people ask for ----
  // None of these says anything about a link's record: their errors are answers to who asked. They wait for
  // the budget like all others; after a crash that is up to a minute. A request that changes something
  // upstream is sent once: not again on a fresh connection, unless nothing of it has left, and not again
  // after an answer other than a refused token. Error::outcome_unknown tells a failure behind which it may
  // have been carried out (no answer, a 5xx, a 2xx that cannot be read) from one behind which it was not.

  // POST /link-session: the token for the component in the user's browser or app. A second session does no
  // harm. Errors beside the usual: invalid (a field and its rule, ours or upstream's), forbidden (this app
  // may not ask for it), gone and upstream_state (the link of a relink).
  Task<core::Result<std::shared_ptr<const Secret>>> create_session(core::SessionRequest session,
                                                                   core::Cause cause);
  // POST /link-session/exchange-token: the new link, see parse_exchange(). A token works once: an exchange
  // whose outcome is unknown is not repeated, the link is looked up by user_links(). Errors beside the usual:
  // invalid (the token is unknown, used or stale, or no token at all).
  Task<core::Result<std::shared_ptr<const core::LinkAnswer>>> exchange(Secret exchangeable_token,
                                                                       core::Cause cause);
  // GET /users/{id}/links. What upstream answers about a user it does not know is not documented: an empty
  // map, or Errc::not_found.
  Task<core::Result<std::shared_ptr<const core::UserLinksAnswer>>> user_links(std::string customer_user_id,
                                                                              core::Cause cause);
  // DELETE /links/{id}: upstream ends the access at once. Errc::gone: there was no such link any more, which
  // is what was wanted.
  Task<core::Result<void>> delete_link(core::LinkId link_id, core::Cause cause);

  // PATCH /links/{id}: the link as it is afterwards. What `change` leaves out stays as it is; that upstream
  // does so is an assumption, so look at the answer. Errors beside the usual: invalid (a field and its rule),
  // gone, upstream_state.
  Task<core::Result<std::shared_ptr<const core::LinkAnswer>>> update_link(core::LinkId link_id,
                                                                          core::LinkChange change,
                                                                          core::Cause cause);
  // POST /links/{id}/products: asks the link's bank anew, which may cost money; the link as it was before.
  // What comes of it shows later, as a `refreshed_at` or as the product's error. Errors beside the usual:
  // throttled (too soon, or outside the bank's hours: retry_after may be a day, and then only this link is
  // meant), forbidden (a product that was not granted), gone, upstream_state.
  Task<core::Result<std::shared_ptr<const core::LinkAnswer>>> refresh_products(
      core::LinkId link_id, std::vector<std::string> products, core::Cause cause);

  // Of every request that is built from now on. False: it is the one in use. A token stays valid until its
  // end, and the next one is asked for with the new secret.
  bool set_client_secret(std::shared_ptr<const Secret> secret);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace syncd::api
