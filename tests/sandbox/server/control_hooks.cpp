#include "tests/sandbox/server/control_hooks.hpp"

#include <algorithm>

#include <boost/json.hpp>

#include "tests/sandbox/model/errors.hpp"
#include "tests/sandbox/server/control_body.hpp"

namespace syncd::sandbox {
namespace {

constexpr std::size_t listed_max = 10'000;
constexpr std::int64_t hooks_at_once_max = 100'000;
constexpr std::int64_t milliseconds_max = 86'400'000;

std::string unix_ms(TimePoint at) {
  return std::to_string(at.time_since_epoch().count());
}

std::string hook_json(const HookRecord& hook) {
  std::string out = "{\"number\":" + std::to_string(hook.number);
  out.append(",\"link_id\":").append(json_string(hook.link_id));
  out.append(",\"event\":\"").append(hook_event_name(hook.event)).append("\"");
  out.append(",\"key\":").append(json_string(hook.key));
  out.append(",\"at\":\"").append(timestamp(hook.at)).append("\",\"at_unix_ms\":").append(unix_ms(hook.at));
  out.append(",\"url\":").append(json_string(hook.url));
  out.append(",\"fault\":").append(json_string(hook.fault));
  out.append(",\"outcome\":\"").append(hook_outcome_name(hook.outcome)).append("\"");
  out.append(",\"problem\":").append(json_string(hook.problem)).append(",\"attempts\":[");
  for (const HookAttempt& attempt : hook.attempts) {
    out.append(out.ends_with('[') ? "{" : ",{").append("\"at_unix_ms\":").append(unix_ms(attempt.at));
    out.append(",\"status\":").append(std::to_string(attempt.status)).append("}");
  }
  return out.append("]}");
}

std::string counts_json(const HookCounts& counts) {
  return "{\"waiting\":" + std::to_string(counts.waiting) +
         ",\"delivered\":" + std::to_string(counts.delivered) +
         ",\"given_up\":" + std::to_string(counts.given_up) + ",\"lost\":" + std::to_string(counts.lost) +
         ",\"attempts\":" + std::to_string(counts.attempts) + "}";
}

std::string options_json(const HookOptions& options) {
  std::string out = "{\"recall_permille\":" + std::to_string(options.recall_permille);
  const auto number = [&](std::string_view name, std::int64_t value) {
    out.append(",\"").append(name).append("\":").append(std::to_string(value));
  };
  number("latency_ms", options.latency_mean.count());
  number("duplicate_permille", options.duplicate_permille);
  number("late_permille", options.late_permille);
  number("late_ms", options.late_max.count());
  number("first_retry_ms", options.first_retry.count());
  number("retry_max_ms", options.retry_max.count());
  number("give_up_after_ms", options.give_up_after.count());
  out.append(",\"renew_signature\":").append(options.renew_signature ? "true" : "false");
  out.append(",\"events\":\"");
  for (std::size_t i = 0; i < hook_event_count; ++i) {
    if (options.events.at(i)) {
      out.append(out.ends_with('"') ? "" : " ").append(hook_event_name(static_cast<HookEvent>(i)));
    }
  }
  return out.append("\"}");
}

/// The events of a list separated by blanks; false when it names one that does not exist.
bool read_events(std::string_view list, HookOptions& options) {
  options.events = {};
  while (!list.empty()) {
    const std::string_view name = list.substr(0, list.find(' '));
    const auto event = hook_event_from_name(name);
    if (!event) {
      return false;
    }
    options.events.at(static_cast<std::size_t>(*event)) = true;
    list.remove_prefix(std::min(name.size() + 1, list.size()));
  }
  return true;
}

}  // namespace

HttpResponse list_hooks(Control& control) {
  const auto after = query_count(control.target, "after", 0);
  const auto limit = query_count(control.target, "limit", 1000);
  if (!after || !limit) {
    return problem(400, "\"after\" and \"limit\" must be whole numbers");
  }
  const HookDesk& desk = control.sandbox.upstream().hooks();
  const std::string* const link_id = control.target.find("link_id");
  std::string out = "{\"counts\":" + counts_json(desk.counts()) + ",\"hooks\":[";
  std::size_t listed = 0;
  for (auto at = desk.records().upper_bound(*after); at != desk.records().end(); ++at) {
    if (link_id != nullptr && at->second.link_id != *link_id) {
      continue;
    }
    if (listed == std::min(*limit, listed_max)) {
      break;
    }
    out.append(listed++ == 0 ? "" : ",").append(hook_json(at->second));
  }
  return json_response(200, out.append("]}"));
}

HttpResponse show_hook(Control& control) {
  const auto& records = control.sandbox.upstream().hooks().records();
  const auto found = std::ranges::find_if(
      records, [&](const auto& record) { return std::to_string(record.first) == control.name; });
  if (found == records.end()) {
    return problem(404, "no such hook is kept");
  }
  std::string out = hook_json(found->second);
  out.pop_back();
  out.append(",\"token\":").append(json_string(found->second.token));
  out.append(",\"signature\":").append(json_string(found->second.signature));
  return json_response(200, out.append(",\"body\":").append(json_string(found->second.body)).append("}"));
}

HttpResponse send_hooks(Control& control) {
  const auto event = hook_event_from_name(text_of(control.body, "event", "transactions.updates_available"));
  if (!event) {
    return problem(400, "\"event\" names no event; for instance transactions.updates_available");
  }
  RangeReader ranges(control.body);
  const auto count = ranges.integer("count", 1, 1, hooks_at_once_max);
  if (!ranges.problem().empty()) {
    return problem(400, ranges.problem());
  }
  const std::string link_id = text_of(control.body, "link_id");
  if (!control.sandbox.upstream().send_hooks(link_id, *event, static_cast<std::uint32_t>(count),
                                             control.sandbox.now())) {
    return problem(404, "\"link_id\" names no link, or the link has no webhook");
  }
  return done(true);
}

HttpResponse forget_hooks(Control& control) {
  control.sandbox.upstream().hooks().forget_finished();
  return done(true);
}

HttpResponse change_hook_options(Control& control) {
  HookDesk& desk = control.sandbox.upstream().hooks();
  HookOptions options = desk.options();
  RangeReader ranges(control.body);
  const auto permille = [&](std::string_view name, std::uint32_t& value) {
    value = static_cast<std::uint32_t>(ranges.integer(name, value, 0, 1000));
  };
  const auto duration = [&](std::string_view name, Milliseconds& value) {
    value = Milliseconds{ranges.integer(name, value.count(), 0, milliseconds_max)};
  };
  permille("recall_permille", options.recall_permille);
  permille("duplicate_permille", options.duplicate_permille);
  permille("late_permille", options.late_permille);
  duration("latency_ms", options.latency_mean);
  duration("late_ms", options.late_max);
  duration("first_retry_ms", options.first_retry);
  duration("retry_max_ms", options.retry_max);
  duration("give_up_after_ms", options.give_up_after);
  options.renew_signature = flag_of(control.body, "renew_signature", options.renew_signature);
  if (!ranges.problem().empty()) {
    return problem(400, ranges.problem());
  }
  if (control.body.contains("events") && !read_events(text_of(control.body, "events"), options)) {
    return problem(400, "\"events\" must name events, separated by blanks");
  }
  desk.set_options(options);
  return json_response(200, options_json(options));
}

HttpResponse rotate_hook_key(Control& control) {
  HookKeys& keys = control.sandbox.upstream().hooks().keys();
  keys.rotate();
  return json_response(200, "{\"kid\":" + json_string(keys.current().kid()) + "}");
}

HttpResponse list_refreshes(Control& control) {
  const auto after = query_count(control.target, "after", 0);
  const auto limit = query_count(control.target, "limit", 1000);
  if (!after || !limit) {
    return problem(400, "\"after\" and \"limit\" must be whole numbers");
  }
  const std::size_t most = std::min(*limit, listed_max);
  std::string out = "{\"refreshes\":[";
  for (const RefreshNote& note : control.sandbox.upstream().refreshes(*after, most, control.sandbox.now())) {
    out.append(out.ends_with('[') ? "{" : ",{").append("\"number\":").append(std::to_string(note.number));
    out.append(",\"link_id\":").append(json_string(note.link_id));
    out.append(",\"at_unix_ms\":").append(unix_ms(note.at));
    out.append(",\"accounts\":").append(note.accounts ? "true" : "false");
    out.append(",\"transactions\":").append(note.transactions ? "true" : "false");
    out.append(",\"rows\":").append(std::to_string(note.rows)).append(",\"created\":");
    out.append(note.created_row.empty() ? "null" : json_string(note.created_row)).append("}");
  }
  return json_response(200, out.append("]}"));
}

HttpResponse set_webhook(Control& control) {
  std::string webhook = text_of(control.body, "webhook");
  std::optional<std::string> wanted;
  if (!webhook.empty()) {
    wanted = std::move(webhook);
  }
  return done(control.sandbox.upstream().set_webhook(control.name, std::move(wanted), control.sandbox.now()));
}

HttpResponse set_refresh_hours(Control& control) {
  RangeReader ranges(control.body);
  const auto from = ranges.integer("from", 0, 0, 23);
  const auto to = ranges.integer("to", 0, 0, 23);
  if (!ranges.problem().empty()) {
    return problem(400, ranges.problem());
  }
  if (!control.sandbox.upstream().set_refresh_hours(control.name, static_cast<std::uint32_t>(from),
                                                    static_cast<std::uint32_t>(to))) {
    return problem(404, "no such institution");
  }
  return done(true);
}

}  // namespace syncd::sandbox
