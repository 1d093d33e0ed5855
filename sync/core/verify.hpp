#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "sync/core/page.hpp"
#include "sync/core/policy.hpp"
#include "sync/core/types.hpp"
#include "sync/core/verify_report.hpp"

namespace syncd::core {

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

  // Whether upstream may have changed so often meanwhile that a row which differs from both local states says
  // nothing. `before`, `after`: the upstream clock that these states were written under.
  bool moved(const std::optional<UpstreamTime>& before, const std::optional<UpstreamTime>& after) const;

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
  bool take(const std::vector<TransactionRow>& rows);
  bool remove(const std::vector<std::string_view>& ids);
  void move_on(const Page& page, bool idle);

  const std::size_t rows_max_;
  LinkRecord position_;  // of the reading: link, cursor, drain
  Rows rows_;
  bool ended_ = false;
  bool clock_moved_ = false;
  std::uint32_t pages_ = 0;
  std::vector<Difference> found_;
};

// Upstream's accounts against the stored ones; one that is gone is not there.
std::vector<Difference> compare_accounts(const std::vector<AccountRow>& upstream,
                                         const std::vector<StoredAccount>& local);
// Those of `before` whose id is still among `after`, as they are in `after`.
std::vector<Difference> in_both(const std::vector<Difference>& before, const std::vector<Difference>& after);

}  // namespace syncd::core
