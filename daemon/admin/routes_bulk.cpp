#include <algorithm>
#include <array>
#include <optional>

#include "daemon/admin/answers.hpp"
#include "daemon/admin/body.hpp"
#include "daemon/admin/link_request.hpp"
#include "daemon/admin/routes.hpp"

// What goes in and out by the thousand.
namespace syncd::daemon {

namespace {

constexpr std::array<std::string_view, 4> exported{"accounts", "feed", "links", "transactions"};
constexpr std::size_t word_bytes_max = 32;

std::string_view word_of(engine::AddOutcome outcome) {
  return outcome == engine::AddOutcome::added ? "added" : "existed";
}

std::string_view code_of(const core::Error& error) {
  if (!error.api_code.empty()) return error.api_code;
  return error.code == core::Errc::invalid ? "invalid" : "conflict";
}

void write_outcome(JsonWriter& writer, const std::string& link_id,
                   const core::Result<engine::AddOutcome>& outcome) {
  writer.begin_object().member("link_id", std::string_view(link_id));
  writer.member("result", outcome ? word_of(*outcome) : std::string_view("refused"));
  if (!outcome) {
    writer.member("code", code_of(outcome.error()));
    writer.member("message", std::string_view(outcome.error().message));
  }
  writer.end_object();
}

std::uint64_t count_of(const engine::Imported& results, std::optional<engine::AddOutcome> outcome) {
  const auto is_it = [&](const core::Result<engine::AddOutcome>& result) {
    return outcome ? result && *result == *outcome : !result;
  };
  return static_cast<std::uint64_t>(std::ranges::count_if(results, is_it));
}

// The body of POST /v1/exports: `{"what"}`.
std::expected<std::string, std::string> parse_export(std::string body) {
  std::string what;
  const auto read = [&](core::Reader& reader, std::string_view name) {
    if (name != "what") return Member::unknown;
    return read_as(reader.at("what", read_text(reader, what, word_bytes_max)));
  };
  auto done = read_body(std::move(body), "what", read);
  if (!done) return std::unexpected(done.error());
  if (std::ranges::find(exported, what) == exported.end())
    return std::unexpected("the body: what must be accounts, feed, links or transactions");
  return what;
}

}  // namespace

api::Task<HttpResponse> AdminRoutes::import_links(Call call) {
  QueryReader query(call.target);
  if (const std::string refusal = query.finish(); !refusal.empty()) co_return refuse_parameter(refusal);
  auto links = parse_import(std::move(call.request.body));
  if (!links) co_return problem(400, "invalid_body", links.error());
  std::vector<std::string> ids;
  for (const engine::NewLink& link : *links)
    ids.push_back(link.link_id.str());
  auto results = co_await view_.import_links(std::move(*links), requester_of(call.request));
  if (!results) co_return from_error(results.error());
  const std::uint64_t added = count_of(*results, engine::AddOutcome::added);
  if (added > 0) view_.note_action("links.import", core::LinkId{}, call.request.actor);
  JsonWriter writer;
  writer.begin_object().key("items").begin_array();
  for (std::size_t at = 0; at < ids.size(); ++at)
    write_outcome(writer, ids[at], (*results)[at]);
  writer.end_array().key("counts").begin_object();
  writer.member("added", added);
  writer.member("existed", count_of(*results, engine::AddOutcome::existed));
  writer.member("refused", count_of(*results, std::nullopt));
  writer.end_object().end_object();
  co_return json(200, writer);
}

// The reading itself is that of the lists: this says beforehand, where it lasts, that everything is read.
api::Task<HttpResponse> AdminRoutes::begin_export(Call call) {
  QueryReader query(call.target);
  if (const std::string refusal = query.finish(); !refusal.empty()) co_return refuse_parameter(refusal);
  const auto what = parse_export(std::move(call.request.body));
  if (!what) co_return problem(400, "invalid_body", what.error());
  JsonWriter detail;
  detail.begin_object().member("what", std::string_view(*what)).end_object();
  auto recorded = co_await view_.record_act("export.begin", detail.take(), requester_of(call.request));
  if (!recorded) co_return from_error(recorded.error());
  view_.note_action("export.begin", core::LinkId{}, call.request.actor);
  JsonWriter writer;
  writer.begin_object().member("what", std::string_view(*what));
  writer.member("at", std::string_view(core::format_wall_time(view_.wall_now()))).end_object();
  co_return json(201, writer);
}

}  // namespace syncd::daemon
