#pragma once

#include <expected>
#include <string>

#include "sync/core/link_session.hpp"
#include "sync/engine/engine.hpp"

namespace syncd::daemon {

// The bodies of the calls about sessions. The error names the member and the reason.

// `{"version", "redirect_uri"?, "force"?}`, for the entry of `link_id`.
std::expected<engine::RelinkSessionRequest, std::string> parse_relink_session(const std::string& link_id,
                                                                              std::string body);
// As upstream's POST /link-session: `customer_user` with its `id`, and what may stand beside it. The lengths
// and forms are checked where the request is written.
std::expected<core::SessionRequest, std::string> parse_session_request(std::string body);
// `{"exchangeable_token", "customer_user_id"?, "tags"?}`.
std::expected<engine::ExchangeRequest, std::string> parse_exchange_request(std::string body);

}  // namespace syncd::daemon
