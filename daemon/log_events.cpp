#include "daemon/log_events.hpp"

#include <fmt/format.h>

namespace syncd::daemon {

namespace {

// `a b` -> "`a`, `b`"
std::string in_code(std::string_view words) {
  std::string text;
  while (!words.empty()) {
    const std::size_t blank = std::min(words.find(' '), words.size());
    text += fmt::format("{}`{}`", text.empty() ? "" : ", ", words.substr(0, blank));
    words.remove_prefix(std::min(blank + 1, words.size()));
  }
  return text;
}

}  // namespace

std::string logs_reference() {
  std::string page = R"(# Logs

<!-- Made from the tables in daemon/log_events.hpp; `UPDATE_GOLDEN=1` with the unit tests writes it anew. -->

One JSON object per line on standard error. Under systemd each line begins with its priority (`<6>`), so that
`journalctl -p warning -u moneykit-syncd` shows what deserves a look, and `journalctl -o cat` the objects alone.

Every line has `ts` (UTC, milliseconds), `level`, `event` and `msg` (for people; do not parse it). A warning or error that is
repeated word for word is written once a minute; the next one carries `repeated`, the number of lines left out.

| level | means |
| --- | --- |
| `error` | somebody should be woken |
| `warn` | it will be tried again, but have a look |
| `info` | the life of the process, and one line for each visit to a link |
| `debug` | steps |

No line holds a secret, an account's name or number, a description, an amount, or (unless `log.link_ids = "plain"`) a
link's id. `moneykitctl links show` prints the name that a link has in the logs.

## Events

| event | level | members | |
| --- | --- | --- | --- |
)";
  for (const LogEvent& event : log_events) {
    page += fmt::format("| `{}` | {} | {} | {} |\n", event.name, in_code(event.levels), in_code(event.fields),
                        event.meaning);
  }
  page += "\n## Members\n\n| member | |\n| --- | --- |\n";
  for (const LogMember& member : log_members) {
    page += fmt::format("| `{}` | {} |\n", member.name, member.meaning);
  }
  return page;
}

}  // namespace syncd::daemon
