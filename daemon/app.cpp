#include "daemon/app.hpp"

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <limits>
#include <optional>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include <boost/asio/post.hpp>
#include <fmt/format.h>

#include "daemon/app_impl.hpp"
#include "daemon/log_salt.hpp"
#include "daemon/memory.hpp"
#include "daemon/secret_file.hpp"
#include "daemon/settings.hpp"
#include "daemon/start_pulse.hpp"
#include "sync/core/planner.hpp"
#include "sync/core/purge.hpp"

namespace syncd::daemon {

namespace {

namespace asio = boost::asio;

constexpr core::Millis look_for_room_every{1'000};  // on a full disk, before the store is opened
constexpr core::Millis start_beat{10'000};          // a third of WatchdogSec=
constexpr core::Millis start_longest{60 * 60'000};  // no recovery and no conversion takes that long

ServerOptions listener_options() {
  ServerOptions options;
  options.connections_max = listener_connections_max();
  return options;
}

// No run has used this directory: it is missing or empty.
bool is_unused(const std::string& directory) {
  std::error_code error;
  const std::filesystem::directory_iterator entry(directory, error);
  return error || entry == std::filesystem::directory_iterator{};
}

}  // namespace

namespace {

bool wants_prefix(const Config& config) {
  if (config.log.journal_prefix == "auto") return stderr_is_journal();
  return config.log.journal_prefix == "always";
}

}  // namespace

LogOptions log_options_of(const Config& config) {
  return {.level = parse_log_level(config.log.level), .journal_prefix = wants_prefix(config)};
}

void harden_process() {
  prctl(PR_SET_DUMPABLE, 0);
  const rlimit none{0, 0};
  setrlimit(RLIMIT_CORE, &none);
  std::signal(SIGPIPE, SIG_IGN);
}

App::Impl::Impl(LoadedConfig loaded, std::string config_path)
    : config(std::move(loaded.config)),
      path(std::move(config_path)),
      log(log_options_of(config), stderr_sink(), [this] { return timers.wall_now(); }) {
  log.links().set_plain(config.log.link_ids == "plain");
  process.started_at = timers.wall_now();
  process.config.loaded_at = process.started_at;
  metrics.record_config_load(true, process.started_at);
  log.set_tally([this](LogLevel level, bool written) {
    metrics.record_log_line(static_cast<metrics::LineLevel>(level), written);
  });
}

int App::Impl::fail(int code, EventName event, std::string_view message) {
  log.error(event, message);
  notifier.status(message);
  return code;
}

// ---- start -----------------------------------------------------------------------------------------------

int App::Impl::start() {
  log.info("starting", "moneykit-syncd starts",
           LogFields{}
               .add("version", SYNCD_VERSION)
               .add("environment", std::string_view(environment_of(config)))
               .add("store", std::string_view(config.store.path)));
  using Step = int (Impl::*)();
  if (const int code = open_listeners(); code != exit_ok) return code;
  auto meanwhile = answer_while_starting();
  wait_for_room(*meanwhile);
  if (process.stopping) return exit_ok;
  for (const Step step : {&Impl::open_store, &Impl::load_tokens, &Impl::connect_upstream,
                          &Impl::restore_budgets, &Impl::register_links}) {
    if (const int code = (this->*step)(); code != exit_ok) return code;
  }
  meanwhile.reset();
  start_serving();
  return exit_ok;
}

// First, because an address in use is found out in no time and nothing has to be undone.
int App::Impl::open_listeners() {
  auto inherited = inherited_listeners();
  if (!inherited) return fail(exit_unavailable, "listen_failed", inherited.error().message);
  admin_listeners = std::move(*inherited);
  if (admin_listeners.empty()) {
    auto listener = listen_unix(config.admin.socket, config.admin.group);
    if (!listener) return fail(exit_unavailable, "listen_failed", listener.error().message);
    admin_listeners.push_back(std::move(*listener));
  }
  if (const int code = open_admin_tcp(); code != exit_ok) return code;
  if (!config.metrics.listen.empty()) {
    auto listener = listen_tcp(*parse_listen_address(config.metrics.listen));
    if (!listener)
      return fail(exit_unavailable, "listen_failed", "metrics.listen: " + listener.error().message);
    metrics_listener = std::move(*listener);
  }
  if (const int code = open_webhook(); code != exit_ok) return code;
  for (const Listener& listener : admin_listeners) {
    if (!listener.warning().empty()) log.warn("socket_group", listener.warning());
  }
  return exit_ok;
}

// The rules of the admin socket: who may ask, and that a refusal is seen.
ServerOptions App::Impl::admin_options(gid_t socket_group) {
  ServerOptions options = listener_options();
  options.body_bytes_max = admin_body_bytes_max;
  options.admits = [this, own_user = geteuid(), socket_group](const Peer& peer) {
    if (may_use(peer, own_user, socket_group)) return true;
    log.warn("admin_refused", "a user who is not in the group of the admin socket was refused",
             LogFields{}.add("uid", peer.uid));
    return false;
  };
  return options;
}

std::unique_ptr<StartupServer> App::Impl::answer_while_starting() {
  std::vector<StartupServer::Place> places;
  for (const Listener& listener : admin_listeners) {
    // No line in the log: that belongs to this thread.
    ServerOptions options = listener_options();
    options.body_bytes_max = admin_body_bytes_max;
    options.admits = [own_user = geteuid(), group = listener.group()](const Peer& peer) {
      return may_use(peer, own_user, group);
    };
    places.push_back({.listener = &listener, .options = std::move(options), .shows_metrics = true});
  }
  if (admin_tcp_listener) {
    places.push_back({.listener = &*admin_tcp_listener, .options = admin_tcp_options()});
  }
  if (metrics_listener) {
    places.push_back({.listener = &*metrics_listener, .options = listener_options(), .shows_metrics = true});
  }
  if (webhook_listener) places.push_back({.listener = &*webhook_listener, .options = webhook_options()});
  return std::make_unique<StartupServer>(std::move(places), [this] { return metrics.exposition(); });
}

// What is missing to open the store safely; nullopt: nothing.
std::optional<std::string> App::Impl::missing_room() const {
  const auto space = disk_space(config.store.path);
  const std::uint64_t needed = config.store.min_free_to_open_mib << 20;
  if (!space || space->free_bytes >= needed) return std::nullopt;
  return describe_space(space->free_bytes, needed);
}

// Opening a store on a full disk makes RocksDB end the process, and systemd would start it again and again.
void App::Impl::wait_for_room(StartupServer& meanwhile) {
  if (!missing_room()) return;
  engine::TaskGroup waiting{io.get_executor(), on_exception()};
  waiting.spawn(watch_signals());
  waiting.spawn(watch_room(meanwhile, waiting));
  io.run();
  io.restart();
}

api::Task<void> App::Impl::watch_room(StartupServer& meanwhile, engine::TaskGroup& waiting) {
  const std::string trouble = fmt::format(
      "the disk of the store {} is too full to open it: free some space, or lower "
      "store.min_free_to_open_mib and reload",
      config.store.path);
  meanwhile.set_trouble(trouble);
  metrics.set_space_low(true);
  log.error("storage_low", trouble,
            LogFields{}
                .add("store", std::string_view(config.store.path))
                .add("space", std::string_view(missing_room().value_or("just enough"))));
  notifier.ready(trouble);  // systemd would otherwise end the start after a while
  while (!process.stopping && missing_room()) {
    notifier.watchdog();
    const api::SteadyTime next = timers.steady_now() + look_for_room_every;
    co_await timers.sleep_until(next);
  }
  meanwhile.set_trouble({});
  metrics.set_space_low(false);
  if (!process.stopping) log.info("storage_enough", "the disk of the store has room; the start goes on");
  waiting.cancel();
}

int App::Impl::open_store() {
  store::StoreOptions options = store_options_of(config);
  // The database speaks on its own threads; the log belongs to the io thread.
  options.log = [this](int level, std::string message) {
    asio::post(io, [this, level, message = std::move(message)] {
      log.write(level >= store::log_error ? LogLevel::error : LogLevel::warn, "database", message);
    });
  };
  options.wall_now = [this] { return timers.wall_now(); };
  const bool first_start = is_unused(config.store.path);
  std::optional<StartPulse> pulse(std::in_place, notifier, start_beat, start_longest);
  auto opened = store::Store::open(options);
  pulse.reset();
  if (!opened) {
    // systemd starts the process again unless it ends with 78.
    const bool for_others = opened.error().code == core::Errc::invalid;
    return fail(for_others ? exit_config : exit_io, "store_open_failed", opened.error().message);
  }
  store = std::move(*opened);
  if (first_start) {
    // Nothing was sent for this store yet: as after a clean stop.
    const auto noted = store->put_note(budget_note, api::RateGate::nothing_sent());
    if (!noted) return fail(exit_io, "store_open_failed", noted.error().message);
  }
  for (const std::string& notice : store->notices()) {
    log.warn("store_notice", notice);
  }
  store->on_unhealthy([this](std::string message) {
    asio::post(io, [this, message = std::move(message)] { store_turned_unhealthy(message); });
  });
  auto salt = load_log_salt(config.store.path);
  if (!salt)
    return fail(exit_io, "store_open_failed", "the salt of the log's link names: " + salt.error().message);
  log.links().set_salt(*salt);
  gateway = std::make_unique<engine::StoreGateway>(
      *store, io.get_executor(), timers,
      [this](const core::CommitReport& report) { metrics.record(report); });
  recorder = std::make_unique<VisitRecorder>(VisitRecorder::Parts{.timers = timers,
                                                                  .store = *gateway,
                                                                  .log = log,
                                                                  .metrics = metrics,
                                                                  .config = config,
                                                                  .salt = std::move(*salt)});
  observer.set_recorder(recorder.get());
  return exit_ok;
}

int App::Impl::connect_upstream() {
  auto secret = read_client_secret(config);
  if (!secret) return fail(exit_config, "config_problem", describe(secret.error()));
  auto created = api::HttpsTransport::create(io, transport_options_of(config));
  if (!created) return fail(exit_config, "config_problem", "upstream: " + created.error().message);
  transport = std::move(*created);
  gate = std::make_unique<api::RateGate>(timers, budgets_of(config));
  api::ApiOptions options;
  options.auth = config.upstream.auth == "token" ? api::AuthMethod::token : api::AuthMethod::headers;
  options.client_id = config.upstream.client_id;
  options.client_secret = std::make_shared<const api::Secret>(std::move(*secret));
  upstream =
      std::make_unique<api::MoneykitApi>(*transport, *gate, timers, std::move(options),
                                         [this](const core::HttpReport& report) { note_request(report); });
  engine = std::make_unique<engine::Engine>(timers, *upstream, *gate, *gateway, observer,
                                            engine_options_of(config));
  return exit_ok;
}

void App::Impl::note_request(const core::HttpReport& report) {
  metrics.record(report);
  constexpr int too_many_requests = 429;
  if (report.status == too_many_requests) budget_watch.look(gate->use());
}

// No minute is granted twice: what was sent just before the last stop, and the windows upstream closed, still
// count.
int App::Impl::restore_budgets() {
  const auto note = store->take_note(budget_note);
  if (!note) return fail(exit_io, "store_read_failed", note.error().message);
  if (*note && gate->restore(**note)) return keep_open_windows();
  const auto freezes = store->freezes();
  if (!freezes) return fail(exit_io, "store_read_failed", freezes.error().message);
  for (const core::GateFreeze& freeze : *freezes) {
    gate->freeze(freeze.endpoint, freeze.until);
  }
  const auto unknown = requests_unaccounted_for();
  if (!unknown) return fail(exit_io, "store_read_failed", unknown.error().message);
  log.info("unclean_stop", "the last run did not end cleanly; the first minute is spent carefully");
  gate->assume_crash(*unknown);
  return exit_ok;
}

// How many cycles may have sent requests that no record shows. Of a store that was put back from a backup no
// record shows any: every window is full.
core::Result<std::uint32_t> App::Impl::requests_unaccounted_for() {
  const auto note = store->note(restored_note);
  if (!note) return std::unexpected(note.error());
  if (*note && restored_lately(**note, timers.wall_now())) return std::numeric_limits<std::uint32_t>::max();
  return static_cast<std::uint32_t>(config.daemon.workers) + engine::verifies_in_flight_max;
}

// The snapshot is gone once it is taken, and a wall clock that was stepped in the last run misdates what was
// stored then.
int App::Impl::keep_open_windows() {
  for (const api::BudgetUse& use : gate->use()) {
    if (!use.frozen_until) continue;
    const auto kept = store->put_freeze({.endpoint = use.endpoint, .until = *use.frozen_until});
    if (!kept) return fail(exit_io, "store_write_failed", kept.error().message);
  }
  return exit_ok;
}

int App::Impl::register_links() {
  std::uint64_t links = 0;
  engine->reserve(std::min(store->links_estimate(), config.daemon.links_max));
  const auto scanned = store->for_each_link([&](const store::LinkSummary& summary) {
    engine->register_stored(summary);
    ++links;
  });
  if (!scanned) return fail(exit_io, "store_read_failed", scanned.error().message);
  const auto planner = store->note(core::planner_note);
  if (!planner) return fail(exit_io, "store_read_failed", planner.error().message);
  if (*planner) engine->restore_planner(**planner);
  const auto incidents = store->note(engine::incidents_note);
  if (!incidents) return fail(exit_io, "store_read_failed", incidents.error().message);
  if (*incidents) engine->restore_incidents(**incidents);
  const auto purged = store->note(core::purged_sends_note);
  if (!purged) return fail(exit_io, "store_read_failed", purged.error().message);
  if (*purged) engine->restore_purged_sends(**purged);
  if (const int code = restore_hints(); code != exit_ok) return code;
  if (const int code = restore_keys(); code != exit_ok) return code;
  const auto spent = store->note(core::refresh_spending_note);
  if (!spent) return fail(exit_io, "store_read_failed", spent.error().message);
  if (*spent) engine->restore_refresh_spending(**spent);
  release_free_memory();  // what opening and the scan used is not needed again
  log.info("links_loaded", "the links are in the schedule", LogFields{}.add("links", links));
  return exit_ok;
}

// Two lists of the same, for parts that do not know each other.
static_assert(static_cast<int>(metrics::RowKind::accounts) == static_cast<int>(DataKind::accounts));
static_assert(static_cast<int>(metrics::RowKind::transactions) == static_cast<int>(DataKind::transactions));
static_assert(static_cast<int>(metrics::RowKind::feed) == static_cast<int>(DataKind::feed));
static_assert(static_cast<int>(metrics::RowKind::dead_letters) == static_cast<int>(DataKind::dead_letters));

static_assert(static_cast<int>(metrics::LineLevel::debug) == static_cast<int>(LogLevel::debug));
static_assert(static_cast<int>(metrics::LineLevel::error) == static_cast<int>(LogLevel::error));

void App::Impl::make_meter() {
  meter = std::make_unique<RequestMeter>(timers, [this](const AnsweredRequest& request) {
    using enum metrics::AdminRequestKind;
    const metrics::AdminRequestKind kind = request.reads ? read : write;
    metrics.record_admin_request(request.route, request.status, request.waits ? wait : kind, request.took);
  });
}

void App::Impl::make_reads() {
  reads = std::make_unique<DataReads>(DataReads::Parts{
      .timers = timers,
      .record = [this](std::vector<store::LinkAct> acts) { return record_reads(std::move(acts)); },
      .on_held_back =
          [this](const HeldBackReads& held) {
            metrics.record_reads_limited(held.by_rows);
            if (!held.first) return;
            log.warn("reads_limited", "a caller has read as much of people's data as it may in a minute",
                     LogFields{}
                         .add("actor", std::string_view(held.caller.actor))
                         .add("reason", std::string_view(held.by_rows ? "rows" : "requests")));
          },
      .on_read =
          [this](const DataRead& read) {
            metrics.record_rows_read(static_cast<metrics::RowKind>(read.kind), read.rows);
          },
      .on_lost =
          [this](const core::Error& error, std::size_t acts) {
            log.error("reads_not_traced", "reads of people's data could not be written to the audit log",
                      LogFields{}.add("acts", acts).add("error", std::string_view(error.message)));
          }});
  reads->set(read_rates_of(config), config.admin.read_trace_window);
}

api::Task<core::Result<void>> App::Impl::record_reads(std::vector<store::LinkAct> acts) {
  const core::WallTime now = timers.wall_now();
  auto work = [&](store::Store& open) { return open.record_acts(now, acts); };
  auto written = co_await gateway->run(std::move(work));
  co_return std::move(written);
}

void App::Impl::start_serving() {
  care = std::make_unique<StoreCare>(StoreCare::Parts{.timers = timers,
                                                      .store = *gateway,
                                                      .log = log,
                                                      .metrics = metrics,
                                                      .config = config,
                                                      .stopping = process.stopping,
                                                      .on_space = [this](bool low) { engine->hold(low); }});
  backups = std::make_unique<Backups>(Backups::Parts{.timers = timers,
                                                     .store = *gateway,
                                                     .log = log,
                                                     .metrics = metrics,
                                                     .config = config,
                                                     .care = *care,
                                                     .stopping = process.stopping,
                                                     .tasks = background,
                                                     .program_version = SYNCD_VERSION},
                                      io.get_executor());
  feed_care = std::make_unique<FeedCare>(FeedCare::Parts{.timers = timers,
                                                         .store = *gateway,
                                                         .log = log,
                                                         .metrics = metrics,
                                                         .config = config,
                                                         .stopping = process.stopping},
                                         io.get_executor());
  view = std::make_unique<LiveView>(LiveView::Parts{timers, *gate, *transport, *gateway, *engine, observer,
                                                    *care, *backups, log, process, tokens,
                                                    environment_of(config)});
  make_access();
  make_reads();
  routes = std::make_unique<AdminRoutes>(*view, access.get(), reads.get());
  make_meter();
  routes->set_meter(meter.get());
  scraper = std::make_unique<Scraper>(metrics, timers, *gate, *transport, *gateway, *engine, [this] {
    std::uint64_t open = 0;
    for (const auto& server : admin_servers)
      open += server->connections();
    return open;
  });
  scraper->set_key_set_age([this] { return hook_keys ? hook_keys->age() : std::nullopt; });
  metrics_service =
      std::make_unique<MetricsService>([this] { return scraper->scrape(); },
                                       [this] { return view->healthy(); }, [this] { return view->ready(); });
  for (Listener& listener : admin_listeners) {
    ServerOptions options = admin_options(listener.group());
    admin_servers.push_back(std::make_unique<HttpServer>(
        io.get_executor(), timers, *routes, std::move(listener), std::move(options), on_exception()));
    log.info("listening", "the admin API answers",
             LogFields{}.add("address", std::string_view(admin_servers.back()->name())));
  }
  admin_listeners.clear();
  serve_admin_tcp();
  serve_webhook();
  if (!metrics_listener) return;
  metrics_server =
      std::make_unique<HttpServer>(io.get_executor(), timers, *metrics_service, std::move(*metrics_listener),
                                   listener_options(), on_exception());
  metrics_listener.reset();
  log.info("listening", "metrics are served",
           LogFields{}.add("address", std::string_view(metrics_server->name())));
}

App::App(LoadedConfig loaded, std::string config_path)
    : impl_(std::make_unique<Impl>(std::move(loaded), std::move(config_path))) {
}

App::~App() = default;

int App::run() {
  Impl& impl = *impl_;
  try {
    if (const int code = impl.start(); code != exit_ok) return code;
    const bool waited_in_vain = impl.process.stopping;  // for room on the disk, without a store
    if (!waited_in_vain) {
      impl.root.spawn(impl.live());
      impl.io.run();
    }
    const int code = waited_in_vain ? impl.exit_code : impl.close_store();
    impl.log.info("stopped", "moneykit-syncd stopped", LogFields{}.add("exit_code", code));
    return code;
  } catch (...) {
    impl.die(std::current_exception());
  }
}

}  // namespace syncd::daemon
