// Switches and statistics as JSON.
#include <array>
#include <string_view>
#include <utility>

#include <boost/json.hpp>

#include "tests/sandbox/model/text.hpp"
#include "tests/sandbox/server/control.hpp"

namespace syncd::sandbox {
namespace {

namespace json = boost::json;

struct BoolSwitch {
  std::string_view name;
  bool Switches::* member;
};

constexpr std::array<BoolSwitch, 12> bool_switches = {{
    {"odd_numbers", &Switches::odd_numbers},
    {"unknown_members", &Switches::unknown_members},
    {"unknown_enums", &Switches::unknown_enums},
    {"date_with_time", &Switches::date_with_time},
    {"amounts_as_numbers", &Switches::amounts_as_numbers},
    {"marked_data", &Switches::marked_data},
    {"reads_in_error_are_422", &Switches::reads_in_error_are_422},
    {"deleted_is_410", &Switches::deleted_is_410},
    {"duplicate_in_updated", &Switches::duplicate_in_updated},
    {"idle_cursor_changes", &Switches::idle_cursor_changes},
    {"accounts_clock_is_null", &Switches::accounts_clock_is_null},
    {"sync_without_accounts", &Switches::sync_without_accounts},
}};

constexpr std::array<std::string_view, 2> pending_modes = {"rebuilt", "settled_in_place"};
constexpr std::array<std::string_view, 4> timestamp_forms = {"offset", "zulu", "none", "mixed"};
constexpr std::array<std::string_view, 3> null_forms = {"explicit_null", "absent", "mixed"};

template <class Enum, std::size_t count>
bool read_enum(const json::value& value, const std::array<std::string_view, count>& names, Enum& out) {
  if (!value.is_string()) {
    return false;
  }
  for (std::size_t i = 0; i < count; ++i) {
    if (names.at(i) == std::string_view(value.get_string())) {
      out = static_cast<Enum>(i);
      return true;
    }
  }
  return false;
}

bool apply_switch(Switches& switches, std::string_view name, const json::value& value) {
  for (const BoolSwitch& each : bool_switches) {
    if (each.name == name) {
      switches.*each.member = value.is_bool() && value.get_bool();
      return value.is_bool();
    }
  }
  if (name == "pending_mode") {
    return read_enum(value, pending_modes, switches.pending_mode);
  }
  if (name == "timestamps") {
    return read_enum(value, timestamp_forms, switches.timestamps);
  }
  if (name == "nulls") {
    return read_enum(value, null_forms, switches.nulls);
  }
  if (name == "bad_cursor_status" && value.is_int64()) {
    switches.bad_cursor_status = static_cast<int>(value.get_int64());
    return value.get_int64() == 400 || value.get_int64() == 422;
  }
  if (name == "refresh_failure_permille" && value.is_int64()) {
    switches.refresh_failure_permille = static_cast<std::uint32_t>(value.get_int64());
    return value.get_int64() >= 0 && value.get_int64() <= 1000;
  }
  return false;
}

void append_count(std::string& out, std::string_view name, std::uint64_t value) {
  out.append(out.ends_with('{') ? "\"" : ",\"").append(name).append("\":").append(std::to_string(value));
}

}  // namespace

std::string switches_json(const Switches& switches) {
  std::string out = "{\"pending_mode\":\"";
  out.append(pending_modes.at(static_cast<std::size_t>(switches.pending_mode)));
  out.append("\",\"timestamps\":\"")
      .append(timestamp_forms.at(static_cast<std::size_t>(switches.timestamps)));
  out.append("\",\"nulls\":\"").append(null_forms.at(static_cast<std::size_t>(switches.nulls))).append("\"");
  for (const BoolSwitch& each : bool_switches) {
    out.append(",\"").append(each.name).append(switches.*each.member ? "\":true" : "\":false");
  }
  append_count(out, "bad_cursor_status", static_cast<std::uint64_t>(switches.bad_cursor_status));
  append_count(out, "refresh_failure_permille", switches.refresh_failure_permille);
  return out.append("}");
}

std::expected<Switches, std::string> changed_switches(Switches switches, const json::object& changes) {
  for (const auto& change : changes) {
    if (!apply_switch(switches, change.key(), change.value())) {
      return std::unexpected("\"" + std::string(change.key()) + "\" is no switch, or its value does not fit");
    }
  }
  return switches;
}

std::string statistics_json(const Statistics& statistics) {
  std::string out = "{";
  append_count(out, "requests", statistics.requests);
  append_count(out, "throttled", statistics.throttled);
  append_count(out, "inside_retry_after", statistics.inside_retry_after);
  append_count(out, "faults", statistics.faults);
  append_count(out, "version_header_missing", statistics.version_header_missing);
  out.append(",\"version_headers\":{");
  for (const auto& [version, count] : statistics.version_headers) {
    out.append(out.ends_with('{') ? "" : ",");
    append_json_string(out, version);
    out.append(":").append(std::to_string(count));
  }
  out.append("},\"endpoints\":{");
  for (const auto& [endpoint, books] : statistics.endpoints) {
    out.append(out.ends_with('{') ? "\"" : ",\"").append(endpoint_name(endpoint)).append("\":{");
    append_count(out, "requests", books.requests);
    append_count(out, "throttled_by_budget", books.throttled_by_budget);
    append_count(out, "throttled_by_script", books.throttled_by_script);
    append_count(out, "throttled_by_interval", books.throttled_by_interval);
    append_count(out, "inside_retry_after", books.inside_retry_after);
    append_count(out, "in_minute_max", books.in_minute_max);
    append_count(out, "in_minute_per_link_max", books.in_minute_per_link_max);
    out.append(",\"by_status\":{");
    for (const auto& [status, count] : books.by_status) {
      append_count(out, std::to_string(status), count);
    }
    out.append("}}");
  }
  return out.append("}}");
}

}  // namespace syncd::sandbox
