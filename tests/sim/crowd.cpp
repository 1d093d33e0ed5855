// A world of another kind: no faults, but more links than the budget can serve.
#include <algorithm>
#include <stdexcept>

#include "sync/engine/task_group.hpp"
#include "tests/sim/process.hpp"
#include "tests/sim/request_watch.hpp"
#include "tests/sim/world.hpp"

namespace syncd::test {

namespace {

const engine::Requester nobody{.actor = "uid:0"};

using core::LinkId;
using core::Millis;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr Millis due_at_the_same_time = seconds(2);

class Silent : public engine::EngineObserver, public CommitWatcher, public WireWatcher {
 public:
  void on_cycle(const core::CycleReport&) override {}
  void on_auth_incident(bool, const core::Error&) override {}
  void on_discovery(const std::vector<LinkId>&, std::uint64_t, const std::vector<LinkId>&,
                    std::uint64_t) override {}
  void on_discovery_failed(const core::Error&) override {}
  void on_store_failed(const core::Error&) override {}
  void on_commit_begins(const core::LinkUpdate&) override {}
  void on_note(const std::string&, const std::string&) override {}
  void on_hint(const core::Hint&, core::HintOutcome) override {}
  void on_answer_under_way(const WireRequest&, const sandbox::HttpResponse&) override {}
  void on_answer(const WireRequest&, const api::HttpReply&) override {}
};

class Crowd final : public Silent {
 public:
  explicit Crowd(std::uint64_t seed)
      : dice_(seed, 1),
        settings_(seed),
        timers_(io_, core::WallTime(std::chrono::hours(24 * 365 * 55)), seed),
        tasks_(io_.get_executor(), [](std::exception_ptr error) { std::rethrow_exception(error); }),
        upstream_(demanding()),
        watch_(settings_.budgets, findings_, result_.tally) {}

  SimulationResult run() {
    process_ = std::make_unique<Process>(around(), dice_.any());
    process_->start(store_, settings_.engine, io_);
    for (std::uint32_t i = 0; i < links_; ++i)
      tasks_.spawn(add_task(upstream_.add_link(small_link(), timers_.true_now())));
    pass(2 * round());  // everybody has been visited, nobody by request any more
    judging_from_ = timers_.true_now();
    pass(std::max(6 * round(), Millis(minutes(20))));
    check_gaps(2 * round() + slack());
    restart(dice_.chance(50));
    judging_from_ = timers_.true_now();
    pass(std::max(6 * round(), Millis(minutes(20))));
    check_gaps(2 * round() + slack());
    halt(Millis(5'000));
    process_.reset();
    result_.violations = findings_.violations();
    findings_.count_into(result_.tally);
    return std::move(result_);
  }

 private:
  const sandbox::UpstreamOptions& demanding() {
    links_ = dice_.between(40, 100);
    settings_.budgets = {.sync_per_app = dice_.between(10, 25), .accounts_per_app = 100};
    enforce_budgets(settings_.upstream.budgets, settings_.budgets);
    settings_.upstream.switches.accounts_clock_is_null = true;  // no pull but the daily one
    settings_.engine.policy = {.interval = minutes(dice_.between(1, 2)),
                               .max_interval = std::chrono::hours(4),
                               .accounts_interval = std::chrono::hours(24)};
    settings_.engine.discovery = false;
    return settings_.upstream;
  }
  static sandbox::NewLink small_link() {
    sandbox::NewLink link;
    link.history_months = 1;
    link.transactions_per_month = 5;
    link.refresh_every = std::chrono::hours(6);
    return link;
  }

  // The time in which everybody can be visited once: a tenth of the budget is kept for people.
  Millis round() const {
    const std::uint32_t usable = settings_.budgets.sync_per_app - settings_.budgets.sync_per_app / 10;
    return minutes(links_ / usable + 1);
  }
  Millis slack() const { return settings_.engine.policy.interval * 11 / 10 + minutes(2); }

  // A visit: those that are due for longer are all being visited, too.
  void on_committed(const core::LinkUpdate& update, const core::LinkRecord* before) override {
    if (before == nullptr || before->last_success_at == core::WallTime{}) return;
    visits_[update.link_id].push_back(timers_.true_now());
    if (timers_.true_now() < judging_from_ || judging_from_ == core::WallTime{}) return;
    result_.tally.add("visit judged");
    findings_.looked(Invariant::no_starvation);
    const auto longer_due = std::ranges::count_if(store_.links, [&](const auto& entry) {
      return entry.second.next_due_at + due_at_the_same_time < before->next_due_at;
    });
    if (longer_due <= settings_.engine.workers) return;
    findings_.broken(Invariant::no_starvation, "link " + update.link_id.str() + " is visited before " +
                                                   std::to_string(longer_due) + " that are due for longer");
  }

  void on_request(const WireRequest& request, std::size_t same_link, std::size_t) override {
    watch_.arrived(request.endpoint, request.link_id, timers_.true_now());
    findings_.expect(Invariant::budget, same_link == 0, "two requests at once for one link");
  }

  void check_gaps(Millis longest) {
    for (const auto& [link_id, record] : store_.links) {
      core::WallTime last = judging_from_;
      Millis gap{};
      for (const core::WallTime at : visits_[link_id]) {
        if (at <= judging_from_) continue;
        gap = std::max(gap, at - last);
        last = at;
      }
      gap = std::max(gap, timers_.true_now() - last);
      findings_.looked(Invariant::no_starvation);
      if (gap > longest) {
        findings_.broken(Invariant::no_starvation, "link " + link_id.str() + " was not visited for " +
                                                       std::to_string(gap / seconds(1)) +
                                                       " s, a round takes " +
                                                       std::to_string(round() / seconds(1)) + " s");
      }
    }
    const auto statistics = upstream_.statistics();
    const auto books = statistics.endpoints.find(sandbox::Endpoint::sync);
    const bool found = books != statistics.endpoints.end();
    const std::uint32_t limit = settings_.budgets.sync_per_app;
    if (found && books->second.in_minute_max >= limit - limit / 10) result_.tally.add("budget used up");
  }

  void restart(bool cleanly) {
    process_->state.dead = !cleanly;
    halt(Millis(cleanly ? 5'000 : 0));
    if (cleanly) store_.clean_stop_note = process_->gate.snapshot();
    process_.reset();
    pass(Millis(dice_.draw(240'000)));
    process_ = std::make_unique<Process>(around(), dice_.any());
    process_->start(store_, settings_.engine, io_);
  }

  void halt(Millis grace) {
    bool stopped = false;
    tasks_.spawn(stop_task(timers_.steady_now() + grace, stopped));
    if (!timers_.run_until(timers_.steady_now() + minutes(5), [&] { return stopped; }))
      throw std::runtime_error("the engine did not stop");
  }
  void pass(Millis by) { timers_.run_until(timers_.steady_now() + by); }
  api::Task<void> add_task(std::string link_id) {
    engine::NewLink link{LinkId{std::move(link_id)}, "user", {}};
    co_await process_->engine.add_link(std::move(link), nobody);
  }
  api::Task<void> stop_task(api::SteadyTime grace_end, bool& stopped) {
    co_await process_->stop(grace_end);
    stopped = true;
  }
  Surroundings around() {
    return {timers_, io_, upstream_, store_, weights_, settings_, *this, *this, *this};
  }

  Dice dice_;
  Settings settings_;
  std::uint32_t links_ = 0;
  boost::asio::io_context io_;
  VirtualTimers timers_;
  engine::TaskGroup tasks_;
  sandbox::Upstream upstream_;
  Findings findings_;
  SimulationResult result_;
  RequestWatch watch_;
  ModelStore store_;
  FaultWeights weights_;
  std::unique_ptr<Process> process_;
  core::WallTime judging_from_{};
  std::map<LinkId, std::vector<core::WallTime>> visits_;
};

}  // namespace

SimulationResult simulate_crowd(std::uint64_t seed) {
  Crowd crowd(seed);
  return crowd.run();
}

}  // namespace syncd::test
