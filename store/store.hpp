#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "store/relink_census.hpp"
#include "store/statistics.hpp"
#include "sync/core/audit.hpp"
#include "sync/core/hint.hpp"
#include "sync/core/relink.hpp"
#include "sync/core/types.hpp"
#include "sync/core/update.hpp"

namespace rocksdb {
class FileSystem;
}

namespace syncd::store {

class BackupWriter;
struct BackupPlan;

struct StoreOptions {
  std::string path;         // directory; created with mode 0700 when missing
  std::string environment;  // "sandbox" or "live": a store belongs to one of them for ever
  std::string upstream;     // host name of the base URL, noted at creation; another one is refused
  std::uint64_t block_cache_bytes = 64ull << 20;
  std::uint64_t write_buffer_bytes = 32ull << 20;
  int open_files_max = 512;
  std::uint64_t min_free_bytes = 64ull << 20;  // open() refuses below it
  bool sync_writes = true;                     // false only in benchmarks that say so
  // Of a backup that was put back: a feed epoch above this one, and above the store's own, begins. 0: none.
  std::uint64_t restored_above_epoch = 0;
  // Everything on disk goes through it. null: the host's file system; another one is for tests.
  std::shared_ptr<rocksdb::FileSystem> file_system;
  // The wall clock, which numbers new feed epochs. null: the system's; another one is for tests.
  std::function<core::WallTime()> wall_now;
  // Warnings and errors of the database itself, stripped of keys and values; called on its threads as well.
  std::function<void(int level, std::string message)> log;
};
inline constexpr int log_warning = 1;
inline constexpr int log_error = 2;

// One line of the start-up scan: what the scheduler keeps in memory about a link.
struct LinkSummary {
  core::LinkId link_id;
  core::LinkStatus status = core::LinkStatus::active;
  core::WallTime next_due_at{};
  core::WallTime last_success_at{};
  core::WallTime added_at{};  // only of a link without a success so far
  std::vector<core::RecentSend> recent_sends;
  // Empty before upstream's first answer.
  std::string institution_id = {};
  std::string provider = {};
  std::string upstream_error_code = {};                   // verbatim; empty: none
  std::optional<core::UpstreamTime> upstream_clock = {};  // core::upstream_clock_of()
};

enum class CommitOutcome : std::uint8_t {
  committed,
  conflict,  // the fence did not match, or the act was done already; nothing of this update was written
};

struct FeedEntry {
  std::uint64_t epoch = 0;
  std::uint64_t sequence = 0;
  core::WallTime at{};
  core::LinkId link_id;
  core::ChangeKind kind = core::ChangeKind::link_added;
  std::string id;
  std::string before;  // JSON text; empty: none
  std::string after;
  core::Cause cause = core::Cause::schedule;
};

struct FeedSlice {
  std::vector<FeedEntry> entries;
  std::uint64_t epoch = 0;
  std::uint64_t head = 0;   // highest sequence that exists
  std::uint64_t first = 1;  // lowest one that was not cut off
  // What is asked for begins with entries that were cut off; none are given then.
  bool is_cut(std::uint64_t after) const { return first > 1 && after < first - 1; }
};

// Of the webhooks that were accepted it is known for so long, and of so many, that they were.
struct HintLimits {
  core::Millis keys_kept = std::chrono::hours(7 * 24);
  std::uint64_t keys_max = 1'000'000;  // the oldest are forgotten
};

// Named consumers of the feed and its retention: store/consumers.hpp.
struct FeedPosition;
struct ConsumerList;
struct ConsumerLook;
struct AddedConsumer;
struct MovedConsumer;
struct FeedCutLimits;
struct FeedCut;
enum class ConsumerStart : std::uint8_t;
enum class ConsumerMove : std::uint8_t;
enum class RemovedConsumer : std::uint8_t;

template <class T>
struct Listing {
  std::vector<T> items;
  std::string next;  // pass as `after` for the next page; empty: the end
};

// A small value of the daemon that an act changes; see Store::put_note.
struct NoteChange {
  std::string name;
  std::string value;
};

// An act that changes nothing in its link (empty: about none), for instance that somebody read its rows.
struct LinkAct {
  core::LinkId link_id;
  core::AuditNote note;
};

struct AuditSlice {
  std::vector<core::AuditEntry> entries;  // newest first
  core::AuditHead head;
};

// What a walk along the chain of acts found, from one entry on.
struct AuditCheck {
  core::AuditHead end;          // the last entry that fits
  bool finished = false;        // it is the last one there is
  std::uint64_t broken_at = 0;  // the entry that does not fit, or is missing; 0: none
};

// Which entries of the relink queue are wanted. Empty texts: any.
struct RelinkFilter {
  enum class State : std::uint8_t { live, open, claimed, session_issued, resolved, any };
  State state = State::live;
  std::string institution_id = {};
  std::string reason = {};
  std::string assignee = {};
  std::string search = {};  // the link id or the customer user id begins with it
  bool newest_first = false;
};

struct StoreStats {
  std::uint64_t feed_epoch = 0;
  std::uint64_t feed_head = 0;
  std::uint64_t feed_first = 1;  // lowest sequence that was not cut off
  std::uint64_t published = 0;   // highest sequence ever shown to a consumer
  std::uint64_t commits = 0;     // synced writes since open
  std::uint64_t disk_bytes = 0;  // live SST bytes + WAL
  std::uint64_t disk_free_bytes = 0;
  std::uint64_t memtable_bytes = 0;
  std::uint64_t block_cache_bytes = 0;
  std::uint64_t pending_compaction_bytes = 0;
  bool write_stopped = false;
  std::uint64_t dead_letters_evicted = 0;  // since open, because newer ones came
  std::uint64_t write_stops = 0;   // times since open that writers had to wait for compaction or flush
  std::uint64_t dead_letters = 0;  // that are kept
  std::array<std::uint64_t, store_operation_count> errors{};  // since open; StoreOperation - 1
  TableCounters tables;
  std::array<std::uint64_t, table_levels> level_files{};
  std::uint64_t running_compactions = 0;
};

// A walk over the table files that existed when it began, one file a step.
struct ScrubPlace {
  std::uint64_t after_file = 0;  // number of the file looked at last; 0: none yet
  std::uint64_t until_file = 0;  // highest number when the walk began; 0: not begun
  bool operator==(const ScrubPlace&) const = default;
};
struct ScrubStep {
  ScrubPlace next;
  bool finished = false;    // there was no further file
  std::uint64_t bytes = 0;  // of the file, 0 when finished or when it is gone meanwhile
  std::string damage;       // name of the file and what is wrong with it; empty: every checksum is right
  // Name of the file and why it could not be read this time, which says nothing about it: `next` is the same
  // place. Empty: it was read.
  std::string put_off;
};

// The local copy, in an embedded RocksDB.
//
// Lifecycle: open(), use, close() (flushes; also done by the destructor, without reporting). Thread: every
// call may block and is made from one thread, the store thread; only healthy() may be asked from any thread.
// Errors are Errc::storage unless said otherwise; after one, healthy() is false and no later write is
// accepted.
class Store {
 public:
  // Refuses, with a message that says what to do: a store in use by another process, a path that cannot be
  // written, too little free space, damage; and as Errc::invalid, because trying again cannot help, a newer
  // store, one of another environment or upstream, and one that is mixed from two.
  static core::Result<std::unique_ptr<Store>> open(const StoreOptions& options);
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  core::Result<void> close();

  // What open() found worth telling an operator (a new feed epoch and why, lax permissions); empty on an
  // ordinary day.
  const std::vector<std::string>& notices() const;

  // ---- the cycle's three calls ----
  // nullopt: no such link.
  core::Result<std::optional<core::LinkRecord>> load(const core::LinkId& link_id);
  core::Result<core::Held> lookup(const core::LookupRequest& request);
  // Writes all updates whose fence matches in one atomic synced batch: rows, record, feed entries with the
  // next gap-free sequences, relink entry, dead letter, notes, the act in the audit log; one that purges
  // takes everything of the link away in it, which costs time in proportion to the link's history. Outcomes
  // are in the order of `updates`. Two updates of the same link in one call are allowed; the second sees the
  // first, and is a conflict if it purges. Errc::invalid, with nothing of the whole call written, for an
  // update that contradicts itself (an id that is empty or longer than 256 bytes, the record of another
  // link): a defect of the caller, the store stays healthy.
  core::Result<std::vector<CommitOutcome>> commit(std::span<const core::LinkUpdate* const> updates);

  // ---- start-up and shutdown ----
  // About how many links for_each_link() will visit, at the start.
  std::uint64_t links_estimate() const;
  core::Result<void> for_each_link(const std::function<void(const LinkSummary&)>& visit);
  core::Result<std::vector<core::GateFreeze>> freezes();
  // Durable; replaces the endpoint's earlier window.
  core::Result<void> put_freeze(const core::GateFreeze& freeze);
  // Small opaque values of the daemon (the budget snapshot of a clean stop, results of verifies). take_note
  // erases it durably, so that a crash later cannot find it again.
  core::Result<void> put_note(std::string_view name, std::string_view value);
  // put_link_note is about a link: while there is none of that id, nothing is written and the answer is
  // false, so that what was found out about a link before its purge is not kept after it.
  core::Result<bool> put_link_note(const core::LinkId& link_id, std::string_view name,
                                   std::string_view value);
  core::Result<std::optional<std::string>> take_note(std::string_view name);
  core::Result<std::optional<std::string>> note(std::string_view name);  // reads it and leaves it

  // ---- hints ----
  // Stores those that are new and about a link that there is, with the keys of their webhooks, in one synced
  // write; outcomes in their order. Also forgets old keys, a bounded number. The commit that answers a hint
  // takes it away by its note (core::hint_note), and a purge does.
  core::Result<std::vector<core::HintOutcome>> put_hints(std::span<const core::Hint> hints,
                                                         core::WallTime now, const HintLimits& limits);
  // All that wait, one for each link, with link and sequence. Takes away what belongs to no link, and all but
  // the latest of one link.
  core::Result<std::vector<core::Hint>> hints();

  // ---- reading for people and consumers ----
  // Upstream's link object, whole, as last received; empty: none was, or there is no such link.
  core::Result<std::string> link_object(const core::LinkId& link_id);
  // `after` empty: from the start. 1 <= limit <= 1,000 (clamped). Links come in the order of their ids'
  // length, then bytes. With a status, a page may hold fewer items than `limit`, even none, and still have a
  // `next`: a call passes over 50,000 records at most.
  core::Result<Listing<core::LinkRecord>> links(std::string_view after, std::size_t limit,
                                                std::optional<core::LinkStatus> status);
  core::Result<Listing<core::StoredAccount>> accounts(const core::LinkId& link_id, std::string_view after,
                                                      std::size_t limit);
  core::Result<Listing<core::StoredTransaction>> transactions(const core::LinkId& link_id,
                                                              std::string_view after, std::size_t limit);
  core::Result<std::optional<core::RelinkEntry>> relink_entry(const core::LinkId& link_id);
  // Live entries in the order of their opening, then the others in the order of their end. `after` is an
  // opaque text (Errc::invalid for any other). As for links, a page may hold fewer items than `limit`.
  // Without their history.
  core::Result<Listing<core::RelinkEntry>> relink_entries(std::string_view after, std::size_t limit,
                                                          const RelinkFilter& filter);
  // Counts on from where `census` ends, in the live or in the other half of the queue, over
  // relink_places_counted_max places at most; no entry is read. One that moves between two calls may be
  // counted twice or not at all. Errc::invalid for a place that is none.
  core::Result<RelinkCensus> count_relinks(bool live, RelinkCensus census);
  // Links whose id, or whose customer user id, begins with `prefix`; a link that does both comes once. As
  // links() for `after` and `limit`; the place is an opaque text.
  core::Result<Listing<core::LinkRecord>> search_links(std::string_view prefix, std::string_view after,
                                                       std::size_t limit);
  // In the order of time; `after` is an opaque text (Errc::invalid for any other).
  core::Result<Listing<core::DeadLetter>> dead_letters(std::string_view after, std::size_t limit);
  core::Result<std::optional<core::DeadLetter>> dead_letter(core::WallTime at, const core::LinkId& link_id);
  // Acts with a sequence below `before` (0: from the last one), newest first; 1 <= limit <= 1,000 (clamped).
  core::Result<AuditSlice> audit_entries(std::uint64_t before, std::size_t limit);
  // Walks the chain from behind `from` (zeros: from its start), over `limit` entries at most. What does not
  // fit is an answer and no error: the store stays in use.
  core::Result<AuditCheck> check_audit(const core::AuditHead& from, std::size_t limit);
  // An act about no link, and what it changes, in one synced write. conflict: its request_key is known
  // already (within a day); nothing was written.
  core::Result<CommitOutcome> record_act(core::WallTime at, const core::AuditNote& note,
                                         const std::optional<NoteChange>& change);
  // Acts that change nothing, in this order and in one synced write; no request_key is looked for.
  core::Result<void> record_acts(core::WallTime at, std::span<const LinkAct> acts);
  // Entries with a sequence above `after`, at most `limit`, 1,000 or 8 MiB of texts. Raises the high-water
  // mark durably before it answers, so a sequence that was shown is never given out again with other content.
  // Nothing when `after` lies behind what was cut off (FeedSlice::is_cut).
  core::Result<FeedSlice> feed(std::uint64_t after, std::size_t limit);
  // What the feed's present epoch tells of one link, newest first; 1 <= limit <= 1,000 (clamped), and 8 MiB
  // of texts. Only entries with a sequence below `before` (0: from the last one). Publishes as feed() does.
  core::Result<std::vector<FeedEntry>> link_feed(const core::LinkId& link_id, std::uint64_t before,
                                                 std::size_t limit);

  // ---- named consumers of the feed ----
  core::Result<ConsumerList> consumers();
  core::Result<ConsumerLook> consumer(std::string_view name);
  // Durable, with the act. Errc::invalid for a name that is none.
  core::Result<AddedConsumer> add_consumer(std::string_view name, ConsumerStart start, core::WallTime at,
                                           const core::AuditNote& act);
  core::Result<RemovedConsumer> remove_consumer(std::string_view name, core::WallTime at,
                                                const core::AuditNote& act);
  // Durable; the act is written of a reset only. To where it is already, nothing is written.
  core::Result<MovedConsumer> move_consumer(std::string_view name, FeedPosition to, ConsumerMove move,
                                            core::WallTime at, const core::AuditNote& act);
  // Cuts the next blocks off the feed's front, 256 or 4 MiB at most, in one synced write: what is old enough
  // and no live consumer still wants, or is very old; never the newest block.
  core::Result<FeedCut> cut_feed(const FeedCutLimits& limits);

  // Reads the next table file from the disk and compares all of its checksums. Damage is an answer and no
  // error: the rows that are whole stay readable, and reading a damaged one fails by itself.
  core::Result<ScrubStep> scrub(ScrubPlace place);

  // Begins a backup (store/backup.hpp) and says what it is made of; its steps do the work. Errc::invalid when
  // the directory cannot hold one. The store outlives the writer.
  core::Result<std::unique_ptr<BackupWriter>> begin_backup(const BackupPlan& plan);

  // The highest feed sequence that exists. Cheap, unlike stats().
  std::uint64_t feed_head() const;
  StoreStats stats();
  bool healthy() const;  // false after a background, write or read error; stays false until reopened
  // Called once with the reason when the store turns unhealthy, on a RocksDB thread or on the caller's; at
  // once when that has happened already.
  void on_unhealthy(std::function<void(std::string)> notify);

 private:
  struct Impl;
  explicit Store(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace syncd::store
