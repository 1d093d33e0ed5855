#include "daemon/cli/webhook_commands.hpp"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <vector>

#include <fmt/format.h>

#include "daemon/cli/confirm.hpp"
#include "daemon/cli/long_work.hpp"
#include "daemon/cli/output.hpp"
#include "daemon/cli/progress.hpp"
#include "daemon/cli/render.hpp"
#include "daemon/cli/text.hpp"
#include "daemon/exit_codes.hpp"
#include "daemon/json_writer.hpp"

namespace syncd::cli {

namespace {

constexpr std::size_t looked_at_once = 1000;
// Of upstream's calls a minute so many take about two seconds.
constexpr std::size_t fixed_at_once = 20;
constexpr std::size_t faults_told_max = 20;

// What the audit has found.
struct Audit {
  std::string webhook;  // the configured one
  std::uint64_t looked_at = 0;
  std::vector<JsonValue> wrong;    // without it, or with another one
  std::vector<JsonValue> unknown;  // not seen yet
};

std::uint64_t count_at(const JsonValue& value, std::string_view path) {
  const std::string text = value.at(path, "0");
  std::uint64_t count = 0;
  std::from_chars(text.data(), text.data() + text.size(), count);
  return count;
}

CliResult<Audit> run_audit(const Session& session) {
  ProgressLine progress("links");
  PatientClient client(session.client, [&] { progress.clear(); });
  Audit audit;
  std::string after;
  do {
    std::string target = fmt::format("/v1/webhooks/audit?limit={}", looked_at_once);
    if (!after.empty()) target += "&after=" + percent_encoded(after);
    const auto page = client.get(target);
    if (!page) return std::unexpected(page.error());
    audit.webhook = page->value.at("webhook");
    audit.looked_at += count_at(page->value, "looked_at");
    if (const JsonValue* items = page->value.find("items")) {
      for (const JsonValue& item : items->items)
        (item.at("finding") == "unknown" ? audit.unknown : audit.wrong).push_back(item);
    }
    after = page->value.at("next", "");
    progress.show(audit.looked_at, audit.looked_at, std::nullopt);
  } while (!after.empty());
  return audit;
}

std::string render_wrong(const std::vector<JsonValue>& wrong, const Look& look) {
  Table table({{"LINK"}, {"STATUS"}, {"FINDING"}, {"WEBHOOK", false, 60}});
  for (const JsonValue& item : wrong) {
    table.add({item.at("link_id"), Cell(item.at("status"), tone_of_state(item.at("status"))),
               item.at("finding"), item.at("webhook")});
  }
  return table.text(look) + '\n';
}

std::string summary_of(const Audit& audit) {
  const auto missing = std::ranges::count_if(
      audit.wrong, [](const JsonValue& item) { return item.at("finding") == "missing"; });
  const auto others = audit.wrong.size() - static_cast<std::size_t>(missing);
  std::string text = plural(audit.looked_at, "link", "links");
  text += fmt::format(" looked at: {} without a webhook, {} with another one", missing, others);
  if (!audit.unknown.empty()) text += fmt::format(", {} not visited yet", audit.unknown.size());
  return text + '\n';
}

// `fixed` and so on of all batches, and what was refused.
struct Fixed {
  std::uint64_t fixed = 0;
  std::uint64_t right = 0;
  std::vector<JsonValue> refused;
};

std::string body_of(const std::vector<JsonValue>& links, std::size_t from, std::size_t to) {
  daemon::JsonWriter writer;
  writer.begin_object().key("link_ids").begin_array();
  for (std::size_t at = from; at < to; ++at)
    writer.string(links[at].at("link_id"));
  writer.end_array().end_object();
  return writer.take();
}

CliResult<Fixed> run_fix(const Session& session, const Audit& audit) {
  ProgressLine progress("links");
  PatientClient client(session.client, [&] { progress.clear(); });
  Fixed all;
  for (std::size_t at = 0; at < audit.wrong.size(); at += fixed_at_once) {
    progress.show(at, at, audit.wrong.size());
    const std::size_t end = std::min(at + fixed_at_once, audit.wrong.size());
    const auto answer = client.post("/v1/webhooks/fix", body_of(audit.wrong, at, end));
    if (!answer) {
      CliError error = answer.error();
      error.message += fmt::format("; {} of {} links are done. Run it again: it goes on where it stopped", at,
                                   audit.wrong.size());
      return std::unexpected(std::move(error));
    }
    all.fixed += count_at(answer->value, "counts.fixed");
    all.right += count_at(answer->value, "counts.right");
    if (const JsonValue* items = answer->value.find("items")) {
      for (const JsonValue& item : items->items)
        if (item.at("result") == "refused") all.refused.push_back(item);
    }
  }
  return all;
}

void tell_refused(const std::vector<JsonValue>& refused) {
  for (std::size_t at = 0; at < std::min(refused.size(), faults_told_max); ++at) {
    fmt::print(stderr, "{}: {}\n", printable(refused[at].at("link_id")),
               printable(refused[at].at("message")));
  }
  if (refused.size() > faults_told_max)
    fmt::print(stderr, "and {} more that were refused; --json names them all\n",
               refused.size() - faults_told_max);
}

std::string fixed_json(const Audit& audit, const Fixed& all, bool dry_run) {
  daemon::JsonWriter writer;
  writer.begin_object().member("dry_run", dry_run).member("looked_at", audit.looked_at);
  writer.member("wrong", static_cast<std::uint64_t>(audit.wrong.size()));
  writer.member("fixed", all.fixed).member("right", all.right).key("refused").begin_array();
  for (const JsonValue& item : all.refused) {
    writer.begin_object().member("link_id", std::string_view(item.at("link_id")));
    writer.member("code", std::string_view(item.at("code")));
    writer.member("message", std::string_view(item.at("message"))).end_object();
  }
  writer.end_array().end_object();
  return writer.take();
}

}  // namespace

CliResult<int> audit_webhooks(const Session& session) {
  const auto audit = run_audit(session);
  if (!audit) return std::unexpected(audit.error());
  const int code = audit->wrong.empty() ? daemon::exit_ok : daemon::exit_failure;
  if (session.json) {
    std::vector<JsonValue> items = audit->wrong;
    items.insert(items.end(), audit->unknown.begin(), audit->unknown.end());
    print_items(items);
    return code;
  }
  if (!audit->wrong.empty()) print(render_wrong(audit->wrong, session.look));
  print(summary_of(*audit));
  if (!audit->wrong.empty()) print("moneykitctl webhooks fix gives them the configured one\n");
  return code;
}

CliResult<int> fix_webhooks(const Session& session) {
  const auto audit = run_audit(session);
  if (!audit) return std::unexpected(audit.error());
  if (session.dry_run || audit->wrong.empty()) {
    if (session.json) return print_json(fixed_json(*audit, {}, session.dry_run));
    print(summary_of(*audit));
    if (session.dry_run && !audit->wrong.empty())
      print(fmt::format("would give {} the configured webhook; nothing was changed\n",
                        plural(audit->wrong.size(), "link", "links")));
    return daemon::exit_ok;
  }
  const std::string consequence =
      fmt::format("{} get the configured webhook at MoneyKit, whatever webhook they have",
                  plural(audit->wrong.size(), "link", "links"));
  if (const auto ended = confirm(session, consequence)) return *ended;
  const auto all = run_fix(session, *audit);
  if (!all) return std::unexpected(all.error());
  tell_refused(all->refused);
  if (session.json) {
    print_json(fixed_json(*audit, *all, false));
  } else {
    print(fmt::format("{} have the configured webhook now, {} had it already, {} were refused\n",
                      plural(all->fixed, "link", "links"), all->right, all->refused.size()));
  }
  return all->refused.empty() ? daemon::exit_ok : daemon::exit_failure;
}

}  // namespace syncd::cli
