// Webhooks in the simulated world: how upstream sends them, and what must come of those that were stored.
#include <algorithm>

#include "sync/core/hint.hpp"
#include "tests/sim/world_impl.hpp"

namespace syncd::test {

using std::chrono::minutes;

namespace {

constexpr Millis look_for_hooks_every = std::chrono::seconds(30);
constexpr std::size_t hooks_at_once = 1'000;
constexpr std::size_t hints_max = 100'000;  // as the daemon's default
// In quiet: until the hook has come and the link's visit has its turn, and behind a crash a careful minute.
constexpr Millis hint_followed_within = minutes(12);

constexpr sandbox::HookEvent events[] = {
    sandbox::HookEvent::state_changed, sandbox::HookEvent::product_refresh,
    sandbox::HookEvent::updates_available, sandbox::HookEvent::product_state_changed};

// Of a body that upstream has written: the value of a member that is text without escapes.
std::string text_of(std::string_view body, std::string_view member) {
  const std::string begin = '"' + std::string(member) + "\":\"";
  const std::size_t at = body.find(begin);
  if (at == std::string_view::npos) return {};
  body.remove_prefix(at + begin.size());
  return std::string(body.substr(0, body.find('"')));
}

}  // namespace

// ---- upstream sends them ----

std::optional<std::string> World::draw_webhook() {
  Dice dice(plan_.seed, hook_stream, 1'000 + links_.size());
  if (!on(Hazard::hooks) || !dice.chance(80)) return std::nullopt;
  return "https://hooks.example.com/moneykit";
}

std::size_t World::hints_at_most() const {
  if (faults_over_ || plan_.seed % 4 != 3) return hints_max;
  return 1 + plan_.seed / 4 % 4;
}

void World::begin_hook_faults() {
  Dice dice(plan_.seed, hook_stream);
  sandbox::HookOptions options = settings_.upstream.hooks;
  options.latency_mean = Millis(dice.draw(20'000));
  const std::uint32_t recall = dice.between(300, 900);
  const std::uint32_t duplicates = dice.between(50, 600);
  const Millis late_max = dice.chance(30) ? minutes(600) : minutes(5);
  if (on(Hazard::hook_lost)) options.recall_permille = recall;
  if (on(Hazard::hook_repeated)) {
    options.duplicate_permille = duplicates;
    options.late_permille = duplicates / 2;
    options.late_max = late_max;
  }
  upstream_.hooks().set_options(options);
  if (!on(Hazard::hook_stranger)) return;
  sandbox::FaultRule other;
  other.kind = sandbox::FaultKind::hook_other_link;
  other.probability = 0.05;
  upstream_.faults().add(other);
  other.variant = "unknown";
  upstream_.faults().add(other);
}

void World::end_hook_faults() {
  upstream_.hooks().set_options(settings_.upstream.hooks);
  if (process_) process_->engine.set_hints_max(hints_max);
}

// Those that were due while no process ran.
void World::refuse_hooks() {
  const core::WallTime now = timers_.true_now();
  for (const sandbox::HookDelivery& delivery : upstream_.due_hooks(now, now, hooks_at_once)) {
    tally("hook: nobody is there");
    upstream_.hook_answered(delivery.number, 0, now);
  }
}

api::Task<void> World::send_hooks() {
  Process* const process = process_.get();
  while (!process->state.stopping) {
    const core::WallTime now = timers_.true_now();
    if (!weights_.upstream_down) {
      for (const sandbox::HookDelivery& delivery : upstream_.due_hooks(now, now, hooks_at_once)) {
        const LinkId link_id{text_of(delivery.body, "link_id")};
        const core::Digest key = core::digest_of(text_of(delivery.body, "webhook_idempotency_key"));
        tasks_.spawn(hook_task(link_id, key, delivery.number));
      }
    }
    const auto next = weights_.upstream_down ? std::nullopt : upstream_.next_hook();
    const Millis wait = next ? *next - now : look_for_hooks_every;
    const api::SteadyTime at = timers_.steady_now() + std::clamp(wait, Millis(100), look_for_hooks_every);
    co_await timers_.sleep_until(at);
  }
}

// `number`: of upstream's books; 0: of nobody's. It is sent again until its answer comes.
api::Task<void> World::hook_task(LinkId link_id, core::Digest key, std::uint64_t number) {
  Process* const process = process_.get();
  const auto taken = co_await process->engine.hint(link_id, key);
  const int status = process->state.dead ? 0 : taken ? 200 : 503;
  if (number != 0) upstream_.hook_answered(number, status, timers_.true_now());
  if (process->state.dead) {
    tally("hook: its answer is lost");
    co_return;
  }
  const std::string outcome{taken ? core::to_string(*taken) : core::to_string(taken.error().code)};
  tally("hook: " + outcome);
  mix(outcome);
  const bool is_kept = taken == core::HintOutcome::accepted || taken == core::HintOutcome::duplicate;
  findings_.expect(Invariant::hints, !is_kept || store_.hook_keys.contains(key),
                   "link " + link_id.str() + ": a hook was answered and is not stored");
}

// ---- what else comes ----

void World::act_on_hooks() {
  Dice dice(plan_.seed, hook_stream, 10'000 + ++hook_acts_);
  const std::string& link = links_[dice.draw(links_.size())];
  const auto now = timers_.true_now();
  const bool news = dice.chance(30);
  const bool storm = dice.chance(12);
  const std::uint32_t hooks = dice.between(5, 200);
  const sandbox::HookEvent event = dice.one_of(events);
  if (!on(Hazard::hooks)) return;
  if (news && !deleted_.contains(link)) upstream_.refresh_with_changes(link, now);
  if (storm && on(Hazard::hook_storm) && upstream_.send_hooks(link, event, hooks, now)) {
    note("a storm of " + std::to_string(hooks) + " hooks of " + link);
    tally("hook storm");
  }
  if (dice.chance(25)) tell_of_anything(dice, link);
  strike_at_hint(dice);
}

// Nothing has happened to the link, or nobody knows it.
void World::tell_of_anything(Dice& dice, const std::string& link) {
  const bool of_nobody = dice.chance(40);
  const core::Digest key = core::digest_of("hook " + std::to_string(hook_acts_));
  if (!on(Hazard::hook_stranger)) return;
  tasks_.spawn(hook_task(LinkId{of_nobody ? "mk_nobody" : link}, key, 0));
}

void World::strike_at_hint(Dice& dice) {
  const Strike kind = dice.chance(50) ? Strike::crash : Strike::power_cut;
  const bool wanted = dice.chance(25);
  const std::uint64_t skip = dice.draw(4);
  const bool may = on(kind == Strike::crash ? Hazard::crash : Hazard::power_cut);
  if (wanted && may) strike_plan_ = StrikePlan{kind, Moment::hint_under_way, skip};
}

// ---- what must be true ----

void World::on_hint(const core::Hint& hint, core::HintOutcome outcome) {
  if (outcome != core::HintOutcome::accepted) return;
  trace("hint " + hint.link_id.str());
  hinted_[hint.link_id] = {.sequence = hint.sequence, .stored_at = ++moments_};
  check_hint_waits(hint.link_id);
}

void World::check_hints(const core::LinkUpdate& update) {
  for (const core::NotePut& note : update.notes) {
    const auto named = core::parse_hint_note(note.name);
    if (!named) continue;
    findings_.expect(Invariant::hints, !note.value && named->link_id == update.link_id.str(),
                     "link " + update.link_id.str() + ": a visit writes a hint");
    check_answered(update, named->sequence);
  }
  check_hint_waits(update.link_id);
}

// All that it has found was asked for behind the hint.
void World::check_answered(const core::LinkUpdate& update, std::uint64_t sequence) {
  const std::string link = "link " + update.link_id.str() + ": ";
  const auto hint = hinted_.find(update.link_id);
  const bool waits = hint != hinted_.end() && hint->second.sequence == sequence;
  findings_.looked(Invariant::hints);
  if (!waits) {
    tally("a hint is answered that another has replaced");
    return;
  }
  const core::LinkRecord& record = update.record;
  const Past& past = past_[update.link_id];
  const bool of_feed = record.status == core::LinkStatus::active && record.has_transactions_product &&
                       !record.transactions_forbidden;
  if ((of_feed ? past.feed_asked_at : past.asked_at) < hint->second.stored_at)
    findings_.broken(Invariant::hints, link + "a hint is answered by what was asked before it");
  if (of_feed && record.drain.open)
    findings_.broken(Invariant::hints, link + "a hint is answered in the middle of a drain");
  tally("a hint is answered");
  hinted_.erase(hint);
}

// Until then it is in the store, and no other of the link.
void World::check_hint_waits(const LinkId& link_id) {
  const std::string prefix = core::hint_notes_of(link_id);
  std::size_t notes = 0;
  for (auto note = store_.notes.lower_bound(prefix);
       note != store_.notes.end() && note->first.starts_with(prefix); ++note) {
    ++notes;
  }
  const auto hint = hinted_.find(link_id);
  const bool waits = hint != hinted_.end();
  const bool is_there = waits && store_.notes.contains(core::hint_note(link_id, hint->second.sequence));
  findings_.expect(Invariant::hints, waits ? is_there && notes == 1 : notes == 0,
                   "link " + link_id.str() + ": " + (waits ? "its hint waits" : "no hint waits") +
                       ", and the store has " + std::to_string(notes) + " of it");
}

// Behind a start, or when nothing is under way.
void World::check_hints_known(std::string_view when) {
  for (const auto& [link_id, hint] : hinted_)
    check_hint_waits(link_id);
  const std::size_t known = process_->engine.hints_waiting();
  findings_.expect(Invariant::hints, known == hinted_.size(),
                   std::string(when) + ": " + std::to_string(hinted_.size()) +
                       " hints wait, the daemon knows " + std::to_string(known));
}

void World::take_hints_of_copy() {
  hinted_.clear();
  ++moments_;
  for (const core::Hint& hint : store_.hints())
    hinted_[hint.link_id] = {.sequence = hint.sequence, .stored_at = moments_};
}

// A link of which news must be here soon when a hook tells of it.
bool World::follows_hooks(const std::string& link) {
  const auto record = store_.links.find(LinkId{link});
  if (record == store_.links.end() || record->second.status != core::LinkStatus::active) return false;
  const auto access = access_.find(link);
  const bool readable = access == access_.end() || access->second == sandbox::LinkAccess::normal;
  const auto truth = upstream_.truth(link, timers_.true_now());
  const bool connected = truth && truth->state == sandbox::LinkState::connected;
  return connected && readable && hooked_.contains(link) && !damaged(LinkId{link}) &&
         !waits_for_incident(record->second);
}

// Nothing is wrong, and no visit is due by schedule for long: what a hook tells of is here within minutes,
// also when the process dies as soon as it is stored.
void World::check_followed() {
  if (!on(Hazard::hooks)) return;
  Dice dice(plan_.seed, hook_stream, 1);
  const core::WallTime since = timers_.wall_now();
  const std::size_t page_size = settings_.engine.policy.page_size;
  std::vector<std::string> told;
  std::size_t pages = 0;
  for (const std::string& link : links_) {
    if (!follows_hooks(link)) continue;
    const std::size_t before = upstream_.feed_length(link, timers_.true_now());
    upstream_.refresh_with_changes(link, timers_.true_now());
    pages += (upstream_.feed_length(link, timers_.true_now()) - before) / page_size + 1;
    told.push_back(link);
  }
  older_copy_.reset();
  // A window that was noted before the clock was set is believed for an hour behind every start.
  if (!on(Hazard::throttle)) strike_at_hint(dice);
  if (strike_plan_) next_pause_ = Millis(dice.draw(5'000));
  const auto budget = std::min(settings_.budgets.sync_per_app, settings_.budgets.accounts_per_app);
  live(hint_followed_within + minutes(2 * (pages + told.size()) / std::max(1u, budget)) +
       minutes(pages / settings_.budgets.sync_per_link));
  strike_plan_.reset();
  next_pause_.reset();
  for (const std::string& link : told)
    check_followed(LinkId{link}, since);
}

void World::check_followed(const LinkId& link_id, core::WallTime since) {
  tally("in quiet: a hook is followed");
  const core::LinkRecord& record = store_.links.at(link_id);
  const std::string link = "in quiet, link " + link_id.str() + ": ";
  findings_.expect(Invariant::hints, record.last_success_at >= since,
                   link + "a hook told of news, and it was not visited since");
  // One that upstream repeated behind the visit may wait for the budget.
  const auto waiting = hinted_.find(link_id);
  const bool of_later = waiting != hinted_.end() && waiting->second.stored_at > past_[link_id].asked_at;
  findings_.expect(Invariant::hints, waiting == hinted_.end() || of_later, link + "its hint still waits");
  if (!record.cursor) return;
  const auto held = upstream_.truth_at_cursor(link_id.str(), record.cursor->text, timers_.true_now());
  findings_.expect(Invariant::hints, held && held->caught_up, link + "what a hook told of is not here");
}

}  // namespace syncd::test
