#include "sync/core/pending_match.hpp"

#include <algorithm>
#include <optional>
#include <tuple>

#include "sync/core/row_facts.hpp"

namespace syncd::core {

namespace {

// Posted rows appear within this many days of the pending row they settle.
constexpr int posted_after_days_max = 10;

// What is compared of a row. `words` is its description, empty where that does not count.
struct Payment {
  std::string_view account_id;
  std::string_view amount;
  std::string_view type;
  std::string_view currency;
  std::string_view words;
  int day = 0;
  std::string_view id;
};

auto but_for_the_day(const Payment& payment) {
  return std::tie(payment.account_id, payment.amount, payment.type, payment.currency, payment.words);
}

bool in_order(const Payment& a, const Payment& b) {
  return std::tuple_cat(but_for_the_day(a), std::tie(a.day)) <
         std::tuple_cat(but_for_the_day(b), std::tie(b.day));
}

// Those of `payments` (in order) that equal `wanted` and are closest to its day; several when equally close,
// none when none is close enough.
std::span<const Payment> closest(const std::vector<Payment>& payments, const Payment& wanted) {
  const auto equal = std::ranges::equal_range(payments, but_for_the_day(wanted), {}, but_for_the_day);
  const auto after = std::ranges::lower_bound(equal, wanted.day, {}, &Payment::day);
  int days = posted_after_days_max;
  if (after != equal.end()) days = std::min(days, after->day - wanted.day);
  if (after != equal.begin()) days = std::min(days, wanted.day - std::prev(after)->day);
  const auto first = std::ranges::lower_bound(equal, wanted.day - days, {}, &Payment::day);
  const auto last = std::ranges::upper_bound(equal, wanted.day + days, {}, &Payment::day);
  return {first, last};
}

// Views point into both arguments. nullopt: without a date nothing can be matched.
std::optional<Payment> payment_of(const RowView& row, const RowFacts& facts) {
  const std::optional<int> day = civil_day(facts.date);
  if (!day) return std::nullopt;
  return Payment{.account_id = row.account_id,
                 .amount = facts.amount,
                 .type = facts.type,
                 .currency = facts.currency,
                 .words = facts.raw_description,
                 .day = *day,
                 .id = row.id};
}

class PendingRows {
 public:
  explicit PendingRows(std::span<const RowView> rows) {
    facts_.reserve(rows.size());
    for (const RowView& row : rows) {
      std::optional<RowFacts> facts = row_facts(row.json);
      if (facts) add(row, facts_.emplace_back(*std::move(facts)));
    }
    std::ranges::sort(described_, in_order);
    std::ranges::sort(all_, in_order);
  }

  // Empty: none, or not certain.
  std::string_view settled_by(const RowView& posted) const {
    const std::optional<RowFacts> facts = row_facts(posted.json);
    std::optional<Payment> wanted = facts ? payment_of(posted, *facts) : std::nullopt;
    if (!wanted) return {};
    std::span<const Payment> found;
    if (!wanted->words.empty()) found = closest(described_, *wanted);
    wanted->words = {};
    if (found.empty()) found = closest(all_, *wanted);
    return found.size() == 1 ? found.front().id : std::string_view{};
  }

 private:
  void add(const RowView& row, const RowFacts& facts) {
    std::optional<Payment> payment = payment_of(row, facts);
    if (!payment) return;
    if (!payment->words.empty()) described_.push_back(*payment);
    payment->words = {};
    all_.push_back(*payment);
  }

  std::vector<RowFacts> facts_;  // what the views point into: reserved whole, never moved
  std::vector<Payment> described_;
  std::vector<Payment> all_;  // without their words
};

// Leaves out every pending row that more than one posted row claims.
void drop_rivals(std::vector<Settled>& claims) {
  std::ranges::sort(claims, {}, &Settled::pending_id);
  const auto rivals = [](const Settled& a, const Settled& b) { return a.pending_id == b.pending_id; };
  std::size_t kept = 0;
  for (auto at = claims.begin(); at != claims.end();) {
    const auto next =
        std::find_if_not(at, claims.end(), [&](const Settled& claim) { return rivals(*at, claim); });
    if (next - at == 1) claims[kept++] = *at;
    at = next;
  }
  claims.resize(kept);
}

}  // namespace

std::vector<Settled> match_posted(std::span<const RowView> posted, std::span<const RowView> pending) {
  std::vector<Settled> claims;
  if (posted.empty() || pending.empty()) return claims;
  PendingRows rows(pending);
  for (const RowView& row : posted) {
    const std::string_view settled = rows.settled_by(row);
    if (!settled.empty()) claims.push_back({row.id, settled});
  }
  drop_rivals(claims);
  std::ranges::sort(claims, {}, &Settled::posted_id);
  return claims;
}

}  // namespace syncd::core
