#include "metrics/labels.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <utility>

namespace syncd::metrics {
namespace {

using core::Arm;
using core::Cause;
using core::Endpoint;
using core::Errc;
using core::LinkStatus;
using core::RelinkStatus;

// Enumerators are numbered from 1 without gaps; a number beyond `count` (a kind added without its label)
// gives the slot after the last name, which is the catch-all where a list has one.
template <class Enum>
std::size_t slot_of(Enum value, std::size_t count) {
  const std::size_t number = std::to_underlying(value);
  return number >= 1 && number <= count ? number - 1 : count;
}

template <class Enum>
std::vector<std::string_view> names_of(std::size_t count) {
  std::vector<std::string_view> names;
  for (std::size_t number = 1; number <= count; ++number) {
    names.push_back(core::to_string(static_cast<Enum>(number)));
  }
  return names;
}

constexpr std::size_t cause_count = std::to_underlying(Cause::probe);
constexpr std::size_t errc_count = std::to_underlying(Errc::invalid);
// New links, probes and what is read once more seldom meet a refresh.
constexpr std::array finders = {Cause::schedule, Cause::webhook, Cause::manual};
// One that a person dismissed is counted with the resolved ones, as it is shown.
constexpr std::array relink_statuses = {RelinkStatus::open, RelinkStatus::claimed,
                                        RelinkStatus::session_issued, RelinkStatus::resolved};

struct StatusCode {
  int status;
  std::string_view name;
};
// Ascending. What upstream documents, and what proxies in front of it send.
constexpr auto status_codes = std::to_array<StatusCode>({
    {200, "200"},
    {201, "201"},
    {202, "202"},
    {204, "204"},
    {400, "400"},
    {401, "401"},
    {403, "403"},
    {404, "404"},
    {410, "410"},
    {422, "422"},
    {429, "429"},
    {500, "500"},
    {502, "502"},
    {503, "503"},
    {504, "504"},
});
// The names of an enum that begins at zero.
template <class Enum>
std::vector<std::string_view> names_from_zero(std::size_t count) {
  std::vector<std::string_view> names;
  for (std::size_t number = 0; number < count; ++number)
    names.push_back(core::to_string(static_cast<Enum>(number)));
  return names;
}

constexpr auto status_classes =
    std::to_array<std::string_view>({"other_1xx", "other_2xx", "other_3xx", "other_4xx", "other_5xx"});

constexpr auto relink_reasons = std::to_array<std::string_view>({
    "auth_expired",
    "invalid_credentials",
    "user_oauth_denied",
    "user_input_incorrect",
    "user_error",
    "incomplete",
    "user_setup_required",
});

}  // namespace

const std::vector<std::string_view>& cause_names() {
  static const std::vector<std::string_view> names = names_of<Cause>(cause_count);
  return names;
}

std::size_t cause_slot(Cause cause) {
  return std::min(slot_of(cause, cause_count), cause_count - 1);
}

const std::vector<std::string_view>& finder_names() {
  static const std::vector<std::string_view> names = [] {
    std::vector<std::string_view> all;
    for (const Cause cause : finders)
      all.push_back(core::to_string(cause));
    all.push_back("other");
    return all;
  }();
  return names;
}

std::size_t finder_slot(Cause cause) {
  return static_cast<std::size_t>(std::ranges::find(finders, cause) - finders.begin());
}

const std::vector<std::string_view>& arm_names() {
  static const std::vector<std::string_view> names = names_of<Arm>(core::arm_count);
  return names;
}

std::size_t arm_slot(Arm arm) {
  return std::min(slot_of(arm, core::arm_count), core::arm_count - 1);
}

const std::vector<std::string_view>& endpoint_names() {
  static const std::vector<std::string_view> names = names_of<Endpoint>(core::endpoint_count);
  return names;
}

std::size_t endpoint_slot(Endpoint endpoint) {
  return std::min(slot_of(endpoint, core::endpoint_count), core::endpoint_count - 1);
}

const std::vector<std::string_view>& link_status_names() {
  static const std::vector<std::string_view> names = names_of<LinkStatus>(core::link_status_count);
  return names;
}

std::size_t link_status_slot(LinkStatus status) {
  return std::min(slot_of(status, core::link_status_count), core::link_status_count - 1);
}

const std::vector<std::string_view>& failure_names() {
  static const std::vector<std::string_view> names = [] {
    std::vector<std::string_view> all = names_of<Errc>(errc_count);
    all.push_back("other");
    return all;
  }();
  return names;
}

std::size_t failure_slot(Errc code) {
  return slot_of(code, errc_count);
}

const std::vector<std::string_view>& outcome_names() {
  static const std::vector<std::string_view> names = [] {
    std::vector<std::string_view> all = failure_names();
    all.insert(all.begin(), "success");
    all.push_back("yielded");
    return all;
  }();
  return names;
}

std::size_t outcome_slot(const std::optional<core::Error>& error, bool yielded) {
  if (error.has_value()) return 1 + failure_slot(error->code);
  return yielded ? outcome_names().size() - 1 : 0;
}

const std::vector<std::string_view>& status_code_names() {
  static const std::vector<std::string_view> names = [] {
    std::vector<std::string_view> all;
    all.reserve(status_codes.size() + status_classes.size() + 1);
    for (const StatusCode& code : status_codes)
      all.push_back(code.name);
    all.insert(all.end(), status_classes.begin(), status_classes.end());
    all.push_back("none");
    return all;
  }();
  return names;
}

std::size_t status_code_slot(int status) {
  const auto found = std::ranges::lower_bound(status_codes, status, {}, &StatusCode::status);
  if (found != status_codes.end() && found->status == status) {
    return static_cast<std::size_t>(found - status_codes.begin());
  }
  if (status < 100 || status > 599) return status_codes.size() + status_classes.size();  // `none`
  return status_codes.size() + static_cast<std::size_t>(status / 100 - 1);
}

const std::vector<std::string_view>& relink_reason_names() {
  static const std::vector<std::string_view> names = [] {
    std::vector<std::string_view> all(relink_reasons.begin(), relink_reasons.end());
    all.push_back("other");
    return all;
  }();
  return names;
}

std::size_t relink_reason_slot(std::string_view reason) {
  return static_cast<std::size_t>(std::ranges::find(relink_reasons, reason) - relink_reasons.begin());
}

const std::vector<std::string_view>& relink_status_names() {
  static const std::vector<std::string_view> names = [] {
    std::vector<std::string_view> all;
    for (const RelinkStatus status : relink_statuses)
      all.push_back(core::to_string(status));
    return all;
  }();
  return names;
}

std::size_t relink_status_slot(RelinkStatus status) {
  const auto found = std::ranges::find(relink_statuses, status);
  if (found == relink_statuses.end()) return relink_statuses.size() - 1;
  return static_cast<std::size_t>(found - relink_statuses.begin());
}

const std::vector<std::string_view>& hook_outcome_names() {
  static const std::vector<std::string_view> names =
      names_from_zero<core::HookOutcome>(core::hook_outcome_count);
  return names;
}

std::size_t hook_outcome_slot(core::HookOutcome outcome) {
  return std::min(static_cast<std::size_t>(outcome), core::hook_outcome_count - 1);
}

const std::vector<std::string_view>& signature_fault_names() {
  static const std::vector<std::string_view> names =
      names_from_zero<core::SignatureFault>(core::signature_fault_count);
  return names;
}

std::size_t signature_fault_slot(core::SignatureFault fault) {
  return std::min(static_cast<std::size_t>(fault), core::signature_fault_count - 1);
}

const std::vector<std::string_view>& incident_scope_names() {
  static const std::vector<std::string_view> names =
      names_of<core::IncidentScope>(core::incident_scope_count);
  return names;
}

std::size_t incident_scope_slot(core::IncidentScope scope) {
  return std::min(slot_of(scope, core::incident_scope_count), core::incident_scope_count - 1);
}

}  // namespace syncd::metrics
