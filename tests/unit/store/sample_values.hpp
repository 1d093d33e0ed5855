#pragma once

#include <string>

#include "store/codec.hpp"
#include "store/feed.hpp"

// One value of each form with every field set.
namespace syncd::test {

inline core::WallTime wall_ms(std::int64_t ms) {
  return core::WallTime{core::Millis{ms}};
}
inline core::UpstreamTime clock_us(std::int64_t us) {
  return core::UpstreamTime{std::chrono::microseconds{us}};
}

inline core::Digest sample_digest() {
  core::Digest digest{};
  for (std::size_t i = 0; i < digest.size(); ++i)
    digest[i] = static_cast<std::uint8_t>(i + 1);
  return digest;
}

inline std::string sample_row_value() {
  const core::TransactionPut row{.transaction_id = "t1",
                                 .account_id = "acc",
                                 .json = R"({"a":1.0})",
                                 .pending = true,
                                 .generation = 300,
                                 .posted_from = "p0"};
  std::string value;
  store::encode_row_head(value, row);
  value += row.json;
  return value;
}

inline std::string sample_account_value() {
  const core::AccountPut account{.account_id = "a1", .json = "{}", .gone = true, .gone_since = wall_ms(1000)};
  std::string value;
  store::encode_account_head(value, account);
  value += account.json;
  return value;
}

inline core::LinkRecord sample_link() {
  core::LinkRecord link;
  link.link_id = core::LinkId{"link"};
  link.fence = 260;
  link.status = core::LinkStatus::relink;
  link.customer_user_id = "cu";
  link.tags = {"a", "bb"};
  link.added_at = wall_ms(7);
  link.institution_id = "ins";
  link.provider = "pr";
  link.upstream_state = "st";
  link.upstream_error_code = "er";
  link.transactions_forbidden = true;
  link.accounts_forbidden = true;
  link.refused_retry_at = wall_ms(125'000 + 50);
  link.transactions_clock = clock_us(1);
  link.accounts_clock = clock_us(2);
  link.cursor = core::Cursor{"cur"};
  link.generation = 5;
  link.resync = true;
  link.repairing = true;
  link.resync_started_at = wall_ms(8);
  link.resyncs_in_window = 2;
  link.drain = {.open = true,
                .pages = 3,
                .idle_pages = 1,
                .staged = 4,
                .brought_pending = true,
                .clock = clock_us(3),
                .cursor_hashes = {1, ~std::uint64_t{0}},
                .posted_ids = {"x", "yy"},
                .match_given_up = true};
  link.pending_clock = clock_us(4);
  link.accounts_pulled_at = wall_ms(9);
  link.accounts_pulled_clock = clock_us(5);
  link.accounts_digest = sample_digest();
  link.link_digest = sample_digest();
  link.link_digest[0] = 0xff;
  link.last_success_at = wall_ms(125'000);
  link.next_due_at = wall_ms(185'000);
  link.last_attempt_at = wall_ms(125'100);
  link.failures = 7;
  link.protocol_failures = 1;
  link.accounts_failing = true;
  link.last_error = core::ErrorNote{
      .code = core::Errc::server, .http_status = 503, .api_code = "ec", .message = "em", .at = wall_ms(10)};
  link.counts = {.accounts = 2, .transactions = 300, .pending = 4};
  link.recent_sends = {{.endpoint = core::Endpoint::sync, .at = wall_ms(124'900)},
                       {.endpoint = core::Endpoint::accounts, .at = wall_ms(124'903)}};
  link.freshness = {.evidence = {.changes = 1.5F, .days = 20.25F, .hooked = 1, .missed = 0.5F},
                    .fetched_at = wall_ms(124'000),
                    .looked_at = wall_ms(125'000),
                    .has_webhook = true,
                    .peek_next = true,
                    .reason = core::VisitReason::ladder};
  return link;
}

inline core::RelinkEntry sample_relink() {
  return {.link_id = core::LinkId{"link"},
          .status = core::RelinkStatus::resolved,
          .reason = "r",
          .institution_id = "i",
          .provider = "p",
          .customer_user_id = "u",
          .opened_at = wall_ms(1),
          .resolved_at = wall_ms(2),
          .resolved_by = "b",
          .reopened = 1,
          .version = 5,
          .last_success_at = wall_ms(3),
          .assignee = "a",
          .session = core::RelinkSession{wall_ms(4), wall_ms(5), "s"},
          .history_dropped = 6,
          .history = {{wall_ms(7), core::RelinkEventKind::noted, "x", "t"}}};
}

inline core::AuditEntry sample_act() {
  core::AuditEntry entry{
      .sequence = 9,
      .at = wall_ms(1),
      .link_id = core::LinkId{"link"},
      .note = {.actor = "a", .action = "b", .detail = "{}", .request_key = {1}, .request_digest = {2}}};
  entry.hash = core::chain_hash({}, entry);
  return entry;
}

inline std::string sample_relink_value() {
  std::string value;
  store::encode_relink(value, sample_relink());
  return value;
}

inline core::DeadLetter sample_dead_letter() {
  return {.link_id = core::LinkId{"link"},
          .endpoint = core::Endpoint::accounts,
          .at = wall_ms(5),
          .reason = "why",
          .body_bytes = 300,
          .body_digest = sample_digest(),
          .redacted_body = "[?]",
          .retried_at = wall_ms(6)};
}

inline std::string sample_dead_letter_value() {
  std::string value;
  store::encode_dead_letter(value, sample_dead_letter());
  return value;
}

inline std::string sample_packed_feed_block() {
  core::LinkUpdate update;
  update.link_id = core::LinkId{"l"};
  update.at = wall_ms(1000);
  static const std::string image(300, 'x');
  update.changes.push_back({core::ChangeKind::transaction_updated, "t1", image, image});
  update.changes.push_back({core::ChangeKind::transaction_created, "t2", {}, image});
  std::string value;
  store::encode_feed_block(value, update);
  return value;
}

inline std::string sample_feed_block() {
  core::LinkUpdate update;
  update.link_id = core::LinkId{"l"};
  update.at = wall_ms(1000);
  update.cause = core::Cause::manual;
  update.changes = {
      {.kind = core::ChangeKind::transaction_updated, .id = "t1", .before = "{}", .after = "[1]"},
      {.kind = core::ChangeKind::link_added, .id = "l", .before = {}, .after = {}}};
  std::string value;
  store::encode_feed_block(value, update);
  return value;
}

}  // namespace syncd::test
