#include "tests/sandbox/server/control.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <expected>
#include <optional>
#include <span>

#include <boost/json.hpp>

#include "tests/sandbox/model/errors.hpp"
#include "tests/sandbox/model/text.hpp"
#include "tests/sandbox/server/control_body.hpp"
#include "tests/sandbox/server/control_hooks.hpp"

namespace syncd::sandbox {
namespace {

namespace json = boost::json;

constexpr std::int64_t links_at_once_max = 1'000'000;
constexpr std::int64_t budget_max = 1'000'000'000;
constexpr std::int64_t kept_max = 100'000;
constexpr std::size_t listed_max = 10'000;

std::string rows_json(const std::map<std::string, std::string>& rows) {
  std::string out = "{";
  for (const auto& [id, row] : rows) {
    out.append(out.size() == 1 ? "\"" : ",\"").append(id).append("\":").append(row);
  }
  return out.append("}");
}

std::string ids_json(const std::map<std::string, std::string>& rows) {
  std::string out = "[";
  for (const auto& row : rows) {
    out.append(out.size() == 1 ? "\"" : ",\"").append(row.first).append("\"");
  }
  return out.append("]");
}

std::map<std::string, std::string> joined(std::map<std::string, std::string> rows,
                                          const std::map<std::string, std::string>& more) {
  rows.insert(more.begin(), more.end());
  return rows;
}

HttpResponse show_clock(Control& control) {
  return json_response(200, "{\"now\":\"" + timestamp(control.sandbox.now()) + "\",\"wire_now\":\"" +
                                timestamp(control.sandbox.wire_now()) +
                                "\",\"speed\":" + std::to_string(control.sandbox.speed()) + "}");
}

HttpResponse advance_clock(Control& control) {
  const std::int64_t seconds = integer_of(control.body, "seconds", -1);
  if (seconds < 0 || seconds > 315'360'000) {
    return problem(400, "\"seconds\" must be an integer from 0 to 315360000; time does not run backwards");
  }
  control.sandbox.advance(std::chrono::seconds{seconds});
  control.sandbox.upstream().advance(control.sandbox.now());
  return show_clock(control);
}

HttpResponse list_links(Control& control) {
  Upstream& upstream = control.sandbox.upstream();
  const auto from = query_count(control.target, "from", 0);
  const auto limit = query_count(control.target, "limit", 1000);
  if (!from || !limit) {
    return problem(400, "\"from\" and \"limit\" must be whole numbers");
  }
  std::string out = "{\"total\":" + std::to_string(upstream.link_count()) + ",\"links\":[";
  for (const LinkSummary& link : upstream.links(*from, std::min(*limit, listed_max), control.sandbox.now())) {
    out.append(out.ends_with('[') ? "{" : ",{");
    out.append("\"link_id\":\"")
        .append(link.link_id)
        .append("\",\"institution_id\":\"")
        .append(link.institution_id);
    out.append("\",\"user_id\":").append(json_string(link.user_id));
    out.append(",\"state\":\"").append(link_state_name(link.state)).append("\",\"error_code\":");
    out.append(link.error_code.empty() ? "null" : json_string(link.error_code)).append("}");
  }
  return json_response(200, out.append("]}"));
}

/// The state and error code that a body wants, or what is wrong with them.
struct WantedState {
  LinkState state = LinkState::connected;
  std::string code;
};
std::expected<WantedState, HttpResponse> read_state(const json::object& body) {
  const auto state = link_state_from_name(text_of(body, "state"));
  if (!state) {
    return std::unexpected(
        problem(400, "\"state\" must be connecting, awaiting_token_exchange, connected, error or deleted"));
  }
  WantedState wanted{*state, text_of(body, "error_code")};
  if (*state == LinkState::error && wanted.code.empty()) {
    return std::unexpected(
        problem(400, "\"error_code\" is missing; state error needs one, for instance auth_expired"));
  }
  return wanted;
}

/// The link that a body describes, or what is wrong with it.
std::expected<NewLink, HttpResponse> read_link(const json::object& body, RangeReader& ranges) {
  NewLink link;
  link.institution = text_of(body, "institution_id", link.institution);
  if (find_institution(link.institution) == nullptr) {
    return std::unexpected(problem(400, "\"institution_id\" names no institution"));
  }
  link.user_id = text_of(body, "user_id");
  const auto bounded = [&](std::string_view name, std::uint32_t fallback, std::int64_t high) {
    return static_cast<std::uint32_t>(ranges.integer(name, fallback, 0, high));
  };
  link.accounts = bounded("accounts", 0, 12);
  link.history_months = bounded("history_months", link.history_months, 240);
  link.transactions_per_month = bounded("transactions_per_month", link.transactions_per_month, 10'000);
  link.transactions_product = flag_of(body, "transactions_product", true);
  if (const auto every = bounded("refresh_every_seconds", 0, 31'536'000); every != 0) {
    link.refresh_every = std::chrono::seconds{every};
  }
  if (const auto expires = bounded("expires_after_seconds", 0, 315'360'000); expires != 0) {
    link.expires_after = std::chrono::seconds{expires};
  }
  if (body.contains("state")) {
    auto wanted = read_state(body);
    if (!wanted) {
      return std::unexpected(wanted.error());
    }
    link.state = wanted->state;
    link.error_code = std::move(wanted->code);
  }
  if (body.contains("webhook")) {
    link.webhook = text_of(body, "webhook");
  }
  if (body.contains("link_tag")) {
    link.tags = {std::string(text_of(body, "link_tag"))};
  }
  return link;
}

HttpResponse add_links(Control& control) {
  RangeReader ranges(control.body);
  const auto link = read_link(control.body, ranges);
  if (!link) {
    return link.error();
  }
  const auto count = ranges.integer("count", 1, 1, links_at_once_max);
  if (!ranges.problem().empty()) {
    return problem(400, ranges.problem());
  }
  std::string out = "{\"link_ids\":[";
  for (std::int64_t i = 0; i < count; ++i) {
    out.append(i == 0 ? "\"" : ",\"")
        .append(control.sandbox.upstream().add_link(*link, control.sandbox.now()))
        .append("\"");
  }
  return json_response(201, out.append("]}"));
}

HttpResponse show_truth(Control& control) {
  Upstream& upstream = control.sandbox.upstream();
  const TimePoint now = control.sandbox.now();
  if (const std::string* const cursor = control.target.find("cursor")) {
    const auto held = upstream.truth_at_cursor(control.name, *cursor, now);
    if (!held) {
      return problem(404, "no such link, or the link never handed out this cursor");
    }
    const auto flag = [](bool value) { return value ? "true" : "false"; };
    return json_response(
        200, "{\"drained\":" + std::string(flag(held->drained)) + ",\"caught_up\":" + flag(held->caught_up) +
                 ",\"from_start\":" + flag(held->from_start) + ",\"pending_ids\":" + ids_json(held->pending) +
                 ",\"transactions\":" + rows_json(joined(held->posted, held->pending)) + "}");
  }
  const auto truth = upstream.truth(control.name, now);
  if (!truth) {
    return problem(404, "no such link");
  }
  std::string out = "{\"link_id\":" + json_string(control.name) + ",\"state\":\"" +
                    std::string(link_state_name(truth->state));
  out.append("\",\"error_code\":")
      .append(truth->error_code.empty() ? "null" : json_string(truth->error_code));
  out.append(",\"link\":").append(truth->link);
  out.append(",\"accounts\":").append(rows_json(truth->accounts));
  out.append(",\"pending_ids\":").append(ids_json(truth->pending));
  out.append(",\"transactions\":").append(rows_json(joined(truth->posted, truth->pending)));
  return json_response(200, out.append("}"));
}

HttpResponse set_state(Control& control) {
  const auto wanted = read_state(control.body);
  if (!wanted) {
    return wanted.error();
  }
  return done(
      control.sandbox.upstream().set_state(control.name, wanted->state, wanted->code, control.sandbox.now()));
}

HttpResponse set_access(Control& control) {
  constexpr std::array<std::string_view, 3> names = {"normal", "foreign", "forbidden"};
  const auto found = std::ranges::find(names, text_of(control.body, "access"));
  if (found == names.end()) {
    return problem(400, "\"access\" must be normal, foreign or forbidden");
  }
  return done(
      control.sandbox.upstream().set_access(control.name, static_cast<LinkAccess>(found - names.begin())));
}

HttpResponse relink(Control& control) {
  Upstream& upstream = control.sandbox.upstream();
  const TimePoint now = control.sandbox.now();
  const bool twins = flag_of(control.body, "twins", false);
  const bool new_accounts = twins || flag_of(control.body, "new_accounts", false);
  if (flag_of(control.body, "lost_rows", false) && !upstream.lose_rows(control.name, now)) {
    return problem(404, "no such link, or it is deleted");
  }
  if (new_accounts) {
    return done(upstream.relink_with_new_accounts(control.name, now, twins));
  }
  if (!upstream.truth(control.name, now)) {
    return problem(404, "no such link");
  }
  if (!upstream.relink(control.name, text_of(control.body, "username"), text_of(control.body, "password"),
                       now)) {
    return problem(403,
                   "the bank refused these credentials (the sandbox user is user_good / pass_good), or the "
                   "link is deleted");
  }
  return done(true);
}

HttpResponse refresh(Control& control) {
  Upstream& upstream = control.sandbox.upstream();
  const TimePoint now = control.sandbox.now();
  const bool changes = flag_of(control.body, "changes", false);
  return done(changes ? upstream.refresh_with_changes(control.name, now)
                      : upstream.refresh(control.name, now));
}

HttpResponse complete_session(Control& control) {
  const SessionOutcome outcome = control.sandbox.upstream().complete_session(
      control.name, text_of(control.body, "institution_id"), text_of(control.body, "username"),
      text_of(control.body, "password"), control.sandbox.now());
  if (!outcome.ok) {
    return problem(409, outcome.problem);
  }
  return json_response(200, outcome.link_id.empty()
                                ? "{\"exchangeable_token\":" + json_string(outcome.exchangeable_token) + "}"
                                : "{\"link_id\":" + json_string(outcome.link_id) + "}");
}

HttpResponse show_faults(Control& control) {
  std::string out = "{\"firings\":[";
  for (const std::uint64_t count : control.sandbox.upstream().faults().firings()) {
    out.append(out.ends_with('[') ? "" : ",").append(std::to_string(count));
  }
  return json_response(200, out.append("]}"));
}

HttpResponse change_faults(Control& control) {
  auto rules = parse_fault_script(control.request.body);
  if (!rules) {
    return problem(400, rules.error());
  }
  FaultPlan& plan = control.sandbox.upstream().faults();
  if (control.request.method == "PUT") {
    plan.clear();
  }
  for (FaultRule& rule : *rules) {
    plan.add(std::move(rule));
  }
  return show_faults(control);
}

HttpResponse change_switches(Control& control) {
  Upstream& upstream = control.sandbox.upstream();
  const auto changed = changed_switches(upstream.switches(), control.body);
  if (!changed) {
    return problem(400, changed.error());
  }
  upstream.set_switches(*changed);
  return json_response(200, switches_json(*changed));
}

HttpResponse change_budgets(Control& control) {
  const json::value* const unlimited = control.body.if_contains("unlimited");
  if (unlimited != nullptr && !unlimited->is_bool()) {
    return problem(400, "\"unlimited\" must be true or false");
  }
  Budgets budgets = flag_of(control.body, "unlimited", false) ? Budgets::unlimited() : Budgets{};
  for (const auto& member : control.body) {
    if (member.key() == "unlimited") {
      continue;
    }
    const auto endpoint = endpoint_from_name(member.key());
    if (!endpoint || !member.value().is_object()) {
      return problem(400, "\"" + std::string(member.key()) + "\" names no endpoint, or is no object");
    }
    const json::object& wanted = member.value().get_object();
    if (const std::string wrong = wrong_member(wanted, "per_app:integer per_link:integer"); !wrong.empty()) {
      return problem(400, "\"" + std::string(member.key()) + "\": " + wrong);
    }
    RangeReader ranges(wanted);
    Budget& budget = budgets.of(*endpoint);
    budget.per_app = static_cast<std::uint32_t>(ranges.integer("per_app", budget.per_app, 0, budget_max));
    budget.per_link = static_cast<std::uint32_t>(ranges.integer("per_link", budget.per_link, 0, budget_max));
    if (!ranges.problem().empty()) {
      return problem(400, "\"" + std::string(member.key()) + "\": " + ranges.problem());
    }
  }
  control.sandbox.upstream().set_budgets(budgets);
  return done(true);
}

HttpResponse list_exchanges(Control& control) {
  std::string out = "{\"exchanges\":[";
  for (const Exchange& exchange : control.sandbox.exchanges()) {
    out.append(out.ends_with('[') ? "{" : ",{");
    out.append("\"number\":").append(std::to_string(exchange.number));
    out.append(",\"at\":\"")
        .append(timestamp(exchange.at))
        .append("\",\"method\":")
        .append(json_string(exchange.method));
    out.append(",\"target\":").append(json_string(exchange.target));
    out.append(",\"status\":").append(std::to_string(exchange.status));
    out.append(",\"fault\":").append(json_string(exchange.fault));
    out.append(",\"bytes\":").append(std::to_string(exchange.body.size())).append("}");
  }
  return json_response(200, out.append("]}"));
}

HttpResponse dump_exchange(Control& control) {
  for (const Exchange& exchange : control.sandbox.exchanges()) {
    if (std::to_string(exchange.number) == control.name) {
      HttpResponse response;
      response.headers.emplace_back("Content-Type", "application/octet-stream");
      response.body = exchange.body;
      return response;
    }
  }
  return problem(404, "no such exchange is kept");
}

using Handler = HttpResponse (*)(Control&);
struct Route {
  std::string_view method;
  std::array<std::string_view, 3> path;  ///< after /sandbox; empty entries end it, "*" is Control::name
  Handler handler;
  /// What the body may hold: `name:type` separated by blanks; "*": the handler judges itself.
  std::string_view members{};
};

constexpr std::array<Route, 38> routes = {{
    {"GET", {"clock"}, show_clock},
    {"POST", {"clock", "advance"}, advance_clock, "seconds:integer"},
    {"POST",
     {"clock", "speed"},
     [](Control& c) {
       const std::int64_t speed = integer_of(c.body, "speed", 0);
       if (speed < 1 || speed > 1'000'000) {
         return problem(400, "\"speed\" must be an integer from 1 to 1000000");
       }
       c.sandbox.set_speed(static_cast<double>(speed));
       return show_clock(c);
     },
     "speed:integer"},
    {"GET", {"links"}, list_links},
    {"POST",
     {"links"},
     add_links,
     "count:integer institution_id:text user_id:text accounts:integer history_months:integer "
     "transactions_per_month:integer transactions_product:flag refresh_every_seconds:integer "
     "expires_after_seconds:integer state:text error_code:text webhook:text link_tag:text"},
    {"GET", {"links", "*", "truth"}, show_truth},
    {"POST", {"links", "*", "state"}, set_state, "state:text error_code:text"},
    {"POST", {"links", "*", "access"}, set_access, "access:text"},
    {"POST",
     {"links", "*", "reset"},
     [](Control& c) { return done(c.sandbox.upstream().reset(c.name, c.sandbox.now())); }},
    {"POST",
     {"links", "*", "delete"},
     [](Control& c) { return done(c.sandbox.upstream().remove(c.name, c.sandbox.now())); }},
    {"POST",
     {"links", "*", "relink"},
     relink,
     "username:text password:text new_accounts:flag twins:flag lost_rows:flag"},
    {"POST", {"links", "*", "refresh"}, refresh, "changes:flag"},
    {"POST", {"links", "*", "webhook"}, set_webhook, "webhook:text"},
    {"POST",
     {"links", "*", "expire-cursors"},
     [](Control& c) { return done(c.sandbox.upstream().expire_cursors(c.name)); }},
    {"POST",
     {"institutions", "*", "outage"},
     [](Control& c) {
       if (find_institution(c.name) == nullptr) {
         return problem(404, "no such institution");
       }
       const auto changed =
           c.sandbox.upstream().set_outage(c.name, flag_of(c.body, "down", true), c.sandbox.now());
       return json_response(200, "{\"changed\":" + std::to_string(changed) + "}");
     },
     "down:flag"},
    {"POST", {"institutions", "*", "refresh-hours"}, set_refresh_hours, "from:integer to:integer"},
    {"GET", {"hooks"}, list_hooks},
    {"GET", {"hooks", "*"}, show_hook},
    {"POST", {"hooks"}, send_hooks, "link_id:text event:text count:integer"},
    {"PATCH",
     {"hooks"},
     change_hook_options,
     "recall_permille:integer latency_ms:integer duplicate_permille:integer late_permille:integer "
     "late_ms:integer first_retry_ms:integer retry_max_ms:integer give_up_after_ms:integer "
     "renew_signature:flag events:text"},
    {"DELETE", {"hooks"}, forget_hooks},
    {"POST", {"keys", "rotate"}, rotate_hook_key},
    {"GET", {"refreshes"}, list_refreshes},
    {"POST",
     {"sessions", "*", "complete"},
     complete_session,
     "institution_id:text username:text password:text"},
    {"GET", {"faults"}, show_faults},
    {"PUT", {"faults"}, change_faults, "*"},
    {"POST", {"faults"}, change_faults, "*"},
    {"DELETE",
     {"faults"},
     [](Control& c) {
       c.sandbox.upstream().faults().clear();
       return done(true);
     }},
    {"GET",
     {"switches"},
     [](Control& c) { return json_response(200, switches_json(c.sandbox.upstream().switches())); }},
    {"PATCH", {"switches"}, change_switches, "*"},
    {"PUT", {"budgets"}, change_budgets, "*"},
    {"POST",
     {"tokens", "expire"},
     [](Control& c) {
       c.sandbox.upstream().expire_tokens();
       return done(true);
     }},
    {"POST",
     {"credentials"},
     [](Control& c) {
       const std::string secret = text_of(c.body, "client_secret");
       if (secret.empty()) {
         return problem(400, "\"client_secret\" is missing or empty");
       }
       c.sandbox.upstream().set_client_secret(secret);
       return done(true);
     },
     "client_secret:text"},
    {"GET",
     {"statistics"},
     [](Control& c) { return json_response(200, statistics_json(c.sandbox.upstream().statistics())); }},
    {"DELETE",
     {"statistics"},
     [](Control& c) {
       c.sandbox.upstream().clear_statistics();
       return done(true);
     }},
    {"GET", {"recorded"}, list_exchanges},
    {"GET", {"recorded", "*"}, dump_exchange},
    {"PUT",
     {"recorded"},
     [](Control& c) {
       RangeReader ranges(c.body);
       const auto keep = ranges.integer("keep", -1, 0, kept_max);
       if (!ranges.problem().empty()) {
         return problem(400, ranges.problem());
       }
       c.sandbox.keep_exchanges(static_cast<std::size_t>(keep));
       return done(true);
     },
     "keep:integer"},
}};

bool fits(const Route& route, std::span<const std::string> path, std::string& name) {
  for (std::size_t i = 0; i < std::max(path.size(), route.path.size()); ++i) {
    const std::string_view wanted = i < route.path.size() ? route.path.at(i) : "";
    const std::string_view given = i < path.size() ? std::string_view(path[i]) : "";
    if (wanted == "*" && !given.empty()) {
      name = given;
    } else if (wanted != given) {
      return false;
    }
  }
  return true;
}

/// The body as an object, or the 400 that names what is wrong.
std::optional<HttpResponse> read_body(const HttpRequest& request, const Route& route, json::object& body) {
  if (request.body.empty()) {
    return std::nullopt;
  }
  boost::system::error_code ec;
  json::value value = json::parse(request.body, ec);
  if (ec) {
    return problem(400, "the body is not JSON: " + ec.message());
  }
  if (value.is_object()) {
    body = std::move(value.get_object());
  } else if (route.members != "*") {
    return problem(400, "the body must be an object");
  }
  if (route.members != "*") {
    const std::string wrong = wrong_member(body, route.members);
    if (!wrong.empty()) {
      return problem(400, wrong);
    }
  }
  return std::nullopt;
}

}  // namespace

HttpResponse problem(int status, std::string_view text) {
  return json_response(status, "{\"error\":" + json_string(text) + "}");
}

HttpResponse done(bool found) {
  return found ? json_response(200, "{\"ok\":true}")
               : problem(404, "no such link, or the link does not allow this");
}

std::optional<std::size_t> query_count(const Target& target, std::string_view name, std::size_t fallback) {
  const std::string* const text = target.find(name);
  if (text == nullptr) {
    return fallback;
  }
  std::size_t value = 0;
  const char* const end = text->data() + text->size();
  const auto parsed = std::from_chars(text->data(), end, value);
  return parsed.ec == std::errc{} && parsed.ptr == end ? std::optional(value) : std::nullopt;
}

HttpResponse answer_control(Sandbox& sandbox, const HttpRequest& request) {
  auto target = parse_target(request.target);
  if (!target) {
    return problem(400, "malformed target");
  }
  Control control{sandbox, request, std::move(*target), {}, {}};
  const std::span<const std::string> path = std::span(control.target.segments).subspan(1);
  for (const Route& route : routes) {
    if (route.method != request.method || !fits(route, path, control.name)) {
      continue;
    }
    if (auto refused = read_body(request, route, control.body)) {
      return std::move(*refused);
    }
    return route.handler(control);
  }
  return problem(404, "no such control route; see tests/sandbox/README.md");
}

}  // namespace syncd::sandbox
