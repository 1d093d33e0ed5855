#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/config_table.hpp"

// How the rows of the table of keys are written.
namespace syncd::daemon::config_key {

using C = Config;
using Text = std::string& (*)(C&);
using Flag = bool& (*)(C&);
using Number = std::uint64_t& (*)(C&);
using Span = core::Millis& (*)(C&);
using List = std::vector<std::string>& (*)(C&);

inline ConfigKey text(std::string_view section, std::string_view name, Text binding, const char* initial,
                      std::optional<Refusal> (*check)(std::string_view), std::string_view form,
                      std::string_view help) {
  return {.section = section,
          .name = name,
          .binding = binding,
          .default_value = std::string(initial),
          .choices = {},
          .check = check,
          .form = form,
          .help = help};
}

inline ConfigKey choice(std::string_view section, std::string_view name, Text binding, const char* initial,
                        std::span<const std::string_view> choices, std::string_view help) {
  return {.section = section,
          .name = name,
          .binding = binding,
          .default_value = std::string(initial),
          .choices = choices,
          .form = {},
          .help = help};
}

inline ConfigKey flag(std::string_view section, std::string_view name, Flag binding, bool initial,
                      std::string_view help) {
  return {.section = section,
          .name = name,
          .binding = binding,
          .default_value = initial,
          .choices = {},
          .form = {},
          .help = help};
}

inline ConfigKey number(std::string_view section, std::string_view name, Number binding,
                        std::uint64_t initial, std::uint64_t min, std::uint64_t max, std::string_view help) {
  return {.section = section,
          .name = name,
          .binding = binding,
          .default_value = initial,
          .min = min,
          .max = max,
          .choices = {},
          .form = {},
          .help = help};
}

inline ConfigKey span_of(std::string_view section, std::string_view name, Span binding, core::Millis initial,
                         core::Millis min, core::Millis max, std::string_view help) {
  return {.section = section,
          .name = name,
          .binding = binding,
          .default_value = initial,
          .min = static_cast<std::uint64_t>(min.count()),
          .max = static_cast<std::uint64_t>(max.count()),
          .choices = {},
          .form = {},
          .help = help};
}

// Empty by default.
inline ConfigKey list(std::string_view section, std::string_view name, List binding,
                      std::optional<Refusal> (*check)(std::span<const std::string>), std::string_view form,
                      std::string_view help) {
  return {.section = section,
          .name = name,
          .binding = binding,
          .default_value = std::vector<std::string>{},
          .choices = {},
          .check_list = check,
          .form = form,
          .help = help};
}

inline ConfigKey live(ConfigKey key) {
  key.reloadable = true;
  return key;
}

}  // namespace syncd::daemon::config_key

namespace syncd::daemon {

// The section [webhook].
void add_webhook_keys(std::vector<ConfigKey>& keys);
// The section [refresh].
void add_refresh_keys(std::vector<ConfigKey>& keys);

}  // namespace syncd::daemon
