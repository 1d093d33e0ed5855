#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "daemon/admin/answers.hpp"
#include "daemon/admin/routes.hpp"
#include "daemon/admin/shapes.hpp"

// Why a link is due when it is, and what the budget buys.
namespace syncd::daemon {

namespace {

constexpr double seconds_per_day = 86'400;

void write_number(JsonWriter& writer, std::string_view name, double value) {
  writer.key(name);
  if (std::isfinite(value)) {
    writer.raw(fmt::format("{:.6g}", value));
  } else {
    writer.null();
  }
}

void write_span(JsonWriter& writer, std::string_view name, core::Millis span) {
  writer.member(name, std::chrono::duration_cast<std::chrono::seconds>(span).count());
}

void write_known_span(JsonWriter& writer, std::string_view name, core::Millis span, bool known) {
  if (known) {
    write_span(writer, name, span);
  } else {
    writer.key(name).null();
  }
}

void write_knowledge(JsonWriter& writer, const core::ScheduleExplanation& told) {
  writer.key("changes").begin_object();
  write_number(writer, "per_day", told.changes_per_day);
  write_number(writer, "seen", told.evidence.changes);
  write_number(writer, "days_watched", told.evidence.days);
  write_number(writer, "prior_changes", told.prior.changes);
  write_number(writer, "prior_days", told.prior.days);
  writer.end_object().key("webhook").begin_object().member("present", told.has_webhook);
  write_number(writer, "recall", told.recall);
  write_number(writer, "told", told.evidence.hooked);
  write_number(writer, "missed", told.evidence.missed);
  const bool regular = told.rhythm_knowledge == core::RhythmKnowledge::regular;
  writer.end_object().key("rhythm").begin_object();
  writer.member("knowledge", core::to_string(told.rhythm_knowledge));
  write_known_span(writer, "period_seconds", told.rhythm.period, regular);
  write_known_span(writer, "spread_seconds", told.rhythm.spread, regular);
  write_known_span(writer, "median_gap_seconds", told.rhythm.gap_median,
                   told.rhythm_knowledge != core::RhythmKnowledge::unknown);
  writer.end_object();
  if (told.change_chance > 0) {
    write_number(writer, "change_chance", told.change_chance);
  } else {
    writer.key("change_chance").null();
  }
  write_number(writer, "weight", told.weight);
  write_optional_text(writer, "weight_tag", told.weight_tag);
}

void write_bounds(JsonWriter& writer, const core::ScheduleExplanation& told) {
  // Of a schedule that knows no prices there are none to show.
  writer.key("prices");
  if (told.adaptive) {
    writer.begin_object();
    write_number(writer, "fetch_seconds", seconds_per_day * told.prices.fetch);
    write_number(writer, "peek_seconds", seconds_per_day * told.prices.peek);
    writer.end_object();
  } else {
    writer.null();
  }
  writer.key("bounds").begin_object();
  write_span(writer, "min_interval_seconds", told.min_interval);
  write_span(writer, "max_interval_seconds", told.max_interval);
  write_span(writer, "turn_interval_seconds", told.turn_interval);
  writer.end_object();
}

void write_preview(JsonWriter& writer, const std::optional<core::VisitPlan>& plan) {
  writer.key("if_visited_now");
  if (!plan) {
    writer.null();
    return;
  }
  writer.begin_object();
  write_time(writer, "due_at", plan->due_at);
  writer.member("reason", core::to_string(plan->reason)).member("peek", plan->peek);
  writer.member("refreshes", plan->refreshes).end_object();
}

void write_explanation(JsonWriter& writer, const core::LinkId& link_id,
                       const engine::ExplainedSchedule& explained) {
  const core::ScheduleExplanation& told = explained.stored;
  writer.begin_object().member("link_id", std::string_view(link_id.str()));
  writer.member("status", core::to_string(told.status));
  writer.member("policy", told.adaptive ? "adaptive" : "uniform");
  write_optional_text(writer, "arm", told.adaptive ? core::to_string(told.arm) : std::string_view());
  write_optional_time(writer, "next_due_at", told.next_due_at);
  writer.member("due_by", core::to_string(told.due_by));
  // What the schedule has said is of use only where its time holds.
  const bool scheduled = told.due_by == core::DueBy::policy || told.due_by == core::DueBy::turn;
  write_optional_text(writer, "reason", scheduled ? core::to_string(told.reason) : std::string_view());
  writer.member("peek", told.peek).member("why", std::string_view(told.why));
  writer.member("moment", engine::to_string(explained.moment));
  write_optional_time(writer, "next_try_at", explained.next_try_at);
  write_knowledge(writer, told);
  std::optional<core::WallTime> refreshed;
  if (told.refreshed_at) refreshed = std::chrono::floor<core::Millis>(*told.refreshed_at);
  write_optional_time(writer, "refreshed_at", refreshed);
  write_time(writer, "fetched_at", told.fetched_at);
  write_time(writer, "looked_at", told.looked_at);
  write_bounds(writer, told);
  write_preview(writer, told.if_visited_now);
  writer.end_object();
}

void write_delay(JsonWriter& writer, std::string_view name, const core::ForecastDelay& delay) {
  writer.key(name).begin_object().member("affordable", delay.affordable);
  const auto known = [&](std::string_view member, double value) {
    write_number(writer, member, delay.affordable ? value : std::numeric_limits<double>::quiet_NaN());
  };
  known("mean_seconds", 60 * delay.mean_minutes);
  known("p95_seconds", 60 * delay.p95_minutes);
  known("fetches_per_minute", delay.fetches_per_minute);
  known("peeks_per_minute", delay.peeks_per_minute);
  writer.end_object();
}

void write_model(JsonWriter& writer, const core::FleetModel& model) {
  writer.key("model").begin_object();
  write_number(writer, "known_percent", 100 * model.known_share);
  write_number(writer, "webhook_percent", 100 * model.webhook_share);
  write_number(writer, "webhook_recall", model.webhook_recall);
  writer.key("kinds").begin_array();
  for (const core::LinkKind& kind : model.kinds) {
    writer.begin_object();
    write_number(writer, "share_percent", 100 * kind.share);
    write_number(writer, "changes_per_day", kind.changes_per_day);
    write_known_span(writer, "period_seconds", kind.rhythm.period, kind.rhythm.regular);
    write_known_span(writer, "spread_seconds", kind.rhythm.spread, kind.rhythm.regular);
    writer.end_object();
  }
  writer.end_array().end_object();
}

void write_assumptions(JsonWriter& writer, const core::FleetModel& model) {
  writer.key("assumptions").begin_array();
  writer.string(fmt::format(
      "changes a day differ between the links of an institution: {:.0f} % have none, those of the "
      "others are lognormal with sigma {:.1f}",
      100 * core::assumed_dormant_share, core::assumed_activity_sigma));
  writer.string(fmt::format("a change that a webhook tells is stored {} s after the refresh",
                            core::assumed_webhook_delay.count() / 1000));
  writer.string("all links are healthy, count the same and need one call for a visit");
  if (model.known_share < 0.995)
    writer.string(
        "institutions whose rhythm is not known yet are like those of the fleet that the schedule was "
        "measured "
        "with: 80 % refresh every 4 to 24 hours, the others without a rhythm");
  writer.end_array();
}

}  // namespace

api::Task<HttpResponse> AdminRoutes::explain_schedule(Call call) {
  QueryReader query(call.target);
  if (const std::string refusal = query.finish(); !refusal.empty()) co_return refuse_parameter(refusal);
  const core::LinkId link_id{call.id};
  auto record = co_await view_.link(link_id);
  if (!record) co_return from_error(record.error());
  if (!*record) co_return no_such_link(link_id);
  JsonWriter writer;
  write_explanation(writer, link_id, view_.explain_schedule(**record));
  co_return json(200, writer);
}

api::Task<HttpResponse> AdminRoutes::plan_budget(Call call) {
  constexpr std::uint64_t percent_max = 100;
  constexpr std::uint64_t not_said = percent_max + 1;
  QueryReader query(call.target);
  const auto links = query.number("links", 0, 1, core::forecast_links_max);
  const auto webhooks = query.number("webhooks", not_said, 0, percent_max);
  if (const std::string refusal = query.finish(); !refusal.empty()) co_return refuse_parameter(refusal);
  std::optional<std::uint64_t> wanted_links;
  if (links > 0) wanted_links = links;
  std::optional<std::uint32_t> wanted_webhooks;
  if (webhooks != not_said) wanted_webhooks = static_cast<std::uint32_t>(webhooks);
  const engine::PlannedBudget planned = view_.plan_budget(wanted_links, wanted_webhooks);
  JsonWriter writer;
  writer.begin_object().member("links", planned.links).member("webhook_percent", planned.webhook_percent);
  writer.key("budget").begin_object().member("sync_per_minute", planned.sync_per_minute);
  writer.member("link_per_minute", planned.link_per_minute).end_object();
  const std::string_view in_use = planned.peeks ? "with_peeks" : "without_peeks";
  write_optional_text(writer, "in_use", planned.adaptive ? in_use : std::string_view());
  write_delay(writer, "in_turn", planned.delays.in_turn);
  write_delay(writer, "without_peeks", planned.delays.without_peeks);
  write_delay(writer, "with_peeks", planned.delays.with_peeks);
  write_span(writer, "turn_interval_seconds", planned.delays.turn_interval);
  write_span(writer, "max_interval_seconds", planned.delays.max_interval);
  write_model(writer, planned.model);
  write_assumptions(writer, planned.model);
  writer.end_object();
  co_return json(200, writer);
}

}  // namespace syncd::daemon
