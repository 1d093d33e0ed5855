#include "daemon/cli/help_texts.hpp"

#include <algorithm>
#include <array>
#include <string>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace syncd::cli {

namespace {

constexpr auto all_examples = std::to_array<Example>({
    {"status", "status"},
    {"accounts", "accounts mk_123"},
    {"transactions", "transactions mk_123 --limit 20"},
    {"incidents", "incidents"},
    {"feed tail", "feed tail --follow --json"},
    {"feed link", "feed link mk_123 --limit 50"},
    {"feed consumers ls", "feed consumers ls"},
    {"feed consumers show", "feed consumers show ledger"},
    {"feed consumers add", "feed consumers add ledger --from start"},
    {"feed consumers ack", "feed consumers ack ledger 4711"},
    {"feed consumers reset", "feed consumers reset ledger head --dry-run"},
    {"feed consumers rm", "feed consumers rm ledger --yes"},
    {"links ls", "links ls --state relink"},
    {"links show", "links show mk_123"},
    {"links add", "links add mk_123 --user user_7 --tag vip"},
    {"links sync", "links sync mk_123 --wait 30s"},
    {"links refresh", "links refresh mk_123 --product transactions"},
    {"links pause", "links pause mk_123"},
    {"links resume", "links resume mk_123"},
    {"links purge", "links purge mk_123 --dry-run"},
    {"links import", "links import links.csv --rejects rejects.csv"},
    {"links exchange", "links exchange --user user_7 < token"},
    {"sessions create", "sessions create --user user_7 --product transactions"},
    {"relink ls", "relink ls --assignee token:ann"},
    {"relink show", "relink show mk_123"},
    {"relink claim", "relink claim mk_123 --for token:ann"},
    {"relink release", "relink release mk_123"},
    {"relink note", "relink note mk_123 'called, no answer'"},
    {"relink dismiss", "relink dismiss mk_123 --reason 'the user has left'"},
    {"relink reopen", "relink reopen mk_123"},
    {"relink continuity", "relink continuity mk_123"},
    {"relink session", "relink session mk_123 > token"},
    {"export", "export transactions --link mk_123 --output rows.csv"},
    {"verify", "verify --sample 100"},
    {"repair", "repair mk_123 --dry-run"},
    {"dead-letters ls", "dead-letters ls"},
    {"dead-letters show", "dead-letters show 1795953732554:mk_123"},
    {"dead-letters retry", "dead-letters retry 1795953732554:mk_123"},
    {"dead-letters drop", "dead-letters drop 1795953732554:mk_123 --yes"},
    {"schedule explain", "schedule explain mk_123"},
    {"schedule plan", "schedule plan --links 200000 --webhooks 90"},
    {"webhooks audit", "webhooks audit"},
    {"webhooks fix", "webhooks fix --dry-run"},
    {"audit ls", "audit ls --limit 20"},
    {"audit check", "audit check"},
    {"backup create", "backup create"},
    {"backup ls", "backup ls"},
    {"tokens ls", "tokens ls"},
    {"tokens create", "tokens create ann --role operate --lifetime 30d"},
    {"tokens revoke", "tokens revoke ann"},
    {"completion", "completion bash > /etc/bash_completion.d/moneykitctl"},
    {"manual", "manual > moneykitctl.1"},
});

struct Group {
  std::string_view verb;
  std::string_view group;
};

constexpr auto groups = std::to_array<Group>({
    {"status", "Look"},
    {"incidents", "Look"},
    {"schedule", "Look"},
    {"accounts", "Look"},
    {"transactions", "Look"},
    {"feed", "Look"},
    {"export", "Look"},
    {"links", "Keep links current"},
    {"relink", "Keep links current"},
    {"sessions", "Keep links current"},
    {"verify", "Check and repair"},
    {"repair", "Check and repair"},
    {"dead-letters", "Check and repair"},
    {"webhooks", "Check and repair"},
    {"audit", "Administer"},
    {"backup", "Administer"},
    {"tokens", "Administer"},
    {"completion", "Administer"},
    {"manual", "Administer"},
});

// nullptr: there is no such verb.
CLI::App* find(CLI::App& app, std::string_view path) {
  CLI::App* at = &app;
  while (!path.empty()) {
    const std::string_view word = path.substr(0, path.find(' '));
    const auto named = at->get_subcommands([word](const CLI::App* sub) { return sub->get_name() == word; });
    if (named.empty()) return nullptr;
    at = named.front();
    path.remove_prefix(std::min(word.size() + 1, path.size()));
  }
  return at;
}

}  // namespace

std::span<const Example> examples() {
  return all_examples;
}

void add_help_texts(CLI::App& app) {
  for (const Example& example : all_examples) {
    CLI::App* const verb = find(app, example.path);
    if (verb == nullptr) continue;
    const std::string before = verb->get_footer();
    verb->footer(
        fmt::format("{}{}Example: moneykitctl {}", before, before.empty() ? "" : "\n\n", example.arguments));
  }
  for (const Group& group : groups) {
    CLI::App* const verb = find(app, group.verb);
    if (verb != nullptr) verb->group(std::string(group.group));
  }
  app.footer(
      "moneykitctl VERB --help says more. Exit codes: 0 done, 1 refused or failed, 2 wrong use, 65 verify "
      "was\n"
      "refused, 69 nobody answers, 74 the store or the output failed, 78 the configuration is wrong.");
}

}  // namespace syncd::cli
