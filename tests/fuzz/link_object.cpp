#include <memory>
#include <string>

#include "sync/core/classify.hpp"
#include "tests/fuzz/support/expected.hpp"

// The link object: accepted exactly when the contract allows it, and read as written. What it says of the
// link's condition: only a link in the state `connected` is well, an unknown word is an outage and bothers
// nobody, and the reason is a word of the object.
namespace syncd::fuzz {
namespace {

void check_condition(const core::LinkObject& link) {
  const core::LinkCondition condition = core::condition_of(link);
  using core::LinkHealth;
  const bool well = condition.health == LinkHealth::connected;
  FUZZ_CHECK(!well || link.state == "connected", "only a connected link is well");
  FUZZ_CHECK(condition.known || condition.health == LinkHealth::outage, "an unknown word is an outage");
  const bool gone = condition.health == LinkHealth::deleted;
  FUZZ_CHECK(!gone || !condition.data_readable, "nothing is read from a deleted link");
  const bool quoted = condition.reason == link.state || condition.reason == link.error_code ||
                      condition.reason == link.transactions.error_code ||
                      condition.reason == link.accounts.error_code;
  FUZZ_CHECK(quoted, "the reason is upstream's word");
}

}  // namespace

FUZZ_TARGET(link_object) {
  static JsonTree tree;
  const bool acceptable = tree.read(bytes) && is_link(tree, &tree.root());
  const auto answer = core::parse_link(std::string(bytes));
  FUZZ_CHECK(answer.has_value() == acceptable, "accepted exactly when the contract allows it");
  if (!answer) return check_refusal(answer.error(), bytes);
  check_link(tree, tree.root(), (*answer)->link);
  check_condition((*answer)->link);
}

}  // namespace syncd::fuzz
