#include <string>

#include <gtest/gtest.h>

#include "tests/unit/core/incident_world.hpp"

// What metrics show of the detector's counts.
namespace syncd::test {
namespace {

using core::Failing;
using core::VisitSign;

std::string tallies(const IncidentWorld& world) {
  std::string all;
  for (const core::InstitutionTally& one : world.incidents.institutions())
    all += std::string(one.name) + " " + std::to_string(one.links) + " " + std::to_string(one.failing) + "; ";
  return all;
}

TEST(Institutions, AreCountedWithThoseOfTheirLinksThatFail) {
  IncidentWorld world;
  EXPECT_EQ(tallies(world), "");
  const auto chase = world.add("chase", 3, "mx");
  world.add("chase", 1, "plaid");
  world.add("tiny", 2, "", Failing::owner);
  world.add("", 4);
  EXPECT_EQ(tallies(world), "chase 3 0; chase 1 0; tiny 2 2; ");
  world.visit(chase, VisitSign::outage);
  world.visit(chase + 1, VisitSign::none);
  EXPECT_EQ(tallies(world), "chase 3 1; chase 1 0; tiny 2 2; ");
  world.visit(chase, VisitSign::ok);
  for (std::uint32_t link = chase; link < chase + 3; ++link)
    world.incidents.forget(link);
  EXPECT_EQ(tallies(world), "chase 1 0; tiny 2 2; ");
}

}  // namespace
}  // namespace syncd::test
