#include "sync/engine/continuity.hpp"

#include <algorithm>
#include <charconv>
#include <limits>
#include <string>
#include <utility>

namespace syncd::engine {

namespace {

constexpr std::uint32_t rows_at_a_time = 500;
constexpr std::string_view awaited_head = "v1";

// `v1 hash hash ...`, in decimal.
std::string to_text(const std::unordered_set<std::uint64_t>& hashes) {
  std::vector<std::uint64_t> sorted(hashes.begin(), hashes.end());
  std::ranges::sort(sorted);
  std::string text{awaited_head};
  for (const std::uint64_t hash : sorted)
    text += ' ' + std::to_string(hash);
  return text;
}

// As far as it can be read.
void add_hashes(std::string_view text, std::unordered_set<std::uint64_t>& hashes) {
  if (!text.starts_with(awaited_head)) return;
  text.remove_prefix(awaited_head.size());
  while (text.starts_with(' ') && hashes.size() < Continuity::awaited_max) {
    text.remove_prefix(1);
    std::uint64_t hash = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), hash);
    if (error != std::errc{}) return;
    hashes.insert(hash);
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  }
}

}  // namespace

api::Task<void> Continuity::restore() {
  if (restored_) co_return;
  const auto note = co_await store_.note(std::string(continuity_awaited_note));
  if (!note) co_return;
  restored_ = true;
  if (*note) add_hashes(**note, awaited_);
}

bool Continuity::awaits(const core::LinkId& link_id) const {
  return !awaited_.empty() && awaited_.contains(core::stable_hash(link_id.str()));
}

api::Task<std::optional<core::Held>> Continuity::accounts_and_entry(core::LinkId link_id) {
  core::LookupRequest request;
  request.link_id = std::move(link_id);
  request.accounts = true;
  request.relink = true;
  auto held = co_await store_.lookup(std::move(request));
  if (!held) co_return std::nullopt;
  co_return std::move(*held);
}

// Some rows at a time, so that neither this thread nor the store's is held for long.
api::Task<std::optional<core::ContinuitySnapshot>> Continuity::read(core::LinkId link_id,
                                                                    core::SnapshotBuilder builder) {
  std::string after;
  std::uint64_t rows = 0;
  for (bool more = true; more;) {
    if (halted()) co_return std::nullopt;
    core::LookupRequest request;
    request.link_id = link_id;
    request.stale_below = std::numeric_limits<std::uint32_t>::max();
    request.stale_limit = rows_at_a_time;
    request.stale_after = after;
    auto held = co_await store_.lookup(std::move(request));
    if (!held || rows > rows_read_max) co_return std::nullopt;
    more = false;
    for (const core::StoredTransaction& row : held->transactions) {
      if (!after.empty() && row.transaction_id <= after) continue;
      builder.add(row);
      more = true;
      ++rows;
    }
    if (more) after = held->transactions.back().transaction_id;
  }
  co_return builder.take();
}

api::Task<void> Continuity::remember(core::LinkId link_id, std::uint64_t rows) {
  if (halted() || rows > rows_read_max) co_return;
  co_await restore();
  if (!restored_ || (awaited_.size() >= awaited_max && !awaits(link_id))) co_return;
  const auto held = co_await accounts_and_entry(link_id);
  const bool waits = held && held->relink && core::is_waiting(held->relink->status);
  if (!waits || held->accounts.empty()) co_return;
  std::string name = core::continuity_note(link_id);
  const auto note = co_await store_.note(name);
  if (!note) co_return;
  const core::WallTime opened_at = held->relink->opened_at;
  const auto earlier = *note ? core::snapshot_from_note(**note) : std::nullopt;
  if (!earlier || earlier->opened_at != opened_at) {
    const core::WallTime now = timers_.wall_now();
    core::SnapshotBuilder builder(opened_at, now, core::continuity_from_day(now), held->accounts);
    const auto snapshot = co_await read(link_id, std::move(builder));
    if (!snapshot) co_return;
    std::string text = core::to_note(*snapshot);
    const auto kept = co_await store_.put_link_note(link_id, std::move(name), std::move(text));
    if (!kept || !*kept) co_return;
  }
  co_await await_conclusion(std::move(link_id));
}

// Durable before the link's data changes: whatever happens from then on, the report will be made. Who needs
// no second look any more is taken off the note with the next change of it.
api::Task<void> Continuity::await_conclusion(core::LinkId link_id) {
  if (!awaited_.insert(core::stable_hash(link_id.str())).second) co_return;
  std::string text = to_text(awaited_);
  const auto kept = co_await store_.put_note(std::string(continuity_awaited_note), std::move(text));
  // A store that cannot write ends the cycle with its next commit.
  static_cast<void>(kept);
}

api::Task<void> Continuity::conclude(core::LinkId link_id) {
  if (halted()) co_return;
  const std::uint64_t hash = core::stable_hash(link_id.str());
  std::string name = core::continuity_note(link_id);
  const auto note = co_await store_.note(name);
  if (!note) co_return;
  const auto before = *note ? core::snapshot_from_note(**note) : std::nullopt;
  if (!before) {  // it was concluded, or is the other link of that hash
    awaited_.erase(hash);
    co_return;
  }
  const auto held = co_await accounts_and_entry(link_id);
  if (!held || (held->relink && core::is_waiting(held->relink->status))) co_return;
  const bool reconnected = held->relink && held->relink->resolved_by == "reconnected" &&
                           held->relink->opened_at == before->opened_at;
  std::string text;  // of a link that went instead: nothing is left to compare
  if (reconnected) {
    const int from_day = before->from_day - core::continuity_margin_days;
    core::SnapshotBuilder builder(before->opened_at, timers_.wall_now(), from_day, held->accounts);
    const auto after = co_await read(link_id, std::move(builder));
    if (!after) co_return;
    text = core::report_note(core::to_json(link_id, core::compare(*before, *after)));
  }
  const auto kept = co_await store_.put_link_note(std::move(link_id), std::move(name), std::move(text));
  if (kept) awaited_.erase(hash);
}

}  // namespace syncd::engine
