// Making links: sessions, the user's part in them, token exchange.
#include <boost/json.hpp>

#include "tests/sandbox/model/upstream_impl.hpp"

namespace syncd::sandbox {
namespace {

namespace json = boost::json;

constexpr std::uint64_t stream_session = 0x501;

/// The string at `name`, nullopt when absent; the 422 when it is something else or of the wrong length.
std::expected<std::optional<std::string>, HttpResponse> bounded_text(const json::object& object,
                                                                     std::string_view name,
                                                                     std::vector<std::string> location,
                                                                     std::size_t low, std::size_t high) {
  const json::value* const value = object.if_contains(name);
  if (value == nullptr || value->is_null()) {
    return std::nullopt;
  }
  location.emplace_back(name);
  if (!value->is_string()) {
    return std::unexpected(validation_failed(location, "str type expected", "type_error.str"));
  }
  const std::string text(value->get_string());
  if (text.size() < low || text.size() > high) {
    return std::unexpected(validation_failed(
        location,
        "ensure this value has " + std::to_string(low) + " to " + std::to_string(high) + " characters",
        "value_error.any_str.length"));
  }
  return text;
}

HttpResponse missing(std::vector<std::string> location) {
  return validation_failed(location, "field required", "value_error.missing");
}

/// settings.products, as far as it matters here.
void read_products(const json::object& body, Session& session) {
  const json::value* const settings = body.if_contains("settings");
  if (settings == nullptr || !settings->is_object()) {
    return;
  }
  const json::value* const wanted = settings->get_object().if_contains("products");
  if (wanted == nullptr || !wanted->is_object()) {
    return;
  }
  const json::value* const transactions = wanted->get_object().if_contains("transactions");
  session.transactions = transactions != nullptr && transactions->is_object();
  if (session.transactions) {
    const json::value* const prefetch = transactions->get_object().if_contains("prefetch");
    session.prefetch = prefetch != nullptr && prefetch->is_bool() && prefetch->get_bool();
  }
}

/// This app was not given the feature that asks for a money id; asking for it is the documented 403.
bool asks_forbidden_feature(const json::object& body) {
  const json::value* const features = body.if_contains("connect_features");
  if (features == nullptr || !features->is_object()) {
    return false;
  }
  const json::value* const feature = features->get_object().if_contains("enable_money_id");
  return feature != nullptr && feature->is_bool() && feature->get_bool();
}

}  // namespace

HttpResponse Upstream::Impl::create_session(const Call& call) {
  const auto body = json_body(call.request);
  if (!body) {
    return body.error();
  }
  Session session;
  const json::value* const user = body->if_contains("customer_user");
  if (user == nullptr) {
    return missing({"body", "customer_user"});
  }
  if (!user->is_object()) {
    return validation_failed({"body", "customer_user"}, "value is not a valid dict", "type_error.dict");
  }
  const auto user_id = bounded_text(user->get_object(), "id", {"body", "customer_user"}, 4, 150);
  const auto redirect = bounded_text(*body, "redirect_uri", {"body"}, 1, 65'536);
  const auto webhook = bounded_text(*body, "webhook", {"body"}, 1, 65'536);
  const auto institution = bounded_text(*body, "institution_id", {"body"}, 1, 128);
  const auto existing = bounded_text(*body, "existing_link_id", {"body"}, 1, 128);
  for (const auto* field : {&user_id, &redirect, &webhook, &institution, &existing}) {
    if (!*field) {
      return field->error();
    }
  }
  if (!*user_id) {
    return missing({"body", "customer_user", "id"});
  }
  if (!*redirect) {
    return missing({"body", "redirect_uri"});
  }
  if ((*redirect)->contains('?')) {
    return validation_failed({"body", "redirect_uri"}, "must not have a query", "value_error.url");
  }
  auto tags = read_tags(*body);
  if (!tags) {
    return tags.error();
  }
  if (*existing) {
    Link* const link = settled_link(**existing, call.now);
    if (link == nullptr || link->state() == LinkState::deleted) {
      return validation_failed({"body", "existing_link_id"}, "no such link", "value_error");
    }
    session.existing_link_id = **existing;
  }
  if (*institution && find_institution(**institution) == nullptr) {
    return validation_failed({"body", "institution_id"}, "no such institution", "value_error");
  }
  if (asks_forbidden_feature(*body)) {
    return error_response(403, "link_session_error.forbidden_config",
                          "The requested feature is not enabled for this app");
  }
  if (const auto wait = meter.take_session_of_user(**user_id, call.wire_now)) {
    ++meter.of(call.endpoint).throttled_by_budget;
    const RetryAfterForm form = throttles++ % 2 == 0 ? RetryAfterForm::seconds : RetryAfterForm::date;
    return rate_limited(call.wire_now, *wait, form);
  }
  session.user_id = **user_id;
  session.institution_id = institution->value_or("");
  session.webhook = *webhook;
  session.tags = tags->value_or(std::vector<std::string>{});
  read_products(*body, session);
  ++counter;
  const std::string token = uuid_text(hash_words(options.seed, stream_session, counter, 1),
                                      hash_words(options.seed, stream_session, counter, 2));
  sessions[token] = std::move(session);
  return json_response(201, "{\"link_session_token\":\"" + token + "\"}");
}

SessionOutcome Upstream::Impl::complete_session(std::string_view token, std::string_view institution_id,
                                                std::string_view username, std::string_view password,
                                                TimePoint now) {
  const auto found = sessions.find(token);
  if (found == sessions.end() || found->second.done) {
    return {.problem = "no such session, or it has been completed before"};
  }
  Session& session = found->second;
  const bool good_user = username == "user_good" && password == "pass_good";
  if (!session.existing_link_id.empty()) {
    Link* const link = settled_link(session.existing_link_id, now);
    if (link == nullptr || link->state() == LinkState::deleted) {
      return {.problem = "the link of this session is gone"};
    }
    if (find_institution(link->spec().institution)->needs_credentials && !good_user) {
      return {.problem = "the bank refused these credentials; the sandbox user is user_good / pass_good"};
    }
    session.done = true;
    link->set_webhook(session.webhook);  // what the session leaves out is removed from the link
    link->set_tags(session.tags);
    link->set_state(LinkState::connected, "", now);
    return {.ok = true, .link_id = session.existing_link_id};
  }
  const std::string_view chosen =
      session.institution_id.empty() ? institution_id : std::string_view(session.institution_id);
  const Institution* const institution = find_institution(chosen);
  if (institution == nullptr) {
    return {.problem = "no such institution"};
  }
  if (institution->needs_credentials && !good_user) {
    return {.problem = "the bank refused these credentials; the sandbox user is user_good / pass_good"};
  }
  session.done = true;
  NewLink wanted;
  wanted.institution = chosen;
  wanted.user_id = session.user_id;
  wanted.transactions_product = session.transactions;
  wanted.prefetch = session.prefetch;
  wanted.state = LinkState::awaiting_token_exchange;
  wanted.webhook = session.webhook;
  wanted.tags = session.tags;
  const std::string link_id = add_link(wanted, now);
  ++counter;
  std::string exchange = uuid_text(hash_words(options.seed, stream_session, counter, 3),
                                   hash_words(options.seed, stream_session, counter, 4));
  exchangeable[exchange] = number_of(link_id);
  return {.ok = true, .exchangeable_token = std::move(exchange)};
}

HttpResponse Upstream::Impl::exchange_token(Call& call) {
  const auto body = json_body(call.request);
  if (!body) {
    return body.error();
  }
  const json::value* const token = body->if_contains("exchangeable_token");
  if (token == nullptr) {
    return missing({"body", "exchangeable_token"});
  }
  if (!token->is_string()) {
    return validation_failed({"body", "exchangeable_token"}, "str type expected", "type_error.str");
  }
  const auto found = exchangeable.find(std::string_view(token->get_string()));
  if (found == exchangeable.end()) {
    return error_response(400, "link_session_error.invalid_token_exchange", "Token cannot be exchanged");
  }
  Link& link = links[found->second];
  exchangeable.erase(found);
  link.settle(call.now);
  link.set_state(LinkState::connected, "", call.now);
  return json_response(201, "{\"link_id\":\"" + link.id() + "\",\"link\":" + link.link_json() + "}");
}

std::string Upstream::Impl::add_link(const NewLink& wanted, TimePoint now) {
  NewLink spec = wanted;
  const auto number = static_cast<std::uint32_t>(links.size());
  if (find_institution(spec.institution) == nullptr) {
    spec.institution = "instant_bank";
  }
  if (spec.user_id.empty()) {
    spec.user_id = "user-" + std::to_string(1'000'000 + number).substr(1);
  }
  user_numbers[spec.user_id].push_back(number);
  const Link& link = links.emplace_back(world, std::move(spec), number, now);
  link_numbers.emplace(link.id(), number);
  return link.id();
}

}  // namespace syncd::sandbox
