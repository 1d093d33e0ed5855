#include "daemon/relink_counter.hpp"

#include <utility>

namespace syncd::daemon {

api::Task<core::Result<store::RelinkCensus>> RelinkCounter::count() {
  // Taken before the walk: an entry that changes meanwhile is a reason to count again.
  const std::uint64_t revision = store_.relink_revision();
  if (counted_ && counted_revision_ == revision) co_return *counted_;
  store::RelinkCensus census;
  while (!census.finished) {
    auto work = [this, &census](store::Store& store) {
      return store.count_relinks(half_ == Half::live, std::move(census));
    };
    auto step = co_await store_.run(std::move(work));
    if (!step) co_return std::unexpected(step.error());
    census = std::move(*step);
  }
  counted_ = census;
  counted_revision_ = revision;
  co_return census;
}

}  // namespace syncd::daemon
