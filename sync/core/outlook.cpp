#include "sync/core/outlook.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>
#include <vector>

#include "sync/core/note_numbers.hpp"

namespace syncd::core {

namespace {

constexpr double days_between_forgetting = 1.0 / 24;
// How much an institution's mean counts for a link of it: as much as so many changes of its own.
constexpr double prior_changes = 0.5;
constexpr double rate_min = 0.02, rate_max = 50;  // changes a day of a mean link
// Before anybody was watched: a change a day, believed as if seen for so long. The first looks are short, and
// that they find nothing says little.
constexpr double assumed_rate = 1;
constexpr double assumed_days = 2;
// Of an institution what everybody shows counts as so many days of its own.
constexpr double days_known = 5;
// Looks that are made only to learn a rhythm: one in so long for each institution.
constexpr Millis explore_unknown_every = std::chrono::minutes(20);
constexpr Millis explore_known_every = std::chrono::hours(12);
// More in a note is none: links times days that count.
constexpr double pool_max = 1e10;
constexpr Millis gap_max = std::chrono::hours(31 * 24);
constexpr char separator = '\t';
constexpr std::string_view note_head = "outlook 1\n";

// Institution and provider as one text, without memory of the heap. Empty: too long for an institution, or
// none.
class Key {
 public:
  Key(std::string_view institution_id, std::string_view provider) {
    if (institution_id.empty() || institution_id.size() + provider.size() >= outlook_name_bytes_max) return;
    char* end = std::ranges::copy(institution_id, bytes_.data()).out;
    *end++ = separator;
    end = std::ranges::copy(provider, end).out;
    length_ = static_cast<std::size_t>(end - bytes_.data());
  }
  std::string_view text() const { return {bytes_.data(), length_}; }

 private:
  std::array<char, outlook_name_bytes_max> bytes_{};
  std::size_t length_ = 0;
};

// In the order of their names, so that the same knowledge gives the same note and the same forecast.
template <class Pools>
auto in_order(const Pools& pools) {
  std::vector<const typename Pools::value_type*> sorted;
  for (const auto& known : pools)
    sorted.push_back(&known);
  std::ranges::sort(sorted, {}, [](const auto* known) -> const std::string& { return known->first; });
  return sorted;
}

void put(std::string& text, double value) {
  put_number(text, value, separator);
}

bool take(std::string_view& line, double& value) {
  return take_number(line, value, separator) && std::isfinite(value) && value >= 0 && value <= 1e15;
}

}  // namespace

double Outlooks::add(Pool& pool, WallTime now, double days, double changes) {
  const double passed = in_days(now - pool.as_of);
  double kept = 1;
  if (pool.as_of == WallTime{} || passed < 0) {
    pool.as_of = now;
  } else if (passed > days_between_forgetting) {
    kept = std::exp2(-passed / evidence_half_life_days);
    pool.changes *= kept;
    pool.days *= kept;
    pool.as_of = now;
  }
  pool.changes += changes;
  pool.days += days;
  return kept;
}

void Outlooks::note_webhook(Millis since_last, bool changed, FoundBy by) {
  webhooks_.days += std::clamp(in_days(since_last), 0.0, watched_days_max);
  if (changed && by == FoundBy::hook) ++webhooks_.hooked;
  if (changed && by == FoundBy::poll) ++webhooks_.missed;
}

Outlooks::Pool* Outlooks::pool_of(std::string_view institution_id, std::string_view provider) {
  const Key key(institution_id, provider);
  if (key.text().empty()) return nullptr;
  const auto found = pools_.find(key.text());
  if (found != pools_.end()) return &found->second;
  if (pools_.size() >= outlook_institutions_max) return nullptr;
  return &pools_[std::string(key.text())];
}

void Outlooks::note_fetch(std::string_view institution_id, std::string_view provider, WallTime now,
                          Millis since_last, double changes) {
  const double days = std::clamp(in_days(since_last), 0.0, watched_days_max);
  const double kept = add(everybody_, now, days, changes);
  for (double* const counted : {&webhooks_.days, &webhooks_.hooked, &webhooks_.missed})
    *counted *= kept;
  Pool* pool = pool_of(institution_id, provider);
  if (pool != nullptr) add(*pool, now, days, changes);
}

void Outlooks::note_gap(std::string_view institution_id, std::string_view provider, Millis gap, Millis stood,
                        UpstreamTime shown) {
  Pool* pool = pool_of(institution_id, provider);
  if (pool != nullptr) pool->clock.note_gap(gap, stood, shown);
}

bool Outlooks::explores(std::string_view institution_id, std::string_view provider, WallTime now) {
  Pool* pool = pool_of(institution_id, provider);
  if (pool == nullptr) return false;
  const Millis every = pool->clock.knows() ? explore_known_every : explore_unknown_every;
  // A time that is too far off was set by a clock that was wrong.
  if (now < pool->explore_at && pool->explore_at - now <= every) return false;
  pool->explore_at = now + every;
  return true;
}

// Mean changes a day of a link.
double Outlooks::rate_of(const Pool& pool, double believed, double days) {
  return std::clamp((pool.changes + believed * days) / (pool.days + days), rate_min, rate_max);
}

ChangePrior Outlooks::prior_of_everybody() const {
  const double rate = rate_of(everybody_, assumed_rate, assumed_days);
  return {.changes = static_cast<float>(prior_changes), .days = static_cast<float>(prior_changes / rate)};
}

ChangePrior Outlooks::prior_of(const Pool& pool) const {
  const double rate = rate_of(pool, rate_of(everybody_, assumed_rate, assumed_days), days_known);
  return {.changes = static_cast<float>(prior_changes), .days = static_cast<float>(prior_changes / rate)};
}

InstitutionOutlook Outlooks::of(std::string_view institution_id, std::string_view provider) const {
  const auto found = pools_.find(Key(institution_id, provider).text());
  if (found == pools_.end()) return {.rhythm = {}, .prior = prior_of_everybody()};
  const Pool& pool = found->second;
  return {.rhythm = pool.clock.rhythm(), .prior = prior_of(pool)};
}

std::vector<InstitutionPool> Outlooks::pools() const {
  std::vector<InstitutionPool> all;
  all.reserve(pools_.size());
  for (const auto* known : in_order(pools_)) {
    const Pool& pool = known->second;
    // All as of the same time.
    const double passed = std::max(in_days(everybody_.as_of - pool.as_of), 0.0);
    const ChangePrior prior = prior_of(pool);
    all.push_back({.days = pool.days * std::exp2(-passed / evidence_half_life_days),
                   .changes_per_day = static_cast<double>(prior.changes) / prior.days,
                   .rhythm = pool.clock.rhythm(),
                   .knows_rhythm = pool.clock.knows()});
  }
  return all;
}

InstitutionPool Outlooks::everybody() const {
  const ChangePrior prior = prior_of_everybody();
  return {.days = everybody_.days, .changes_per_day = static_cast<double>(prior.changes) / prior.days};
}

// Each line: the four numbers of a rhythm, the two of the pool, and its name to the end of the line. The
// first line is everybody's, with the numbers of the webhooks for a name. A name with a line end is left out.
std::string Outlooks::encode() const {
  std::string text(note_head);
  const auto line = [&text](const Pool& pool, std::string_view name) {
    if (name.find('\n') != std::string_view::npos) return;
    const RefreshRhythm& rhythm = pool.clock.rhythm();
    put(text, rhythm.regular ? 1 : 0);
    for (const Millis span : {rhythm.period, rhythm.spread, rhythm.gap_median})
      put(text, static_cast<double>(span.count()));
    put(text, pool.changes);
    put(text, pool.days);
    put(text, static_cast<double>(pool.as_of.time_since_epoch().count()));
    text += name;
    text += '\n';
  };
  std::string webhooks;
  for (const double number : {webhooks_.days, webhooks_.hooked, webhooks_.missed})
    put(webhooks, number);
  line(everybody_, webhooks);
  for (const auto* known : in_order(pools_))
    line(known->second, known->first);
  return text;
}

// A note of before webhooks were counted has none of these numbers.
WebhookTally Outlooks::take_webhooks(std::string_view line) {
  WebhookTally tally;
  for (double* const number : {&tally.days, &tally.hooked, &tally.missed}) {
    if (!take(line, *number) || *number > pool_max) return {};
  }
  return tally;
}

bool Outlooks::take_pool(std::string_view& line, Pool& pool) {
  std::array<double, 7> numbers{};
  if (!std::ranges::all_of(numbers, [&line](double& value) { return take(line, value); })) return false;
  const auto span = [&numbers](std::size_t at) { return Millis(static_cast<std::int64_t>(numbers[at])); };
  if (numbers[4] > pool_max || numbers[5] > pool_max) return false;
  RefreshRhythm rhythm{
      .regular = numbers[0] == 1, .period = span(1), .spread = span(2), .gap_median = span(3)};
  if (std::max({rhythm.period, rhythm.spread, rhythm.gap_median}) > gap_max) return false;
  if (rhythm.regular && (rhythm.spread <= Millis(0) || rhythm.spread >= rhythm.period)) return false;
  pool.clock.restore(rhythm);
  pool.changes = numbers[4];
  pool.days = numbers[5];
  pool.as_of = WallTime(span(6));
  return true;
}

void Outlooks::decode(std::string_view note) {
  pools_.clear();
  everybody_ = {};
  webhooks_ = {};
  if (!note.starts_with(note_head)) return;
  note.remove_prefix(note_head.size());
  Outlooks read;
  for (bool first = true; !note.empty(); first = false) {
    const std::size_t end = note.find('\n');
    if (end == std::string_view::npos) return;
    std::string_view line = note.substr(0, end);
    note.remove_prefix(end + 1);
    Pool pool;
    if (!take_pool(line, pool)) return;
    if (first) {
      read.everybody_ = pool;
      read.webhooks_ = take_webhooks(line);
    } else if (line.empty() || line.size() > outlook_name_bytes_max) {
      return;
    } else if (read.pools_.size() < outlook_institutions_max) {
      read.pools_[std::string(line)] = pool;
    }
  }
  *this = std::move(read);
}

}  // namespace syncd::core
