#include <fmt/format.h>

#include "daemon/admin/answers.hpp"
#include "daemon/admin/body.hpp"
#include "daemon/admin/routes.hpp"
#include "daemon/admin/shapes.hpp"

// The end of a link, and what the feed tells of it.
namespace syncd::daemon {

namespace {

// Whether the link is to be ended upstream, too.
std::expected<bool, std::string> parse_purge(std::string body) {
  bool unlink = false;
  const auto read = [&unlink](core::Reader& reader, std::string_view name) {
    return name == "unlink" ? read_as(reader.at("unlink", reader.boolean(unlink))) : Member::unknown;
  };
  auto done = read_body(std::move(body), "unlink", read);
  if (!done) return std::unexpected(done.error());
  return unlink;
}

DataRead read_of(const core::LinkId& link_id, const std::vector<store::FeedEntry>& newest_first) {
  DataRead read{.link_id = link_id, .kind = DataKind::feed, .rows = newest_first.size()};
  if (newest_first.empty()) return read;
  read.first_sequence = newest_first.back().sequence;
  read.last_sequence = newest_first.front().sequence;
  return read;
}

}  // namespace

api::Task<HttpResponse> AdminRoutes::purge_link(Call call) {
  QueryReader query(call.target);
  if (const std::string refusal = query.finish(); !refusal.empty()) co_return refuse_parameter(refusal);
  const auto unlink = parse_purge(std::move(call.request.body));
  if (!unlink) co_return problem(400, "invalid_body", unlink.error());
  const core::LinkId link_id{call.id};
  engine::Requester by = requester_of(call.request);
  auto purged = co_await view_.purge(link_id, *unlink, std::move(by));
  if (!purged && purged.error().code == core::Errc::not_found) co_return no_such_link(link_id);
  if (!purged) co_return from_error(purged.error());
  view_.note_action("links.purge", link_id, call.request.actor);
  JsonWriter writer;
  writer.begin_object().member("link_id", std::string_view(link_id.str()));
  writer.member("unlinked", purged->unlinked).member("repeated", purged->repeated);
  writer.member("accounts", purged->counts.accounts).member("transactions", purged->counts.transactions);
  writer.end_object();
  co_return json(200, writer);
}

api::Task<HttpResponse> AdminRoutes::list_link_feed(Call call) {
  QueryReader query(call.target);
  const auto limit = query.number("limit", limit_default, 1, limit_max);
  const auto before = query.number("after", 0, 1, UINT64_MAX);
  if (const std::string refusal = query.finish(); !refusal.empty()) co_return refuse_parameter(refusal);
  const core::LinkId link_id{call.id};
  if (!view_.knows(link_id)) co_return no_such_link(link_id);
  auto entries = co_await view_.link_feed(link_id, before, limit);
  if (!entries) co_return from_error(entries.error());
  note_read(call, read_of(link_id, *entries));
  JsonWriter writer;
  writer.begin_object().key("items").begin_array();
  for (const store::FeedEntry& entry : *entries)
    write_feed_entry(writer, entry);
  writer.end_array();
  // The oldest one of all has the sequence 1 at least: nothing is below it.
  const bool more = !entries->empty() && entries->back().sequence > 1;
  if (more) writer.member("next", std::string_view(fmt::format("{}", entries->back().sequence)));
  writer.end_object();
  co_return json(200, writer);
}

}  // namespace syncd::daemon
