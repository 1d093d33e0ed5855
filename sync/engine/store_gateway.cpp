#include "sync/engine/store_gateway.hpp"

#include <cassert>
#include <chrono>

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/post.hpp>

namespace syncd::engine {

StoreGateway::Worker::Worker(store::Store& store, api::IoExecutor io,
                             std::function<void(const core::CommitReport&)> report)
    : store_(store), io_(io), report_(std::move(report)) {
}

void StoreGateway::Worker::on_store_thread(std::move_only_function<void()> work) {
  boost::asio::post(thread_, std::move(work));
}

void StoreGateway::Worker::on_io_thread(std::move_only_function<void()> work) {
  boost::asio::post(io_, std::move(work));
}

core::Result<std::vector<store::CommitOutcome>> StoreGateway::Worker::commit(
    std::span<const core::LinkUpdate* const> updates) {
  const auto began = std::chrono::steady_clock::now();
  auto outcomes = store_.commit(updates);
  took_ = std::chrono::duration_cast<core::Millis>(std::chrono::steady_clock::now() - began);
  return outcomes;
}

void StoreGateway::Worker::on_round_end(std::uint32_t commits) {
  if (commits > 0) report_({.updates = commits, .duration = took_});
}

StoreGateway::StoreGateway(store::Store& store, api::IoExecutor io, api::Timers& timers,
                           std::function<void(const core::CommitReport&)> report)
    : timers_(timers), worker_(store, io, std::move(report)), queue_(worker_, io) {
}

StoreGateway::~StoreGateway() {
  assert(queue_.idle() && "stop() must be awaited first");
  worker_.join();
}

api::Task<core::Result<std::optional<core::LinkRecord>>> StoreGateway::load(core::LinkId link_id) {
  auto work = [&link_id](store::Store& store) { return store.load(link_id); };
  auto result = co_await run(std::move(work));
  co_return result;
}

api::Task<core::Result<core::Held>> StoreGateway::lookup(core::LookupRequest request) {
  auto work = [&request](store::Store& store) { return store.lookup(request); };
  auto result = co_await run(std::move(work));
  co_return result;
}

api::Task<core::Result<void>> StoreGateway::commit(core::LinkUpdate update) {
  auto result = co_await queue_.commit(update);
  co_return result;
}

api::Task<core::Result<void>> StoreGateway::record_act(core::AuditNote note) {
  return record_act(std::move(note), std::nullopt);
}

api::Task<core::Result<void>> StoreGateway::record_act(core::AuditNote note,
                                                       std::optional<store::NoteChange> change) {
  const core::WallTime at = timers_.wall_now();
  auto work = [&](store::Store& store) { return store.record_act(at, note, change); };
  const auto outcome = co_await run(std::move(work));
  if (!outcome) co_return std::unexpected(outcome.error());
  if (*outcome == store::CommitOutcome::conflict)
    co_return core::fail(core::Errc::conflict, "this request was answered before");
  co_return core::Result<void>{};
}

api::Task<core::Result<void>> StoreGateway::put_freeze(core::GateFreeze freeze) {
  auto work = [&freeze](store::Store& store) { return store.put_freeze(freeze); };
  auto result = co_await run(std::move(work));
  co_return result;
}

api::Task<core::Result<std::optional<core::LinkId>>> StoreGateway::next_link(std::string after) {
  auto work = [&after](store::Store& store) { return store.links(after, 1, std::nullopt); };
  const auto listing = co_await run(std::move(work));
  if (!listing) co_return std::unexpected(listing.error());
  if (listing->items.empty()) co_return std::nullopt;
  co_return std::optional(listing->items.front().link_id);
}

api::Task<core::Result<std::optional<std::string>>> StoreGateway::note(std::string name) {
  auto work = [&name](store::Store& store) { return store.note(name); };
  auto result = co_await run(std::move(work));
  co_return result;
}

api::Task<core::Result<void>> StoreGateway::put_note(std::string name, std::string value) {
  auto work = [&](store::Store& store) { return store.put_note(name, value); };
  auto result = co_await run(std::move(work));
  co_return result;
}

api::Task<core::Result<bool>> StoreGateway::put_link_note(core::LinkId link_id, std::string name,
                                                          std::string value) {
  auto work = [&](store::Store& store) { return store.put_link_note(link_id, name, value); };
  auto result = co_await run(std::move(work));
  co_return result;
}

api::Task<core::Result<std::vector<core::HintOutcome>>> StoreGateway::put_hints(
    std::vector<core::Hint> hints) {
  const core::WallTime now = timers_.wall_now();
  auto work = [&](store::Store& store) { return store.put_hints(hints, now, {}); };
  auto result = co_await run(std::move(work));
  co_return result;
}

bool StoreGateway::healthy() const {
  return worker_.store().healthy();
}

api::Task<void> StoreGateway::wait_for_feed(std::uint64_t after, api::SteadyTime deadline) {
  using namespace boost::asio::experimental::awaitable_operators;
  while (feed_head() <= after && timers_.steady_now() < deadline) {
    // Also before the first wait: a task that was told to end earlier is not told again.
    const auto state = co_await boost::asio::this_coro::cancellation_state;
    if (state.cancelled() != boost::asio::cancellation_type::none) co_return;
    auto grown = queue_.feed_growth();
    auto late = timers_.sleep_until(deadline);
    co_await (std::move(grown) || std::move(late));
  }
}

api::Task<void> StoreGateway::wait_for_relink(std::uint64_t seen, api::SteadyTime deadline) {
  using namespace boost::asio::experimental::awaitable_operators;
  while (relink_revision() == seen && timers_.steady_now() < deadline) {
    const auto state = co_await boost::asio::this_coro::cancellation_state;  // as above
    if (state.cancelled() != boost::asio::cancellation_type::none) co_return;
    auto changed = queue_.relink_change();
    auto late = timers_.sleep_until(deadline);
    co_await (std::move(changed) || std::move(late));
  }
}

}  // namespace syncd::engine
