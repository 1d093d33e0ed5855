#include "tests/sim/world.hpp"

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <stdexcept>

#include <boost/asio/io_context.hpp>

#include "sync/api/moneykit_api.hpp"
#include "sync/api/rate_gate.hpp"
#include "sync/api/secret.hpp"
#include "sync/engine/engine.hpp"
#include "sync/engine/task_group.hpp"
#include "tests/sim/oracle.hpp"
#include "tests/sim/sim_ports.hpp"

namespace syncd::test {

namespace {

using core::LinkId;
using core::Millis;
using std::chrono::hours;
using std::chrono::minutes;

constexpr std::string_view owner_codes[] = {"auth_expired",        "invalid_credentials",
                                            "user_oauth_denied",   "user_input_incorrect",
                                            "user_setup_required", "incomplete"};
constexpr std::string_view outage_codes[] = {"institution_error", "provider_error", "system_error",
                                             "payment_error"};

class NullObserver final : public engine::EngineObserver {
 public:
  explicit NullObserver(SimulationResult& result) : result_(result) {}
  void on_cycle(const core::CycleReport& report) override {
    result_.relinks_opened += report.relink_opened ? 1 : 0;
    result_.resyncs += report.resync_started ? 1 : 0;
  }
  void on_auth_incident(bool, const core::Error&) override {}
  void on_discovery(const std::vector<LinkId>&, std::uint64_t, const std::vector<LinkId>&,
                    std::uint64_t) override {}
  void on_discovery_failed(const core::Error&) override {}
  void on_store_failed(const core::Error&) override {}

 private:
  SimulationResult& result_;
};

// What a start makes and a stop or crash takes away.
struct Process {
  Process(VirtualTimers& timers, sandbox::Upstream& upstream, ModelStore& store, const FaultWeights& weights,
          const api::Budgets& budgets, const api::ApiOptions& api_options,
          const engine::EngineOptions& options, KnownWindows& windows, SimulationResult& result,
          std::uint64_t seed, SimStorePort::OnCommit on_commit)
      : observer(result),
        transport(timers, upstream, weights, state, windows, seed),
        gate(timers, budgets),
        client(transport, gate, timers, api_options, [](const core::HttpReport&) {}),
        port(timers, store, weights, state, seed + 1, std::move(on_commit)),
        engine(timers, client, gate, port, observer, options) {}

  ProcessState state;
  NullObserver observer;
  SimTransport transport;
  api::RateGate gate;
  api::MoneykitApi client;
  SimStorePort port;
  engine::Engine engine;
};

class World {
 public:
  explicit World(std::uint64_t seed)
      : seed_(seed),
        random_(seed * 0x9e3779b97f4a7c15ULL + 1),
        timers_(io_, core::WallTime(hours(24 * 365 * 55) + Millis(draw(86'400'000))), seed + 7),
        tasks_(io_.get_executor(), [](std::exception_ptr error) { std::rethrow_exception(error); }),
        upstream_(upstream_options()) {
    draw_policy();
  }

  SimulationResult run() {
    add_links();
    boot();
    advance(hours(2));
    draw_faults();
    const std::uint64_t steps = 20 + draw(40);
    for (std::uint64_t step = 0; step < steps; ++step) {
      act();
      advance(minutes(1 + draw(60)));
      restart_if_storage_failed();
    }
    heal();
    settle();
    finish();
    return std::move(result_);
  }

 private:
  std::uint64_t draw(std::uint64_t below) { return below == 0 ? 0 : random_() % below; }
  bool chance(std::uint32_t percent) { return draw(100) < percent; }
  void note(std::string what) {
    result_.events.push_back(core::format_wall_time(timers_.true_now()) + " " + std::move(what));
  }
  void violate(std::string what) { result_.violations.push_back(std::move(what)); }

  sandbox::UpstreamOptions upstream_options() {
    sandbox::UpstreamOptions options;
    options.seed = seed_;
    options.record_requests = true;
    options.token_life = std::chrono::seconds(300 + draw(3600));
    sandbox::Switches& switches = options.switches;
    switches.pending_mode =
        chance(30) ? sandbox::PendingMode::settled_in_place : sandbox::PendingMode::rebuilt;
    switches.nulls = chance(50) ? sandbox::NullForm::mixed : sandbox::NullForm::explicit_null;
    switches.unknown_members = chance(50);
    switches.unknown_enums = chance(30);
    switches.date_with_time = chance(20);
    switches.amounts_as_numbers = chance(20);
    switches.reads_in_error_are_422 = chance(50);
    switches.deleted_is_410 = chance(50);
    switches.idle_cursor_changes = chance(50);
    switches.accounts_clock_is_null = chance(30);
    switches.sync_without_accounts = chance(20);
    switches.bad_cursor_status = chance(50) ? 400 : 422;
    if (chance(30)) {
      options.budgets.of(sandbox::Endpoint::sync) = {.per_app = 20, .per_link = 6};
      options.budgets.of(sandbox::Endpoint::accounts) = {.per_app = 12, .per_link = 3};
      budgets_.sync_per_app = 20;
      budgets_.sync_per_link = 6;
      budgets_.accounts_per_app = 12;
      budgets_.accounts_per_link = 3;
    }
    return options;
  }

  void draw_policy() {
    core::Policy& policy = options_.policy;
    policy.interval = minutes(20 + draw(200));
    policy.max_interval = hours(12);
    policy.accounts_interval = minutes(60 + draw(600));
    policy.page_size = chance(50) ? 500 : static_cast<std::uint32_t>(5 + draw(60));
    policy.resyncs_per_day_max = 100;
    policy.cycle_pages_max = static_cast<std::uint32_t>(2 + draw(40));
    options_.workers = static_cast<std::uint32_t>(1 + draw(8));
    options_.discovery = chance(50);
    options_.discovery_interval = hours(6);
    api_options_.auth = chance(50) ? api::AuthMethod::token : api::AuthMethod::headers;
    api_options_.client_id = sandbox::UpstreamOptions{}.client_id;
    api_options_.client_secret =
        std::make_shared<const api::Secret>(sandbox::UpstreamOptions{}.client_secret);
  }

  // Each kind of fault is absent from half of the seeds, so that rare combinations meet.
  void draw_faults() {
    const auto weight = [&](std::uint32_t most) {
      return chance(50) ? static_cast<std::uint32_t>(draw(most)) : 0u;
    };
    weights_.request_lost = weight(80);
    weights_.answer_lost = weight(80);
    weights_.stale_connection = weight(60);
    weights_.commit_fails_before = weight(10);
    weights_.commit_fails_after = weight(10);
    const auto rule = [&](sandbox::FaultKind kind, std::uint32_t most_permille) {
      if (!chance(50)) return;
      sandbox::FaultRule fault;
      fault.kind = kind;
      fault.probability = static_cast<double>(draw(most_permille)) / 1000.0;
      // 404 on the link object itself is upstream's word that the link is gone: only the other calls may err.
      if (kind == sandbox::FaultKind::not_found) fault.endpoint = sandbox::Endpoint::sync;
      shape(fault);
      upstream_.faults().add(fault);
    };
    using enum sandbox::FaultKind;
    for (const auto kind :
         {reset, close, cut, malformed, wrong_link, repeat_cursor, cyclic_cursor, bad_cursor, refuse_cursor,
          bad_state, unauthorized_access, forbidden, not_found}) {
      rule(kind, 25);
    }
    for (const auto kind : {latency, status, throttle, expired_token})
      rule(kind, 60);
  }

  void shape(sandbox::FaultRule& fault) {
    using enum sandbox::FaultKind;
    static constexpr std::string_view bodies[] = {"truncated", "html", "garbage",  "empty", "duplicate_key",
                                                  "bad_utf8",  "deep", "trailing", "array", "wrong_types"};
    static constexpr std::string_view cursors[] = {"null", "empty", "absent", "number", "huge"};
    static constexpr std::string_view retries[] = {"seconds",   "date", "absurd", "negative",
                                                   "past_date", "text", "none"};
    static constexpr int statuses[] = {500, 502, 503, 504, 409, 418};
    switch (fault.kind) {
      case latency:
        fault.delay_ms = 100;
        fault.delay_ms_max = 40'000;
        break;
      case status:
        fault.status = statuses[draw(std::size(statuses))];
        break;
      case malformed:
        fault.variant = bodies[draw(std::size(bodies))];
        break;
      case bad_cursor:
        fault.variant = cursors[draw(std::size(cursors))];
        break;
      case throttle:
        fault.variant = retries[draw(std::size(retries))];
        break;
      case cut:
        fault.at_byte = draw(500);
        break;
      case refuse_cursor:
        fault.status = chance(50) ? 400 : 422;
        break;
      case bad_state:
        fault.error_code = chance(50) ? owner_codes[draw(6)] : outage_codes[draw(4)];
        break;
      default:
        break;
    }
  }

  void add_links() {
    const std::uint64_t count = 1 + draw(8);
    for (std::uint64_t i = 0; i < count; ++i)
      add_upstream_link();
  }

  std::string add_upstream_link() {
    sandbox::NewLink link;
    const auto& institutions = sandbox::institutions();
    link.institution = institutions[draw(institutions.size())].id;
    link.history_months = static_cast<std::uint32_t>(1 + draw(4));
    link.transactions_per_month = static_cast<std::uint32_t>(5 + draw(40));
    link.transactions_product = !chance(10);
    if (chance(60)) link.refresh_every = minutes(30 + draw(600));
    links_.push_back(upstream_.add_link(link, timers_.true_now()));
    return links_.back();
  }

  // ---- the process ----
  void boot() {
    const std::uint64_t seed = random_();
    auto on_commit = [this](const core::LinkUpdate& update) { committed(update); };
    process_ = std::make_unique<Process>(timers_, upstream_, store_, weights_, budgets_, api_options_,
                                         options_, windows_, result_, seed, std::move(on_commit));
    const std::string note_of_stop = std::exchange(store_.clean_stop_note, {});
    const bool restored = !note_of_stop.empty() && process_->gate.restore(note_of_stop);
    for (const auto& [link_id, record] : store_.links) {
      store::LinkSummary summary{link_id, record.status, record.next_due_at, record.last_success_at,
                                 restored ? std::vector<core::RecentSend>{} : record.recent_sends};
      process_->engine.register_stored(summary);
    }
    if (!restored && !store_.links.empty()) process_->gate.assume_crash(options_.workers);
    for (const auto& [endpoint, until] : store_.freezes)
      process_->gate.freeze(endpoint, until);
    process_->engine.start(io_.get_executor());
    for (const std::string& link_id : links_)
      register_link(link_id);
  }

  void register_link(const std::string& link_id) {
    if (process_->engine.knows(LinkId{link_id})) return;
    tasks_.spawn(add_task(LinkId{link_id}));
  }
  api::Task<void> add_task(LinkId link_id) {
    engine::NewLink link{std::move(link_id), "user", {}};
    co_await process_->engine.add_link(std::move(link));
  }
  api::Task<void> pause_task(LinkId link_id) { co_await process_->engine.pause(std::move(link_id)); }
  api::Task<void> resume_task(LinkId link_id) { co_await process_->engine.resume(std::move(link_id)); }
  api::Task<void> stop_task(api::SteadyTime grace_end, bool& stopped) {
    co_await process_->engine.stop(grace_end);
    stopped = true;
  }

  void halt(Millis grace) {
    bool stopped = false;
    tasks_.spawn(stop_task(timers_.steady_now() + grace, stopped));
    const bool ended =
        timers_.run_until(timers_.steady_now() + minutes(5), [&] { return stopped && tasks_.size() == 0; });
    if (!ended) throw std::runtime_error("seed " + std::to_string(seed_) + ": the engine did not stop");
    if (process_->transport.overlapping_requests() > 0) violate("two requests at once for one link");
  }

  void crash() {
    wait_for_clock();
    note("crash");
    process_->state.dead = true;
    halt(Millis(0));
    process_.reset();
    ++result_.restarts;
    advance_nothing(Millis(draw(90'000)));
    boot();
  }

  void restart() {
    wait_for_clock();
    if (process_->state.storage_failed) return crash();
    note("clean restart");
    halt(Millis(5'000));
    store_.clean_stop_note = process_->gate.snapshot();
    process_.reset();
    ++result_.restarts;
    advance_nothing(Millis(draw(30'000)));
    boot();
  }

  void restart_if_storage_failed() {
    if (!process_->state.storage_failed) return;
    crash();
  }

  void advance_nothing(Millis by) { timers_.run_until(timers_.steady_now() + by); }
  void advance(Millis by) { timers_.run_until(timers_.steady_now() + by); }

  void committed(const core::LinkUpdate& update) {
    ++result_.commits;
    check_relink(store_, update.link_id, result_.violations);
    check_counts(store_, update.link_id, result_.violations);
    if (chance(25))
      check_rows_at_cursor(store_, upstream_, update.link_id, timers_.true_now(), result_.violations);
  }

  // ---- what happens in the world ----
  void act() {
    const std::string link = links_[draw(links_.size())];
    const auto now = timers_.true_now();
    if (deleted_.contains(link)) return;  // nothing more happens to it
    switch (draw(17)) {
      case 0:
        note("reset " + link);
        upstream_.reset(link, now);
        break;
      case 1:
        note("relink " + link);
        upstream_.relink(link, "user_good", "pass_good", now);
        break;
      case 2:
        note("refresh " + link);
        upstream_.refresh_with_changes(link, now);
        break;
      case 3:
        note("cursors end " + link);
        upstream_.expire_cursors(link);
        break;
      case 4:
        note("outage");
        outage_ = !outage_;
        upstream_.set_outage("instant_bank", outage_, now);
        break;
      case 5:
        note("error " + link);
        set_error(link);
        break;
      case 6:
        note("access " + link);
        set_access(link);
        break;
      case 7:
        note("pause " + link);
        tasks_.spawn(pause_task(LinkId{link}));
        break;
      case 8:
        note("resume " + link);
        tasks_.spawn(resume_task(LinkId{link}));
        break;
      case 9:
      case 10:
        note("sync now " + link);
        static_cast<void>(process_->engine.sync_now(LinkId{link}));
        break;
      case 11:
        note("tokens end");
        upstream_.expire_tokens();
        break;
      case 12:
        note("secret");
        wrong_secret_ = !wrong_secret_;
        set_secret();
        break;
      case 13:
        crash();
        break;
      case 14:
        restart();
        break;
      case 15:
        jump_clock();
        break;
      default:
        rare(link);
        break;
    }
  }

  // Up to an hour either way. What is stored in wall time is off by as much until it has passed, so no
  // restart falls into that hour: a process that starts cannot know that its clock was moved while it was
  // away.
  void jump_clock() {
    note("clock jump");
    timers_.jump_wall_clock(Millis(static_cast<std::int64_t>(draw(7'200'000)) - 3'600'000));
    settled_clock_at_ = timers_.steady_now() + minutes(70);
  }
  void wait_for_clock() {
    if (timers_.steady_now() < settled_clock_at_) advance(settled_clock_at_ - timers_.steady_now());
  }

  void rare(const std::string& link) {
    if (chance(30)) {
      note("delete " + link);
      upstream_.remove(link, timers_.true_now());
      deleted_.insert(link);
    } else {
      const std::string added = add_upstream_link();
      note("add " + added);
      register_link(added);
    }
  }

  void set_error(const std::string& link) {
    const std::string_view code = chance(60) ? owner_codes[draw(6)] : outage_codes[draw(4)];
    upstream_.set_state(link, sandbox::LinkState::error, code, timers_.true_now());
  }
  void set_access(const std::string& link) {
    static constexpr sandbox::LinkAccess kinds[] = {sandbox::LinkAccess::normal, sandbox::LinkAccess::foreign,
                                                    sandbox::LinkAccess::forbidden};
    upstream_.set_access(link, kinds[draw(3)]);
  }
  void set_secret() {
    upstream_.set_client_secret(wrong_secret_ ? "another" : sandbox::UpstreamOptions{}.client_secret);
    upstream_.expire_tokens();
  }

  // ---- the end ----
  void heal() {
    note("heal");
    weights_ = {};
    upstream_.faults().clear();
    wrong_secret_ = false;
    set_secret();
    const auto now = timers_.true_now();
    upstream_.set_outage("instant_bank", false, now);
    for (const std::string& link : links_) {
      upstream_.set_access(link, sandbox::LinkAccess::normal);
      const auto truth = upstream_.truth(link, now);
      if (truth && truth->state == sandbox::LinkState::error)
        upstream_.relink(link, "user_good", "pass_good", now);
    }
    restart_if_storage_failed();
    for (const std::string& link : links_) {
      register_link(link);
      tasks_.spawn(resume_task(LinkId{link}));
    }
  }

  bool at_rest() {
    Violations open;
    check_converged(store_, upstream_, timers_.true_now(), open);
    return open.empty() && store_.links.size() == links_.size();
  }

  // Everything must be well again within the longest wait any link may have, twice, without anybody's help.
  void settle() {
    const auto end = timers_.steady_now() + 2 * (options_.policy.max_interval + hours(1)) + hours(2);
    while (timers_.steady_now() < end && !at_rest())
      advance(minutes(30));
    check_converged(store_, upstream_, timers_.true_now(), result_.violations);
    if (store_.links.size() != links_.size()) violate("a registered link is missing");
  }

  void finish() {
    halt(Millis(10'000));
    check_feed(store_, result_.violations);
    check_budgets(upstream_, result_.violations);
    if (windows_.broken > 0)
      violate(std::to_string(windows_.broken) + " requests inside a Retry-After window");
    result_.throttled = windows_.told;
    result_.feed_entries = store_.feed.size();
    const auto statistics = upstream_.statistics();
    result_.requests = statistics.requests;
    result_.faults = statistics.faults;
    for (const store::FeedEntry& entry : store_.feed) {
      mix(entry.id);
      mix(entry.after);
      mix(std::to_string(entry.at.time_since_epoch().count()));
    }
    for (const auto& request : upstream_.requests()) {
      mix(request.link_id);
      mix(std::to_string(request.at.time_since_epoch().count()) + "/" + std::to_string(request.status));
    }
    process_.reset();
  }
  void mix(std::string_view text) {
    result_.hash = result_.hash * 0x100000001b3ULL ^ core::stable_hash(text);
  }

  const std::uint64_t seed_;
  std::mt19937_64 random_;
  boost::asio::io_context io_;
  VirtualTimers timers_;
  engine::TaskGroup tasks_;
  api::Budgets budgets_;
  sandbox::Upstream upstream_;
  ModelStore store_;
  FaultWeights weights_;
  KnownWindows windows_;
  engine::EngineOptions options_;
  api::ApiOptions api_options_;
  std::unique_ptr<Process> process_;
  std::vector<std::string> links_;
  std::set<std::string> deleted_;
  api::SteadyTime settled_clock_at_{};
  bool outage_ = false;
  bool wrong_secret_ = false;
  SimulationResult result_;
};

}  // namespace

SimulationResult simulate(std::uint64_t seed) {
  World world(seed);
  return world.run();
}

}  // namespace syncd::test
