#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "store/store.hpp"
#include "sync/api/rate_gate.hpp"
#include "sync/core/update.hpp"

namespace syncd::test {

// The rows of one link by id.
template <class Row>
using ById = std::map<std::string, Row, std::less<>>;

// What the database holds: all of it goes back together when an older copy is put back.
struct ModelDatabase {
  std::map<core::LinkId, core::LinkRecord> links;
  std::map<core::LinkId, ById<core::StoredTransaction>> rows;
  std::map<core::LinkId, std::set<std::string, std::less<>>> pending;  // ids of the pending ones among them
  std::map<core::LinkId, ById<core::StoredTransaction>> staged;
  std::map<core::LinkId, ById<core::StoredAccount>> accounts;
  std::map<core::LinkId, core::RelinkEntry> relink;
  std::uint64_t epoch = 1;
  // Of this epoch, in the order of their sequences. Shared with the copies.
  std::vector<std::shared_ptr<const store::FeedEntry>> feed;
  std::map<core::Endpoint, core::WallTime> freezes;
  std::vector<core::DeadLetter> dead_letters;  // as they came or changed; one per link and time
  std::map<std::string, std::string> notes;
  std::set<core::Digest> hook_keys;                            // of the webhooks that were accepted
  std::vector<core::AuditEntry> audit;                         // the whole chain
  std::string clean_stop_note{api::RateGate::nothing_sent()};  // empty: the last run crashed
};

// What a commit did to the rows, found by comparing them before and after.
struct NetChanges {
  std::uint64_t created = 0;
  std::uint64_t updated = 0;
  std::uint64_t removed = 0;
  std::uint64_t moved = 0;         // to another account, among the updated
  std::uint64_t pending_came = 0;  // among the created
  std::uint64_t pending_left = 0;  // removed, or pending no more
  bool operator==(const NetChanges&) const = default;
};

struct ShownFeed {
  std::span<const std::shared_ptr<const store::FeedEntry>> entries;
  std::uint64_t epoch = 0;
  std::uint64_t head = 0;
};

// A defect on purpose, so that the search for the smallest reproduction can be tested.
enum class Sabotage : std::uint8_t { none, forgets_a_removal, skips_a_sequence };

// The store's contract in a few maps: what a commit means, without RocksDB. Survives the simulated process;
// what is in here is durable.
class ModelStore : public ModelDatabase {
 public:
  store::CommitOutcome apply(const core::LinkUpdate& update);
  // Of the last commit that was applied.
  const NetChanges& net_changes() const { return net_; }
  // The dead letter that the last commit replaced or dropped.
  const std::optional<core::DeadLetter>& letter_before() const { return letter_before_; }
  // Null: the link has none of that time.
  const core::DeadLetter* find_letter(const core::LinkId& link_id, core::WallTime at) const;
  core::Held lookup(const core::LookupRequest& request) const;
  // As Store::put_hints. The keys are remembered for ever.
  core::HintOutcome put_hint(const core::Hint& hint);
  // As Store::hints.
  std::vector<core::Hint> hints() const;
  // As Store::record_act.
  core::Result<void> record_act(core::WallTime at, const core::AuditNote& note);
  // Null: no act has that key.
  const core::AuditEntry* find_act(const core::Digest& request_key) const;

  // As Store::feed: entries above `after`; what is shown, the head included, is published from then on. Valid
  // until the next commit.
  ShownFeed read_feed(std::uint64_t after, std::size_t limit);
  // As Store::open: a database that lost something published begins a new epoch.
  void reopen();
  // An older copy of the database is put back; the file beside it, which knows what was published, stays.
  void put_back(const ModelDatabase& copy);

  std::uint64_t head() const { return feed.empty() ? 0 : feed.back()->sequence; }
  std::uint64_t published() const { return published_; }
  // Links with a commit since the last call.
  std::set<core::LinkId> take_changed() { return std::exchange(changed_, {}); }
  // Takes effect when somebody arms it, once: the next removal is forgotten, or the feed's next entry has not
  // the next number.
  void sabotage(Sabotage kind) { sabotage_ = kind; }

 private:
  void apply_rows(const core::LinkUpdate& update);
  void put_row(const core::LinkId& link_id, const core::TransactionPut& put);
  void apply_staged(const core::LinkUpdate& update);
  void apply_letters(const core::LinkUpdate& update);
  void append_changes(const core::LinkUpdate& update);
  void apply_notes(const core::LinkUpdate& update);
  void purge(const core::LinkUpdate& update);
  void append_act(core::WallTime at, const core::LinkId& link_id, const core::AuditNote& note);
  bool sabotaged(Sabotage kind);

  std::uint64_t published_epoch_ = 1;
  std::uint64_t published_ = 0;
  NetChanges net_;
  std::optional<core::DeadLetter> letter_before_;
  std::set<core::LinkId> changed_;
  Sabotage sabotage_ = Sabotage::none;
};

// Equal as JSON values.
bool same_text(const std::string& a, const std::string& b);

}  // namespace syncd::test
