#include "daemon/feed_care.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include <boost/asio/experimental/awaitable_operators.hpp>

namespace syncd::daemon {

namespace {

constexpr std::string_view clock_note = "feed-clock";
constexpr core::Millis period_max{24 * 3'600'000};
// Twenty looks in each period, so that a time that did not hold is seen.
constexpr int looks_per_period = 20;
constexpr core::Millis look_pause_min{100};
constexpr core::Millis look_pause_max{10 * 60'000};
// Between two cuts of a long front: other work on the store goes in between.
constexpr core::Millis cut_pause{50};

}  // namespace

core::Millis clock_period(core::Millis keep) {
  return std::clamp(keep / 10, core::Millis{1}, period_max);
}

api::Task<void> FeedCare::run() {
  const bool loaded = co_await load_clock();
  if (!loaded) co_return;
  while (!parts_.stopping) {
    const bool looked = co_await look();
    if (!looked) co_return;
    const core::Millis often = clock_period(parts_.config.feed.keep) / looks_per_period;
    co_await rest(std::clamp(often, look_pause_min, look_pause_max));
  }
}

api::Task<void> FeedCare::rest(core::Millis pause) {
  using namespace boost::asio::experimental::awaitable_operators;
  const auto state = co_await boost::asio::this_coro::cancellation_state;
  if (state.cancelled() != boost::asio::cancellation_type::none) co_return;
  auto changed = settings_changed_.wait();
  auto over = parts_.timers.sleep_until(parts_.timers.steady_now() + pause);
  co_await (std::move(changed) || std::move(over));
}

// False: the store failed, which others report.
api::Task<bool> FeedCare::load_clock() {
  auto read = [](store::Store& open) { return open.note(clock_note); };
  const auto note = co_await parts_.store.run(std::move(read));
  if (!note) co_return false;
  if (*note) clock_ = HeldClock::decode(**note).value_or(HeldClock());
  co_return true;
}

// False: the store failed.
api::Task<bool> FeedCare::look() {
  if (parts_.config.feed.keep == core::Millis{0}) co_return true;
  const api::SteadyTime now = parts_.timers.steady_now();
  const auto ran = looked_at_ ? std::chrono::duration_cast<core::Millis>(now - *looked_at_) : core::Millis{0};
  looked_at_ = now;
  clock_.look(parts_.timers.wall_now(), ran, clock_period(parts_.config.feed.keep));
  auto keep = [text = clock_.encode()](store::Store& open) { return open.put_note(clock_note, text); };
  const auto kept = co_await parts_.store.run(std::move(keep));
  if (!kept) co_return false;
  const auto held = clock_.held();
  if (!held) co_return true;
  const bool done = co_await cut(*held);
  co_return done;
}

api::Task<bool> FeedCare::cut(core::WallTime held) {
  while (!parts_.stopping) {
    const core::Millis keep = parts_.config.feed.keep;
    if (keep == core::Millis{0}) co_return true;
    const store::FeedCutLimits limits{.before = held - keep,
                                      .hard_before = held - std::max(keep, parts_.config.feed.keep_max)};
    auto work = [limits](store::Store& open) { return open.cut_feed(limits); };
    const auto done = co_await parts_.store.run(std::move(work));
    if (!done) co_return false;
    report(*done);
    if (done->finished) co_return true;
    co_await parts_.timers.sleep_until(parts_.timers.steady_now() + cut_pause);
  }
  co_return true;
}

void FeedCare::report(const store::FeedCut& cut) {
  for (const std::string& consumer : cut.overtaken) {
    parts_.log.warn("feed_consumer_overtaken",
                    "a consumer of the feed has not acknowledged changes for longer than feed.keep_max and "
                    "they are cut off: it must read the rows anew; remove it if nobody uses it",
                    LogFields{}.add("consumer", std::string_view(consumer)).add("first", cut.feed.first));
  }
  parts_.metrics.record_feed_cut(cut.entries, cut.overtaken.size());
  if (cut.blocks == 0) return;
  parts_.log.info("feed_cut", "the oldest changes of the feed were cut off",
                  LogFields{}.add("records", cut.entries).add("first", cut.feed.first));
}

}  // namespace syncd::daemon
