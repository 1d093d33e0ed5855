#include "daemon/store_care.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "store/advice.hpp"

namespace syncd::daemon {

namespace {

constexpr std::string_view scrub_note = "scrub";
constexpr core::Millis look_at_space_every{2'000};
constexpr core::Millis look_at_calendar_every{60'000};
// The first minutes after a start belong to the links.
constexpr core::Millis scrub_after_start{10 * 60'000};
// Reading 1 GiB takes about a minute: other work on the disk hardly notices.
constexpr std::uint64_t scrub_bytes_per_ms = 16 << 10;

}  // namespace

SpaceLimits space_limits_of(const Config& config) {
  return {.free_bytes_min = config.store.min_free_mib << 20,
          .free_percent_min = config.store.min_free_percent};
}

// ---- room ------------------------------------------------------------------------------------------------

api::Task<void> StoreCare::watch_space() {
  while (!parts_.stopping) {
    look_at_space();
    const api::SteadyTime next = parts_.timers.steady_now() + look_at_space_every;
    co_await parts_.timers.sleep_until(next);
  }
}

void StoreCare::look_at_space() {
  const auto space = disk_space(parts_.config.store.path);
  if (!space) return;  // the next write says more
  const SpaceLimits limits = space_limits_of(parts_.config);
  const bool low = is_low(*space, limits, low_);
  if (low == low_) return;
  low_ = low;
  parts_.metrics.set_space_low(low);
  const std::string room = describe_space(space->free_bytes, least_free_bytes(*space, limits));
  LogFields fields;
  fields.add("store", std::string_view(parts_.config.store.path)).add("space", std::string_view(room));
  if (low) {
    parts_.log.error(
        "storage_low",
        "the disk of the store is nearly full: nothing is fetched until there is more room; free "
        "some space, or lower store.min_free_mib and store.min_free_percent",
        fields);
  } else {
    parts_.log.info("storage_enough", "the disk of the store has room again; fetching goes on", fields);
  }
  parts_.on_space(low);
}

// ---- scrub -----------------------------------------------------------------------------------------------

api::Task<void> StoreCare::scrub() {
  const bool loaded = co_await load_record();
  if (!loaded) co_return;
  const core::Millis first = std::min(scrub_after_start, parts_.config.store.scrub_interval);
  co_await parts_.timers.sleep_until(parts_.timers.steady_now() + first);
  while (!parts_.stopping) {
    core::Millis pause = look_at_calendar_every;
    if (scrub_due(record_, parts_.config.store.scrub_interval, parts_.timers.wall_now())) {
      begin_walk(record_);
      const auto rest = co_await walk_on();
      if (!rest) co_return;
      pause = *rest;
    }
    pause = std::min(pause, std::max(parts_.config.store.scrub_interval, core::Millis{1'000}));
    const api::SteadyTime next = parts_.timers.steady_now() + pause;
    co_await parts_.timers.sleep_until(next);
  }
}

// False: the store failed, which others report.
api::Task<bool> StoreCare::load_record() {
  auto read = [](store::Store& open) { return open.note(scrub_note); };
  const auto note = co_await parts_.store.run(std::move(read));
  if (!note) co_return false;
  if (*note) record_ = decode_scrub_record(**note);
  parts_.metrics.set_scrub(record_.finished_at, record_.damaged_files);
  co_return true;
}

// One file, and how long to rest before the next. nullopt: the store failed or the process stops.
api::Task<std::optional<core::Millis>> StoreCare::walk_on() {
  auto look = [place = record_.place](store::Store& open) { return open.scrub(place); };
  const auto step = co_await parts_.store.run(std::move(look));
  if (!step || parts_.stopping) co_return std::nullopt;
  report(*step);
  const bool over = take_step(record_, *step, parts_.timers.wall_now());
  if (over) report_walk();
  const bool kept = co_await keep_record();
  if (!kept) co_return std::nullopt;
  if (over || !step->put_off.empty()) co_return look_at_calendar_every;
  co_return core::Millis(static_cast<std::int64_t>(step->bytes / scrub_bytes_per_ms) + 1);
}

api::Task<bool> StoreCare::keep_record() {
  auto keep = [text = encode(record_)](store::Store& open) { return open.put_note(scrub_note, text); };
  const auto kept = co_await parts_.store.run(std::move(keep));
  co_return kept.has_value();
}

void StoreCare::report(const store::ScrubStep& step) {
  if (!step.damage.empty()) {
    parts_.log.error("store_damaged",
                     fmt::format("a file of the store is damaged: rows in it cannot be read; stop the "
                                 "daemon, check the disk and {}; or empty db/, register the links again, and "
                                 "everything is fetched anew",
                                 store::restore_advice),
                     LogFields{}.add("error", std::string_view(step.damage)));
  }
  if (!step.put_off.empty()) {
    parts_.log.warn("store_scrub_put_off",
                    "a file of the store could not be read, which says nothing about what it holds; it is "
                    "tried again",
                    LogFields{}.add("error", std::string_view(step.put_off)));
  }
}

void StoreCare::report_walk() {
  parts_.metrics.set_scrub(record_.finished_at, record_.damaged_files);
  parts_.log.info("store_scrubbed", "every table file of the store was read and compared with its checksums",
                  LogFields{}
                      .add("files", record_.files)
                      .add("bytes", record_.bytes)
                      .add("damaged_files", record_.damaged_files));
}

}  // namespace syncd::daemon
