#include "tests/bench/rig.hpp"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <stdexcept>
#include <sys/resource.h>

#include <boost/asio/co_spawn.hpp>

#include "sync/api/base_url.hpp"
#include "sync/api/secret.hpp"

namespace syncd::bench {

namespace {

template <class T>
T must(core::Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message);
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

api::Budgets unbounded() {
  constexpr std::uint32_t many = 1'000'000'000;
  return {many, many, many, many, many, many, many, many};
}

api::Task<void> add_all(engine::Engine& engine, const std::vector<std::string>& link_ids, bool& done) {
  for (const std::string& link_id : link_ids) {
    engine::NewLink link{core::LinkId{link_id}, {}, {}};
    const auto added = co_await engine.add_link(std::move(link));
    if (!added) throw std::runtime_error(added.error().message);
  }
  done = true;
}

api::Task<void> stop_all(engine::Engine& engine, engine::StoreGateway& gateway, api::SteadyTime grace_end,
                         bool& done) {
  co_await engine.stop(grace_end);
  co_await gateway.stop();
  done = true;
}

const auto rethrow = [](std::exception_ptr error) {
  if (error) std::rethrow_exception(error);
};

}  // namespace

void CountingObserver::on_cycle(const core::CycleReport& report) {
  ++cycles;
  created += report.created;
  drained += report.drained ? 1 : 0;
  if (!report.error) return;
  ++failures;
  if (first_failure.empty()) first_failure = report.error->message;
}

Rig::Rig(const RigOptions& options) : timers_(io_.get_executor()) {
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
                                               [this](const core::HttpReport&) { ++requests; });
  gateway_ = std::make_unique<engine::StoreGateway>(*store_, io_.get_executor(), timers_,
                                                    [this](const core::CommitReport& report) {
                                                      ++groups;
                                                      commits += report.updates;
                                                    });
  engine::EngineOptions engine_options;
  engine_options.policy = options.policy;
  engine_options.workers = options.connections;
  engine_options.discovery = false;
  engine_ = std::make_unique<engine::Engine>(timers_, *client_, *gate_, *gateway_, observer, engine_options);
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

template <class Done>
void Rig::run(double seconds, Done done) {
  const double end = wall_seconds() + seconds;
  io_.restart();
  while (!done() && wall_seconds() < end)
    io_.run_one_for(std::chrono::milliseconds(50));
}

void Rig::add_links(const std::vector<std::string>& link_ids) {
  bool done = false;
  boost::asio::co_spawn(io_, add_all(*engine_, link_ids, done), rethrow);
  run(600, [&] { return done; });
}

void Rig::run_for(double seconds, std::uint64_t cycles_max) {
  const std::uint64_t before = observer.cycles;
  run(seconds, [&] { return observer.cycles - before >= cycles_max; });
}

void Rig::run_until_drained(std::uint64_t links, double seconds_max) {
  run(seconds_max, [&] { return observer.drained >= links; });
}

void Rig::stop() {
  stopped_ = true;
  bool done = false;
  const auto grace_end = timers_.steady_now() + core::Millis(5'000);
  boost::asio::co_spawn(io_, stop_all(*engine_, *gateway_, grace_end, done), rethrow);
  run(30, [&] { return done; });
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
