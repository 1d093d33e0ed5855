#include "sync/api/moneykit_api.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "sync/api/percent.hpp"
#include "sync/api/requests.hpp"
#include "sync/api/secret.hpp"
#include "sync/api/token_keeper.hpp"
#include "sync/core/classify.hpp"
#include "sync/core/redact.hpp"

namespace syncd::api {

namespace {

using core::Cause;
using core::Endpoint;
using core::Errc;
using core::Result;

constexpr std::string_view api_version = "2023-02-18";
constexpr unsigned links_page_size = 5000;  // the largest that upstream allows: fewest calls
constexpr unsigned sync_page_size_max = 500;
constexpr core::Millis minute{60'000};  // in which the budgets count

// A request on its way: a ready connection, and its place in the budget taken.
struct Admitted {
  Lease lease;
  SteadyTime since{};  // when a connection was first wanted, waits for the budget excluded
};

// An answer of status 2xx whose content is JSON, and the report on it, to be completed by how it parsed.
struct Answered {
  HttpReply reply;
  core::HttpReport report;
};

bool is_success(int status) {
  return status >= 200 && status <= 299;
}

// A link that could not be asked for want of a token is not at fault: only kinds that touch no link leave
// here.
core::Error token_failure(core::Error error) {
  switch (error.code) {
    case Errc::transport:
    case Errc::timeout:
    case Errc::server:
    case Errc::throttled:
    case Errc::cancelled:
    case Errc::auth:
      return error;
    case Errc::protocol:
      // A 2xx that is no token: upstream's disorder. Anything else refuses what we are and ask for.
      error.code = is_success(error.http_status) ? Errc::server : Errc::auth;
      return error;
    default:
      error.code = Errc::auth;
      return error;
  }
}

template <class Answer>
Task<Result<Answer>> refuse(core::Error error) {
  co_return std::unexpected(std::move(error));
}

template <class Answer>
Task<Result<Answer>> refuse_id() {
  return refuse<Answer>({.code = Errc::invalid, .message = "this link id cannot be asked for"});
}

Result<std::shared_ptr<const Secret>> read_session(std::string body) {
  Result<core::SessionAnswer> answer = core::parse_session(std::move(body));
  if (!answer) return std::unexpected(std::move(answer.error()));
  return std::make_shared<const Secret>(std::move(answer->link_session_token));
}

void append_form_field(std::string& form, std::string_view name, std::string_view value) {
  if (!form.empty()) form += '&';
  form += name;
  form += '=';
  append_percent_encoded(form, value);
}

}  // namespace

struct MoneykitApi::Impl final : TokenRequester {
  Impl(Transport& its_transport, RateGate& its_gate, Timers& its_timers, ApiOptions its_options,
       std::function<void(const core::HttpReport&)> its_report)
      : transport(its_transport),
        gate(its_gate),
        timers(its_timers),
        options(std::move(its_options)),
        report(std::move(its_report)),
        tokens(*this, its_timers) {}

  Task<Result<core::TokenAnswer>> request_token(Cause cause) override;
  bool admit_at_once(const Request& request, std::uint64_t refused_token, Admitted& admitted);
  Task<Result<Admitted>> admit(const Request& request, std::uint64_t refused_token);
  Task<Result<Answered>> ask(Request request);
  template <class Answer>
  Task<Result<Answer>> ask(Request request, Result<Answer> (*parse)(std::string));
  Task<Result<void>> ask_for_no_answer(Request request);

  HttpCall call_for(const Request& request);
  std::shared_ptr<const HeaderBlock> credentials();
  std::shared_ptr<const HeaderBlock> client_name() const;
  bool needs_token(const Request& request) const {
    return options.auth == AuthMethod::token && request.endpoint != Endpoint::token &&
           !request.names_client_only;
  }
  HttpCall token_call() const;
  std::string_view client_secret() const;
  core::HttpReport begin_report(Endpoint endpoint, SteadyTime started) const;
  void finish(core::HttpReport& done, const core::Error& error) const;
  Result<Answered> judge(HttpReply reply, const Request& request, core::HttpReport started);
  core::Error refusal(const HttpReply& reply, const Request& request);
  template <class Answer>
  Result<Answer> parse_answer(Answered answered, Result<Answer> (*parse)(std::string));

  Transport& transport;
  RateGate& gate;
  Timers& timers;
  ApiOptions options;
  std::function<void(const core::HttpReport&)> report;
  TokenKeeper tokens;
  std::shared_ptr<const HeaderBlock> headers;  // of every request but the one for a token
  std::uint64_t headers_serial = 0;            // the token in them
};

// ---- requests
// --------------------------------------------------------------------------------------------------

std::string_view MoneykitApi::Impl::client_secret() const {
  return options.client_secret ? options.client_secret->reveal() : std::string_view();
}

// Made once for each token.
std::shared_ptr<const HeaderBlock> MoneykitApi::Impl::credentials() {
  if (headers && headers_serial == tokens.serial()) return headers;
  auto made = std::make_shared<HeaderBlock>();
  made->add("MoneyKit-Version", api_version);
  if (options.auth == AuthMethod::token) {
    made->add("Authorization", tokens.authorization());
  } else {
    made->add("X-Client-Id", options.client_id);
    made->add("X-Client-Secret", client_secret());
  }
  headers = std::move(made);
  headers_serial = tokens.serial();
  return headers;
}

std::shared_ptr<const HeaderBlock> MoneykitApi::Impl::client_name() const {
  auto made = std::make_shared<HeaderBlock>();
  made->add("MoneyKit-Version", api_version);
  made->add("X-Client-Id", options.client_id);
  return made;
}

HttpCall MoneykitApi::Impl::call_for(const Request& request) {
  HttpCall call;
  call.method = request.method;
  call.target = request.target;
  call.headers = request.names_client_only ? client_name() : credentials();
  if (request.body) {
    call.content_type = "application/json";
    call.body = request.body->reveal();
  }
  return call;
}

HttpCall MoneykitApi::Impl::token_call() const {
  HttpCall call;
  call.method = Method::post;
  call.target = "/auth/token";
  auto version = std::make_shared<HeaderBlock>();
  version->add("MoneyKit-Version", api_version);
  call.headers = std::move(version);
  call.content_type = "application/x-www-form-urlencoded";
  // Room for the worst case: growing would leave the secret behind in freed memory.
  call.body.reserve(128 + 3 * (options.client_id.size() + client_secret().size()));
  append_form_field(call.body, "grant_type", "client_credentials");
  append_form_field(call.body, "client_id", options.client_id);
  append_form_field(call.body, "client_secret", client_secret());
  return call;
}

// ---- judging answers
// -------------------------------------------------------------------------------------------

core::HttpReport MoneykitApi::Impl::begin_report(Endpoint endpoint, SteadyTime started) const {
  core::HttpReport done;
  done.endpoint = endpoint;
  done.duration = timers.steady_now() - started;
  return done;
}

void MoneykitApi::Impl::finish(core::HttpReport& done, const core::Error& error) const {
  done.failure = error.code;
  if (report) report(done);
}

core::Error MoneykitApi::Impl::refusal(const HttpReply& reply, const Request& request) {
  std::optional<core::ErrorAnswer> answer;
  if (reply.json) {
    std::string body = reply.body;
    body.reserve(body.size() + core::body_padding_bytes);
    if (auto parsed = core::parse_error(std::move(body))) answer = std::move(*parsed);
  }
  const core::ErrorContext context{
      .endpoint = request.endpoint, .sent_cursor = request.has_cursor, .link_call = !request.link_id.empty()};
  const core::WallTime now = timers.wall_now();
  const core::Millis longest =
      request.endpoint == Endpoint::products ? core::refresh_retry_after_max : core::retry_after_max;
  std::optional<core::Millis> delay = core::parse_retry_after(reply.retry_after, reply.date, now, longest);
  if (reply.status == 429 && !delay) delay = core::retry_after_default;
  core::Error error = core::classify_status(reply.status, answer ? &*answer : nullptr, context, delay);
  if (error.code == Errc::throttled) {
    if (!error.retry_after) error.retry_after = delay.value_or(core::retry_after_default);
    // A bank that was asked for news too soon, or at night, says when this link may be asked again: that is
    // no word about the others.
    const bool of_the_link = request.endpoint == Endpoint::products && *error.retry_after > minute;
    if (of_the_link) return error;
    gate.freeze(request.endpoint, now + *error.retry_after);
    gate.refused(request.endpoint, request.owner());
  }
  return error;
}

Result<Answered> MoneykitApi::Impl::judge(HttpReply reply, const Request& request, core::HttpReport started) {
  started.status = reply.status;
  started.body_bytes = reply.body.size();
  const bool readable = reply.json || (request.answer_may_be_empty && reply.body.empty());
  if (is_success(reply.status) && readable) return Answered{.reply = std::move(reply), .report = started};
  core::Error error;
  if (is_success(reply.status)) {
    // Something in front of upstream answered: a login page, a maintenance page.
    error = {
        .code = Errc::server,
        .message = fmt::format("{}: answer {} is not JSON", core::to_string(request.endpoint), reply.status),
        .http_status = reply.status};
  } else {
    error = refusal(reply, request);
    if (core::may_quarantine(error)) error = core::with_evidence(std::move(error), reply.body);
  }
  finish(started, error);
  return std::unexpected(std::move(error));
}

template <class Answer>
Result<Answer> MoneykitApi::Impl::parse_answer(Answered answered, Result<Answer> (*parse)(std::string)) {
  std::string body = std::move(answered.reply.body);
  body.reserve(body.size() + core::body_padding_bytes);
  Result<Answer> parsed = parse(std::move(body));
  if (!parsed) {
    parsed.error().http_status = answered.reply.status;
    finish(answered.report, parsed.error());
    return parsed;
  }
  if (report) report(answered.report);
  return parsed;
}

// ---- exchanges
// -------------------------------------------------------------------------------------------------

// The usual case, without suspending: a token and an idle connection are there, and the gate is open.
bool MoneykitApi::Impl::admit_at_once(const Request& request, std::uint64_t refused_token,
                                      Admitted& admitted) {
  if (needs_token(request) && !tokens.is_fresh(refused_token)) return false;
  Lease lease = transport.try_lease();
  if (!lease || !gate.try_take(request.endpoint, request.owner(), request.cause)) return false;
  admitted = {.lease = std::move(lease), .since = timers.steady_now()};
  return true;
}

// Waits for the budget, for a token where one is needed, and for a connection; the budget is asked again, and
// counts, when all is ready and the next thing is the first byte. If it is not open any more, the connection
// serves others meanwhile.
Task<Result<Admitted>> MoneykitApi::Impl::admit(const Request& request, std::uint64_t refused_token) {
  const bool with_token = needs_token(request);
  RateGate::Turn turn(gate, request.endpoint, request.owner(), request.cause);
  for (;;) {
    Result<void> open = co_await turn.wait();
    if (!open) co_return std::unexpected(std::move(open.error()));
    if (with_token) {
      Result<void> ready = co_await tokens.ensure(request.cause, refused_token);
      if (!ready) co_return std::unexpected(std::move(ready.error()));
    }
    Admitted admitted{.lease = transport.try_lease(), .since = timers.steady_now()};
    if (!admitted.lease) {
      auto leased = co_await transport.lease();
      if (!leased) {
        // Takes its place all the same: an upstream that cannot be reached is not tried faster than one that
        // can.
        static_cast<void>(turn.take());
        core::HttpReport done = begin_report(request.endpoint, admitted.since);
        finish(done, leased.error().error);
        co_return std::unexpected(std::move(leased.error().error));
      }
      admitted.lease = std::move(*leased);
    }
    if (turn.take()) co_return admitted;
  }
}

// Sends until there is a verdict: once; a second time when a kept connection turned out closed; a second time
// when upstream refused the token, with a new one. Each passes the gate by itself. What changes something
// upstream goes out on another connection only if nothing of it has left on the closed one.
Task<Result<Answered>> MoneykitApi::Impl::ask(Request request) {
  const bool with_token = needs_token(request);
  std::uint64_t refused_token = 0;
  bool resent = false;
  for (;;) {
    Admitted admitted;
    if (!admit_at_once(request, refused_token, admitted)) {
      Result<Admitted> waited = co_await admit(request, refused_token);
      if (!waited) co_return std::unexpected(std::move(waited.error()));
      admitted = std::move(*waited);
    }
    const std::uint64_t token = tokens.serial();
    HttpCall call = call_for(request);
    auto sent = co_await admitted.lease.send(std::move(call));
    core::HttpReport done = begin_report(request.endpoint, admitted.since);
    if (!sent) {
      finish(done, sent.error().error);
      const bool left = !sent.error().nothing_sent;
      const bool harmless = request.is_repeatable() || !left;
      const bool again = sent.error().connection_was_stale && harmless && !resent;
      if (!again) co_return std::unexpected(with_outcome(std::move(sent.error().error), request, left));
      resent = true;
      continue;
    }
    Result<Answered> answered = judge(std::move(*sent), request, done);
    const bool token_refused =
        with_token && !answered && answered.error().code == Errc::auth && answered.error().http_status == 401;
    if (!answered) answered.error() = with_outcome(std::move(answered.error()), request, true);
    if (!token_refused || refused_token != 0) co_return answered;
    refused_token = token;
  }
}

template <class Answer>
Task<Result<Answer>> MoneykitApi::Impl::ask(Request request, Result<Answer> (*parse)(std::string)) {
  const bool repeatable = request.is_repeatable();
  Result<Answered> answered = co_await ask(std::move(request));
  if (!answered) co_return std::unexpected(std::move(answered.error()));
  Result<Answer> parsed = parse_answer(std::move(*answered), parse);
  if (!parsed) parsed.error().outcome_unknown = !repeatable;  // done, and we cannot say what
  co_return parsed;
}

Task<Result<void>> MoneykitApi::Impl::ask_for_no_answer(Request request) {
  Result<Answered> answered = co_await ask(std::move(request));
  if (!answered) co_return std::unexpected(std::move(answered.error()));
  if (report) report(answered->report);
  co_return Result<void>{};
}

Task<Result<core::TokenAnswer>> MoneykitApi::Impl::request_token(Cause cause) {
  Request request;
  request.endpoint = Endpoint::token;
  request.cause = cause;
  Result<Admitted> admitted = co_await admit(request, 0);
  if (!admitted) co_return std::unexpected(std::move(admitted.error()));
  HttpCall call = token_call();
  auto sent = co_await admitted->lease.send(std::move(call));
  core::HttpReport done = begin_report(request.endpoint, admitted->since);
  if (!sent) {
    finish(done, sent.error().error);
    co_return std::unexpected(std::move(sent.error().error));
  }
  Result<Answered> answered = judge(std::move(*sent), request, done);
  if (!answered) co_return std::unexpected(token_failure(std::move(answered.error())));
  Result<core::TokenAnswer> token = parse_answer(std::move(*answered), &core::parse_token);
  if (!token) co_return std::unexpected(token_failure(std::move(token.error())));
  co_return token;
}

// ---- endpoints
// -------------------------------------------------------------------------------------------------

MoneykitApi::MoneykitApi(Transport& transport, RateGate& gate, Timers& timers, ApiOptions options,
                         std::function<void(const core::HttpReport&)> report)
    : impl_(std::make_unique<Impl>(transport, gate, timers, std::move(options), std::move(report))) {
}

MoneykitApi::~MoneykitApi() = default;

Task<Result<std::shared_ptr<const core::Page>>> MoneykitApi::sync_page(core::LinkId link_id,
                                                                       std::optional<core::Cursor> cursor,
                                                                       unsigned size, Cause cause) {
  if (!fits_path(link_id.str())) return refuse_id<std::shared_ptr<const core::Page>>();
  Request request;
  request.endpoint = Endpoint::sync;
  request.target = link_target(link_id, "/transactions/sync?size=");
  request.target += std::to_string(std::clamp(size, 1U, sync_page_size_max));
  if (cursor) {
    request.target += "&cursor=";
    append_percent_encoded(request.target, cursor->text);
  }
  request.link_id = std::move(link_id);
  request.cause = cause;
  request.has_cursor = cursor.has_value();
  return impl_->ask(std::move(request), &core::parse_page);
}

Task<Result<std::shared_ptr<const core::AccountsAnswer>>> MoneykitApi::accounts(core::LinkId link_id,
                                                                                Cause cause) {
  if (!fits_path(link_id.str())) return refuse_id<std::shared_ptr<const core::AccountsAnswer>>();
  Request request;
  request.endpoint = Endpoint::accounts;
  request.target = link_target(link_id, "/accounts");
  request.link_id = std::move(link_id);
  request.cause = cause;
  return impl_->ask(std::move(request), &core::parse_accounts);
}

Task<Result<std::shared_ptr<const core::LinkAnswer>>> MoneykitApi::link(core::LinkId link_id, Cause cause) {
  if (!fits_path(link_id.str())) return refuse_id<std::shared_ptr<const core::LinkAnswer>>();
  Request request;
  request.endpoint = Endpoint::link;
  request.target = link_target(link_id, "");
  request.link_id = std::move(link_id);
  request.cause = cause;
  return impl_->ask(std::move(request), &core::parse_link);
}

Task<Result<std::shared_ptr<const core::LinksAnswer>>> MoneykitApi::links(std::string cursor) {
  Request request;
  request.endpoint = Endpoint::links;
  request.target = fmt::format("/links?limit={}", links_page_size);
  if (!cursor.empty()) {
    request.target += "&cursor=";
    append_percent_encoded(request.target, cursor);
  }
  return impl_->ask(std::move(request), &core::parse_links);
}

Task<Result<core::IntrospectAnswer>> MoneykitApi::introspect() {
  Request request;
  request.endpoint = Endpoint::introspect;
  request.target = "/auth/introspect";
  request.cause = Cause::manual;
  return impl_->ask(std::move(request), &core::parse_introspect);
}

Task<Result<core::KeySetAnswer>> MoneykitApi::key_set() {
  Request request;
  request.endpoint = Endpoint::key_set;
  request.target = "/.well-known/jwks.json";
  request.names_client_only = true;
  return impl_->ask(std::move(request), &core::parse_key_set);
}

Task<Result<std::shared_ptr<const Secret>>> MoneykitApi::create_session(core::SessionRequest session,
                                                                        Cause cause) {
  Result<Request> request = session_request(session, cause);
  if (!request) return refuse<std::shared_ptr<const Secret>>(std::move(request.error()));
  return impl_->ask(std::move(*request), &read_session);
}

Task<Result<std::shared_ptr<const core::LinkAnswer>>> MoneykitApi::exchange(Secret exchangeable_token,
                                                                            Cause cause) {
  Result<Request> request = exchange_request(exchangeable_token, cause);
  if (!request) return refuse<std::shared_ptr<const core::LinkAnswer>>(std::move(request.error()));
  return impl_->ask(std::move(*request), &core::parse_exchange);
}

Task<Result<std::shared_ptr<const core::UserLinksAnswer>>> MoneykitApi::user_links(
    std::string customer_user_id, Cause cause) {
  Result<Request> request = user_links_request(customer_user_id, cause);
  if (!request) return refuse<std::shared_ptr<const core::UserLinksAnswer>>(std::move(request.error()));
  return impl_->ask(std::move(*request), &core::parse_user_links);
}

Task<Result<void>> MoneykitApi::delete_link(core::LinkId link_id, Cause cause) {
  Result<Request> request = delete_link_request(std::move(link_id), cause);
  if (!request) return refuse<void>(std::move(request.error()));
  return impl_->ask_for_no_answer(std::move(*request));
}

Task<Result<std::shared_ptr<const core::LinkAnswer>>> MoneykitApi::update_link(core::LinkId link_id,
                                                                               core::LinkChange change,
                                                                               Cause cause) {
  Result<Request> request = update_link_request(std::move(link_id), change, cause);
  if (!request) return refuse<std::shared_ptr<const core::LinkAnswer>>(std::move(request.error()));
  return impl_->ask(std::move(*request), &core::parse_link);
}

Task<Result<std::shared_ptr<const core::LinkAnswer>>> MoneykitApi::refresh_products(
    core::LinkId link_id, std::vector<std::string> products, Cause cause) {
  Result<Request> request = products_request(std::move(link_id), products, cause);
  if (!request) return refuse<std::shared_ptr<const core::LinkAnswer>>(std::move(request.error()));
  return impl_->ask(std::move(*request), &core::parse_link);
}

bool MoneykitApi::set_client_secret(std::shared_ptr<const Secret> secret) {
  if (secret->equals(impl_->client_secret())) return false;
  impl_->options.client_secret = std::move(secret);
  impl_->headers.reset();
  return true;
}

}  // namespace syncd::api
