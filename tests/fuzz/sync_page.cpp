#include <memory>
#include <string>

#include "tests/fuzz/support/expected.hpp"

// A sync answer. Accepted exactly when the second reader finds a document that the contract allows; then
// every row, the cursor, has_more and the link are what that document says, and each row is the slice of the
// answer as it came. Refused with its size and digest and without content.
namespace syncd::fuzz {
namespace {

using Kind = JsonNode::Kind;

bool are_transactions(const JsonTree& tree, const JsonNode* list) {
  if (list == nullptr || list->kind != Kind::array) return false;
  for (const JsonNode* row = tree.first(*list); row != nullptr; row = tree.next(*row)) {
    if (!is_transaction(tree, *row)) return false;
  }
  return true;
}

bool are_ids(const JsonTree& tree, const JsonNode* list) {
  if (list == nullptr || list->kind != Kind::array) return false;
  for (const JsonNode* id = tree.first(*list); id != nullptr; id = tree.next(*id)) {
    if (!is_id(id)) return false;
  }
  return true;
}

bool is_cursor(const JsonTree& tree, const JsonNode* cursor) {
  if (cursor == nullptr || cursor->kind == Kind::null) return true;
  const JsonNode* next = tree.member(*cursor, "next");
  return cursor->kind == Kind::object && is_text_or_absent(next) &&
         text_of(next).size() <= core::cursor_bytes_max;
}

bool is_page(const JsonTree& tree) {
  const JsonNode& root = tree.root();
  const JsonNode* transactions = tree.member(root, "transactions");
  const JsonNode* accounts = tree.member(root, "accounts");
  const JsonNode* has_more = tree.member(root, "has_more");
  if (transactions == nullptr || has_more == nullptr || has_more->kind != Kind::truth) return false;
  const bool no_accounts = accounts == nullptr || accounts->kind == Kind::null;
  return are_transactions(tree, tree.member(*transactions, "created")) &&
         are_transactions(tree, tree.member(*transactions, "updated")) &&
         are_ids(tree, tree.member(*transactions, "removed")) &&
         (no_accounts || is_account_list(tree, accounts)) && is_cursor(tree, tree.member(root, "cursor")) &&
         is_link(tree, tree.member(root, "link"));
}

void check_removed(const JsonTree& tree, const JsonNode& list, const std::vector<std::string_view>& removed) {
  FUZZ_CHECK(removed.size() == list.children, "as many removed ids as were sent");
  const JsonNode* node = tree.first(list);
  for (const std::string_view id : removed) {
    FUZZ_CHECK(id == node->text, "a removed id is the one written");
    node = tree.next(*node);
  }
}

void check_page(const JsonTree& tree, const core::Page& page) {
  const JsonNode& root = tree.root();
  const JsonNode& transactions = *tree.member(root, "transactions");
  check_transactions(tree, *tree.member(transactions, "created"), page.created);
  check_transactions(tree, *tree.member(transactions, "updated"), page.updated);
  check_removed(tree, *tree.member(transactions, "removed"), page.removed);
  check_link(tree, *tree.member(root, "link"), page.link);
  FUZZ_CHECK(page.has_more == tree.member(root, "has_more")->truth, "has_more is the one written");
  const JsonNode* cursor = tree.member(root, "cursor");
  const JsonNode* next = cursor == nullptr ? nullptr : tree.member(*cursor, "next");
  FUZZ_CHECK(page.next == text_of(next), "the cursor is the one written");
  const JsonNode* accounts = tree.member(root, "accounts");
  const bool present = accounts != nullptr && accounts->kind == Kind::array;
  FUZZ_CHECK(page.accounts_present == present, "accounts are there when they are a list");
  if (!present) return;
  check_accounts(tree, *accounts, page.accounts);
  check_slice(page.accounts_json, *accounts);
  FUZZ_CHECK(page.accounts_digest == core::digest_of(accounts->raw), "the digest is that of the list");
}

}  // namespace

FUZZ_TARGET(sync_page) {
  static JsonTree tree;
  const bool acceptable = tree.read(bytes) && is_page(tree);
  const auto page = core::parse_page(std::string(bytes));
  FUZZ_CHECK(page.has_value() == acceptable, "accepted exactly when the contract allows it");
  if (!page) return check_refusal(page.error(), bytes);
  FUZZ_CHECK((*page)->body == bytes, "an answer is not changed");
  check_page(tree, **page);
}

}  // namespace syncd::fuzz
