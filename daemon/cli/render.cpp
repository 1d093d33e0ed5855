#include "daemon/cli/render.hpp"

#include <charconv>
#include <map>

#include <fmt/format.h>

#include "daemon/cli/text.hpp"

namespace syncd::cli {

namespace {

std::string uptime_of(const JsonValue& status) {
  std::int64_t seconds = 0;
  const std::string text = status.at("uptime_seconds", "0");
  std::from_chars(text.data(), text.data() + text.size(), seconds);
  return span_of(std::chrono::seconds(seconds));
}

// `17`, or `10,000 or more` where the daemon stopped counting
std::string length_of(const JsonValue& status, const std::string& path) {
  const bool more = status.at(path + ".more") == "true";
  return grouped(status.at(path + ".count")) + (more ? " or more" : "");
}

std::string error_line(const JsonValue& link) {
  const JsonValue* error = link.find("last_error");
  if (error == nullptr || error->kind != JsonValue::Kind::object) return "-";
  const std::string code = error->at("code", "");
  return code.empty() ? error->at("kind") : code;
}

// Every link is visited once a day at least.
constexpr core::Millis success_age_max = std::chrono::days{1};

Cell age_cell(const std::string& timestamp, core::WallTime now, core::Millis limit) {
  return {age_of(timestamp, now), tone_of_age(timestamp, now, limit)};
}

Cell state_cell(const std::string& word) {
  return {word, tone_of_state(word)};
}

}  // namespace

std::string tally(const Items& items, std::string_view member) {
  std::map<std::string, std::size_t> counts;
  for (const JsonValue& item : items)
    ++counts[item.at(member)];
  std::string text;
  for (const auto& [word, count] : counts)
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, printable(word));
  return text;
}

std::string time_and_age(const JsonValue& value, std::string_view path, core::WallTime now) {
  const std::string time = value.at(path);
  return time == "-" ? time : fmt::format("{} ({})", printable(time), age_of(time, now));
}

namespace {

void add_admin_tcp(Sheet& sheet, const JsonValue& status, core::WallTime now) {
  if (status.at("admin_tcp.certificate_expires_at") != "-")
    sheet.add("certificate", "ends " + age_of(status.at("admin_tcp.certificate_expires_at"), now));
  if (status.at("admin_tcp.problem") != "-") {
    const bool open = status.at("admin_tcp.open") == "true";
    sheet.add("admin over TCP",
              (open ? "OLD CERTIFICATE IN USE: " : "SHUT: ") + status.at("admin_tcp.problem"));
  }
}

}  // namespace

namespace {

std::string keys_for_restart(const JsonValue& status) {
  std::string keys;
  if (const JsonValue* pending = status.find("config.pending_restart")) {
    for (const JsonValue& key : pending->items)
      keys += (keys.empty() ? "" : ", ") + key.text;
  }
  return keys;
}

}  // namespace

std::string render_status(const JsonValue& status, core::WallTime now, const Look& look) {
  Sheet sheet(look);
  sheet.add("daemon", fmt::format("moneykit-syncd {}, {}, up {}", status.at("version"),
                                  status.at("environment"), uptime_of(status)));
  const bool healthy = status.at("healthy") == "true";
  const bool ready = status.at("ready") == "true";
  sheet.add("health",
            healthy ? (ready ? "healthy, ready" : "healthy, not ready") : "NOT HEALTHY: see the daemon's log",
            healthy ? (ready ? Tone::good : Tone::warning) : Tone::bad);
  if (status.at("upstream.auth_refused") == "true") {
    sheet.add("upstream", "REFUSES OUR CREDENTIALS: " + status.at("upstream.auth_error"), Tone::bad);
  }
  std::string links = grouped(status.at("links.total"));
  if (const JsonValue* by_status = status.find("links.by_status")) {
    for (const auto& [name, count] : by_status->members) {
      if (count.text != "0") links += fmt::format(", {} {}", grouped(count.text), name);
    }
  }
  sheet.add("links", links);
  sheet.add("schedule",
            fmt::format("{} due, {} being synced, next {}", grouped(status.at("links.due")),
                        grouped(status.at("links.in_flight")), age_of(status.at("links.next_due_at"), now)));
  sheet.add("oldest success", time_and_age(status, "links.oldest_success_at", now));
  sheet.add("feed", fmt::format("epoch {}, head {}, shown up to {}", status.at("feed.epoch"),
                                grouped(status.at("feed.head")), grouped(status.at("feed.published"))));
  sheet.add("queues",
            fmt::format("{} relink entries open, {} dead letters", length_of(status, "queues.relink_open"),
                        length_of(status, "queues.dead_letters")));
  const JsonValue* incidents = status.find("incidents");
  if (incidents != nullptr && !incidents->items.empty()) {
    sheet.add("incidents",
              plural(incidents->items.size(), "institution or provider is", "institutions or providers are") +
                  " down: see moneykitctl incidents",
              Tone::warning);
  }
  sheet.add(
      "store",
      fmt::format("{} on disk, {} free, {} commits since start", bytes_of(status.at("store.disk_bytes")),
                  bytes_of(status.at("store.disk_free_bytes")), grouped(status.at("store.commits"))));
  if (status.at("store.space_low") == "true")
    sheet.add("disk", "NEARLY FULL: nothing is fetched until there is more room", Tone::bad);
  if (status.at("store.damaged_files", "0") != "0")
    sheet.add("damage", status.at("store.damaged_files") + " FILES: see the daemon's log for what to do",
              Tone::bad);
  sheet.add("connections",
            fmt::format("{} open, {} idle, {} waiting", status.at("upstream.connections.open"),
                        status.at("upstream.connections.idle"), status.at("upstream.connections.waiting")));
  if (status.at("upstream.discovery.at") != "-") {
    sheet.add("discovery", fmt::format("{}: {} links only upstream, {} only here",
                                       age_of(status.at("upstream.discovery.at"), now),
                                       grouped(status.at("upstream.discovery.only_upstream")),
                                       grouped(status.at("upstream.discovery.only_here"))));
  }
  add_admin_tcp(sheet, status, now);
  if (status.at("config.last_reload_ok") == "false")
    sheet.add("configuration", "LAST RELOAD FAILED: see the daemon's log", Tone::bad);
  if (const std::string keys = keys_for_restart(status); !keys.empty())
    sheet.add("restart", "needed for new values of " + keys, Tone::warning);
  Table budget({{"BUDGET A MINUTE"}, {"USED", true}, {"LIMIT", true}, {"WAITING", true}, {"FROZEN"}});
  if (const JsonValue* rows = status.find("budget")) {
    for (const JsonValue& row : rows->items) {
      budget.add({row.at("endpoint"), grouped(row.at("used")), grouped(row.at("limit")),
                  grouped(row.at("waiting")), age_of(row.at("frozen_until"), now)});
    }
  }
  return sheet.take() + "\n" + budget.text(look);
}

std::string render_links(const Items& links, core::WallTime now, const Look& look) {
  Table table({{"LINK"},
               {"STATUS"},
               {"INSTITUTION", false, 24},
               {"ACCOUNTS", true},
               {"TRANSACTIONS", true},
               {"LAST SUCCESS"},
               {"NEXT DUE"},
               {"LAST ERROR", false, 32}});
  for (const JsonValue& link : links) {
    table.add({link.at("link_id"), state_cell(link.at("status")), link.at("institution_id"),
               grouped(link.at("counts.accounts")), grouped(link.at("counts.transactions")),
               age_cell(link.at("last_success_at"), now, success_age_max),
               age_of(link.at("next_due_at"), now), error_line(link)});
  }
  if (links.empty()) return "no links\n";
  return table.text(look) +
         fmt::format("\n{}: {}\n", plural(links.size(), "link", "links"), tally(links, "status"));
}

std::string render_link(const JsonValue& link, core::WallTime now, const Look& look) {
  Sheet sheet(look);
  sheet.add("link", link.at("link_id"));
  sheet.add("name in logs", link.at("link_ref"));
  sheet.add("status", link.at("status"), tone_of_state(link.at("status")));
  sheet.add("institution", link.at("institution_id"));
  sheet.add("provider", link.at("provider"));
  sheet.add("upstream state",
            link.at("upstream_error_code") == "-"
                ? link.at("upstream_state")
                : fmt::format("{} ({})", link.at("upstream_state"), link.at("upstream_error_code")));
  sheet.add("customer user", link.at("customer_user_id"));
  std::string tags;
  if (const JsonValue* list = link.find("tags")) {
    for (const JsonValue& tag : list->items)
      tags += (tags.empty() ? "" : ", ") + tag.text;
  }
  sheet.add("tags", tags.empty() ? "-" : tags);
  sheet.add("accounts", grouped(link.at("counts.accounts")));
  sheet.add("transactions", fmt::format("{}, {} of them pending", grouped(link.at("counts.transactions")),
                                        grouped(link.at("counts.pending"))));
  sheet.add("cursor", link.at("cursor_set") == "true" ? "set" : "not set");
  sheet.add("added", time_and_age(link, "added_at", now));
  sheet.add("last attempt", time_and_age(link, "last_attempt_at", now));
  sheet.add("last success", time_and_age(link, "last_success_at", now),
            tone_of_age(link.at("last_success_at"), now, success_age_max));
  sheet.add("next due", time_and_age(link, "next_due_at", now));
  sheet.add("failures", link.at("failures") + " in a row");
  const JsonValue* error = link.find("last_error");
  if (error != nullptr && error->kind == JsonValue::Kind::object) {
    sheet.add("last error", fmt::format("{}: {}", error->at("kind"), error->at("message")));
    sheet.add("", fmt::format("code {}, HTTP {}, {}", error->at("code"), error->at("http_status"),
                              age_of(error->at("at"), now)));
  }
  return sheet.take();
}

std::string render_cycle(const JsonValue& report, core::WallTime now, const Look& look) {
  Sheet sheet(look);
  sheet.add("link", report.at("link_id"));
  sheet.add("outcome",
            report.at("error") == "-" ? report.at("outcome")
                                      : fmt::format("{}: {}", report.at("outcome"), report.at("error")),
            tone_of_state(report.at("outcome")));
  sheet.add("status", report.at("status"), tone_of_state(report.at("status")));
  sheet.add("transactions", fmt::format("{} created, {} updated, {} removed in {} pages",
                                        grouped(report.at("created")), grouped(report.at("updated")),
                                        grouped(report.at("removed")), grouped(report.at("pages"))));
  sheet.add("account changes", grouped(report.at("account_changes")));
  sheet.add("took", grouped(report.at("duration_ms")) + " ms");
  sheet.add("next due", time_and_age(report, "next_due_at", now));
  return sheet.take();
}

std::string render_accounts(const Items& accounts, core::WallTime now, const Look& look) {
  if (accounts.empty()) return "no accounts\n";
  Table table({{"ACCOUNT"},
               {"NAME", false, 28},
               {"TYPE"},
               {"CURRENCY"},
               {"CURRENT", true},
               {"AVAILABLE", true},
               {"GONE"}});
  for (const JsonValue& account : accounts) {
    table.add({account.at("account_id"), account.at("data.name"), account.at("data.account_type"),
               account.at("data.balances.currency"), account.at("data.balances.current"),
               account.at("data.balances.available"), age_of(account.at("gone_since"), now)});
  }
  return table.text(look) + fmt::format("\n{}\n", plural(accounts.size(), "account", "accounts"));
}

std::string render_transactions(const Items& transactions, const Look& look) {
  if (transactions.empty()) return "no transactions\n";
  Table table({{"DATE"},
               {"AMOUNT", true},
               {"CURRENCY"},
               {"DIRECTION"},
               {"STATE"},
               {"DESCRIPTION", false, 40},
               {"ACCOUNT"},
               {"TRANSACTION"}});
  std::size_t pending = 0;
  for (const JsonValue& row : transactions) {
    const bool is_pending = row.at("pending") == "true";
    if (is_pending) ++pending;
    table.add({row.at("data.date").substr(0, 10), row.at("data.amount"), row.at("data.currency"),
               row.at("data.type"), is_pending ? "pending" : "posted", row.at("data.description"),
               row.at("account_id"), row.at("transaction_id")});
  }
  return table.text(look) + fmt::format("\n{}, {} of them pending\n",
                                        plural(transactions.size(), "transaction", "transactions"), pending);
}

std::string render_tokens(const Items& tokens, core::WallTime now, const Look& look) {
  if (tokens.empty()) return "no tokens\n";
  Table table(
      {{"TOKEN"}, {"ROLE"}, {"STATE"}, {"CREATED"}, {"CREATED BY", false, 32}, {"EXPIRES"}, {"REVOKED"}});
  for (const JsonValue& token : tokens) {
    table.add({token.at("name"), token.at("role"), state_cell(token.at("state")),
               age_of(token.at("created_at"), now), token.at("created_by"),
               age_of(token.at("expires_at"), now), age_of(token.at("revoked_at"), now)});
  }
  return table.text(look) +
         fmt::format("\n{}: {}\n", plural(tokens.size(), "token", "tokens"), tally(tokens, "state"));
}

std::string render_consumers(const Items& consumers, core::WallTime now, const Look& look) {
  if (consumers.empty()) return "no consumers\n";
  Table table({{"CONSUMER"},
               {"STATE"},
               {"ACKNOWLEDGED", true},
               {"LAG", true},
               {"OLDEST UNREAD"},
               {"ACKNOWLEDGED AT"},
               {"LAST READ"}});
  for (const JsonValue& consumer : consumers) {
    table.add({consumer.at("name"), state_cell(consumer.at("state")), consumer.at("acknowledged"),
               consumer.at("lag"), age_of(consumer.at("oldest_unread_at"), now),
               age_of(consumer.at("acknowledged_at"), now), age_of(consumer.at("last_read_at"), now)});
  }
  return table.text(look) + fmt::format("\n{}: {}\n", plural(consumers.size(), "consumer", "consumers"),
                                        tally(consumers, "state"));
}

// What is about a link itself shows where it stands now, anything else its own id.
std::string render_feed_entry(const JsonValue& entry) {
  const bool of_link = entry.at("id") == entry.at("link_id");
  const std::string what = of_link ? entry.at("after.status", "") : entry.at("id");
  const std::string_view gap = what.empty() ? "" : "  ";
  return fmt::format("{:>10}  {}  {:<20}  {}{}{}\n", entry.at("seq"), printable(entry.at("at")),
                     printable(entry.at("kind")), printable(entry.at("link_id")), gap, printable(what));
}

}  // namespace syncd::cli
