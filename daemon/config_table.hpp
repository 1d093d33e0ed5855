#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "daemon/config.hpp"

namespace syncd::daemon {

// A value of the configuration, by type of the key.
using ConfigValue = std::variant<std::string, bool, std::uint64_t, core::Millis, std::vector<std::string>>;
// Where the value lives; the alternative decides the type of the key.
using ConfigBinding = std::variant<std::string& (*)(Config&), bool& (*)(Config&), std::uint64_t& (*)(Config&),
                                   core::Millis& (*)(Config&), std::vector<std::string>& (*)(Config&)>;

struct Refusal {
  std::string reason;
  std::string next_step;
};

// One key: everything that parsing, checking, dumping, reloading and the reference page know about it.
struct ConfigKey {
  std::string_view section;
  std::string_view name;
  ConfigBinding binding;
  ConfigValue default_value;
  std::uint64_t min = 0;  // integers; durations in milliseconds
  std::uint64_t max = 0;
  std::span<const std::string_view> choices;                    // texts: the only ones accepted; empty: any
  std::optional<Refusal> (*check)(std::string_view) = nullptr;  // texts
  std::optional<Refusal> (*check_list)(std::span<const std::string>) = nullptr;  // lists
  std::string_view form;  // texts and lists: what the check accepts, for the reference
  bool reloadable = false;
  std::string_view help;

  std::string full_name() const { return std::string(section) + "." + std::string(name); }
};

struct ConfigSection {
  std::string_view name;
  std::string_view help;
};

std::span<const ConfigKey> config_keys();
// Why a running daemon cannot take another value, of a key that is not reloadable.
std::string_view restart_reason(const ConfigKey& key);
// The value tells who the operator is, or may hold something secret (a URL): `config dump --redacted` leaves
// it out.
bool is_confidential(const ConfigKey& key);
std::span<const ConfigSection> config_sections();

ConfigValue value_of(const ConfigKey& key, const Config& config);
void set_value(const ConfigKey& key, Config& config, const ConfigValue& value);
// As TOML: `"6h"`, `true`, `600`, `["a", "b"]`.
std::string format_value(const ConfigValue& value);
// `1 to 1,000,000`, `1s to 30d`, `"headers" or "token"`, or the form.
std::string describe_range(const ConfigKey& key);
// `text`, `duration`, `integer`, `true or false`, `list of texts`: with its article, for messages.
std::string_view describe_type(const ConfigKey& key);
// The range, or the type of a key that takes all of it: for the reference.
std::string describe_accepted(const ConfigKey& key);
// nullopt: `value` has the right type and lies in the range.
std::optional<Refusal> check_value(const ConfigKey& key, const ConfigValue& value);

}  // namespace syncd::daemon
