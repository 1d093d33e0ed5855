#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <rocksdb/write_batch.h>

#include "store/audit.hpp"
#include "store/consumers.hpp"
#include "store/database_impl.hpp"
#include "store/dead_letters.hpp"
#include "store/feed.hpp"
#include "store/files.hpp"
#include "store/high_water.hpp"
#include "store/hook_keys.hpp"
#include "store/record_cache.hpp"
#include "store/store.hpp"

namespace syncd::store {

struct Store::Impl {
  explicit Impl(const StoreOptions& opened_with) : options(opened_with), disk(opened_with.file_system) {}

  StoreOptions options;
  Disk disk;
  StoreLock lock;
  std::shared_ptr<Health> health = std::make_shared<Health>();
  std::unique_ptr<Database> database;
  std::vector<std::string> notices;
  HighWater high_water;
  FeedState feed;
  std::uint64_t feed_first = 1;  // lowest sequence of the epoch that is left
  std::string feed_front;        // no block is before this key: what was cut off need not be passed again
  std::map<std::string, FeedConsumer, std::less<>> consumers;
  RecordCache cache;
  DeadLetterIndex dead_letters;
  AuditLog audit;
  HookKeys hook_keys;
  rocksdb::WriteBatch batch;  // keeps its memory between commits
  std::uint64_t commits = 0;

  // The steps of open(), in this order.
  core::Result<void> open_database();
  core::Result<void> check_identity();
  core::Result<void> begin_use();
  core::Result<void> settle_epoch();
  core::Result<void> check_feed_end();
  core::Result<void> load_feed_front();
  core::Result<void> load_audit();
  // Their parts.
  core::Result<void> refuse_newer(std::uint64_t version);
  core::Result<void> check_instance();
  core::Result<void> create_identity();
  core::Result<void> bring_up_to_date(std::uint64_t version);
  core::WallTime wall_now() const;
  std::uint64_t epoch_above(std::uint64_t used) const;
  core::Result<void> begin_epoch(const std::string& why, std::uint64_t used);

  // ---- feed_consumers.cpp ----
  FeedBounds feed_bounds() const;
  core::Result<ConsumerView> view_of(const FeedConsumer& consumer);
  core::Result<ConsumerLook> look_at(std::string_view name);
  core::Result<void> put_consumer(const FeedConsumer& consumer, core::WallTime at,
                                  const core::AuditNote* act);
  MovedConsumer::Outcome judge_move(const FeedConsumer& consumer, FeedPosition to, ConsumerMove move) const;

  // ---- hints.cpp ----
  core::Result<bool> has_link(std::string_view link_id, bool one_time = false);
  core::Result<void> load_hook_keys();
  void put_hook(const core::Hint& hint, core::WallTime now);
  core::Result<void> forget_hooks(core::WallTime now, const HintLimits& limits);

  // Raises the durable high-water mark to the head.
  core::Result<void> publish();
  core::Result<void> ready() const;  // false: closed
  core::Result<void> write_meta(std::string_view key, std::string_view value);
};

}  // namespace syncd::store
