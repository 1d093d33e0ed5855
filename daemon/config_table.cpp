#include "daemon/config_table.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "daemon/config_key.hpp"
#include "daemon/config_values.hpp"
#include "daemon/duration.hpp"
#include "daemon/shown_value.hpp"
#include "sync/core/json_text.hpp"

namespace syncd::daemon {

namespace {

using std::string_view_literals::operator""sv;
using config_key::C;
using config_key::choice;
using config_key::flag;
using config_key::Flag;
using config_key::list;
using config_key::live;
using config_key::number;
using config_key::Number;
using config_key::Span;
using config_key::span_of;
using config_key::text;
using config_key::Text;

constexpr std::array auth_choices{"headers"sv, "token"sv};
constexpr std::array discovery_choices{"report"sv, "register"sv, "off"sv};
constexpr std::array schedule_policies{"adaptive"sv, "uniform"sv};
constexpr std::array level_choices{"debug"sv, "info"sv, "warn"sv, "error"sv};
constexpr std::array link_id_choices{"hash"sv, "plain"sv};
constexpr std::array letter_body_choices{"none"sv, "redacted"sv};
constexpr std::array prefix_choices{"auto"sv, "always"sv, "never"sv};

constexpr ConfigSection sections[] = {
    {"upstream", "How MoneyKit is reached and who we are there."},
    {"store", "The local copy."},
    {"schedule", "When a link is visited."},
    {"cycle", "Limits of one visit to a link."},
    {"backup",
     "Backups of the store; [backup.md](backup.md) tells how they are made, checked and put back. A backup "
     "holds everything that the store holds."},
    {"retention", "What is kept, and for how long."},
    {"feed", "How long the change feed is kept."},
    {"incidents",
     "When links of one institution, or of one provider, fail together: one incident, one of them is asked "
     "meanwhile, and their relink entries are held back until it is over."},
    {"budget",
     "Calls per minute, as documented upstream. No sliding minute ever exceeds one, also across a restart. "
     "Two daemons with one client id must share them: the limits are per app."},
    {"link_session",
     "The sessions in which a user links a bank or repairs a link. What a request does not name is taken "
     "from "
     "here."},
    {"refresh",
     "Refreshes on demand, off by default: MoneyKit may charge for each. [operate.md](operate.md) tells "
     "more."},
    {"daemon", "The process."},
    {"admin", "The admin API. It can read everything that is stored."},
    {"webhook",
     "The receiver of upstream's webhooks, off by default. It belongs behind a reverse proxy with a public "
     "name and a certificate; [webhooks.md](webhooks.md) tells how it is set up."},
    {"metrics", "The Prometheus endpoint: /metrics, /-/healthy and /-/ready."},
    {"log", "Logs: one JSON object per line on standard error."},
};

constexpr core::Millis second{1000};
constexpr core::Millis minute = 60 * second;
constexpr core::Millis hour = 60 * minute;
constexpr core::Millis day = 24 * hour;

void add_upstream(std::vector<ConfigKey>& keys) {
  constexpr auto section = "upstream";
  keys.push_back(text(
      section, "base_url", [](C& c) -> std::string& { return c.upstream.base_url; },
      "https://api.moneykit.com", check_base_url,
      "`https://HOST[:PORT][/PATH]`; `http://` for loopback addresses only; no user, query or fragment",
      "Where the API is. A store belongs to the host that it was begun with."));
  keys.push_back(text(
      section, "client_id", [](C& c) -> std::string& { return c.upstream.client_id; }, "", check_client_id,
      "required",
      "The client id from the MoneyKit dashboard. One that begins with `sandbox_` makes the store a "
      "sandbox store; a store never changes between sandbox and live."));
  keys.push_back(live(text(
      section, "client_secret_file", [](C& c) -> std::string& { return c.upstream.client_secret_file; }, "",
      check_upstream_file, "absolute path",
      "File with the client secret, of mode 0400 or 0600, which is read again on SIGHUP. Empty: the systemd "
      "credential `moneykit-client-secret`, which is another one only after a restart. The secret itself is "
      "never written into the configuration.")));
  keys.push_back(choice(
      section, "auth", [](C& c) -> std::string& { return c.upstream.auth; }, "headers", auth_choices,
      "Send the client id and secret with each request, or exchange them for a bearer token."));
  keys.push_back(text(
      section, "ca_file", [](C& c) -> std::string& { return c.upstream.ca_file; }, "", check_upstream_file,
      "absolute path", "PEM file of the certificate authorities to trust. Empty: the system's."));
  keys.push_back(flag(
      section, "allow_private_addresses", [](C& c) -> bool& { return c.upstream.allow_private_addresses; },
      false,
      "Connect even if the host resolves to a loopback, private or link-local address. Needed for a "
      "local sandbox."));
  keys.push_back(number(
      section, "connections", [](C& c) -> std::uint64_t& { return c.upstream.connections; }, 64, 1, 1024,
      "Connections kept open to upstream at most."));
}

void add_store(std::vector<ConfigKey>& keys) {
  constexpr auto section = "store";
  keys.push_back(text(
      section, "path", [](C& c) -> std::string& { return c.store.path; }, "/var/lib/moneykit-syncd",
      check_absolute, "absolute path",
      "Directory of the store; made with mode 0700 when missing. One daemon per directory."));
  keys.push_back(number(
      section, "block_cache_mib", [](C& c) -> std::uint64_t& { return c.store.block_cache_mib; }, 64, 1,
      65536, "Memory for rows that were read, in MiB."));
  keys.push_back(number(
      section, "write_buffer_mib", [](C& c) -> std::uint64_t& { return c.store.write_buffer_mib; }, 32, 1,
      1024, "Memory for rows not yet in a table file, in MiB."));
  keys.push_back(number(
      section, "open_files", [](C& c) -> std::uint64_t& { return c.store.open_files; }, 512, 64, 65536,
      "Table files kept open at most."));
  keys.push_back(live(number(
      section, "min_free_mib", [](C& c) -> std::uint64_t& { return c.store.min_free_mib; }, 1024, 0,
      1'048'576,
      "With less free space than this on the store's disk, in MiB, nothing is fetched; what is stored stays "
      "readable.")));
  keys.push_back(live(number(
      section, "min_free_percent", [](C& c) -> std::uint64_t& { return c.store.min_free_percent; }, 5, 0, 90,
      "The same as a share of the disk, in per cent; the larger of the two counts.")));
  keys.push_back(live(number(
      section, "min_free_to_open_mib", [](C& c) -> std::uint64_t& { return c.store.min_free_to_open_mib; },
      128, 1, 1'048'576,
      "With less free space than this, in MiB, the store is not opened; the daemon waits until there is "
      "more, and says so. Recovery after a crash needs up to twice `write_buffer_mib`.")));
  keys.push_back(live(span_of(
      section, "scrub_interval", [](C& c) -> core::Millis& { return c.store.scrub_interval; }, 7 * day,
      core::Millis{0}, 365 * day,
      "How often every table file is read and compared with its checksums. \"0s\": never.")));
  keys.push_back(live(choice(
      section, "dead_letter_bodies", [](C& c) -> std::string& { return c.store.dead_letter_bodies; }, "none",
      letter_body_choices,
      "What a dead letter keeps of the refused answer beside its size and digest: nothing, or its structure "
      "with the names of the contract and the kind of each value, but no value and no value's length, at "
      "most 16 KiB.")));
}

void add_schedule_policy(std::vector<ConfigKey>& keys) {
  constexpr auto section = "schedule";
  keys.push_back(live(choice(
      section, "policy", [](C& c) -> std::string& { return c.schedule.policy; }, "adaptive",
      schedule_policies,
      "When a healthy link is visited: `adaptive`, when its institution is expected to have refreshed it, so "
      "that "
      "changes are stored soon for the calls that the budget allows; or `uniform`, every `interval`. An "
      "`interval` that is no longer than `min_interval` is kept by both.")));
  keys.push_back(live(span_of(
      section, "min_interval", [](C& c) -> core::Millis& { return c.schedule.min_interval; }, 5 * minute,
      second, day, "Between two visits that the adaptive policy makes by itself, at least.")));
  keys.push_back(live(flag(
      section, "peek", [](C& c) -> bool& { return c.schedule.peek; }, true,
      "Let the adaptive policy ask for the link object first, from its own budget, and for transactions only "
      "if "
      "that shows news.")));
  keys.push_back(live(number(
      section, "control_percent", [](C& c) -> std::uint64_t& { return c.schedule.control_percent; }, 0, 0, 50,
      "Share of the links that the adaptive policy leaves alone: they are visited in turn, at the rate that "
      "the "
      "budget allows on average, to compare with.")));
  keys.push_back(live(number(
      section, "record_mib", [](C& c) -> std::uint64_t& { return c.schedule.record_mib; }, 0, 0, 1'048'576,
      "Most that the trace of visits may take on the disk, in the directory of the store: when a link was "
      "visited and refreshed, and whether something was new, some 80 bytes each, for "
      "`scripts/bench freshness-replay`. The older half goes when it is full. 0: none is written.")));
  keys.push_back(live(list(
      section, "weights", [](C& c) -> std::vector<std::string>& { return c.schedule.weights; },
      check_tag_weights, "`TAG=WEIGHT`, at most 32; the weight is 0.01 to 100",
      "For the adaptive policy, how much a change of a link with this tag counts, beside one of a link "
      "without: `[\"gold=4\", \"trial=0.25\"]`. Of several tags the largest weight counts. A link is planned "
      "with another weight from its next visit on.")));
}

void add_schedule(std::vector<ConfigKey>& keys) {
  constexpr auto section = "schedule";
  keys.push_back(live(span_of(
      section, "interval", [](C& c) -> core::Millis& { return c.schedule.interval; }, 6 * hour, second,
      30 * day,
      "Between two visits of a healthy link. With the adaptive policy: the longest time between two, as long "
      "as "
      "visiting all links that often takes no more than a tenth of the budget.")));
  keys.push_back(live(span_of(
      section, "max_interval", [](C& c) -> core::Millis& { return c.schedule.max_interval; }, 24 * hour,
      second, 30 * day, "No live link waits longer than this, whatever its errors.")));
  keys.push_back(live(span_of(
      section, "accounts_interval", [](C& c) -> core::Millis& { return c.schedule.accounts_interval; },
      6 * hour, second, 30 * day, "Between two full account pulls of a healthy link.")));
  keys.push_back(live(span_of(
      section, "backoff_base", [](C& c) -> core::Millis& { return c.schedule.backoff_base; }, minute, second,
      day, "First retry after a passing failure; doubles from there.")));
  keys.push_back(live(span_of(
      section, "backoff_max", [](C& c) -> core::Millis& { return c.schedule.backoff_max; }, 6 * hour, second,
      30 * day, "Longest wait between two retries.")));
  keys.push_back(live(span_of(
      section, "outage_base", [](C& c) -> core::Millis& { return c.schedule.outage_base; }, 15 * minute,
      second, day, "First look at a link whose institution is down.")));
  keys.push_back(live(span_of(
      section, "probe_base", [](C& c) -> core::Millis& { return c.schedule.probe_base; }, 6 * hour, second,
      30 * day, "First look at a link that waits for its owner, in case it was repaired elsewhere.")));
  keys.push_back(live(choice(
      section, "discovery", [](C& c) -> std::string& { return c.schedule.discovery; }, "report",
      discovery_choices,
      "Compare the links upstream lists with the stored ones: report the difference, register what "
      "is missing here, or do not compare.")));
  keys.push_back(live(span_of(
      section, "discovery_interval", [](C& c) -> core::Millis& { return c.schedule.discovery_interval; },
      24 * hour, second, 30 * day, "Between two comparisons.")));
  keys.push_back(live(span_of(
      section, "verify_interval", [](C& c) -> core::Millis& { return c.schedule.verify_interval; }, 30 * day,
      core::Millis{0}, 365 * day,
      "In which every healthy link is read once more from its beginning and compared with the store, link "
      "after link at an even pace, with budget that nobody else wants. `0s`: never.")));
}

void add_cycle(std::vector<ConfigKey>& keys) {
  constexpr auto section = "cycle";
  keys.push_back(live(number(
      section, "page_size", [](C& c) -> std::uint64_t& { return c.cycle.page_size; }, 500, 1, 500,
      "Transactions asked for in one page.")));
  keys.push_back(live(number(
      section, "pages_max", [](C& c) -> std::uint64_t& { return c.cycle.pages_max; }, 200, 1, 1'000'000,
      "Pages of one visit; then the link yields to others and goes on later.")));
  keys.push_back(live(number(
      section, "drain_pages_max", [](C& c) -> std::uint64_t& { return c.cycle.drain_pages_max; }, 20'000, 1,
      1'000'000, "Pages until \"no more\"; beyond, the answer is taken for endless and refused.")));
  keys.push_back(live(number(
      section, "drain_idle_pages_max", [](C& c) -> std::uint64_t& { return c.cycle.drain_idle_pages_max; },
      100, 1, 1'000'000, "Pages in a row that change nothing and promise more; beyond, the same.")));
  keys.push_back(live(number(
      section, "protocol_failures_max", [](C& c) -> std::uint64_t& { return c.cycle.protocol_failures_max; },
      5, 1, 1000, "Answers in a row that break the protocol before the link is quarantined.")));
  keys.push_back(live(number(
      section, "resyncs_per_day_max", [](C& c) -> std::uint64_t& { return c.cycle.resyncs_per_day_max; }, 3,
      1, 1000, "Full resyncs of one link in 24 hours.")));
}

void add_backup(std::vector<ConfigKey>& keys) {
  keys.push_back(live(text(
      "backup", "directory", [](C& c) -> std::string& { return c.backup.directory; }, "", check_upstream_file,
      "absolute path",
      "Where backups lie; made with mode 0700 when missing. It must be on the file system of the store and "
      "below the same mount, which under systemd means: inside the store's `StateDirectory=`. Empty: "
      "`backups` in `store.path`.")));
  keys.push_back(live(number(
      "backup", "keep", [](C& c) -> std::uint64_t& { return c.backup.keep; }, 7, 1, 1000,
      "So many whole backups stay; older ones are removed when a new one is complete.")));
}

void add_retention(std::vector<ConfigKey>& keys) {
  keys.push_back(live(span_of(
      "retention", "gone_links", [](C& c) -> core::Millis& { return c.retention.gone_links; },
      core::Millis{0}, core::Millis{0}, 3650 * day,
      "A link that has been gone upstream for so long is purged: everything that is stored of it is taken "
      "away, as by `moneykitctl links purge`. `0s`: never.")));
}

void add_feed(std::vector<ConfigKey>& keys) {
  constexpr auto section = "feed";
  keys.push_back(live(span_of(
      section, "keep", [](C& c) -> core::Millis& { return c.feed.keep; }, 90 * day, core::Millis{0},
      3650 * day,
      "Older changes are cut off, but never those that a consumer has yet to acknowledge. `0s`: all are "
      "kept.")));
  keys.push_back(live(span_of(
      section, "keep_max", [](C& c) -> core::Millis& { return c.feed.keep_max; }, 365 * day, core::Millis{0},
      3650 * day,
      "Changes older than this are cut off although a consumer has not acknowledged them. Not below "
      "`feed.keep`.")));
}

void add_incidents(std::vector<ConfigKey>& keys) {
  constexpr auto section = "incidents";
  keys.push_back(live(flag(
      section, "enabled", [](C& c) -> bool& { return c.incidents.enabled; }, true,
      "Off: every link is asked as if it were alone, and each entry of the relink queue is to be acted "
      "on.")));
  keys.push_back(live(number(
      section, "min_links", [](C& c) -> std::uint64_t& { return c.incidents.min_links; }, 5, 3, 64,
      "Distinct links that must begin to fail. An institution with fewer links has no incidents.")));
  keys.push_back(live(number(
      section, "min_share", [](C& c) -> std::uint64_t& { return c.incidents.min_share; }, 50, 10, 100,
      "Their share of the visits since the first of them began to fail, in per cent. Where failures are "
      "usual, five times the usual share, up to 90 per cent, if that is more.")));
  keys.push_back(live(span_of(
      section, "window", [](C& c) -> core::Millis& { return c.incidents.window; }, 30 * minute, minute, day,
      "In which they must begin to fail. An entry that was opened longer before the incident is not held "
      "back.")));
}

void add_budget(std::vector<ConfigKey>& keys) {
  struct Row {
    std::string_view name;
    Number binding;
    std::uint64_t initial;
    std::string_view help;
  };
  const Row rows[] = {
      {"sync_per_app", [](C& c) -> std::uint64_t& { return c.budget.sync_per_app; }, 600,
       "Transaction pages."},
      {"sync_per_link", [](C& c) -> std::uint64_t& { return c.budget.sync_per_link; }, 15,
       "Transaction pages of one link."},
      {"accounts_per_app", [](C& c) -> std::uint64_t& { return c.budget.accounts_per_app; }, 600,
       "Account pulls."},
      {"accounts_per_link", [](C& c) -> std::uint64_t& { return c.budget.accounts_per_link; }, 4,
       "Account pulls of one link."},
      {"link_per_app", [](C& c) -> std::uint64_t& { return c.budget.link_per_app; }, 1000,
       "Looks at a link's state."},
      {"link_per_link", [](C& c) -> std::uint64_t& { return c.budget.link_per_link; }, 15,
       "Looks at one link's state."},
      {"links_per_app", [](C& c) -> std::uint64_t& { return c.budget.links_per_app; }, 600,
       "Pages of the list of links."},
      {"token_per_client", [](C& c) -> std::uint64_t& { return c.budget.token_per_client; }, 300,
       "Bearer tokens."},
      {"link_session_per_app", [](C& c) -> std::uint64_t& { return c.budget.link_session_per_app; }, 1200,
       "Link sessions."},
      {"link_session_per_user", [](C& c) -> std::uint64_t& { return c.budget.link_session_per_user; }, 20,
       "Link sessions of one customer user."},
      {"exchange_per_app", [](C& c) -> std::uint64_t& { return c.budget.exchange_per_app; }, 600,
       "Exchanges of a token for its new link. Upstream documents no limit; this is a guess."},
      {"user_links_per_app", [](C& c) -> std::uint64_t& { return c.budget.user_links_per_app; }, 600,
       "Lists of a customer user's links. Upstream documents no limit; this is a guess."},
      {"delete_link_per_app", [](C& c) -> std::uint64_t& { return c.budget.delete_link_per_app; }, 600,
       "Deletions of links."},
      {"update_link_per_app", [](C& c) -> std::uint64_t& { return c.budget.update_link_per_app; }, 600,
       "Changes of links, which `moneykitctl webhooks fix` makes."},
      {"update_link_per_link", [](C& c) -> std::uint64_t& { return c.budget.update_link_per_link; }, 4,
       "The same, for each link."},
      {"products_per_app", [](C& c) -> std::uint64_t& { return c.budget.products_per_app; }, 600,
       "Refreshes on demand. Upstream documents no limit; this is a guess."},
      {"products_per_link", [](C& c) -> std::uint64_t& { return c.budget.products_per_link; }, 15,
       "The same, for each link. A guess, too."},
  };
  for (const Row& row : rows) {
    keys.push_back(live(number("budget", row.name, row.binding, row.initial, 1, 1'000'000, row.help)));
  }
}

void add_link_session(std::vector<ConfigKey>& keys) {
  constexpr auto section = "link_session";
  keys.push_back(live(text(
      section, "redirect_uri", [](C& c) -> std::string& { return c.link_session.redirect_uri; }, "",
      check_redirect_uri,
      "`https://HOST[:PORT][/PATH]`; `http://` for loopback addresses only; no user, query or fragment",
      "Where the user is sent when the component has ended. Its origin must be registered in the MoneyKit "
      "dashboard. Empty: each request must name its own.")));
  keys.push_back(live(text(
      section, "webhook", [](C& c) -> std::string& { return c.link_session.webhook; }, "", check_webhook,
      "`https://HOST[:PORT][/PATH][?QUERY]`; `http://` for loopback addresses only; no user or fragment",
      "Where upstream is to send the events of the link. Upstream removes a link's webhook when a relink "
      "names "
      "none. Empty: none.")));
  keys.push_back(live(span_of(
      section, "lifetime", [](C& c) -> core::Millis& { return c.link_session.lifetime; }, 30 * minute, minute,
      day,
      "How long a session is shown as open (`expires_at`). How long upstream accepts its token is not "
      "documented.")));
}

void add_admin(std::vector<ConfigKey>& keys) {
  keys.push_back(text(
      "admin", "socket", [](C& c) -> std::string& { return c.admin.socket; },
      "/run/moneykit-syncd/admin.sock", check_socket, "absolute path of at most 107 bytes",
      "Unix socket of the admin API, mode 0660. Its directory is made, with mode 0750, if only that one is "
      "missing. Not used when systemd hands over a socket."));
  keys.push_back(text(
      "admin", "group", [](C& c) -> std::string& { return c.admin.group; }, "moneykit-admin", check_group,
      "group name",
      "Group that may use the socket, beside root and the daemon's own user. One that does not exist is "
      "skipped with a warning."));
  keys.push_back(text(
      "admin", "listen", [](C& c) -> std::string& { return c.admin.listen; }, "", check_admin_listen,
      "`ADDRESS:PORT`, or empty",
      "TCP listener of the admin API and its page, for callers with a token (`moneykitctl tokens create`). "
      "Plain http on a loopback address only; any other needs a certificate. Port 0 lets the system choose "
      "one. Empty: none."));
  keys.push_back(text(
      "admin", "tls_certificate_file", [](C& c) -> std::string& { return c.admin.tls_certificate_file; }, "",
      check_tls_file, "absolute path",
      "PEM file with the certificate of the TCP listener, followed by those between it and its authority; it "
      "is read again on SIGHUP. One that has expired or cannot be used keeps the listener shut, or the one "
      "before in use. Empty: plain http."));
  keys.push_back(text(
      "admin", "tls_key_file", [](C& c) -> std::string& { return c.admin.tls_key_file; }, "", check_tls_file,
      "absolute path",
      "PEM file with the certificate's private key, without a passphrase, of mode 0400 or 0600; it is read "
      "again on SIGHUP. Empty: the systemd credential `moneykit-admin-tls-key`."));
  keys.push_back(live(text(
      "admin", "allowed_hosts", [](C& c) -> std::string& { return c.admin.allowed_hosts; }, "",
      check_allowed_hosts, "`HOST[:PORT]`, separated by blanks, at most 16",
      "Further names under which the TCP listener is reached, as a browser sends them in `Host`: with the "
      "port, unless it is 443 (TLS) or 80. `localhost` and the address of `listen` need not be named. Every "
      "other host is refused.")));
  keys.push_back(live(number(
      "admin", "read_requests_per_minute",
      [](C& c) -> std::uint64_t& { return c.admin.read_requests_per_minute; }, 6'000, 0, 1'000'000,
      "Requests that show rows of people's data (accounts, transactions, the feed, dead letters) one token "
      "or "
      "user may make in a minute; with the role admin, which every user of the socket has, ten times as "
      "many. "
      "One more is answered with 429 and Retry-After. 0: any number.")));
  keys.push_back(live(number(
      "admin", "read_rows_per_minute", [](C& c) -> std::uint64_t& { return c.admin.read_rows_per_minute; },
      300'000, 0, 100'000'000,
      "Rows that these requests may show one token or user in a minute, with the role admin ten times as "
      "many: as many as the default budgets bring in, so a consumer of the feed keeps up. 0: any number.")));
  keys.push_back(live(span_of(
      "admin", "read_trace_window", [](C& c) -> core::Millis& { return c.admin.read_trace_window; }, hour,
      minute, day,
      "What one token or user reads of one link is one act in the audit log (`data.read`) at once, and one "
      "more at the end of this time for what was read meanwhile.")));
}

void add_process(std::vector<ConfigKey>& keys) {
  keys.push_back(live(number(
      "daemon", "workers", [](C& c) -> std::uint64_t& { return c.daemon.workers; }, 64, 1, 4096,
      "Links visited at the same time.")));
  keys.push_back(live(number(
      "daemon", "links_max", [](C& c) -> std::uint64_t& { return c.daemon.links_max; }, 10'000'000, 1,
      100'000'000, "Links registered at most.")));
  keys.push_back(live(span_of(
      "daemon", "stop_grace", [](C& c) -> core::Millis& { return c.daemon.stop_grace; }, 8 * second,
      core::Millis{0}, minute,
      "How long running pages may finish after SIGTERM; then they are dropped whole. Stay below "
      "TimeoutStopSec of the unit.")));
}

void add_outside(std::vector<ConfigKey>& keys) {
  keys.push_back(text(
      "metrics", "listen", [](C& c) -> std::string& { return c.metrics.listen; }, "127.0.0.1:9464",
      check_listen, "`ADDRESS:PORT`",
      "Where Prometheus scrapes. Port 0 lets the system choose one. Empty: none."));
  keys.push_back(live(choice(
      "log", "level", [](C& c) -> std::string& { return c.log.level; }, "info", level_choices,
      "Lines below this level are not written.")));
  keys.push_back(live(choice(
      "log", "link_ids", [](C& c) -> std::string& { return c.log.link_ids; }, "hash", link_id_choices,
      "Name links by a short keyed hash (`link_ref`, which `moneykitctl links show` prints too) "
      "or by their id.")));
  keys.push_back(live(choice(
      "log", "journal_prefix", [](C& c) -> std::string& { return c.log.journal_prefix; }, "auto",
      prefix_choices,
      "Put the priority (`<6>`) in front of each line: when standard error is the journal, always, "
      "or never.")));
}

std::vector<ConfigKey> make_keys() {
  std::vector<ConfigKey> keys;
  add_upstream(keys);
  add_store(keys);
  add_schedule_policy(keys);
  add_schedule(keys);
  add_cycle(keys);
  add_backup(keys);
  add_retention(keys);
  add_feed(keys);
  add_incidents(keys);
  add_budget(keys);
  add_link_session(keys);
  add_refresh_keys(keys);
  add_process(keys);
  add_admin(keys);
  add_webhook_keys(keys);
  add_outside(keys);
  return keys;
}

// 1000000 -> 1,000,000
std::string grouped(std::uint64_t value) {
  std::string digits = fmt::format("{}", value);
  for (std::size_t at = digits.size(); at > 3; at -= 3)
    digits.insert(at - 3, ",");
  return digits;
}

bool is_duration(const ConfigKey& key) {
  return std::holds_alternative<Span>(key.binding);
}

// JSON's string escapes are TOML's too.
std::string quoted(std::string_view text) {
  std::string out;
  core::append_json_string(out, text);
  return out;
}

}  // namespace

std::span<const ConfigKey> config_keys() {
  static const std::vector<ConfigKey> keys = make_keys();
  return keys;
}

std::span<const ConfigSection> config_sections() {
  return sections;
}

ConfigValue value_of(const ConfigKey& key, const Config& config) {
  // The bindings give out mutable references.
  Config source = config;
  return std::visit([&](auto binding) -> ConfigValue { return binding(source); }, key.binding);
}

void set_value(const ConfigKey& key, Config& config, const ConfigValue& value) {
  std::visit(
      [&](auto binding) {
        using T = std::remove_reference_t<decltype(binding(config))>;
        binding(config) = std::get<T>(value);
      },
      key.binding);
}

std::string format_value(const ConfigValue& value) {
  if (const auto* text_value = std::get_if<std::string>(&value)) return quoted(*text_value);
  if (const auto* flag_value = std::get_if<bool>(&value)) return *flag_value ? "true" : "false";
  if (const auto* number_value = std::get_if<std::uint64_t>(&value)) return fmt::format("{}", *number_value);
  if (const auto* span_value = std::get_if<core::Millis>(&value)) return quoted(format_duration(*span_value));
  std::string items;
  for (const std::string& item : std::get<std::vector<std::string>>(value))
    items += (items.empty() ? "" : ", ") + quoted(item);
  return '[' + items + ']';
}

std::string describe_range(const ConfigKey& key) {
  if (!key.choices.empty()) {
    std::string text_list;
    for (std::size_t at = 0; at < key.choices.size(); ++at) {
      if (at > 0) text_list += at + 1 == key.choices.size() ? " or " : ", ";
      text_list += quoted(key.choices[at]);
    }
    return text_list;
  }
  if (is_duration(key)) {
    return fmt::format("{} to {}", format_duration(core::Millis{static_cast<std::int64_t>(key.min)}),
                       format_duration(core::Millis{static_cast<std::int64_t>(key.max)}));
  }
  if (std::holds_alternative<Number>(key.binding))
    return fmt::format("{} to {}", grouped(key.min), grouped(key.max));
  return std::string(key.form);
}

std::string_view describe_type(const ConfigKey& key) {
  constexpr std::array<std::string_view, 5> names{"a text", "true or false", "an integer", "a duration",
                                                  "a list of texts"};
  return names[key.binding.index()];
}

std::string describe_accepted(const ConfigKey& key) {
  std::string range = describe_range(key);
  return range.empty() ? std::string(describe_type(key)) : range;
}

std::optional<Refusal> check_value(const ConfigKey& key, const ConfigValue& value) {
  if (const auto* text_value = std::get_if<std::string>(&value)) {
    if (key.check != nullptr) return key.check(*text_value);
    if (key.choices.empty() || std::ranges::find(key.choices, *text_value) != key.choices.end())
      return std::nullopt;
    const std::string shown = key.section == "upstream" ? "the value" : shown_value(*text_value);
    return Refusal{fmt::format("{} is not one of the accepted values", shown), "use " + describe_range(key)};
  }
  if (const auto* items = std::get_if<std::vector<std::string>>(&value))
    return key.check_list != nullptr ? key.check_list(*items) : std::nullopt;
  std::uint64_t amount = 0;
  if (const auto* number_value = std::get_if<std::uint64_t>(&value)) {
    amount = *number_value;
  } else if (const auto* span_value = std::get_if<core::Millis>(&value)) {
    amount = static_cast<std::uint64_t>(span_value->count());
  } else {
    return std::nullopt;
  }
  if (amount >= key.min && amount <= key.max) return std::nullopt;
  return Refusal{fmt::format("{} is out of range", format_value(value)), "use " + describe_range(key)};
}

}  // namespace syncd::daemon
