// Calls on links: the link itself, accounts, transactions, the feed, users.
#include <algorithm>
#include <charconv>
#include <cmath>

#include <boost/json.hpp>

#include "tests/sandbox/model/upstream_impl.hpp"

namespace syncd::sandbox {
namespace {

namespace json = boost::json;

constexpr std::chrono::days deleted_record_kept{90};
constexpr std::size_t tag_length_max = 99;
constexpr std::size_t url_length_max = 65'536;
constexpr std::array<std::string_view, 6> products = {"accounts",     "account_numbers", "identity",
                                                      "transactions", "investments",     "enrichment"};

bool reads_data(Endpoint endpoint) {
  return endpoint == Endpoint::accounts || endpoint == Endpoint::account ||
         endpoint == Endpoint::transactions || endpoint == Endpoint::sync;
}

bool reads_transactions(Endpoint endpoint) {
  return endpoint == Endpoint::transactions || endpoint == Endpoint::sync;
}

bool plain_tag(std::string_view tag) {
  return !tag.empty() && tag.size() <= tag_length_max &&
         ((tag[0] >= '0' && tag[0] <= '9') || ((tag[0] | 0x20) >= 'a' && (tag[0] | 0x20) <= 'z'));
}

/// When the bank last delivered the product, by its schedule or asked for.
std::optional<TimePoint> last_success(const Link& link, std::size_t product) {
  if (products.at(product) == "accounts") {
    return link.accounts_clock().refreshed_at;
  }
  return products.at(product) == "transactions" ? link.transactions_clock().refreshed_at : std::nullopt;
}

std::string join_link(std::string body, const std::string& link) {
  return body.append(link).append("}");
}

/// Position in the list of links, dressed as the opaque cursor of GET /links.
std::string list_cursor(std::size_t position) {
  return base64url("links-from-" + std::to_string(position));
}

std::optional<std::size_t> list_position(std::string_view cursor) {
  constexpr std::string_view prefix = "links-from-";
  const auto text = base64url_decode(cursor);
  if (!text || !text->starts_with(prefix)) {
    return std::nullopt;
  }
  std::size_t position = 0;
  const char* const end = text->data() + text->size();
  const auto parsed = std::from_chars(text->data() + prefix.size(), end, position);
  return parsed.ec == std::errc{} && parsed.ptr == end ? std::optional(position) : std::nullopt;
}

}  // namespace

std::expected<json::object, HttpResponse> json_body(const HttpRequest& request) {
  boost::system::error_code ec;
  json::value value = json::parse(request.body, ec);
  if (ec) {
    return std::unexpected(validation_failed({"body"}, "the body is not JSON", "value_error.jsondecode"));
  }
  if (!value.is_object()) {
    return std::unexpected(validation_failed({"body"}, "value is not a valid dict", "type_error.dict"));
  }
  return std::move(value.get_object());
}

std::expected<std::uint32_t, HttpResponse> query_integer(const Target& target, std::string_view name,
                                                         std::uint32_t low, std::uint32_t high,
                                                         std::uint32_t fallback) {
  const std::string* const text = target.find(name);
  if (text == nullptr) {
    return fallback;
  }
  const std::vector<std::string> location = {"query", std::string(name)};
  std::int64_t value = 0;
  const char* const end = text->data() + text->size();
  const auto parsed = std::from_chars(text->data(), end, value);
  if (parsed.ec != std::errc{} || parsed.ptr != end) {
    return std::unexpected(validation_failed(location, "value is not a valid integer", "type_error.integer"));
  }
  if (value < low) {
    return std::unexpected(
        validation_failed(location, "ensure this value is greater than or equal to " + std::to_string(low),
                          "value_error.number.not_ge"));
  }
  if (value > high) {
    return std::unexpected(
        validation_failed(location, "ensure this value is less than or equal to " + std::to_string(high),
                          "value_error.number.not_le"));
  }
  return static_cast<std::uint32_t>(value);
}

std::expected<std::optional<std::vector<std::string>>, HttpResponse> read_tags(const json::object& object) {
  const json::value* const value = object.if_contains("link_tags");
  if (value == nullptr) {
    return std::nullopt;
  }
  if (!value->is_array()) {
    return std::unexpected(
        validation_failed({"body", "link_tags"}, "value is not a valid list", "type_error.list"));
  }
  std::vector<std::string> tags;
  for (const json::value& item : value->get_array()) {
    const bool good = item.is_string() && plain_tag(std::string_view(item.get_string()));
    if (!good) {
      return std::unexpected(validation_failed({"body", "link_tags"},
                                               "a tag has up to 99 characters, the first one alphanumeric",
                                               "value_error.str.regex"));
    }
    tags.emplace_back(item.get_string());
  }
  return tags;
}

std::optional<HttpResponse> Upstream::Impl::refuse_link(const Call& call) {
  const Link* const link = call.link;
  if (link == nullptr) {
    return link_not_found();
  }
  if (link->access() == LinkAccess::foreign) {
    return unauthorized_access();
  }
  if (link->state() == LinkState::deleted) {
    if (call.now >= *link->deleted_at() + deleted_record_kept) {
      return link_not_found();
    }
    const bool shows_record = call.endpoint == Endpoint::link && !world.switches.deleted_is_410;
    return shows_record ? std::nullopt : std::optional(link_deleted());
  }
  if (!reads_data(call.endpoint)) {
    return std::nullopt;
  }
  if (link->access() == LinkAccess::forbidden) {
    return forbidden_action();
  }
  if (link->state() != LinkState::connected && link->state() != LinkState::error) {
    return bad_state("incomplete");
  }
  if (link->state() == LinkState::error &&
      (world.switches.reads_in_error_are_422 || link->error_code() == "incomplete")) {
    return bad_state(link->error_code());
  }
  if (reads_transactions(call.endpoint) && !link->grants("transactions")) {
    return forbidden_action("Transactions access not permitted");
  }
  return std::nullopt;
}

HttpResponse Upstream::Impl::list_links(const Call& call) {
  const auto limit = query_integer(call.target, "limit", 500, 5000, 1000);
  if (!limit) {
    return limit.error();
  }
  std::size_t position = 0;
  const std::string* const cursor = call.target.find("cursor");
  if (cursor != nullptr && !cursor->empty()) {
    const auto from = list_position(*cursor);
    if (!from) {
      return validation_failed({"query", "cursor"}, "invalid cursor", "value_error");
    }
    position = *from;
  }
  std::string body = "{\"links\":[";
  std::uint32_t listed = 0;
  const auto asked = static_cast<std::uint32_t>(*limit);
  const std::uint32_t most = options.list_page_max == 0 ? asked : std::min(asked, options.list_page_max);
  for (; position < links.size() && listed < most; ++position) {
    const Link& link = links[position];
    if (link.state() != LinkState::connected && link.state() != LinkState::error) {
      continue;
    }
    body.append(listed++ == 0 ? "{\"link_id\":\"" : ",{\"link_id\":\"").append(link.id());
    body.append("\",\"created_at\":\"");
    append_timestamp(body, link.created_at(), world.switches.timestamps, 0);
    body.append("\"}");
  }
  body.append("],\"next_cursor\":\"");
  if (position < links.size()) {
    body.append(list_cursor(position));
  }
  return json_response(200, body.append("\"}"));
}

HttpResponse Upstream::Impl::update_link(Call& call) {
  const auto body = json_body(call.request);
  if (!body) {
    return body.error();
  }
  auto tags = read_tags(*body);
  if (!tags) {
    return tags.error();
  }
  if (const json::value* const webhook = body->if_contains("webhook")) {
    const bool text = webhook->is_string() && !webhook->get_string().empty() &&
                      webhook->get_string().size() <= url_length_max;
    if (!text && !webhook->is_null()) {
      return validation_failed({"body", "webhook"}, "1 to 65536 characters, or null", "value_error.any_str");
    }
    call.link->set_webhook(text ? std::optional(std::string(webhook->get_string())) : std::nullopt);
  }
  if (*tags) {
    call.link->set_tags(std::move(**tags));
  }
  return json_response(200, call.link->link_json());
}

HttpResponse Upstream::Impl::delete_link(Call& call) {
  call.link->set_state(LinkState::deleted, "", call.now);
  HttpResponse response;
  response.status = 204;
  return response;
}

// Not a closed window of the meter: other products of the link, and other links, may still be asked for.
HttpResponse Upstream::Impl::refresh_refused(const Call& call, Milliseconds bank_wait) {
  const RetryAfterForm form = throttles++ % 2 == 0 ? RetryAfterForm::seconds : RetryAfterForm::date;
  const auto left = static_cast<double>(bank_wait.count()) / bank_speed;
  return rate_limited(call.wire_now, Milliseconds{static_cast<std::int64_t>(std::ceil(left))}, form);
}

/// How long the institution still refuses refreshes; nullopt: it takes them now.
std::optional<Milliseconds> Upstream::Impl::closed_for(const Call& call) const {
  const auto found = refresh_hours.find(call.link->institution().id);
  if (found == refresh_hours.end() || found->second.from == found->second.to) {
    return std::nullopt;
  }
  const auto midnight = std::chrono::floor<std::chrono::days>(call.now);
  const auto opens = std::chrono::hours{found->second.from};
  const auto since_opening = (call.now - midnight - opens + std::chrono::days{1}) % std::chrono::days{1};
  const auto open_for = std::chrono::hours{(found->second.to + 24U - found->second.from) % 24U};
  if (since_opening < open_for) {
    return std::nullopt;
  }
  return std::chrono::days{1} - since_opening;
}

HttpResponse Upstream::Impl::request_refresh(Call& call) {
  const auto body = json_body(call.request);
  if (!body) {
    return body.error();
  }
  const json::value* const list = body->if_contains("products");
  if (list == nullptr || !list->is_array() || list->get_array().empty()) {
    return validation_failed({"body", "products"}, "at least one product is needed",
                             "value_error.list.min_items");
  }
  std::vector<std::size_t> wanted;
  for (const json::value& item : list->get_array()) {
    const auto found =
        item.is_string() ? std::ranges::find(products, std::string_view(item.get_string())) : products.end();
    if (found == products.end()) {
      return validation_failed({"body", "products"}, "value is not a valid product", "type_error.enum");
    }
    wanted.push_back(static_cast<std::size_t>(found - products.begin()));
  }
  if (call.link->access() == LinkAccess::forbidden) {
    return forbidden_action();
  }
  if (call.link->state() != LinkState::connected) {
    return bad_state(call.link->error_code().empty() ? "incomplete" : call.link->error_code());
  }
  if (const auto closed = closed_for(call)) {
    ++meter.of(call.endpoint).throttled_by_interval;
    return refresh_refused(call, *closed);
  }
  for (const std::size_t product : wanted) {
    if (!call.link->grants(products.at(product))) {
      return forbidden_action("Product access not permitted");
    }
    // The interval runs in the bank's time, from the last accepted request or success.
    const std::uint64_t key = static_cast<std::uint64_t>(call.link_number) << 3U | product;
    const auto interval = product == 0 ? options.accounts_refresh_interval : options.other_refresh_interval;
    std::optional<TimePoint> last = last_success(*call.link, product);
    if (const auto asked = refresh_requested.find(key); asked != refresh_requested.end()) {
      last = std::max(last.value_or(asked->second), asked->second);
    }
    if (last && call.now < *last + interval) {
      ++meter.of(call.endpoint).throttled_by_interval;
      return refresh_refused(call, *last + interval - call.now);
    }
  }
  const std::string as_it_is = call.link->link_json();
  const bool accounts = std::ranges::find(wanted, 0U) != wanted.end();
  const bool transactions = std::ranges::find(wanted, 3U) != wanted.end();
  for (const std::size_t product : wanted) {
    refresh_requested[static_cast<std::uint64_t>(call.link_number) << 3U | product] = call.now;
  }
  if (accounts || transactions) {
    call.link->request_refresh(accounts, transactions, call.now);
  }
  return json_response(202, as_it_is);
}

HttpResponse Upstream::Impl::list_accounts(const Call& call) {
  std::string body = "{\"accounts\":[";
  call.link->append_accounts(body, call.target.all("account_ids"));
  return json_response(200, join_link(body.append("],\"link\":"), call.link->link_json()));
}

HttpResponse Upstream::Impl::one_account(const Call& call) {
  const Account* const account = call.link->find_account(call.target.segments[3]);
  if (account == nullptr) {
    return link_not_found();  // the only 404 body that is described for this call
  }
  std::string body = "{\"account\":";
  append_account(body, world.switches, *account);
  return json_response(200, join_link(body.append(",\"link\":"), call.link->link_json()));
}

HttpResponse Upstream::Impl::list_transactions(const Call& call) {
  const auto page = query_integer(call.target, "page", 1, 1'000'000, 1);
  const auto size = query_integer(call.target, "size", 1, 1000, 50);
  if (!page || !size) {
    return page ? size.error() : page.error();
  }
  std::array<std::optional<std::int32_t>, 2> days;
  constexpr std::array<std::string_view, 2> names = {"start_date", "end_date"};
  for (std::size_t i = 0; i < 2; ++i) {
    if (const std::string* const text = call.target.find(names.at(i))) {
      days.at(i) = parse_date(*text);
      if (!days.at(i)) {
        return validation_failed({"query", std::string(names.at(i))}, "invalid date format",
                                 "value_error.date");
      }
    }
  }
  const std::vector<std::string> filter = call.target.all("account_ids");
  std::vector<std::uint32_t> rows = call.link->rows_by_date();
  std::erase_if(rows, [&](std::uint32_t row) {
    const std::int32_t day = call.link->day_of(row);
    return (days[0] && day < *days[0]) || (days[1] && day > *days[1]) ||
           (!filter.empty() && std::ranges::find(filter, call.link->account_of(row)) == filter.end());
  });
  const std::size_t first = std::min<std::size_t>(rows.size(), std::size_t{*page - 1} * *size);
  const std::size_t last = std::min<std::size_t>(rows.size(), first + *size);
  std::string body = "{\"total\":" + std::to_string(rows.size()) + ",\"page\":" + std::to_string(*page) +
                     ",\"size\":" + std::to_string(last - first) + ",\"transactions\":[";
  for (std::size_t i = first; i < last; ++i) {
    if (i != first) {
      body.push_back(',');
    }
    call.link->append_row_json(body, rows[i]);
  }
  body.append("],\"accounts\":[");
  call.link->append_accounts(body, filter);
  return json_response(200, join_link(body.append("],\"link\":"), call.link->link_json()));
}

HttpResponse Upstream::Impl::sync(const Call& call) {
  const auto size = query_integer(call.target, "size", 1, 500, 50);
  if (!size) {
    return size.error();
  }
  SyncQuery query{.cursor = std::nullopt,
                  .size = *size,
                  .fault = call.cursor_fault,
                  .cycle_length = call.cycle_length,
                  .rows = call.row_fault};
  if (const std::string* const cursor = call.target.find("cursor")) {
    query.cursor = *cursor;
  }
  auto body = call.link->sync(query);
  if (!body) {
    return validation_failed({"query", "cursor"}, "invalid cursor", "value_error",
                             world.switches.bad_cursor_status);
  }
  return json_response(200, std::move(*body));
}

HttpResponse Upstream::Impl::test_webhook(const Call& call) {
  const auto body = json_body(call.request);
  if (!body) {
    return body.error();
  }
  const json::value* const event = body->if_contains("webhook_event");
  const bool known =
      event != nullptr && event->is_string() && hook_event_from_name(std::string_view(event->get_string()));
  if (!known) {
    return validation_failed({"body", "webhook_event"}, "value is not a valid event", "type_error.enum");
  }
  const json::value* const key = body->if_contains("webhook_idempotency_key");
  if (key == nullptr || !key->is_string()) {
    return validation_failed({"body", "webhook_idempotency_key"}, "field required", "value_error.missing");
  }
  if (!call.link->webhook()) {
    return error_response(400, "link_error.bad_config", "This link has no webhook configured");
  }
  const HookEvent wanted = *hook_event_from_name(std::string_view(event->get_string()));
  const std::string token =
      tell(*call.link, test_news(*call.link, wanted, call.now, std::string(key->get_string())), true);
  return json_response(200, "{\"delivery_token\":" + json_string(token) + "}");
}

HttpResponse Upstream::Impl::user_links(const Call& call) {
  std::string body = "{\"links\":{";
  bool first = true;
  if (const auto found = user_numbers.find(call.target.segments[1]); found != user_numbers.end()) {
    for (const std::uint32_t number : found->second) {
      Link& link = links[number];
      link.settle(call.now);
      if (link.state() == LinkState::deleted) {
        continue;
      }
      body.append(first ? "\"" : ",\"").append(link.id()).append("\":").append(link.link_json());
      first = false;
    }
  }
  return json_response(200, body.append("}}"));
}

HttpResponse Upstream::Impl::user_accounts(const Call& call) {
  const std::vector<std::string> filter = call.target.all("account_ids");
  std::string body = "{\"links\":{";
  bool first = true;
  if (const auto found = user_numbers.find(call.target.segments[1]); found != user_numbers.end()) {
    for (const std::uint32_t number : found->second) {
      Link& link = links[number];
      link.settle(call.now);
      if (link.state() == LinkState::deleted) {
        continue;
      }
      body.append(first ? "\"" : ",\"").append(link.id()).append("\":{\"accounts\":[");
      link.append_accounts(body, filter);
      body.append("],\"last_synced_at\":");
      const auto synced = link.transactions_clock().refreshed_at;
      body.append(synced ? "\"" + timestamp(*synced, world.switches.timestamps) + "\"" : "null")
          .push_back('}');
      first = false;
    }
  }
  return json_response(200, body.append("}}"));
}

}  // namespace syncd::sandbox
