#include <memory>
#include <string>

#include "tests/fuzz/support/expected.hpp"

// An accounts answer: as sync_page, for the list of accounts and the link.
namespace syncd::fuzz {

FUZZ_TARGET(accounts) {
  static JsonTree tree;
  const bool acceptable = tree.read(bytes) && is_account_list(tree, tree.member(tree.root(), "accounts")) &&
                          is_link(tree, tree.member(tree.root(), "link"));
  const auto answer = core::parse_accounts(std::string(bytes));
  FUZZ_CHECK(answer.has_value() == acceptable, "accepted exactly when the contract allows it");
  if (!answer) return check_refusal(answer.error(), bytes);
  FUZZ_CHECK((*answer)->body == bytes, "an answer is not changed");
  check_accounts(tree, *tree.member(tree.root(), "accounts"), (*answer)->accounts);
  check_link(tree, *tree.member(tree.root(), "link"), (*answer)->link);
}

}  // namespace syncd::fuzz
