#include <algorithm>
#include <string>
#include <vector>

#include "sync/core/link_session.hpp"
#include "tests/fuzz/support/choices.hpp"
#include "tests/fuzz/support/expected.hpp"

// Link sessions, one thing by the first byte. The answers (a session's token, an exchange, the links of a
// user, what a relink must repeat): accepted exactly when the contract allows it, and read as written; a
// token is fit for a header, a link stands under its own id. The requests: what is accepted is written as
// JSON that says exactly what was asked for, and a refusal names no value.
namespace syncd::fuzz {
namespace {

using Kind = JsonNode::Kind;

bool is_kind(const JsonNode* node, Kind kind) {
  return node != nullptr && node->kind == kind;
}

bool is_absent(const JsonNode* node) {
  return node == nullptr || node->kind == Kind::null;
}

// ---- answers

bool is_session(const JsonTree& tree) {
  const JsonNode* token = tree.member(tree.root(), "link_session_token");
  if (!is_kind(token, Kind::text)) return false;
  const bool visible = std::ranges::all_of(token->text, [](char c) { return c > ' ' && c <= '~'; });
  return visible && !token->text.empty() && token->text.size() <= 8192;
}

void try_session(const JsonTree& tree, bool json, std::string_view body) {
  const auto answer = core::parse_session(std::string(body));
  FUZZ_CHECK(answer.has_value() == (json && is_session(tree)),
             "accepted exactly when the contract allows it");
  if (!answer) return check_refusal(answer.error(), body);
  FUZZ_CHECK(answer->link_session_token == text_of(tree.member(tree.root(), "link_session_token")),
             "the token is kept");
}

bool is_exchange(const JsonTree& tree) {
  const JsonNode* link = tree.member(tree.root(), "link");
  const JsonNode* id = tree.member(tree.root(), "link_id");
  if (!is_absent(id) && !is_id(id)) return false;
  return is_absent(link) ? is_id(id) : is_link(tree, link);
}

void try_exchange(const JsonTree& tree, bool json, std::string_view body) {
  const auto answer = core::parse_exchange(std::string(body));
  FUZZ_CHECK(answer.has_value() == (json && is_exchange(tree)),
             "accepted exactly when the contract allows it");
  if (!answer) return check_refusal(answer.error(), body);
  const JsonNode* link = tree.member(tree.root(), "link");
  if (!is_absent(link)) return check_link(tree, *link, (*answer)->link);
  FUZZ_CHECK((*answer)->link.link_id == text_of(tree.member(tree.root(), "link_id")),
             "without a link its id is the one at the top");
  FUZZ_CHECK((*answer)->link.state.empty() && (*answer)->link.json.empty(), "nothing is made up");
}

bool is_user_links(const JsonTree& tree) {
  const JsonNode* links = tree.member(tree.root(), "links");
  if (!is_kind(links, Kind::object)) return false;
  for (const JsonNode* link = tree.first(*links); link != nullptr; link = tree.next(*link)) {
    if (!is_link(tree, link) || text_of(tree.member(*link, "link_id")) != link->name) return false;
  }
  return true;
}

void try_user_links(const JsonTree& tree, bool json, std::string_view body) {
  const auto answer = core::parse_user_links(std::string(body));
  FUZZ_CHECK(answer.has_value() == (json && is_user_links(tree)),
             "accepted exactly when the contract allows it");
  if (!answer) return check_refusal(answer.error(), body);
  const JsonNode* node = tree.first(*tree.member(tree.root(), "links"));
  for (const core::LinkObject& link : (*answer)->links) {
    FUZZ_CHECK(node != nullptr && node->name == link.link_id, "in their order, each under its own id");
    check_link(tree, *node, link);
    node = tree.next(*node);
  }
  FUZZ_CHECK(node == nullptr, "as many links as were sent");
}

bool is_tag_list(const JsonTree& tree, const JsonNode* node) {
  if (is_absent(node)) return true;
  if (node->kind != Kind::array || node->children > core::session_tags_max) return false;
  for (const JsonNode* tag = tree.first(*node); tag != nullptr; tag = tree.next(*tag)) {
    if (tag->kind != Kind::text) return false;
  }
  return true;
}

void try_keeps(const JsonTree& tree, bool json, std::string_view body) {
  const bool object = json && tree.root().kind == Kind::object;
  const bool acceptable = object && is_text_or_absent(tree.member(tree.root(), "webhook")) &&
                          is_tag_list(tree, tree.member(tree.root(), "link_tags")) &&
                          is_tag_list(tree, tree.member(tree.root(), "tags"));
  const auto keeps = core::parse_link_keeps(std::string(body));
  FUZZ_CHECK(keeps.has_value() == acceptable, "accepted exactly when the contract allows it");
  if (!keeps) return check_refusal(keeps.error(), body);
  FUZZ_CHECK(keeps->webhook == text_of(tree.member(tree.root(), "webhook")), "the webhook is kept");
  const JsonNode* list = tree.member(tree.root(), "link_tags");
  if (is_absent(list) || list->children == 0) list = tree.member(tree.root(), "tags");
  const JsonNode* tag = is_absent(list) ? nullptr : tree.first(*list);
  for (const std::string& kept : keeps->link_tags) {
    FUZZ_CHECK(tag != nullptr && tag->text == kept, "tags are kept in their order");
    tag = tree.next(*tag);
  }
  FUZZ_CHECK(tag == nullptr, "all of them");
}

// ---- requests

std::vector<std::string> some_texts(Choices& choices) {
  std::vector<std::string> texts(choices.below(4));
  for (std::string& text : texts)
    text = choices.text(12);
  return texts;
}

core::SessionRequest some_request(Choices& choices) {
  core::SessionRequest request;
  request.customer_user_id = choices.text(160);
  request.redirect_uri = choices.flag() ? "https://a.example/" : "";
  request.redirect_uri += choices.text(20);
  request.email = choices.text(12);
  request.phone = choices.text(12);
  request.phone_country = choices.once_in(3) ? "GB" : choices.text(2);
  if (choices.flag()) request.existing_link_id = core::LinkId("mk_1");
  request.institution_id = choices.text(12);
  request.webhook = choices.text(20);
  request.link_tags = some_texts(choices);
  constexpr const char* names[] = {"transactions", "identity", "account_numbers", "investments", "accounts"};
  for (std::uint32_t i = choices.below(4); i > 0; --i) {
    const std::uint8_t how = choices.byte();
    request.products.push_back({.name = names[how % std::size(names)],
                                .required = (how & 8) != 0,
                                .require_permission = (how & 16) != 0,
                                .prefetch = (how & 32) != 0,
                                .reason = std::string(choices.text(8))});
  }
  request.countries = some_texts(choices);
  request.providers = some_texts(choices);
  return request;
}

void check_text(const JsonTree& tree, const JsonNode& object, std::string_view name, std::string_view text) {
  const JsonNode* node = tree.member(object, name);
  FUZZ_CHECK_SAYING(text.empty() ? node == nullptr : is_kind(node, Kind::text) && node->text == text,
                    "a text is written as it was given", name);
}

void check_texts(const JsonTree& tree, const JsonNode* list, const std::vector<std::string>& texts) {
  FUZZ_CHECK((list == nullptr) == texts.empty(), "an empty list is left out");
  const JsonNode* node = list == nullptr ? nullptr : tree.first(*list);
  for (const std::string& text : texts) {
    FUZZ_CHECK(is_kind(node, Kind::text) && node->text == text, "a list is written as it was given");
    node = tree.next(*node);
  }
  FUZZ_CHECK(node == nullptr, "and nothing else is in it");
}

void check_products(const JsonTree& tree, const JsonNode* written, const core::SessionRequest& request) {
  FUZZ_CHECK((written == nullptr) == request.products.empty(), "no products, no member");
  const JsonNode* node = written == nullptr ? nullptr : tree.first(*written);
  for (const core::SessionProduct& product : request.products) {
    FUZZ_CHECK(node != nullptr && node->name == product.name, "a product by its name");
    const auto flag = [&](std::string_view name) { return tree.member(*node, name)->truth; };
    FUZZ_CHECK(flag("required") == product.required && flag("prefetch") == product.prefetch &&
                   flag("require_permission") == product.require_permission,
               "its switches as given");
    check_text(tree, *node, "reason", product.reason);
    node = tree.next(*node);
  }
  FUZZ_CHECK(node == nullptr, "no other product");
}

void check_session_body(const std::string& body, const core::SessionRequest& request) {
  static JsonTree tree;
  FUZZ_CHECK(tree.read(body), "a request is JSON");
  const JsonNode& root = tree.root();
  const JsonNode& user = *tree.member(root, "customer_user");
  check_text(tree, user, "id", request.customer_user_id);
  const JsonNode* email = tree.member(user, "email");
  FUZZ_CHECK((email == nullptr) == request.email.empty(), "no address, no member");
  if (email != nullptr) check_text(tree, *email, "address", request.email);
  const JsonNode* phone = tree.member(user, "phone");
  FUZZ_CHECK((phone == nullptr) == request.phone.empty(), "no number, no member");
  if (phone != nullptr) check_text(tree, *phone, "number", request.phone);
  if (phone != nullptr) check_text(tree, *phone, "country", request.phone_country);
  check_text(tree, root, "redirect_uri", request.redirect_uri);
  check_text(tree, root, "existing_link_id", request.existing_link_id.str());
  check_text(tree, root, "institution_id", request.institution_id);
  check_text(tree, root, "webhook", request.webhook);
  check_texts(tree, tree.member(root, "link_tags"), request.link_tags);
  const JsonNode* settings = tree.member(root, "settings");
  const bool none = request.products.empty() && request.countries.empty() && request.providers.empty();
  FUZZ_CHECK((settings == nullptr) == none, "no settings, no member");
  if (settings == nullptr) return;
  check_texts(tree, tree.member(*settings, "countries"), request.countries);
  check_texts(tree, tree.member(*settings, "providers"), request.providers);
  check_products(tree, tree.member(*settings, "products"), request);
}

void try_request(Choices& choices) {
  const core::SessionRequest request = some_request(choices);
  const auto body = core::session_body(request);
  if (!body) {
    FUZZ_CHECK(body.error().code == core::Errc::invalid, "a refusal is about what was asked for");
    const bool plain = std::ranges::all_of(body.error().message, [](char c) { return c >= ' ' && c <= '~'; });
    FUZZ_CHECK(plain && body.error().message.size() <= 256, "and one harmless line");
    return;
  }
  const bool sane = request.customer_user_id.size() >= 4 && is_utf8(request.customer_user_id) &&
                    !core::redirect_uri_fault(request.redirect_uri);
  FUZZ_CHECK(sane, "nothing is sent that upstream does not document");
  check_session_body(*body, request);
}

void try_token(std::string_view token) {
  const auto body = core::exchange_body(token);
  FUZZ_CHECK(!body || is_utf8(token), "a token arrives as it was given, or not at all");
  if (!body) return;
  static JsonTree tree;
  FUZZ_CHECK(tree.read(*body), "a request is JSON");
  check_text(tree, tree.root(), "exchangeable_token", token);
}

}  // namespace

FUZZ_TARGET(link_sessions) {
  Choices choices(bytes);
  const std::uint32_t which = choices.below(6);
  if (which == 0) return try_request(choices);
  if (which == 1) return try_token(choices.rest());
  static JsonTree tree;
  const bool json = tree.read(choices.rest());
  if (which == 2) return try_session(tree, json, choices.rest());
  if (which == 3) return try_exchange(tree, json, choices.rest());
  if (which == 4) return try_user_links(tree, json, choices.rest());
  try_keeps(tree, json, choices.rest());
}

}  // namespace syncd::fuzz
