#include "tests/sandbox/model/upstream.hpp"

#include <algorithm>
#include <array>

#include "tests/sandbox/model/upstream_impl.hpp"

namespace syncd::sandbox {
namespace {

constexpr std::array<std::string_view, 5> state_names = {"connecting", "awaiting_token_exchange", "connected",
                                                         "error", "deleted"};

struct Pattern {
  std::string_view method;
  Endpoint endpoint;
  // "*" stands for one segment; the first star of a path under /links or /webhooks is the link.
  std::array<std::string_view, 4> segments;
  std::size_t count;
};

constexpr std::array<Pattern, 18> patterns = {{
    {"GET", Endpoint::sync, {"links", "*", "transactions", "sync"}, 4},
    {"GET", Endpoint::link, {"links", "*"}, 2},
    {"GET", Endpoint::accounts, {"links", "*", "accounts"}, 3},
    {"GET", Endpoint::account, {"links", "*", "accounts", "*"}, 4},
    {"GET", Endpoint::transactions, {"links", "*", "transactions"}, 3},
    {"GET", Endpoint::links, {"links"}, 1},
    {"POST", Endpoint::token, {"auth", "token"}, 2},
    {"GET", Endpoint::introspect, {"auth", "introspect"}, 2},
    {"GET", Endpoint::jwks, {".well-known", "jwks.json"}, 2},
    {"POST", Endpoint::link_session, {"link-session"}, 1},
    {"POST", Endpoint::exchange_token, {"link-session", "exchange-token"}, 2},
    {"PATCH", Endpoint::link_update, {"links", "*"}, 2},
    {"DELETE", Endpoint::link_delete, {"links", "*"}, 2},
    {"POST", Endpoint::reset, {"links", "*", "reset"}, 3},
    {"POST", Endpoint::refresh, {"links", "*", "products"}, 3},
    {"POST", Endpoint::webhook_test, {"webhooks", "test", "link", "*"}, 4},
    {"GET", Endpoint::user_links, {"users", "*", "links"}, 3},
    {"GET", Endpoint::user_accounts, {"users", "*", "accounts"}, 3},
}};

bool fits(const Pattern& pattern, const std::vector<std::string>& segments) {
  if (segments.size() != pattern.count) {
    return false;
  }
  for (std::size_t i = 0; i < pattern.count; ++i) {
    const bool star = pattern.segments.at(i) == "*";
    if (star ? segments[i].empty() : pattern.segments.at(i) != segments[i]) {
      return false;
    }
  }
  return true;
}

/// Which path segment names the link; -1 when none does.
int link_segment(Endpoint endpoint) {
  switch (endpoint) {
    case Endpoint::link:
    case Endpoint::link_update:
    case Endpoint::link_delete:
    case Endpoint::reset:
    case Endpoint::refresh:
    case Endpoint::accounts:
    case Endpoint::account:
    case Endpoint::transactions:
    case Endpoint::sync:
      return 1;
    case Endpoint::webhook_test:
      return 3;
    default:
      return -1;
  }
}

}  // namespace

std::string_view link_state_name(LinkState state) {
  return state_names.at(static_cast<std::size_t>(state));
}

std::optional<LinkState> link_state_from_name(std::string_view name) {
  const auto found = std::ranges::find(state_names, name);
  return found == state_names.end() ? std::nullopt
                                    : std::optional(static_cast<LinkState>(found - state_names.begin()));
}

Upstream::Impl::Impl(UpstreamOptions wanted)
    : options(std::move(wanted)),
      world{options.seed, options.switches,    options.record_account_forms,
            false,        options.record_past, options.refresh_pace,
            this},
      meter(options.budgets, options.retry_after_grace),
      faults(hash_words(options.seed, 0xfa)),
      hooks(options.seed, options.hooks) {
}

std::uint32_t Upstream::Impl::number_of(std::string_view link_id) const {
  const auto found = link_numbers.find(link_id);
  return found == link_numbers.end() ? Meter::no_link : found->second;
}

Link* Upstream::Impl::settled_link(std::string_view link_id, TimePoint now) {
  const std::uint32_t number = number_of(link_id);
  if (number == Meter::no_link) {
    return nullptr;
  }
  links[number].settle(forward(now));
  return &links[number];
}

TimePoint Upstream::Impl::forward(TimePoint now) {
  latest = std::max(latest, now);
  return latest;
}

void Upstream::Impl::route(Call& call) {
  auto target = parse_target(call.request.target);
  if (!target) {
    return;
  }
  call.target = std::move(*target);
  for (const Pattern& pattern : patterns) {
    if (!fits(pattern, call.target.segments)) {
      continue;
    }
    if (pattern.method != call.request.method) {
      call.method_not_allowed = true;
      continue;
    }
    // "numbers" is a call of its own, which this sandbox does not offer.
    if (pattern.endpoint == Endpoint::account && call.target.segments[3] == "numbers") {
      continue;
    }
    call.endpoint = pattern.endpoint;
    const int segment = link_segment(pattern.endpoint);
    if (segment >= 0) {
      call.link_id = call.target.segments[static_cast<std::size_t>(segment)];
      call.link_number = number_of(call.link_id);
    }
    return;
  }
}

HttpResponse Upstream::Impl::respond(const HttpRequest& request, TimePoint now, TimePoint wire_now) {
  latest_wire = std::max(latest_wire, wire_now);
  Call call{.request = request, .target = {}, .link_id = {}, .now = forward(now), .wire_now = latest_wire};
  route(call);
  meter.arrived(call.endpoint, call.link_number, call.wire_now);
  if (const std::string* version = find_header(request.headers, "MoneyKit-Version")) {
    if (versions.size() < 64 || versions.contains(*version)) {  // callers choose the text
      ++versions[*version];
    }
  } else {
    ++versions_missing;
  }
  FaultDecision decision;
  if (!faults.empty()) {
    decision = faults.decide(
        FaultContext{call.endpoint, call.link_id, call.target.find("cursor") != nullptr, call.wire_now});
  }
  std::optional<HttpResponse> response;
  if (decision.rule) {
    response = fault_instead(call, *decision.rule);
  }
  if (!response) {
    response = answer(call);
    if (decision.rule) {
      fault_after(call, *decision.rule, *response);
    }
  }
  response->transport.delay_ms += decision.transport.delay_ms;
  response->transport.slow_bytes_per_second = decision.transport.slow_bytes_per_second;
  if (decision.rule) {
    response->fault = fault_name(decision.rule->kind);
    response->fault_variant = decision.rule->variant;
  } else if (decision.transport != Transport{}) {
    response->fault = decision.transport.delay_ms != 0 ? "latency" : "slow";
  }
  response->endpoint = call.endpoint;
  keep_books(call, *response);
  return std::move(*response);
}

void Upstream::Impl::keep_books(const Call& call, const HttpResponse& response) {
  const bool none = response.transport.reset_before || response.transport.close_before;
  const int status = none ? 0 : response.status;
  meter.answered(call.endpoint, status);
  faults_fired += response.fault.empty() ? 0U : 1U;
  if (options.record_requests) {
    records.push_back({call.wire_now, call.endpoint, std::string(call.link_id), status, response.fault});
  }
}

HttpResponse Upstream::Impl::throttle(const Call& call, Milliseconds wait, std::uint32_t scope) {
  const RetryAfterForm form = throttles++ % 2 == 0 ? RetryAfterForm::seconds : RetryAfterForm::date;
  meter.closed_until(call.endpoint, scope, call.wire_now, retry_at(call.wire_now, wait, form));
  return rate_limited(call.wire_now, wait, form);
}

HttpResponse Upstream::Impl::answer(Call& call) {
  if (call.endpoint == Endpoint::unknown) {
    return call.method_not_allowed
               ? error_response(405, "api_error.request.method_not_allowed", "Method not allowed")
               : error_response(404, "api_error.request.not_found", "No such path");
  }
  if (call.endpoint != Endpoint::token) {
    if (auto refused = refuse_credentials(call)) {
      return std::move(*refused);
    }
  }
  if (const auto refusal = meter.take(call.endpoint, call.link_number, call.wire_now)) {
    ++meter.of(call.endpoint).throttled_by_budget;
    return throttle(call, refusal->wait, refusal->link);
  }
  if (link_segment(call.endpoint) >= 0) {
    call.link = settled_link(call.link_id, call.now);
    if (auto refused = refuse_link(call)) {
      return std::move(*refused);
    }
  }
  return dispatch(call);
}

HttpResponse Upstream::Impl::dispatch(Call& call) {
  switch (call.endpoint) {
    case Endpoint::sync:
      return sync(call);
    case Endpoint::link:
      return json_response(200, call.link->link_json());
    case Endpoint::accounts:
      return list_accounts(call);
    case Endpoint::account:
      return one_account(call);
    case Endpoint::transactions:
      return list_transactions(call);
    case Endpoint::links:
      return list_links(call);
    case Endpoint::token:
      return issue_token(call);
    case Endpoint::introspect:
      return introspect();
    case Endpoint::jwks:
      return key_set();
    case Endpoint::link_session:
      return create_session(call);
    case Endpoint::exchange_token:
      return exchange_token(call);
    case Endpoint::link_update:
      return update_link(call);
    case Endpoint::link_delete:
      return delete_link(call);
    case Endpoint::reset:
      call.link->set_state(LinkState::error, "auth_expired", call.now);
      return json_response(200, call.link->link_json());
    case Endpoint::refresh:
      return request_refresh(call);
    case Endpoint::webhook_test:
      return test_webhook(call);
    case Endpoint::user_links:
      return user_links(call);
    case Endpoint::user_accounts:
      return user_accounts(call);
    case Endpoint::hook:
    case Endpoint::unknown:
      break;
  }
  return error_response(404, "api_error.request.not_found", "No such path");
}

// The public face: controls and the oracle.

Upstream::Upstream(UpstreamOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {
}
Upstream::~Upstream() = default;

HttpResponse Upstream::respond(const HttpRequest& request, TimePoint now, TimePoint wire_now) {
  return impl_->respond(request, now, wire_now);
}

std::string Upstream::add_link(const NewLink& link, TimePoint now) {
  return impl_->add_link(link, impl_->forward(now));
}

std::size_t Upstream::link_count() const {
  return impl_->links.size();
}

std::vector<LinkSummary> Upstream::links(std::size_t from, std::size_t count, TimePoint now) {
  std::vector<LinkSummary> out;
  for (std::size_t i = from; i < std::min(from + count, impl_->links.size()); ++i) {
    Link& link = impl_->links[i];
    link.settle_state(impl_->forward(now));
    out.push_back({link.id(), link.spec().institution, link.spec().user_id, link.state(), link.error_code()});
  }
  return out;
}

std::vector<std::string> Upstream::link_ids() const {
  std::vector<std::string> out;
  for (const Link& link : impl_->links) {
    out.push_back(link.id());
  }
  return out;
}

bool Upstream::set_state(std::string_view link_id, LinkState state, std::string_view error_code,
                         TimePoint now) {
  Link* const link = impl_->settled_link(link_id, now);
  if (link != nullptr) {
    link->set_state(state, error_code, impl_->latest);
  }
  return link != nullptr;
}

bool Upstream::set_access(std::string_view link_id, LinkAccess access) {
  const std::uint32_t number = impl_->number_of(link_id);
  if (number != Meter::no_link) {
    impl_->links[number].set_access(access);
  }
  return number != Meter::no_link;
}

bool Upstream::reset(std::string_view link_id, TimePoint now) {
  return set_state(link_id, LinkState::error, "auth_expired", now);
}

bool Upstream::remove(std::string_view link_id, TimePoint now) {
  return set_state(link_id, LinkState::deleted, "", now);
}

bool Upstream::relink(std::string_view link_id, std::string_view username, std::string_view password,
                      TimePoint now) {
  Link* const link = impl_->settled_link(link_id, now);
  if (link == nullptr || link->state() == LinkState::deleted) {
    return false;
  }
  if (username != "user_good" || password != "pass_good") {
    link->set_state(LinkState::error, "invalid_credentials", impl_->latest);
    return false;
  }
  link->set_state(LinkState::connected, "", impl_->latest);
  return true;
}

bool Upstream::relink_with_new_accounts(std::string_view link_id, TimePoint now, bool with_twin) {
  Link* const link = impl_->settled_link(link_id, now);
  return link != nullptr && link->state() != LinkState::deleted &&
         link->replace_accounts(impl_->latest, with_twin);
}

bool Upstream::lose_rows(std::string_view link_id, TimePoint now) {
  Link* const link = impl_->settled_link(link_id, now);
  if (link == nullptr || link->state() == LinkState::deleted) {
    return false;
  }
  link->lose_rows();
  return true;
}

bool Upstream::refresh(std::string_view link_id, TimePoint now) {
  Link* const link = impl_->settled_link(link_id, now);
  if (link != nullptr) {
    link->refresh_now(impl_->latest, false);
  }
  return link != nullptr;
}

bool Upstream::refresh_with_changes(std::string_view link_id, TimePoint now) {
  Link* const link = impl_->settled_link(link_id, now);
  if (link != nullptr) {
    link->refresh_now(impl_->latest, true);
  }
  return link != nullptr;
}

bool Upstream::expire_cursors(std::string_view link_id) {
  const std::uint32_t number = impl_->number_of(link_id);
  if (number != Meter::no_link) {
    impl_->links[number].expire_cursors();
  }
  return number != Meter::no_link;
}

std::size_t Upstream::set_outage(std::string_view institution_id, bool down, TimePoint now) {
  std::size_t changed = 0;
  for (Link& link : impl_->links) {
    if (link.spec().institution != institution_id) {
      continue;
    }
    link.settle(impl_->forward(now));
    const bool is_down = link.state() == LinkState::error && link.error_code() == "institution_error";
    if (down && link.state() == LinkState::connected) {
      link.set_state(LinkState::error, "institution_error", impl_->latest);
      ++changed;
    } else if (!down && is_down) {
      link.set_state(LinkState::connected, "", impl_->latest);
      ++changed;
    }
  }
  return changed;
}

SessionOutcome Upstream::complete_session(std::string_view token, std::string_view institution_id,
                                          std::string_view username, std::string_view password,
                                          TimePoint now) {
  return impl_->complete_session(token, institution_id, username, password, impl_->forward(now));
}

void Upstream::hold_refreshes(bool held) {
  impl_->world.refreshes_held = held;
}

void Upstream::advance(TimePoint now) {
  for (Link& link : impl_->links) {
    if (link.touched()) {
      link.settle(impl_->forward(now));
    }
  }
}

std::optional<Truth> Upstream::truth(std::string_view link_id, TimePoint now) {
  Link* const link = impl_->settled_link(link_id, now);
  return link == nullptr ? std::nullopt : std::optional(link->truth());
}

std::optional<Held> Upstream::truth_at_cursor(std::string_view link_id, std::string_view cursor,
                                              TimePoint now) {
  const Link* const link = impl_->settled_link(link_id, now);
  return link == nullptr ? std::nullopt : link->held_at(cursor);
}

std::map<std::string, std::vector<std::string>> Upstream::account_forms(std::string_view link_id,
                                                                        TimePoint now) {
  const Link* const link = impl_->settled_link(link_id, now);
  if (link == nullptr) {
    return {};
  }
  return {link->account_forms().begin(), link->account_forms().end()};
}

std::map<std::string, std::string> Upstream::settled_from(std::string_view link_id, TimePoint now) {
  const Link* const link = impl_->settled_link(link_id, now);
  if (link == nullptr) {
    return {};
  }
  const auto pairs = link->settled_from();
  return {pairs.begin(), pairs.end()};
}

std::size_t Upstream::feed_length(std::string_view link_id, TimePoint now) {
  const Link* const link = impl_->settled_link(link_id, now);
  return link == nullptr ? 0 : link->log_length();
}

std::optional<TimePoint> Upstream::next_change(std::string_view link_id, TimePoint now) {
  const Link* const link = impl_->settled_link(link_id, now);
  if (link == nullptr || link->next_event() == TimePoint::max()) {
    return std::nullopt;
  }
  return link->next_event();
}

const Switches& Upstream::switches() const {
  return impl_->world.switches;
}

void Upstream::set_switches(const Switches& switches) {
  impl_->world.switches = switches;
  for (Link& link : impl_->links) {
    link.forget_texts();
  }
}

void Upstream::set_budgets(const Budgets& budgets) {
  impl_->meter.set_budgets(budgets);
}

void Upstream::set_bank_speed(double speed) {
  impl_->bank_speed = speed;
}

FaultPlan& Upstream::faults() {
  return impl_->faults;
}

void Upstream::expire_tokens() {
  for (auto& token : impl_->tokens) {
    token.second = TimePoint::min();
  }
}

void Upstream::set_client_secret(std::string secret) {
  impl_->options.client_secret = std::move(secret);
}

Statistics Upstream::statistics() const {
  Statistics out;
  for (std::size_t i = 0; i < endpoint_count; ++i) {
    const EndpointStatistics& books = impl_->meter.all().at(i);
    if (books.requests == 0) {
      continue;
    }
    out.requests += books.requests;
    out.throttled += books.throttled_by_budget + books.throttled_by_script + books.throttled_by_interval;
    out.inside_retry_after += books.inside_retry_after;
    out.endpoints.emplace(static_cast<Endpoint>(i), books);
  }
  out.faults = impl_->faults_fired;
  out.version_header_missing = impl_->versions_missing;
  out.version_headers = {impl_->versions.begin(), impl_->versions.end()};
  return out;
}

void Upstream::clear_statistics() {
  impl_->meter.clear_statistics();
  impl_->faults_fired = 0;
  impl_->versions_missing = 0;
  impl_->versions.clear();
  impl_->records.clear();
}

const std::vector<RequestRecord>& Upstream::requests() const {
  return impl_->records;
}

}  // namespace syncd::sandbox
