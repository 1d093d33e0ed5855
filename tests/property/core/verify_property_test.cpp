#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "sync/core/redact.hpp"
#include "sync/core/verify.hpp"
#include "tests/unit/core/one_link.hpp"

namespace syncd::test {
namespace {

using core::SecondReading;

// Pages of one history, as RapidCheck draws them: a few ids, so that words meet.
std::vector<PageText> any_history() {
  std::vector<PageText> pages;
  int minute = 0;
  const auto count = *rc::gen::inRange(1, 5);
  for (int i = 0; i < count; ++i) {
    PageText page{.next = "n" + std::to_string(i), .more = i + 1 < count};
    minute += *rc::gen::inRange(0, 3) == 2 ? 1 : 0;
    page.link.clock = *rc::gen::inRange(0, 5) == 4 ? "" : "2025-05-01T10:0" + std::to_string(minute) + ":00Z";
    const auto words = *rc::gen::inRange(0, 5);
    for (int word = 0; word < words; ++word) {
      const std::string id = "t" + std::to_string(*rc::gen::inRange(0, 6));
      const std::string amount = std::to_string(*rc::gen::inRange(0, 3)) + ".00";
      switch (*rc::gen::inRange(0, 5)) {
        case 0:
          page.removed.push_back(id);
          break;
        case 1:
          page.updated.push_back(posted(id, amount));
          break;
        case 2:
        case 3:
          page.created.push_back(pending(id, amount));
          break;
        default:
          page.created.push_back(posted(id, amount));
      }
    }
    pages.push_back(std::move(page));
  }
  return pages;
}

void read(const std::vector<PageText>& pages, SecondReading& reading) {
  for (const PageText& page : pages) {
    const auto parsed = core::parse_page(page.json());
    RC_ASSERT(parsed.has_value());
    RC_ASSERT(!reading.add(**parsed, {}));
  }
  RC_ASSERT(reading.ended());
}

std::vector<core::Difference> differences(SecondReading& reading, const OneLink& link) {
  reading.begin_comparison();
  for (const auto& [id, row] : link.store.rows)
    reading.compare(row);
  return reading.end_comparison();
}

// A link that has just drained this history from its start is as the second reading says.
RC_GTEST_PROP(VerifyProperty, AFirstDrainIsWhatASecondReadingSays, ()) {
  const std::vector<PageText> pages = any_history();
  OneLink link;
  for (const PageText& page : pages)
    link.page(page);
  SecondReading reading{core::LinkId{the_link}};
  read(pages, reading);
  RC_ASSERT(differences(reading, link).empty());
}

// Whatever was stored: a repair ends where verify finds nothing, and tells exactly what verify had found.
RC_GTEST_PROP(VerifyProperty, ARepairTellsWhatVerifyFound, ()) {
  OneLink link;
  for (const PageText& page : any_history())
    link.page(page);
  const std::vector<PageText> truth = any_history();
  SecondReading reading{core::LinkId{the_link}};
  read(truth, reading);
  const auto found = differences(reading, link);
  const std::map<std::string, core::StoredTransaction> before = link.store.rows;
  std::vector<std::string> expected;
  for (const core::Difference& difference : found)
    expected.push_back(difference.id);
  link.repair();
  const std::size_t told = link.store.feed.size();
  for (const PageText& page : truth)
    link.page(page);
  RC_ASSERT(differences(reading, link).empty());
  // The net of what was told: rows that came and went between two pages of the replay are no difference.
  std::map<std::string, std::string> changed;
  for (std::size_t i = told; i < link.store.feed.size(); ++i) {
    const FeedLine& line = link.store.feed[i];
    const bool row = line.kind >= core::ChangeKind::transaction_created &&
                     line.kind <= core::ChangeKind::transaction_removed;
    if (!row) continue;
    RC_ASSERT(line.cause == core::Cause::verify);
    changed[line.id] = line.after;
  }
  std::erase_if(changed, [&](const auto& entry) {
    const auto row = before.find(entry.first);
    if (row == before.end()) return entry.second.empty();
    return !entry.second.empty() && core::same_json(row->second.json, entry.second);
  });
  std::vector<std::string> ids;
  for (const auto& [id, after] : changed)
    ids.push_back(id);
  std::ranges::sort(expected);
  RC_ASSERT(ids == expected);
}

// ---- upstream moves while it is read ----

// An upstream with a feed of events that shows the rows as they are now. Each refresh has a clock of its own,
// changes a few posted rows and rebuilds the pending ones.
class Bank {
 public:
  explicit Bank(bool shows_clock) : shows_clock_(shows_clock) {
    for (int i = 0; i < 4; ++i)
      refresh();
  }

  void refresh() {
    ++clock_;
    std::erase_if(rows_, [](const auto& entry) { return entry.second.pending; });
    for (int i = *rc::gen::inRange(0, 4); i > 0; --i) {
      const std::string id = "t" + std::to_string(*rc::gen::inRange(0, 6));
      if (*rc::gen::inRange(0, 4) == 0) {
        rows_.erase(id);
      } else {
        rows_[id] = {.id = id, .amount = std::to_string(*rc::gen::inRange(0, 3)) + ".00"};
      }
      events_.push_back(id);
    }
    for (int i = *rc::gen::inRange(0, 3); i > 0; --i) {
      const std::string id = "p" + std::to_string(*rc::gen::inRange(0, 4));
      rows_[id] = {.id = id, .pending = true};
      events_.push_back(id);
    }
  }
  void perhaps_refresh() {
    if (*rc::gen::inRange(0, 4) == 0) refresh();
  }

  PageText page(const std::optional<core::Cursor>& cursor) const {
    const std::size_t begin = cursor ? std::stoul(cursor->text.substr(1)) : 0;
    const std::size_t end = std::min<std::size_t>(begin + 3, events_.size());
    PageText page{.next = "n" + std::to_string(end), .more = end < events_.size()};
    page.link.clock = shows_clock_ ? fmt::format("2025-05-01T{:02}:{:02}:00Z", clock_ / 60, clock_ % 60) : "";
    for (std::size_t at = begin; at < end; ++at) {
      const auto row = rows_.find(events_[at]);
      if (row != rows_.end()) {
        page.created.push_back(row->second.json());
      } else if (events_[at].starts_with('t')) {
        page.removed.push_back(events_[at]);
      }
    }
    return page;
  }

 private:
  const bool shows_clock_;
  int clock_ = 0;
  std::map<std::string, RowText> rows_;
  std::vector<std::string> events_;
};

void visit(OneLink& link, Bank& bank, core::VisitNews& news) {
  for (bool more = true; more;) {
    const PageText page = bank.page(link.record().cursor);
    news.add(link.record(), **core::parse_page(page.json()));
    link.page(page);
    more = page.more;
    bank.perhaps_refresh();
  }
}

// A posted row is lost or altered, as no rule would do it.
std::optional<std::string> perhaps_damage(OneLink& link) {
  auto& rows = link.store.rows;
  const auto row = rows.find("t" + std::to_string(*rc::gen::inRange(0, 6)));
  if (row == rows.end()) return std::nullopt;
  std::string id = row->first;
  if (*rc::gen::inRange(0, 2) == 0) {
    row->second.json = posted(id, "666.00");
  } else {
    rows.erase(row);
    --link.store.record.counts.transactions;
  }
  return id;
}

// Upstream changes at any moment of a verify, and the link is visited at any other: a sound copy never
// differs, and damage in a row that upstream leaves alone is found.
RC_GTEST_PROP(VerifyProperty, OnlyDamageIsProven, ()) {
  const bool shows_clock = *rc::gen::inRange(0, 3) != 0;
  Bank bank(shows_clock);
  OneLink link;
  core::VisitNews before;
  visit(link, bank, before);
  const std::optional<std::string> damaged = perhaps_damage(link);
  core::CopyClocks clocks{.before = link.record().pending_clock, .after = {}};
  core::VisitNews news;
  SecondReading reading{core::LinkId{the_link}};
  while (!reading.ended()) {
    bank.perhaps_refresh();
    if (*rc::gen::inRange(0, 4) == 0) visit(link, bank, news);
    RC_ASSERT(!reading.add(**core::parse_page(bank.page(reading.cursor()).json()), {}));
  }
  bank.perhaps_refresh();
  const auto suspects = differences(reading, link);
  visit(link, bank, news);
  clocks.after = link.record().pending_clock;
  std::vector<std::string> found;
  for (const core::Difference& suspect : suspects) {
    const auto row = link.store.rows.find(suspect.id);
    const auto* const local = row == link.store.rows.end() ? nullptr : &row->second;
    if (!reading.judge(suspect.id, local) || !reading.proves(suspect.id, local, clocks, news)) continue;
    // Without a clock nothing tells the copy that pending rows have vanished: then it is not as upstream is.
    if (!shows_clock && suspect.id.starts_with('p')) continue;
    found.push_back(suspect.id);
  }
  const bool left_alone = damaged && !news.names(*damaged);
  RC_CLASSIFY(left_alone, "damage that can be found");
  RC_CLASSIFY(found.empty() && !suspects.empty(), "news told from damage");
  RC_ASSERT(found == (left_alone ? std::vector{*damaged} : std::vector<std::string>{}));
}

// ---- what a redacted body says ----

// Two texts of JSON of one structure: each value in them is another one of the same kind.
struct Twins {
  std::string one, other;
  Twins& operator+=(const Twins& more) {
    one += more.one;
    other += more.other;
    return *this;
  }
  static Twins of(const char* text) { return {text, text}; }
};

std::string any_word() {
  std::string value(1, *rc::gen::elementOf(std::string("ABCXYZ")));
  for (int i = *rc::gen::inRange(0, 9); i > 0; --i)
    value += *rc::gen::elementOf(std::string("ABCXYZ%&~^ 567"));
  return value;
}

std::string any_number() {
  return *rc::gen::elementOf(std::vector<std::string>{"0", "-7", "12", "-3.50", "1e9", "-123456789.25E-10"});
}

Twins any_json(int depth) {
  switch (*rc::gen::inRange(0, depth > 0 ? 7 : 5)) {
    case 0:
      return {'"' + any_word() + '"', '"' + any_word() + '"'};
    case 1:
      return {*rc::gen::elementOf(std::vector<std::string>{"true", "false"}), "true"};
    case 2:
      return {any_number(), any_number()};
    case 3:
      return {'"' + any_number() + '"', '"' + any_number() + '"'};
    case 4:
      return Twins::of("null");
    case 5: {
      Twins list = Twins::of("[");
      for (int i = *rc::gen::inRange(0, 3); i > 0; --i) {
        if (list.one.size() > 1) list += Twins::of(",");
        list += any_json(depth - 1);
      }
      return list += Twins::of("]");
    }
    default: {
      Twins object = Twins::of("{");
      for (int i = *rc::gen::inRange(0, 3); i > 0; --i) {
        if (object.one.size() > 1) object += Twins::of(",");
        const std::string name = *rc::gen::elementOf(
            std::vector<std::string>{R"("amount")", R"("link")", R"("SECRET")", R"("NAME")"});
        object += {name + ":", name + ":"};
        object += any_json(depth - 1);
      }
      return object += Twins::of("}");
    }
  }
}

// Whatever stands where: no letter, digit or sign of a value survives.
RC_GTEST_PROP(RedactProperty, NoCharacterOfAValueSurvives, ()) {
  std::string body = any_json(4).one;
  // Also cut off and damaged.
  if (*rc::gen::inRange(0, 2) == 1) body.resize(*rc::gen::inRange<std::size_t>(0, body.size() + 1));
  if (!body.empty() && *rc::gen::inRange(0, 2) == 1)
    body[*rc::gen::inRange<std::size_t>(0, body.size())] = *rc::gen::arbitrary<char>();
  const std::string text = core::redacted(body);
  RC_ASSERT(text.find_first_of("ABCSRTXYZ%&~^0123456789+-") == std::string::npos);
}

// Two bodies that differ in nothing but their values look the same, however long these are.
RC_GTEST_PROP(RedactProperty, DependsOnKindsAlone, ()) {
  const Twins bodies = any_json(4);
  RC_ASSERT(core::redacted(bodies.one) == core::redacted(bodies.other));
}

// Any bytes, any bound.
RC_GTEST_PROP(RedactProperty, IsBoundedOnAnyBytes, (const std::string& body)) {
  const auto bound = *rc::gen::inRange<std::size_t>(0, 64);
  RC_ASSERT(core::redacted(body, bound).size() <= bound + 40);
}

}  // namespace
}  // namespace syncd::test
