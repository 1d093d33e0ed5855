#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tests/sandbox/model/http.hpp"

namespace syncd::sandbox {

HttpResponse json_response(int status, std::string body);
/// Every error body has error_code, error_message and documentation_url.
HttpResponse error_response(int status, std::string_view code, std::string_view message);

HttpResponse unauthorized(std::string_view message = "Unauthorized");
HttpResponse expired_access_token();
HttpResponse unauthorized_access();
HttpResponse forbidden_action(std::string_view message = "Accounts access not permitted");
HttpResponse link_not_found();
HttpResponse link_deleted();
/// 422 with the extra member link_error_code.
HttpResponse bad_state(std::string_view link_error_code);
/// 422 with validation_errors; `location` is a path such as {"query", "size"}.
HttpResponse validation_failed(const std::vector<std::string>& location, std::string_view message,
                               std::string_view type, int status = 422);

/// How a 429 says when to come back.
enum class RetryAfterForm : std::uint8_t { seconds, date };
/// The header never names an instant before now + wait: both forms round up to whole seconds.
HttpResponse rate_limited(TimePoint wire_now, Milliseconds wait, RetryAfterForm form);
/// The instant such an answer names.
TimePoint retry_at(TimePoint wire_now, Milliseconds wait, RetryAfterForm form);

}  // namespace syncd::sandbox
