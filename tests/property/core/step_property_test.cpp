#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tests/unit/core/one_link.hpp"

namespace syncd::test {
namespace {

using core::Errc;
using core::Millis;

// Decisions of one run, read off a list that RapidCheck makes and shrinks; zero when it is used up.
class Choices {
 public:
  explicit Choices(std::vector<std::uint8_t> numbers) : numbers_(std::move(numbers)) {}
  std::uint32_t below(std::uint32_t end) { return next() % end; }
  bool once_in(std::uint32_t n) { return next() % n == n - 1; }
  bool left() const { return at_ < numbers_.size(); }

 private:
  std::uint8_t next() { return at_ < numbers_.size() ? numbers_[at_++] : 0; }
  std::vector<std::uint8_t> numbers_;
  std::size_t at_ = 0;
};

Choices any_choices() {
  return Choices(*rc::gen::scale(6.0, rc::gen::arbitrary<std::vector<std::uint8_t>>()));
}

std::string clock_text(int minute) {
  const auto two = [](int value) { return std::string(value < 10 ? "0" : "") + std::to_string(value); };
  return "2025-05-01T" + two(minute / 60 % 24) + ':' + two(minute % 60) + ":00Z";
}

// A row per id and state of it: its text says everything.
struct Row {
  std::string id;
  std::string amount;
  bool pending = false;
  std::string json() const { return RowText{.id = id, .amount = amount, .pending = pending}.json(); }
};

// `products.transactions.refreshed_at` of a page; none: upstream left it out.
using Clock = std::optional<int>;

// What upstream means, folded without looking at how the daemon does it.
struct Fold {
  std::map<std::string, std::string> posted;   // id to text
  std::map<std::string, std::string> pending;  // the visible set
  std::map<std::string, std::string> collected;
  bool draining = false;
  bool brought = false;
  Clock drain_clock;
  Clock pending_clock;

  void apply(const std::vector<Row>& created, const std::vector<Row>& updated,
             const std::vector<std::string>& removed, Clock clock, bool more) {
    if (!draining) drain_clock.reset();
    if (clock && drain_clock && *clock > *drain_clock) {
      collected.clear();
      brought = false;
    }
    // An older one counts as long as nothing was collected.
    if (clock && (!drain_clock || !brought || *clock > *drain_clock)) drain_clock = clock;
    std::map<std::string, std::optional<Row>> last;
    for (const Row& row : created)
      last[row.id] = row;
    for (const Row& row : updated)
      last[row.id] = row;
    for (const std::string& id : removed)
      last[id] = std::nullopt;
    brought = brought || std::ranges::any_of(created, &Row::pending);
    for (const auto& [id, row] : last)
      apply_word(id, row);
    draining = more;
    if (more) return;
    if (brought || (drain_clock && (!pending_clock || *drain_clock > *pending_clock))) {
      pending = collected;
      if (drain_clock) pending_clock = drain_clock;
    }
    collected.clear();
    brought = false;
  }

  void apply_word(const std::string& id, const std::optional<Row>& row) {
    collected.erase(id);
    if (!row) {
      posted.erase(id);
      pending.erase(id);
    } else if (!row->pending) {
      pending.erase(id);
      posted[id] = row->json();
    } else {
      collected[id] = row->json();
      if (posted.erase(id) > 0) pending[id] = row->json();
    }
  }

  std::map<std::string, std::string> visible() const {
    std::map<std::string, std::string> all = posted;
    all.insert(pending.begin(), pending.end());
    return all;
  }
};

std::map<std::string, std::string> visible(const OneLink& link) {
  std::map<std::string, std::string> rows;
  for (const auto& [id, row] : link.store.rows)
    rows[id] = row.json;
  return rows;
}

// A consumer that knows nothing but the feed.
std::map<std::string, std::string> replay(const std::vector<FeedLine>& feed) {
  std::map<std::string, std::string> rows;
  for (const FeedLine& line : feed) {
    switch (line.kind) {
      case core::ChangeKind::transaction_created:
        RC_ASSERT(!rows.contains(line.id) && line.before.empty());
        rows[line.id] = line.after;
        break;
      case core::ChangeKind::transaction_updated:
        RC_ASSERT(rows.at(line.id) == line.before && line.before != line.after);
        rows[line.id] = line.after;
        break;
      case core::ChangeKind::transaction_removed:
        RC_ASSERT(rows.at(line.id) == line.before && line.after.empty());
        rows.erase(line.id);
        break;
      default:
        break;
    }
  }
  return rows;
}

struct AnyPage {
  std::vector<Row> created, updated;
  std::vector<std::string> removed;
};

AnyPage any_page(Choices& choices) {
  AnyPage page;
  for (std::uint32_t i = choices.below(4); i > 0; --i) {
    const std::string id = "t" + std::to_string(choices.below(6));
    const std::string amount = std::to_string(choices.below(3)) + ".00";
    switch (choices.below(5)) {
      case 0:
        page.removed.push_back(id);
        break;
      case 1:
        page.updated.push_back({id, amount, false});
        break;
      case 2:
      case 3:
        page.created.push_back({id, amount, true});
        break;
      default:
        page.created.push_back({id, amount, false});
    }
  }
  return page;
}

// Mostly goes forward or stands still; sometimes missing, or that of a server that lags behind.
Clock any_clock(Choices& choices, int& newest) {
  if (choices.once_in(3)) ++newest;
  if (choices.once_in(5)) return std::nullopt;
  return choices.once_in(6) ? newest - 1 : newest;
}

PageText text_of(const AnyPage& page, Clock clock, std::string next, bool more) {
  PageText text{.removed = page.removed, .next = std::move(next), .more = more};
  text.link.clock = clock ? clock_text(*clock) : std::string();
  for (const Row& row : page.created)
    text.created.push_back(row.json());
  for (const Row& row : page.updated)
    text.updated.push_back(row.json());
  return text;
}

bool any_pending(const AnyPage& page) {
  return std::ranges::any_of(page.created, &Row::pending);
}

RC_GTEST_PROP(StepProperty, PagesFoldToWhatUpstreamMeans, ()) {
  Choices choices = any_choices();
  OneLink link;
  Fold fold;
  int newest = 1;
  int cursor = 0;
  while (choices.left()) {
    const Clock clock = any_clock(choices, newest);
    const AnyPage page = any_page(choices);
    const bool more = choices.once_in(2);
    const bool drains_alone = !fold.draining && !more;
    const PageText text = text_of(page, clock, "c" + std::to_string(++cursor), more);
    link.page(text);
    fold.apply(page.created, page.updated, page.removed, clock, more);
    RC_ASSERT(visible(link) == fold.visible());
    RC_ASSERT(replay(link.store.feed) == visible(link));
    // The same answer again, as after a crash: not a word in the feed.
    if (drains_alone ||
        (!more && !any_pending(page) && page.removed.empty() && link.record().counts.pending == 0)) {
      const std::size_t told = link.store.feed.size();
      link.page(text);
      RC_ASSERT(link.store.feed.size() == told);
      RC_ASSERT(visible(link) == fold.visible());
    }
  }
}

// ---- which pending row a posted one came from ----

std::set<std::string> pending_ids(const OneLink& link) {
  std::set<std::string> ids;
  for (const auto& [id, row] : link.store.rows) {
    if (row.pending) ids.insert(id);
  }
  return ids;
}

std::map<std::string, std::string> origins(const OneLink& link) {
  std::map<std::string, std::string> from;
  for (const auto& [id, row] : link.store.rows) {
    if (!row.posted_from.empty()) from[id] = row.posted_from;
  }
  return from;
}

// Over any pages: an origin that a drain named was visibly pending before the drain, is there no more after
// it, and is named once. Nothing is named before the drain ends.
RC_GTEST_PROP(StepProperty, OriginsAreRowsThatTheDrainReplaced, ()) {
  Choices choices = any_choices();
  OneLink link;
  int newest = 1;
  int cursor = 0;
  while (choices.left()) {
    const std::set<std::string> pending_before = pending_ids(link);
    const std::map<std::string, std::string> origins_before = origins(link);
    for (bool more = true; more;) {
      more = choices.once_in(2);
      const Clock clock = any_clock(choices, newest);
      link.page(text_of(any_page(choices), clock, "c" + std::to_string(++cursor), more));
      if (!more) continue;
      for (const auto& [id, from] : origins(link))
        RC_ASSERT(origins_before.contains(id) && origins_before.at(id) == from);
    }
    RC_ASSERT(replay(link.store.feed) == visible(link));
    std::set<std::string> claimed;
    for (const auto& [id, from] : origins(link)) {
      const auto old = origins_before.find(id);
      if (old != origins_before.end() && old->second == from) continue;
      RC_ASSERT(pending_before.contains(from));
      RC_ASSERT(!link.store.rows.contains(from));
      RC_ASSERT(claimed.insert(from).second);
    }
  }
}

// A row that is one of few payments, so that some are alike and some are not.
RowText any_payment(Choices& choices, std::string id, bool pending) {
  static constexpr const char* words[] = {"COFFEE", "TEA", ""};
  return {.id = std::move(id),
          .amount = std::to_string(choices.below(2)) + ".00",
          .pending = pending,
          .date = "2025-04-" + std::to_string(10 + choices.below(15)),
          .words = words[choices.below(3)]};
}

// How well both agree, by the words of the rule; 0: not at all.
int agreement(const RowText& pending, const RowText& posted) {
  const int days = std::abs(std::stoi(pending.date.substr(8)) - std::stoi(posted.date.substr(8)));
  if (pending.amount != posted.amount || days > 10) return 0;
  return (!pending.words.empty() && pending.words == posted.words ? 100 : 0) + 11 - days;
}

// Every posted row with its only best pending row, unless another wants the same.
std::map<std::string, std::string> expected_origins(const std::vector<RowText>& posted,
                                                    const std::vector<RowText>& vanished) {
  std::map<std::string, std::string> origins;
  std::map<std::string, int> claims;
  for (const RowText& row : posted) {
    int best = 0;
    std::vector<std::string> found;
    for (const RowText& other : vanished) {
      const int score = agreement(other, row);
      if (score == 0 || score < best) continue;
      if (score > best) found.clear();
      best = score;
      found.push_back(other.id);
    }
    if (found.size() != 1) continue;
    origins[row.id] = found[0];
    ++claims[found[0]];
  }
  std::erase_if(origins, [&](const auto& entry) { return claims[entry.second] > 1; });
  return origins;
}

// Where pending and posted ids never meet, the origins after a drain do not depend on how its rows were
// spread over pages.
RC_GTEST_PROP(StepProperty, OriginsAreTheOnlyBestMatchesOfTheWholeDrain, ()) {
  Choices choices = any_choices();
  OneLink link;
  std::vector<RowText> held;
  PageText first{.next = "start"};
  for (std::uint32_t i = choices.below(6); i > 0; --i) {
    held.push_back(any_payment(choices, "p" + std::to_string(i), true));
    first.created.push_back(held.back().json());
  }
  link.page(first);
  std::vector<RowText> posted;
  std::set<std::string> listed;
  for (std::uint32_t pages = 1 + choices.below(3); pages > 0; --pages) {
    PageText page{.next = "n" + std::to_string(pages), .more = pages > 1, .link = {.clock = clock_2}};
    for (std::uint32_t i = choices.below(4); i > 0; --i) {
      posted.push_back(any_payment(choices, "t" + std::to_string(posted.size()), false));
      page.created.push_back(posted.back().json());
    }
    if (!held.empty() && choices.once_in(3)) {
      const RowText& again = held[choices.below(static_cast<std::uint32_t>(held.size()))];
      listed.insert(again.id);
      page.created.push_back(again.json());
    }
    link.page(page);
  }
  std::erase_if(held, [&](const RowText& row) { return listed.contains(row.id); });
  RC_ASSERT(origins(link) == expected_origins(posted, held));
}

// A resync in the middle of anything ends at the replayed history, and tells true differences only.
RC_GTEST_PROP(StepProperty, ResyncEndsAtTheReplayedHistory, ()) {
  Choices choices = any_choices();
  OneLink link;
  std::map<std::string, std::string> history;
  int cursor = 0;
  for (int i = 0; i < 4 && choices.left(); ++i) {
    const AnyPage page = any_page(choices);
    const bool more = choices.once_in(2);
    link.page(text_of(page, 1 + i, "c" + std::to_string(++cursor), more));
  }
  if (!link.record().cursor) return;
  const auto before = visible(link);
  link.fails(Errc::cursor_rejected);
  RC_ASSERT(visible(link) == before);
  // A first attempt at the replay may be refused in the middle: what only it has met does not count.
  if (choices.once_in(2)) {
    AnyPage page = any_page(choices);
    page.removed.clear();
    link.page(text_of(page, 49, "a1", true));
    link.fails(Errc::cursor_rejected);
  }
  const std::size_t told = link.store.feed.size();
  for (std::uint32_t pages = 1 + choices.below(3); pages > 0; --pages) {
    AnyPage page = any_page(choices);
    page.removed.clear();
    std::map<std::string, std::string> rows;  // a history holds each row once
    std::erase_if(page.created, [&](const Row& row) {
      return history.contains(row.id) || !rows.emplace(row.id, row.json()).second;
    });
    page.updated.clear();
    history.merge(rows);
    link.page(text_of(page, 50, "r" + std::to_string(pages), pages > 1));
  }
  RC_ASSERT(visible(link) == history);
  RC_ASSERT(replay(link.store.feed) == history);
  std::set<std::string> ids;
  for (std::size_t i = told; i < link.store.feed.size(); ++i) {
    const bool row = link.store.feed[i].kind >= core::ChangeKind::transaction_created &&
                     link.store.feed[i].kind <= core::ChangeKind::transaction_removed;
    if (row) RC_ASSERT(ids.insert(link.store.feed[i].id).second);
  }
}

// ---- never out of the schedule ----

LinkText any_state(Choices& choices) {
  static constexpr const char* codes[] = {
      "auth_expired", "user_error", "incomplete", "no_accounts", "institution_error", "brand_new", ""};
  LinkText link;
  if (choices.once_in(3)) {
    link.state = "error";
    link.error_code = codes[choices.below(std::size(codes))];
  } else if (choices.once_in(8)) {
    link.state = choices.once_in(2) ? "connecting" : "hibernating";
  }
  return link;
}

core::Error any_error(Choices& choices) {
  static constexpr Errc kinds[] = {
      Errc::transport, Errc::timeout,         Errc::server,          Errc::throttled, Errc::protocol,
      Errc::forbidden, Errc::relink_required, Errc::cursor_rejected, Errc::invalid,   Errc::upstream_state};
  core::Error error{.code = kinds[choices.below(std::size(kinds))], .message = "any"};
  if (error.code == Errc::relink_required) error.link_error_code = "auth_expired";
  if (error.code == Errc::forbidden) error.http_status = choices.once_in(2) ? 401 : 403;
  const bool waits = error.code == Errc::throttled || error.code == Errc::server;
  if (waits && choices.once_in(2)) error.retry_after = Millis(choices.below(200) * 60'000);
  return error;
}

void any_step(Choices& choices, OneLink& link, int& cursor) {
  const auto endpoint = choices.once_in(2) ? core::Endpoint::accounts : core::Endpoint::sync;
  switch (choices.below(5)) {
    case 0:
      link.fails(any_error(choices), endpoint);
      break;
    case 1:
      link.accounts(choices.once_in(2) ? std::vector<std::string>{} : std::vector{account("acc_1")},
                    any_state(choices));
      break;
    case 2:
      link.look(any_state(choices));
      break;
    case 3:
      if (choices.once_in(3)) {
        link.pause();
        link.resume();
      }
      break;
    default: {
      PageText text = text_of(any_page(choices), 1, "c" + std::to_string(++cursor), choices.once_in(2));
      text.link = any_state(choices);
      link.page_or_failure(text);
    }
  }
}

RC_GTEST_PROP(StepProperty, ALinkNeverFallsOutOfTheSchedule, ()) {
  Choices choices = any_choices();
  OneLink link;
  const std::int64_t longest[] = {2, 6, 24};  // hours; a Retry-After window may be one hour
  link.policy.max_interval = std::chrono::hours(longest[choices.below(3)]);
  link.policy.interval = std::min<Millis>(link.policy.interval, link.policy.max_interval);
  int cursor = 0;
  while (choices.left()) {
    link.entropy = choices.below(256) * 0x0101'0101'0101'0101ULL;
    link.now += Millis(choices.below(200) * 60'000);
    any_step(choices, link, cursor);
    RC_ASSERT(link.until_due() * 10 <= link.policy.max_interval * 11);
    // The queue holds the link exactly when its status says so.
    const bool open = link.store.relink && link.store.relink->status == core::RelinkStatus::open;
    RC_ASSERT(open == (link.record().status == core::LinkStatus::relink));
  }
  RC_ASSERT(replay(link.store.feed) == visible(link));
}

}  // namespace
}  // namespace syncd::test
