#include <algorithm>

#include <fmt/format.h>

#include "daemon/admin/answers.hpp"
#include "daemon/admin/body.hpp"
#include "daemon/admin/routes.hpp"
#include "sync/core/conflict_codes.hpp"
#include "sync/core/webhook_audit.hpp"

// Links whose changes upstream does not tell us, and how they are mended.
namespace syncd::daemon {

namespace {

struct Look {
  const core::LinkRecord& record;
  core::WebhookFinding finding;
  std::string webhook;  // of the link; empty: none, or unknown
};

void write_look(JsonWriter& writer, const Look& look) {
  writer.begin_object().member("link_id", std::string_view(look.record.link_id.str()));
  writer.member("status", core::to_string(look.record.status));
  writer.member("finding", core::to_string(look.finding));
  if (!look.webhook.empty()) writer.member("webhook", std::string_view(look.webhook));
  writer.end_object();
}

HttpResponse without_webhook() {
  return problem(409, core::no_webhook, "no webhook is configured; set webhook in [link_session]");
}

bool read_ids(core::Reader& reader, std::vector<core::LinkId>& ids) {
  core::Reader::Array array;
  if (!reader.enter(array)) return false;
  while (reader.next(array)) {
    std::string_view id;
    if (!reader.at(array, reader.text(id))) return false;
    if (!core::is_valid_id(id)) return reader.fail("must have 1 to 256 bytes each and no control characters");
    if (ids.size() == engine::webhook_fixes_max) return reader.fail("are more than 50");
    ids.emplace_back(std::string(id));
  }
  return reader.ok();
}

// The body of POST /v1/webhooks/fix: `{"link_ids"}`.
std::expected<std::vector<core::LinkId>, std::string> parse_fix(std::string body) {
  std::vector<core::LinkId> ids;
  const auto read = [&](core::Reader& reader, std::string_view name) {
    if (name != "link_ids") return Member::unknown;
    return read_as(reader.at("link_ids", read_ids(reader, ids)));
  };
  auto done = read_body(std::move(body), "link_ids", read);
  if (!done) return std::unexpected(done.error());
  if (ids.empty()) return std::unexpected("the body: link_ids is missing or empty");
  std::vector<core::LinkId> sorted = ids;
  std::ranges::sort(sorted);
  if (std::ranges::adjacent_find(sorted) != sorted.end())
    return std::unexpected("the body: link_ids names a link twice");
  return ids;
}

std::string_view word_of(const core::Result<engine::WebhookFix>& result) {
  if (!result) return "refused";
  return *result == engine::WebhookFix::fixed ? "fixed" : "right";
}

void write_result(JsonWriter& writer, const std::string& link_id,
                  const core::Result<engine::WebhookFix>& result) {
  writer.begin_object().member("link_id", std::string_view(link_id)).member("result", word_of(result));
  if (!result) {
    writer.member("code", core::to_string(result.error().code));
    writer.member("message", std::string_view(result.error().message));
  }
  writer.end_object();
}

}  // namespace

// `limit` counts the links that are looked at, not those that are shown: a page may be empty and have a next
// one.
api::Task<HttpResponse> AdminRoutes::audit_webhooks(Call call) {
  QueryReader query(call.target);
  const auto limit = query.number("limit", limit_default, 1, limit_max);
  const std::string after = query.text("after", after_bytes_max);
  if (const std::string refusal = query.finish(); !refusal.empty()) co_return refuse_parameter(refusal);
  const std::string wanted = view_.session_webhook();
  if (wanted.empty()) co_return without_webhook();
  auto listing = co_await view_.links(after, limit, std::nullopt);
  if (!listing) co_return from_error(listing.error());
  JsonWriter writer;
  writer.begin_object().key("items").begin_array();
  std::uint64_t looked_at = 0;
  for (const core::LinkRecord& record : listing->items) {
    if (record.status == core::LinkStatus::gone) continue;
    auto object = co_await view_.link_object(record.link_id);
    if (!object) co_return from_error(object.error());
    ++looked_at;
    const auto finding = core::judge_webhook(*object, wanted);
    if (finding && *finding == core::WebhookFinding::right) continue;
    const auto keeps = core::parse_link_keeps(std::move(*object));
    // What is stored and cannot be read is mended by the next visit.
    write_look(writer, {.record = record,
                        .finding = finding.value_or(core::WebhookFinding::unknown),
                        .webhook = keeps ? keeps->webhook : std::string()});
  }
  writer.end_array().member("webhook", std::string_view(wanted)).member("looked_at", looked_at);
  if (!listing->next.empty()) writer.member("next", std::string_view(listing->next));
  writer.end_object();
  co_return json(200, writer);
}

api::Task<HttpResponse> AdminRoutes::fix_webhooks(Call call) {
  QueryReader query(call.target);
  if (const std::string refusal = query.finish(); !refusal.empty()) co_return refuse_parameter(refusal);
  auto ids = parse_fix(std::move(call.request.body));
  if (!ids) co_return problem(400, "invalid_body", ids.error());
  auto results = co_await view_.fix_webhooks(*ids, requester_of(call.request));
  if (!results) co_return from_error(results.error());
  view_.note_action("webhooks.fix", core::LinkId{}, call.request.actor);
  JsonWriter writer;
  writer.begin_object().key("items").begin_array();
  for (std::size_t at = 0; at < ids->size(); ++at)
    write_result(writer, (*ids)[at].str(), (*results)[at]);
  const engine::WebhookFixCounts counts = engine::counts_of(*results);
  writer.end_array().key("counts").begin_object().member("fixed", counts.fixed);
  writer.member("right", counts.right).member("refused", counts.refused);
  writer.end_object().end_object();
  co_return json(200, writer);
}

}  // namespace syncd::daemon
