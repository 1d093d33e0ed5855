#include "sync/core/refresh_demand.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "sync/core/hex.hpp"
#include "sync/core/step_parts.hpp"

namespace syncd::core {

namespace {

using FiveMinutes = std::chrono::duration<std::int64_t, std::ratio<300>>;
constexpr Millis a_day = std::chrono::hours(24);
constexpr Millis interval_max = std::chrono::hours(48);
constexpr std::string_view spending_head = "v1";

std::int64_t day_of(WallTime at) {
  return std::chrono::floor<std::chrono::days>(at).time_since_epoch().count();
}

std::int64_t month_of(WallTime at) {
  const std::chrono::year_month_day date{std::chrono::floor<std::chrono::days>(at)};
  return (static_cast<int>(date.year()) - 1970) * 12 + static_cast<int>(static_cast<unsigned>(date.month())) -
         1;
}

Millis time_of_day(WallTime at) {
  return at - std::chrono::floor<std::chrono::days>(at);
}

WallTime next_day(WallTime at) {
  return std::chrono::floor<std::chrono::days>(at) + std::chrono::days{1};
}

WallTime next_month(WallTime at) {
  const std::chrono::year_month_day date{std::chrono::floor<std::chrono::days>(at)};
  return std::chrono::sys_days{(date.year() / date.month() + std::chrono::months{1}) / 1};
}

// The next word of a line of numbers.
template <class Number>
bool take(std::string_view& text, Number& value) {
  while (text.starts_with(' '))
    text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{}) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return text.empty() || text.front() == ' ' || text.front() == '\n';
}

// Whether `at` lies in the span from `from` to `to` of the day, which may go over midnight.
bool lies_in(Millis at, Millis from, Millis to) {
  return from <= to ? at >= from && at < to : at >= from || at < to;
}

bool is_readable(const LinkRecord& record) {
  const bool status = record.status == LinkStatus::active || record.status == LinkStatus::backoff;
  return status && record.upstream_state == "connected";
}

bool is_granted(const LinkRecord& record, RefreshProduct product) {
  if (product == RefreshProduct::accounts) return !record.accounts_forbidden;
  return record.has_transactions_product && !record.transactions_forbidden;
}

}  // namespace

std::string_view to_string(RefreshProduct product) {
  return product == RefreshProduct::accounts ? "accounts" : "transactions";
}

std::string_view to_string(RefreshStage stage) {
  switch (stage) {
    case RefreshStage::refused:
      return "refused";
    case RefreshStage::asked:
      return "asked";
    case RefreshStage::completed:
      return "completed";
    case RefreshStage::failed:
      return "failed";
    case RefreshStage::unanswered:
      return "unanswered";
  }
  return "refused";
}

std::optional<RefreshProduct> parse_refresh_product(std::string_view text) {
  for (const RefreshProduct product : {RefreshProduct::accounts, RefreshProduct::transactions})
    if (to_string(product) == text) return product;
  return std::nullopt;
}

// ---- what it has cost
// --------------------------------------------------------------------------------------------------

RefreshSpending spending_at(RefreshSpending spending, WallTime now) {
  if (day_of(now) > spending.day) {
    spending.day = day_of(now);
    spending.in_day = 0;
  }
  if (month_of(now) > spending.month) {
    spending.month = month_of(now);
    spending.in_month = 0;
  }
  return spending;
}

std::uint32_t calls_left(const RefreshSpending& spending, const RefreshPolicy& policy) {
  const auto left = [](std::uint32_t limit, std::uint32_t spent) { return limit - std::min(limit, spent); };
  return std::min(left(policy.calls_per_day, spending.in_day),
                  left(policy.calls_per_month, spending.in_month));
}

std::string encode_spending(const RefreshSpending& spending) {
  std::string note(spending_head);
  for (const std::int64_t number :
       {spending.day, std::int64_t{spending.in_day}, spending.month, std::int64_t{spending.in_month}})
    note += ' ' + std::to_string(number);
  return note;
}

std::optional<RefreshSpending> decode_spending(std::string_view note) {
  if (!note.starts_with(spending_head)) return std::nullopt;
  note.remove_prefix(spending_head.size());
  RefreshSpending spending;
  const bool read = take(note, spending.day) && take(note, spending.in_day) && take(note, spending.month) &&
                    take(note, spending.in_month) && note.empty();
  return read ? std::optional(spending) : std::nullopt;
}

// ---- what was asked of one link
// ----------------------------------------------------------------------------------------

std::string refresh_note(const LinkId& link_id) {
  return "refresh/" + hex_of(digest_of(link_id.str()));
}

// A line for each product: its number, and milliseconds (microseconds of upstream's clock, -1 for none).
std::string encode_places(const RefreshPlaces& places) {
  std::string note;
  for (std::size_t i = 1; i < places.size(); ++i) {
    const RefreshPlace& place = places[i];
    if (place == RefreshPlace{}) continue;
    note += std::to_string(i) + ' ' + std::to_string(place.asked_at.time_since_epoch().count()) + ' ';
    note += std::to_string(place.clock_before ? place.clock_before->time_since_epoch().count() : -1) + ' ';
    note += std::to_string(place.not_before.time_since_epoch().count()) + '\n';
  }
  return note;
}

RefreshPlaces decode_places(std::string_view note) {
  RefreshPlaces places;
  while (!note.empty()) {
    std::string_view line = note.substr(0, note.find('\n'));
    note.remove_prefix(std::min(line.size() + 1, note.size()));
    std::size_t product = 0;
    std::int64_t asked_at = 0;
    std::int64_t clock = -1;
    std::int64_t not_before = 0;
    const bool read =
        take(line, product) && take(line, asked_at) && take(line, clock) && take(line, not_before);
    if (!read || product == 0 || product >= places.size()) continue;
    RefreshPlace& place = places[product];
    place.asked_at = WallTime(Millis(asked_at));
    if (clock >= 0) place.clock_before = UpstreamTime(std::chrono::microseconds(clock));
    place.not_before = WallTime(Millis(not_before));
  }
  return places;
}

// ---- what refusals teach
// -----------------------------------------------------------------------------------------------

void RefreshHours::refused(WallTime now, WallTime opens) {
  if (opens <= now || opens - now >= a_day) return;
  const Millis at = time_of_day(now);
  // Retry-After is rounded, and the answer was under way: openings are at full five minutes.
  const Millis end = std::chrono::floor<FiveMinutes>(time_of_day(opens) + Millis(150'000)) % a_day;
  if (!closed_ || closed_->opens != end) {
    closed_ = Span{.from = at, .opens = end};
    return;
  }
  if (!lies_in(at, closed_->from, closed_->opens)) closed_->from = at;
}

// What was found closed before it is not any more; behind it, it may still be.
void RefreshHours::accepted(WallTime now) {
  if (!closed_) return;
  const Millis at = time_of_day(now);
  if (!lies_in(at, closed_->from, closed_->opens)) return;
  const Millis after = (at + Millis(1)) % a_day;
  if (after == closed_->opens) {
    closed_.reset();
  } else {
    closed_->from = after;
  }
}

std::optional<WallTime> RefreshHours::closed_until(WallTime now) const {
  if (!closed_ || !lies_in(time_of_day(now), closed_->from, closed_->opens)) return std::nullopt;
  const WallTime opens = std::chrono::floor<std::chrono::days>(now) + closed_->opens;
  return opens > now ? opens : opens + a_day;
}

bool RefreshInterval::refused(WallTime last, WallTime until) {
  if (last == WallTime{} || until <= last) return false;
  const Millis between = until - last;
  // Retry-After is told in whole seconds: a round number of hours is an interval, anything else an opening.
  const Millis off = (between + std::chrono::minutes(1)) % std::chrono::hours(1);
  if (between > interval_max || off > std::chrono::minutes(2)) return false;
  learned_ = std::max(learned_, between - off + std::chrono::minutes(1));
  return true;
}

void RefreshInterval::accepted(WallTime last, WallTime now) {
  if (last != WallTime{} && now > last) learned_ = std::min(learned_, now - last);
}

// ---- the question
// ------------------------------------------------------------------------------------------------------

std::string_view to_string(RefreshRefusal refusal) {
  switch (refusal) {
    case RefreshRefusal::off:
      return "off";
    case RefreshRefusal::not_connected:
      return "not_connected";
    case RefreshRefusal::not_granted:
      return "not_granted";
    case RefreshRefusal::too_soon:
      return "too_soon";
    case RefreshRefusal::bank_closed:
      return "bank_closed";
    case RefreshRefusal::day_spent:
      return "day_spent";
    case RefreshRefusal::month_spent:
      return "month_spent";
  }
  return "off";
}

std::string_view explanation(RefreshRefusal refusal) {
  switch (refusal) {
    case RefreshRefusal::off:
      return "refreshes on demand are off, or do not cover this product; see [refresh] in the configuration";
    case RefreshRefusal::not_connected:
      return "the link is not connected, or not visited: its bank cannot be asked";
    case RefreshRefusal::not_granted:
      return "the link does not have this product";
    case RefreshRefusal::too_soon:
      return "the bank was asked, or delivered, a short while ago";
    case RefreshRefusal::bank_closed:
      return "the bank takes no refreshes at this time of the day";
    case RefreshRefusal::day_spent:
      return "the day's refreshes are spent; see refresh.calls_per_day";
    case RefreshRefusal::month_spent:
      return "the month's refreshes are spent; see refresh.calls_per_month";
  }
  return {};
}

std::optional<UpstreamTime> clock_of(const LinkRecord& record, RefreshProduct product) {
  return product == RefreshProduct::accounts ? record.accounts_clock : record.transactions_clock;
}

WallTime last_refresh(const LinkRecord& record, RefreshProduct product, const RefreshPlace& place) {
  const auto clock = clock_of(record, product);
  return clock ? std::max(place.asked_at, std::chrono::floor<Millis>(*clock)) : place.asked_at;
}

RefreshVerdict judge_refresh(const RefreshQuestion& q) {
  if (!q.policy.enabled || !q.policy.covers(q.product)) return {RefreshRefusal::off};
  if (!is_readable(q.record)) return {RefreshRefusal::not_connected};
  if (!is_granted(q.record, q.product)) return {RefreshRefusal::not_granted};
  if (q.place.not_before > q.now) return {RefreshRefusal::too_soon, q.place.not_before};
  const WallTime last = last_refresh(q.record, q.product, q.place);
  const WallTime again = last + std::max(q.policy.interval_of(q.product), q.learned_interval);
  if (last != WallTime{} && again > q.now) return {RefreshRefusal::too_soon, again};
  const auto opens = q.hours != nullptr ? q.hours->closed_until(q.now) : std::nullopt;
  if (opens) return {RefreshRefusal::bank_closed, opens};
  if (q.spending.in_month >= q.policy.calls_per_month)
    return {RefreshRefusal::month_spent, next_month(q.now)};
  if (q.spending.in_day >= q.policy.calls_per_day) return {RefreshRefusal::day_spent, next_day(q.now)};
  return {std::nullopt};
}

LinkUpdate step_refresh(const StepInput& input, const RefreshPlaces& places,
                        const RefreshSpending& spending) {
  LinkUpdate update = begin_step(input);
  update.record.last_attempt_at = input.record.last_attempt_at;
  update.notes.push_back({refresh_note(input.record.link_id), encode_places(places)});
  update.notes.push_back({std::string(refresh_spending_note), encode_spending(spending)});
  return update;
}

}  // namespace syncd::core
