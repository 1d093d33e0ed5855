#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tests/sandbox/model/options.hpp"
#include "tests/sandbox/model/random.hpp"

namespace syncd::sandbox {

/// How often a merchant turns up on an account.
enum class Habit : std::uint8_t { random, monthly, twice_monthly };

struct Merchant {
  std::string_view name;
  std::string_view raw;
  std::string_view category;  ///< the deprecated dotted text
  std::string_view enriched;  ///< enrichment.category.value
  std::string_view enriched_sub;
  std::uint32_t cents_min;
  std::uint32_t cents_max;
  Habit habit;
  bool credit;
};
const std::vector<Merchant>& merchants();

struct AccountKind {
  std::string_view type;
  std::string_view name;
  std::int64_t cents_typical;
  bool has_limit;
};
const std::vector<AccountKind>& account_kinds();

/// One account as upstream knows it. Its numbers follow from seed and revision.
struct Account {
  std::string id;
  std::uint64_t seed = 0;
  std::uint8_t kind = 0;
  std::uint32_t revision = 0;
  TimePoint balance_at;
  bool listed = true;  ///< false: vanished from GET accounts
  bool closed = false;
  bool replaced = false;  ///< the link was reconnected under new account ids; never comes back
};

/// One transaction, packed: a link with two years of history must fit in a few tens of kilobytes. Everything
/// else is derived from the link's seed and the row's position when it is written out.
struct Row {
  std::int32_t day;  ///< since 1970-01-01
  std::uint32_t cents;
  std::uint16_t revision;
  std::uint8_t account;  ///< index into the link's accounts
  std::uint8_t merchant;
  bool alive : 1;
  bool pending : 1;
  bool settled : 1;  ///< was pending under the same id
  bool born_pending : 1;
};

/// The part of a row that events change; kept apart so that the past can be rebuilt.
struct RowState {
  std::uint16_t revision = 0;
  bool alive = false;
  bool pending = false;
  bool settled = false;
  bool operator==(const RowState&) const = default;
};

struct RowText {
  const Switches* switches;
  std::uint64_t link_seed;
  const std::vector<Account>* accounts;
  std::uint8_t first_accounts;  ///< how many the link began with; only between these do rows move
};

void append_row_id(std::string& out, std::uint64_t link_seed, std::uint32_t index);
std::string row_id(std::uint64_t link_seed, std::uint32_t index);
/// The transaction object. Two calls with equal arguments give equal text.
void append_row(std::string& out, const RowText& text, std::uint32_t index, const Row& row,
                const RowState& state);
std::int32_t row_day(std::uint64_t link_seed, std::uint32_t index, const Row& row, const RowState& state);
/// Index of the account the row is booked on.
std::uint8_t row_account(const RowText& text, std::uint32_t index, const Row& row, const RowState& state);
void append_account(std::string& out, const Switches& switches, const Account& account);

/// Writes `,"name":null`, nothing, or one of them by `extra`, as the switches want it.
void append_null_member(std::string& out, std::string_view name, const Switches& switches,
                        std::uint64_t extra);

}  // namespace syncd::sandbox
