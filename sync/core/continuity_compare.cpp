#include <algorithm>
#include <array>
#include <functional>
#include <span>
#include <tuple>
#include <utility>

#include "sync/core/continuity.hpp"
#include "sync/core/decimal_text.hpp"

// Both sides of a comparison.
namespace syncd::core {

namespace {

using Rows = std::span<const ContinuityRow>;
using Content = std::tuple<int, std::uint64_t, std::uint64_t>;  // day, payment, words

Content content_of(const ContinuityRow& row) {
  return {row.day, row.payment, row.words};
}
Content without_words(const Content& content) {
  return {std::get<0>(content), std::get<1>(content), 0};
}

// Those of one account, of `from_day` and later: rows are sorted by account and day.
Rows rows_of(const ContinuitySnapshot& side, std::size_t account, int from_day) {
  const auto order = [](const ContinuityRow& row) { return std::pair(std::size_t{row.account}, row.day); };
  const auto first = std::ranges::lower_bound(side.rows, std::pair(account, from_day), {}, order);
  const auto last = std::ranges::lower_bound(side.rows, std::pair(account + 1, INT32_MIN), {}, order);
  return {first, std::max(first, last)};
}

// Takes equal ones off both lists, which are sorted, one for one. How many pairs there were.
template <class Projection>
std::uint64_t pair_off(std::vector<Content>& left, std::vector<Content>& right, Projection projection) {
  std::vector<Content> left_over;
  std::vector<Content> right_over;
  auto other = right.begin();
  for (const Content& content : left) {
    while (other != right.end() && projection(*other) < projection(content))
      right_over.push_back(*other++);
    if (other != right.end() && projection(*other) == projection(content)) {
      ++other;
    } else {
      left_over.push_back(content);
    }
  }
  right_over.insert(right_over.end(), other, right.end());
  const std::uint64_t pairs = left.size() - left_over.size();
  left = std::move(left_over);
  right = std::move(right_over);
  return pairs;
}

// ---- rows of an account that is kept ----

// Rows of `before` and `after` whose id the other side does not have, by content.
struct Unmatched {
  std::vector<Content> lost;
  std::vector<Content> fresh;
};

// `wider`: the rows afterwards with the margin, among which a known id is looked for.
Unmatched match_ids(Rows before, Rows wider, int from_day, RowTally& tally) {
  Unmatched unmatched;
  std::vector<const ContinuityRow*> by_id;
  for (const ContinuityRow& row : wider)
    by_id.push_back(&row);
  const auto id = [](const ContinuityRow* row) { return row->id; };
  // Of two with one id, which a digest cannot rule out, the same one is met whatever their order was.
  std::ranges::sort(by_id, {}, [](const ContinuityRow* row) {
    return std::tuple(row->id, row->day, row->payment, row->words);
  });
  std::vector<bool> met(by_id.size());
  for (const ContinuityRow& row : before) {
    const auto found = std::ranges::lower_bound(by_id, row.id, {}, id);
    const bool same_id = found != by_id.end() && (*found)->id == row.id;
    if (!same_id) {
      unmatched.lost.push_back(content_of(row));
      continue;
    }
    met[static_cast<std::size_t>(found - by_id.begin())] = true;
    if (content_of(**found) != content_of(row)) ++tally.changed;
  }
  for (std::size_t at = 0; at < by_id.size(); ++at) {
    if (!met[at] && by_id[at]->day >= from_day) unmatched.fresh.push_back(content_of(*by_id[at]));
  }
  std::ranges::sort(unmatched.lost);
  std::ranges::sort(unmatched.fresh);
  return unmatched;
}

RowTally tally_of(Rows before, Rows wider, int from_day) {
  RowTally tally;
  tally.before = before.size();
  tally.after = static_cast<std::uint64_t>(
      std::ranges::count_if(wider, [&](const ContinuityRow& row) { return row.day >= from_day; }));
  Unmatched rest = match_ids(before, wider, from_day, tally);
  tally.renumbered = pair_off(rest.lost, rest.fresh, std::identity{});
  tally.reworded = pair_off(rest.lost, rest.fresh, without_words);
  tally.renumbered += tally.reworded;
  tally.vanished = rest.lost.size();
  std::vector<Content> known;
  for (const ContinuityRow& row : before)
    known.push_back(content_of(row));
  std::ranges::sort(known);
  for (const Content& content : rest.fresh) {
    if (std::ranges::binary_search(known, content)) {
      ++tally.duplicated;
    } else if (!before.empty() && std::get<0>(content) <= before.back().day) {
      ++tally.appeared;
    } else {
      ++tally.news;
    }
  }
  return tally;
}

// Fewer different days than this say nothing about what is usual.
constexpr int gap_days_known_min = 5;
constexpr int gap_days_min = 3;

std::optional<Gap> gap_between(Rows before, Rows after) {
  if (before.empty()) return std::nullopt;
  Gap gap{.last_before = before.back().day};
  const auto later = std::ranges::upper_bound(after, gap.last_before, {}, &ContinuityRow::day);
  if (later == after.end()) return std::nullopt;
  gap.first_after = later->day;
  gap.days = gap.first_after - gap.last_before - 1;
  int days_known = 1;
  for (std::size_t at = 1; at < before.size(); ++at) {
    const int hole = before[at].day - before[at - 1].day - 1;
    if (hole >= 0) ++days_known;
    gap.usual_days = std::max(gap.usual_days, hole);
  }
  gap.unusual = days_known >= gap_days_known_min && gap.days > std::max(gap.usual_days, gap_days_min);
  return gap;
}

void add(const RowTally& tally, RowTally& sum) {
  for (const auto member :
       {&RowTally::before, &RowTally::after, &RowTally::changed, &RowTally::renumbered, &RowTally::reworded,
        &RowTally::duplicated, &RowTally::vanished, &RowTally::appeared, &RowTally::news})
    sum.*member += tally.*member;
}

// ---- what a missing account may be now ----

Likeness like(std::string_view left, std::string_view right) {
  if (left.empty() || right.empty()) return Likeness::unknown;
  return left == right ? Likeness::same : Likeness::different;
}

// `depository` of `depository.checking`; the word `unknown` says nothing.
std::string_view family_of(std::string_view type) {
  return type == "unknown" ? std::string_view() : type.substr(0, type.find('.'));
}

// A balance of nothing is that of many accounts.
Likeness balance_likeness(const ContinuityAccount& before, const ContinuityAccount& after) {
  const std::string left = plain_decimal(before.current);
  const std::string right = plain_decimal(after.current);
  const Likeness found = like(left, right);
  return found == Likeness::same && left == "0" ? Likeness::unknown : found;
}

void weigh_rows(Rows before, Rows after, Evidence& evidence) {
  if (before.empty() || after.empty()) return;
  std::vector<Content> left;
  std::vector<Content> right;
  for (const ContinuityRow& row : before) {
    if (row.day >= after.front().day) left.push_back(content_of(row));
  }
  for (const ContinuityRow& row : after) {
    if (row.day >= before.front().day && row.day <= before.back().day) right.push_back(content_of(row));
  }
  std::ranges::sort(left);
  std::ranges::sort(right);
  evidence.rows_before = left.size();
  evidence.rows_after = right.size();
  evidence.rows_worded = pair_off(left, right, std::identity{});
  evidence.rows_equal = evidence.rows_worded + pair_off(left, right, without_words);
}

Evidence weigh(const LoneAccount& missing, Rows before, const LoneAccount& fresh, Rows after) {
  const ContinuityAccount& old = missing.account;
  const ContinuityAccount& now = fresh.account;
  Evidence evidence{.mask = like(old.mask, now.mask),
                    .type = like(old.type, now.type),
                    .currency = like(old.currency, now.currency),
                    .name = like(old.name, now.name),
                    .balance = balance_likeness(old, now)};
  weigh_rows(before, after, evidence);
  return evidence;
}

// Rows say something only when there are some.
constexpr std::uint64_t rows_telling_min = 5;

bool rows_agree(const Evidence& evidence) {
  return evidence.rows_before >= rows_telling_min && evidence.rows_equal * 10 >= evidence.rows_before * 9 &&
         evidence.rows_equal * 2 >= evidence.rows_after;
}
bool rows_disagree(const Evidence& evidence) {
  return evidence.rows_before >= rows_telling_min && evidence.rows_equal * 4 < evidence.rows_before;
}

// Points by which candidates are compared. What no account changes into rules a pair out.
constexpr int points_enough = 5;
constexpr int points_apart = 3;  // a candidate that is closer to the best one is its rival

struct Candidate {
  std::size_t missing = 0;
  std::size_t fresh = 0;
  int points = 0;
  Evidence evidence = {};
};

int points_of(const Evidence& evidence) {
  const auto same = [](Likeness likeness) { return likeness == Likeness::same; };
  int points = 0;
  if (same(evidence.mask)) points += 4;
  if (evidence.mask == Likeness::different) points -= 4;
  for (const Likeness weak : {evidence.type, evidence.currency, evidence.name, evidence.balance})
    points += same(weak) ? 1 : 0;
  if (rows_agree(evidence)) points += 5;
  if (rows_disagree(evidence)) points -= 5;
  return points;
}

bool ruled_out(const ContinuityAccount& before, const ContinuityAccount& after, const Evidence& evidence) {
  return evidence.currency == Likeness::different ||
         like(family_of(before.type), family_of(after.type)) == Likeness::different;
}

bool is_certain(const Evidence& evidence) {
  return rows_agree(evidence) && evidence.mask == Likeness::same && evidence.type == Likeness::same &&
         evidence.currency == Likeness::same;
}

class Mapper {
 public:
  Mapper(const ContinuityReport& report, std::vector<Candidate> candidates)
      : report_(report), candidates_(std::move(candidates)) {
    std::ranges::sort(candidates_, {}, [](const Candidate& candidate) {
      return std::tuple(-candidate.points, candidate.missing, candidate.fresh);
    });
  }

  Mapping map(std::size_t missing) const {
    Mapping mapping;
    mapping.from = report_.missing[missing].account.account_id;
    const auto best = std::ranges::find(candidates_, missing, &Candidate::missing);
    if (best == candidates_.end() || best->points <= 0) {
      mapping.reason = "no_candidate";
      return mapping;
    }
    mapping.evidence = best->evidence;
    if (best->points < points_enough) {
      mapping.reason = "too_little_evidence";
      mapping.candidates = within_reach(missing, 1);
    } else if (has_rival(*best)) {
      mapping.reason = "rivals";
      mapping.candidates = within_reach(missing, best->points - points_apart + 1);
    } else {
      mapping.to = id_of(*best);
      mapping.verdict = is_certain(best->evidence) ? MappingVerdict::certain : MappingVerdict::likely;
    }
    return mapping;
  }

 private:
  const std::string& id_of(const Candidate& candidate) const {
    return report_.appeared[candidate.fresh].account.account_id;
  }

  // Another account that this one may have become, or another one that may have become the same.
  bool has_rival(const Candidate& best) const {
    return std::ranges::any_of(candidates_, [&](const Candidate& other) {
      const bool itself = other.missing == best.missing && other.fresh == best.fresh;
      const bool meets = other.missing == best.missing || other.fresh == best.fresh;
      return meets && !itself && other.points > best.points - points_apart;
    });
  }

  std::vector<std::string> within_reach(std::size_t missing, int points_min) const {
    std::vector<std::string> ids;
    for (const Candidate& candidate : candidates_) {
      if (candidate.missing == missing && candidate.points >= points_min) ids.push_back(id_of(candidate));
    }
    if (ids.size() > mapping_candidates_max) ids.resize(mapping_candidates_max);
    return ids;
  }

  const ContinuityReport& report_;
  std::vector<Candidate> candidates_;  // the best first
};

// ---- the report ----

// Places of the accounts in the snapshots.
struct Sides {
  std::vector<std::size_t> missing;
  std::vector<std::size_t> fresh;
};

const ContinuityAccount* find(const ContinuitySnapshot& side, const std::string& account_id) {
  const auto found = std::ranges::lower_bound(side.accounts, account_id, {}, &ContinuityAccount::account_id);
  return found != side.accounts.end() && found->account_id == account_id ? &*found : nullptr;
}

std::size_t place_of(const ContinuitySnapshot& side, const ContinuityAccount& account) {
  return static_cast<std::size_t>(&account - side.accounts.data());
}

void pair_accounts(const ContinuitySnapshot& before, const ContinuitySnapshot& after, int from_day,
                   ContinuityReport& report, Sides& sides) {
  for (std::size_t place = 0; place < before.accounts.size(); ++place) {
    const ContinuityAccount& account = before.accounts[place];
    if (account.gone) continue;
    const Rows rows = rows_of(before, place, from_day);
    const ContinuityAccount* now = find(after, account.account_id);
    const Rows wider = now ? rows_of(after, place_of(after, *now), INT32_MIN) : Rows();
    const Rows later = now ? rows_of(after, place_of(after, *now), from_day) : Rows();
    if (now && !now->gone) {
      report.kept.push_back({.before = account,
                             .after = *now,
                             .rows = tally_of(rows, wider, from_day),
                             .gap = gap_between(rows, later)});
      add(report.kept.back().rows, report.rows);
    } else {
      report.missing.push_back({.account = account, .rows = rows.size(), .rows_left = later.size()});
      sides.missing.push_back(place);
    }
  }
  for (std::size_t place = 0; place < after.accounts.size(); ++place) {
    const ContinuityAccount& account = after.accounts[place];
    const ContinuityAccount* earlier = find(before, account.account_id);
    if (account.gone || (earlier && !earlier->gone)) continue;
    report.appeared.push_back({.account = account, .rows = rows_of(after, place, from_day).size()});
    sides.fresh.push_back(place);
  }
}

void map_accounts(const ContinuitySnapshot& before, const ContinuitySnapshot& after, int from_day,
                  const Sides& sides, ContinuityReport& report) {
  std::vector<Candidate> candidates;
  for (std::size_t m = 0; m < sides.missing.size(); ++m) {
    for (std::size_t n = 0; n < sides.fresh.size(); ++n) {
      Evidence evidence = weigh(report.missing[m], rows_of(before, sides.missing[m], from_day),
                                report.appeared[n], rows_of(after, sides.fresh[n], from_day));
      if (ruled_out(report.missing[m].account, report.appeared[n].account, evidence)) continue;
      candidates.push_back({.missing = m, .fresh = n, .points = points_of(evidence), .evidence = evidence});
    }
  }
  const Mapper mapper(report, std::move(candidates));
  for (std::size_t m = 0; m < sides.missing.size(); ++m)
    report.mappings.push_back(mapper.map(m));
}

ContinuityVerdict verdict_of(const ContinuityReport& report) {
  const auto uncertain = [](const Mapping& mapping) { return mapping.verdict != MappingVerdict::certain; };
  const auto has_gap = [](const AccountPair& pair) { return pair.gap && pair.gap->unusual; };
  const bool look = report.rows.vanished > 0 || report.rows.duplicated > 0 ||
                    std::ranges::any_of(report.mappings, uncertain) ||
                    std::ranges::any_of(report.kept, has_gap);
  if (look) return ContinuityVerdict::attention;
  const bool moved = !report.missing.empty() || report.rows.renumbered > 0 || report.rows.changed > 0;
  return moved ? ContinuityVerdict::changed : ContinuityVerdict::intact;
}

}  // namespace

ContinuityReport compare(const ContinuitySnapshot& before, const ContinuitySnapshot& after) {
  ContinuityReport report{.opened_at = before.opened_at,
                          .taken_at = before.taken_at,
                          .compared_at = after.taken_at,
                          .from_day = std::max(before.from_day, after.from_day),
                          .accounts_left_out = std::max(before.accounts_left_out, after.accounts_left_out)};
  report.cut = before.cut || report.from_day > before.from_day;
  Sides sides;
  pair_accounts(before, after, report.from_day, report, sides);
  map_accounts(before, after, report.from_day, sides, report);
  report.verdict = verdict_of(report);
  return report;
}

}  // namespace syncd::core
