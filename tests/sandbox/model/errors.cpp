#include "tests/sandbox/model/errors.hpp"

#include <algorithm>

#include "tests/sandbox/model/text.hpp"

namespace syncd::sandbox {
namespace {

std::string error_members(std::string_view code, std::string_view message) {
  return "{\"error_code\":" + json_string(code) + ",\"error_message\":" + json_string(message) +
         ",\"documentation_url\":null";
}

TimePoint up_to_second(TimePoint at) {
  return std::chrono::ceil<std::chrono::seconds>(at);
}

}  // namespace

HttpResponse json_response(int status, std::string body) {
  HttpResponse response;
  response.status = status;
  response.headers.emplace_back("Content-Type", "application/json");
  response.body = std::move(body);
  return response;
}

HttpResponse error_response(int status, std::string_view code, std::string_view message) {
  return json_response(status, error_members(code, message) + "}");
}

HttpResponse unauthorized(std::string_view message) {
  return error_response(401, "api_error.auth.unauthorized", message);
}

HttpResponse expired_access_token() {
  return error_response(401, "api_error.auth.expired_access_token", "Access token expired");
}

HttpResponse unauthorized_access() {
  return error_response(401, "link_error.unauthorized_access", "Unauthorized link access.");
}

HttpResponse forbidden_action(std::string_view message) {
  return error_response(403, "link_error.forbidden_action", message);
}

HttpResponse link_not_found() {
  return error_response(404, "link_error.not_found", "Link not found.");
}

HttpResponse link_deleted() {
  return error_response(410, "link_error.deleted", "This link was deleted at some earlier time.");
}

HttpResponse bad_state(std::string_view link_error_code) {
  return json_response(422,
                       error_members("link_error.bad_state", "The link is not usable in its current state") +
                           ",\"link_error_code\":" + json_string(link_error_code) + "}");
}

HttpResponse validation_failed(const std::vector<std::string>& location, std::string_view message,
                               std::string_view type, int status) {
  std::string body = error_members("api_error.request.validation_failed", "Request validation error");
  body.append(",\"validation_errors\":[{\"location\":[");
  for (std::size_t i = 0; i < location.size(); ++i) {
    if (i != 0) {
      body.push_back(',');
    }
    append_json_string(body, location[i]);
  }
  body.append("],\"message\":");
  append_json_string(body, message);
  body.append(",\"type\":");
  append_json_string(body, type);
  body.append("}]}");
  return json_response(status, std::move(body));
}

TimePoint retry_at(TimePoint wire_now, Milliseconds wait, RetryAfterForm form) {
  const Milliseconds left = std::max(wait, Milliseconds{1});
  if (form == RetryAfterForm::date) {
    return up_to_second(wire_now + left);
  }
  return wire_now + std::chrono::ceil<std::chrono::seconds>(left);
}

HttpResponse rate_limited(TimePoint wire_now, Milliseconds wait, RetryAfterForm form) {
  HttpResponse response = error_response(429, "api_error.rate_limit_exceeded", "Rate limit exceeded");
  const TimePoint at = retry_at(wire_now, wait, form);
  response.headers.emplace_back(
      "Retry-After",
      form == RetryAfterForm::date
          ? http_date(at)
          : std::to_string(std::chrono::duration_cast<std::chrono::seconds>(at - wire_now).count()));
  return response;
}

}  // namespace syncd::sandbox
