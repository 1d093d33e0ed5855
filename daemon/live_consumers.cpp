#include <utility>

#include <fmt/format.h>

#include "daemon/admin/repeated_request.hpp"
#include "daemon/json_writer.hpp"
#include "daemon/live_view.hpp"
#include "store/consumers.hpp"

// The named consumers of the feed.
namespace syncd::daemon {

namespace {

core::Error no_room() {
  return {.code = core::Errc::conflict,
          .message = fmt::format("the feed has {} consumers, and not more are kept; remove one that nobody "
                                 "uses (moneykitctl feed consumers ls)",
                                 store::feed_consumers_max),
          .api_code = "too_many_consumers"};
}

std::string detail_of(std::string_view name) {
  JsonWriter writer;
  writer.begin_object().member("name", name).end_object();
  return writer.take();
}

core::Result<store::AddedConsumer> add_consumer(store::Store& store, const std::string& name,
                                                store::ConsumerStart start, core::WallTime now,
                                                const core::AuditNote& act) {
  using Outcome = store::AddedConsumer::Outcome;
  auto added = store.add_consumer(name, start, now, act);
  if (!added) return added;
  if (added->outcome == Outcome::no_room) return std::unexpected(no_room());
  if (added->outcome != Outcome::known_act) return added;
  if (auto same = refuse_other_request(store, act); !same) return std::unexpected(same.error());
  return core::fail(core::Errc::conflict,
                    "this request was answered before, and the consumer was removed since; send another "
                    "Idempotency-Key to add it again");
}

core::Result<void> remove_consumer(store::Store& store, const std::string& name, core::WallTime now,
                                   const core::AuditNote& act) {
  const auto removed = store.remove_consumer(name, now, act);
  if (!removed) return std::unexpected(removed.error());
  if (*removed == store::RemovedConsumer::unknown)
    return core::fail(core::Errc::not_found, "the feed has no such consumer");
  if (*removed == store::RemovedConsumer::known_act) return refuse_other_request(store, act);
  return {};
}

core::Result<store::MovedConsumer> move_consumer(store::Store& store, const std::string& name,
                                                 store::FeedPosition to, store::ConsumerMove move,
                                                 core::WallTime now, const core::AuditNote& act) {
  auto moved = store.move_consumer(name, to, move, now, act);
  if (!moved || moved->outcome != store::MovedConsumer::Outcome::known_act) return moved;
  if (auto same = refuse_other_request(store, act); !same) return std::unexpected(same.error());
  return moved;
}

}  // namespace

api::Task<core::Result<store::ConsumerList>> LiveView::feed_consumers() {
  auto work = [](store::Store& store) { return store.consumers(); };
  auto list = co_await parts_.store.run(std::move(work));
  co_return std::move(list);
}

api::Task<core::Result<store::ConsumerLook>> LiveView::feed_consumer(std::string name) {
  auto work = [&](store::Store& store) { return store.consumer(name); };
  auto look = co_await parts_.store.run(std::move(work));
  co_return std::move(look);
}

api::Task<core::Result<store::AddedConsumer>> LiveView::add_feed_consumer(std::string name,
                                                                          store::ConsumerStart start,
                                                                          engine::Requester by) {
  const core::AuditNote act = act_of(by, "consumers.add", detail_of(name));
  const core::WallTime now = parts_.timers.wall_now();
  auto work = [&](store::Store& store) { return add_consumer(store, name, start, now, act); };
  auto added = co_await parts_.store.run(std::move(work));
  co_return std::move(added);
}

api::Task<core::Result<void>> LiveView::remove_feed_consumer(std::string name, engine::Requester by) {
  const core::AuditNote act = act_of(by, "consumers.remove", detail_of(name));
  const core::WallTime now = parts_.timers.wall_now();
  auto work = [&](store::Store& store) { return remove_consumer(store, name, now, act); };
  auto removed = co_await parts_.store.run(std::move(work));
  co_return removed;
}

api::Task<core::Result<store::MovedConsumer>> LiveView::move_feed_consumer(std::string name,
                                                                           store::FeedPosition to,
                                                                           store::ConsumerMove move,
                                                                           engine::Requester by) {
  JsonWriter detail;
  detail.begin_object().member("name", std::string_view(name)).member("epoch", to.epoch);
  detail.member("seq", to.sequence).end_object();
  const core::AuditNote act = act_of(by, "consumers.reset", detail.take());
  const core::WallTime now = parts_.timers.wall_now();
  auto work = [&](store::Store& store) { return move_consumer(store, name, to, move, now, act); };
  auto moved = co_await parts_.store.run(std::move(work));
  co_return std::move(moved);
}

}  // namespace syncd::daemon
