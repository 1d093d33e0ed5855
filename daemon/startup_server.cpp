#include "daemon/startup_server.hpp"

#include <exception>
#include <thread>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include "daemon/admin/answers.hpp"
#include "metrics/exposition.hpp"
#include "sync/engine/system_timers.hpp"
#include "sync/engine/task_group.hpp"

namespace syncd::daemon {

namespace {

constexpr core::Millis start_takes{2'000};  // usually

class StartupService final : public HttpService {
 public:
  // `exposition` empty: no metrics are shown.
  explicit StartupService(std::function<std::string()> exposition) : exposition_(std::move(exposition)) {}

  api::Task<HttpResponse> handle(HttpRequest request) override {
    if (request.target == "/metrics" && exposition_ && !trouble_.empty()) {
      co_return HttpResponse{.status = 200,
                             .content_type = std::string(metrics::exposition_content_type),
                             .body = exposition_(),
                             .allow = {}};
    }
    if (request.target == "/-/healthy" || request.target == "/-/ready") {
      co_return HttpResponse{.status = 503,
                             .content_type = "text/plain; charset=utf-8",
                             .body = trouble_.empty() ? "moneykit-syncd is starting.\n" : trouble_ + ".\n",
                             .allow = {}};
    }
    if (!trouble_.empty()) co_return try_later(503, "waiting", trouble_, look_again_after);
    co_return try_later(503, "starting", "the daemon is starting and still opens its store; try again soon",
                        start_takes);
  }

  void set_trouble(std::string trouble) { trouble_ = std::move(trouble); }

 private:
  std::function<std::string()> exposition_;
  std::string trouble_;
};

void rethrow(std::exception_ptr error) {
  std::rethrow_exception(std::move(error));
}

}  // namespace

struct StartupServer::Impl {
  explicit Impl(std::function<std::string()> exposition) : service(std::move(exposition)) {}

  boost::asio::io_context io{1};
  engine::SystemTimers timers{io.get_executor()};
  StartupService service;
  StartupService reticent{{}};
  std::vector<std::unique_ptr<HttpServer>> servers;
  engine::TaskGroup group{io.get_executor(), rethrow};
  std::thread thread;

  api::Task<void> stop() {
    for (const auto& server : servers) {
      co_await server->stop();
    }
  }
};

StartupServer::StartupServer(std::vector<Place> places, std::function<std::string()> exposition)
    : impl_(std::make_unique<Impl>(std::move(exposition))) {
  Impl& impl = *impl_;
  for (Place& place : places) {
    // Without a descriptor to spare nobody is told; the start itself goes on.
    auto listener = place.listener->duplicate();
    if (!listener) continue;
    StartupService& service = place.shows_metrics ? impl.service : impl.reticent;
    impl.servers.push_back(std::make_unique<HttpServer>(impl.io.get_executor(), impl.timers, service,
                                                        std::move(*listener), std::move(place.options),
                                                        rethrow));
    impl.servers.back()->start();
  }
  impl.thread = std::thread([&impl] { impl.io.run(); });
}

// NOLINTNEXTLINE(bugprone-exception-escape): only a lack of memory throws here, and ends the process
StartupServer::~StartupServer() {
  Impl& impl = *impl_;
  boost::asio::post(impl.io, [&impl] { impl.group.spawn(impl.stop()); });
  impl.thread.join();
}

void StartupServer::set_trouble(std::string trouble) {
  Impl& impl = *impl_;
  boost::asio::post(impl.io, [&impl, trouble = std::move(trouble)] {
    impl.service.set_trouble(trouble);
    impl.reticent.set_trouble(trouble);
  });
}

}  // namespace syncd::daemon
