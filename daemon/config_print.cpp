#include <string>

#include <fmt/format.h>

#include "daemon/config.hpp"
#include "daemon/config_table.hpp"

// What is printed of a configuration, and about it.
namespace syncd::daemon {

namespace {

constexpr std::string_view left_out = "\"(redacted)\"";

std::string shown_in_dump(const ConfigKey& key, const ConfigValue& value, const DumpOptions& options) {
  std::string text = format_value(value);
  const bool says_something = value != key.default_value;
  return options.redacted && is_confidential(key) && says_something ? std::string(left_out) : text;
}

std::string row_of_reference(const ConfigKey& key) {
  return fmt::format("| `{}` | `{}` | {} | {}{} |\n", key.name, format_value(key.default_value),
                     describe_accepted(key), key.help, key.reloadable ? " *reload*" : "");
}

// Keys with the same reason stand together.
std::string fixed_keys_of_reference() {
  std::string out =
      "\n## What needs a restart\n\n"
      "A reload that changes one of these names it in the log (`restart_needed`) and in `GET /v1/status` "
      "(`config.pending_restart`)\n"
      "until the next start, or until it is changed back. Everything else takes its new value at once.\n\n"
      "| keys | why |\n| --- | --- |\n";
  std::string_view reason;
  std::string names;
  const auto flush = [&] {
    if (!names.empty()) out += fmt::format("| {} | {} |\n", names, reason);
    names.clear();
  };
  for (const ConfigKey& key : config_keys()) {
    if (key.reloadable) continue;
    if (restart_reason(key) != reason) flush();
    reason = restart_reason(key);
    names += fmt::format("{}`{}`", names.empty() ? "" : ", ", key.full_name());
  }
  flush();
  return out;
}

}  // namespace

std::string dump_config(const LoadedConfig& loaded, const DumpOptions& options) {
  std::string out;
  for (const ConfigSection& section : config_sections()) {
    out += fmt::format("{}[{}]\n", out.empty() ? "" : "\n", section.name);
    for (const ConfigKey& key : config_keys()) {
      if (key.section != section.name) continue;
      out += fmt::format("{} = {}", key.name, shown_in_dump(key, value_of(key, loaded.config), options));
      const auto origin = loaded.origins.find(key.full_name());
      if (origin != loaded.origins.end()) {
        out += "  # " + origin->second;
      } else if (options.effective) {
        out += "  # default";
      }
      out += '\n';
    }
  }
  return out;
}

std::string configuration_reference() {
  std::string out =
      "# Configuration\n\n"
      "<!-- Generated from daemon/config_table.cpp; `UPDATE_GOLDEN=1` with the configuration tests writes it "
      "anew. -->\n\n"
      "One TOML file (`/etc/moneykit-syncd/config.toml`, or `--config PATH`), then `conf.d/*.toml` beside it "
      "in name\n"
      "order, then environment variables `MONEYKIT_SYNCD__SECTION__KEY`; later values win. Unknown keys are "
      "errors, and\n"
      "all errors are reported at once, each with its file and line (`moneykit-syncd check-config`; with "
      "`--online` upstream is\n"
      "asked whether it accepts the credentials). Durations are a number and a unit: `500ms`, `30s`, `5m`, "
      "`6h`, `1d`, `1h30m`.\n\n"
      "`moneykit-syncd config dump` prints what is in effect, as a file that can be used again, with a "
      "comment behind each value\n"
      "that is no default: the file and line, or the variable, it came from. `--effective` says so of the "
      "defaults, too. `--redacted`\n"
      "leaves out what tells who you are or may hold something secret (`upstream.client_id`, URLs, names of "
      "hosts), for a report that\n"
      "others will read; what it prints cannot be used as a configuration. `moneykit-syncd config reference` "
      "prints this page.\n\n"
      "On SIGHUP (`systemctl reload moneykit-syncd`) everything is read and checked again; if all of it is "
      "acceptable, the\n"
      "keys marked *reload* take their new value at once and the others are named in the log as needing a "
      "restart. If\n"
      "anything is wrong, nothing changes.\n\n"
      "Secrets are never written here: they come from a systemd credential or a file of mode 0400 or 0600.\n";
  for (const ConfigSection& section : config_sections()) {
    out += fmt::format("\n## [{}]\n\n{}\n\n| key | default | accepted | |\n| --- | --- | --- | --- |\n",
                       section.name, section.help);
    for (const ConfigKey& key : config_keys()) {
      if (key.section == section.name) out += row_of_reference(key);
    }
  }
  return out + fixed_keys_of_reference();
}

}  // namespace syncd::daemon
