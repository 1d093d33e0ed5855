#include "daemon/observer.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace syncd::daemon {

namespace {

constexpr std::size_t named_links_max = 20;  // in one log line

LogFields cycle_fields(const core::CycleReport& report, const std::string& link) {
  LogFields fields;
  fields.add("link", std::string_view(link));
  fields.add("institution", std::string_view(report.institution_id));
  fields.add("cause", core::to_string(report.cause));
  fields.add("outcome", core::outcome_of(report));
  fields.add("pages", report.pages);
  fields.add("created", report.created);
  fields.add("updated", report.updated);
  fields.add("removed", report.removed);
  fields.add("account_changes", report.account_changes);
  fields.add("status", core::to_string(report.status_after));
  fields.add("duration_ms", report.duration.count());
  fields.add("next_due_at", std::string_view(core::format_wall_time(report.next_due_at)));
  if (!report.error) return fields;
  fields.add("error", std::string_view(report.error->message));
  if (report.error->http_status != 0) fields.add("http_status", report.error->http_status);
  if (!report.error->api_code.empty()) fields.add("code", std::string_view(report.error->api_code));
  return fields;
}

}  // namespace

void Observer::on_cycle(const core::CycleReport& report) {
  metrics_.record(report);
  if (recorder_ != nullptr) recorder_->add(report);
  const std::string link = log_.links().in_log(report.link_id);
  log_.info("cycle", report.error ? "cycle failed" : "cycle done", cycle_fields(report, link));
  LogFields fields;
  fields.add("link", std::string_view(link)).add("institution", std::string_view(report.institution_id));
  if (report.relink_opened) log_.info("relink_opened", "the link needs its owner", fields);
  const bool gone = report.status_after == core::LinkStatus::gone;
  if (report.relink_resolved)
    log_.info("relink_resolved", gone ? "the link is gone upstream" : "the link is connected again", fields);
  if (report.status_before == report.status_after) return;
  if (report.status_after == core::LinkStatus::quarantined) {
    log_.warn("link_quarantined",
              "the link's answers broke the protocol repeatedly; see moneykitctl links show", fields);
  } else if (report.status_after == core::LinkStatus::blocked) {
    log_.warn("link_blocked", "upstream forbids us this link; see moneykitctl links show", fields);
  }
}

void Observer::on_auth_incident(bool refused, const core::Error& error) {
  auth_error_ = refused ? error.message : std::string{};
  if (refused) {
    log_.error("auth_refused",
               "upstream refuses our client id and secret; nothing is fetched until it accepts them: correct "
               "upstream.client_id or the secret and restart",
               LogFields{}.add("error", std::string_view(error.message)));
  } else {
    log_.info("auth_accepted", "upstream accepts our credentials again");
  }
}

void Observer::on_discovery(const std::vector<core::LinkId>& only_upstream, std::uint64_t only_upstream_count,
                            const std::vector<core::LinkId>& only_here, std::uint64_t only_here_count) {
  const core::WallTime now = timers_.wall_now();
  metrics_.record_discovery(only_upstream_count, only_here_count, now);
  discovery_ = StatusView::Discovery{now, only_upstream_count, only_here_count};
  const auto names = [this](const std::vector<core::LinkId>& link_ids) {
    std::string text;
    for (std::size_t at = 0; at < std::min(link_ids.size(), named_links_max); ++at) {
      text += (at == 0 ? "" : " ") + log_.links().in_log(link_ids[at]);
    }
    return text;
  };
  LogFields fields;
  fields.add("only_upstream", only_upstream_count).add("only_here", only_here_count);
  if (only_upstream_count == 0 && only_here_count == 0) {
    log_.info("discovery", "upstream lists the same links as the store", fields);
    return;
  }
  fields.add("links_only_upstream", std::string_view(names(only_upstream)));
  fields.add("links_only_here", std::string_view(names(only_here)));
  if (registers_ && only_here_count == 0) {
    log_.info("discovery", "links that only upstream knew will be registered", fields);
  } else {
    log_.warn("discovery", "upstream and the store know different links", fields);
  }
}

void Observer::on_registered() {
  if (!discovery_ || discovery_->only_upstream == 0) return;
  --discovery_->only_upstream;
  metrics_.record_discovery(discovery_->only_upstream, discovery_->only_here, discovery_->at);
}

void Observer::on_entry_moved(const core::RelinkEntry& entry) {
  metrics_.record_act(entry);
}

void Observer::on_discovery_failed(const core::Error& error) {
  metrics_.record_discovery_failure();
  log_.warn(
      "discovery_failed", "the links could not be compared; it is tried again",
      LogFields{}.add("outcome", core::to_string(error.code)).add("error", std::string_view(error.message)));
}

void Observer::on_store_failed(const core::Error& error) {
  log_.error("store_failed", "the store failed; fetching stops",
             LogFields{}.add("error", std::string_view(error.message)));
}

// Counts only: which rows differ is for whoever asks through the admin API.
void Observer::on_verify(const core::VerifyReport& report) {
  metrics_.record(report);
  LogFields fields;
  fields.add("link", std::string_view(log_.links().in_log(report.link_id)));
  fields.add("asked_by", report.by_audit ? "audit" : "operator");
  fields.add("result", core::to_string(report.result));
  fields.add("rows_missing", report.transactions.missing + report.accounts.missing);
  fields.add("rows_extra", report.transactions.extra + report.accounts.extra);
  fields.add("rows_changed", report.transactions.changed + report.accounts.changed);
  fields.add("pages", report.pages).add("duration_ms", report.duration.count());
  switch (report.result) {
    case core::VerifyResult::match:
      log_.info("verify", "the link is as upstream has it", fields);
      return;
    case core::VerifyResult::mismatch:
      log_.warn("verify",
                "the link differs from upstream; see moneykitctl verify --link, then moneykitctl repair",
                fields);
      return;
    case core::VerifyResult::incomplete:
      fields.add("reason", std::string_view(report.reason)).add("error", std::string_view(report.detail));
      log_.info("verify", "the link could not be compared with upstream", fields);
      return;
  }
}

void Observer::on_purged(const core::LinkId& link_id, bool by_retention, const core::Counts& counts) {
  metrics_.record_purge(by_retention);
  LogFields fields;
  fields.add("link", std::string_view(log_.links().in_log(link_id))).add("by_retention", by_retention);
  fields.add("accounts", counts.accounts).add("transactions", counts.transactions);
  log_.info("link_purged", "everything that was stored of the link was taken away", fields);
}

void Observer::on_refresh(const core::LinkId& link_id, core::RefreshProduct product,
                          core::RefreshStage stage) {
  metrics_.record_refresh(product, stage);
  LogFields fields;
  fields.add("link", std::string_view(log_.links().in_log(link_id)));
  fields.add("product", core::to_string(product)).add("stage", core::to_string(stage));
  log_.info("refresh", "a refresh that somebody asked for", fields);
}

void Observer::on_incident(const core::IncidentEvent& event) {
  const core::IncidentView& incident = event.incident;
  const bool of_institution = incident.scope == core::IncidentScope::institution;
  LogFields fields;
  fields.add("incident", std::string_view(incident.id)).add("scope", core::to_string(incident.scope));
  if (of_institution) fields.add("institution", std::string_view(incident.name));
  fields.add("provider", std::string_view(incident.provider));
  fields.add("links_failing", incident.links_failing).add("links_total", incident.links_total);
  fields.add("held_back", incident.held_back);
  switch (event.change) {
    case core::IncidentChange::opened:
      metrics_.record_incident_opened(incident.scope);
      [[fallthrough]];
    case core::IncidentChange::restored:
      fields.add("restored", event.change == core::IncidentChange::restored);
      log_.warn("incident_opened",
                of_institution ? "links of this institution fail together; see moneykitctl incidents"
                               : "links of this provider fail together; see moneykitctl incidents",
                fields);
      return;
    case core::IncidentChange::ramp:
      log_.info("incident_ramps", "it answers again: what waited is visited", fields);
      return;
    case core::IncidentChange::relapsed:
      log_.warn("incident_relapsed", "what was visited fails again: the incident goes on", fields);
      return;
    case core::IncidentChange::closed:
      log_.info("incident_closed", "the incident is over", fields.add("how", event.how));
      return;
  }
}

}  // namespace syncd::daemon
