#include "tests/crash/store/scenario.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace syncd::test {
namespace {

using core::ChangeKind;
using core::LinkStatus;

constexpr int links = 4;

std::string status_json(LinkStatus status) {
  return fmt::format(R"({{"status":"{}"}})", core::to_string(status));
}

core::WallTime at(std::int64_t ms) {
  return core::WallTime{core::Millis{ms}};
}

}  // namespace

store::StoreOptions scenario_options(std::shared_ptr<rocksdb::FileSystem> files) {
  store::StoreOptions options;
  options.path = store_path;
  options.environment = "sandbox";
  options.upstream = "api.example.test";
  options.block_cache_bytes = 1 << 20;
  options.write_buffer_bytes = 160 << 10;
  options.file_system = std::move(files);
  options.wall_now = [] { return at(1); };  // the first epoch is 1, and each further one counts up
  return options;
}

Scenario::Scenario(std::uint64_t seed, std::size_t steps) : seed_(seed), random_(seed) {
  states_.emplace_back();
  add({.kind = Step::Kind::open});
  for (std::size_t i = 1; i < steps; ++i) {
    now_ms_ += 1000;
    if (i % 13 == 0) {
      add({.kind = Step::Kind::open});
    } else if (i % 5 == 0) {
      add({.kind = Step::Kind::read_feed});
    } else if (i % 11 == 0) {
      add({.kind = Step::Kind::put_freeze,
           .freeze = {.endpoint = static_cast<core::Endpoint>(1 + random_() % core::endpoint_count),
                      .until = at(now_ms_ + 60'000)}});
    } else if (i % 14 == 0) {
      add({.kind = Step::Kind::put_note, .name = "budget", .value = fmt::format("note {}", i)});
    } else if (i % 17 == 0) {
      add({.kind = Step::Kind::take_note, .name = "budget"});
    } else {
      Step commit;
      const auto updates = 1 + random_() % 3;
      const auto first = random_() % links;
      for (std::uint64_t k = 0; k < updates; ++k)
        commit.updates.push_back(next_update(static_cast<int>((first + k) % links)));
      add(std::move(commit));
    }
  }
  add({.kind = Step::Kind::close});
}

void Scenario::add(Step step) {
  switch (step.kind) {
    case Step::Kind::put_freeze:
      state_.store.freezes[step.freeze.endpoint] = step.freeze.until;
      break;
    case Step::Kind::put_note:
      state_.notes[step.name] = step.value;
      break;
    case Step::Kind::take_note:
      state_.notes.erase(step.name);
      break;
    default:  // commits were applied while they were made
      break;
  }
  steps_.push_back(std::move(step));
  states_.push_back(state_);
}

std::string_view Scenario::keep(core::LinkUpdate& update, std::string text) {
  update.texts.push_back(std::make_unique<const std::string>(std::move(text)));
  return *update.texts.back();
}

// Letters that do not compress well.
std::string Scenario::filler(std::size_t bytes_max) {
  std::string text(random_() % bytes_max, '\0');
  for (auto& c : text)
    c = static_cast<char>('a' + random_() % 26);
  return text;
}

core::LinkUpdate Scenario::next_update(int link) {
  core::LinkUpdate update;
  update.link_id = core::LinkId{fmt::format("link_{}", link)};
  update.at = at(now_ms_);
  const auto held = state_.store.links.find(update.link_id);
  const bool fresh = held == state_.store.links.end();
  if (!fresh) update.record = held->second;
  update.expected_fence = fresh ? 0 : update.record.fence;
  update.record.link_id = update.link_id;
  update.record.fence = update.expected_fence + 1;
  update.record.cursor = core::Cursor{fmt::format("cursor_{}", update.record.fence)};
  update.record.next_due_at = at(now_ms_ + 3'600'000);
  if (fresh) {
    add_link(update);
  } else if (!state_.store.staged[update.link_id].empty()) {
    one_in(2) ? show_staged(update) : add_staged(update);
  } else if (one_in(6)) {
    turn_relink(update);
  } else if (one_in(4)) {
    add_staged(update);
  } else {
    add_page(update);
  }
  if (one_in(3)) add_account(update);
  if (one_in(4)) update.link_object = keep(update, fmt::format(R"({{"object":"{}"}})", filler(200)));
  if (one_in(4)) move_letters(update);
  if (update.record.fence % 3 == 0) add_act(update);
  state_.store.apply(update);
  return update;
}

void Scenario::add_link(core::LinkUpdate& update) {
  update.record.added_at = at(now_ms_);
  update.changes.push_back({.kind = ChangeKind::link_added,
                            .id = keep(update, update.link_id.str()),
                            .before = {},
                            .after = keep(update, status_json(LinkStatus::active))});
  add_page(update);
}

void Scenario::put_row(core::LinkUpdate& update, std::string_view id, bool pending) {
  const auto& rows = state_.store.rows[update.link_id];
  const auto held = rows.find(std::string(id));
  const auto json = keep(update, fmt::format(R"({{"id":"{}","fence":{},"pending":{},"fill":"{}"}})", id,
                                             update.record.fence, pending, filler(500)));
  const bool fresh = held == rows.end();
  update.transaction_puts.push_back({.transaction_id = id,
                                     .account_id = "account_1",
                                     .json = json,
                                     .pending = pending,
                                     .was_pending = !fresh && held->second.pending,
                                     .posted_from = {}});
  update.changes.push_back({.kind = fresh ? ChangeKind::transaction_created : ChangeKind::transaction_updated,
                            .id = id,
                            .before = fresh ? std::string_view{} : keep(update, held->second.json),
                            .after = json});
}

void Scenario::add_page(core::LinkUpdate& update) {
  // Each row that is there is left alone, changed or removed; then come new ones.
  for (const auto& [id, row] : state_.store.rows[update.link_id]) {
    if (one_in(5)) {
      put_row(update, keep(update, id), one_in(3));
    } else if (one_in(6)) {
      const auto kept = keep(update, id);
      update.transaction_erases.push_back({.transaction_id = kept, .was_pending = row.pending});
      update.changes.push_back({.kind = ChangeKind::transaction_removed,
                                .id = kept,
                                .before = keep(update, row.json),
                                .after = {}});
    }
  }
  const auto fresh = 1 + random_() % 6;
  for (std::uint64_t i = 0; i < fresh; ++i)
    put_row(update, keep(update, fmt::format("row_{:06}", ++rows_made_)), one_in(3));
}

void Scenario::add_staged(core::LinkUpdate& update) {
  update.record.drain.open = true;
  ++update.record.drain.pages;
  const auto& staged = state_.store.staged[update.link_id];
  if (one_in(3)) {
    update.staged_clear = true;
  } else if (!staged.empty() && one_in(2)) {
    update.staged_erases.push_back(keep(update, staged.begin()->first));
  }
  const auto count = 1 + random_() % 4;
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto id = keep(update, fmt::format("row_{:06}", ++rows_made_));
    update.staged_puts.push_back({.transaction_id = id,
                                  .account_id = "account_1",
                                  .json = keep(update, fmt::format(R"({{"fill":"{}"}})", filler(600))),
                                  .pending = true,
                                  .posted_from = {}});
  }
}

void Scenario::show_staged(core::LinkUpdate& update) {
  update.record.drain = {};
  update.staged_clear = true;
  for (const auto& [id, row] : state_.store.staged[update.link_id])
    put_row(update, keep(update, id), true);
}

void Scenario::add_account(core::LinkUpdate& update) {
  const auto& accounts = state_.store.accounts[update.link_id];
  const auto id = keep(update, fmt::format("account_{}", random_() % 3));
  const auto held = accounts.find(std::string(id));
  const bool fresh = held == accounts.end();
  const auto json =
      keep(update, fmt::format(R"({{"balance":"{}","fence":{}}})", random_() % 100'000, update.record.fence));
  update.account_puts.push_back({.account_id = id, .json = json});
  update.changes.push_back({.kind = fresh ? ChangeKind::account_created : ChangeKind::account_updated,
                            .id = id,
                            .before = fresh ? std::string_view{} : keep(update, held->second.json),
                            .after = json});
}

// A new letter, or what becomes of the last one: it is retried, and dropped before or behind that.
void Scenario::move_letters(core::LinkUpdate& update) {
  const auto& letters = state_.store.dead_letters;
  const auto last = std::find_if(letters.rbegin(), letters.rend(), [&](const core::DeadLetter& letter) {
    return letter.link_id == update.link_id;
  });
  if (last == letters.rend() || one_in(2)) {
    const std::string body = filler(1000);
    update.dead_letter = core::DeadLetter{.link_id = update.link_id,
                                          .at = at(now_ms_),
                                          .reason = "made up",
                                          .body_bytes = body.size(),
                                          .body_digest = core::digest_of(body),
                                          .redacted_body = body};
  } else if (last->retried_at == core::WallTime{} && !one_in(3)) {
    update.dead_letter = *last;
    update.dead_letter->retried_at = at(now_ms_);
  } else {
    update.dropped_dead_letter_at = last->at;
  }
}

void Scenario::change_status(core::LinkUpdate& update, LinkStatus status) {
  update.changes.push_back({.kind = ChangeKind::link_status,
                            .id = keep(update, update.link_id.str()),
                            .before = keep(update, status_json(update.record.status)),
                            .after = keep(update, status_json(status))});
  update.record.status = status;
}

// A person's act: in the audit log, and on the entry when there is one that waits.
void Scenario::add_act(core::LinkUpdate& update) {
  const std::string actor = fmt::format("uid:{}", update.record.fence);
  update.audit = core::AuditNote{.actor = actor,
                                 .action = "made.up",
                                 .detail = R"({"a":1})",
                                 .request_key = core::digest_of(update.link_id.str() + actor),
                                 .request_digest = {1}};
  const auto held = state_.store.relink.find(update.link_id);
  if (update.relink || held == state_.store.relink.end()) return;
  using Kind = core::RelinkRequest::Kind;
  const Kind kind = held->second.assignee.empty() ? Kind::claim : Kind::release;
  auto changed = core::apply(held->second, {.kind = kind, .actor = actor}, at(now_ms_));
  if (changed) update.relink = std::move(*changed);
}

void Scenario::turn_relink(core::LinkUpdate& update) {
  const auto held = state_.store.relink.find(update.link_id);
  auto entry = held == state_.store.relink.end() ? core::RelinkEntry{} : held->second;
  const bool opens = update.record.status != LinkStatus::relink;
  if (held != state_.store.relink.end()) {
    ++entry.version;
    if (opens) ++entry.reopened;
  }
  entry.link_id = update.link_id;
  entry.status = opens ? core::RelinkStatus::open : core::RelinkStatus::resolved;
  entry.reason = "auth_expired";
  entry.opened_at = opens ? at(now_ms_) : entry.opened_at;
  entry.resolved_at = opens ? core::WallTime{} : at(now_ms_);
  entry.resolved_by = opens ? "" : "reconnected";
  update.relink = entry;
  change_status(update, opens ? LinkStatus::relink : LinkStatus::active);
  update.changes.push_back({.kind = opens ? ChangeKind::relink_opened : ChangeKind::relink_resolved,
                            .id = keep(update, update.link_id.str()),
                            .before = {},
                            .after = keep(update, core::to_json(entry))});
}

}  // namespace syncd::test
