#include "tests/sim/settings.hpp"

#include <memory>

#include "sync/api/secret.hpp"

namespace syncd::test {

namespace {

using std::chrono::hours;
using std::chrono::minutes;

constexpr std::string_view owner_codes[] = {
    "auth_expired", "invalid_credentials", "user_oauth_denied", "user_input_incorrect",
    "user_error",   "user_setup_required", "incomplete"};
constexpr std::string_view outage_codes[] = {"institution_error", "provider_error", "system_error",
                                             "payment_error"};

void shape(sandbox::FaultRule& fault, Dice& dice) {
  using enum sandbox::FaultKind;
  static constexpr std::string_view bodies[] = {"truncated", "html", "garbage",  "empty", "duplicate_key",
                                                "bad_utf8",  "deep", "trailing", "array", "wrong_types"};
  static constexpr std::string_view cursors[] = {"null", "empty", "absent", "number", "huge"};
  static constexpr std::string_view retries[] = {"seconds",  "date",      "absurd", "absurd_date",
                                                 "negative", "past_date", "text",   "none"};
  static constexpr int statuses[] = {500, 502, 503, 504, 409, 418};
  switch (fault.kind) {
    case latency:
      fault.delay_ms = 100;
      fault.delay_ms_max = 40'000;
      break;
    case status:
      fault.status = statuses[dice.draw(std::size(statuses))];
      break;
    case malformed:
      fault.variant = dice.one_of(bodies);
      break;
    case bad_cursor:
      fault.variant = dice.one_of(cursors);
      break;
    case throttle:
      fault.variant = dice.one_of(retries);
      break;
    case cut:
      fault.at_byte = dice.draw(500);
      break;
    case refuse_cursor:
      fault.status = dice.chance(50) ? 400 : 422;
      break;
    case bad_state:
      fault.error_code = dice.chance(50) ? draw_owner_code(dice) : draw_outage_code(dice);
      break;
    default:
      break;
  }
}

}  // namespace

std::string_view draw_owner_code(Dice& dice) {
  return dice.one_of(owner_codes);
}
std::string_view draw_outage_code(Dice& dice) {
  return dice.one_of(outage_codes);
}

Settings::Settings(std::uint64_t seed, Dice& dice) {
  upstream.seed = seed;
  upstream.record_requests = true;
  draw_upstream(dice);
  draw_policy(dice);
}

void Settings::draw_upstream(Dice& dice) {
  upstream.token_life = std::chrono::seconds(300 + dice.draw(3600));
  sandbox::Switches& switches = upstream.switches;
  switches.pending_mode =
      dice.chance(30) ? sandbox::PendingMode::settled_in_place : sandbox::PendingMode::rebuilt;
  switches.nulls = dice.chance(50) ? sandbox::NullForm::mixed : sandbox::NullForm::explicit_null;
  switches.unknown_members = dice.chance(50);
  switches.unknown_enums = dice.chance(30);
  switches.date_with_time = dice.chance(20);
  switches.amounts_as_numbers = dice.chance(20);
  switches.reads_in_error_are_422 = dice.chance(50);
  switches.deleted_is_410 = dice.chance(50);
  switches.idle_cursor_changes = dice.chance(50);
  switches.accounts_clock_is_null = dice.chance(30);
  switches.sync_without_accounts = dice.chance(20);
  switches.bad_cursor_status = dice.chance(50) ? 400 : 422;
  // Limits that are met: by all links together, by one link, by the calls that are about no link.
  if (!dice.chance(40)) return;
  limit_budgets(budgets, upstream.budgets,
                {.sync_per_app = dice.between(6, 20),
                 .sync_per_link = dice.between(2, 8),
                 .accounts_per_app = dice.between(4, 12),
                 .accounts_per_link = dice.between(1, 5),
                 .link_per_app = dice.between(3, 12),
                 .link_per_link = dice.between(1, 6),
                 .links_per_app = dice.between(1, 3),
                 .token_per_client = dice.between(2, 6)});
}

void limit_budgets(api::Budgets& budgets, sandbox::Budgets& upstream, const api::Budgets& wanted) {
  budgets = wanted;
  using enum sandbox::Endpoint;
  upstream.of(sync) = {.per_app = wanted.sync_per_app, .per_link = wanted.sync_per_link};
  upstream.of(accounts) = {.per_app = wanted.accounts_per_app, .per_link = wanted.accounts_per_link};
  upstream.of(link) = {.per_app = wanted.link_per_app, .per_link = wanted.link_per_link};
  upstream.of(links) = {.per_app = wanted.links_per_app};
  upstream.of(token) = {.per_app = wanted.token_per_client};
}

void Settings::draw_policy(Dice& dice) {
  core::Policy& policy = engine.policy;
  policy.interval = minutes(dice.between(10, 60));
  policy.max_interval = hours(2);
  policy.accounts_interval = minutes(dice.between(15, 60));
  policy.page_size = dice.chance(50) ? 500 : dice.between(5, 64);
  policy.resyncs_per_day_max = 100;
  policy.protocol_failures_max = dice.between(1, 5);
  policy.cycle_pages_max = dice.between(2, 41);
  engine.workers = dice.between(1, 8);
  engine.discovery = dice.chance(50);
  engine.discovery_interval = minutes(90);
  api.auth = dice.chance(50) ? api::AuthMethod::token : api::AuthMethod::headers;
  api.client_id = upstream.client_id;
  api.client_secret = std::make_shared<const api::Secret>(upstream.client_secret);
}

FaultWeights draw_weights(Dice& dice) {
  const auto weight = [&](std::uint32_t most) {
    return dice.chance(50) ? static_cast<std::uint32_t>(dice.draw(most)) : 0u;
  };
  return {.request_lost = weight(80),
          .answer_lost = weight(80),
          .stale_connection = weight(60),
          .commit_fails_before = weight(30),
          .commit_fails_after = weight(30)};
}

std::vector<sandbox::FaultRule> draw_fault_rules(Dice& dice) {
  std::vector<sandbox::FaultRule> rules;
  const auto rule = [&](sandbox::FaultKind kind, std::uint32_t most_permille) {
    if (!dice.chance(50)) return;
    sandbox::FaultRule fault;
    fault.kind = kind;
    fault.probability = static_cast<double>(dice.draw(most_permille)) / 1000.0;
    // 404 on the link object itself is upstream's word that the link is gone: only the other calls may err.
    if (kind == sandbox::FaultKind::not_found) fault.endpoint = sandbox::Endpoint::sync;
    shape(fault, dice);
    rules.push_back(fault);
  };
  using enum sandbox::FaultKind;
  for (const auto kind :
       {reset, close, cut, malformed, wrong_link, repeat_cursor, cyclic_cursor, endless, bad_cursor,
        refuse_cursor, bad_state, unauthorized_access, forbidden, not_found, unauthorized}) {
    rule(kind, 25);
  }
  for (const auto kind : {latency, status, throttle, throttle, expired_token})
    rule(kind, 60);
  return rules;
}

sandbox::NewLink draw_link(Dice& dice) {
  sandbox::NewLink link;
  const auto& institutions = sandbox::institutions();
  link.institution = institutions[dice.draw(institutions.size())].id;
  link.history_months = dice.between(1, 4);
  link.transactions_per_month = dice.between(5, 44);
  link.transactions_product = !dice.chance(10);
  if (dice.chance(60)) link.refresh_every = minutes(dice.between(15, 300));
  return link;
}

}  // namespace syncd::test
