#include "daemon/app.hpp"

#include <algorithm>
#include <csignal>
#include <exception>
#include <filesystem>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>

#include "daemon/admin/http_server.hpp"
#include "daemon/admin/routes.hpp"
#include "daemon/exit_codes.hpp"
#include "daemon/live_view.hpp"
#include "daemon/log.hpp"
#include "daemon/log_salt.hpp"
#include "daemon/memory.hpp"
#include "daemon/metrics_service.hpp"
#include "daemon/notify.hpp"
#include "daemon/observer.hpp"
#include "daemon/scrape.hpp"
#include "daemon/secret_file.hpp"
#include "daemon/settings.hpp"
#include "daemon/startup_server.hpp"
#include "daemon/store_care.hpp"
#include "sync/engine/system_timers.hpp"
#include "sync/engine/task_group.hpp"

namespace syncd::daemon {

namespace {

namespace asio = boost::asio;

constexpr asio::as_tuple_t<asio::use_awaitable_t<api::IoExecutor>> nothrow{};
constexpr std::string_view budget_note = "budget";      // what the clean stop before left of the minute
constexpr std::string_view watchdog_note = "watchdog";  // written to see whether writing works
constexpr core::Millis status_every{10'000};
constexpr core::Millis look_for_room_every{1'000};  // on a full disk, before the store is opened
constexpr core::Millis heartbeat_period{1'100};     // the scheduler moves at least once in it

bool wants_prefix(const Config& config) {
  if (config.log.journal_prefix == "auto") return stderr_is_journal();
  return config.log.journal_prefix == "always";
}

LogOptions log_options_of(const Config& config) {
  return {.level = parse_log_level(config.log.level), .journal_prefix = wants_prefix(config)};
}

LogFields error_fields(const core::Error& error) {
  return LogFields{}.add("error", std::string_view(error.message));
}

std::string joined(const std::vector<std::string>& texts) {
  std::string all;
  for (const std::string& text : texts) {
    all += (all.empty() ? "" : " ") + text;
  }
  return all;
}

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

void harden_process() {
  prctl(PR_SET_DUMPABLE, 0);
  const rlimit none{0, 0};
  setrlimit(RLIMIT_CORE, &none);
  std::signal(SIGPIPE, SIG_IGN);
}

// Members are in the order of construction: each part may refer to those above it and is destroyed before
// them.
struct App::Impl {
  Impl(LoadedConfig loaded, std::string config_path)
      : config(std::move(loaded.config)),
        path(std::move(config_path)),
        log(log_options_of(config), stderr_sink(), [this] { return timers.wall_now(); }) {
    log.links().set_plain(config.log.link_ids == "plain");
    process.started_at = timers.wall_now();
    process.config_loaded_at = process.started_at;
    metrics.record_config_load(true, process.started_at);
  }

  // ---- start, in this order; each step logs why it failed and gives the exit code ----
  int start();
  int open_listeners();
  std::unique_ptr<StartupServer> answer_while_starting();
  void wait_for_room(StartupServer& meanwhile);
  std::optional<std::string> missing_room() const;
  api::Task<void> watch_room(StartupServer& meanwhile, engine::TaskGroup& waiting);
  ServerOptions admin_options(gid_t socket_group);
  int connect_upstream();
  int open_store();
  int restore_budgets();
  int keep_open_windows();
  int register_links();
  void start_serving();

  // ---- while it runs ----
  api::Task<void> live();
  api::Task<void> watch_signals();
  api::Task<void> show_status();
  api::Task<void> ping_watchdog(core::Millis interval);
  void reload();
  void take_new_values(const Config& wanted, const ConfigChanges& changes);
  std::string status_line() const;
  void request_stop(int code);
  void store_turned_unhealthy(const std::string& message);

  // ---- stop, in this order ----
  api::Task<void> stop();
  int close_store();

  [[noreturn]] void die(std::exception_ptr error);
  int fail(int code, EventName event, std::string_view message) {
    log.error(event, message);
    notifier.status(message);
    return code;
  }
  std::function<void(std::exception_ptr)> on_exception() {
    return [this](std::exception_ptr error) { die(std::move(error)); };
  }

  Config config;
  const std::string path;
  asio::io_context io{1};
  engine::SystemTimers timers{io.get_executor()};
  Log log;
  Notifier notifier;
  ProcessState process;
  metrics::Metrics metrics{{.version = SYNCD_VERSION, .started_at = timers.wall_now()}};
  Observer observer{log, metrics, timers, config.schedule.discovery == "register"};
  std::vector<Listener> admin_listeners;
  std::optional<Listener> metrics_listener;
  std::unique_ptr<store::Store> store;
  std::unique_ptr<engine::StoreGateway> gateway;
  std::unique_ptr<api::RateGate> gate;
  std::unique_ptr<api::HttpsTransport> transport;
  std::unique_ptr<api::MoneykitApi> upstream;
  std::unique_ptr<engine::Engine> engine;
  std::unique_ptr<StoreCare> care;
  std::unique_ptr<LiveView> view;
  std::unique_ptr<AdminRoutes> routes;
  std::unique_ptr<Scraper> scraper;
  std::unique_ptr<MetricsService> metrics_service;
  std::vector<std::unique_ptr<HttpServer>> admin_servers;
  std::unique_ptr<HttpServer> metrics_server;
  asio::basic_signal_set<api::IoExecutor> signals{io.get_executor(), SIGTERM, SIGINT, SIGHUP};
  engine::TaskGroup background{io.get_executor(), on_exception()};  // ends last, by cancellation
  engine::TaskGroup root{io.get_executor(), on_exception()};
  api::Waiters stop_wanted{io.get_executor()};
  int exit_code = exit_ok;
};

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
  for (const Step step :
       {&Impl::open_store, &Impl::connect_upstream, &Impl::restore_budgets, &Impl::register_links}) {
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
  if (!config.metrics.listen.empty()) {
    auto listener = listen_tcp(*parse_listen_address(config.metrics.listen));
    if (!listener)
      return fail(exit_unavailable, "listen_failed", "metrics.listen: " + listener.error().message);
    metrics_listener = std::move(*listener);
  }
  for (const Listener& listener : admin_listeners) {
    if (!listener.warning().empty()) log.warn("socket_group", listener.warning());
  }
  return exit_ok;
}

// The rules of the admin socket: who may ask, and that a refusal is seen.
ServerOptions App::Impl::admin_options(gid_t socket_group) {
  ServerOptions options = listener_options();
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
    options.admits = [own_user = geteuid(), group = listener.group()](const Peer& peer) {
      return may_use(peer, own_user, group);
    };
    places.push_back({.listener = &listener, .options = std::move(options)});
  }
  if (metrics_listener) places.push_back({.listener = &*metrics_listener, .options = listener_options()});
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
  const bool first_start = is_unused(config.store.path);
  auto opened = store::Store::open(options);
  if (!opened) return fail(exit_io, "store_open_failed", opened.error().message);
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
  log.links().set_salt(std::move(*salt));
  gateway = std::make_unique<engine::StoreGateway>(
      *store, io.get_executor(), timers,
      [this](const core::CommitReport& report) { metrics.record(report); });
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
                                         [this](const core::HttpReport& report) { metrics.record(report); });
  engine = std::make_unique<engine::Engine>(timers, *upstream, *gate, *gateway, observer,
                                            engine_options_of(config));
  return exit_ok;
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
  log.info("unclean_stop", "the last run did not end cleanly; the first minute is spent carefully");
  gate->assume_crash(static_cast<std::uint32_t>(config.daemon.workers) + engine::verifies_in_flight_max);
  return exit_ok;
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
  release_free_memory();  // what opening and the scan used is not needed again
  log.info("links_loaded", "the links are in the schedule", LogFields{}.add("links", links));
  return exit_ok;
}

void App::Impl::start_serving() {
  care = std::make_unique<StoreCare>(StoreCare::Parts{.timers = timers,
                                                      .store = *gateway,
                                                      .log = log,
                                                      .metrics = metrics,
                                                      .config = config,
                                                      .stopping = process.stopping,
                                                      .on_space = [this](bool low) { engine->hold(low); }});
  view = std::make_unique<LiveView>(LiveView::Parts{timers, *gate, *transport, *gateway, *engine, observer,
                                                    *care, log, process, environment_of(config)});
  routes = std::make_unique<AdminRoutes>(*view);
  scraper = std::make_unique<Scraper>(metrics, timers, *gate, *transport, *gateway, *engine);
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
  if (!metrics_listener) return;
  metrics_server =
      std::make_unique<HttpServer>(io.get_executor(), timers, *metrics_service, std::move(*metrics_listener),
                                   listener_options(), on_exception());
  metrics_listener.reset();
  log.info("listening", "metrics are served",
           LogFields{}.add("address", std::string_view(metrics_server->name())));
}

// ---- while it runs ---------------------------------------------------------------------------------------

api::Task<void> App::Impl::live() {
  background.spawn(watch_signals());
  for (const auto& server : admin_servers) {
    server->start();
  }
  if (metrics_server) metrics_server->start();
  background.spawn(care->watch_space());  // before the first link is visited
  engine->start(io.get_executor());
  process.started = true;
  notifier.ready(status_line());
  log.info("ready", "moneykit-syncd is ready", LogFields{}.add("links", engine->status().links));
  background.spawn(show_status());
  background.spawn(care->scrub());
  if (const auto interval = Notifier::watchdog_interval()) background.spawn(ping_watchdog(*interval));
  while (!process.stopping) {
    co_await stop_wanted.wait();
  }
  co_await stop();
}

api::Task<void> App::Impl::watch_signals() {
  while (true) {
    const auto [ec, number] = co_await signals.async_wait(nothrow);
    if (ec) co_return;
    if (number == SIGHUP) {
      if (!process.stopping) reload();
      continue;
    }
    if (process.stopping) {
      log.warn("stopped_at_once", "a second signal: the process ends at once; what is committed stays");
      _exit(exit_failure);
    }
    log.info("signal", "asked to stop", LogFields{}.add("signal", number));
    request_stop(exit_ok);
  }
}

std::string App::Impl::status_line() const {
  const engine::EngineStatus status = engine->status();
  if (!gateway->healthy()) return "the store failed; fetching stopped";
  if (status.on_hold) return "the disk of the store is nearly full; nothing is fetched";
  if (status.auth_refused) return "upstream refuses our credentials; nothing is fetched";
  return fmt::format("{} links, {} due, {} being synced, {} need their owner", status.links, status.due,
                     status.in_flight,
                     status.links_by_status[static_cast<std::size_t>(core::LinkStatus::relink)]);
}

api::Task<void> App::Impl::show_status() {
  while (!process.stopping) {
    const api::SteadyTime next = timers.steady_now() + status_every;
    co_await timers.sleep_until(next);
    if (!process.stopping) notifier.status(status_line());
  }
}

// Pings only while the scheduler moves and the store takes a durable write: a disk that hangs shows here and
// nowhere else. A stop has its own time limit in the unit.
api::Task<void> App::Impl::ping_watchdog(core::Millis interval) {
  WatchdogJudge judge;
  while (!process.stopping) {
    auto probe = [](store::Store& open) { return open.put_note(watchdog_note, {}); };
    const auto written = co_await gateway->run(std::move(probe));
    const WatchdogJudge::Verdict verdict = judge.look(engine->heartbeat(), written.has_value());
    if (verdict.alive) {
      notifier.watchdog();
    } else {
      log.error("stalled", "no work is done; systemd will restart the service",
                LogFields{}.add("heartbeat_moved", verdict.moved).add("store_writes", written.has_value()));
    }
    const api::SteadyTime next = timers.steady_now() + std::max(interval / 3, heartbeat_period);
    co_await timers.sleep_until(next);
  }
}

void App::Impl::reload() {
  notifier.reloading();
  const auto loaded = load_config(path, process_environment());
  const core::WallTime now = timers.wall_now();
  metrics.record_config_load(loaded.has_value(), now);
  process.config_reload_ok = loaded.has_value();
  if (loaded) {
    process.config_loaded_at = now;
    take_new_values(loaded->config, compare_configs(config, loaded->config));
  } else {
    for (const ConfigProblem& problem : loaded.error()) {
      log.error("config_problem", describe(problem));
    }
    log.error("reload_failed", "the new configuration is not acceptable; the old one stays in effect",
              LogFields{}.add("problems", loaded.error().size()));
  }
  notifier.ready(engine ? status_line() : "waiting for room on the disk of the store");
}

void App::Impl::take_new_values(const Config& wanted, const ConfigChanges& changes) {
  config = merge_reloadable(config, wanted);
  if (engine) engine->set_policy(policy_of(config));
  if (gate) gate->set_budgets(budgets_of(config));
  log.set_level(parse_log_level(config.log.level));
  log.links().set_plain(config.log.link_ids == "plain");
  log.info("reloaded", "the configuration was read again",
           LogFields{}.add("changed", std::string_view(joined(changes.applied))));
  if (changes.need_restart.empty()) return;
  log.warn("restart_needed", "some changed keys take effect at the next restart",
           LogFields{}.add("keys", std::string_view(joined(changes.need_restart))));
}

void App::Impl::store_turned_unhealthy(const std::string& message) {
  log.error("store_failed", "the store failed; fetching stops and the process ends: check the disk",
            LogFields{}.add("error", std::string_view(message)));
  notifier.status("the store failed; fetching stopped");
  request_stop(exit_io);
}

void App::Impl::request_stop(int code) {
  if (exit_code == exit_ok) exit_code = code;
  if (process.stopping) return;
  process.stopping = true;
  stop_wanted.notify_all();
}

// ---- stop ------------------------------------------------------------------------------------------------

api::Task<void> App::Impl::stop() {
  notifier.stopping();
  log.info("stopping", "moneykit-syncd stops");
  const api::SteadyTime grace_end = timers.steady_now() + config.daemon.stop_grace;
  // The engine first, which then takes no new link; the others do not wait for whoever reads an answer
  // slowly.
  engine::TaskGroup stops{io.get_executor(), on_exception()};
  stops.spawn(engine->stop(grace_end));
  for (const auto& server : admin_servers) {
    stops.spawn(server->stop());
  }
  co_await stops.join();
  const std::string snapshot = gate->snapshot();
  if (gateway->healthy() && !snapshot.empty()) {
    auto work = [&](store::Store& open) { return open.put_note(budget_note, snapshot); };
    const auto noted = co_await gateway->run(std::move(work));
    if (!noted)
      log.warn("budget_note_failed", "the next start begins carefully", error_fields(noted.error()));
  }
  transport->shutdown();
  if (metrics_server) {
    co_await metrics_server->stop();
  }
  background.cancel();
  co_await background.join();
  co_await gateway->stop();
}

int App::Impl::close_store() {
  gateway.reset();
  const bool was_healthy = store->healthy();
  const auto closed = store->close();
  if (closed || !was_healthy) return exit_code;
  log.error("store_close_failed", "the store could not be closed", error_fields(closed.error()));
  return exit_io;
}

void App::Impl::die(std::exception_ptr error) {
  std::string what;
  try {
    std::rethrow_exception(std::move(error));
  } catch (const std::exception& exception) {
    what = exception.what();
  } catch (...) {
    what = "something that is no std::exception";
  }
  log.error("defect", "an exception reached the top; the process ends, what is committed stays",
            LogFields{}.add("error", std::string_view(what)));
  _exit(exit_failure);
}

App::App(LoadedConfig loaded, std::string config_path)
    : impl_(std::make_unique<Impl>(std::move(loaded), std::move(config_path))) {
}

App::~App() = default;

int App::run() {
  Impl& impl = *impl_;
  try {
    if (const int code = impl.start(); code != exit_ok) return code;
    if (impl.process.stopping) return impl.exit_code;  // while it waited for room on the disk
    impl.root.spawn(impl.live());
    impl.io.run();
    const int code = impl.close_store();
    impl.log.info("stopped", "moneykit-syncd stopped", LogFields{}.add("exit_code", code));
    return code;
  } catch (...) {
    impl.die(std::current_exception());
  }
}

}  // namespace syncd::daemon
