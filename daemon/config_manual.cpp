#include "daemon/config_manual.hpp"

#include <fmt/format.h>

#include "daemon/config_table.hpp"
#include "daemon/man_page.hpp"

namespace syncd::daemon {

namespace {

void add_key(const ConfigKey& key, ManPage& page) {
  page.entry(fmt::format("{} = {}", key.name, format_value(key.default_value)), key.help);
  page.more(
      fmt::format("Accepted: {}.{}", describe_accepted(key), key.reloadable ? " A reload takes it." : ""));
}

}  // namespace

std::string configuration_manual() {
  ManPage page("moneykit-syncd.toml", 5, "moneykit-syncd " SYNCD_VERSION, "File Formats");
  page.section("NAME");
  page.paragraph("moneykit-syncd.toml - configuration of moneykit-syncd");
  page.section("DESCRIPTION");
  page.paragraph(
      "One TOML file, `/etc/moneykit-syncd/config.toml` or what `--config` names; then `conf.d/*.toml` "
      "beside it, in "
      "the order of their names; then environment variables `MONEYKIT_SYNCD__SECTION__KEY`. Later values "
      "win. "
      "Unknown keys are errors, and all errors are reported at once by `moneykit-syncd check-config`.");
  page.paragraph("Durations are a number and a unit: `500ms`, `30s`, `5m`, `6h`, `1d`, `1h30m`.");
  page.paragraph(
      "On SIGHUP (`systemctl reload moneykit-syncd`) everything is read and checked again. When all of it is "
      "acceptable, keys that a reload takes have their new value at once, and the others are named in the "
      "log as "
      "needing a restart. When anything is wrong, nothing changes.");
  page.paragraph(
      "Secrets are never written here: they come from a systemd credential or a file of mode 0400 or 0600.");
  for (const ConfigSection& section : config_sections()) {
    page.section(fmt::format("[{}]", section.name));
    page.paragraph(section.help);
    for (const ConfigKey& key : config_keys()) {
      if (key.section == section.name) add_key(key, page);
    }
  }
  page.section("EXAMPLE");
  page.example(
      "[upstream]\nclient_id = \"live_0123456789abcdef0123\"\n\n[schedule]\ndiscovery = \"register\"");
  page.section("SEE ALSO");
  page.paragraph("`moneykit-syncd`(8), `moneykitctl`(1), `systemd-creds`(1)");
  return std::move(page).text();
}

}  // namespace syncd::daemon
