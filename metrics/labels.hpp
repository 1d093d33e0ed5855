#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

#include "sync/core/hook_report.hpp"
#include "sync/core/incident.hpp"
#include "sync/core/relink.hpp"
#include "sync/core/reports.hpp"
#include "sync/core/result.hpp"
#include "sync/core/types.hpp"

namespace syncd::metrics {

// The closed sets that label values come from. Whatever upstream sends, a metric never grows a series: what
// is not in a set counts under its last value, the catch-all. Each list has one slot function, which gives
// the position of a value in that list.

const std::vector<std::string_view>& cause_names();
std::size_t cause_slot(core::Cause cause);

// The causes of visits that find what is new, then `other`.
const std::vector<std::string_view>& finder_names();
std::size_t finder_slot(core::Cause cause);

const std::vector<std::string_view>& arm_names();
std::size_t arm_slot(core::Arm arm);

const std::vector<std::string_view>& endpoint_names();
std::size_t endpoint_slot(core::Endpoint endpoint);

const std::vector<std::string_view>& link_status_names();
std::size_t link_status_slot(core::LinkStatus status);

// Error kinds, then `other`.
const std::vector<std::string_view>& failure_names();
std::size_t failure_slot(core::Errc code);

// `success`, error kinds, then `other`.
const std::vector<std::string_view>& outcome_names();
std::size_t outcome_slot(const std::optional<core::Error>& error, bool yielded = false);

// The HTTP status codes upstream is known to answer, one value for the rest of each class, and `none` for no
// answer.
const std::vector<std::string_view>& status_code_names();
std::size_t status_code_slot(int status);

// Upstream's words for "the owner must act", then `other`.
const std::vector<std::string_view>& relink_reason_names();
std::size_t relink_reason_slot(std::string_view reason);

const std::vector<std::string_view>& relink_status_names();
std::size_t relink_status_slot(core::RelinkStatus status);

const std::vector<std::string_view>& hook_outcome_names();
std::size_t hook_outcome_slot(core::HookOutcome outcome);

const std::vector<std::string_view>& signature_fault_names();
std::size_t signature_fault_slot(core::SignatureFault fault);

const std::vector<std::string_view>& incident_scope_names();
std::size_t incident_scope_slot(core::IncidentScope scope);

}  // namespace syncd::metrics
