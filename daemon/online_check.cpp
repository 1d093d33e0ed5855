#include "daemon/online_check.hpp"

#include <exception>
#include <memory>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <fmt/format.h>

#include "daemon/exit_codes.hpp"
#include "daemon/secret_file.hpp"
#include "daemon/settings.hpp"
#include "sync/api/moneykit_api.hpp"
#include "sync/engine/system_timers.hpp"
#include "sync/engine/task_group.hpp"

namespace syncd::daemon {

namespace {

OnlineCheck judge(const core::Error& error, const std::string& base_url) {
  if (error.code == core::Errc::auth) {
    return {exit_config,
            fmt::format("{} refuses the credentials: {}; check upstream.client_id and the secret", base_url,
                        error.message)};
  }
  return {exit_unavailable, fmt::format("{} cannot be used: {}", base_url, error.message)};
}

// Everything pointed at outlives the task.
struct Question {
  api::MoneykitApi* upstream;
  api::HttpsTransport* transport;
  std::string base_url;
  OnlineCheck* result;
};

// Not every environment knows the introspection call; the list of links needs the same rights.
api::Task<void> ask(Question question) {
  const auto answer = co_await question.upstream->introspect();
  if (answer) {
    question.result->message =
        fmt::format("{} accepts the credentials of app {}", question.base_url, answer->app_id);
  } else if (answer.error().http_status == 404 || answer.error().code == core::Errc::forbidden) {
    std::string first_page;
    const auto links = co_await question.upstream->links(std::move(first_page));
    *question.result =
        links ? OnlineCheck{exit_ok, fmt::format("{} accepts the credentials", question.base_url)}
              : judge(links.error(), question.base_url);
  } else {
    *question.result = judge(answer.error(), question.base_url);
  }
  question.transport->shutdown();
}

}  // namespace

OnlineCheck check_online(const Config& config) {
  auto secret = read_client_secret(config);
  if (!secret) return {exit_config, describe(secret.error())};
  boost::asio::io_context io{1};
  engine::SystemTimers timers{io.get_executor()};
  auto transport = api::HttpsTransport::create(io, transport_options_of(config));
  if (!transport) return {exit_config, "upstream: " + transport.error().message};
  api::RateGate gate{timers, budgets_of(config)};
  api::ApiOptions options;
  options.auth = config.upstream.auth == "token" ? api::AuthMethod::token : api::AuthMethod::headers;
  options.client_id = config.upstream.client_id;
  options.client_secret = std::make_shared<const api::Secret>(std::move(*secret));
  api::MoneykitApi upstream{**transport, gate, timers, std::move(options), [](const core::HttpReport&) {}};
  OnlineCheck result;
  engine::TaskGroup group{io.get_executor(),
                          [](std::exception_ptr error) { std::rethrow_exception(std::move(error)); }};
  Question question{&upstream, transport->get(), config.upstream.base_url, &result};
  group.spawn(ask(std::move(question)));
  io.run();
  return result;
}

}  // namespace syncd::daemon
