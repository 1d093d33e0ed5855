#include "sync/api/requests.hpp"

#include <utility>

#include "sync/api/percent.hpp"

namespace syncd::api {

namespace {

using core::Endpoint;
using core::Errc;

std::shared_ptr<const Secret> as_secret(std::string text) {
  return std::make_shared<const Secret>(std::move(text));
}

// Of a link, with a body.
core::Result<Request> link_request(core::LinkId link_id, std::string_view tail,
                                   core::Result<std::string> body, core::Cause cause) {
  if (!fits_path(link_id.str())) return core::fail(Errc::invalid, "this link id cannot be asked for");
  if (!body) return std::unexpected(std::move(body.error()));
  Request request;
  request.target = link_target(link_id, tail);
  request.link_id = std::move(link_id);
  request.body = as_secret(std::move(*body));
  request.cause = cause;
  return request;
}

}  // namespace

bool fits_path(std::string_view id) {
  return !id.empty() && id != "." && id != "..";
}

std::string link_target(const core::LinkId& link_id, std::string_view tail) {
  std::string target = "/links/";
  append_percent_encoded(target, link_id.str());
  target += tail;
  return target;
}

core::Result<Request> session_request(const core::SessionRequest& session, core::Cause cause) {
  core::Result<std::string> body = core::session_body(session);
  if (!body) return std::unexpected(std::move(body.error()));
  Request request;
  request.endpoint = Endpoint::link_session;
  request.method = Method::post;
  request.target = "/link-session";
  request.link_id = session.existing_link_id;
  request.customer_user_id = session.customer_user_id;
  request.body = as_secret(std::move(*body));
  request.cause = cause;
  return request;
}

core::Result<Request> exchange_request(const Secret& exchangeable_token, core::Cause cause) {
  core::Result<std::string> body = core::exchange_body(exchangeable_token.reveal());
  if (!body) return std::unexpected(std::move(body.error()));
  Request request;
  request.endpoint = Endpoint::exchange_token;
  request.method = Method::post;
  request.target = "/link-session/exchange-token";
  request.body = as_secret(std::move(*body));
  request.cause = cause;
  return request;
}

core::Result<Request> user_links_request(const std::string& customer_user_id, core::Cause cause) {
  if (!core::is_valid_id(customer_user_id) || !fits_path(customer_user_id))
    return core::fail(Errc::invalid, "this customer user id cannot be asked for");
  Request request;
  request.endpoint = Endpoint::user_links;
  request.target = "/users/";
  append_percent_encoded(request.target, customer_user_id);
  request.target += "/links";
  request.cause = cause;
  return request;
}

core::Result<Request> delete_link_request(core::LinkId link_id, core::Cause cause) {
  if (!fits_path(link_id.str())) return core::fail(Errc::invalid, "this link id cannot be asked for");
  Request request;
  request.endpoint = Endpoint::delete_link;
  request.method = Method::del;
  request.target = link_target(link_id, "");
  request.link_id = std::move(link_id);
  request.cause = cause;
  request.answer_may_be_empty = true;
  return request;
}

core::Result<Request> update_link_request(core::LinkId link_id, const core::LinkChange& change,
                                          core::Cause cause) {
  core::Result<Request> request = link_request(std::move(link_id), {}, core::link_change_body(change), cause);
  if (!request) return request;
  request->endpoint = Endpoint::update_link;
  request->method = Method::patch;
  return request;
}

core::Result<Request> products_request(core::LinkId link_id, const std::vector<std::string>& products,
                                       core::Cause cause) {
  core::Result<Request> request =
      link_request(std::move(link_id), "/products", core::refresh_body(products), cause);
  if (!request) return request;
  request->endpoint = Endpoint::products;
  request->method = Method::post;
  return request;
}

core::Error with_outcome(core::Error error, const Request& request, bool left) {
  // A refusal is one; a server that failed, or whose answer cannot be read, may have done it first.
  const int status = error.http_status;
  const bool refused = status >= 300 && status < 500 && status != 408;
  error.outcome_unknown = !request.is_repeatable() && left && !refused;
  return error;
}

}  // namespace syncd::api
