#include "store/batch_impl.hpp"
#include "store/codec.hpp"
#include "store/keys.hpp"

// What a commit does to a link that is purged.
namespace syncd::store {
namespace {

constexpr std::size_t purged_one_by_one_max = 20'000;

}  // namespace

core::Result<void> BatchBuilder::purge(const core::LinkUpdate& update, Touched& link) {
  const auto& link_id = update.link_id.str();
  // Before the range of the link's keys goes: its places in the feed are among them.
  if (auto done = purge_feed(link_id, link); !done) return done;
  if (auto done = purge_entry(link_id, link); !done) return done;
  if (auto done = purge_letters(link_id); !done) return done;
  for (const Family family : {Family::transactions, Family::accounts}) {
    if (auto done = purge_keys(family, link_id, link); !done) return done;
  }
  erase(Family::links, link_key(link_id));
  if (!update.record.customer_user_id.empty())
    erase(Family::links, user_link_key(update.record.customer_user_id, link_id));
  link = Touched{};
  link.written = true;
  return {};
}

// One by one where they are few, because each range that goes makes every later read look at it, until
// compaction is through; what this batch has put itself, no scan can find.
core::Result<void> BatchBuilder::purge_keys(Family family, const std::string& link_id, const Touched& link) {
  const std::string begin = link_key(link_id);
  const std::string end = link_key_end(link_id);
  bool as_range = link.written;
  Scan scan(database_, family, begin, end);
  for (std::size_t keys = 0; !as_range && scan.valid(); scan.next(), ++keys) {
    erase(family, scan.key());
    as_range = keys == purged_one_by_one_max;
  }
  if (!as_range) return scan.finish("purge a link");
  keep(batch_.DeleteRange(database_.family(family), to_slice(begin), to_slice(end)));
  return {};
}

// Every block of the link, of earlier epochs too, becomes one without content. The work is in proportion to
// the link's history; the batch is not, it gets some thirty bytes for each block.
core::Result<void> BatchBuilder::purge_feed(const std::string& link_id, const Touched& link) {
  constexpr auto kind = std::to_underlying(AccountKind::feed_block);
  Scan scan(database_, Family::accounts, kind_prefix(link_id, kind), kind_prefix_end(link_id, kind));
  for (; scan.valid(); scan.next()) {
    const auto place = parse_link_feed_key(scan.key());
    if (!place)
      return std::unexpected(database_.failed("purge a link's changes", damaged("place in the feed")));
    rocksdb::PinnableSlice value;
    const auto found = database_.get(Family::feed, feed_key(place->epoch, place->first_sequence), value);
    if (!found) return std::unexpected(found.error());
    if (!*found) return std::unexpected(database_.failed("purge a link's changes", damaged("feed block")));
    const auto head = decode_feed_block_head(to_view(value));
    if (!head) return std::unexpected(database_.failed("purge a link's changes", head.error()));
    // A block of another link would be a mistaken place: nothing of that one may go.
    if (head->link_id != link_id)
      return std::unexpected(database_.failed("purge a link's changes", damaged("place in the feed")));
    erase_block(*place, *head);
  }
  if (auto done = scan.finish("purge a link's changes"); !done) return done;
  for (const auto& [place, head] : link.blocks)
    erase_block(place, head);
  return {};
}

// What is nothing but link.purged stays: an earlier receipt tells what was purged when.
void BatchBuilder::erase_block(const FeedKey& place, const FeedBlockHead& head) {
  if (head.purges_only) return;
  value_.clear();
  encode_erased_feed_block(value_, head);
  put(Family::feed, feed_key(place.epoch, place.first_sequence), value_);
}

core::Result<void> BatchBuilder::purge_entry(const std::string& link_id, Touched& link) {
  const std::string key = link_key(link_id);
  if (!link.queue_place) {
    const auto held = database_.get(Family::relink, key);
    if (!held) return std::unexpected(held.error());
    if (!*held) return {};
    const auto entry = decode_relink(link_id, **held);
    if (!entry) return std::unexpected(database_.failed("purge a relink entry", entry.error()));
    link.queue_place = queue_key(*entry);
  }
  erase(Family::relink, *link.queue_place);
  erase(Family::relink, key);
  return {};
}

core::Result<void> BatchBuilder::purge_letters(const std::string& link_id) {
  if (auto loaded = dead_letters_.load(database_); !loaded) return loaded;
  for (const std::string& key : dead_letters_.remove_all(link_id))
    erase(Family::dead_letters, key);
  return {};
}

}  // namespace syncd::store
