#include <fmt/format.h>

#include "daemon/admin/answers.hpp"
#include "daemon/admin/dead_letter_id.hpp"
#include "daemon/admin/routes.hpp"
#include "daemon/admin/shapes.hpp"

// Verify, repair and dead letters.
namespace syncd::daemon {

namespace {

HttpResponse no_such_letter(const std::string& id) {
  return problem(404, "dead_letter_not_found",
                 fmt::format("there is no dead letter {}: it was dropped, or newer ones took its place", id));
}

HttpResponse letter_status(const std::string& id, core::LinkStatus status) {
  JsonWriter writer;
  writer.begin_object().member("id", std::string_view(id));
  writer.member("status", core::to_string(status)).end_object();
  return json(200, writer);
}

}  // namespace

api::Task<HttpResponse> AdminRoutes::verify_link(Call call) {
  QueryReader query(call.target);
  const core::Millis wait = query.duration("wait", wait_max);
  if (const std::string refusal = query.finish(); !refusal.empty()) co_return refuse_parameter(refusal);
  const core::LinkId link_id{call.id};
  if (!view_.knows(link_id)) co_return no_such_link(link_id);
  auto state = co_await view_.verify(link_id, wait);
  if (!state) co_return from_error(state.error());
  view_.note_action("links.verify", link_id, call.request.actor);
  JsonWriter writer;
  write_verify(writer, link_id, *state, view_.started_at());
  co_return json(state->phase == engine::VerifyState::Phase::done ? 200 : 202, writer);
}

api::Task<HttpResponse> AdminRoutes::show_verify(Call call) {
  QueryReader query(call.target);
  const core::Millis wait = query.duration("wait", wait_max);
  if (const std::string refusal = query.finish(); !refusal.empty()) co_return refuse_parameter(refusal);
  const core::LinkId link_id{call.id};
  if (!view_.knows(link_id)) co_return no_such_link(link_id);
  auto state = co_await view_.verify_state(link_id, wait);
  if (!state) co_return from_error(state.error());
  JsonWriter writer;
  write_verify(writer, link_id, *state, view_.started_at());
  co_return json(200, writer);
}

api::Task<HttpResponse> AdminRoutes::repair_link(Call call) {
  QueryReader query(call.target);
  const core::Millis wait = query.duration("wait", wait_max);
  if (const std::string refusal = query.finish(); !refusal.empty()) co_return refuse_parameter(refusal);
  const core::LinkId link_id{call.id};
  if (!view_.knows(link_id)) co_return no_such_link(link_id);
  auto report = co_await view_.repair(link_id, wait, requester_of(call.request));
  if (!report) co_return from_error(report.error());
  view_.note_action("links.repair", link_id, call.request.actor);
  co_return visit_answer(link_id, *report);
}

api::Task<HttpResponse> AdminRoutes::list_dead_letters(Call call) {
  QueryReader query(call.target);
  const auto limit = query.number("limit", limit_default, 1, limit_max);
  const std::string after = query.text("after", dead_letter_id_bytes_max);
  if (const std::string refusal = query.finish(); !refusal.empty()) co_return refuse_parameter(refusal);
  auto listing = co_await view_.dead_letters(after, limit);
  if (!listing) co_return from_error(listing.error());
  co_return list_of(*listing, [](JsonWriter& writer, const core::DeadLetter& letter) {
    write_dead_letter(writer, letter, false);
  });
}

api::Task<HttpResponse> AdminRoutes::show_dead_letter(Call call) {
  QueryReader query(call.target);
  if (const std::string refusal = query.finish(); !refusal.empty()) co_return refuse_parameter(refusal);
  const DeadLetterId id = *parse_dead_letter_id(call.id);
  auto letter = co_await view_.dead_letter(id.link_id, id.at);
  if (!letter) co_return from_error(letter.error());
  if (!*letter) co_return no_such_letter(call.id);
  note_read(call, {.link_id = id.link_id, .kind = DataKind::dead_letters, .rows = 1});
  JsonWriter writer;
  write_dead_letter(writer, **letter, true);
  co_return json(200, writer);
}

api::Task<HttpResponse> AdminRoutes::retry_dead_letter(Call call) {
  QueryReader query(call.target);
  if (const std::string refusal = query.finish(); !refusal.empty()) co_return refuse_parameter(refusal);
  const DeadLetterId id = *parse_dead_letter_id(call.id);
  auto status = co_await view_.retry_letter(id.link_id, id.at, requester_of(call.request));
  if (!status && status.error().code == core::Errc::not_found) co_return no_such_letter(call.id);
  if (!status) co_return from_error(status.error());
  view_.note_action("dead_letters.retry", id.link_id, call.request.actor);
  co_return letter_status(call.id, *status);
}

api::Task<HttpResponse> AdminRoutes::drop_dead_letter(Call call) {
  QueryReader query(call.target);
  if (const std::string refusal = query.finish(); !refusal.empty()) co_return refuse_parameter(refusal);
  const DeadLetterId id = *parse_dead_letter_id(call.id);
  auto status = co_await view_.drop_letter(id.link_id, id.at, requester_of(call.request));
  if (!status && status.error().code == core::Errc::not_found) co_return no_such_letter(call.id);
  if (!status) co_return from_error(status.error());
  view_.note_action("dead_letters.drop", id.link_id, call.request.actor);
  co_return letter_status(call.id, *status);
}

}  // namespace syncd::daemon
