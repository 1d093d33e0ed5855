#include <algorithm>
#include <string>

#include "tests/fuzz/support/choices.hpp"
#include "tests/fuzz/support/expected.hpp"

// The token, the list of links and the introspection, one of them by the first byte: accepted exactly when
// the contract allows it, and read as written. A token is fit for a header.
namespace syncd::fuzz {
namespace {

using Kind = JsonNode::Kind;

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; });
  return out;
}

bool is_token(const JsonTree& tree) {
  const JsonNode& root = tree.root();
  const JsonNode* token = tree.member(root, "access_token");
  const JsonNode* type = tree.member(root, "token_type");
  const JsonNode* expires = tree.member(root, "expires_in");
  if (token == nullptr || type == nullptr || expires == nullptr) return false;
  const bool visible = std::ranges::all_of(token->text, [](char c) { return c > ' ' && c <= '~'; });
  const bool whole = expires->text.find_first_not_of("0123456789") == std::string_view::npos;
  return token->kind == Kind::text && visible && !token->text.empty() && token->text.size() <= 8192 &&
         type->kind == Kind::text && lower(type->text) == "bearer" && expires->kind == Kind::number &&
         whole && expires->text.size() <= 9 && expires->text != "0";
}

void try_token(const JsonTree& tree, bool json, std::string_view body) {
  const bool acceptable = json && is_token(tree);
  const auto answer = core::parse_token(std::string(body));
  FUZZ_CHECK(answer.has_value() == acceptable, "a token is accepted exactly when the contract allows it");
  if (!answer) return check_refusal(answer.error(), body);
  FUZZ_CHECK(answer->access_token == text_of(tree.member(tree.root(), "access_token")), "the token is kept");
  const std::string seconds(text_of(tree.member(tree.root(), "expires_in")));
  FUZZ_CHECK(answer->expires_in.count() == std::stoll(seconds), "expires_in is the number written");
}

bool is_link_list(const JsonTree& tree) {
  const JsonNode* links = tree.member(tree.root(), "links");
  const JsonNode* next = tree.member(tree.root(), "next_cursor");
  if (links == nullptr || links->kind != Kind::array) return false;
  for (const JsonNode* link = tree.first(*links); link != nullptr; link = tree.next(*link)) {
    if (!is_id(tree.member(*link, "link_id"))) return false;
  }
  return is_text_or_absent(next) && text_of(next).size() <= core::cursor_bytes_max;
}

void try_links(const JsonTree& tree, bool json, std::string_view body) {
  const bool acceptable = json && is_link_list(tree);
  const auto answer = core::parse_links(std::string(body));
  FUZZ_CHECK(answer.has_value() == acceptable, "a list is accepted exactly when the contract allows it");
  if (!answer) return check_refusal(answer.error(), body);
  const JsonNode& links = *tree.member(tree.root(), "links");
  FUZZ_CHECK((*answer)->link_ids.size() == links.children, "as many links as were sent");
  const JsonNode* node = tree.first(links);
  for (const std::string_view id : (*answer)->link_ids) {
    FUZZ_CHECK(id == text_of(tree.member(*node, "link_id")), "link_id is the one written");
    node = tree.next(*node);
  }
  FUZZ_CHECK((*answer)->next == text_of(tree.member(tree.root(), "next_cursor")), "the cursor is kept");
}

bool is_introspection(const JsonTree& tree) {
  const JsonNode& root = tree.root();
  const JsonNode* app = tree.member(root, "app");
  const bool no_app = app == nullptr || app->kind == Kind::null;
  if (!no_app && (app->kind != Kind::object || !is_text_or_absent(tree.member(*app, "app_id")))) return false;
  return root.kind == Kind::object && is_text_or_absent(tree.member(root, "disabled_at"));
}

void try_introspection(const JsonTree& tree, bool json, std::string_view body) {
  const bool acceptable = json && is_introspection(tree);
  const auto answer = core::parse_introspect(std::string(body));
  FUZZ_CHECK(answer.has_value() == acceptable, "accepted exactly when the contract allows it");
  if (!answer) return check_refusal(answer.error(), body);
  const JsonNode* app = tree.member(tree.root(), "app");
  const JsonNode* app_id = app == nullptr ? nullptr : tree.member(*app, "app_id");
  FUZZ_CHECK(answer->app_id == text_of(app_id), "app_id is kept");
  FUZZ_CHECK(answer->disabled_at == text_of(tree.member(tree.root(), "disabled_at")), "disabled_at is kept");
}

}  // namespace

FUZZ_TARGET(small_answers) {
  Choices choices(bytes);
  const std::uint32_t which = choices.below(3);
  static JsonTree tree;
  const bool json = tree.read(choices.rest());
  if (which == 0) return try_token(tree, json, choices.rest());
  if (which == 1) return try_links(tree, json, choices.rest());
  try_introspection(tree, json, choices.rest());
}

}  // namespace syncd::fuzz
