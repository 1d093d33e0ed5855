#include <algorithm>
#include <utility>

#include "sync/engine/engine_impl.hpp"

// Many links at once, and acts about none.
namespace syncd::engine {

namespace {

// Enough that an import's links share a few synced writes; the rest of the store's line is for the visits.
constexpr std::size_t imported_at_once = 128;

// What concerns the one link only: also that it is being purged, or was while it was completed.
bool is_of_link(const core::Error& error) {
  return error.code == core::Errc::invalid || error.code == core::Errc::conflict ||
         error.code == core::Errc::not_found;
}

std::string detail_of(const Imported& results, std::uint64_t added) {
  std::uint64_t refused = 0;
  for (const auto& result : results)
    refused += result ? 0 : 1;
  return "{\"added\":" + std::to_string(added) +
         ",\"existed\":" + std::to_string(results.size() - added - refused) +
         ",\"refused\":" + std::to_string(refused) + '}';
}

}  // namespace

struct Engine::Impl::ImportRun {
  std::vector<NewLink> links;
  std::string actor;
  std::uint32_t budget = 0;  // calls a minute
  Imported results;          // as many as links
  std::size_t next = 0;
  std::optional<core::Error> failed;  // of the whole
};

// Takes one link after the other, beside others that do the same.
api::Task<void> Engine::Impl::import_some(ImportRun& run) {
  while (run.next < run.links.size() && !run.failed) {
    const std::size_t at = run.next++;
    if (stopping) {
      run.failed = core::Error{.code = core::Errc::cancelled, .message = "the daemon is stopping"};
      break;
    }
    NewLink link = std::move(run.links[at]);
    run.results[at] = AddOutcome::existed;
    const bool existed = table.find(link.link_id.str()).has_value();
    const bool completes = !link.customer_user_id.empty() || !link.tags.empty();
    if (existed && !completes) continue;
    core::Millis wait{0};
    if (!existed) wait = import_pace.next(timers.steady_now(), run.budget, options.policy.max_interval);
    Requester by{.actor = run.actor};
    auto added = co_await add_link(std::move(link), core::Cause::backfill, std::move(by), wait);
    if (!added && !is_of_link(added.error())) run.failed = added.error();
    run.results[at] = std::move(added);
  }
}

// What a repeated request is answered: how things are now.
Imported Engine::Impl::imported_before(const std::vector<NewLink>& links) const {
  Imported results;
  for (const NewLink& link : links) {
    if (table.find(link.link_id.str())) {
      results.emplace_back(AddOutcome::existed);
    } else {
      results.push_back(std::unexpected(core::Error{
          .code = core::Errc::invalid,
          .message = "this request was answered before, and the link was refused then or has been removed "
                     "since; send it with a new Idempotency-Key",
          .api_code = "not_registered"}));
    }
  }
  return results;
}

// The links carry no key of the request: to register one twice does nothing, so what a crash has cut off is
// done again, and the act that ends the import carries the key.
api::Task<core::Result<Imported>> Engine::Impl::import_links(std::vector<NewLink> links, Requester by) {
  if (links.size() > import_links_max) {
    co_return core::fail(core::Errc::invalid,
                         "an import has at most " + std::to_string(import_links_max) + " links");
  }
  const auto earlier = co_await earlier_act(by);
  if (!earlier) co_return std::unexpected(earlier.error());
  if (*earlier) co_return imported_before(links);
  ImportRun run;
  run.links = std::move(links);
  run.actor = by.actor;
  run.budget = gate.budgets().sync_per_app;  // one that 429s have cut is whole again before all are visited
  run.results.resize(run.links.size());
  const auto executor = co_await boost::asio::this_coro::executor;
  auto on_exception = [](std::exception_ptr error) { std::rethrow_exception(error); };
  TaskGroup tasks(executor, std::move(on_exception));
  for (std::size_t count = 0; count < std::min(imported_at_once, run.links.size()); ++count)
    tasks.spawn(import_some(run));
  co_await tasks.join();
  if (run.failed) co_return std::unexpected(*run.failed);
  const auto added = std::ranges::count_if(
      run.results, [](const auto& result) { return result && *result == AddOutcome::added; });
  if (added == 0 && by.request_key == core::Digest{}) co_return std::move(run.results);
  std::string detail = detail_of(run.results, static_cast<std::uint64_t>(added));
  const auto recorded = co_await record_act("links.import", std::move(detail), std::move(by));
  if (!recorded) co_return std::unexpected(recorded.error());
  co_return std::move(run.results);
}

api::Task<core::Result<void>> Engine::Impl::record_act(std::string action, std::string detail, Requester by) {
  core::AuditNote note = audit_note(action, by, std::move(detail));
  const core::Result<void> recorded = co_await store.record_act(std::move(note));
  if (recorded || recorded.error().code != core::Errc::conflict) co_return recorded;
  const auto earlier = co_await earlier_act(std::move(by));
  if (!earlier) co_return std::unexpected(earlier.error());
  if (!*earlier) co_return recorded;
  co_return core::Result<void>{};
}

}  // namespace syncd::engine
