#include <algorithm>
#include <cstdint>
#include <functional>
#include <utility>

#include <fmt/format.h>

#include "daemon/admin/answers.hpp"
#include "daemon/admin/consumer_request.hpp"
#include "daemon/admin/routes.hpp"
#include "daemon/admin/shapes.hpp"

// The change feed and its named consumers.
namespace syncd::daemon {

namespace {

DataRead read_of(const store::FeedSlice& slice) {
  if (slice.entries.empty()) return {};
  return {.kind = DataKind::feed,
          .rows = slice.entries.size(),
          .first_sequence = slice.entries.front().sequence,
          .last_sequence = slice.entries.back().sequence};
}

bool names(const Target& target, std::string_view parameter) {
  return std::ranges::any_of(target.query, [parameter](const auto& each) { return each.first == parameter; });
}

void write_bounds(JsonWriter& writer, const store::FeedBounds& feed) {
  writer.begin_object().member("epoch", feed.epoch).member("first", feed.first);
  writer.member("head", feed.head).end_object();
}

// What whoever is refused needs to begin anew with.
HttpResponse feed_problem(int status, std::string_view code, std::string_view detail,
                          const store::FeedBounds& feed) {
  JsonWriter writer;
  write_bounds(writer, feed);
  return problem(status, code, detail, "feed", writer.text());
}

HttpResponse cut_problem(const store::FeedBounds& feed) {
  return feed_problem(
      410, "feed_cut",
      fmt::format("changes that follow there are not kept any more (feed.keep), the first that "
                  "is has the sequence {}; read the rows anew and follow from the head",
                  feed.first),
      feed);
}

HttpResponse epoch_problem(const store::FeedBounds& feed) {
  return feed_problem(409, "epoch_changed",
                      fmt::format("the feed is of epoch {} now and earlier positions mean nothing; read the "
                                  "rows anew, reset the consumer to the head and follow from there",
                                  feed.epoch),
                      feed);
}

HttpResponse no_such_consumer(std::string_view name) {
  return problem(404, "consumer_not_found",
                 fmt::format("the feed has no consumer {}: misspelt, or not added yet "
                             "(moneykitctl feed consumers add, POST /v1/feed/consumers)",
                             name));
}

store::FeedBounds bounds_of(const store::FeedSlice& slice) {
  return {.epoch = slice.epoch, .first = slice.first, .head = slice.head};
}

}  // namespace

// `consumer`: whose reading it is; nullptr: nobody's.
HttpResponse AdminRoutes::show_changes(const Call& call, std::uint64_t after, const store::FeedSlice& slice,
                                       const store::ConsumerView* consumer) {
  if (slice.is_cut(after)) return cut_problem(bounds_of(slice));
  note_read(call, read_of(slice));
  JsonWriter writer;
  writer.begin_object().key("items").begin_array();
  for (const store::FeedEntry& entry : slice.entries)
    write_feed_entry(writer, entry);
  writer.end_array();
  const bool more = !slice.entries.empty() && slice.entries.back().sequence < slice.head;
  if (more) writer.member("next", std::string_view(fmt::format("{}", slice.entries.back().sequence)));
  writer.member("epoch", slice.epoch).member("head", slice.head);
  if (consumer != nullptr) writer.member("acknowledged", consumer->consumer.acknowledged.sequence);
  writer.end_object();
  return json(200, writer);
}

api::Task<HttpResponse> AdminRoutes::list_feed(Call call) {
  QueryReader query(call.target);
  const auto after = query.number("after", 0, 0, UINT64_MAX);
  const auto limit = query.number("limit", limit_default, 1, limit_max);
  const core::Millis wait = query.duration("wait", wait_max);
  if (const std::string refusal = query.finish(); !refusal.empty()) co_return refuse_parameter(refusal);
  auto slice = co_await view_.feed(after, limit, wait);
  if (!slice) co_return from_error(slice.error());
  co_return show_changes(call, after, *slice, nullptr);
}

void AdminRoutes::write_consumer_members(JsonWriter& writer, const store::ConsumerView& view) const {
  const store::FeedConsumer& consumer = view.consumer;
  writer.member("name", std::string_view(consumer.name)).member("state", store::to_string(view.state));
  writer.member("epoch", consumer.acknowledged.epoch);
  writer.member("acknowledged", consumer.acknowledged.sequence).member("lag", view.lag);
  write_optional_time(writer, "oldest_unread_at", view.oldest_unread_at);
  write_time(writer, "acknowledged_at", consumer.acknowledged_at);
  const auto read_at = consumers_read_at_.find(consumer.name);
  write_time(writer, "last_read_at",
             read_at == consumers_read_at_.end() ? core::WallTime{} : read_at->second);
  write_time(writer, "created_at", consumer.created_at);
}

api::Task<HttpResponse> AdminRoutes::list_consumers(Call call) {
  QueryReader query(call.target);
  const auto limit = query.number("limit", limit_default, 1, limit_max);
  const std::string after = query.text("after", store::consumer_name_bytes_max);
  if (const std::string refusal = query.finish(); !refusal.empty()) co_return refuse_parameter(refusal);
  auto list = co_await view_.feed_consumers();
  if (!list) co_return from_error(list.error());
  const std::vector<store::ConsumerView>& all = list->consumers;
  const auto name_of = [](const store::ConsumerView& view) -> const std::string& {
    return view.consumer.name;
  };
  const auto first = std::ranges::upper_bound(all, after, std::ranges::less{}, name_of);
  const auto page = page_from(first, all.end(), limit, name_of);
  JsonWriter writer;
  writer.begin_object().key("items").begin_array();
  for (const store::ConsumerView& view : page.items) {
    writer.begin_object();
    write_consumer_members(writer, view);
    writer.end_object();
  }
  writer.end_array();
  if (!page.next.empty()) writer.member("next", std::string_view(page.next));
  writer.key("feed");
  write_bounds(writer, list->feed);
  writer.end_object();
  co_return json(200, writer);
}

api::Task<HttpResponse> AdminRoutes::show_consumer(Call call) {
  QueryReader query(call.target);
  if (const std::string refusal = query.finish(); !refusal.empty()) co_return refuse_parameter(refusal);
  auto look = co_await view_.feed_consumer(call.id);
  if (!look) co_return from_error(look.error());
  if (!look->found) co_return no_such_consumer(call.id);
  JsonWriter writer;
  writer.begin_object();
  write_consumer_members(writer, *look->found);
  writer.key("feed");
  write_bounds(writer, look->feed);
  writer.end_object();
  co_return json(200, writer);
}

api::Task<HttpResponse> AdminRoutes::add_consumer(Call call) {
  QueryReader query(call.target);
  if (const std::string refusal = query.finish(); !refusal.empty()) co_return refuse_parameter(refusal);
  engine::Requester by = requester_of(call.request);
  auto wanted = parse_new_consumer(std::move(call.request.body));
  if (!wanted) co_return problem(400, "invalid_body", wanted.error());
  auto added = co_await view_.add_feed_consumer(std::move(wanted->name), wanted->start, std::move(by));
  if (!added) co_return from_error(added.error());
  const bool fresh = added->outcome == store::AddedConsumer::Outcome::added;
  if (fresh) view_.note_action("consumers.add", {}, call.request.actor);
  JsonWriter writer;
  writer.begin_object();
  write_consumer_members(writer, *added->look.found);
  writer.end_object();
  co_return json(fresh ? 201 : 200, writer);
}

api::Task<HttpResponse> AdminRoutes::remove_consumer(Call call) {
  QueryReader query(call.target);
  if (const std::string refusal = query.finish(); !refusal.empty()) co_return refuse_parameter(refusal);
  engine::Requester by = requester_of(call.request);
  auto removed = co_await view_.remove_feed_consumer(call.id, std::move(by));
  if (!removed && removed.error().code == core::Errc::not_found) co_return no_such_consumer(call.id);
  if (!removed) co_return from_error(removed.error());
  consumers_read_at_.erase(call.id);
  view_.note_action("consumers.remove", {}, call.request.actor);
  JsonWriter writer;
  writer.begin_object().member("name", std::string_view(call.id)).member("removed", true).end_object();
  co_return json(200, writer);
}

api::Task<HttpResponse> AdminRoutes::read_changes(Call call) {
  QueryReader query(call.target);
  const auto asked_after = query.number("after", 0, 0, UINT64_MAX);
  const auto asked_epoch = query.number("epoch", 0, 1, UINT64_MAX);
  const auto limit = query.number("limit", limit_default, 1, limit_max);
  const core::Millis wait = query.duration("wait", wait_max);
  if (const std::string refusal = query.finish(); !refusal.empty()) co_return refuse_parameter(refusal);
  auto look = co_await view_.feed_consumer(call.id);
  if (!look) co_return from_error(look.error());
  if (!look->found) co_return no_such_consumer(call.id);
  const store::ConsumerView consumer = *look->found;
  consumers_read_at_.insert_or_assign(consumer.consumer.name, view_.wall_now());
  const bool other_epoch = consumer.state == store::ConsumerState::other_epoch ||
                           (names(call.target, "epoch") && asked_epoch != look->feed.epoch);
  if (other_epoch) co_return epoch_problem(look->feed);
  const bool own_place = names(call.target, "after");
  const std::uint64_t after = own_place ? asked_after : consumer.consumer.acknowledged.sequence;
  auto slice = co_await view_.feed(after, limit, wait);
  if (!slice) co_return from_error(slice.error());
  co_return show_changes(call, after, *slice, &consumer);
}

api::Task<HttpResponse> AdminRoutes::acknowledge_changes(Call call) {
  return move_consumer(std::move(call), store::ConsumerMove::acknowledge);
}

api::Task<HttpResponse> AdminRoutes::reset_consumer(Call call) {
  return move_consumer(std::move(call), store::ConsumerMove::reset);
}

api::Task<HttpResponse> AdminRoutes::move_consumer(Call call, store::ConsumerMove move) {
  QueryReader query(call.target);
  if (const std::string refusal = query.finish(); !refusal.empty()) co_return refuse_parameter(refusal);
  engine::Requester by = requester_of(call.request);
  const auto to = parse_feed_position(std::move(call.request.body));
  if (!to) co_return problem(400, "invalid_body", to.error());
  auto moved = co_await view_.move_feed_consumer(call.id, *to, move, std::move(by));
  if (!moved) co_return from_error(moved.error());
  using Outcome = store::MovedConsumer::Outcome;
  const store::FeedBounds& feed = moved->look.feed;
  switch (moved->outcome) {
    case Outcome::unknown:
      co_return no_such_consumer(call.id);
    case Outcome::other_epoch:
      co_return epoch_problem(feed);
    case Outcome::cut:
      co_return cut_problem(feed);
    case Outcome::behind:
      co_return feed_problem(409, "behind",
                             fmt::format("the consumer has acknowledged {} already, and an acknowledgement "
                                         "never goes back; a reset does",
                                         moved->look.found->consumer.acknowledged.sequence),
                             feed);
    case Outcome::ahead:
      co_return feed_problem(409, "ahead",
                             "nobody was shown a change of this sequence yet, so none can be applied; take "
                             "epoch and seq from an answer of the feed",
                             feed);
    case Outcome::moved:
    case Outcome::known_act:
      break;
  }
  if (move == store::ConsumerMove::reset) view_.note_action("consumers.reset", {}, call.request.actor);
  JsonWriter writer;
  writer.begin_object();
  write_consumer_members(writer, *moved->look.found);
  writer.end_object();
  co_return json(200, writer);
}

}  // namespace syncd::daemon
