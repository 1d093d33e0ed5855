#pragma once

#include <array>
#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sync/core/result.hpp"

namespace syncd::core {

// ---- time
// ---------------------------------------------------------------------------------------------------- Wall
// clock, for everything that is stored or shown. Waiting uses the steady clock.
using WallTime = std::chrono::sys_time<std::chrono::milliseconds>;
// The upstream clock (`products.*.refreshed_at`), as precise as upstream prints it.
using UpstreamTime = std::chrono::sys_time<std::chrono::microseconds>;
using Millis = std::chrono::milliseconds;

// ISO 8601 with zero or more fraction digits (beyond six they are cut) and `Z`, an offset or no zone (read as
// UTC).
std::optional<UpstreamTime> parse_upstream_time(std::string_view text);
// `2025-05-06T16:31:12.451Z`
std::string format_wall_time(WallTime time);

// ---- ids
// -----------------------------------------------------------------------------------------------------
inline constexpr std::size_t id_bytes_max = 256;
inline constexpr std::size_t cursor_bytes_max = 16 * 1024;

// Opaque and case-sensitive; 1 to 256 bytes of UTF-8 without control characters.
bool is_valid_id(std::string_view text);
// A tag that a link can have here: as an id, but of at most 128 bytes.
bool is_valid_tag(std::string_view text);

template <class Tag>
class OpaqueId {
 public:
  OpaqueId() = default;
  // `text` must satisfy is_valid_id; use parse() for anything from outside.
  explicit OpaqueId(std::string text) : text_(std::move(text)) {}
  static Result<OpaqueId> parse(std::string_view text) {
    if (!is_valid_id(text))
      return fail(Errc::invalid, "an id must have 1 to 256 bytes and no control characters");
    return OpaqueId{std::string(text)};
  }
  const std::string& str() const { return text_; }
  bool empty() const { return text_.empty(); }
  auto operator<=>(const OpaqueId&) const = default;

 private:
  std::string text_;
};

using LinkId = OpaqueId<struct LinkIdTag>;
using AccountId = OpaqueId<struct AccountIdTag>;
using TransactionId = OpaqueId<struct TransactionIdTag>;

// Upstream's opaque position in a link's transaction feed; never empty.
struct Cursor {
  std::string text;
  auto operator<=>(const Cursor&) const = default;
};

// Stable 64-bit hash of an id (FNV-1a with a finaliser): phase, jitter and shard of a link. Never changes,
// because the phase of a link must survive restarts and upgrades.
std::uint64_t stable_hash(std::string_view text);

using Hash = std::array<std::uint8_t, 32>;
Hash sha256_of(std::string_view bytes);
using Digest = std::array<std::uint8_t, 16>;
// The first 16 bytes of SHA-256.
Digest digest_of(std::string_view bytes);

// ---- vocabulary
// ----------------------------------------------------------------------------------------------
// Numbers are stored.
enum class Endpoint : std::uint8_t {
  sync = 1,
  accounts = 2,
  link = 3,
  links = 4,
  token = 5,
  introspect = 6,
  link_session = 7,
  exchange_token = 8,
  user_links = 9,
  delete_link = 10,
  key_set = 11,
  update_link = 12,
  products = 13,
};
inline constexpr std::size_t endpoint_count = 13;
std::string_view to_string(Endpoint endpoint);

// Why a link is visited.
enum class Cause : std::uint8_t {
  schedule = 1,
  webhook = 2,
  manual = 3,
  backfill = 4,
  verify = 5,
  probe = 6
};
std::string_view to_string(Cause cause);

// Numbers are stored.
enum class LinkStatus : std::uint8_t {
  active = 1,
  backoff = 2,      // failing for a passing reason; retried ever more slowly
  relink = 3,       // its owner must act; probed slowly
  blocked = 4,      // upstream forbids it to us
  quarantined = 5,  // its answers broke the protocol repeatedly
  paused = 6,       // by an operator
  gone = 7,         // deleted upstream; data kept
};
inline constexpr std::size_t link_status_count = 7;
std::string_view to_string(LinkStatus status);
std::optional<LinkStatus> parse_link_status(std::string_view text);

// ---- freshness (freshness.hpp)
// -----------------------------------------------------------------------------------------
// How often a link changes, from what its visits found (evidence.hpp).
struct ChangeEvidence {
  // The expected number of changes that were found, and the days of watching; of the changes that were found,
  // those that a webhook told first, and the others.
  float changes = 0, days = 0, hooked = 0, missed = 0;  // tidy: allow double: statistics of visits, no money
  bool operator==(const ChangeEvidence&) const = default;
};

// Why a visit is due when it is. Numbers are stored.
enum class VisitReason : std::uint8_t {
  ladder = 1,  // the next refresh is expected then
  batch = 2,   // the k-th refresh from now is: one visit for k of them
  rate = 3,    // no rhythm is known, or it costs less to ignore it: by the square-root law
  floor = 4,   // no link waits longer than max_interval
  turn = 5,    // every link in its turn
  learn = 6,   // only to learn the institution's rhythm
};
inline constexpr std::size_t visit_reason_count = 6;
std::string_view to_string(VisitReason reason);

// Which group a link belongs to: the control group is visited in turn, so that what the policy gains can be
// measured (decision 022).
enum class Arm : std::uint8_t { adaptive = 1, control = 2 };
inline constexpr std::size_t arm_count = 2;
std::string_view to_string(Arm arm);

// What the schedule knows of a link beside its upstream clock.
struct LinkFreshness {
  ChangeEvidence evidence;
  WallTime fetched_at{};  // the last drain that ended, or pull of a link that has accounts only; epoch: none
  WallTime looked_at{};   // when the upstream clock was last seen; epoch: never
  bool has_webhook = false;  // upstream has an address to tell of this link's news
  bool peek_next = false;    // the next visit asks for the link object first
  VisitReason reason = VisitReason::turn;
  bool operator==(const LinkFreshness&) const = default;
};

// ---- the link record
// -----------------------------------------------------------------------------------------
struct ErrorNote {
  Errc code = Errc::protocol;
  int http_status = 0;
  std::string api_code;  // `error_code`, `link_error_code` or the link's state, verbatim
  std::string message;
  WallTime at{};
  bool operator==(const ErrorNote&) const = default;
};

// A request that was counted against this link's budgets within the last minute. Kept with the link, so that
// a restart does not grant the same minute twice.
struct RecentSend {
  Endpoint endpoint = Endpoint::sync;
  WallTime at{};
  bool operator==(const RecentSend&) const = default;
};

// Rows that a drain remembers in order to tell at its end which pending rows they settle. One that posts more
// than this while pending rows are visible is a piece of history, and nothing is matched in it.
inline constexpr std::size_t drain_posted_max = 1'000;

// A drain that has begun (some pages committed) and not ended (`has_more` was true).
struct DrainState {
  bool open = false;
  std::uint32_t pages = 0;       // committed so far
  std::uint32_t idle_pages = 0;  // consecutive pages that changed nothing while promising more
  std::uint32_t staged = 0;      // pending rows waiting for the last page
  bool brought_pending = false;
  std::optional<UpstreamTime> clock;         // the latest `products.transactions.refreshed_at` of its pages
  std::vector<std::uint64_t> cursor_hashes;  // the last few positions, to notice a circle
  std::vector<std::string> posted_ids;       // new posted rows of its pages; at most drain_posted_max
  bool match_given_up = false;               // its posted rows are not matched with pending ones
  bool operator==(const DrainState&) const = default;
};

struct Counts {
  std::uint64_t accounts = 0;      // not gone
  std::uint64_t transactions = 0;  // visible, pending ones included
  std::uint64_t pending = 0;
  bool operator==(const Counts&) const = default;
};

// Everything the daemon knows about one link besides its rows. Read at the start of a cycle, written whole in
// each commit.
struct LinkRecord {
  LinkId link_id;
  std::uint64_t fence = 1;  // raised by every update; one that was computed from an older record is refused
  LinkStatus status = LinkStatus::active;

  std::string customer_user_id;  // as registered; may be empty
  std::vector<std::string> tags;
  WallTime added_at{};

  std::string institution_id;
  std::string provider;
  std::string upstream_state;       // verbatim; empty before the first answer
  std::string upstream_error_code;  // verbatim; empty: none
  Digest link_digest{};             // of upstream's link object as last stored; zeros: none is
  bool has_transactions_product = true;
  bool transactions_forbidden = false;
  bool accounts_forbidden = false;
  bool accounts_failing = false;  // what has failed is the pull of accounts: the feed's answers mend nothing
  bool accounts_wanted = true;
  WallTime refused_retry_at{};  // when a forbidden product is asked for again
  std::optional<UpstreamTime> transactions_clock;
  std::optional<UpstreamTime> accounts_clock;

  std::optional<Cursor> cursor;
  std::uint32_t generation = 1;  // rows of an older generation are what a running resync has not met yet
  bool resync = false;
  bool repairing = false;  // an operator asked for the resync: it tells what it finds with cause verify
  WallTime resync_started_at{};
  std::uint32_t resyncs_in_window = 0;  // within 24 h of resync_started_at
  DrainState drain;
  std::optional<UpstreamTime> pending_clock;  // under which the visible pending set was written

  WallTime accounts_pulled_at{};  // epoch: never pulled whole
  std::optional<UpstreamTime> accounts_pulled_clock;
  Digest accounts_digest{};  // of the accounts array last applied from a sync answer

  WallTime next_due_at{};
  WallTime last_attempt_at{};
  WallTime
      last_success_at{};  // the last commit that ended a drain (or, without transactions, an accounts pull)
  std::uint32_t failures = 0;  // consecutive
  std::uint32_t protocol_failures = 0;
  std::optional<ErrorNote> last_error;
  Counts counts;
  std::vector<RecentSend> recent_sends;
  LinkFreshness freshness;

  bool operator==(const LinkRecord&) const = default;
};

// ---- rows
// ----------------------------------------------------------------------------------------------------
struct StoredTransaction {
  std::string transaction_id;
  std::string account_id;
  std::string json;  // upstream's object, whole, as received
  bool pending = false;
  std::uint32_t generation = 1;
  std::string posted_from;  // the pending row this one replaced; empty: none, or not certain
  bool operator==(const StoredTransaction&) const = default;
};

struct StoredAccount {
  std::string account_id;
  std::string json;
  bool gone = false;
  WallTime gone_since{};
  bool operator==(const StoredAccount&) const = default;
};

// Evidence of an answer that was refused, without its content. There is at most one per link and millisecond.
struct DeadLetter {
  LinkId link_id;
  Endpoint endpoint = Endpoint::sync;
  WallTime at{};
  std::string reason;
  std::uint64_t body_bytes = 0;
  Digest body_digest{};
  std::string redacted_body = {};  // its structure without its values; empty: not kept
  WallTime retried_at{};           // epoch: never
  bool operator==(const DeadLetter&) const = default;
};

}  // namespace syncd::core

template <class Tag>
struct std::hash<syncd::core::OpaqueId<Tag>> {
  std::size_t operator()(const syncd::core::OpaqueId<Tag>& id) const noexcept {
    return std::hash<std::string>{}(id.str());
  }
};
