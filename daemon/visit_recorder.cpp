#include "daemon/visit_recorder.hpp"

#include <chrono>
#include <optional>
#include <utility>

#include "daemon/visit_file.hpp"
#include "daemon/visit_line.hpp"

namespace syncd::daemon {

namespace {

constexpr core::Millis written_every{1'000};

}  // namespace

void VisitRecorder::add(const core::CycleReport& report) {
  if (parts_.config.schedule.record_mib == 0 || !report.refreshed_at) return;
  if (waiting_.size() + visit_line_bytes_max > visits_waiting_bytes_max) {
    parts_.metrics.record_visit_records(1, false);
    return;
  }
  waiting_ += format_visit(
      {.at = parts_.timers.wall_now(),
       .link = visit_link_name(parts_.salt, report.link_id),
       .institution = visit_institution_name(parts_.salt, report.institution_id, report.provider),
       .refreshed_at = std::chrono::floor<core::Millis>(*report.refreshed_at),
       // Of a link with accounts only there are no pages.
       .fetched = report.pages > 0 || !report.peeked,
       .changed = core::brought_change(report),
       .cause = report.cause});
  ++lines_;
}

api::Task<void> VisitRecorder::run() {
  while (true) {
    const api::SteadyTime next = parts_.timers.steady_now() + written_every;
    co_await parts_.timers.sleep_until(next);
    const auto state = co_await boost::asio::this_coro::cancellation_state;
    if (state.cancelled() != boost::asio::cancellation_type::none) co_return;
    co_await write();
  }
}

api::Task<void> VisitRecorder::write() {
  if (waiting_.empty()) co_return;
  std::string text = std::exchange(waiting_, {});
  const std::uint64_t lines = std::exchange(lines_, 0);
  const std::uint64_t bytes_max = parts_.config.schedule.record_mib << 20;
  if (bytes_max == 0) co_return;  // it was turned off meanwhile
  auto work = [directory = parts_.config.store.path, text = std::move(text), bytes_max](store::Store&) {
    return append_visits(directory, text, bytes_max / 2);
  };
  const AppendedVisits appended = co_await parts_.store.run(std::move(work));
  tell(appended.lines, lines - appended.lines, appended.error);
}

void VisitRecorder::tell(std::uint64_t written, std::uint64_t lost, const std::optional<core::Error>& error) {
  if (written > 0) parts_.metrics.record_visit_records(written, true);
  if (lost > 0) parts_.metrics.record_visit_records(lost, false);
  const bool failed_before = std::exchange(failing_, error.has_value());
  if (error && !failed_before) {
    parts_.log.warn("visits_not_recorded",
                    "the trace of visits cannot be written; visits go on, and what they found is lost for it",
                    LogFields{}.add("error", std::string_view(error->message)));
  } else if (!error && failed_before) {
    parts_.log.info("visits_recorded", "the trace of visits is written again");
  }
}

}  // namespace syncd::daemon
