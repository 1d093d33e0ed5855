#include "tests/sim/settings.hpp"

#include <algorithm>
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

void shape(Hazard hazard, sandbox::FaultRule& fault, Dice& dice) {
  using enum sandbox::FaultKind;
  switch (fault.kind) {
    case latency:
      fault.delay_ms = 100;
      fault.delay_ms_max = 40'000;
      break;
    case status:
      fault.status = hazard == Hazard::redirect     ? dice.one_of(redirects)
                     : hazard == Hazard::odd_status ? dice.one_of(odd_statuses)
                                                    : dice.one_of(server_statuses);
      if (fault.status == 503) {
        fault.variant = "retry_after";
        fault.retry_after_seconds = unavailable_for.count();
      }
      break;
    case malformed:
      fault.variant = dice.one_of(spoilt_bodies);
      break;
    case bad_cursor:
      fault.variant = dice.one_of(bad_cursors);
      break;
    case throttle:
      fault.variant = dice.one_of(retry_afters);
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

Settings::Settings(std::uint64_t seed) {
  upstream.seed = seed;
  upstream.record_past = true;
  engine.policy.keep_redacted_bodies = seed % 2 == 0;  // not drawn: other draws of a seed stay as they are
  engine.policy.adaptive = seed % 3 == 0;
  engine.policy.control_share = seed % 9 == 0 ? 0.3 : 0;
  // A world has few links, and visits them seldom.
  engine.policy.incidents = {.min_links = 3, .window = hours(2)};
  Dice dice(seed, 1);
  draw_upstream(dice);
  draw_engine(dice);
  redraw(dice);
  enforce_budgets(upstream.budgets, budgets);
}

void Settings::redraw(Dice& dice) {
  draw_policy(dice);
  draw_budgets(dice);
  draw_audit(dice);
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
  // A server may give less than it was asked for.
  if (dice.chance(50)) upstream.list_page_max = dice.between(1, 4);
}

// Twice the requests of a backfill per round: not too often.
void Settings::draw_audit(Dice& dice) {
  const core::Millis interval = minutes(dice.between(180, 900));
  engine.policy.verify_interval = dice.chance(80) ? interval : core::Millis(0);
}

// Some limits are met: by all links together, by one link, by the calls that are about no link.
void Settings::draw_budgets(Dice& dice) {
  budgets = {};
  if (!dice.chance(40)) return;
  budgets = {.sync_per_app = dice.between(6, 20),
             .sync_per_link = dice.between(2, 8),
             .accounts_per_app = dice.between(4, 12),
             .accounts_per_link = dice.between(1, 5),
             .link_per_app = dice.between(2, 6),
             .link_per_link = dice.between(1, 6),
             .links_per_app = dice.between(1, 3),
             .token_per_client = dice.between(2, 6)};
}

void enforce_budgets(sandbox::Budgets& upstream, const api::Budgets& budgets) {
  using enum sandbox::Endpoint;
  upstream.of(sync) = {.per_app = budgets.sync_per_app, .per_link = budgets.sync_per_link};
  upstream.of(accounts) = {.per_app = budgets.accounts_per_app, .per_link = budgets.accounts_per_link};
  upstream.of(link) = {.per_app = budgets.link_per_app, .per_link = budgets.link_per_link};
  upstream.of(links) = {.per_app = budgets.links_per_app};
  upstream.of(token) = {.per_app = budgets.token_per_client};
}

api::Budgets larger(const api::Budgets& a, const api::Budgets& b) {
  return {.sync_per_app = std::max(a.sync_per_app, b.sync_per_app),
          .sync_per_link = std::max(a.sync_per_link, b.sync_per_link),
          .accounts_per_app = std::max(a.accounts_per_app, b.accounts_per_app),
          .accounts_per_link = std::max(a.accounts_per_link, b.accounts_per_link),
          .link_per_app = std::max(a.link_per_app, b.link_per_app),
          .link_per_link = std::max(a.link_per_link, b.link_per_link),
          .links_per_app = std::max(a.links_per_app, b.links_per_app),
          .token_per_client = std::max(a.token_per_client, b.token_per_client)};
}

void Settings::draw_engine(Dice& dice) {
  engine.workers = dice.between(1, 8);
  engine.discovery = dice.chance(50);
  engine.discovery_interval = minutes(90);
  // The daemon's own pulse moves nothing but the heartbeat: most seeds do without it, and are faster.
  engine.idle_look = dice.chance(5) ? core::Millis(1'000) : core::Millis(hours(1));
  api.auth = dice.chance(50) ? api::AuthMethod::token : api::AuthMethod::headers;
  api.client_id = upstream.client_id;
  api.client_secret = std::make_shared<const api::Secret>(upstream.client_secret);
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
}

HazardSet draw_hazards(Dice& dice) {
  HazardSet hazards;
  for (std::size_t i = 0; i < hazard_count; ++i)
    hazards.set(static_cast<Hazard>(i), dice.chance(50));
  return hazards;
}

FaultWeights draw_weights(Dice& dice, const HazardSet& hazards) {
  using enum Hazard;
  struct Most {
    Hazard hazard;
    std::uint32_t permille;
  };
  static constexpr Most most[] = {
      {dns_failure, 60},      {refused, 60},           {connect_timeout, 60},    {tls_failure, 60},
      {stale_connection, 60}, {silent_peer, 40},       {answer_lost, 80},        {slow_answer, 40},
      {bad_framing, 40},      {compressed_answer, 40}, {store_fails_before, 30}, {store_fails_after, 30}};
  FaultWeights weights;
  for (const auto& [hazard, permille] : most) {
    const auto drawn = static_cast<std::uint32_t>(1 + dice.draw(permille));
    if (hazards.has(hazard)) weights.of(hazard) = drawn;
  }
  const std::size_t small_answers = 24'000 + dice.draw(40'000);
  if (hazards.has(large_pages)) weights.answer_bytes_max = small_answers;
  return weights;
}

std::vector<sandbox::FaultRule> draw_fault_rules(Dice& dice, const HazardSet& hazards) {
  using enum Hazard;
  struct Script {
    Hazard hazard;
    sandbox::FaultKind kind;
    std::uint32_t permille_max;
  };
  using Kind = sandbox::FaultKind;
  static constexpr Script scripts[] = {{reset, Kind::reset, 25},
                                       {close, Kind::close, 25},
                                       {cut, Kind::cut, 25},
                                       {malformed, Kind::malformed, 25},
                                       {malformed, Kind::malformed, 25},
                                       {wrong_link, Kind::wrong_link, 25},
                                       {repeat_cursor, Kind::repeat_cursor, 25},
                                       {cyclic_cursor, Kind::cyclic_cursor, 25},
                                       {endless, Kind::endless, 25},
                                       {bad_cursor, Kind::bad_cursor, 25},
                                       {refuse_cursor, Kind::refuse_cursor, 25},
                                       {bad_state, Kind::bad_state, 25},
                                       {unauthorized_access, Kind::unauthorized_access, 25},
                                       {forbidden, Kind::forbidden, 25},
                                       {not_found, Kind::not_found, 40},
                                       {unauthorized, Kind::unauthorized, 25},
                                       {odd_status, Kind::status, 30},
                                       {redirect, Kind::status, 30},
                                       {latency, Kind::latency, 60},
                                       {status_5xx, Kind::status, 60},
                                       {throttle, Kind::throttle, 60},
                                       {throttle, Kind::throttle, 60},
                                       {expired_token, Kind::expired_token, 60},
                                       {repeated_rows, Kind::repeated_rows, 250},
                                       {odd_lists, Kind::odd_lists, 250},
                                       {replica_lag, Kind::replica_lag, 150}};
  std::vector<sandbox::FaultRule> rules;
  for (const Script& script : scripts) {
    sandbox::FaultRule fault;
    fault.kind = script.kind;
    fault.probability = static_cast<double>(1 + dice.draw(script.permille_max)) / 1000.0;
    // 404 on the link object itself is upstream's word that the link is gone: only the other calls may err.
    if (script.kind == Kind::not_found) fault.endpoint = sandbox::Endpoint::sync;
    shape(script.hazard, fault, dice);
    if (!hazards.has(script.hazard)) fault.probability = 0;  // in place: the others fire as they did
    rules.push_back(fault);
  }
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
