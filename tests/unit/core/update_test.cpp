#include "sync/core/update.hpp"

#include <array>

#include <gtest/gtest.h>

namespace syncd::core {
namespace {

TEST(ChangeKinds, NamesOfTheFeedAreAContract) {
  constexpr std::array<std::string_view, change_kind_count> names{
      "link.added",          "link.status",      "account.created",     "account.updated",
      "account.gone",        "account.returned", "transaction.created", "transaction.updated",
      "transaction.removed", "relink.opened",    "relink.resolved",     "link.purged"};
  for (std::size_t i = 0; i < names.size(); ++i) {
    EXPECT_EQ(to_string(static_cast<ChangeKind>(i + 1)), names[i]);
  }
  EXPECT_EQ(to_string(static_cast<ChangeKind>(0)), "unknown");
}

}  // namespace
}  // namespace syncd::core
