#include <algorithm>
#include <utility>

#include "sync/core/classify.hpp"
#include "sync/core/conflict_codes.hpp"
#include "sync/core/plan.hpp"
#include "sync/core/webhook_audit.hpp"
#include "sync/engine/engine_impl.hpp"

// Giving links the webhook that the configuration names, many at a time.
namespace syncd::engine {

namespace {

// Enough that the way to upstream and back is never what holds the budget's pace up.
constexpr std::size_t fixed_at_once = 16;
// Somebody waits for the answer: what cannot go out by then is told, with when to ask again.
constexpr core::Millis waits_max = std::chrono::seconds(30);

// What concerns all links: there is no use in trying the next one.
bool is_of_all(const core::Error& error) {
  switch (error.code) {
    case core::Errc::transport:
    case core::Errc::throttled:
    case core::Errc::auth:
    case core::Errc::cancelled:
    case core::Errc::storage:
      return true;
    default:
      return false;
  }
}

std::string detail_of(const WebhookFixCounts& counts) {
  return "{\"fixed\":" + std::to_string(counts.fixed) + ",\"right\":" + std::to_string(counts.right) +
         ",\"refused\":" + std::to_string(counts.refused) + '}';
}

core::Error another_link() {
  return {.code = core::Errc::protocol, .message = "upstream answered about another link"};
}

// What upstream now says of the link; an error: it is another one, or it is over.
core::Result<core::LinkKeeps> keeps_of(const core::LinkAnswer& answer, const core::LinkId& link_id) {
  if (answer.link.link_id != link_id.str()) return std::unexpected(another_link());
  if (core::condition_of(answer.link).health == core::LinkHealth::deleted)
    return core::fail(core::Errc::gone, "the link was deleted upstream");
  return core::parse_link_keeps(std::string(answer.link.json));
}

core::Result<void> refuse_wait_of_batch(api::RateGate& gate, api::Timers& timers, core::Endpoint endpoint,
                                        const core::LinkId& link_id) {
  const core::Millis wait = gate.available_at(endpoint, link_id, core::Cause::backfill) - timers.steady_now();
  if (wait <= waits_max) return {};
  core::Error error{.code = core::Errc::throttled,
                    .message = std::string(core::to_string(endpoint)) +
                               ": upstream's Retry-After or a spent budget holds it back",
                    .retry_after = wait};
  return std::unexpected(std::move(error));
}

}  // namespace

WebhookFixCounts counts_of(const WebhooksFixed& results) {
  WebhookFixCounts counts;
  for (const auto& result : results) {
    if (!result) {
      ++counts.refused;
    } else {
      ++(*result == WebhookFix::fixed ? counts.fixed : counts.right);
    }
  }
  return counts;
}

// What the tasks of one request share, with whoever waits for them.
struct Engine::Impl::WebhookRun {
  explicit WebhookRun(const api::IoExecutor& executor) : ended(executor) {}

  std::vector<core::LinkId> links;
  std::string webhook;
  std::string actor;
  WebhooksFixed results;  // as many as links
  std::size_t next = 0;
  std::optional<core::Error> failed;  // of the whole
  std::size_t tasks = 0;              // at work
  api::Waiters ended;
};

// Stores the link object as upstream shows it now; with `by` as an act of the log.
api::Task<core::Result<void>> Engine::Impl::keep_link_object(core::LinkId link_id,
                                                             std::shared_ptr<const core::LinkAnswer> answer,
                                                             std::optional<Requester> by) {
  for (int attempt = 0; attempt < conflict_retries_max; ++attempt) {
    auto loaded = co_await store.load(link_id);
    if (!loaded) co_return std::unexpected(loaded.error());
    if (!*loaded) co_return core::fail(core::Errc::not_found, "no such link");
    const core::LinkRecord record = std::move(**loaded);
    const core::StepInput input{.record = record,
                                .held = std::make_shared<const core::Held>(),
                                .now = timers.wall_now(),
                                .policy = options.policy,
                                .cause = core::Cause::manual,
                                .recent_sends = gate.recent_sends(link_id)};
    core::LinkUpdate update = core::step_link_object(input, answer);
    if (!by && !update.link_object) co_return core::Result<void>{};
    if (by) update.audit = audit_note("links.webhook", *by, {});
    const auto committed = co_await store.commit(std::move(update));
    if (committed || committed.error().code != core::Errc::conflict) co_return committed;
  }
  co_return core::fail(core::Errc::conflict, "the link changed again and again meanwhile; try once more");
}

// Looks first: the stored object may be old, and a tag that somebody gave the link since must not be lost.
api::Task<core::Result<WebhookFix>> Engine::Impl::fix_webhook(core::LinkId link_id, std::string webhook,
                                                              Requester by) {
  const auto slot = table.find(link_id.str());
  if (!slot) co_return core::fail(core::Errc::not_found, "no such link");
  if (table.status(*slot) == LinkStatus::gone)
    co_return core::fail(core::Errc::conflict, "the link is gone upstream: it has no webhook any more");
  for (const core::Endpoint endpoint : {core::Endpoint::link, core::Endpoint::update_link}) {
    const auto open = refuse_wait_of_batch(gate, timers, endpoint, link_id);
    if (!open) co_return std::unexpected(open.error());
  }
  const auto seen = co_await upstream.link(link_id, core::Cause::backfill);
  if (!seen) co_return std::unexpected(seen.error());
  const auto before = keeps_of(**seen, link_id);
  if (!before) co_return std::unexpected(before.error());
  if (before->webhook == webhook) {
    const auto kept = co_await keep_link_object(link_id, *seen, std::nullopt);
    if (!kept) co_return std::unexpected(kept.error());
    co_return WebhookFix::right;
  }
  // Asked again, right before: others that looked at the same time may have taken what was left.
  const auto still_open = refuse_wait_of_batch(gate, timers, core::Endpoint::update_link, link_id);
  if (!still_open) co_return std::unexpected(still_open.error());
  core::LinkChange change = core::webhook_change(*before, webhook);
  const auto answer = co_await upstream.update_link(link_id, std::move(change), core::Cause::backfill);
  if (!answer) {
    core::Error error = answer.error();
    if (error.outcome_unknown)
      error.message += "; it may have been carried out: fix it again, which looks first";
    co_return std::unexpected(std::move(error));
  }
  const auto now = keeps_of(**answer, link_id);
  if (!now) co_return std::unexpected(now.error());
  const auto kept = co_await keep_link_object(link_id, *answer, std::move(by));
  if (!kept) co_return std::unexpected(kept.error());
  const auto good = core::check_webhook_change(*before, *now, webhook);
  if (!good) co_return std::unexpected(good.error());
  co_return WebhookFix::fixed;
}

// Takes one link after the other, beside others that do the same.
api::Task<void> Engine::Impl::fix_some(std::shared_ptr<WebhookRun> run) {
  while (run->next < run->links.size() && !run->failed) {
    const std::size_t at = run->next++;
    if (stopping) {
      run->failed = core::Error{.code = core::Errc::cancelled, .message = "the daemon is stopping"};
      break;
    }
    core::LinkId link_id = run->links[at];
    std::string webhook = run->webhook;
    Requester by{.actor = run->actor};
    auto fixed = co_await fix_webhook(std::move(link_id), std::move(webhook), std::move(by));
    if (!fixed && is_of_all(fixed.error())) run->failed = fixed.error();
    run->results[at] = std::move(fixed);
  }
  if (--run->tasks == 0) run->ended.notify_all();
}

// The links carry no key of the request: to fix one twice costs a look and changes nothing, so what a crash
// has cut off is done again, and the act that ends the request carries the key.
api::Task<core::Result<WebhooksFixed>> Engine::Impl::fix_webhooks(std::vector<core::LinkId> links,
                                                                  Requester by) {
  if (links.size() > webhook_fixes_max) {
    co_return core::fail(core::Errc::invalid,
                         "at most " + std::to_string(webhook_fixes_max) + " links are fixed at a time");
  }
  if (options.sessions.webhook.empty()) {
    co_return std::unexpected(
        core::Error{.code = core::Errc::conflict,
                    .message = "no webhook is configured; set webhook in [link_session]",
                    .api_code = std::string(core::no_webhook)});
  }
  const auto earlier = co_await earlier_act(by);
  if (!earlier) co_return std::unexpected(earlier.error());
  if (!group || stopping) co_return core::fail(core::Errc::cancelled, "the daemon is starting or stopping");
  const auto executor = co_await boost::asio::this_coro::executor;
  const auto run = std::make_shared<WebhookRun>(executor);
  run->links = std::move(links);
  run->webhook = options.sessions.webhook;
  run->actor = by.actor;
  run->results.resize(run->links.size());
  run->tasks = std::min(fixed_at_once, run->links.size());
  // Tasks of the engine: a stop ends them, and whoever waits hears of it.
  for (std::size_t count = run->tasks; count > 0; --count)
    group->spawn(fix_some(run));
  while (run->tasks > 0)
    co_await run->ended.wait_uncancellable();
  if (run->failed) co_return std::unexpected(*run->failed);
  if (*earlier) co_return std::move(run->results);
  std::string detail = detail_of(counts_of(run->results));
  const auto recorded = co_await record_act("webhooks.fix", std::move(detail), std::move(by));
  if (!recorded) co_return std::unexpected(recorded.error());
  co_return std::move(run->results);
}

}  // namespace syncd::engine
