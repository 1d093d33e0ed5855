#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "daemon/admin/http.hpp"
#include "daemon/webhook/hook.hpp"
#include "daemon/webhook/jws.hpp"
#include "daemon/webhook/key_keeper.hpp"
#include "sync/api/task.hpp"
#include "sync/api/timers.hpp"
#include "sync/core/hint.hpp"
#include "sync/core/hook_report.hpp"

namespace syncd::daemon {

using core::HookOutcome;
using core::HookReport;

struct ReceiverRules {
  std::string path;                  // the only one that is answered; a query behind it is not looked at
  std::string issuer;                // what the signature's `iss` must be
  std::uint64_t per_second_max = 0;  // requests that are looked at; those beyond are to come again
};

// Answers upstream's webhooks: the signature first, then the payload, and 200 once the hint is stored or
// nothing need be. Whatever is not 200 comes again, for two hours, so nothing is lost by refusing; nothing of
// a body is kept or logged.
//
// Thread: the io thread. Everything in `parts` outlives it.
class WebhookReceiver final : public HttpService {
 public:
  struct Parts {
    api::Timers& timers;
    KeyKeeper& keys;
    // As Engine::hint.
    std::function<api::Task<core::Result<core::HintOutcome>>(core::LinkId, core::Digest)> hint;
    std::function<void(const HookReport&)> report;
  };
  WebhookReceiver(Parts parts, ReceiverRules rules);

  api::Task<HttpResponse> handle(HttpRequest request) override;
  void set_rules(ReceiverRules rules) { rules_ = std::move(rules); }

 private:
  struct Judged {
    HookReport report;
    std::optional<Hook> hook;  // of one whose signature has held
  };

  std::optional<HttpResponse> refuse_place(const HttpRequest& request) const;
  bool is_beyond_rate();
  api::Task<Judged> judge(const HttpRequest& request);
  Checked<void> check(const SignedToken& token, const VerifyKey& key, std::string_view body,
                      HookReport& report);
  api::Task<HookOutcome> act(Hook hook);
  HttpResponse answer(HookReport report);

  Parts parts_;
  ReceiverRules rules_;
  api::SteadyTime second_began_{};
  std::uint64_t in_second_ = 0;
};

}  // namespace syncd::daemon
