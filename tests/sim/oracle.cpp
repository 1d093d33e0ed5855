#include "tests/sim/oracle.hpp"

#include <algorithm>
#include <map>
#include <string_view>

namespace syncd::test {

namespace {

using Rows = std::map<std::string, std::string>;
using Held = std::map<std::string_view, const std::string*>;

Held visible(const ModelStore& store, const core::LinkId& link_id, bool pending) {
  Held rows;
  const auto found = store.rows.find(link_id);
  if (found == store.rows.end()) return rows;
  for (const auto& [id, row] : found->second) {
    if (row.pending == pending) rows.emplace_hint(rows.end(), id, &row.json);
  }
  return rows;
}

void compare(Invariant which, const std::string& what, const Rows& expected, const Held& actual,
             Findings& findings) {
  for (const auto& [id, json] : expected) {
    const auto found = actual.find(id);
    if (found == actual.end()) {
      findings.broken(which, what + ": missing " + id);
    } else if (!same_text(*found->second, json)) {
      findings.broken(which,
                      what + ": differs " + id + "\n   here     " + *found->second + "\n   upstream " + json);
    }
  }
  if (actual.size() == expected.size()) return;
  for (const auto& [id, json] : actual) {
    if (!expected.contains(std::string(id))) findings.broken(which, what + ": extra " + std::string(id));
  }
}

// The contract's table: these wait for a person, all others pass by themselves.
bool needs_owner(std::string_view error_code) {
  static constexpr std::string_view codes[] = {
      "auth_expired",         "user_setup_required", "invalid_credentials", "user_oauth_denied",
      "user_input_incorrect", "user_error",          "incomplete"};
  return std::ranges::find(codes, error_code) != std::end(codes);
}

bool relink_waits(const ModelStore& store, const core::LinkId& link_id) {
  const auto entry = store.relink.find(link_id);
  return entry != store.relink.end() && core::is_waiting(entry->second.status);
}

std::uint64_t changes_of(const core::LinkUpdate& update, core::ChangeKind kind) {
  return static_cast<std::uint64_t>(std::ranges::count(update.changes, kind, &core::Change::kind));
}

void check_equal(const ModelStore& store, const sandbox::Truth& truth, const core::LinkId& link_id,
                 std::string_view when, Findings& findings) {
  const std::string what = std::string(when) + ", link " + link_id.str();
  findings.looked(Invariant::convergence);
  compare(Invariant::convergence, what + ": posted", truth.posted, visible(store, link_id, false), findings);
  compare(Invariant::convergence, what + ": pending", truth.pending, visible(store, link_id, true), findings);
  Held accounts;
  if (const auto held = store.accounts.find(link_id); held != store.accounts.end()) {
    for (const auto& [id, account] : held->second) {
      if (!account.gone) accounts.emplace(id, &account.json);
    }
  }
  compare(Invariant::convergence, what + ": account", truth.accounts, accounts, findings);
}

}  // namespace

void check_rows_at_cursor(const ModelStore& store, sandbox::Upstream& upstream, const core::LinkId& link_id,
                          sandbox::TimePoint now, Invariant where, Findings& findings) {
  const core::LinkRecord& record = store.links.at(link_id);
  if (!record.cursor || record.resync) return;
  const auto expected = upstream.truth_at_cursor(link_id.str(), record.cursor->text, now);
  if (!expected) return;  // upstream has ended this cursor meanwhile
  findings.looked(where);
  const std::string what = "link " + link_id.str() + " at cursor " + record.cursor->text;
  compare(where, what + ": posted", expected->posted, visible(store, link_id, false), findings);
  if (record.drain.open) return;  // which pending rows a new posted one replaced is known before the end
  compare(where, what + ": pending", expected->pending, visible(store, link_id, true), findings);
}

void check_quiet(const ModelStore& store, sandbox::Upstream& upstream, const core::LinkId& link_id,
                 const QuietMoment& moment, Findings& findings) {
  using core::LinkStatus;
  findings.looked(Invariant::liveness);
  const auto found = store.links.find(link_id);
  if (found == store.links.end()) {
    findings.broken(Invariant::liveness, "in quiet, link " + link_id.str() + ": not registered");
    return;
  }
  const core::LinkRecord& record = found->second;
  const auto truth = upstream.truth(link_id.str(), moment.true_now);
  const auto entry = store.relink.find(link_id);
  const bool open = relink_waits(store, link_id);
  const auto say = [&](Invariant which, const std::string& what) {
    findings.broken(which, "in quiet, link " + link_id.str() + ": " + what + "; here it is " +
                               std::string(core::to_string(record.status)) +
                               (open ? ", open: " + entry->second.reason : "") +
                               (record.last_error ? " (" + record.last_error->message + ")" : ""));
  };
  if (record.status == LinkStatus::paused) return;  // nobody looks at it: it keeps what it had
  if (!truth || truth->state == sandbox::LinkState::deleted) {
    if (record.status != LinkStatus::gone || open) say(Invariant::liveness, "deleted upstream");
    return;
  }
  if (truth->state == sandbox::LinkState::error) {
    findings.looked(Invariant::relink);
    const bool owner = needs_owner(truth->error_code);
    if (owner && (record.status != LinkStatus::relink || !open || entry->second.reason != truth->error_code))
      say(Invariant::relink, "upstream needs its owner: " + truth->error_code);
    // An entry that was open stays so until the link is connected.
    const bool waits = open ? record.status == LinkStatus::relink : record.status == LinkStatus::backoff;
    if (!owner && !waits) say(Invariant::liveness, "an outage upstream: " + truth->error_code);
    return;
  }
  if (record.status != LinkStatus::active || open) say(Invariant::liveness, "healthy upstream");
  findings.looked(Invariant::no_starvation);
  if (moment.wall_now - record.last_success_at > moment.oldest_success)
    say(Invariant::no_starvation, "not visited since " + core::format_wall_time(record.last_success_at));
  check_equal(store, *truth, link_id, "in quiet", findings);
}

void check_healed(const ModelStore& store, sandbox::Upstream& upstream, sandbox::TimePoint now,
                  Findings& findings) {
  for (const auto& [link_id, record] : store.links) {
    const auto truth = upstream.truth(link_id.str(), now);
    const std::string what = "healed, link " + link_id.str();
    const bool deleted = !truth || truth->state == sandbox::LinkState::deleted;
    const auto wanted = deleted ? core::LinkStatus::gone : core::LinkStatus::active;
    findings.looked(Invariant::liveness);
    if (record.status != wanted) {
      findings.broken(Invariant::liveness,
                      what + (deleted ? ": deleted" : ": healthy") + " upstream but " +
                          std::string(core::to_string(record.status)) +
                          (record.last_error ? " (" + record.last_error->message + ")" : ""));
    }
    if (!deleted) check_equal(store, *truth, link_id, "healed", findings);
  }
}

void check_relink(const ModelStore& store, const core::LinkId& link_id, Findings& findings) {
  const core::LinkStatus status = store.links.at(link_id).status;
  const bool open = relink_waits(store, link_id);
  if (status == core::LinkStatus::paused) return;  // keeps what it had
  findings.looked(Invariant::relink);
  if (open != (status == core::LinkStatus::relink)) {
    findings.broken(Invariant::relink, "link " + link_id.str() + " is " +
                                           std::string(core::to_string(status)) +
                                           (open ? " with" : " without") + " an open relink entry");
  }
  const auto entry = store.relink.find(link_id);
  if (entry == store.relink.end()) return;
  const bool told_why = !entry->second.reason.empty() && entry->second.opened_at != core::WallTime{};
  if (!told_why) findings.broken(Invariant::relink, "link " + link_id.str() + ": an entry without a reason");
}

void check_counts(const ModelStore& store, const core::LinkId& link_id, Findings& findings) {
  const core::Counts& counts = store.links.at(link_id).counts;
  core::Counts real;
  if (const auto rows = store.rows.find(link_id); rows != store.rows.end())
    real.transactions = rows->second.size();
  if (const auto pending = store.pending.find(link_id); pending != store.pending.end())
    real.pending = pending->second.size();
  if (const auto accounts = store.accounts.find(link_id); accounts != store.accounts.end()) {
    for (const auto& [id, account] : accounts->second)
      real.accounts += account.gone ? 0 : 1;
  }
  findings.looked(Invariant::tombstones);
  if (counts == real) return;
  findings.broken(Invariant::tombstones,
                  "link " + link_id.str() + ": counts say " + std::to_string(counts.accounts) + "/" +
                      std::to_string(counts.transactions) + "/" + std::to_string(counts.pending) +
                      ", rows are " + std::to_string(real.accounts) + "/" +
                      std::to_string(real.transactions) + "/" + std::to_string(real.pending));
}

void check_net_changes(const core::LinkUpdate& update, const NetChanges& net, Findings& findings) {
  using enum core::ChangeKind;
  const NetChanges told{.created = changes_of(update, transaction_created),
                        .updated = changes_of(update, transaction_updated),
                        .removed = changes_of(update, transaction_removed),
                        .moved = net.moved,
                        .pending_came = net.pending_came,
                        .pending_left = net.pending_left};
  findings.looked(Invariant::exactly_once);
  if (told == net) return;
  const auto text = [](const NetChanges& changes) {
    return std::to_string(changes.created) + " created, " + std::to_string(changes.updated) + " updated, " +
           std::to_string(changes.removed) + " removed";
  };
  findings.broken(Invariant::exactly_once, "link " + update.link_id.str() + ": the feed tells of " +
                                               text(told) + ", the rows of " + text(net));
}

void check_pending(const core::LinkUpdate& update, const NetChanges& net, Findings& findings) {
  if (!update.record.drain.open) return;
  findings.looked(Invariant::atomicity);
  const std::string who = "in the middle of a drain, link " + update.link_id.str() + ": ";
  if (net.pending_came > 0)
    findings.broken(Invariant::atomicity, who + "pending rows of the next generation are shown");
  if (net.pending_left > std::uint64_t{update.created} + update.updated + update.removed)
    findings.broken(Invariant::atomicity, who + "pending rows have gone that this page does not settle");
}

void check_owner(const core::LinkUpdate& update, const core::LinkRecord* before, Findings& findings) {
  const std::uint64_t fence = before == nullptr ? 0 : before->fence;
  findings.looked(Invariant::single_owner);
  if (update.expected_fence == fence && update.record.fence > fence) return;
  findings.broken(Invariant::single_owner, "link " + update.link_id.str() + ": a commit for fence " +
                                               std::to_string(update.expected_fence) + " with fence " +
                                               std::to_string(update.record.fence) + " was written over " +
                                               std::to_string(fence));
}

void check_due(const core::LinkRecord& record, core::WallTime now, const core::Policy& policy,
               Findings& findings) {
  if (record.status == core::LinkStatus::paused || record.status == core::LinkStatus::gone) return;
  findings.looked(Invariant::no_starvation);
  const core::Millis longest = policy.max_interval + policy.max_interval / 10 + std::chrono::minutes(1);
  if (record.next_due_at <= now + longest) return;
  findings.broken(Invariant::no_starvation, "link " + record.link_id.str() + " is put off until " +
                                                core::format_wall_time(record.next_due_at) + ", now it is " +
                                                core::format_wall_time(now));
}

void check_record_bounds(const core::LinkRecord& record, Findings& findings) {
  constexpr std::size_t positions_max = 64;
  constexpr std::size_t sends_max = 200;
  findings.looked(Invariant::bounded);
  const core::DrainState& drain = record.drain;
  const bool small = drain.posted_ids.size() <= core::drain_posted_max &&
                     drain.cursor_hashes.size() <= positions_max && record.recent_sends.size() <= sends_max &&
                     (!record.cursor || record.cursor->text.size() <= core::cursor_bytes_max);
  if (!small) findings.broken(Invariant::bounded, "link " + record.link_id.str() + ": the record grows");
}

void check_action(const core::LinkUpdate& update, const core::LinkRecord& before, Findings& findings) {
  core::LinkRecord rest = update.record;
  rest.fence = before.fence;
  rest.status = before.status;
  rest.next_due_at = before.next_due_at;
  rest.recent_sends = before.recent_sends;
  const bool rows = !update.transaction_puts.empty() || !update.transaction_erases.empty() ||
                    !update.staged_puts.empty() || !update.staged_erases.empty() || update.staged_clear ||
                    !update.account_puts.empty();
  findings.looked(Invariant::single_owner);
  if (rest == before && !rows) return;
  findings.broken(Invariant::single_owner,
                  "link " + update.link_id.str() + ": a pause or resume changed more than the status");
}

}  // namespace syncd::test
