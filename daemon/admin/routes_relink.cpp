#include <fmt/format.h>

#include "daemon/admin/answers.hpp"
#include "daemon/admin/relink_request.hpp"
#include "daemon/admin/routes.hpp"
#include "daemon/admin/shapes.hpp"
#include "sync/core/hex.hpp"

// The relink queue, and the audit log of what people do.
namespace syncd::daemon {

namespace {

using State = store::RelinkFilter::State;
using Kind = core::RelinkRequest::Kind;

std::optional<State> parse_state(std::string_view text) {
  if (text == "live") return State::live;
  if (text == "open") return State::open;
  if (text == "claimed") return State::claimed;
  if (text == "session_issued") return State::session_issued;
  if (text == "resolved") return State::resolved;
  return std::nullopt;
}

std::optional<bool> parse_newest_first(std::string_view text) {
  if (text == "oldest") return false;
  if (text == "newest") return true;
  return std::nullopt;
}

HttpResponse no_entry(const core::LinkId& link_id) {
  return problem(404, "relink_entry_not_found",
                 fmt::format("link {} has never needed its owner: it has no relink entry", link_id.str()));
}

}  // namespace

HttpResponse AdminRoutes::without_entry(const core::LinkId& link_id) const {
  return view_.knows(link_id) ? no_entry(link_id) : no_such_link(link_id);
}

void AdminRoutes::write_entry(JsonWriter& writer, const core::RelinkEntry& entry, bool whole) const {
  EntryMoment moment{.now = view_.wall_now(), .held_back = {}};
  if (core::is_live(entry.status)) moment.held_back = view_.held_back_by(entry.link_id);
  write_relink_entry(writer, entry, moment, whole);
}

api::Task<HttpResponse> AdminRoutes::list_relink(Call call) {
  QueryReader query(call.target);
  const auto limit = query.number("limit", limit_default, 1, limit_max);
  const std::string after = query.text("after", place_bytes_max);
  store::RelinkFilter filter;
  filter.state = query.choice("status", parse_state, "live, open, claimed, session_issued, resolved")
                     .value_or(State::any);
  filter.institution_id = query.text("institution", core::id_bytes_max);
  filter.reason = query.text("reason", core::id_bytes_max);
  filter.assignee = query.text("assignee", core::relink_assignee_bytes_max);
  filter.search = query.text("search", core::id_bytes_max);
  filter.newest_first = query.choice("order", parse_newest_first, "oldest, newest").value_or(false);
  if (const std::string refusal = query.finish(); !refusal.empty()) co_return refuse_parameter(refusal);
  auto listing = co_await view_.relink_entries(after, limit, filter);
  if (!listing) co_return from_error(listing.error());
  co_return list_of(*listing, [this](JsonWriter& writer, const core::RelinkEntry& entry) {
    write_entry(writer, entry, false);
  });
}

api::Task<HttpResponse> AdminRoutes::show_relink(Call call) {
  QueryReader query(call.target);
  if (const std::string refusal = query.finish(); !refusal.empty()) co_return refuse_parameter(refusal);
  const core::LinkId link_id{call.id};
  auto entry = co_await view_.relink_entry(link_id);
  if (!entry) co_return from_error(entry.error());
  if (!*entry) co_return without_entry(link_id);
  JsonWriter writer;
  write_entry(writer, **entry, true);
  co_return json(200, writer);
}

api::Task<HttpResponse> AdminRoutes::claim_relink(Call call) {
  return act_on_entry(std::move(call), Kind::claim);
}

api::Task<HttpResponse> AdminRoutes::release_relink(Call call) {
  return act_on_entry(std::move(call), Kind::release);
}

api::Task<HttpResponse> AdminRoutes::note_relink(Call call) {
  return act_on_entry(std::move(call), Kind::note);
}

api::Task<HttpResponse> AdminRoutes::dismiss_relink(Call call) {
  return act_on_entry(std::move(call), Kind::dismiss);
}

api::Task<HttpResponse> AdminRoutes::reopen_relink(Call call) {
  return act_on_entry(std::move(call), Kind::reopen);
}

api::Task<HttpResponse> AdminRoutes::act_on_entry(Call call, Kind kind) {
  QueryReader query(call.target);
  if (const std::string refusal = query.finish(); !refusal.empty()) co_return refuse_parameter(refusal);
  auto request = parse_relink_request(kind, std::move(call.request.body));
  if (!request) co_return problem(400, "invalid_body", request.error());
  const core::LinkId link_id{call.id};
  engine::Requester by = requester_of(call.request);
  auto entry = co_await view_.act_on_entry(link_id, std::move(*request), std::move(by));
  if (!entry) {
    HttpResponse refused = co_await entry_problem(link_id, entry.error());
    co_return refused;
  }
  view_.note_action(core::action_name(kind), link_id, call.request.actor);
  JsonWriter writer;
  write_entry(writer, *entry, true);
  co_return json(200, writer);
}

api::Task<HttpResponse> AdminRoutes::entry_problem(core::LinkId link_id, core::Error error) {
  if (error.code == core::Errc::not_found) co_return without_entry(link_id);
  if (error.code != core::Errc::conflict) co_return from_error(error);
  auto entry = co_await view_.relink_entry(link_id);
  if (!entry || !*entry) co_return from_error(error);
  JsonWriter writer;
  write_entry(writer, **entry, true);
  co_return problem(409, conflict_code(error), error.message, "entry", writer.text());
}

api::Task<HttpResponse> AdminRoutes::show_revision(Call call) {
  QueryReader query(call.target);
  const auto seen = query.number("after", UINT64_MAX, 0, UINT64_MAX);
  const core::Millis wait = query.duration("wait", wait_max);
  if (const std::string refusal = query.finish(); !refusal.empty()) co_return refuse_parameter(refusal);
  const std::uint64_t revision = co_await view_.revision(seen, wait);
  JsonWriter writer;
  writer.begin_object().member("revision", revision).end_object();
  co_return json(200, writer);
}

api::Task<HttpResponse> AdminRoutes::list_audit(Call call) {
  QueryReader query(call.target);
  const auto limit = query.number("limit", limit_default, 1, limit_max);
  const auto before = query.number("after", 0, 1, UINT64_MAX);
  if (const std::string refusal = query.finish(); !refusal.empty()) co_return refuse_parameter(refusal);
  auto slice = co_await view_.audit_entries(before, limit);
  if (!slice) co_return from_error(slice.error());
  JsonWriter writer;
  writer.begin_object().key("items").begin_array();
  for (const core::AuditEntry& entry : slice->entries)
    write_audit_entry(writer, entry);
  writer.end_array();
  const bool more = !slice->entries.empty() && slice->entries.back().sequence > 1;
  if (more) writer.member("next", std::string_view(fmt::format("{}", slice->entries.back().sequence)));
  writer.key("head").begin_object().member("sequence", slice->head.sequence);
  writer.member("hash", std::string_view(core::hex_of(slice->head.hash))).end_object();
  writer.end_object();
  co_return json(200, writer);
}

api::Task<HttpResponse> AdminRoutes::check_audit(Call call) {
  QueryReader query(call.target);
  if (const std::string refusal = query.finish(); !refusal.empty()) co_return refuse_parameter(refusal);
  auto check = co_await view_.check_audit();
  if (!check) co_return from_error(check.error());
  JsonWriter writer;
  writer.begin_object().member("intact", check->broken_at == 0).member("entries", check->end.sequence);
  writer.member("hash", std::string_view(core::hex_of(check->end.hash))).key("broken_at");
  if (check->broken_at == 0) {
    writer.null();
  } else {
    writer.integer(check->broken_at);
  }
  writer.end_object();
  co_return json(200, writer);
}

}  // namespace syncd::daemon
