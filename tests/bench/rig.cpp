#include "tests/bench/rig.hpp"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fcntl.h>
#include <stdexcept>
#include <sys/resource.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>

#include "sync/api/base_url.hpp"
#include "sync/api/secret.hpp"

namespace syncd::bench {

namespace {

const engine::Requester nobody{.actor = "uid:0"};

template <class T>
T must(core::Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message);
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

api::Budgets unbounded() {
  constexpr std::uint32_t many = 1'000'000'000;
  return {many, many, many, many, many, many, many, many};
}

api::Task<void> add_all(engine::Engine& engine, const std::vector<std::string>& link_ids,
                        boost::asio::io_context& io) {
  for (const std::string& link_id : link_ids) {
    engine::NewLink link{core::LinkId{link_id}, {}, {}};
    const auto added = co_await engine.add_link(std::move(link), nobody);
    if (!added) throw std::runtime_error(added.error().message);
  }
  io.stop();
}

api::Task<void> stop_all(engine::Engine& engine, engine::StoreGateway& gateway, api::SteadyTime grace_end,
                         boost::asio::io_context& io) {
  co_await engine.stop(grace_end);
  co_await gateway.stop();
  io.stop();
}

const auto rethrow = [](std::exception_ptr error) {
  if (error) std::rethrow_exception(error);
};

}  // namespace

void CountingObserver::on_cycle(const core::CycleReport& report) {
  next_.on_cycle(report);
  ++counts.cycles;
  counts.created += report.created;
  counts.drained += report.drained ? 1 : 0;
  if (report.error) {
    ++counts.failures;
    if (first_failure.empty()) first_failure = report.error->message;
  }
  if (reached_ && reached_(counts)) tell_();
}

void CountingObserver::on_auth_incident(bool refused, const core::Error& error) {
  next_.on_auth_incident(refused, error);
  counts.failures += refused ? 1 : 0;
  if (first_failure.empty()) first_failure = error.message;
}

void CountingObserver::on_store_failed(const core::Error& error) {
  next_.on_store_failed(error);
  ++counts.failures;
  if (first_failure.empty()) first_failure = error.message;
}

void CountingObserver::watch(std::function<bool(const Counts&)> reached, std::function<void()> tell) {
  reached_ = std::move(reached);
  tell_ = std::move(tell);
}

SilentStderr::SilentStderr() : kept_(dup(STDERR_FILENO)) {
  const int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
  if (kept_ < 0 || nowhere < 0) throw std::runtime_error("cannot open /dev/null");
  dup2(nowhere, STDERR_FILENO);
  close(nowhere);
}

SilentStderr::~SilentStderr() {
  dup2(kept_, STDERR_FILENO);
  close(kept_);
}

Rig::Rig(const RigOptions& options)
    : timers_(io_.get_executor()),
      log_({}, daemon::stderr_sink(), [this] { return timers_.wall_now(); }),
      metrics_({.version = "bench", .started_at = timers_.wall_now()}),
      daemon_observer_(log_, metrics_, timers_, false),
      observer_(daemon_observer_) {
  log_.links().set_salt("bench");
  store::StoreOptions store_options;
  store_options.path = options.store_path;
  store_options.environment = "sandbox";
  store_options.upstream = "bench";
  store_ = must(store::Store::open(store_options));
  api::TransportOptions transport_options;
  transport_options.url = must(api::parse_base_url(options.base_url));
  transport_options.ca_file = options.ca_file;
  transport_options.allow_private_addresses = true;
  transport_options.connections_max = options.connections;
  transport_ = must(api::HttpsTransport::create(io_, transport_options));
  gate_ = std::make_unique<api::RateGate>(timers_, unbounded());
  api::ApiOptions api_options;
  api_options.client_id = "sandbox_bench";
  api_options.client_secret = std::make_shared<const api::Secret>("bench");
  client_ = std::make_unique<api::MoneykitApi>(*transport_, *gate_, timers_, std::move(api_options),
                                               [this](const core::HttpReport& report) {
                                                 metrics_.record(report);
                                                 ++requests;
                                               });
  gateway_ = std::make_unique<engine::StoreGateway>(*store_, io_.get_executor(), timers_,
                                                    [this](const core::CommitReport& report) {
                                                      metrics_.record(report);
                                                      ++groups;
                                                      commits += report.updates;
                                                    });
  engine::EngineOptions engine_options;
  engine_options.policy = options.policy;
  engine_options.workers = options.workers;
  engine_options.discovery = false;
  engine_ = std::make_unique<engine::Engine>(timers_, *client_, *gate_, *gateway_, observer_, engine_options);
  must(store_->for_each_link([&](const store::LinkSummary& summary) {
    store::LinkSummary stored = summary;
    if (options.all_due) stored.next_due_at = core::WallTime{};
    engine_->register_stored(stored);
  }));
  engine_->start(io_.get_executor());
}

Rig::~Rig() {
  if (!stopped_) stop();
}

void Rig::run(double seconds_max) {
  io_.restart();
  io_.run_for(std::chrono::microseconds(static_cast<std::int64_t>(seconds_max * 1e6)));
}

void Rig::add_links(const std::vector<std::string>& link_ids) {
  boost::asio::co_spawn(io_, add_all(*engine_, link_ids, io_), rethrow);
  run(600);
}

void Rig::run_for(double seconds) {
  observer_.watch({}, {});
  run(seconds);
}

bool Rig::run_until_drained(std::uint64_t links, double seconds_max) {
  observer_.watch([links](const Counts& counts) { return counts.drained >= links; }, [this] { io_.stop(); });
  if (counts().drained < links) run(seconds_max);
  return counts().drained >= links;
}

void Rig::stop() {
  stopped_ = true;
  observer_.watch({}, {});
  const auto grace_end = timers_.steady_now() + core::Millis(5'000);
  boost::asio::co_spawn(io_, stop_all(*engine_, *gateway_, grace_end, io_), rethrow);
  run(30);
  transport_->shutdown();
  io_.restart();
  io_.run_for(std::chrono::seconds(2));
  engine_.reset();
  gateway_.reset();
  must(store_->close());
}

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double wall_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace syncd::bench
