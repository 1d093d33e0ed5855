#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sync/api/rate_gate.hpp"
#include "sync/api/secret.hpp"
#include "sync/api/transport.hpp"
#include "sync/core/link_session.hpp"
#include "sync/core/result.hpp"
#include "sync/core/types.hpp"

namespace syncd::api {

// What is to be asked of upstream. Where it goes and how it is judged, without how it is authenticated.
struct Request {
  core::Endpoint endpoint = core::Endpoint::sync;
  Method method = Method::get;
  std::string target;
  core::LinkId link_id;                // empty: not about a link
  std::string customer_user_id;        // whose own budget it counts against; empty: nobody's
  std::shared_ptr<const Secret> body;  // JSON; nullptr: none
  core::Cause cause = core::Cause::schedule;
  bool has_cursor = false;
  bool answer_may_be_empty = false;
  bool names_client_only = false;  // what anybody may read: no secret and no token goes along

  // Sent a second time, it would do the same thing twice or meet what the first one did.
  bool is_repeatable() const { return method == Method::get; }
  // The request outlives it.
  BudgetOwner owner() const {
    return customer_user_id.empty() ? BudgetOwner(link_id) : BudgetOwner::user(customer_user_id);
  }
};

// Whether an id can stand in a path by itself: "." and ".." would be resolved away on the route, and another
// path be asked.
bool fits_path(std::string_view id);

// `/links/{id}` and `tail`.
std::string link_target(const core::LinkId& link_id, std::string_view tail);

// Errc::invalid: what is asked for cannot be asked; the message names the field, never its value.
core::Result<Request> session_request(const core::SessionRequest& session, core::Cause cause);
core::Result<Request> exchange_request(const Secret& exchangeable_token, core::Cause cause);
core::Result<Request> user_links_request(const std::string& customer_user_id, core::Cause cause);
core::Result<Request> delete_link_request(core::LinkId link_id, core::Cause cause);
core::Result<Request> update_link_request(core::LinkId link_id, const core::LinkChange& change,
                                          core::Cause cause);
core::Result<Request> products_request(core::LinkId link_id, const std::vector<std::string>& products,
                                       core::Cause cause);

// What a failed request may have done upstream (Error::outcome_unknown). `left`: some of it may have left.
core::Error with_outcome(core::Error error, const Request& request, bool left);

}  // namespace syncd::api
