#include <string>
#include <utility>
#include <vector>

#include "store/codec.hpp"
#include "store/feed.hpp"
#include "store/high_water.hpp"
#include "sync/core/schedule.hpp"
#include "tests/fuzz/support/choices.hpp"
#include "tests/fuzz/support/target.hpp"

// Values on disk, one family by the first byte. Any bytes are refused as damaged storage or understood; what
// is understood is written again as the very same bytes (a link record and a packed feed block: as bytes that
// mean the same), and no beginning of it is understood. Parts that are read alone agree with the whole.
namespace syncd::fuzz {
namespace {

using namespace store;
using Values = std::string_view;

template <class T>
bool refused(const core::Result<T>& result) {
  FUZZ_CHECK(result || result.error().code == core::Errc::storage,
             "what is not understood is a storage error");
  FUZZ_CHECK(result || !result.error().message.empty(), "a refusal has a reason");
  return !result.has_value();
}

// `decode` answers a Result; `encode` writes what it gave.
template <class Decode, class Encode>
void round_trip(Values value, std::size_t cut, Decode decode, Encode encode) {
  const auto decoded = decode(value);
  if (refused(decoded)) return;
  std::string again;
  encode(again, *decoded);
  FUZZ_CHECK(again == value, "each value has exactly one encoding");
  if (!value.empty())
    FUZZ_CHECK(refused(decode(value.substr(0, cut % value.size()))), "no beginning is a value");
}

void try_row(Values value, std::size_t cut) {
  const auto encode = [](std::string& out, const core::StoredTransaction& row) {
    encode_row_head(out, {.transaction_id = row.transaction_id,
                          .account_id = row.account_id,
                          .json = row.json,
                          .pending = row.pending,
                          .generation = row.generation,
                          .posted_from = row.posted_from});
    out += row.json;
  };
  round_trip(value, cut, [](Values v) { return decode_row("t", v); }, encode);
  const auto row = decode_row("t", value);
  const auto generation = decode_row_generation(value);
  if (row) FUZZ_CHECK(generation && *generation == row->generation, "the generation alone is the same");
}

void try_account(Values value, std::size_t cut) {
  const auto encode = [](std::string& out, const core::StoredAccount& account) {
    encode_account_head(out, {.account_id = account.account_id,
                              .json = account.json,
                              .gone = account.gone,
                              .gone_since = account.gone_since});
    out += account.json;
  };
  round_trip(value, cut, [](Values v) { return decode_account("a", v); }, encode);
}

void check_front(Values value, const core::LinkRecord& record) {
  FUZZ_CHECK(decode_link_fence(value).value() == record.fence, "the fence alone is the same");
  FUZZ_CHECK(decode_link_status(value).value() == record.status, "the status alone is the same");
  LinkSummary summary;
  FUZZ_CHECK(decode_link_summary(value, summary).has_value(), "a record has a summary");
  FUZZ_CHECK(summary.status == record.status && summary.next_due_at == record.next_due_at &&
                 summary.last_success_at == record.last_success_at &&
                 summary.recent_sends == record.recent_sends &&
                 summary.upstream_clock == core::upstream_clock_of(record) &&
                 summary.institution_id == record.institution_id && summary.provider == record.provider &&
                 summary.upstream_error_code == record.upstream_error_code,
             "the summary is the same");
}

void try_link(Values value, std::size_t cut) {
  const auto record = decode_link("mk_1", value);
  LinkSummary summary;
  static_cast<void>(refused(decode_link_summary(value, summary)));
  static_cast<void>(refused(decode_link_fence(value)));
  static_cast<void>(refused(decode_link_status(value)));
  if (refused(record)) return;
  check_front(value, *record);
  std::string again;
  encode_link(again, *record);
  const auto second = decode_link("mk_1", again);
  FUZZ_CHECK(second && *second == *record, "what is written again means the same");
  FUZZ_CHECK(refused(decode_link("mk_1", value.substr(0, cut % value.size()))), "no beginning is a value");
}

void try_relink(Values value, std::size_t cut) {
  const auto entry = decode_relink("mk_1", value);
  // The first format is read and never written: what is written instead means the same.
  const bool present = !value.empty() && static_cast<std::uint8_t>(value.front()) == relink_format;
  if (present) round_trip(value, cut, [](Values v) { return decode_relink("mk_1", v); }, encode_relink);
  if (refused(entry)) return;
  std::string again;
  encode_relink(again, *entry);
  const auto second = decode_relink("mk_1", again);
  FUZZ_CHECK(second && *second == *entry, "what is written again means the same");
  std::string place;
  encode_relink_place(place, *entry);
  const auto read = decode_relink_place(place);
  FUZZ_CHECK(read && read->status == entry->status && read->reason == entry->reason,
             "the place in the queue tells the same");
}

void try_high_water(Values value) {
  const auto mark = decode_high_water(value);
  if (refused(mark) || !*mark) return;
  FUZZ_CHECK(encode_high_water(**mark) == value, "the mark has exactly one encoding");
}

bool same_entry(const FeedEntry& a, const FeedEntry& b) {
  return a.epoch == b.epoch && a.sequence == b.sequence && a.at == b.at && a.link_id == b.link_id &&
         a.kind == b.kind && a.id == b.id && a.before == b.before && a.after == b.after && a.cause == b.cause;
}

core::Result<std::uint64_t> read_block(Values value, FeedWindow window, std::vector<FeedEntry>& entries) {
  entries.clear();
  return decode_feed_block(value, 3, 100, window, entries);
}

constexpr FeedWindow everything{
    .after = 0, .limit = 1'000'000, .bytes = 0, .bytes_max = std::size_t{1} << 40};

std::string write_block(const std::vector<FeedEntry>& entries) {
  core::LinkUpdate update;
  update.link_id = entries.at(0).link_id;
  update.at = entries.at(0).at;
  update.cause = entries.at(0).cause;
  for (const FeedEntry& entry : entries)
    update.changes.push_back(
        {.kind = entry.kind, .id = entry.id, .before = entry.before, .after = entry.after});
  std::string block;
  encode_feed_block(block, update);
  return block;
}

void check_window(Values block, const std::vector<FeedEntry>& all, Choices& choices) {
  const FeedWindow window{.after = 95 + choices.below(16),
                          .limit = 1 + choices.below(4),
                          .bytes = 0,
                          .bytes_max = choices.below(64)};
  std::vector<FeedEntry> some;
  FUZZ_CHECK(read_block(block, window, some).value() == all.size(), "a part knows the size of the whole");
  FUZZ_CHECK(some.size() <= window.limit, "a window is not overrun");
  std::size_t at = 0;
  while (at < all.size() && all[at].sequence <= window.after)
    ++at;
  FUZZ_CHECK(!some.empty() || at == all.size(), "a window gives at least one");
  for (const FeedEntry& entry : some)
    FUZZ_CHECK(at < all.size() && same_entry(entry, all[at++]),
               "a window shows what is there, without a gap");
}

void try_feed_block(Values value, Choices choices) {
  std::vector<FeedEntry> entries;
  const auto size = read_block(value, everything, entries);
  const auto alone = decode_feed_block_size(value);
  static_cast<void>(refused(alone));
  if (refused(size)) return;
  FUZZ_CHECK(alone && *alone == *size && entries.size() == *size, "the size alone is the same");
  check_window(value, entries, choices);
  const std::string again = write_block(entries);
  std::vector<FeedEntry> second;
  FUZZ_CHECK(read_block(again, everything, second).has_value() && second.size() == entries.size(),
             "what is written again is understood");
  for (std::size_t i = 0; i < entries.size(); ++i)
    FUZZ_CHECK(same_entry(entries[i], second[i]), "what is written again means the same");
}

// Any update, long ones packed.
void try_any_block(Choices& choices) {
  std::vector<FeedEntry> entries;
  const core::WallTime at{core::Millis(static_cast<std::int64_t>(choices.number()))};
  const core::LinkId link_id{"mk_" + std::string(choices.text(20))};
  const auto cause = static_cast<core::Cause>(1 + choices.below(6));
  do {
    const auto kind = static_cast<core::ChangeKind>(1 + choices.below(core::change_kind_count));
    const std::string id(choices.text(8));
    const std::string before(choices.text(64));
    std::string after(choices.text(64));
    for (std::uint32_t times = choices.below(5); times > 0 && after.size() < 10'000; --times)
      after += after;
    entries.push_back({.epoch = 3,
                       .sequence = 100 + entries.size(),
                       .at = at,
                       .link_id = link_id,
                       .kind = kind,
                       .id = id,
                       .before = before,
                       .after = after,
                       .cause = cause});
  } while (choices.left() && entries.size() < 40);
  const std::string block = write_block(entries);
  std::vector<FeedEntry> read;
  FUZZ_CHECK(read_block(block, everything, read).value_or(0) == entries.size(), "a block is understood");
  for (std::size_t i = 0; i < entries.size(); ++i)
    FUZZ_CHECK(same_entry(entries[i], read[i]), "a block is what was written");
  try_feed_block(block, choices);
}

core::WallTime any_time(Choices& choices) {
  return core::WallTime{core::Millis(static_cast<std::int64_t>(choices.number()))};
}

std::optional<core::UpstreamTime> any_clock(Choices& choices) {
  if (!choices.flag()) return std::nullopt;
  return core::UpstreamTime{std::chrono::microseconds(static_cast<std::int64_t>(choices.number()))};
}

core::DrainState any_drain(Choices& choices) {
  core::DrainState drain;
  drain.open = choices.flag();
  drain.pages = static_cast<std::uint32_t>(choices.number());
  drain.idle_pages = choices.byte();
  drain.staged = choices.byte();
  drain.brought_pending = choices.flag();
  drain.match_given_up = choices.flag();
  drain.clock = any_clock(choices);
  for (std::uint32_t i = choices.below(4); i > 0; --i) {
    drain.cursor_hashes.push_back(choices.number());
    drain.posted_ids.emplace_back(choices.text(12));
  }
  return drain;
}

// Any record comes back, whatever its times and counters are.
void try_any_link(Choices& choices) {
  core::LinkRecord link;
  link.link_id = core::LinkId{"mk_1"};
  link.fence = choices.number();
  link.status = static_cast<core::LinkStatus>(1 + choices.below(core::link_status_count));
  link.last_success_at = any_time(choices);
  link.next_due_at = any_time(choices);
  link.last_attempt_at = any_time(choices);
  link.refused_retry_at = any_time(choices);
  link.resync_started_at = any_time(choices);
  link.accounts_pulled_at = any_time(choices);
  link.transactions_clock = any_clock(choices);
  link.accounts_clock = any_clock(choices);
  link.pending_clock = any_clock(choices);
  link.accounts_pulled_clock = any_clock(choices);
  if (choices.flag()) link.cursor = core::Cursor{std::string(choices.text(40))};
  if (choices.flag()) link.drain = any_drain(choices);
  if (choices.flag()) link.accounts_digest[15] = choices.byte();
  if (choices.flag()) link.link_digest[0] = choices.byte();
  const std::uint8_t flags = choices.byte();
  link.resync = (flags & 1) != 0;
  link.transactions_forbidden = (flags & 2) != 0;
  link.accounts_forbidden = (flags & 4) != 0;
  link.accounts_failing = (flags & 8) != 0;
  link.accounts_wanted = (flags & 16) != 0;
  link.has_transactions_product = (flags & 32) != 0;
  link.generation = static_cast<std::uint32_t>(choices.number());
  link.failures = static_cast<std::uint32_t>(choices.number());
  link.counts = {choices.number(), choices.number(), choices.number()};
  for (std::uint32_t i = choices.below(5); i > 0; --i) {
    const auto endpoint = static_cast<core::Endpoint>(1 + choices.below(core::endpoint_count));
    link.recent_sends.push_back({.endpoint = endpoint, .at = any_time(choices)});
    link.tags.emplace_back(choices.text(8));
  }
  if (choices.flag()) {
    link.last_error = core::ErrorNote{.code = static_cast<core::Errc>(1 + choices.below(16)),
                                      .http_status = static_cast<int>(choices.below(256)) * 3,
                                      .api_code = std::string(choices.text(16)),
                                      .message = std::string(choices.text(16)),
                                      .at = any_time(choices)};
  }
  std::string value;
  encode_link(value, link);
  const auto decoded = decode_link("mk_1", value);
  FUZZ_CHECK(decoded && *decoded == link, "a record comes back as it was");
  check_front(value, link);
}

}  // namespace

FUZZ_TARGET(store_values) {
  Choices choices(bytes);
  const std::uint32_t family = choices.below(11);
  const std::size_t cut = choices.byte();
  const Values value = choices.rest();
  switch (family) {
    case 0:
      return try_row(value, cut);
    case 1:
      return try_account(value, cut);
    case 2:
      return try_link(value, cut);
    case 3:
      return try_relink(value, cut);
    case 4:
      return round_trip(
          value, cut, [](Values v) { return decode_dead_letter({}, "mk_1", v); }, encode_dead_letter);
    case 5:
      return round_trip(value, cut, decode_freeze, encode_freeze);
    case 6:
      return round_trip(value, cut, decode_feed_state, encode_feed_state);
    case 7:
      return try_high_water(value);
    case 8:
      return try_feed_block(value, choices);
    case 9:
      return try_any_block(choices);
    default:
      return try_any_link(choices);
  }
}

}  // namespace syncd::fuzz
