#include "daemon/admin/answers.hpp"
#include "daemon/admin/routes.hpp"
#include "daemon/admin/session_request.hpp"
#include "daemon/admin/shapes.hpp"
#include "sync/api/secret.hpp"

// Link sessions and the exchange of their tokens.
namespace syncd::daemon {

namespace {

// The only place where the token of a session is written.
void write_issued(JsonWriter& writer, const engine::IssuedSession& session) {
  writer.member("link_session_token", session.token->reveal());
  writer.member("expires_at", std::string_view(core::format_wall_time(session.expires_at)));
}

}  // namespace

api::Task<HttpResponse> AdminRoutes::issue_relink_session(Call call) {
  QueryReader query(call.target);
  if (const std::string refusal = query.finish(); !refusal.empty()) co_return refuse_parameter(refusal);
  auto request = parse_relink_session(call.id, std::move(call.request.body));
  if (!request) co_return problem(400, "invalid_body", request.error());
  const core::LinkId link_id{call.id};
  engine::Requester by = requester_of(call.request);
  auto issued = co_await view_.issue_relink_session(std::move(*request), std::move(by));
  if (!issued) {
    HttpResponse refused = co_await entry_problem(link_id, issued.error());
    co_return refused;
  }
  view_.note_action("relink.session", link_id, call.request.actor);
  JsonWriter writer;
  writer.begin_object();
  write_issued(writer, issued->first);
  writer.key("entry");
  write_entry(writer, issued->second, true);
  writer.end_object();
  co_return json(201, writer);
}

api::Task<HttpResponse> AdminRoutes::issue_session(Call call) {
  QueryReader query(call.target);
  if (const std::string refusal = query.finish(); !refusal.empty()) co_return refuse_parameter(refusal);
  auto session = parse_session_request(std::move(call.request.body));
  if (!session) co_return problem(400, "invalid_body", session.error());
  engine::Requester by = requester_of(call.request);
  auto issued = co_await view_.issue_session(std::move(*session), std::move(by));
  if (!issued) co_return from_error(issued.error());
  view_.note_action("link_sessions.create", core::LinkId{}, call.request.actor);
  JsonWriter writer;
  writer.begin_object();
  write_issued(writer, *issued);
  writer.end_object();
  co_return json(201, writer);
}

api::Task<HttpResponse> AdminRoutes::exchange_token(Call call) {
  QueryReader query(call.target);
  if (const std::string refusal = query.finish(); !refusal.empty()) co_return refuse_parameter(refusal);
  auto request = parse_exchange_request(std::move(call.request.body));
  if (!request) co_return problem(400, "invalid_body", request.error());
  engine::Requester by = requester_of(call.request);
  auto exchanged = co_await view_.exchange(std::move(*request), std::move(by));
  if (!exchanged) co_return from_error(exchanged.error());
  if (exchanged->added) view_.note_action("links.add", exchanged->link_id, call.request.actor);
  HttpResponse response = co_await one_link(exchanged->link_id, exchanged->added ? 201 : 200);
  co_return response;
}

}  // namespace syncd::daemon
