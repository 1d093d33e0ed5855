#include "store/batch_impl.hpp"
#include "store/codec.hpp"
#include "store/keys.hpp"

// What a commit does to a link that is purged.
namespace syncd::store {

core::Result<void> BatchBuilder::purge(const core::LinkUpdate& update, Touched& link) {
  const auto& link_id = update.link_id.str();
  if (auto done = purge_feed(link_id); !done) return done;
  if (auto done = purge_entry(link_id); !done) return done;
  if (auto done = purge_letters(link_id); !done) return done;
  if (auto done = purge_hints(update.link_id); !done) return done;
  for (const Family family : {Family::transactions, Family::accounts}) {
    if (auto done = purge_keys(family, link_id); !done) return done;
  }
  erase(Family::links, link_key(link_id));
  if (!update.record.customer_user_id.empty())
    erase(Family::links, user_link_key(update.record.customer_user_id, link_id));
  link = Touched{};
  link.written = true;
  return {};
}

// Every block of the link, of earlier epochs too, becomes one without content, unless it has none: an earlier
// receipt tells what was purged when. The work is in proportion to the link's history; the batch gets some
// thirty bytes for each block.
core::Result<void> BatchBuilder::purge_feed(const std::string& link_id) {
  constexpr std::string_view doing = "purge a link's changes";
  constexpr auto kind = std::to_underlying(AccountKind::feed_block);
  Scan scan(database_, Family::accounts, kind_prefix(link_id, kind), kind_prefix_end(link_id, kind));
  for (; scan.valid(); scan.next()) {
    const auto place = parse_link_feed_key(scan.key());
    if (!place) return std::unexpected(database_.failed(doing, damaged("place in the feed")));
    const std::string key = feed_key(place->epoch, place->first_sequence);
    rocksdb::PinnableSlice block;
    const auto found = database_.get(Family::feed, key, block);
    if (!found) return std::unexpected(found.error());
    if (!*found) return std::unexpected(database_.failed(doing, damaged("feed block")));
    const auto head = decode_feed_block_head(to_view(block));
    if (!head) return std::unexpected(database_.failed(doing, head.error()));
    // By a mistaken place another link's changes would go.
    if (head->link_id != link_id)
      return std::unexpected(database_.failed(doing, damaged("place in the feed")));
    if (head->purges_only) continue;
    value_.clear();
    encode_erased_feed_block(value_, *head);
    put(Family::feed, key, value_);
  }
  return scan.finish(doing);
}

core::Result<void> BatchBuilder::purge_entry(const std::string& link_id) {
  const std::string key = link_key(link_id);
  const auto held = database_.get(Family::relink, key);
  if (!held) return std::unexpected(held.error());
  if (!*held) return {};
  const auto entry = decode_relink(link_id, **held);
  if (!entry) return std::unexpected(database_.failed("purge a relink entry", entry.error()));
  erase(Family::relink, queue_key(*entry));
  erase(Family::relink, key);
  return {};
}

core::Result<void> BatchBuilder::purge_letters(const std::string& link_id) {
  if (auto loaded = dead_letters_.load(database_); !loaded) return loaded;
  for (const std::string& key : dead_letters_.remove_all(link_id))
    erase(Family::dead_letters, key);
  return {};
}

// Whoever purges may not know of one that has just come.
core::Result<void> BatchBuilder::purge_hints(const core::LinkId& link_id) {
  const std::string begin = note_key(core::hint_notes_of(link_id));
  Scan scan(database_, Family::meta, begin, behind_prefix(begin));
  for (; scan.valid(); scan.next())
    erase(Family::meta, scan.key());
  return scan.finish("purge a link's hints");
}

// One by one, which takes the batch some sixty bytes for each row: RocksDB's tables in memory take a range
// that goes for a row of the link when they are told where the link's rows lie (LinkPrefix), and break.
core::Result<void> BatchBuilder::purge_keys(Family family, const std::string& link_id) {
  Scan scan(database_, family, link_key(link_id), link_key_end(link_id));
  for (; scan.valid(); scan.next())
    erase(family, scan.key());
  return scan.finish("purge a link");
}

}  // namespace syncd::store
