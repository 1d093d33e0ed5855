#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "sync/core/page.hpp"
#include "sync/core/policy.hpp"
#include "sync/core/update.hpp"

namespace syncd::core {

// The rows that a link's very first drain has stored so far, by hash: while nothing else can be in the store,
// an id that is not in here need not be looked up, which is most of the cost of a backfill. Lives in the
// cycle, is lost with it, and gives up (everything is looked up again) beyond rows_max.
class SeenRows {
 public:
  // The link holds no rows and its history is about to be read from the start.
  static std::optional<SeenRows> for_first_drain(const LinkRecord& record);
  bool may_hold(std::string_view transaction_id) const {
    return gave_up_ || (rows_ > 0 && slots_[slot_of(hash_of(transaction_id))] != free_slot);
  }
  void add(const Page& page);

 private:
  static constexpr std::size_t rows_max = 500'000;
  static constexpr std::size_t slots_min = 1'024;
  static constexpr std::uint64_t free_slot = 0;

  // Of no meaning outside this process.
  static std::uint64_t hash_of(std::string_view id) {
    return std::max<std::uint64_t>(std::hash<std::string_view>{}(id), free_slot + 1);
  }
  // Where the hash is, or where it would go.
  std::size_t slot_of(std::uint64_t hash) const;
  void add(const std::vector<TransactionRow>& rows);
  void make_room(std::size_t rows);

  // Open addressing: a set with a node per row would cost a backfill several times as much. Empty, or a power
  // of two.
  std::vector<std::uint64_t> slots_;
  std::size_t rows_ = 0;
  bool gave_up_ = false;
};

// Why this page must not be believed, if so: it is about another link, its cursor is missing, repeated or
// goes round in a circle while it promises more, or the drain does not end. Errc::protocol; nothing of the
// page is applied.
std::optional<Error> check_page(const LinkRecord& record, const Page& page, const Policy& policy);

// Upstream sent a pending row, whatever else the page says of it: the set was rebuilt.
bool brings_pending(const Page& page);

// The upstream clock under which the drain collects pending rows, this page included; a page may leave it
// out. While no row has come it is that of the latest page, also when that is older (a server that lags
// behind): its rows are of that time, and a later clock makes them worth nothing. Once some have come it only
// advances. nullopt: no page showed one.
std::optional<UpstreamTime> drain_clock(const LinkRecord& record, const Page& page);

// Upstream rebuilt its pending rows in the middle of the drain: what earlier pages brought of them is worth
// nothing. Only a clock that advanced against the drain's own says so (contract 6.6); one that is missing, or
// older, as a server that lags behind shows it, says nothing new.
bool rebuilds_pending(const LinkRecord& record, const Page& page);

// The drain ends here and the visible pending set is to be replaced: upstream rebuilt its pending rows since
// the set was written, or sent some, or the whole history is being replayed.
bool replaces_pending(const LinkRecord& record, const Page& page);

// The drain ends here and its new posted rows are to be matched with the pending rows they settle.
bool matches_posted(const LinkRecord& record, const Page& page);

// What step_page() must see of the store. Views point into the page and the record.
LookupRequest plan_lookup(const LinkRecord& record, const Page& page, const SeenRows* seen);
LookupRequest plan_lookup(const LinkRecord& record, const AccountsAnswer& answer);
LookupRequest plan_lookup(const LinkRecord& record, const LinkAnswer& answer);
// For a failure: the relink entry only.
LookupRequest plan_lookup(const LinkRecord& record);

}  // namespace syncd::core
