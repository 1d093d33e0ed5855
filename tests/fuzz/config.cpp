#include "daemon/config.hpp"

#include <algorithm>
#include <string>

#include "daemon/config_table.hpp"
#include "tests/fuzz/support/choices.hpp"
#include "tests/fuzz/support/json_tree.hpp"
#include "tests/fuzz/support/target.hpp"

// A configuration text and an environment. Either every value is acceptable by the table, or there is a
// problem; what is acceptable can be dumped and reads back as the same configuration; a configuration does
// not differ from itself. Problems are one line each, fit for a terminal, and never repeat what stands under
// [upstream], which may be a secret that was put there by mistake.
namespace syncd::fuzz {
namespace {

constexpr std::string_view secret = "s3cr3tw0rd";

std::string upper(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](char c) { return c >= 'a' && c <= 'z' ? char(c - 32) : c; });
  return out;
}

// Variables as a process may have them: any bytes but zero.
daemon::Environment any_environment(Choices& choices) {
  daemon::Environment environment;
  const auto keys = daemon::config_keys();
  for (std::uint32_t i = choices.below(4); i > 0; --i) {
    const daemon::ConfigKey& key = keys[choices.below(static_cast<std::uint32_t>(keys.size()))];
    std::string name = "MONEYKIT_SYNCD__";
    const bool known = !choices.once_in(4);
    name += known ? upper(key.section) + "__" + upper(key.name) : std::string(choices.text(24));
    std::string value(choices.text(48));
    std::erase(name, '\0');
    std::erase(value, '\0');
    environment.emplace_back(std::move(name), std::move(value));
  }
  return environment;
}

bool same_config(const daemon::Config& a, const daemon::Config& b) {
  const daemon::ConfigChanges changes = daemon::compare_configs(a, b);
  return changes.applied.empty() && changes.need_restart.empty();
}

void check_problem(const daemon::ConfigProblem& problem) {
  const std::string text = daemon::describe(problem);
  FUZZ_CHECK(!problem.reason.empty() && !problem.where.empty(), "a problem has a place and a reason");
  const bool one_line =
      std::ranges::none_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
  FUZZ_CHECK_SAYING(one_line, "a problem is one line for a terminal", text);
}

void check_good(const daemon::ConfigReading& reading) {
  const daemon::Config& config = reading.loaded.config;
  for (const daemon::ConfigKey& key : daemon::config_keys()) {
    FUZZ_CHECK(!daemon::check_value(key, daemon::value_of(key, config)), "every value is acceptable");
  }
  const std::string dump = daemon::dump_config(reading.loaded);
  const auto again = daemon::read_config_text("dump", dump, {});
  FUZZ_CHECK_SAYING(again.problems.empty(), "a dump is a configuration", dump);
  FUZZ_CHECK_SAYING(same_config(config, again.loaded.config), "a dump is the same configuration", dump);
  FUZZ_CHECK(same_config(config, daemon::merge_reloadable(config, config)), "nothing changes by itself");
}

// A secret where none belongs: behind any key of [upstream], in any form that keeps it on one line.
void check_secret(Choices& choices) {
  constexpr std::string_view keys[] = {
      "client_secret", "client_id",          "base_url",    "auth",
      "ca_file",       "client_secret_file", "connections", "allow_private_addresses"};
  const std::string_view key = keys[choices.below(std::size(keys))];
  std::string value(choices.text(32));
  std::erase_if(value, [](char c) { return c == '\n' || c == '\r' || c == '{' || c == '#'; });
  value += secret;
  const bool quoted = choices.flag();
  const std::string text = "[upstream]\n" + std::string(key) + " = " +
                           (quoted ? "\"" + value + "\"" : value) + "\n" + std::string(choices.rest());
  for (const auto& problem : daemon::read_config_text("file", text, {}).problems) {
    const std::string said = daemon::describe(problem);
    FUZZ_CHECK_SAYING(said.find(secret) == std::string::npos, "a secret is not repeated", said);
  }
}

}  // namespace

FUZZ_TARGET(config) {
  if (bytes.find(secret) != std::string_view::npos) return;
  Choices choices(bytes);
  if (choices.once_in(4)) return check_secret(choices);
  const daemon::Environment environment = any_environment(choices);
  const auto reading = daemon::read_config_text("file", std::string(choices.rest()), environment);
  for (const auto& problem : reading.problems)
    check_problem(problem);
  if (reading.problems.empty()) check_good(reading);
}

}  // namespace syncd::fuzz
