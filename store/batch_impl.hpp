#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <rocksdb/write_batch.h>

#include "store/audit.hpp"
#include "store/database_impl.hpp"
#include "store/dead_letters.hpp"
#include "store/feed.hpp"
#include "store/record_cache.hpp"

namespace syncd::store {

// Turns the updates of one commit, which outlive it, into one write batch. Updates of one link see the
// earlier ones of the same batch. Nothing is written or remembered until finish() and a successful write; a
// builder is used for one commit.
class BatchBuilder {
 public:
  BatchBuilder(Database& database, RecordCache& cache, DeadLetterIndex& dead_letters, AuditLog& audit,
               rocksdb::WriteBatch& batch, FeedState feed);

  // Errc::storage when the store cannot be read; the batch is then useless.
  core::Result<CommitOutcome> add(const core::LinkUpdate& update);
  // Adds what stands once per batch. Answers whether there is anything to write.
  core::Result<bool> finish();
  // After the write: hands what was learnt to the cache.
  void remember();
  const FeedState& feed() const { return feed_; }

 private:
  struct Touched {
    std::uint64_t fence = 0;          // as of the updates so far; 0: there is no such link
    std::vector<std::string> staged;  // ids staged by this batch, which no scan of the database can find
    std::optional<std::string> queue_place;  // of the entry that this batch has put; nullopt: it put none
    bool written = false;                    // by this batch
  };

  core::Result<Touched*> touch(const core::LinkId& link_id);
  void put_record(const core::LinkUpdate& update, Touched& link);
  void put_rows(const core::LinkUpdate& update);
  core::Result<void> put_staged(const core::LinkUpdate& update, Touched& link);
  void put_accounts(const core::LinkUpdate& update);
  void put_feed(const core::LinkUpdate& update);
  core::Result<void> put_relink(const core::LinkUpdate& update, Touched& link);
  core::Result<void> put_letters(const core::LinkUpdate& update);
  void put_notes(const core::LinkUpdate& update);
  void put_audit(const core::LinkUpdate& update);
  // ---- batch_purge.cpp ----
  // Takes away what the link has in the database; this batch must not have written to it.
  core::Result<void> purge(const core::LinkUpdate& update, Touched& link);
  core::Result<void> purge_feed(const std::string& link_id);
  core::Result<void> purge_entry(const std::string& link_id);
  core::Result<void> purge_letters(const std::string& link_id);
  core::Result<void> purge_hints(const core::LinkId& link_id);
  core::Result<void> purge_keys(Family family, const std::string& link_id);

  void put(Family family, std::string_view key, std::string_view value);
  void put(Family family, std::string_view key, std::string_view head, std::string_view tail);
  void erase(Family family, std::string_view key);
  void keep(const rocksdb::Status& status);

  Database& database_;
  RecordCache& cache_;
  DeadLetterIndex& dead_letters_;
  AuditLog& audit_;
  rocksdb::WriteBatch& batch_;
  FeedState feed_;
  bool feed_moved_ = false;
  bool audit_moved_ = false;
  std::unordered_map<std::string_view, Touched> touched_;  // by the ids of the updates
  rocksdb::Status status_;
  std::string key_;    // scratch
  std::string value_;  // scratch
};

// Refuses, with Errc::invalid, what keys cannot hold or what contradicts itself; asked before anything is
// built.
core::Result<void> check_update(const core::LinkUpdate& update);

}  // namespace syncd::store
