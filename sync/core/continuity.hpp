#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sync/core/types.hpp"

namespace syncd::core {

// What a relink does to a link's data (decision 015): accounts and posted rows just before the link's data is
// read again are compared with those afterwards. Pending rows are no part of it: upstream rebuilds them all
// the time.

inline constexpr int continuity_days = 90;
// Of one side. Of more accounts those with the smallest ids are compared; of more rows whole days are, the
// latest ones. Both are told.
struct ContinuityLimits {
  std::size_t accounts_max = 200;
  std::size_t rows_max = 10'000;
};
// Longer texts of an account are cut.
inline constexpr std::size_t continuity_text_bytes_max = 256;
// A row whose date moves a little is still the same row, also at the edge of the window.
inline constexpr int continuity_margin_days = 10;

// ---- one side ----

struct ContinuityAccount {
  std::string account_id = {};
  std::string name = {}, type = {}, mask = {}, currency = {};
  std::string current = {}, available = {}, limit = {};  // balances, as upstream wrote them
  bool gone = false;
  bool operator==(const ContinuityAccount&) const = default;
};

// A posted row, as digests.
struct ContinuityRow {
  std::uint32_t account = 0;  // its place among the accounts
  int day = 0;                // of `date`, since 1970-01-01
  std::uint64_t id = 0;
  std::uint64_t payment = 0;  // of amount, type and currency
  std::uint64_t words = 0;    // of the description
  auto operator<=>(const ContinuityRow&) const = default;
};

struct ContinuitySnapshot {
  WallTime opened_at{};  // of the wait for the owner that ends
  WallTime taken_at{};
  int from_day = 0;  // rows of this day and later
  bool cut = false;  // from_day is later than was asked for: there were too many rows
  std::uint64_t accounts_left_out = 0;
  std::vector<ContinuityAccount> accounts = {};  // by id
  std::vector<ContinuityRow> rows = {};          // sorted
  bool operator==(const ContinuitySnapshot&) const = default;
};

// Folds accounts and then rows, in any order, into a snapshot.
class SnapshotBuilder {
 public:
  SnapshotBuilder(WallTime opened_at, WallTime taken_at, int from_day,
                  const std::vector<StoredAccount>& accounts, ContinuityLimits limits = {});
  // Rows that are pending, older, without a date, or of an account that is not among those are passed over.
  void add(const StoredTransaction& row);
  // Once.
  ContinuitySnapshot take();

 private:
  void drop_days();

  ContinuityLimits limits_;
  ContinuitySnapshot snapshot_;
};

// The day of `now`, since 1970-01-01, and the first one of the window that ends there.
int day_of(WallTime now);
int continuity_from_day(WallTime now);

// ---- both sides ----

// Numbers are not stored; the words are.
enum class ContinuityVerdict : std::uint8_t {
  intact,     // nothing to do
  changed,    // ids have changed, and it is certain what became of what
  attention,  // data is missing, twice there, or nobody can tell: a person should look
};
std::string_view to_string(ContinuityVerdict verdict);

// What became of the rows of one account, within the window.
struct RowTally {
  std::uint64_t before = 0, after = 0;
  std::uint64_t changed = 0;     // the same id, other content
  std::uint64_t renumbered = 0;  // the same payment under another id
  std::uint64_t reworded = 0;    // among the renumbered: with another description
  std::uint64_t duplicated = 0;  // new, and equal to a row that was there before and still is
  std::uint64_t vanished = 0;
  std::uint64_t appeared = 0;  // new, of a day that the rows before had covered
  std::uint64_t news = 0;      // new, of a later day
  bool operator==(const RowTally&) const = default;
};

// Days without rows between the last row before and the first one of a later day.
struct Gap {
  int last_before = 0, first_after = 0;  // days since 1970-01-01
  int days = 0;
  int usual_days = 0;    // the longest such hole among the rows before
  bool unusual = false;  // longer than ever before within the window, and than three days
  bool operator==(const Gap&) const = default;
};

struct AccountPair {
  ContinuityAccount before = {}, after = {};
  RowTally rows = {};
  std::optional<Gap> gap = {};
  bool operator==(const AccountPair&) const = default;
};

struct LoneAccount {
  ContinuityAccount account = {};
  std::uint64_t rows = 0;       // within the window: before of a missing one, after of a new one
  std::uint64_t rows_left = 0;  // of a missing one: rows that are still stored
  bool operator==(const LoneAccount&) const = default;
};

enum class Likeness : std::uint8_t { unknown, same, different };
std::string_view to_string(Likeness likeness);

struct Evidence {
  Likeness mask = Likeness::unknown, type = Likeness::unknown, currency = Likeness::unknown;
  Likeness name = Likeness::unknown, balance = Likeness::unknown;
  std::uint64_t rows_before = 0;  // of days that the other account's rows reach back to
  std::uint64_t rows_equal = 0;   // of those: the other account has the same payment on the same day
  std::uint64_t rows_worded = 0;  // of those: with the same description
  std::uint64_t rows_after = 0;   // of the other account, of the days of the rows before
  bool operator==(const Evidence&) const = default;
};

enum class MappingVerdict : std::uint8_t {
  certain,
  likely,
  ambiguous,  // refused: `reason` says why
};
std::string_view to_string(MappingVerdict verdict);

// What may have become of a missing account. Nothing is ever merged because of it.
struct Mapping {
  std::string from = {};
  std::string to = {};  // empty: refused
  MappingVerdict verdict = MappingVerdict::ambiguous;
  // Of a refusal: `no_candidate`, `too_little_evidence`, `rivals`.
  std::string reason = {};
  Evidence evidence = {};                    // of `to`, or of the best candidate
  std::vector<std::string> candidates = {};  // ids, of a refusal; at most mapping_candidates_max
  bool operator==(const Mapping&) const = default;
};
inline constexpr std::size_t mapping_candidates_max = 5;

struct ContinuityReport {
  WallTime opened_at{};    // of the wait that has ended
  WallTime taken_at{};     // when the data before was looked at
  WallTime compared_at{};  // and the data afterwards
  int from_day = 0;        // the window
  bool cut = false;
  std::uint64_t accounts_left_out = 0;
  ContinuityVerdict verdict = ContinuityVerdict::intact;
  std::vector<AccountPair> kept = {};      // by id, as the others
  std::vector<LoneAccount> missing = {};   // gone, or not there
  std::vector<LoneAccount> appeared = {};  // new, or returned
  std::vector<Mapping> mappings = {};      // one for each missing account
  RowTally rows = {};                      // of all kept accounts
  bool operator==(const ContinuityReport&) const = default;
};

ContinuityReport compare(const ContinuitySnapshot& before, const ContinuitySnapshot& after);

// One sentence for people: numbers, no names.
std::string summary_of(const ContinuityReport& report);
// As the admin API shows it.
std::string to_json(const LinkId& link_id, const ContinuityReport& report);

// ---- what the store keeps: one note for each link, the snapshot and later the report in its place ----

std::string continuity_note(const LinkId& link_id);

std::string to_note(const ContinuitySnapshot& snapshot);
// nullopt: not one of ours, damaged, or a report.
std::optional<ContinuitySnapshot> snapshot_from_note(std::string_view note);
// `json`: what to_json() made.
std::string report_note(std::string_view json);
// The JSON. nullopt: not one of ours, damaged, or a snapshot.
std::optional<std::string> report_from_note(std::string_view note);

}  // namespace syncd::core
