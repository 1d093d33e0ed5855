#include <string>
#include <tuple>
#include <utility>

#include "store/keys.hpp"
#include "tests/fuzz/support/choices.hpp"
#include "tests/fuzz/support/target.hpp"

// Keys on disk. Any bytes that are taken for a key are the key of what they were taken for; keys of a link
// and kind lie inside its range and nobody else's do; keys sort by the length of the link's id, then its
// bytes, then the row's; sequences and times sort by their number.
namespace syncd::fuzz {
namespace {

using namespace store;

void check_parsed(std::string_view key) {
  if (const auto link = parse_link_key(key)) FUZZ_CHECK(link_key(*link) == key, "a link's key is its own");
  if (const auto feed = parse_feed_key(key))
    FUZZ_CHECK(feed_key(feed->epoch, feed->first_sequence) == key, "a sequence's key is its own");
  if (const auto letter = parse_dead_letter_key(key))
    FUZZ_CHECK(dead_letter_key(letter->at, letter->link_id) == key, "a dead letter's key is its own");
  const auto linked = parse_linked_key(key);
  if (!linked) return;
  FUZZ_CHECK(is_storable_id(linked->link_id), "a key names a link");
  const std::string prefix = kind_prefix(linked->link_id, linked->kind);
  FUZZ_CHECK(prefix + std::string(linked->id) == key, "a row's key is its own");
  if (linked->kind < 255) {
    FUZZ_CHECK(key >= prefix && key < kind_prefix_end(linked->link_id, linked->kind), "it lies in its range");
  }
}

std::string any_id(Choices& choices) {
  std::string id(choices.text(200));
  if (id.empty()) id = "x";
  return id;
}

void check_order(Choices& choices) {
  const std::string links[] = {any_id(choices), any_id(choices)};
  const std::string rows[] = {any_id(choices), any_id(choices)};
  const RowKind kinds[] = {static_cast<RowKind>(1 + choices.below(3)),
                           static_cast<RowKind>(1 + choices.below(3))};
  const auto place = [&](int i) {
    return std::tuple(links[i].size(), links[i], std::to_underlying(kinds[i]), rows[i]);
  };
  const std::string a = row_key(links[0], kinds[0], rows[0]);
  const std::string b = row_key(links[1], kinds[1], rows[1]);
  FUZZ_CHECK((place(0) < place(1)) == (a < b) && (place(0) == place(1)) == (a == b),
             "keys sort like what they name");
  const auto kind = std::to_underlying(kinds[0]);
  const bool inside = b >= kind_prefix(links[0], kind) && b < kind_prefix_end(links[0], kind);
  FUZZ_CHECK(inside == (links[0] == links[1] && kinds[0] == kinds[1]), "a range holds its own and no other");
  const std::uint64_t first = choices.number();
  const std::uint64_t second = choices.number();
  FUZZ_CHECK((first < second) == (feed_key(1, first) < feed_key(1, second)),
             "sequences sort by their number");
  const auto time = [](std::uint64_t ms) {
    return core::WallTime{core::Millis(static_cast<std::int64_t>(ms))};
  };
  FUZZ_CHECK((time(first) < time(second)) ==
                 (dead_letter_key(time(first), "l") < dead_letter_key(time(second), "l")),
             "times sort by their order");
  check_parsed(a);
  check_parsed(link_key(links[0]));
  check_parsed(account_key(links[0], rows[0]));
  check_parsed(dead_letter_key(time(first), links[0]));
}

}  // namespace

FUZZ_TARGET(store_keys) {
  Choices choices(bytes);
  if (choices.flag()) return check_order(choices);
  check_parsed(choices.rest());
}

}  // namespace syncd::fuzz
