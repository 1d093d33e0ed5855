#include <algorithm>
#include <map>
#include <string>
#include <vector>

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
