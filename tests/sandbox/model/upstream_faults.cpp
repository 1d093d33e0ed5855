// What the fault script does to answers.
#include <algorithm>

#include "tests/sandbox/model/upstream_impl.hpp"

namespace syncd::sandbox {
namespace {

constexpr std::chrono::hours absurd_window_counted{1};  // nobody is expected to honour ten years
constexpr std::size_t deep_nesting = 100'000;

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

void set_header(HttpResponse& response, std::string_view name, std::string value) {
  std::erase_if(response.headers,
                [&](const auto& header) { return equals_ignoring_case(header.first, name); });
  response.headers.emplace_back(name, std::move(value));
}

void insert_member(std::string& body, std::string_view member) {
  body.insert(std::min<std::size_t>(1, body.size()), std::string(member) + (body.size() > 2 ? "," : ""));
}

/// The first id in it becomes empty, or longer than any id may be.
void spoil_id(std::string& body, bool empty) {
  for (const std::string_view member : {"\"transaction_id\":\"", "\"account_id\":\"", "\"link_id\":\""}) {
    const std::size_t at = body.find(member);
    if (at == std::string::npos) {
      continue;
    }
    const std::size_t begin = at + member.size();
    const std::size_t length = body.find('"', begin) - begin;
    body.replace(begin, length, empty ? std::string() : std::string(300, 'a'));
    return;
  }
  body.resize(body.size() / 2);
}

void spoil_body(const FaultRule& rule, HttpResponse& response) {
  std::string& body = response.body;
  const std::string_view variant = rule.variant;
  response.status = rule.status == 0 ? response.status : rule.status;
  if (!rule.body.empty()) {
    body = rule.body;
  } else if (variant == "html") {
    body = "<html><head><title>Maintenance</title></head><body><h1>We will be back</h1></body></html>\n";
  } else if (variant == "garbage") {
    body = std::string("\x00\x01\xfe\xff{]\"\\u12", 10);
  } else if (variant == "empty") {
    body.clear();
  } else if (variant == "duplicate_key") {
    body.insert(std::min<std::size_t>(1, body.size()), "\"link\":{},\"accounts\":[],");
  } else if (variant == "bad_utf8") {
    body.insert(std::min<std::size_t>(1, body.size()), "\"x_note\":\"\xc3\x28\xff\",");
  } else if (variant == "bom") {
    body.insert(0, "\xef\xbb\xbf");
  } else if (variant == "nul") {
    body.insert(std::min<std::size_t>(1, body.size()), 1, '\0');
  } else if (variant == "lone_surrogate") {
    insert_member(body, R"("x_note":"\ud800")");
  } else if (variant == "control") {
    insert_member(body, "\"x_note\":\"a\x01z\"");
  } else if (variant == "odd_number") {
    insert_member(body, R"("x_note":01)");
  } else if (variant == "long_id" || variant == "empty_id") {
    spoil_id(body, variant == "empty_id");
  } else if (variant == "deep") {
    body = std::string(deep_nesting, '[');
  } else if (variant == "trailing") {
    body.append("{\"more\":1}");
  } else if (variant == "array") {
    body = "[]";
  } else if (variant == "null_lists") {
    body = R"({"transactions":null,"accounts":null,"cursor":null,"has_more":null,"link":null})";
  } else if (variant == "wrong_types") {
    body = R"({"transactions":{"created":{},"updated":7,"removed":[3]},"accounts":"none","cursor":[],)"
           R"("has_more":"no","link":7})";
  } else {
    body.resize(body.size() * 2 / 3);
  }
  if (!rule.content_type.empty()) {
    set_header(response, "Content-Type", rule.content_type);
  } else if (variant == "html") {
    set_header(response, "Content-Type", "text/html; charset=utf-8");
  }
}

CursorFault bad_cursor_variant(std::string_view variant) {
  if (variant == "empty") {
    return CursorFault::empty;
  }
  if (variant == "absent") {
    return CursorFault::absent;
  }
  if (variant == "number") {
    return CursorFault::number;
  }
  return variant == "huge" ? CursorFault::huge : CursorFault::null;
}

HttpResponse any_status(const FaultRule& rule) {
  HttpResponse response;
  response.status = rule.status;
  response.body = rule.body;
  if (rule.status >= 300 && rule.status < 400 && rule.body.empty()) {
    response.headers.emplace_back("Location", "https://elsewhere.example.com/");
  }
  if (rule.variant == "retry_after") {
    response.headers.emplace_back("Retry-After", std::to_string(rule.retry_after_seconds));
  }
  std::string type = rule.content_type;
  if (type.empty() && !rule.body.empty()) {
    type = rule.body.starts_with("{") || rule.body.starts_with("[") ? "application/json" : "text/plain";
  } else if (type.empty()) {
    type = "text/html";
    response.body = "<html><body><h1>" + std::to_string(rule.status) + "</h1></body></html>\n";
  }
  if (rule.status != 204 && rule.status != 304) {
    response.headers.emplace_back("Content-Type", type);
  } else {
    response.body.clear();
  }
  return response;
}

}  // namespace

HttpResponse Upstream::Impl::script_throttle(const Call& call, const FaultRule& rule) {
  ++meter.of(call.endpoint).throttled_by_script;
  HttpResponse response = error_response(429, "api_error.rate_limit_exceeded", "Rate limit exceeded");
  const Milliseconds wait = std::chrono::seconds{rule.retry_after_seconds};
  std::optional<TimePoint> until;
  if (rule.variant == "date") {
    until = retry_at(call.wire_now, wait, RetryAfterForm::date);
    response.headers.emplace_back("Retry-After", http_date(*until));
  } else if (rule.variant == "absurd") {
    until = call.wire_now + absurd_window_counted;
    response.headers.emplace_back("Retry-After", "315360000");
  } else if (rule.variant == "absurd_date") {
    until = call.wire_now + absurd_window_counted;
    response.headers.emplace_back("Retry-After", http_date(call.wire_now + std::chrono::days{3650}));
  } else if (rule.variant == "negative") {
    response.headers.emplace_back("Retry-After", "-5");
  } else if (rule.variant == "past_date") {
    response.headers.emplace_back("Retry-After", http_date(call.wire_now - std::chrono::hours{1}));
  } else if (rule.variant == "text") {
    response.headers.emplace_back("Retry-After", "soon");
  } else if (rule.variant != "none") {
    until = retry_at(call.wire_now, wait, RetryAfterForm::seconds);
    response.headers.emplace_back("Retry-After", std::to_string(rule.retry_after_seconds));
  }
  if (until) {
    const std::uint32_t scope = rule.link_id.empty() ? Meter::no_link : call.link_number;
    meter.closed_until(call.endpoint, scope, call.wire_now, *until);
  }
  return response;
}

std::optional<HttpResponse> Upstream::Impl::fault_instead(Call& call, const FaultRule& rule) {
  HttpResponse none;
  switch (rule.kind) {
    case FaultKind::reset:
      none.transport.reset_before = true;
      return none;
    case FaultKind::close:
      none.transport.close_before = true;
      return none;
    case FaultKind::status:
      return any_status(rule);
    case FaultKind::refuse_cursor:
      return validation_failed({"query", "cursor"}, "invalid cursor", "value_error",
                               rule.status == 0 ? 422 : rule.status);
    case FaultKind::expired_token:
      return expired_access_token();
    case FaultKind::unauthorized:
      return unauthorized();
    case FaultKind::unauthorized_access:
      return unauthorized_access();
    case FaultKind::forbidden:
      return forbidden_action();
    case FaultKind::not_found:
      return link_not_found();
    case FaultKind::deleted:
      return link_deleted();
    case FaultKind::bad_state:
      return bad_state(rule.error_code.empty() ? "auth_expired" : rule.error_code);
    case FaultKind::throttle:
      return script_throttle(call, rule);
    case FaultKind::repeat_cursor:
      call.cursor_fault = CursorFault::repeat;
      break;
    case FaultKind::cyclic_cursor:
      call.cursor_fault = CursorFault::cyclic;
      call.cycle_length = rule.length;
      break;
    case FaultKind::endless:
      call.cursor_fault = CursorFault::endless;
      break;
    case FaultKind::bad_cursor:
      call.cursor_fault = bad_cursor_variant(rule.variant);
      break;
    case FaultKind::repeated_rows:
      call.row_fault = RowFault::repeated;
      break;
    case FaultKind::odd_lists:
      call.row_fault = RowFault::odd_lists;
      break;
    case FaultKind::replica_lag:
      call.row_fault = RowFault::lag;
      break;
    case FaultKind::latency:
    case FaultKind::slow:
    case FaultKind::cut:
    case FaultKind::malformed:
    case FaultKind::wrong_link:
    case FaultKind::hook_dark:
    case FaultKind::hook_wrong_signature:
    case FaultKind::hook_unknown_kid:
    case FaultKind::hook_wrong_body:
    case FaultKind::hook_other_link:
      break;
  }
  return std::nullopt;
}

void Upstream::Impl::fault_after(const Call& call, const FaultRule& rule, HttpResponse& response) {
  if (rule.kind == FaultKind::cut) {
    response.transport.cut_at_byte =
        rule.at_byte != 0 ? std::min(rule.at_byte, response.body.size()) : response.body.size() / 2;
  } else if (rule.kind == FaultKind::malformed) {
    spoil_body(rule, response);
  } else if (rule.kind == FaultKind::wrong_link && call.link != nullptr) {
    const std::string& other = links[(call.link_number + 1) % links.size()].id();
    const std::string invented = make_id("mk_", hash_words(options.seed, 0xbad, call.link_number), 1);
    replace_all(response.body, call.link_id, other == call.link_id ? invented : other);
  }
}

}  // namespace syncd::sandbox
