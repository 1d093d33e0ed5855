#pragma once

#include <csignal>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>

#include "daemon/admin/http_server.hpp"
#include "daemon/admin/routes.hpp"
#include "daemon/admin/token_book.hpp"
#include "daemon/app.hpp"
#include "daemon/backups.hpp"
#include "daemon/budget_watch.hpp"
#include "daemon/exit_codes.hpp"
#include "daemon/feed_care.hpp"
#include "daemon/live_view.hpp"
#include "daemon/log.hpp"
#include "daemon/metrics_options.hpp"
#include "daemon/metrics_service.hpp"
#include "daemon/notes.hpp"
#include "daemon/notify.hpp"
#include "daemon/observer.hpp"
#include "daemon/scrape.hpp"
#include "daemon/startup_server.hpp"
#include "daemon/store_care.hpp"
#include "daemon/visit_recorder.hpp"
#include "daemon/webhook/key_note.hpp"
#include "daemon/webhook/receiver.hpp"
#include "sync/engine/system_timers.hpp"
#include "sync/engine/task_group.hpp"

// The parts of the daemon. app.cpp has its start, app_admin_tcp.cpp what concerns the admin API
// over TCP, app_live.cpp what it does while it runs and its stop.
namespace syncd::daemon {

LogOptions log_options_of(const Config& config);

// Members are in the order of construction: each part may refer to those above it and is destroyed before
// them.
struct App::Impl {
  Impl(LoadedConfig loaded, std::string config_path);

  // ---- start, in this order; each step logs why it failed and gives the exit code ----
  int start();
  int open_listeners();
  int open_admin_tcp();
  core::Result<void> listen_on_admin_tcp();
  bool load_certificate();
  std::unique_ptr<StartupServer> answer_while_starting();
  void wait_for_room(StartupServer& meanwhile);
  std::optional<std::string> missing_room() const;
  api::Task<void> watch_room(StartupServer& meanwhile, engine::TaskGroup& waiting);
  ServerOptions admin_options(gid_t socket_group);
  int connect_upstream();
  int open_store();
  int load_tokens();
  void note_request(const core::HttpReport& report);
  int restore_budgets();
  core::Result<std::uint32_t> requests_unaccounted_for();
  int keep_open_windows();
  int register_links();
  void start_serving();
  AccessOptions access_options(const ListenAddress& bound);
  void make_meter();
  void make_access();
  void make_reads();
  api::Task<core::Result<void>> record_reads(std::vector<store::LinkAct> acts);
  ServerOptions admin_tcp_options() const;
  void serve_admin_tcp();
  // ---- app_webhook.cpp ----
  int open_webhook();
  int restore_keys();
  void use_kept_keys();
  void serve_webhook();
  api::Task<void> keep_keys(std::vector<core::PublicKey> keys);
  ServerOptions webhook_options() const;
  ReceiverRules receiver_rules() const;
  void take_webhook_values();
  void on_hook(const core::HookReport& report);
  void on_key_set(const core::Result<std::size_t>& fetched);
  api::Task<void> stop_webhook();
  int restore_hints();

  // ---- while it runs ----
  api::Task<void> live();
  api::Task<void> watch_signals();
  api::Task<void> show_status();
  api::Task<void> watch_loop();
  api::Task<void> ping_watchdog(core::Millis interval);
  void reload();
  void take_new_secret(std::shared_ptr<const api::Secret> secret);
  void renew_admin_tcp();
  void renew_admin_hosts();
  std::vector<std::string> admin_hosts(const ListenAddress& bound) const;
  void take_new_values(const Config& wanted, const ConfigChanges& changes);
  std::string status_line() const;
  void request_stop(int code);
  void store_turned_unhealthy(const std::string& message);

  // ---- stop, in this order ----
  api::Task<void> stop();
  int close_store();

  [[noreturn]] void die(std::exception_ptr error);
  int fail(int code, EventName event, std::string_view message);
  std::function<void(std::exception_ptr)> on_exception() {
    return [this](std::exception_ptr error) { die(std::move(error)); };
  }

  Config config;
  const std::string path;
  boost::asio::io_context io{1};
  engine::SystemTimers timers{io.get_executor()};
  Log log;
  BudgetWatch budget_watch{log};
  Notifier notifier;
  ProcessState process;
  metrics::Metrics metrics{metrics_options(timers.wall_now())};
  Observer observer{log, metrics, timers, config.schedule.discovery == "register"};
  std::vector<Listener> admin_listeners;
  std::optional<Listener> admin_tcp_listener;
  std::shared_ptr<const ServerTls> admin_tls;  // null: plain
  std::optional<Listener> metrics_listener;
  std::optional<Listener> webhook_listener;
  TokenBook tokens;
  std::unique_ptr<store::Store> store;
  std::unique_ptr<engine::StoreGateway> gateway;
  std::unique_ptr<VisitRecorder> recorder;
  std::unique_ptr<api::RateGate> gate;
  std::unique_ptr<api::HttpsTransport> transport;
  std::unique_ptr<api::MoneykitApi> upstream;
  std::unique_ptr<engine::Engine> engine;
  std::unique_ptr<StoreCare> care;
  std::unique_ptr<Backups> backups;
  std::unique_ptr<FeedCare> feed_care;
  std::unique_ptr<LiveView> view;
  std::unique_ptr<Access> access;  // null: no TCP
  std::unique_ptr<DataReads> reads;
  std::unique_ptr<RequestMeter> meter;
  std::unique_ptr<AdminRoutes> routes;
  std::unique_ptr<Scraper> scraper;
  std::unique_ptr<MetricsService> metrics_service;
  std::vector<std::unique_ptr<HttpServer>> admin_servers;
  HttpServer* admin_tcp_server = nullptr;  // one of them
  std::unique_ptr<HttpServer> metrics_server;
  std::optional<KeptKeys> kept_keys;     // of the last run
  std::unique_ptr<KeyKeeper> hook_keys;  // null: no webhooks are received
  std::unique_ptr<WebhookReceiver> receiver;
  std::unique_ptr<HttpServer> webhook_server;
  boost::asio::basic_signal_set<api::IoExecutor> signals{io.get_executor(), SIGTERM, SIGINT, SIGHUP};
  engine::TaskGroup background{io.get_executor(), on_exception()};  // ends last, by cancellation
  engine::TaskGroup root{io.get_executor(), on_exception()};
  api::Waiters stop_wanted{io.get_executor()};
  int exit_code = exit_ok;
};

}  // namespace syncd::daemon
