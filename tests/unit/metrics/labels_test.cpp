#include "metrics/labels.hpp"

#include <set>
#include <string>

#include <gtest/gtest.h>

#include "tests/unit/metrics/scrape.hpp"

namespace syncd::metrics {
namespace {

void expect_distinct(const std::vector<std::string_view>& names) {
  const std::set<std::string_view> distinct(names.begin(), names.end());
  EXPECT_EQ(distinct.size(), names.size());
  for (const std::string_view name : names) {
    EXPECT_FALSE(name.empty());
    EXPECT_EQ(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_"), std::string_view::npos)
        << name;
  }
}

TEST(Labels, EveryListHasDistinctLowerCaseNames) {
  expect_distinct(cause_names());
  expect_distinct(finder_names());
  expect_distinct(arm_names());
  expect_distinct(endpoint_names());
  expect_distinct(link_status_names());
  expect_distinct(failure_names());
  expect_distinct(outcome_names());
  expect_distinct(status_code_names());
  expect_distinct(relink_reason_names());
  expect_distinct(relink_status_names());
  expect_distinct(incident_scope_names());
}

TEST(Labels, EverySlotLeadsBackToTheNameOfItsValue) {
  for (int i = 1; i <= 6; ++i) {
    const auto cause = test::any_value<core::Cause>(i);
    EXPECT_EQ(cause_names().at(cause_slot(cause)), core::to_string(cause));
    const auto endpoint = test::any_value<core::Endpoint>(i);
    EXPECT_EQ(endpoint_names().at(endpoint_slot(endpoint)), core::to_string(endpoint));
  }
  for (int i = 1; i <= 7; ++i) {
    const auto status = test::any_value<core::LinkStatus>(i);
    EXPECT_EQ(link_status_names().at(link_status_slot(status)), core::to_string(status));
  }
  for (int i = 1; i <= 16; ++i) {
    const auto code = test::any_value<core::Errc>(i);
    EXPECT_EQ(failure_names().at(failure_slot(code)), core::to_string(code));
    EXPECT_EQ(outcome_names().at(outcome_slot(core::Error{.code = code, .message = ""})),
              core::to_string(code));
  }
  EXPECT_EQ(outcome_names().at(outcome_slot(std::nullopt)), "success");
  EXPECT_EQ(outcome_names().at(outcome_slot(std::nullopt, true)), "yielded");
  for (const auto status : {core::RelinkStatus::open, core::RelinkStatus::resolved}) {
    EXPECT_EQ(relink_status_names().at(relink_status_slot(status)), core::to_string(status));
  }
  for (const auto scope : {core::IncidentScope::institution, core::IncidentScope::provider}) {
    EXPECT_EQ(incident_scope_names().at(incident_scope_slot(scope)), core::to_string(scope));
  }
}

TEST(Labels, ANumberBeyondTheKnownOnesStaysInsideTheList) {
  for (int i = 0; i <= 255; ++i) {
    EXPECT_LT(cause_slot(test::any_value<core::Cause>(i)), cause_names().size());
    EXPECT_LT(endpoint_slot(test::any_value<core::Endpoint>(i)), endpoint_names().size());
    EXPECT_LT(link_status_slot(test::any_value<core::LinkStatus>(i)), link_status_names().size());
    EXPECT_LT(failure_slot(test::any_value<core::Errc>(i)), failure_names().size());
    EXPECT_LT(relink_status_slot(test::any_value<core::RelinkStatus>(i)), relink_status_names().size());
    EXPECT_LT(incident_scope_slot(test::any_value<core::IncidentScope>(i)), incident_scope_names().size());
  }
  EXPECT_EQ(failure_names().at(failure_slot(test::any_value<core::Errc>(200))), "other");
  for (int i = 0; i <= 255; ++i) {
    EXPECT_LT(finder_slot(test::any_value<core::Cause>(i)), finder_names().size());
    EXPECT_LT(arm_slot(test::any_value<core::Arm>(i)), arm_names().size());
  }
  EXPECT_EQ(finder_names().at(finder_slot(core::Cause::webhook)), "webhook");
  EXPECT_EQ(finder_names().at(finder_slot(core::Cause::probe)), "other");
  EXPECT_EQ(arm_names().at(arm_slot(core::Arm::control)), "control");
}

TEST(Labels, StatusCodesAreExactWhenKnownAndClassesOtherwise) {
  const auto name = [](int status) { return status_code_names().at(status_code_slot(status)); };
  for (const int known : {200, 201, 202, 204, 400, 401, 403, 404, 410, 422, 429, 500, 502, 503, 504}) {
    EXPECT_EQ(name(known), std::to_string(known));
  }
  EXPECT_EQ(name(100), "other_1xx");
  EXPECT_EQ(name(206), "other_2xx");
  EXPECT_EQ(name(301), "other_3xx");
  EXPECT_EQ(name(418), "other_4xx");
  EXPECT_EQ(name(599), "other_5xx");
  for (const int unusable : {0, -1, 99, 600, 999, 2'147'483'647})
    EXPECT_EQ(name(unusable), "none") << unusable;
}

TEST(Labels, RelinkReasonsAreUpstreamsWordsOrOther) {
  const auto name = [](std::string_view reason) {
    return relink_reason_names().at(relink_reason_slot(reason));
  };
  EXPECT_EQ(name("auth_expired"), "auth_expired");
  EXPECT_EQ(name("user_setup_required"), "user_setup_required");
  EXPECT_EQ(name("AUTH_EXPIRED"), "other");
  EXPECT_EQ(name(""), "other");
  EXPECT_EQ(name("something_new"), "other");
}

}  // namespace
}  // namespace syncd::metrics
