#pragma once

#include <cstdint>
#include <expected>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "sync/core/types.hpp"

namespace syncd::daemon {

// The effective configuration. Defaults, ranges and help are in config_table.cpp, which also makes
// docs/configuration.md; a Config is filled from there, never default-constructed for use.
struct Config {
  struct Upstream {
    std::string base_url;
    std::string client_id;
    std::string client_secret_file;  // empty: the systemd credential
    std::string auth;
    std::string ca_file;  // empty: the system's
    bool allow_private_addresses = false;
    std::uint64_t connections = 0;
  } upstream;
  struct Store {
    std::string path;
    std::uint64_t block_cache_mib = 0;
    std::uint64_t write_buffer_mib = 0;
    std::uint64_t open_files = 0;
    std::uint64_t min_free_mib = 0;
    std::uint64_t min_free_percent = 0;
    std::uint64_t min_free_to_open_mib = 0;
    core::Millis scrub_interval{};
    std::string dead_letter_bodies;
  } store;
  struct Schedule {
    core::Millis interval{};
    core::Millis max_interval{};
    core::Millis accounts_interval{};
    core::Millis backoff_base{};
    core::Millis backoff_max{};
    core::Millis outage_base{};
    core::Millis probe_base{};
    std::string discovery;
    core::Millis discovery_interval{};
    core::Millis verify_interval{};
    std::string policy;
    core::Millis min_interval{};
    bool peek = false;
    std::uint64_t control_percent = 0;
    std::uint64_t record_mib = 0;      // 0: nothing is recorded
    std::vector<std::string> weights;  // parse_tag_weights() reads it
  } schedule;
  struct Cycle {
    std::uint64_t page_size = 0;
    std::uint64_t pages_max = 0;
    std::uint64_t drain_pages_max = 0;
    std::uint64_t drain_idle_pages_max = 0;
    std::uint64_t protocol_failures_max = 0;
    std::uint64_t resyncs_per_day_max = 0;
  } cycle;
  struct Backup {
    std::string directory;  // empty: backup_directory_of() says where
    std::uint64_t keep = 0;
  } backup;
  struct Retention {
    core::Millis gone_links{};
  } retention;
  struct Feed {
    core::Millis keep{};      // zero: everything
    core::Millis keep_max{};  // also of what a consumer has not acknowledged
  } feed;
  struct Incidents {
    bool enabled = false;
    std::uint64_t min_links = 0;
    std::uint64_t min_share = 0;
    core::Millis window{};
  } incidents;
  struct Budget {
    std::uint64_t sync_per_app = 0;
    std::uint64_t sync_per_link = 0;
    std::uint64_t accounts_per_app = 0;
    std::uint64_t accounts_per_link = 0;
    std::uint64_t link_per_app = 0;
    std::uint64_t link_per_link = 0;
    std::uint64_t links_per_app = 0;
    std::uint64_t token_per_client = 0;
    std::uint64_t link_session_per_app = 0;
    std::uint64_t link_session_per_user = 0;
    std::uint64_t exchange_per_app = 0;
    std::uint64_t user_links_per_app = 0;
    std::uint64_t delete_link_per_app = 0;
    std::uint64_t update_link_per_app = 0;
    std::uint64_t update_link_per_link = 0;
    std::uint64_t products_per_app = 0;
    std::uint64_t products_per_link = 0;
  } budget;
  struct LinkSession {
    std::string redirect_uri;  // empty: each request names its own
    std::string webhook;       // empty: none
    core::Millis lifetime{};
  } link_session;
  struct Daemon {
    std::uint64_t workers = 0;
    std::uint64_t links_max = 0;
    core::Millis stop_grace{};
  } daemon;
  struct Admin {
    std::string socket;
    std::string group;
    std::string listen;                          // empty: no TCP
    std::string tls_certificate_file;            // empty: plain http
    std::string tls_key_file;                    // empty: the systemd credential
    std::string allowed_hosts;                   // separated by blanks; allowed_hosts_of() reads it
    std::uint64_t read_requests_per_minute = 0;  // 0: any number; so for rows
    std::uint64_t read_rows_per_minute = 0;
    core::Millis read_trace_window{};
  } admin;
  struct Webhook {
    std::string listen;  // empty: none
    std::string path;
    std::string issuer;  // empty: the base URL
    std::uint64_t hooks_per_second_max = 0;
    std::uint64_t links_waiting_max = 0;
  } webhook;
  struct Refresh {
    bool enabled = false;
    std::uint64_t calls_per_day = 0;
    std::uint64_t calls_per_month = 0;
    std::string products;  // accounts, transactions or both
    core::Millis transactions_interval{};
    core::Millis accounts_interval{};
  } refresh;
  struct Metrics {
    std::string listen;  // empty: none
  } metrics;
  struct Log {
    std::string level;
    std::string link_ids;
    std::string journal_prefix;
  } log;
};

// One thing wrong with the configuration: where, which key, why, and what to do about it.
struct ConfigProblem {
  std::string where;  // `/etc/x.toml:12`, `/etc/x.toml`, `environment MONEYKIT_SYNCD__A__B`, or `defaults`
  std::string key;    // `schedule.interval`; empty when it is about the whole file
  std::string reason;
  std::string next_step;  // empty: the reason says it already
};
// `where: key: reason; next step`, one line without control characters.
std::string describe(const ConfigProblem& problem);

// The configuration and where each value came from.
struct LoadedConfig {
  Config config;
  std::map<std::string, std::string, std::less<>>
      origins;  // `schedule.interval` -> where; absent: the default
};

using Environment = std::vector<std::pair<std::string, std::string>>;
// The variables of this process that start with MONEYKIT_SYNCD__.
Environment process_environment();

// What could be read of a configuration, and what is wrong with the rest.
struct ConfigReading {
  LoadedConfig loaded;
  // Keys whose value is not known: it was refused, or a file that might have named it could not be read.
  std::set<std::string, std::less<>> unknown;
  std::vector<ConfigProblem> problems;
};
// Reads as load_config() does, and keeps what is acceptable beside the problems, for further checks.
ConfigReading read_config(const std::string& path, const Environment& environment);
// The same of a text that stands for the file `path`; no file is looked at.
ConfigReading read_config_text(const std::string& path, const std::string& text,
                               const Environment& environment);

// Reads `path`, then `conf.d/*.toml` beside it in name order, then the environment; later values win. Either
// a configuration in which every value is acceptable, or every problem there is.
std::expected<LoadedConfig, std::vector<ConfigProblem>> load_config(const std::string& path,
                                                                    const Environment& environment);

struct DumpOptions {
  bool effective = false;  // defaults say in a comment that they are, too
  bool redacted = false;   // without the values of confidential keys, and so not to be read back
};
// The effective configuration as a TOML file that load_config() reads back; values from elsewhere than the
// defaults say so in a comment. There are no secrets in it: the configuration names files, never their
// content.
std::string dump_config(const LoadedConfig& loaded, const DumpOptions& options = {});

// Keys that differ between two configurations, split by whether a running daemon can take the new value.
struct ConfigChanges {
  std::vector<std::string> applied;
  std::vector<std::string> need_restart;
};
ConfigChanges compare_configs(const Config& running, const Config& wanted);
// `running` with the reloadable values of `wanted`.
Config merge_reloadable(const Config& running, const Config& wanted);

// The reference page, docs/configuration.md.
std::string configuration_reference();

}  // namespace syncd::daemon
