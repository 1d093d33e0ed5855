#include "daemon/webhook/receiver.hpp"

#include <utility>

namespace syncd::daemon {

namespace {

using Outcome = HookOutcome;

constexpr core::Millis second{1'000};
// For upstream's keys; the rest of the ten seconds that a request may take is for the store.
constexpr core::Millis key_wait_max{5'000};

// When it is worth sending again. Upstream has a pace of its own; others may look at it.
core::Millis retry_after(Outcome outcome) {
  switch (outcome) {
    case Outcome::too_many:
      return second;
    case Outcome::keys_unavailable:
      return key_set_fetched_every;
    default:
      return 30 * second;
  }
}

HttpResponse taken() {
  return {.status = 200, .content_type = "text/plain; charset=utf-8", .body = {}, .allow = {}};
}

// Whose fault it is and what upstream should do, but not what was wrong with a signature: that is for us.
HttpResponse response_of(Outcome outcome) {
  const core::Millis wait = retry_after(outcome);
  switch (outcome) {
    case Outcome::bad_signature:
      return problem(400, "bad_signature", "the signature does not hold");
    case Outcome::bad_request:
      return problem(400, "bad_request", "this is no webhook");
    case Outcome::too_many:
      return try_later(503, "too_many", "more webhooks come than are looked at; send it again", wait);
    case Outcome::too_many_waiting:
      return try_later(503, "too_many_waiting", "too many links wait for a visit; send it again", wait);
    case Outcome::keys_unavailable:
      return try_later(503, "keys_unavailable", "the key set cannot be fetched; send it again", wait);
    case Outcome::store_unavailable:
      return try_later(503, "store_unavailable", "it could not be stored; send it again", wait);
    default:
      return taken();
  }
}

Outcome outcome_of(core::HintOutcome outcome) {
  switch (outcome) {
    case core::HintOutcome::accepted:
      return Outcome::accepted;
    case core::HintOutcome::duplicate:
      return Outcome::duplicate;
    case core::HintOutcome::unknown_link:
      return Outcome::unknown_link;
    case core::HintOutcome::not_visited:
      return Outcome::not_visited;
  }
  return Outcome::ignored;
}

}  // namespace

WebhookReceiver::WebhookReceiver(Parts parts, ReceiverRules rules)
    : parts_(std::move(parts)), rules_(std::move(rules)) {
}

api::Task<HttpResponse> WebhookReceiver::handle(HttpRequest request) {
  auto refusal = refuse_place(request);
  if (refusal) {
    parts_.report({.outcome = Outcome::bad_request});
    refusal->close = true;
    co_return std::move(*refusal);
  }
  if (is_beyond_rate()) co_return answer({.outcome = Outcome::too_many});
  Judged judged = co_await judge(request);
  if (judged.hook) {
    judged.report.link_id = judged.hook->link_id;
    Hook hook = std::move(*judged.hook);
    judged.report.outcome = co_await act(std::move(hook));
  }
  co_return answer(std::move(judged.report));
}

// nullopt: it is a webhook as far as path and method tell.
std::optional<HttpResponse> WebhookReceiver::refuse_place(const HttpRequest& request) const {
  const std::string_view target = request.target;
  if (target.substr(0, target.find('?')) != rules_.path)
    return problem(404, "not_found", "there is nothing here");
  if (request.method == "POST") return std::nullopt;
  HttpResponse response = problem(405, "method_not_allowed", "webhooks are sent with POST");
  response.allow = "POST";
  return response;
}

// In any second that begins with a request. Before the signature, whose check is what costs.
bool WebhookReceiver::is_beyond_rate() {
  const api::SteadyTime now = parts_.timers.steady_now();
  if (now - second_began_ >= second) {
    second_began_ = now;
    in_second_ = 0;
  }
  if (in_second_ >= rules_.per_second_max) return true;
  ++in_second_;
  return false;
}

api::Task<WebhookReceiver::Judged> WebhookReceiver::judge(const HttpRequest& request) {
  Judged judged;
  const Checked<SignedToken> token = parse_token(request.signature);
  if (!token) {
    judged.report = {.outcome = Outcome::bad_signature, .fault = token.error()};
    co_return judged;
  }
  std::string kid = token->kid;
  const api::SteadyTime deadline = parts_.timers.steady_now() + key_wait_max;
  const KeyLookup found = co_await parts_.keys.find(std::move(kid), deadline);
  if (found.answer == KeyLookup::Answer::unavailable) {
    judged.report = {.outcome = Outcome::keys_unavailable};
    co_return judged;
  }
  if (found.answer == KeyLookup::Answer::unknown) {
    judged.report = {.outcome = Outcome::bad_signature, .fault = SignatureFault::unknown_key};
    co_return judged;
  }
  const Checked<void> checked = check(*token, *found.key, request.body, judged.report);
  if (!checked) {
    judged.report.outcome = Outcome::bad_signature;
    judged.report.fault = checked.error();
    co_return judged;
  }
  judged.hook = parse_hook(request.body);
  if (!judged.hook) judged.report.outcome = Outcome::unreadable;
  co_return judged;
}

Checked<void> WebhookReceiver::check(const SignedToken& token, const VerifyKey& key, std::string_view body,
                                     HookReport& report) {
  const auto began = std::chrono::steady_clock::now();
  auto checked = check_token(token, key, body, {.issuer = rules_.issuer, .now = parts_.timers.wall_now()});
  report.check_took = std::chrono::steady_clock::now() - began;
  return checked;
}

api::Task<HookOutcome> WebhookReceiver::act(Hook hook) {
  if (hook.meaning != Hook::Meaning::news) co_return Outcome::ignored;
  const auto taken = co_await parts_.hint(std::move(hook.link_id), hook.key);
  if (taken) co_return outcome_of(*taken);
  co_return taken.error().code == core::Errc::throttled ? Outcome::too_many_waiting
                                                        : Outcome::store_unavailable;
}

HttpResponse WebhookReceiver::answer(HookReport report) {
  HttpResponse response = response_of(report.outcome);
  response.close = response.status != 200;
  parts_.report(report);
  return response;
}

}  // namespace syncd::daemon
