#include "sync/core/continuity.hpp"

#include <algorithm>
#include <chrono>
#include <functional>
#include <utility>

#include "sync/core/account_facts.hpp"
#include "sync/core/decimal_text.hpp"
#include "sync/core/row_facts.hpp"

// One side of a comparison.
namespace syncd::core {

namespace {

// Not within a code point.
std::string cut_text(std::string_view text) {
  if (text.size() <= continuity_text_bytes_max) return std::string(text);
  std::size_t end = continuity_text_bytes_max;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80)
    --end;
  return std::string(text.substr(0, end));
}

std::uint64_t short_digest(std::string_view text) {
  const Digest digest = digest_of(text);
  std::uint64_t value = 0;
  static_assert(sizeof value <= sizeof digest);
  for (std::size_t at = 0; at < sizeof value; ++at)
    value = value << 8 | digest[at];
  return value;
}

ContinuityAccount account_of(const StoredAccount& stored) {
  ContinuityAccount account{.account_id = stored.account_id, .gone = stored.gone};
  const std::optional<AccountFacts> facts = account_facts(stored.json);
  if (!facts) return account;
  account.name = cut_text(facts->name);
  account.type = cut_text(facts->type);
  account.mask = cut_text(facts->mask);
  account.currency = cut_text(facts->currency);
  account.current = cut_text(facts->current);
  account.available = cut_text(facts->available);
  account.limit = cut_text(facts->limit);
  return account;
}

}  // namespace

int day_of(WallTime now) {
  return static_cast<int>(std::chrono::floor<std::chrono::days>(now).time_since_epoch().count());
}

int continuity_from_day(WallTime now) {
  return day_of(now) - continuity_days;
}

SnapshotBuilder::SnapshotBuilder(WallTime opened_at, WallTime taken_at, int from_day,
                                 const std::vector<StoredAccount>& accounts, ContinuityLimits limits)
    : limits_(limits) {
  snapshot_.opened_at = opened_at;
  snapshot_.taken_at = taken_at;
  snapshot_.from_day = from_day;
  for (const StoredAccount& account : accounts)
    snapshot_.accounts.push_back(account_of(account));
  std::ranges::sort(snapshot_.accounts, {}, &ContinuityAccount::account_id);
  if (snapshot_.accounts.size() <= limits_.accounts_max) return;
  snapshot_.accounts_left_out = snapshot_.accounts.size() - limits_.accounts_max;
  snapshot_.accounts.resize(limits_.accounts_max);
}

void SnapshotBuilder::add(const StoredTransaction& row) {
  if (row.pending) return;
  const auto& accounts = snapshot_.accounts;
  const auto account = std::ranges::lower_bound(accounts, row.account_id, {}, &ContinuityAccount::account_id);
  if (account == accounts.end() || account->account_id != row.account_id) return;
  const std::optional<RowFacts> facts = row_facts(row.json);
  const std::optional<int> day = facts ? civil_day(facts->date) : std::nullopt;
  if (!day || *day < snapshot_.from_day) return;
  const std::string& words = facts->raw_description.empty() ? facts->description : facts->raw_description;
  // Neither a type nor a currency holds a line feed, and if one did, only digests would meet.
  const std::string payment = plain_decimal(facts->amount) + '\n' + facts->type + '\n' + facts->currency;
  snapshot_.rows.push_back({.account = static_cast<std::uint32_t>(account - accounts.begin()),
                            .day = *day,
                            .id = stable_hash(row.transaction_id),
                            .payment = short_digest(payment),
                            .words = short_digest(words)});
  if (snapshot_.rows.size() >= 2 * limits_.rows_max + 1) drop_days();
}

// Which days stay does not depend on the order of the rows: the earliest day with which, and with all later
// ones, there are not too many.
void SnapshotBuilder::drop_days() {
  std::vector<ContinuityRow>& rows = snapshot_.rows;
  if (rows.size() <= limits_.rows_max) return;
  std::ranges::sort(rows, std::greater<>{}, &ContinuityRow::day);
  const int first_too_many = rows[limits_.rows_max].day;
  const auto end = std::ranges::find(rows, first_too_many, &ContinuityRow::day);
  rows.erase(end, rows.end());
  snapshot_.from_day = first_too_many + 1;
  snapshot_.cut = true;
}

ContinuitySnapshot SnapshotBuilder::take() {
  drop_days();
  std::ranges::sort(snapshot_.rows);
  return std::move(snapshot_);
}

std::string continuity_note(const LinkId& link_id) {
  return "continuity/" + link_id.str();
}

}  // namespace syncd::core
