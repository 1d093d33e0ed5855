#include <algorithm>
#include <csignal>
#include <exception>
#include <unistd.h>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>

#include "daemon/app_impl.hpp"
#include "daemon/config_check.hpp"
#include "daemon/secret_file.hpp"
#include "daemon/settings.hpp"

// What the daemon does while it runs, and how it stops.
namespace syncd::daemon {

namespace {

namespace asio = boost::asio;

constexpr asio::as_tuple_t<asio::use_awaitable_t<api::IoExecutor>> nothrow{};
constexpr std::string_view watchdog_note = "watchdog";  // written to see whether writing works
constexpr core::Millis status_every{10'000};
constexpr core::Millis loop_look_every{1'000};
constexpr core::Millis heartbeat_period{1'100};  // the scheduler moves at least once in it

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

}  // namespace

// ---- while it runs ---------------------------------------------------------------------------------------

api::Task<void> App::Impl::live() {
  background.spawn(watch_signals());
  for (const auto& server : admin_servers) {
    server->start();
  }
  if (metrics_server) metrics_server->start();
  background.spawn(reads->keep_trace());
  background.spawn(recorder->run());
  background.spawn(care->watch_space());  // before the first link is visited
  engine->start(io.get_executor());
  if (hook_keys) hook_keys->start();
  if (webhook_server) webhook_server->start();
  process.started = true;
  notifier.ready(status_line());
  log.info("ready", "moneykit-syncd is ready", LogFields{}.add("links", engine->status().links));
  background.spawn(show_status());
  background.spawn(watch_loop());
  background.spawn(care->scrub());
  background.spawn(backups->look_at_start());
  background.spawn(feed_care->run());
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
    if (process.stopping) co_return;
    notifier.status(status_line());
    budget_watch.look(gate->use());
  }
}

api::Task<void> App::Impl::watch_loop() {
  while (!process.stopping) {
    const api::SteadyTime due = timers.steady_now() + loop_look_every;
    co_await timers.sleep_until(due);
    if (!process.stopping) metrics.record_loop_lag(timers.steady_now() - due);
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

// All or nothing: the secret that is taken belongs to what is judged.
void App::Impl::reload() {
  notifier.reloading();
  const auto loaded = load_checked_config(path, process_environment(), MachineCheck::needed);
  std::vector<ConfigProblem> problems = loaded ? std::vector<ConfigProblem>() : loaded.error();
  std::shared_ptr<const api::Secret> secret;
  if (loaded) {
    auto read = read_client_secret(loaded->config);
    if (read) secret = std::make_shared<const api::Secret>(std::move(*read));
    if (!read) problems.push_back(read.error());
  }
  const core::WallTime now = timers.wall_now();
  const bool good = problems.empty();
  metrics.record_config_reload(good, now);
  process.config.reloaded_at = now;
  process.config.problems = problems.size();
  if (good) {
    process.config.loaded_at = now;
    take_new_values(loaded->config, compare_configs(config, loaded->config));
    take_new_secret(std::move(secret));
    renew_admin_tcp();
  } else {
    for (const ConfigProblem& problem : problems) {
      log.error("config_problem", describe(problem));
    }
    log.error("reload_failed", "the new configuration is not acceptable; the old one stays in effect",
              LogFields{}.add("problems", problems.size()));
  }
  notifier.ready(engine ? status_line() : "waiting for room on the disk of the store");
}

void App::Impl::take_new_values(const Config& wanted, const ConfigChanges& changes) {
  config = merge_reloadable(config, wanted);
  if (engine) engine->set_policy(policy_of(config));
  if (engine) engine->set_session_settings(session_settings_of(config));
  if (engine) engine->set_retention(config.retention.gone_links);
  if (engine) engine->set_refresh(refresh_policy_of(config));
  if (feed_care) feed_care->take_settings();
  if (engine) {
    const engine::EngineOptions options = engine_options_of(config);
    engine->set_limits(options.workers, options.links_max);
    engine->set_discovery({.compares = options.discovery,
                           .registers = options.discovery_registers,
                           .interval = options.discovery_interval});
  }
  observer.set_registers(config.schedule.discovery == "register");
  renew_admin_hosts();
  take_webhook_values();
  if (gate) gate->set_budgets(budgets_of(config));
  if (reads) reads->set(read_rates_of(config), config.admin.read_trace_window);
  log.set_options(log_options_of(config));
  log.links().set_plain(config.log.link_ids == "plain");
  log.info("reloaded", "the configuration was read again",
           LogFields{}.add("changed", std::string_view(joined(changes.applied))));
  process.config.pending_restart = changes.need_restart;
  if (changes.need_restart.empty()) return;
  log.warn("restart_needed", "some changed keys take effect at the next restart",
           LogFields{}.add("keys", std::string_view(joined(changes.need_restart))));
}

void App::Impl::take_new_secret(std::shared_ptr<const api::Secret> secret) {
  if (!upstream) return;  // it is read when the daemon gets so far
  if (!upstream->set_client_secret(std::move(secret))) return;
  log.info("secret_changed", "the client secret was read again and is used from now on");
  engine->take_new_credentials();
}

void App::Impl::store_turned_unhealthy(const std::string& message) {
  log.error(
      "store_failed",
      "the store failed; fetching stops and the process ends: check the disk, and restore a backup where the "
      "error says Corruption",
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
  if (webhook_server) stops.spawn(stop_webhook());
  co_await stops.join();
  co_await reads->finish();  // nobody asks any more
  co_await recorder->finish();
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
  const auto closed = store->close();
  if (exit_code == exit_io) return exit_code;  // and why has been told
  // The database's own threads may have failed when nobody was left to stop the process for it.
  if (closed && store->healthy()) return exit_code;
  log.error("store_close_failed", "the store could not be closed",
            closed ? LogFields{}.add("error", "it failed while the process stopped")
                   : error_fields(closed.error()));
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

}  // namespace syncd::daemon
