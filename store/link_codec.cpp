#include <algorithm>
#include <bit>
#include <cmath>
#include <utility>

#include "store/codec.hpp"

// The state record of a link. Times that lie near the last success are written as their distance from it,
// because that makes the common record half as long.
namespace syncd::store {
namespace {

constexpr std::string_view link_name = "link record";

enum Flag : std::uint32_t {
  has_transactions_product = 1u << 0,
  transactions_forbidden = 1u << 1,
  with_transactions_clock = 1u << 2,
  with_accounts_clock = 1u << 3,
  with_cursor = 1u << 4,
  in_resync = 1u << 5,
  with_drain = 1u << 6,
  drain_open = 1u << 7,
  drain_brought_pending = 1u << 8,
  with_drain_clock = 1u << 9,
  with_pending_clock = 1u << 10,
  with_accounts_pulled_clock = 1u << 11,
  accounts_wanted = 1u << 12,
  with_accounts_digest = 1u << 13,
  with_last_error = 1u << 14,
  drain_match_given_up = 1u << 15,
  with_link_digest = 1u << 16,
  accounts_forbidden = 1u << 17,
  accounts_failing = 1u << 18,
  with_refusal = 1u << 19,
  in_repair = 1u << 20,
  with_freshness = 1u << 21,
  known_flags = (1u << 22) - 1,
};

// Distances wrap around like the unsigned numbers they are computed with, so every pair of times survives.
void put_distance(Writer& out, core::WallTime time, core::WallTime base) {
  const auto a = static_cast<std::uint64_t>(time.time_since_epoch().count());
  const auto b = static_cast<std::uint64_t>(base.time_since_epoch().count());
  out.zigzag(static_cast<std::int64_t>(a - b));
}

core::WallTime get_distance(Reader& in, core::WallTime base) {
  const auto a = static_cast<std::uint64_t>(in.zigzag());
  const auto b = static_cast<std::uint64_t>(base.time_since_epoch().count());
  return core::WallTime{core::Millis{static_cast<std::int64_t>(a + b)}};
}

void put_clock(Writer& out, const std::optional<core::UpstreamTime>& time) {
  if (time) out.zigzag(time->time_since_epoch().count());
}

std::optional<core::UpstreamTime> get_clock(Reader& in, bool present) {
  if (!present) return std::nullopt;
  return core::UpstreamTime{std::chrono::microseconds{in.zigzag()}};
}

void put_digest(Writer& out, const core::Digest& digest) {
  for (const auto byte : digest)
    out.u8(byte);
}

void get_digest(Reader& in, core::Digest& digest) {
  for (auto& byte : digest)
    byte = in.u8();
}

std::uint32_t flags_of(const core::LinkRecord& record) {
  std::uint32_t flags = 0;
  const auto set = [&flags](bool present, Flag flag) { flags |= present ? flag : 0u; };
  set(record.has_transactions_product, has_transactions_product);
  set(record.transactions_forbidden, transactions_forbidden);
  set(record.transactions_clock.has_value(), with_transactions_clock);
  set(record.accounts_clock.has_value(), with_accounts_clock);
  set(record.cursor.has_value(), with_cursor);
  set(record.resync, in_resync);
  set(record.repairing, in_repair);
  set(record.drain != core::DrainState{}, with_drain);
  set(record.drain.open, drain_open);
  set(record.drain.brought_pending, drain_brought_pending);
  set(record.drain.clock.has_value(), with_drain_clock);
  set(record.drain.match_given_up, drain_match_given_up);
  set(record.pending_clock.has_value(), with_pending_clock);
  set(record.accounts_pulled_clock.has_value(), with_accounts_pulled_clock);
  set(record.accounts_wanted, accounts_wanted);
  set(record.accounts_digest != core::Digest{}, with_accounts_digest);
  set(record.last_error.has_value(), with_last_error);
  set(record.link_digest != core::Digest{}, with_link_digest);
  set(record.accounts_forbidden, accounts_forbidden);
  set(record.accounts_failing, accounts_failing);
  set(record.refused_retry_at != core::WallTime{}, with_refusal);
  set(record.freshness != core::LinkFreshness{}, with_freshness);
  return flags;
}

void put_front(Writer& out, const core::LinkRecord& record) {
  out.u8(value_format);
  out.varint(record.fence);
  out.u8(std::to_underlying(record.status));
  put_time(out, record.last_success_at);
  put_distance(out, record.next_due_at, record.last_success_at);
  out.varint(record.recent_sends.size());
  auto base = record.last_success_at;
  for (const auto& send : record.recent_sends) {
    out.u8(std::to_underlying(send.endpoint));
    put_distance(out, send.at, base);
    base = send.at;
  }
}

core::LinkStatus get_status(Reader& in) {
  const auto status = in.u8();
  if (status < 1 || status > core::link_status_count) in.refuse();
  return static_cast<core::LinkStatus>(status);
}

// Everything behind the format byte that the start-up scan wants.
struct Front {
  std::uint64_t fence = 0;
  core::LinkStatus status = core::LinkStatus::active;
  core::WallTime last_success_at{};
  core::WallTime next_due_at{};
};

Front get_front(Reader& in, std::vector<core::RecentSend>& sends) {
  Front front;
  front.fence = in.varint();
  front.status = get_status(in);
  front.last_success_at = get_wall_time(in);
  front.next_due_at = get_distance(in, front.last_success_at);
  sends.clear();
  const auto count = in.count();
  auto base = front.last_success_at;
  for (std::size_t i = 0; i < count && in.ok(); ++i) {
    const auto endpoint = in.u8();
    if (endpoint < 1 || endpoint > core::endpoint_count) in.refuse();
    base = get_distance(in, base);
    sends.push_back({.endpoint = static_cast<core::Endpoint>(endpoint), .at = base});
  }
  return front;
}

void put_drain(Writer& out, const core::DrainState& drain) {
  out.varint(drain.pages);
  out.varint(drain.idle_pages);
  out.varint(drain.staged);
  put_clock(out, drain.clock);
  out.varint(drain.cursor_hashes.size());
  for (const auto hash : drain.cursor_hashes)
    out.u64(hash);
  out.varint(drain.posted_ids.size());
  for (const auto& id : drain.posted_ids)
    out.text(id);
}

void get_drain(Reader& in, std::uint32_t flags, core::DrainState& drain) {
  constexpr std::uint32_t parts =
      drain_open | drain_brought_pending | with_drain_clock | drain_match_given_up;
  if ((flags & with_drain) == 0) {
    if ((flags & parts) != 0) in.refuse();
    return;
  }
  drain.open = (flags & drain_open) != 0;
  drain.brought_pending = (flags & drain_brought_pending) != 0;
  drain.pages = in.varint32();
  drain.idle_pages = in.varint32();
  drain.staged = in.varint32();
  drain.clock = get_clock(in, (flags & with_drain_clock) != 0);
  const auto hashes = in.count();
  for (std::size_t i = 0; i < hashes && in.ok(); ++i)
    drain.cursor_hashes.push_back(in.u64());
  drain.match_given_up = (flags & drain_match_given_up) != 0;
  const auto posted = in.count();
  for (std::size_t i = 0; i < posted && in.ok(); ++i)
    drain.posted_ids.emplace_back(in.text());
}

void put_error(Writer& out, const core::ErrorNote& error) {
  out.u8(std::to_underlying(error.code));
  out.zigzag(error.http_status);
  out.text(error.api_code);
  out.text(error.message);
  put_time(out, error.at);
}

core::ErrorNote get_error(Reader& in) {
  core::ErrorNote error;
  const auto code = in.u8();
  if (code == 0) in.refuse();  // kinds of errors only ever grow in number, and none of them steers the store
  error.code = static_cast<core::Errc>(code);
  const auto http_status = in.zigzag();
  if (http_status < -1000 || http_status > 1000) in.refuse();
  error.http_status = static_cast<int>(http_status);
  error.api_code = in.text();
  error.message = in.text();
  error.at = get_wall_time(in);
  return error;
}

// Numbers of the evidence as their bits; none is below zero.
void put_evidence(Writer& out, const core::ChangeEvidence& evidence) {
  for (const auto value : {evidence.changes, evidence.days, evidence.hooked, evidence.missed})
    out.varint(std::bit_cast<std::uint32_t>(value));
}

void get_evidence(Reader& in, core::ChangeEvidence& evidence) {
  for (auto* value : {&evidence.changes, &evidence.days, &evidence.hooked, &evidence.missed}) {
    *value = std::bit_cast<float>(in.varint32());  // tidy: allow double: statistics of visits, no money
    if (!std::isfinite(*value) || *value < 0) in.refuse();
  }
}

enum FreshnessBit : std::uint8_t { has_webhook = 1u << 0, peek_next = 1u << 1, known_bits = 3 };

void put_freshness(Writer& out, const core::LinkFreshness& freshness, core::WallTime base) {
  put_evidence(out, freshness.evidence);
  put_distance(out, freshness.fetched_at, base);
  put_distance(out, freshness.looked_at, base);
  out.u8(static_cast<std::uint8_t>((freshness.has_webhook ? has_webhook : 0) |
                                   (freshness.peek_next ? peek_next : 0)));
  out.u8(std::to_underlying(freshness.reason));
}

void get_freshness(Reader& in, core::LinkFreshness& freshness, core::WallTime base) {
  get_evidence(in, freshness.evidence);
  freshness.fetched_at = get_distance(in, base);
  freshness.looked_at = get_distance(in, base);
  const auto bits = in.u8();
  if ((bits & ~known_bits) != 0) in.refuse();
  freshness.has_webhook = (bits & has_webhook) != 0;
  freshness.peek_next = (bits & peek_next) != 0;
  const auto reason = in.u8();
  if (reason < 1 || reason > core::visit_reason_count) in.refuse();
  freshness.reason = static_cast<core::VisitReason>(reason);
}

}  // namespace

void encode_link(std::string& out, const core::LinkRecord& record) {
  Writer writer(out);
  put_front(writer, record);
  const auto flags = flags_of(record);
  writer.varint(flags);
  writer.text(record.customer_user_id);
  writer.varint(record.tags.size());
  for (const auto& tag : record.tags)
    writer.text(tag);
  put_time(writer, record.added_at);
  writer.text(record.institution_id);
  writer.text(record.provider);
  writer.text(record.upstream_state);
  writer.text(record.upstream_error_code);
  put_clock(writer, record.transactions_clock);
  put_clock(writer, record.accounts_clock);
  if (record.cursor) writer.text(record.cursor->text);
  writer.varint(record.generation);
  put_time(writer, record.resync_started_at);
  writer.varint(record.resyncs_in_window);
  if ((flags & with_drain) != 0) put_drain(writer, record.drain);
  put_clock(writer, record.pending_clock);
  put_time(writer, record.accounts_pulled_at);
  put_clock(writer, record.accounts_pulled_clock);
  if ((flags & with_accounts_digest) != 0) put_digest(writer, record.accounts_digest);
  if ((flags & with_link_digest) != 0) put_digest(writer, record.link_digest);
  put_distance(writer, record.last_attempt_at, record.last_success_at);
  if ((flags & with_refusal) != 0) put_distance(writer, record.refused_retry_at, record.last_success_at);
  writer.varint(record.failures);
  writer.varint(record.protocol_failures);
  if (record.last_error) put_error(writer, *record.last_error);
  writer.varint(record.counts.accounts);
  writer.varint(record.counts.transactions);
  writer.varint(record.counts.pending);
  if ((flags & with_freshness) != 0) put_freshness(writer, record.freshness, record.last_success_at);
}

core::Result<core::LinkRecord> decode_link(std::string_view link_id, std::string_view value) {
  Reader in(value);
  if (auto format = read_format(in, link_name); !format) return std::unexpected(format.error());
  core::LinkRecord record;
  const auto front = get_front(in, record.recent_sends);
  record.fence = front.fence;
  record.status = front.status;
  record.last_success_at = front.last_success_at;
  record.next_due_at = front.next_due_at;
  const auto flags = in.varint32();
  if ((flags & ~std::uint32_t{known_flags}) != 0) in.refuse();
  record.has_transactions_product = (flags & has_transactions_product) != 0;
  record.transactions_forbidden = (flags & transactions_forbidden) != 0;
  record.accounts_forbidden = (flags & accounts_forbidden) != 0;
  record.accounts_failing = (flags & accounts_failing) != 0;
  record.resync = (flags & in_resync) != 0;
  record.repairing = (flags & in_repair) != 0;
  record.accounts_wanted = (flags & accounts_wanted) != 0;
  record.customer_user_id = in.text();
  const auto tags = in.count();
  for (std::size_t i = 0; i < tags && in.ok(); ++i)
    record.tags.emplace_back(in.text());
  record.added_at = get_wall_time(in);
  record.institution_id = in.text();
  record.provider = in.text();
  record.upstream_state = in.text();
  record.upstream_error_code = in.text();
  record.transactions_clock = get_clock(in, (flags & with_transactions_clock) != 0);
  record.accounts_clock = get_clock(in, (flags & with_accounts_clock) != 0);
  if ((flags & with_cursor) != 0) record.cursor = core::Cursor{std::string(in.text())};
  record.generation = in.varint32();
  record.resync_started_at = get_wall_time(in);
  record.resyncs_in_window = in.varint32();
  get_drain(in, flags, record.drain);
  record.pending_clock = get_clock(in, (flags & with_pending_clock) != 0);
  record.accounts_pulled_at = get_wall_time(in);
  record.accounts_pulled_clock = get_clock(in, (flags & with_accounts_pulled_clock) != 0);
  if ((flags & with_accounts_digest) != 0) get_digest(in, record.accounts_digest);
  if ((flags & with_link_digest) != 0) get_digest(in, record.link_digest);
  record.last_attempt_at = get_distance(in, record.last_success_at);
  if ((flags & with_refusal) != 0) record.refused_retry_at = get_distance(in, record.last_success_at);
  record.failures = in.varint32();
  record.protocol_failures = in.varint32();
  if ((flags & with_last_error) != 0) record.last_error = get_error(in);
  record.counts.accounts = in.varint();
  record.counts.transactions = in.varint();
  record.counts.pending = in.varint();
  if ((flags & with_freshness) != 0) get_freshness(in, record.freshness, record.last_success_at);
  if (!in.finished()) return std::unexpected(damaged(link_name));
  record.link_id = core::LinkId{std::string(link_id)};
  return record;
}

core::Result<std::uint64_t> decode_link_fence(std::string_view value) {
  Reader in(value);
  if (auto format = read_format(in, link_name); !format) return std::unexpected(format.error());
  const auto fence = in.varint();
  if (!in.ok()) return std::unexpected(damaged(link_name));
  return fence;
}

core::Result<core::LinkStatus> decode_link_status(std::string_view value) {
  Reader in(value);
  if (auto format = read_format(in, link_name); !format) return std::unexpected(format.error());
  in.varint();
  const auto status = get_status(in);
  if (!in.ok()) return std::unexpected(damaged(link_name));
  return status;
}

// Stops behind the upstream clocks, a third of the way: a start reads a million of these.
core::Result<void> decode_link_summary(std::string_view value, LinkSummary& summary) {
  Reader in(value);
  if (auto format = read_format(in, link_name); !format) return std::unexpected(format.error());
  const auto front = get_front(in, summary.recent_sends);
  const auto flags = in.varint32();
  in.text();  // customer
  const auto tags = in.count();
  for (std::size_t i = 0; i < tags && in.ok(); ++i)
    in.text();
  const auto added_at = get_wall_time(in);
  summary.institution_id = in.text();
  summary.provider = in.text();
  in.text();  // state
  summary.upstream_error_code = in.text();
  const auto transactions_clock = get_clock(in, (flags & with_transactions_clock) != 0);
  const auto accounts_clock = get_clock(in, (flags & with_accounts_clock) != 0);
  const bool reads_rows = (flags & has_transactions_product) != 0 && (flags & transactions_forbidden) == 0;
  summary.upstream_clock = reads_rows ? transactions_clock : accounts_clock;
  if (!in.ok()) return std::unexpected(damaged(link_name));
  summary.status = front.status;
  summary.next_due_at = front.next_due_at;
  summary.last_success_at = front.last_success_at;
  summary.added_at = front.last_success_at == core::WallTime{} ? added_at : core::WallTime{};
  return {};
}

}  // namespace syncd::store
