#include "tests/sim/oracle.hpp"

#include <algorithm>
#include <map>
#include <string_view>

#include "sync/core/page.hpp"

namespace syncd::test {

namespace {

using Rows = std::map<std::string, std::string>;

Rows visible(const ModelStore& store, const core::LinkId& link_id, bool pending) {
  Rows rows;
  const auto found = store.rows.find(link_id);
  if (found == store.rows.end()) return rows;
  for (const auto& [id, row] : found->second) {
    if (row.pending == pending) rows[id] = row.json;
  }
  return rows;
}

void compare(const std::string& what, const Rows& expected, const Rows& actual, Violations& violations) {
  for (const auto& [id, json] : expected) {
    const auto found = actual.find(id);
    if (found == actual.end()) {
      violations.push_back(what + ": missing " + id);
    } else if (!core::same_json(found->second, json)) {
      violations.push_back(what + ": differs " + id + "\n   here     " + found->second + "\n   upstream " +
                           json);
    }
  }
  for (const auto& [id, json] : actual) {
    if (!expected.contains(id)) violations.push_back(what + ": extra " + id);
  }
}

// The contract's table: these wait for a person, all others pass by themselves.
bool needs_owner(std::string_view error_code) {
  static constexpr std::string_view codes[] = {
      "auth_expired",         "user_setup_required", "invalid_credentials", "user_oauth_denied",
      "user_input_incorrect", "user_error",          "incomplete"};
  return std::ranges::find(codes, error_code) != std::end(codes);
}

bool relink_open(const ModelStore& store, const core::LinkId& link_id) {
  const auto entry = store.relink.find(link_id);
  return entry != store.relink.end() && entry->second.status == core::RelinkStatus::open;
}

}  // namespace

void check_rows_at_cursor(const ModelStore& store, sandbox::Upstream& upstream, const core::LinkId& link_id,
                          sandbox::TimePoint now, Violations& violations) {
  const core::LinkRecord& record = store.links.at(link_id);
  if (!record.cursor || record.resync) return;
  const auto expected = upstream.truth_at_cursor(link_id.str(), record.cursor->text, now);
  if (!expected) return;  // upstream has ended this cursor meanwhile
  const std::string what = "link " + link_id.str() + " at cursor " + record.cursor->text;
  compare(what + ": posted", expected->posted, visible(store, link_id, false), violations);
  if (!record.drain.open)
    compare(what + ": pending", expected->pending, visible(store, link_id, true), violations);
}

void check_equal(const ModelStore& store, const sandbox::Truth& truth, const core::LinkId& link_id,
                 std::string_view when, Violations& violations) {
  const std::string what = std::string(when) + ", link " + link_id.str();
  compare(what + ": posted", truth.posted, visible(store, link_id, false), violations);
  compare(what + ": pending", truth.pending, visible(store, link_id, true), violations);
  Rows accounts;
  if (const auto held = store.accounts.find(link_id); held != store.accounts.end()) {
    for (const auto& [id, account] : held->second) {
      if (!account.gone) accounts[id] = account.json;
    }
  }
  compare(what + ": account", truth.accounts, accounts, violations);
}

void check_quiet(const ModelStore& store, sandbox::Upstream& upstream, const core::LinkId& link_id,
                 const QuietMoment& moment, Violations& violations) {
  using core::LinkStatus;
  const auto found = store.links.find(link_id);
  if (found == store.links.end()) {
    violations.push_back("in quiet, link " + link_id.str() + ": not registered");
    return;
  }
  const core::LinkRecord& record = found->second;
  const auto truth = upstream.truth(link_id.str(), moment.true_now);
  const auto entry = store.relink.find(link_id);
  const bool open = relink_open(store, link_id);
  const auto say = [&](const std::string& what) {
    violations.push_back("in quiet, link " + link_id.str() + ": " + what + "; here it is " +
                         std::string(core::to_string(record.status)) +
                         (open ? ", open: " + entry->second.reason : "") +
                         (record.last_error ? " (" + record.last_error->message + ")" : ""));
  };
  if (record.status == LinkStatus::paused) return;  // nobody looks at it: it keeps what it had
  if (!truth || truth->state == sandbox::LinkState::deleted) {
    if (record.status != LinkStatus::gone || open) say("deleted upstream");
    return;
  }
  if (truth->state == sandbox::LinkState::error) {
    const bool owner = needs_owner(truth->error_code);
    if (owner && (record.status != LinkStatus::relink || !open || entry->second.reason != truth->error_code))
      say("upstream needs its owner: " + truth->error_code);
    // An entry that was open stays so until the link is connected.
    const bool waits = open ? record.status == LinkStatus::relink : record.status == LinkStatus::backoff;
    if (!owner && !waits) say("an outage upstream: " + truth->error_code);
    return;
  }
  if (record.status != LinkStatus::active || open) say("healthy upstream");
  if (moment.wall_now - record.last_success_at > moment.oldest_success)
    say("not visited since " + core::format_wall_time(record.last_success_at));
  check_equal(store, *truth, link_id, "in quiet", violations);
}

void check_healed(const ModelStore& store, sandbox::Upstream& upstream, sandbox::TimePoint now,
                  Violations& violations) {
  for (const auto& [link_id, record] : store.links) {
    const auto truth = upstream.truth(link_id.str(), now);
    const std::string what = "healed, link " + link_id.str();
    const bool deleted = !truth || truth->state == sandbox::LinkState::deleted;
    const auto wanted = deleted ? core::LinkStatus::gone : core::LinkStatus::active;
    if (record.status != wanted) {
      violations.push_back(what + (deleted ? ": deleted" : ": healthy") + " upstream but " +
                           std::string(core::to_string(record.status)) +
                           (record.last_error ? " (" + record.last_error->message + ")" : ""));
    }
    if (!deleted) check_equal(store, *truth, link_id, "healed", violations);
  }
}

void check_relink(const ModelStore& store, const core::LinkId& link_id, Violations& violations) {
  const core::LinkStatus status = store.links.at(link_id).status;
  const bool open = relink_open(store, link_id);
  if (status == core::LinkStatus::paused) return;  // keeps what it had
  if (open != (status == core::LinkStatus::relink)) {
    violations.push_back("link " + link_id.str() + " is " + std::string(core::to_string(status)) +
                         (open ? " with" : " without") + " an open relink entry");
  }
}

void check_counts(const ModelStore& store, const core::LinkId& link_id, Violations& violations) {
  const core::Counts& counts = store.links.at(link_id).counts;
  core::Counts real;
  if (const auto rows = store.rows.find(link_id); rows != store.rows.end()) {
    for (const auto& [id, row] : rows->second) {
      ++real.transactions;
      real.pending += row.pending ? 1 : 0;
    }
  }
  if (const auto accounts = store.accounts.find(link_id); accounts != store.accounts.end()) {
    for (const auto& [id, account] : accounts->second)
      real.accounts += account.gone ? 0 : 1;
  }
  if (counts == real) return;
  violations.push_back("link " + link_id.str() + ": counts say " + std::to_string(counts.accounts) + "/" +
                       std::to_string(counts.transactions) + "/" + std::to_string(counts.pending) +
                       ", rows are " + std::to_string(real.accounts) + "/" +
                       std::to_string(real.transactions) + "/" + std::to_string(real.pending));
}

void check_action(const core::LinkUpdate& update, const core::LinkRecord& before, Violations& violations) {
  core::LinkRecord rest = update.record;
  rest.fence = before.fence;
  rest.status = before.status;
  rest.next_due_at = before.next_due_at;
  rest.recent_sends = before.recent_sends;
  const bool rows = !update.transaction_puts.empty() || !update.transaction_erases.empty() ||
                    !update.staged_puts.empty() || !update.staged_erases.empty() || update.staged_clear ||
                    !update.account_puts.empty();
  if (rest == before && !rows) return;
  violations.push_back("link " + update.link_id.str() + ": a pause or resume changed more than the status");
}

std::vector<std::pair<sandbox::Endpoint, sandbox::Budget>> limits_of(const api::Budgets& budgets) {
  using enum sandbox::Endpoint;
  return {{sync, {.per_app = budgets.sync_per_app, .per_link = budgets.sync_per_link}},
          {accounts, {.per_app = budgets.accounts_per_app, .per_link = budgets.accounts_per_link}},
          {link, {.per_app = budgets.link_per_app, .per_link = budgets.link_per_link}},
          {links, {.per_app = budgets.links_per_app}},
          {token, {.per_app = budgets.token_per_client}},
          {introspect, {.per_app = budgets.token_per_client}}};
}

void check_budgets(const sandbox::Upstream& upstream, const api::Budgets& budgets, Tally& tally,
                   Violations& violations) {
  const auto statistics = upstream.statistics();
  const auto judge = [&](const std::string& what, std::uint32_t most, std::uint32_t limit) {
    if (most > limit) {
      violations.push_back(what + ": " + std::to_string(most) + " requests in a minute, allowed are " +
                           std::to_string(limit));
    }
    if (most == limit) tally.add("budget used to the last: " + what);
  };
  std::uint64_t judged = 0;
  for (const auto& [endpoint, limit] : limits_of(budgets)) {
    const auto books = statistics.endpoints.find(endpoint);
    if (books == statistics.endpoints.end()) continue;
    judged += books->second.requests;
    const std::string what(sandbox::endpoint_name(endpoint));
    judge(what, books->second.in_minute_max, limit.per_app);
    if (limit.per_link != 0) judge(what + " of a link", books->second.in_minute_per_link_max, limit.per_link);
    if (books->second.throttled_by_budget != 0) violations.push_back(what + ": refused over budget");
  }
  if (judged != statistics.requests) violations.push_back("requests to an endpoint without a budget");
}

}  // namespace syncd::test
