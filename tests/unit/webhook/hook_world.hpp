#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "daemon/webhook/receiver.hpp"
#include "tests/unit/engine/engine_world.hpp"
#include "tests/unit/webhook/signer.hpp"

namespace syncd::test {

// The receiver before the engine, in virtual time: its own keys, a scripted upstream and a store in memory.
struct HookWorld : EngineWorld {
  explicit HookWorld(api::Budgets budgets = {}, engine::EngineOptions options = {})
      : EngineWorld(budgets, std::move(options)) {}
  ~HookWorld() {
    io.start(keys.stop());
    stop();
    io.settle();
  }

  void begin() {
    start();
    keys.start();
    io.settle();
  }

  daemon::HttpRequest request(std::string body, std::string signature) const {
    daemon::HttpRequest made;
    made.method = "POST";
    made.target = "/webhook";
    made.body = std::move(body);
    made.signature = std::move(signature);
    return made;
  }
  daemon::HttpRequest signed_request(const std::string& body) {
    return request(body, signer.token(body, now()));
  }

  api::Task<void> run(daemon::HttpRequest asked, std::optional<daemon::HttpResponse>& response) {
    response = co_await receiver.handle(std::move(asked));
  }
  // The answer, which needs no time to pass.
  daemon::HttpResponse ask(daemon::HttpRequest asked) {
    std::optional<daemon::HttpResponse> response;
    io.start(run(std::move(asked), response));
    return response.value_or(daemon::HttpResponse{.status = 0, .body = {}, .allow = {}});
  }
  // No visit begins for so long.
  void let_nobody_drain(core::Millis wait) { gate.freeze(core::Endpoint::sync, now() + wait); }
  int send(const std::string& link_id, const std::string& key) {
    return ask(signed_request(hook_body(link_id, key))).status;
  }
  std::size_t count(daemon::HookOutcome outcome) const {
    const auto found = outcomes.find(outcome);
    return found == outcomes.end() ? 0 : found->second;
  }
  // Of one link's visits.
  std::vector<core::Cause> causes(const std::string& link_id) const {
    std::vector<core::Cause> all;
    for (const core::CycleReport& report : observer.cycles) {
      if (report.link_id.str() == link_id) all.push_back(report.cause);
    }
    return all;
  }

  HookSigner signer;
  std::optional<std::string> key_set = key_set_of(signer);  // nullopt: upstream is down
  std::uint64_t fetches = 0;
  std::map<daemon::HookOutcome, std::size_t> outcomes;
  std::vector<daemon::HookReport> reports;
  daemon::KeyKeeper keys{io.timers,
                         io.io.get_executor(),
                         [this] { return fetch(); },
                         {},
                         [](std::exception_ptr error) { std::rethrow_exception(error); }};
  daemon::WebhookReceiver receiver{
      {.timers = io.timers,
       .keys = keys,
       .hint = [this](core::LinkId link_id,
                      core::Digest key) { return engine->hint(std::move(link_id), key); },
       .report =
           [this](const daemon::HookReport& report) {
             ++outcomes[report.outcome];
             if (reports.size() < 1'000) reports.push_back(report);
           }},
      {.path = "/webhook", .issuer = "https://api.moneykit.com", .per_second_max = 500}};

 private:
  api::Task<core::Result<core::KeySetAnswer>> fetch() {
    ++fetches;
    if (!key_set) co_return core::fail(core::Errc::transport, "upstream cannot be reached");
    co_return core::parse_key_set(*key_set);
  }
};

}  // namespace syncd::test
