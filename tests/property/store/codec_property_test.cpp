#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "store/codec.hpp"
#include "store/feed.hpp"
#include "store/high_water.hpp"
#include "store/keys.hpp"
#include "sync/core/schedule.hpp"

// What is written is read back, whatever it was; what is read from arbitrary bytes is refused or harmless.
namespace syncd::test {
namespace {

using namespace store;

core::WallTime any_time() {
  return core::WallTime{core::Millis{*rc::gen::arbitrary<std::int64_t>()}};
}

std::optional<core::UpstreamTime> any_clock() {
  if (!*rc::gen::arbitrary<bool>()) return std::nullopt;
  return core::UpstreamTime{std::chrono::microseconds{*rc::gen::arbitrary<std::int64_t>()}};
}

template <class T>
T any() {
  return *rc::gen::arbitrary<T>();
}

std::string any_id() {
  const auto bytes = *rc::gen::inRange<std::size_t>(1, core::id_bytes_max + 1);
  return *rc::gen::container<std::string>(bytes, rc::gen::arbitrary<char>());
}

core::Endpoint any_endpoint() {
  return static_cast<core::Endpoint>(*rc::gen::inRange(1, static_cast<int>(core::endpoint_count) + 1));
}

core::Digest any_digest() {
  core::Digest digest{};
  for (auto& byte : digest)
    byte = any<std::uint8_t>();
  return digest;
}

core::LinkRecord any_link() {
  core::LinkRecord link;
  link.link_id = core::LinkId{any_id()};
  link.fence = any<std::uint64_t>();
  link.status =
      static_cast<core::LinkStatus>(*rc::gen::inRange(1, static_cast<int>(core::link_status_count) + 1));
  link.customer_user_id = any<std::string>();
  link.tags = any<std::vector<std::string>>();
  link.added_at = any_time();
  link.institution_id = any<std::string>();
  link.provider = any<std::string>();
  link.upstream_state = any<std::string>();
  link.upstream_error_code = any<std::string>();
  link.has_transactions_product = any<bool>();
  link.transactions_forbidden = any<bool>();
  link.accounts_forbidden = any<bool>();
  link.accounts_failing = any<bool>();
  link.transactions_clock = any_clock();
  link.accounts_clock = any_clock();
  if (any<bool>()) link.cursor = core::Cursor{any<std::string>()};
  link.generation = any<std::uint32_t>();
  link.resync = any<bool>();
  link.repairing = any<bool>();
  link.resync_started_at = any_time();
  link.resyncs_in_window = any<std::uint32_t>();
  if (any<bool>()) {
    link.drain = {.open = any<bool>(),
                  .pages = any<std::uint32_t>(),
                  .idle_pages = any<std::uint32_t>(),
                  .staged = any<std::uint32_t>(),
                  .brought_pending = any<bool>(),
                  .clock = any_clock(),
                  .cursor_hashes = any<std::vector<std::uint64_t>>(),
                  .posted_ids = any<std::vector<std::string>>(),
                  .match_given_up = any<bool>()};
  }
  link.pending_clock = any_clock();
  link.accounts_pulled_at = any_time();
  link.accounts_pulled_clock = any_clock();
  link.accounts_wanted = any<bool>();
  if (any<bool>()) link.accounts_digest = any_digest();
  if (any<bool>()) link.refused_retry_at = any_time();
  if (any<bool>()) link.link_digest = any_digest();
  link.next_due_at = any_time();
  link.last_attempt_at = any_time();
  link.last_success_at = any_time();
  link.failures = any<std::uint32_t>();
  link.protocol_failures = any<std::uint32_t>();
  if (any<bool>()) {
    link.last_error = core::ErrorNote{.code = static_cast<core::Errc>(*rc::gen::inRange(1, 17)),
                                      .http_status = *rc::gen::inRange(0, 600),
                                      .api_code = any<std::string>(),
                                      .message = any<std::string>(),
                                      .at = any_time()};
  }
  link.counts = {any<std::uint64_t>(), any<std::uint64_t>(), any<std::uint64_t>()};
  const auto sends = *rc::gen::inRange(0, 20);
  for (int i = 0; i < sends; ++i)
    link.recent_sends.push_back({.endpoint = any_endpoint(), .at = any_time()});
  return link;
}

RC_GTEST_PROP(CodecProperty, LinkRecordsComeBack, ()) {
  const auto link = any_link();
  std::string value;
  encode_link(value, link);
  const auto decoded = decode_link(link.link_id.str(), value);
  RC_ASSERT(decoded.has_value());
  RC_ASSERT((*decoded == link));
  RC_ASSERT(decode_link_fence(value).value() == link.fence);
  RC_ASSERT((decode_link_status(value).value() == link.status));
  LinkSummary summary;
  RC_ASSERT(decode_link_summary(value, summary).has_value());
  RC_ASSERT((summary.next_due_at == link.next_due_at && summary.last_success_at == link.last_success_at));
  RC_ASSERT((summary.recent_sends == link.recent_sends));
  RC_ASSERT(summary.institution_id == link.institution_id && summary.provider == link.provider);
  RC_ASSERT(summary.upstream_error_code == link.upstream_error_code);
  RC_ASSERT((summary.upstream_clock == core::upstream_clock_of(link)));
}

RC_GTEST_PROP(CodecProperty, TruncatedLinkRecordsAreRefused, ()) {
  std::string value;
  encode_link(value, any_link());
  const auto bytes = *rc::gen::inRange<std::size_t>(0, value.size());
  const auto decoded = decode_link("l", std::string_view(value).substr(0, bytes));
  RC_ASSERT(!decoded.has_value());
  RC_ASSERT((decoded.error().code == core::Errc::storage));
}

RC_GTEST_PROP(CodecProperty, RowsComeBack,
              (const std::string& account, const std::string& json, const std::string& posted_from,
               bool pending, std::uint32_t generation)) {
  const core::TransactionPut put{.transaction_id = "t",
                                 .account_id = account,
                                 .json = json,
                                 .pending = pending,
                                 .generation = generation,
                                 .posted_from = posted_from};
  std::string value;
  encode_row_head(value, put);
  value += json;
  const auto row = decode_row("t", value);
  RC_ASSERT(row.has_value());
  RC_ASSERT((*row == core::StoredTransaction{.transaction_id = "t",
                                             .account_id = account,
                                             .json = json,
                                             .pending = pending,
                                             .generation = generation,
                                             .posted_from = posted_from}));
  RC_ASSERT(decode_row_generation(value).value() == generation);
}

RC_GTEST_PROP(CodecProperty, AccountsComeBack, (const std::string& json, bool gone)) {
  const core::AccountPut put{.account_id = "a", .json = json, .gone = gone, .gone_since = any_time()};
  std::string value;
  encode_account_head(value, put);
  value += json;
  const auto account = decode_account("a", value);
  RC_ASSERT(account.has_value());
  RC_ASSERT((*account == core::StoredAccount{"a", json, gone, put.gone_since}));
}

RC_GTEST_PROP(CodecProperty, RelinkEntriesAndDeadLettersComeBack, ()) {
  const core::RelinkEntry entry{
      .link_id = core::LinkId{any_id()},
      .status = any<bool>() ? core::RelinkStatus::open : core::RelinkStatus::resolved,
      .reason = any<std::string>(),
      .institution_id = any<std::string>(),
      .opened_at = any_time(),
      .resolved_at = any_time(),
      .resolved_by = any<std::string>(),
      .reopened = any<std::uint32_t>(),
      .version = any<std::uint64_t>(),
      .last_success_at = any_time()};
  std::string value;
  encode_relink(value, entry);
  RC_ASSERT((decode_relink(entry.link_id.str(), value).value() == entry));

  const core::DeadLetter letter{.link_id = core::LinkId{any_id()},
                                .endpoint = any_endpoint(),
                                .at = any_time(),
                                .reason = any<std::string>(),
                                .body_bytes = any<std::uint64_t>(),
                                .body_digest = any_digest(),
                                .redacted_body = any<std::string>(),
                                .retried_at = any_time()};
  value.clear();
  encode_dead_letter(value, letter);
  const auto key = dead_letter_key(letter.at, letter.link_id.str());
  const auto parsed = parse_dead_letter_key(key);
  RC_ASSERT(parsed.has_value());
  RC_ASSERT((decode_dead_letter(parsed->at, parsed->link_id, value).value() == letter));
}

RC_GTEST_PROP(CodecProperty, FeedBlocksComeBackFromAnySequence, ()) {
  core::LinkUpdate update;
  update.link_id = core::LinkId{any_id()};
  update.at = any_time();
  update.cause = static_cast<core::Cause>(*rc::gen::inRange(1, 7));
  const auto texts = *rc::gen::nonEmpty(rc::gen::arbitrary<std::vector<std::string>>());
  for (const auto& text : texts) {
    update.changes.push_back({.kind = static_cast<core::ChangeKind>(
                                  *rc::gen::inRange(1, static_cast<int>(core::change_kind_count) + 1)),
                              .id = text,
                              .before = text,
                              .after = text});
  }
  // Now and then enough of it to be packed.
  const std::string filler(*rc::gen::element<std::size_t>(0, 600, 20'000), 'x');
  update.changes[0].before = filler;
  std::string value;
  encode_feed_block(value, update);
  const auto first = *rc::gen::inRange<std::uint64_t>(1, 1'000'000);
  const auto skipped = *rc::gen::inRange<std::size_t>(0, texts.size());
  FeedWindow window{.after = first + skipped - 1, .limit = texts.size(), .bytes = 0, .bytes_max = 1 << 30};
  std::vector<FeedEntry> entries;
  RC_ASSERT(decode_feed_block(value, 5, first, window, entries).value() == texts.size());
  RC_ASSERT(entries.size() == texts.size() - skipped);
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const auto& change = update.changes[skipped + i];
    RC_ASSERT(entries[i].sequence == first + skipped + i);
    RC_ASSERT(entries[i].after == change.after);
    RC_ASSERT(
        (entries[i].kind == change.kind && entries[i].at == update.at && entries[i].cause == update.cause));
    RC_ASSERT((entries[i].link_id == update.link_id));
  }
}

RC_GTEST_PROP(CodecProperty, KeysComeBackAndKeepTheirOrder, ()) {
  const auto link = any_id();
  const auto first = any_id();
  const auto second = any_id();
  const auto first_key = row_key(link, RowKind::visible, first);
  const auto second_key = row_key(link, RowKind::visible, second);
  const auto parsed = parse_linked_key(first_key);
  RC_ASSERT(parsed.has_value());
  RC_ASSERT((parsed->link_id == link && parsed->kind == 1 && parsed->id == first));
  RC_ASSERT((first < second) == (first_key < second_key));
  RC_ASSERT((first_key >= kind_prefix(link, 1) && first_key < kind_prefix_end(link, 1)));
  RC_ASSERT(parse_link_key(link_key(link)).value() == link);
}

RC_GTEST_PROP(CodecProperty, ArbitraryBytesNeverCrashADecoder, (std::string bytes)) {
  if (!bytes.empty() && *rc::gen::arbitrary<bool>()) bytes[0] = value_format;  // past the first check
  const auto harmless = [](const auto& result) {
    RC_ASSERT((result.has_value() || result.error().code == core::Errc::storage));
  };
  harmless(decode_link("l", bytes));
  harmless(decode_row("t", bytes));
  harmless(decode_account("a", bytes));
  harmless(decode_relink("l", bytes));
  harmless(decode_dead_letter({}, "l", bytes));
  harmless(decode_freeze(bytes));
  harmless(decode_feed_state(bytes));
  harmless(decode_high_water(bytes));
  FeedWindow window{.after = 0, .limit = 10, .bytes = 0, .bytes_max = 100};
  std::vector<FeedEntry> entries;
  harmless(decode_feed_block(bytes, 1, 1, window, entries));
  parse_link_key(bytes);
  parse_linked_key(bytes);
  parse_dead_letter_key(bytes);
}

}  // namespace
}  // namespace syncd::test
