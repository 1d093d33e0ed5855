#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "sync/core/page.hpp"
#include "sync/core/policy.hpp"
#include "sync/core/types.hpp"
#include "sync/core/verify_report.hpp"

namespace syncd::core {

// What the pages of a link's ordinary visits say while the link is read a second time. Whatever changes
// behind a cursor is told: a posted row that none of them named has not changed upstream since.
class VisitNews {
 public:
  // `record`: before the page. Also for a page whose commit fails: it comes again.
  void add(const LinkRecord& record, const Page& page);
  // True also when it cannot be told: a resync names everything, and so do more than ids_max rows.
  bool names(std::string_view id) const { return everything_ || ids_.contains(hash_of(id)); }
  bool brought_pending() const { return brought_pending_; }
  // The clocks on the latest page; nullopt: there is no page, or it shows none.
  const std::optional<UpstreamTime>& clock() const { return clock_; }
  const std::optional<UpstreamTime>& accounts_clock() const { return accounts_clock_; }

 private:
  static constexpr std::size_t ids_max = 100'000;
  // Of no meaning outside this process. Two ids with one hash are both taken for named.
  static std::size_t hash_of(std::string_view id) { return std::hash<std::string_view>{}(id); }

  std::unordered_set<std::size_t> ids_;
  bool everything_ = false;
  bool brought_pending_ = false;
  std::optional<UpstreamTime> clock_;
  std::optional<UpstreamTime> accounts_clock_;
};

// The upstream clock that the copy's pending rows were written under: before the reading, and when what
// differs is judged, behind a visit that began after the reading had ended.
struct CopyClocks {
  std::optional<UpstreamTime> before;
  std::optional<UpstreamTime> after;
};

// What upstream says of a link when it is read from the null cursor, as digests: the same rules that a resync
// goes by, but nothing is stored. Pages first, until ended(); then comparisons, any number.
class SecondReading {
 public:
  explicit SecondReading(const LinkId& link_id, std::size_t rows_max = verify_rows_max);

  // Takes the page behind cursor(). An error: it must not be believed (as check_page() says), or the link has
  // too many rows (`too_large`); the reading is then of no use any more.
  std::optional<Error> add(const Page& page, const Policy& policy);
  const std::optional<Cursor>& cursor() const { return position_.cursor; }
  bool ended() const { return ended_; }
  std::uint64_t rows() const { return rows_.size(); }
  std::uint32_t pages() const { return pages_; }

  // How `local` (null: there is none) differs from what was read of this id.
  std::optional<DifferenceKind> judge(std::string_view id, const StoredTransaction* local) const;
  // Compares all local rows: begin, each row once, end. In the order of ids, but for the missing ones.
  void begin_comparison();
  void compare(const StoredTransaction& local);
  std::vector<Difference> end_comparison();

  // Whether this row, which differs, differs from what upstream has now: not because upstream changed it
  // while it was read. `news`: of every visit of the link since `clocks.before`.
  bool proves(std::string_view id, const StoredTransaction* local, const CopyClocks& clocks,
              const VisitNews& news) const;

 private:
  struct Row {
    Digest digest{};
    bool pending = false;
    bool met = false;  // by the comparison that runs
    bool operator==(const Row& other) const { return digest == other.digest && pending == other.pending; }
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  using Rows = std::unordered_map<std::string, Row, Hash, std::equal_to<>>;

  static Row row_of(std::string_view json, bool pending);
  void take(const std::vector<TransactionRow>& rows);
  void remove(const std::vector<std::string_view>& ids);
  void note_clock(const Page& page);
  void move_on(const Page& page);
  bool proves_pending(const CopyClocks& clocks, const VisitNews& news) const;

  const std::size_t rows_max_;
  LinkRecord position_;  // of the reading: link, cursor, drain
  Rows rows_;
  bool ended_ = false;
  std::uint32_t pages_ = 0;
  std::optional<UpstreamTime> oldest_clock_;  // that a page showed
  std::optional<UpstreamTime> newest_clock_;  // likewise
  bool clock_missing_ = false;                // from some page
  std::vector<Difference> found_;
};

// Upstream's accounts against the stored ones; one that is gone is not there.
std::vector<Difference> compare_accounts(const std::vector<AccountRow>& upstream,
                                         const std::vector<StoredAccount>& local);
// Those of `before` whose id is still among `after`, as they are in `after`.
std::vector<Difference> in_both(const std::vector<Difference>& before, const std::vector<Difference>& after);

}  // namespace syncd::core
