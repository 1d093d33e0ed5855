#include "daemon/admin/routes.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "daemon/admin/answers.hpp"
#include "daemon/admin/dead_letter_id.hpp"
#include "daemon/admin/link_request.hpp"
#include "daemon/admin/shapes.hpp"
#include "store/backup_manifest.hpp"

namespace syncd::daemon {

namespace {

bool is_json(std::string_view content_type) {
  std::string type{content_type.substr(0, content_type.find(';'))};
  while (type.ends_with(' '))
    type.pop_back();
  std::ranges::transform(type, type.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return type == "application/json";
}

bool is_blank_object(std::string_view body) {
  std::string seen;
  for (const char character : body) {
    if (character != ' ' && character != '\t' && character != '\r' && character != '\n') seen += character;
    if (seen.size() > 2) return false;
  }
  return seen.empty() || seen == "{}";
}

// For the audit log: who asks, and which request of his it is.
void identify_request(HttpRequest& request, const Caller& caller) {
  request.actor = caller.actor;
  if (!request.idempotency_key) return;
  request.key_digest = core::digest_of(caller.actor + "\n" + *request.idempotency_key);
  request.content_digest = core::digest_of(request.method + "\n" + request.target + "\n" + request.body);
}

// `of`: the path's word for what the id names.
std::optional<HttpResponse> refuse_id(std::string_view of, const std::string& id) {
  if (of == "dead-letters" && !parse_dead_letter_id(id)) {
    return problem(400, "invalid_id",
                   "the name of a dead letter is a time and a link id, for example 1795953732554:mk_abc; "
                   "the list of dead letters shows them");
  }
  if (of == "tokens" && !is_valid_token_name(id)) {
    return problem(400, "invalid_id",
                   fmt::format("the name of a token has 1 to {} characters of a-z, 0-9, '.', '_' and '-'",
                               token_name_bytes_max));
  }
  if (of == "backups" && !store::is_backup_name(id)) {
    return problem(400, "invalid_id",
                   "the name of a backup is its time, for example 20261129T215554.123Z; the list of backups "
                   "shows them");
  }
  if (of == "feed" && !store::is_valid_consumer_name(id)) {
    return problem(400, "invalid_id",
                   fmt::format("the name of a consumer has 1 to {} characters of a-z, 0-9, '.', '_' and '-', "
                               "and begins with a letter or a digit",
                               store::consumer_name_bytes_max));
  }
  if (of != "dead-letters" && of != "tokens" && of != "backups" && of != "feed" && !core::is_valid_id(id))
    return problem(400, "invalid_id", "a link id has 1 to 256 bytes of UTF-8 and no control characters");
  return std::nullopt;
}

}  // namespace

struct AdminRoutes::Route {
  std::string_view method;
  Role role;                               // the least that may ask: a row without one does not compile
  std::vector<std::string_view> segments;  // "*" is the variable one
  bool takes_body = false;
  api::Task<HttpResponse> (AdminRoutes::*handler)(Call);
  bool shows_data = false;  // what it shows goes through note_read()

  // The variable segment, empty if there is none; nullopt: another path.
  std::optional<std::string> match(const std::vector<std::string>& path) const {
    if (path.size() != segments.size()) return std::nullopt;
    std::string id;
    for (std::size_t at = 0; at < path.size(); ++at) {
      if (segments[at] == "*" && !path[at].empty()) {
        id = path[at];
      } else if (segments[at] != path[at]) {
        return std::nullopt;
      }
    }
    return id;
  }
};

const std::vector<AdminRoutes::Route>& AdminRoutes::table() {
  using Here = AdminRoutes;
  static const std::vector<Route> routes{
      {"POST", Role::operate, {"v1", "links"}, true, &Here::add_link},
      {"GET", Role::read, {"v1", "links"}, false, &Here::list_links},
      {"GET", Role::read, {"v1", "links", "*"}, false, &Here::show_link},
      {"POST", Role::operate, {"v1", "links", "*", "sync"}, false, &Here::sync_link},
      {"POST", Role::operate, {"v1", "links", "*", "refresh"}, true, &Here::refresh_link},
      {"GET", Role::read, {"v1", "links", "*", "schedule"}, false, &Here::explain_schedule},
      {"POST", Role::operate, {"v1", "links", "*", "pause"}, false, &Here::pause_link},
      {"POST", Role::operate, {"v1", "links", "*", "resume"}, false, &Here::resume_link},
      {"POST", Role::operate, {"v1", "links", "*", "verify"}, false, &Here::verify_link},
      {"GET", Role::read, {"v1", "links", "*", "verify"}, false, &Here::show_verify},
      {"POST", Role::operate, {"v1", "links", "*", "repair"}, false, &Here::repair_link},
      {"POST", Role::admin, {"v1", "links", "*", "purge"}, true, &Here::purge_link},
      {"GET", Role::read, {"v1", "links", "*", "feed"}, false, &Here::list_link_feed, true},
      {"GET", Role::read, {"v1", "links", "*", "accounts"}, false, &Here::list_accounts, true},
      {"GET", Role::read, {"v1", "links", "*", "transactions"}, false, &Here::list_transactions, true},
      {"GET", Role::read, {"v1", "feed"}, false, &Here::list_feed, true},
      {"GET", Role::read, {"v1", "feed", "consumers"}, false, &Here::list_consumers},
      {"POST", Role::operate, {"v1", "feed", "consumers"}, true, &Here::add_consumer},
      {"GET", Role::read, {"v1", "feed", "consumers", "*"}, false, &Here::show_consumer},
      {"POST", Role::operate, {"v1", "feed", "consumers", "*", "remove"}, false, &Here::remove_consumer},
      {"GET", Role::read, {"v1", "feed", "consumers", "*", "changes"}, false, &Here::read_changes, true},
      {"POST", Role::operate, {"v1", "feed", "consumers", "*", "ack"}, true, &Here::acknowledge_changes},
      {"POST", Role::operate, {"v1", "feed", "consumers", "*", "reset"}, true, &Here::reset_consumer},
      {"GET", Role::read, {"v1", "relink"}, false, &Here::list_relink},
      {"GET", Role::read, {"v1", "relink", "*"}, false, &Here::show_relink},
      {"GET", Role::read, {"v1", "relink", "*", "continuity"}, false, &Here::show_continuity, true},
      {"POST", Role::operate, {"v1", "relink", "*", "claim"}, true, &Here::claim_relink},
      {"POST", Role::operate, {"v1", "relink", "*", "release"}, true, &Here::release_relink},
      {"POST", Role::operate, {"v1", "relink", "*", "note"}, true, &Here::note_relink},
      {"POST", Role::operate, {"v1", "relink", "*", "dismiss"}, true, &Here::dismiss_relink},
      {"POST", Role::operate, {"v1", "relink", "*", "reopen"}, true, &Here::reopen_relink},
      {"POST", Role::operate, {"v1", "relink", "*", "session"}, true, &Here::issue_relink_session},
      {"POST", Role::operate, {"v1", "link-sessions"}, true, &Here::issue_session},
      {"POST", Role::operate, {"v1", "links:exchange"}, true, &Here::exchange_token},
      {"POST", Role::admin, {"v1", "links:import"}, true, &Here::import_links},
      {"POST", Role::admin, {"v1", "exports"}, true, &Here::begin_export},
      {"POST", Role::admin, {"v1", "backups"}, false, &Here::create_backup},
      {"GET", Role::read, {"v1", "backups"}, false, &Here::list_backups},
      {"GET", Role::read, {"v1", "backups", "*"}, false, &Here::show_backup},
      {"GET", Role::read, {"v1", "revision"}, false, &Here::show_revision},
      {"GET", Role::admin, {"v1", "audit"}, false, &Here::list_audit},
      {"GET", Role::admin, {"v1", "audit", "check"}, false, &Here::check_audit},
      {"GET", Role::read, {"v1", "dead-letters"}, false, &Here::list_dead_letters},
      {"GET", Role::read, {"v1", "dead-letters", "*"}, false, &Here::show_dead_letter, true},
      {"POST", Role::operate, {"v1", "dead-letters", "*", "retry"}, false, &Here::retry_dead_letter},
      {"POST", Role::operate, {"v1", "dead-letters", "*", "drop"}, false, &Here::drop_dead_letter},
      {"GET", Role::read, {"v1", "incidents"}, false, &Here::list_incidents},
      {"GET", Role::read, {"v1", "schedule", "plan"}, false, &Here::plan_budget},
      {"GET", Role::read, {"v1", "webhooks", "audit"}, false, &Here::audit_webhooks},
      {"POST", Role::operate, {"v1", "webhooks", "fix"}, true, &Here::fix_webhooks},
      {"GET", Role::read, {"v1", "status"}, false, &Here::show_status},
      {"GET", Role::read, {"v1", "openapi.json"}, false, &Here::show_openapi},
      {"GET", Role::read, {"v1", "whoami"}, false, &Here::show_caller},
      {"GET", Role::admin, {"v1", "tokens"}, false, &Here::list_tokens},
      {"POST", Role::admin, {"v1", "tokens"}, true, &Here::create_token},
      {"POST", Role::admin, {"v1", "tokens", "*", "revoke"}, false, &Here::revoke_token},
  };
  return routes;
}

std::vector<AdminRoutes::RouteInfo> AdminRoutes::list_routes() {
  std::vector<RouteInfo> rows;
  for (const Route& route : table()) {
    std::string path;
    for (const std::string_view segment : route.segments)
      path += "/" + std::string(segment);
    rows.push_back({route.method, std::move(path), route.role, route.shows_data});
  }
  return rows;
}

std::optional<HttpResponse> answer_probe(const HttpRequest& request, bool healthy, bool ready) {
  const bool asks_health = request.target == "/-/healthy";
  if (!asks_health && request.target != "/-/ready") return std::nullopt;
  if (request.method != "GET") {
    HttpResponse refused = problem(405, "method_not_allowed", "this path answers GET and HEAD");
    refused.allow = "GET, HEAD";
    return refused;
  }
  const bool good = asks_health ? healthy : ready;
  const std::string_view word = asks_health ? "healthy" : "ready";
  return HttpResponse{.status = good ? 200 : 503,
                      .content_type = "text/plain; charset=utf-8",
                      .body = fmt::format("moneykit-syncd is {}{}.\n", good ? "" : "not ", word),
                      .allow = {}};
}

// What needs no token: refusals, probes and the page.
std::optional<HttpResponse> AdminRoutes::answer_without_token(const HttpRequest& request) const {
  const bool over_tcp = !request.peer;
  if (over_tcp && access_ == nullptr)
    return problem(403, "not_permitted", "this listener does not serve the admin API");
  if (over_tcp) {
    if (auto refusal = access_->refuse_source(request)) return refusal;
  }
  if (auto probe = answer_probe(request, view_.healthy(), view_.ready())) return probe;
  return over_tcp ? access_->page_file(request) : std::nullopt;
}

api::Task<HttpResponse> AdminRoutes::handle(HttpRequest request) {
  AnsweredRequest met;
  met.reads = request.method == "GET";
  const api::SteadyTime began_at = meter_ != nullptr ? meter_->now() : api::SteadyTime{};
  HttpResponse response = co_await answer(std::move(request), met);
  met.status = response.status;
  if (meter_ != nullptr) meter_->note(met, began_at);
  co_return response;
}

api::Task<HttpResponse> AdminRoutes::answer(HttpRequest request, AnsweredRequest& met) {
  if (auto answer = answer_without_token(request)) co_return std::move(*answer);
  auto caller = request.peer ? caller_of(*request.peer) : access_->identify(request);
  if (!caller) co_return std::move(caller.error());
  request.authorization.reset();
  HttpResponse response = co_await dispatch(std::move(request), std::move(*caller), met);
  response.admitted = true;
  co_return response;
}

api::Task<HttpResponse> AdminRoutes::dispatch(HttpRequest request, Caller caller, AnsweredRequest& met) {
  auto target = parse_target(request.target);
  if (!target) co_return problem(400, "invalid_target", target.error());
  const Route* chosen = nullptr;
  std::string allow;
  Call call;
  for (const Route& route : table()) {
    auto id = route.match(target->segments);
    if (!id) continue;
    if (!allow.empty()) allow += ", ";
    allow += route.method == "GET" ? "GET, HEAD" : route.method;
    if (route.method != request.method) continue;
    chosen = &route;
    call.id = std::move(*id);
  }
  if (chosen == nullptr && allow.empty()) {
    co_return problem(404, "no_such_path",
                      "there is nothing at this path: a misspelt word, or an empty id in it");
  }
  if (chosen == nullptr) {
    HttpResponse refused = problem(405, "method_not_allowed", "this path answers " + allow);
    refused.allow = allow;
    co_return refused;
  }
  met.route = static_cast<std::size_t>(chosen - table().data());
  met.waits = std::ranges::any_of(target->query, [](const auto& given) { return given.first == "wait"; });
  if (!allows(caller.role, chosen->role)) co_return role_too_low(caller.role, chosen->role);
  if (request.idempotency_key && !is_valid_idempotency_key(*request.idempotency_key)) {
    co_return problem(
        400, "invalid_idempotency_key",
        fmt::format("Idempotency-Key must be 1 to {} visible ASCII characters", idempotency_key_bytes_max));
  }
  if (chosen->takes_body && !is_json(request.content_type)) {
    co_return problem(415, "unsupported_media_type", "send the body as application/json");
  }
  if (!chosen->takes_body && !is_blank_object(request.body)) {
    co_return problem(400, "unexpected_body", "this request takes no body");
  }
  const bool takes_id = std::ranges::find(chosen->segments, "*") != chosen->segments.end();
  if (takes_id) {
    if (auto refusal = refuse_id(chosen->segments[1], call.id)) co_return std::move(*refusal);
  }
  if (chosen->shows_data && reads_ != nullptr) {
    if (auto refusal = reads_->refuse(caller)) co_return std::move(*refusal);
  }
  identify_request(request, caller);
  call.caller = std::move(caller);
  call.request = std::move(request);
  call.target = std::move(*target);
  HttpResponse response = co_await (this->*chosen->handler)(std::move(call));
  co_return response;
}

api::Task<HttpResponse> AdminRoutes::add_link(Call call) {
  QueryReader query(call.target);
  if (const std::string refusal = query.finish(); !refusal.empty()) co_return refuse_parameter(refusal);
  auto link = parse_new_link(std::move(call.request.body));
  if (!link) co_return problem(400, "invalid_body", link.error());
  const core::LinkId link_id = link->link_id;
  auto outcome = co_await view_.add_link(std::move(*link), requester_of(call.request));
  if (!outcome) co_return from_error(outcome.error());
  const bool added = *outcome == engine::AddOutcome::added;
  if (added) view_.note_action("links.add", link_id, call.request.actor);
  HttpResponse response = co_await one_link(link_id, added ? 201 : 200);
  co_return response;
}

api::Task<HttpResponse> AdminRoutes::one_link(core::LinkId link_id, int status) {
  auto record = co_await view_.link(link_id);
  if (!record) co_return from_error(record.error());
  if (!*record) co_return no_such_link(link_id);
  auto object = co_await view_.link_object(link_id);
  if (!object) co_return from_error(object.error());
  JsonWriter writer;
  write_link(writer, **record, view_.link_ref(link_id), *object);
  co_return json(status, writer);
}

api::Task<HttpResponse> AdminRoutes::list_links(Call call) {
  QueryReader query(call.target);
  const auto limit = query.number("limit", limit_default, 1, limit_max);
  const std::string search = query.text("search", core::id_bytes_max);
  const std::string after = query.text("after", search.empty() ? after_bytes_max : place_bytes_max);
  const auto state = query.choice("state", core::parse_link_status,
                                  "active, backoff, relink, blocked, quarantined, paused, gone");
  if (const std::string refusal = query.finish(); !refusal.empty()) co_return refuse_parameter(refusal);
  if (!search.empty() && state) {
    co_return refuse_parameter(
        "query parameters search and state exclude each other: what is found shows its status");
  }
  core::Result<store::Listing<core::LinkRecord>> listing;
  if (search.empty()) {
    listing = co_await view_.links(after, limit, state);
  } else {
    listing = co_await view_.search_links(search, after, limit);
  }
  if (!listing) co_return from_error(listing.error());
  co_return list_of(*listing, [this](JsonWriter& writer, const core::LinkRecord& link) {
    write_link(writer, link, view_.link_ref(link.link_id));
  });
}

api::Task<HttpResponse> AdminRoutes::show_link(Call call) {
  QueryReader query(call.target);
  if (const std::string refusal = query.finish(); !refusal.empty()) co_return refuse_parameter(refusal);
  core::LinkId link_id{call.id};
  HttpResponse response = co_await one_link(std::move(link_id), 200);
  co_return response;
}

api::Task<HttpResponse> AdminRoutes::sync_link(Call call) {
  QueryReader query(call.target);
  const core::Millis wait = query.duration("wait", wait_max);
  if (const std::string refusal = query.finish(); !refusal.empty()) co_return refuse_parameter(refusal);
  const core::LinkId link_id{call.id};
  if (!view_.knows(link_id)) co_return no_such_link(link_id);
  auto report = co_await view_.sync(link_id, wait);
  if (!report) co_return from_error(report.error());
  view_.note_action("links.sync", link_id, call.request.actor);
  co_return visit_answer(link_id, *report);
}

api::Task<HttpResponse> AdminRoutes::pause_link(Call call) {
  return change_status(std::move(call), "links.pause", &AdminView::pause);
}

api::Task<HttpResponse> AdminRoutes::resume_link(Call call) {
  return change_status(std::move(call), "links.resume", &AdminView::resume);
}

api::Task<HttpResponse> AdminRoutes::change_status(Call call, std::string_view action, StatusChange change) {
  QueryReader query(call.target);
  if (const std::string refusal = query.finish(); !refusal.empty()) co_return refuse_parameter(refusal);
  const core::LinkId link_id{call.id};
  if (!view_.knows(link_id)) co_return no_such_link(link_id);
  auto status = co_await (view_.*change)(link_id, requester_of(call.request));
  if (!status) co_return from_error(status.error());
  view_.note_action(action, link_id, call.request.actor);
  JsonWriter writer;
  writer.begin_object().member("link_id", std::string_view(link_id.str()));
  writer.member("status", core::to_string(*status)).end_object();
  co_return json(200, writer);
}

api::Task<HttpResponse> AdminRoutes::list_accounts(Call call) {
  QueryReader query(call.target);
  const auto limit = query.number("limit", limit_default, 1, limit_max);
  const std::string after = query.text("after", after_bytes_max);
  if (const std::string refusal = query.finish(); !refusal.empty()) co_return refuse_parameter(refusal);
  const core::LinkId link_id{call.id};
  if (!view_.knows(link_id)) co_return no_such_link(link_id);
  auto listing = co_await view_.accounts(link_id, after, limit);
  if (!listing) co_return from_error(listing.error());
  note_read(call, {.link_id = link_id, .kind = DataKind::accounts, .rows = listing->items.size()});
  co_return list_of(*listing, write_account);
}

api::Task<HttpResponse> AdminRoutes::list_transactions(Call call) {
  QueryReader query(call.target);
  const auto limit = query.number("limit", limit_default, 1, limit_max);
  const std::string after = query.text("after", after_bytes_max);
  if (const std::string refusal = query.finish(); !refusal.empty()) co_return refuse_parameter(refusal);
  const core::LinkId link_id{call.id};
  if (!view_.knows(link_id)) co_return no_such_link(link_id);
  auto listing = co_await view_.transactions(link_id, after, limit);
  if (!listing) co_return from_error(listing.error());
  note_read(call, {.link_id = link_id, .kind = DataKind::transactions, .rows = listing->items.size()});
  co_return list_of(*listing, write_transaction);
}

api::Task<HttpResponse> AdminRoutes::show_status(Call call) {
  QueryReader query(call.target);
  if (const std::string refusal = query.finish(); !refusal.empty()) co_return refuse_parameter(refusal);
  auto status = co_await view_.status();
  if (!status) co_return from_error(status.error());
  JsonWriter writer;
  write_status(writer, *status);
  co_return json(200, writer);
}

}  // namespace syncd::daemon
