#include "daemon/config.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <set>
#include <system_error>
#include <unistd.h>

#include <fmt/format.h>
#include <toml++/toml.h>

#include "daemon/address.hpp"
#include "daemon/config_table.hpp"
#include "daemon/duration.hpp"
#include "sync/core/json_text.hpp"

namespace syncd::daemon {

namespace {

constexpr std::string_view env_prefix = "MONEYKIT_SYNCD__";
constexpr std::size_t file_bytes_max = 1 << 20;

// Collects values and problems over all sources.
struct Loader {
  Config config;
  std::map<std::string, std::string, std::less<>> origins;
  std::set<std::string, std::less<>> refused;
  std::vector<ConfigProblem> problems;

  void refuse(std::string where, std::string key, std::string reason, std::string next_step) {
    problems.push_back({std::move(where), std::move(key), std::move(reason), std::move(next_step)});
  }
  void take(const ConfigKey& key, const std::string& where,
            const std::expected<ConfigValue, Refusal>& value) {
    std::optional<Refusal> refusal = value ? check_value(key, *value) : std::optional{value.error()};
    // A refused value still counts as given: the key must not be reported as missing as well.
    origins[key.full_name()] = where;
    if (refusal) {
      refused.insert(key.full_name());
      return refuse(where, key.full_name(), std::move(refusal->reason), std::move(refusal->next_step));
    }
    refused.erase(key.full_name());
    set_value(key, config, *value);
  }
};

const ConfigKey* find_key(std::string_view section, std::string_view name) {
  const auto keys = config_keys();
  const auto found = std::ranges::find_if(
      keys, [&](const ConfigKey& key) { return key.section == section && key.name == name; });
  return found == keys.end() ? nullptr : &*found;
}

bool is_section(std::string_view name) {
  return std::ranges::any_of(config_sections(),
                             [&](const ConfigSection& section) { return section.name == name; });
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j)
    row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row[b.size()];
}

// What to do about a key that does not exist. The value is never looked at: it may be a secret.
std::string advise_unknown(std::string_view section, std::string_view name) {
  const bool looks_secret =
      (name.find("secret") != std::string_view::npos || name.find("password") != std::string_view::npos ||
       name.find("token") != std::string_view::npos) &&
      name.size() < 64;
  if (looks_secret) {
    return "secrets do not belong into the configuration: put it into a file of mode 0400 and name that in "
           "upstream.client_secret_file";
  }
  const ConfigKey* best = nullptr;
  std::size_t best_distance = 4;  // more letters apart is not a typing error
  for (const ConfigKey& key : config_keys()) {
    const std::size_t distance =
        name.size() > 64 ? 64 : edit_distance(name, key.name) + (key.section == section ? 0 : 1);
    if (distance < best_distance) {
      best = &key;
      best_distance = distance;
    }
  }
  if (best != nullptr) return fmt::format("did you mean {}?", best->full_name());
  return "remove it, or see docs/configuration.md for the keys there are";
}

std::expected<ConfigValue, Refusal> wrong_type(const ConfigKey& key, std::string_view found) {
  std::string example = format_value(key.default_value);
  if (example == "[]") example = R"(["...", "..."])";
  if (example == "\"\"")
    return std::unexpected(
        Refusal{fmt::format("is {}, not {}", found, describe_type(key)), "put it in quotes"});
  return std::unexpected(Refusal{fmt::format("is {}, not {}", found, describe_type(key)),
                                 fmt::format("write for example {} = {}", key.name, example)});
}

std::expected<ConfigValue, Refusal> read_duration(std::string_view text) {
  const auto duration = parse_duration(text);
  if (!duration)
    return std::unexpected(
        Refusal{duration.error(), "write a number and a unit, for example \"30s\", \"6h\" or \"1h30m\""});
  return ConfigValue{*duration};
}

std::string_view toml_type_name(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::table:
      return "a table";
    case toml::node_type::array:
      return "a list";
    case toml::node_type::string:
      return "a text";
    case toml::node_type::integer:
      return "an integer";
    case toml::node_type::floating_point:
      return "a number with a fraction";
    case toml::node_type::boolean:
      return "true or false";
    case toml::node_type::none:
      return "nothing";
    default:
      return "a date or time";
  }
}

std::expected<ConfigValue, Refusal> read_list(const toml::array& array) {
  std::vector<std::string> items;
  for (const toml::node& node : array) {
    const auto* text = node.as_string();
    if (text == nullptr) {
      return std::unexpected(
          Refusal{fmt::format("holds {}, not only texts", toml_type_name(node)), "put each in quotes"});
    }
    items.push_back(text->get());
  }
  return ConfigValue{std::move(items)};
}

// Of a variable, which holds what would stand in a file.
std::expected<ConfigValue, Refusal> read_list(const std::string& text) {
  try {
    const toml::table root = toml::parse("list = " + text);
    const toml::array* array = root.size() == 1 ? root["list"].as_array() : nullptr;
    if (array != nullptr) return read_list(*array);
  } catch (const toml::parse_error&) {
    // The parser's words are about a file that there is not.
  }
  return std::unexpected(
      Refusal{"is not a list of texts", R"(write it as in a file, for example ["...", "..."])"});
}

std::expected<ConfigValue, Refusal> read_toml(const ConfigKey& key, const toml::node& node) {
  switch (key.default_value.index()) {
    case 0:
      if (const auto* text = node.as_string()) return ConfigValue{text->get()};
      break;
    case 1:
      if (const auto* flag = node.as_boolean()) return ConfigValue{flag->get()};
      break;
    case 2:
      if (const auto* number = node.as_integer()) {
        if (number->get() >= 0) return ConfigValue{static_cast<std::uint64_t>(number->get())};
        return std::unexpected(
            Refusal{fmt::format("{} is out of range", number->get()), "use " + describe_range(key)});
      }
      break;
    case 3:
      if (const auto* text = node.as_string()) return read_duration(text->get());
      break;
    default:
      if (const auto* array = node.as_array()) return read_list(*array);
      break;
  }
  return wrong_type(key, toml_type_name(node));
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const core::CodePoint point = core::first_code_point(text);
    if (point.length == 0) return false;
    text.remove_prefix(point.length);
  }
  return true;
}

std::expected<ConfigValue, Refusal> read_text(const ConfigKey& key, const std::string& text) {
  switch (key.default_value.index()) {
    case 0:
      // As in a file, which is where `config dump` writes it.
      if (!is_utf8(text)) return std::unexpected(Refusal{"is not UTF-8", "write it in UTF-8"});
      return ConfigValue{text};
    case 1:
      if (text == "true") return ConfigValue{true};
      if (text == "false") return ConfigValue{false};
      break;
    case 2: {
      std::uint64_t number = 0;
      const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), number);
      if (ec == std::errc{} && end == text.data() + text.size() && !text.empty()) return ConfigValue{number};
      break;
    }
    case 3:
      return read_duration(text);
    default:
      return read_list(text);
  }
  return std::unexpected(Refusal{fmt::format("is not {}", describe_type(key)),
                                 fmt::format("write for example {}", format_value(key.default_value))});
}

std::string place(const std::string& path, const toml::source_region& source) {
  return fmt::format("{}:{}", path, source.begin.line);
}

void read_section(Loader& loader, const std::string& path, std::string_view section,
                  const toml::table& table) {
  for (const auto& [name, node] : table) {
    const std::string where = place(path, name.source());
    const ConfigKey* key = find_key(section, name.str());
    if (key == nullptr) {
      loader.refuse(where, fmt::format("{}.{}", section, name.str()), "is not a known key",
                    advise_unknown(section, name.str()));
      continue;
    }
    loader.take(*key, where, read_toml(*key, node));
  }
}

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

std::expected<std::string, std::string> read_whole(const std::string& path) {
  const std::unique_ptr<std::FILE, CloseFile> file{std::fopen(path.c_str(), "re")};
  if (!file) return std::unexpected(std::generic_category().message(errno));
  std::string text(file_bytes_max + 1, '\0');
  const std::size_t bytes = std::fread(text.data(), 1, text.size(), file.get());
  if (std::ferror(file.get()) != 0) return std::unexpected(std::generic_category().message(errno));
  if (bytes > file_bytes_max) return std::unexpected("it is larger than 1 MiB");
  text.resize(bytes);
  return text;
}

// The parser ends its complaints with what it saw, which may be a secret that lacks its quotes.
std::string_view without_content(std::string_view complaint) {
  return complaint.substr(0, complaint.find(", saw "));
}

void read_text(Loader& loader, const std::string& path, const std::string& text) {
  toml::table root;
  try {
    root = toml::parse(text, path);
  } catch (const toml::parse_error& error) {
    return loader.refuse(
        fmt::format("{}:{}:{}", path, error.source().begin.line, error.source().begin.column), "",
        fmt::format("is not valid TOML: {}", without_content(error.description())), "correct the line");
  }
  for (const auto& [name, node] : root) {
    const std::string where = place(path, name.source());
    if (!is_section(name.str())) {
      loader.refuse(where, std::string(name.str()),
                    node.is_table() ? "is not a known section" : "is not a known key",
                    node.is_table() ? "remove it, or see docs/configuration.md for the sections there are"
                                    : advise_unknown("", name.str()));
    } else if (const toml::table* table = node.as_table()) {
      read_section(loader, path, name.str(), *table);
    } else {
      loader.refuse(where, std::string(name.str()), fmt::format("is {}, not a section", toml_type_name(node)),
                    fmt::format("write [{}] on a line of its own", name.str()));
    }
  }
}

void read_file(Loader& loader, const std::string& path) {
  const auto text = read_whole(path);
  if (text) return read_text(loader, path, *text);
  loader.refuse(path, "", "cannot be read: " + text.error(),
                "create it, correct its permissions, or name another file with --config");
}

std::vector<std::string> find_fragments(Loader& loader, const std::string& path) {
  const std::filesystem::path folder = std::filesystem::path(path).parent_path() / "conf.d";
  std::vector<std::string> fragments;
  std::error_code ec;
  std::filesystem::directory_iterator entries(folder, ec);
  if (ec == std::errc::no_such_file_or_directory) return fragments;
  for (; !ec && entries != std::filesystem::directory_iterator{}; entries.increment(ec)) {
    if (entries->path().extension() == ".toml") fragments.push_back(entries->path().string());
  }
  if (ec) loader.refuse(folder.string(), "", "cannot be read: " + ec.message(), "correct its permissions");
  std::ranges::sort(fragments);
  return fragments;
}

void read_environment(Loader& loader, const Environment& environment) {
  for (const auto& [variable, value] : environment) {
    const std::string where = "environment " + variable;
    std::string_view rest = std::string_view(variable).substr(env_prefix.size());
    const std::size_t split = rest.find("__");
    std::string section{rest.substr(0, split)};
    std::string name{split == std::string_view::npos ? std::string_view{} : rest.substr(split + 2)};
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
    std::ranges::transform(section, section.begin(), lower);
    std::ranges::transform(name, name.begin(), lower);
    const ConfigKey* key = find_key(section, name);
    if (key == nullptr) {
      loader.refuse(where, fmt::format("{}.{}", section, name), "is not a known key",
                    advise_unknown(section, name));
    } else {
      loader.take(*key, where, read_text(*key, value));
    }
  }
}

std::string origin_of(const Loader& loader, const std::string& key, const std::string& fallback) {
  const auto found = loader.origins.find(key);
  return found == loader.origins.end() ? fallback : found->second;
}

// What comes over the network must not be read on the way.
void check_admin_tcp(Loader& loader, const std::string& path) {
  const Config::Admin& admin = loader.config.admin;
  const auto refuse = [&](const char* key, std::string reason, std::string next_step) {
    loader.refuse(origin_of(loader, key, path), key, std::move(reason), std::move(next_step));
  };
  const auto listen = parse_listen_address(admin.listen);
  const bool certified =
      !admin.tls_certificate_file.empty() || loader.refused.contains("admin.tls_certificate_file");
  if (listen && !is_loopback(*listen) && !certified) {
    refuse("admin.listen",
           fmt::format("\"{}\" can be reached from outside, and there is no TLS", admin.listen),
           "set admin.tls_certificate_file, or listen on 127.0.0.1 and come through ssh -L");
  }
  if (!admin.tls_key_file.empty() && !certified) {
    refuse("admin.tls_key_file", "is set without admin.tls_certificate_file",
           "name the certificate too, or remove the key");
  }
}

// Rules over several keys. Asked of those that are acceptable by themselves.
void check_together(Loader& loader, const std::string& path) {
  const Config::Schedule& schedule = loader.config.schedule;
  const auto not_above = [&](std::string_view section, std::string_view low, core::Millis low_value,
                             std::string_view high, core::Millis high_value) {
    const std::string low_key = fmt::format("{}.{}", section, low);
    const std::string high_key = fmt::format("{}.{}", section, high);
    const bool both_known = !loader.refused.contains(low_key) && !loader.refused.contains(high_key);
    if (low_value <= high_value || !both_known) return;
    // Blame the one that was written, if only one was.
    const std::string& culprit = loader.origins.contains(low_key) ? low_key : high_key;
    loader.refuse(origin_of(loader, culprit, path), culprit,
                  fmt::format("{} ({}) is longer than {} ({})", low_key, format_duration(low_value), high_key,
                              format_duration(high_value)),
                  fmt::format("lower {} or raise {}", low, high));
  };
  not_above("schedule", "interval", schedule.interval, "max_interval", schedule.max_interval);
  not_above("schedule", "backoff_base", schedule.backoff_base, "backoff_max", schedule.backoff_max);
  const Config::Feed& feed = loader.config.feed;
  not_above("feed", "keep", feed.keep, "keep_max", feed.keep_max);
}

void check_required(Loader& loader, const std::string& path) {
  for (const ConfigKey& key : config_keys()) {
    if (loader.origins.contains(key.full_name())) continue;
    if (auto refusal = check_value(key, key.default_value)) {
      loader.refuse(path, key.full_name(), refusal->reason, refusal->next_step);
    }
  }
}

}  // namespace

namespace {

// Names of keys, variables and files come from elsewhere: they must neither break the line nor steer the
// terminal.
std::string in_one_line(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const core::CodePoint point = core::first_code_point(text);
    const std::size_t length = std::max(point.length, 1U);
    const bool control = point.value < 0x20 || (point.value >= 0x7F && point.value < 0xA0);
    out += point.length == 0 || control ? "?" : text.substr(0, length);
    text.remove_prefix(length);
  }
  return out;
}

}  // namespace

std::string describe(const ConfigProblem& problem) {
  std::string text = problem.where + ": ";
  if (!problem.key.empty()) text += problem.key + ": ";
  text += problem.reason;
  if (!problem.next_step.empty()) text += "; " + problem.next_step;
  return in_one_line(text);
}

Environment process_environment() {
  Environment found;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    if (!text.starts_with(env_prefix)) continue;
    const std::size_t equals = text.find('=');
    found.emplace_back(text.substr(0, equals),
                       equals == std::string_view::npos ? std::string_view{} : text.substr(equals + 1));
  }
  std::ranges::sort(found);
  return found;
}

namespace {

Loader with_defaults() {
  Loader loader;
  for (const ConfigKey& key : config_keys())
    set_value(key, loader.config, key.default_value);
  return loader;
}

// What comes behind the files, and the rules over everything that was read. `path` is named where no other
// place can be.
ConfigReading complete(Loader loader, const std::string& path, const Environment& environment) {
  read_environment(loader, environment);
  const bool sources_readable =
      std::ranges::none_of(loader.problems, [](const ConfigProblem& problem) { return problem.key.empty(); });
  // What a file that could not be read would have said is not missing, and its values are not the defaults.
  if (sources_readable) check_required(loader, path);
  if (sources_readable) check_together(loader, path);
  if (sources_readable) check_admin_tcp(loader, path);
  if (!sources_readable) {
    for (const ConfigKey& key : config_keys()) {
      if (!loader.origins.contains(key.full_name())) loader.refused.insert(key.full_name());
    }
  }
  return {.loaded = {std::move(loader.config), std::move(loader.origins)},
          .unknown = std::move(loader.refused),
          .problems = std::move(loader.problems)};
}

}  // namespace

ConfigReading read_config(const std::string& path, const Environment& environment) {
  Loader loader = with_defaults();
  read_file(loader, path);
  for (const std::string& fragment : find_fragments(loader, path))
    read_file(loader, fragment);
  return complete(std::move(loader), path, environment);
}

ConfigReading read_config_text(const std::string& path, const std::string& text,
                               const Environment& environment) {
  Loader loader = with_defaults();
  read_text(loader, path, text);
  return complete(std::move(loader), path, environment);
}

std::expected<LoadedConfig, std::vector<ConfigProblem>> load_config(const std::string& path,
                                                                    const Environment& environment) {
  ConfigReading reading = read_config(path, environment);
  if (!reading.problems.empty()) return std::unexpected(std::move(reading.problems));
  return std::move(reading.loaded);
}

ConfigChanges compare_configs(const Config& running, const Config& wanted) {
  ConfigChanges changes;
  for (const ConfigKey& key : config_keys()) {
    if (value_of(key, running) == value_of(key, wanted)) continue;
    (key.reloadable ? changes.applied : changes.need_restart).push_back(key.full_name());
  }
  return changes;
}

Config merge_reloadable(const Config& running, const Config& wanted) {
  Config merged = running;
  for (const ConfigKey& key : config_keys()) {
    if (key.reloadable) set_value(key, merged, value_of(key, wanted));
  }
  return merged;
}

}  // namespace syncd::daemon
