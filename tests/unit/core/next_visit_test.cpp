#include "sync/core/next_visit.hpp"

#include <memory>
#include <vector>

#include <gtest/gtest.h>

namespace syncd::core {
namespace {

LinkRecord link_with(std::vector<std::string> tags) {
  LinkRecord record;
  record.link_id = LinkId("mk_1");
  record.tags = std::move(tags);
  return record;
}

Policy policy_with(std::vector<TagWeight> weights) {
  Policy policy;
  policy.weights = std::make_shared<const std::vector<TagWeight>>(std::move(weights));
  return policy;
}

TEST(WeightOfALink, IsTheLargestOfItsTags) {
  const Policy policy = policy_with({{"gold", 4}, {"trial", 0.25}, {"a=b", 2}});
  EXPECT_EQ(weight_of(link_with({"gold"}), policy), 4);
  EXPECT_EQ(weight_of(link_with({"other", "trial"}), policy), 0.25) << "less than a link without";
  EXPECT_EQ(weight_of(link_with({"trial", "a=b"}), policy), 2);
  EXPECT_EQ(weight_of(link_with({"other"}), policy), 1);
  EXPECT_EQ(weight_of(link_with({}), policy), 1);
  EXPECT_EQ(weight_of(link_with({"gold"}), Policy{}), 1) << "nobody counts more";
}

TEST(WeightOfALink, IsWhatItIsPlannedWith) {
  EXPECT_EQ(outlook_of(link_with({"gold"}), policy_with({{"gold", 4}})).weight, 4);
  EXPECT_EQ(outlook_of(link_with({"gold"}), policy_with({{"gold", 3}})).weight, 3) << "after a reload";
}

}  // namespace
}  // namespace syncd::core
