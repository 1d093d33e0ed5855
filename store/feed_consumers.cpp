#include <algorithm>
#include <utility>

#include "store/codec.hpp"
#include "store/keys.hpp"
#include "store/store_impl.hpp"

// The named consumers of the feed. There are few: all are in memory, and each change is on the disk before it
// is answered.
namespace syncd::store {

FeedBounds Store::Impl::feed_bounds() const {
  return {.epoch = feed.epoch, .first = feed_first, .head = feed.head};
}

// Behind check_feed_end(): where the feed begins, and who follows it.
core::Result<void> Store::Impl::load_feed_front() {
  const auto value = database->get(Family::meta, meta_key::feed_front);
  if (!value) return std::unexpected(value.error());
  if (*value) {
    const auto front = decode_feed_front(**value);
    if (!front) return std::unexpected(front.error());
    if (front->epoch == feed.epoch) feed_first = front->first;
  }
  Scan scan(*database, Family::consumers, {}, {});
  for (; scan.valid(); scan.next()) {
    auto consumer = decode_feed_consumer(scan.key(), scan.value());
    if (!consumer) return std::unexpected(consumer.error());
    consumers.insert_or_assign(consumer->name, *consumer);
  }
  return scan.finish("read the feed's consumers");
}

core::Result<ConsumerView> Store::Impl::view_of(const FeedConsumer& consumer) {
  const FeedBounds bounds = feed_bounds();
  ConsumerView view{.consumer = consumer,
                    .state = state_of(consumer, bounds),
                    .lag = lag_of(consumer, bounds),
                    .oldest_unread_at = std::nullopt};
  const bool reads_all = view.state != ConsumerState::live;
  const std::uint64_t oldest = reads_all ? bounds.first : consumer.acknowledged.sequence + 1;
  if (oldest > bounds.head) return view;
  constexpr std::string_view doing = "find a consumer's place";
  Scan scan(*database, Family::feed, feed_key(bounds.epoch, 0), feed_key(bounds.epoch + 1, 0));
  scan.seek_back(feed_key(bounds.epoch, oldest));
  if (!scan.valid()) {
    if (auto done = scan.finish(doing); !done) return std::unexpected(done.error());
    return std::unexpected(database->failed(doing, damaged("feed block")));
  }
  const auto head = decode_feed_block_head(scan.value());
  if (!head) return std::unexpected(database->failed(doing, head.error()));
  view.oldest_unread_at = head->at;
  return view;
}

core::Result<ConsumerLook> Store::Impl::look_at(std::string_view name) {
  ConsumerLook look{.found = std::nullopt, .feed = feed_bounds()};
  const auto found = consumers.find(name);
  if (found == consumers.end()) return look;
  auto view = view_of(found->second);
  if (!view) return std::unexpected(view.error());
  look.found = std::move(*view);
  return look;
}

// One change of a consumer with its act, durably.
core::Result<void> Store::Impl::put_consumer(const FeedConsumer& consumer, core::WallTime at,
                                             const core::AuditNote* act) {
  batch.Clear();
  std::string value;
  encode_feed_consumer(value, consumer);
  batch.Put(database->family(Family::consumers), to_slice(consumer.name), value);
  if (act != nullptr) put_act(*database, audit, at, *act, batch);
  if (auto written = database->write(batch, options.sync_writes); !written) return written;
  ++commits;
  consumers.insert_or_assign(consumer.name, consumer);
  return {};
}

core::Result<ConsumerList> Store::consumers() {
  if (auto ready = impl_->ready(); !ready) return std::unexpected(ready.error());
  ConsumerList list{.consumers = {}, .feed = impl_->feed_bounds()};
  for (const auto& [name, consumer] : impl_->consumers) {
    auto view = impl_->view_of(consumer);
    if (!view) return std::unexpected(view.error());
    list.consumers.push_back(std::move(*view));
  }
  return list;
}

core::Result<ConsumerLook> Store::consumer(std::string_view name) {
  if (auto ready = impl_->ready(); !ready) return std::unexpected(ready.error());
  return impl_->look_at(name);
}

core::Result<AddedConsumer> Store::add_consumer(std::string_view name, ConsumerStart start, core::WallTime at,
                                                const core::AuditNote& act) {
  if (auto ready = impl_->ready(); !ready) return std::unexpected(ready.error());
  if (!is_valid_consumer_name(name))
    return core::fail(core::Errc::invalid, "this is no name for a consumer of the feed");
  using Outcome = AddedConsumer::Outcome;
  AddedConsumer added;
  if (impl_->consumers.contains(name)) {
    added.outcome = Outcome::existed;
  } else if (impl_->audit.find(act.request_key)) {
    added.outcome = Outcome::known_act;
  } else if (impl_->consumers.size() >= feed_consumers_max) {
    added.outcome = Outcome::no_room;
  } else {
    // Its position is a promise like any that was shown.
    if (auto published = impl_->publish(); !published) return std::unexpected(published.error());
    const FeedBounds bounds = impl_->feed_bounds();
    const std::uint64_t sequence = start == ConsumerStart::head ? bounds.head : bounds.first - 1;
    const FeedConsumer consumer{.name = std::string(name),
                                .created_at = at,
                                .acknowledged = {.epoch = bounds.epoch, .sequence = sequence},
                                .acknowledged_at = {}};
    if (auto put = impl_->put_consumer(consumer, at, &act); !put) return std::unexpected(put.error());
  }
  auto look = impl_->look_at(name);
  if (!look) return std::unexpected(look.error());
  added.look = std::move(*look);
  return added;
}

core::Result<RemovedConsumer> Store::remove_consumer(std::string_view name, core::WallTime at,
                                                     const core::AuditNote& act) {
  if (auto ready = impl_->ready(); !ready) return std::unexpected(ready.error());
  if (impl_->audit.find(act.request_key)) return RemovedConsumer::known_act;
  const auto found = impl_->consumers.find(name);
  if (found == impl_->consumers.end()) return RemovedConsumer::unknown;
  auto& batch = impl_->batch;
  batch.Clear();
  batch.Delete(impl_->database->family(Family::consumers), to_slice(name));
  put_act(*impl_->database, impl_->audit, at, act, batch);
  if (auto written = impl_->database->write(batch, impl_->options.sync_writes); !written)
    return std::unexpected(written.error());
  ++impl_->commits;
  impl_->consumers.erase(found);
  return RemovedConsumer::removed;
}

// Why the consumer cannot be put there; moved: it can.
MovedConsumer::Outcome Store::Impl::judge_move(const FeedConsumer& consumer, FeedPosition to,
                                               ConsumerMove move) const {
  using Outcome = MovedConsumer::Outcome;
  const bool acknowledges = move == ConsumerMove::acknowledge;
  if (to.epoch != feed.epoch) return Outcome::other_epoch;
  if (acknowledges && consumer.acknowledged.epoch != feed.epoch) return Outcome::other_epoch;
  if (to.sequence > high_water.published) return Outcome::ahead;
  if (acknowledges && to.sequence < consumer.acknowledged.sequence) return Outcome::behind;
  if (!acknowledges && to.sequence + 1 < feed_first) return Outcome::cut;
  return Outcome::moved;
}

core::Result<MovedConsumer> Store::move_consumer(std::string_view name, FeedPosition to, ConsumerMove move,
                                                 core::WallTime at, const core::AuditNote& act) {
  if (auto ready = impl_->ready(); !ready) return std::unexpected(ready.error());
  using Outcome = MovedConsumer::Outcome;
  MovedConsumer moved;
  const auto found = impl_->consumers.find(name);
  const bool resets = move == ConsumerMove::reset;
  if (found == impl_->consumers.end()) {
    moved.outcome = Outcome::unknown;
  } else if (resets && impl_->audit.find(act.request_key)) {
    moved.outcome = Outcome::known_act;
  } else {
    moved.outcome = impl_->judge_move(found->second, to, move);
  }
  if (moved.outcome == Outcome::moved) {
    FeedConsumer consumer = found->second;
    const bool stays = consumer.acknowledged == to && consumer.acknowledged_at != core::WallTime{};
    consumer.acknowledged = to;
    consumer.acknowledged_at = at;
    // Said again, it costs no write.
    if (!stays) {
      if (auto put = impl_->put_consumer(consumer, at, resets ? &act : nullptr); !put)
        return std::unexpected(put.error());
    }
  }
  auto look = impl_->look_at(name);
  if (!look) return std::unexpected(look.error());
  moved.look = std::move(*look);
  return moved;
}

}  // namespace syncd::store
