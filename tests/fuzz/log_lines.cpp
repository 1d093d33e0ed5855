#include <algorithm>
#include <string>
#include <vector>

#include "daemon/log.hpp"
#include "tests/fuzz/support/choices.hpp"
#include "tests/fuzz/support/json_tree.hpp"
#include "tests/fuzz/support/target.hpp"

// Log lines of any content. Each is one JSON object on one line, behind its priority where the journal wants
// it; message and members are read back; a level below the chosen one writes nothing; the same warning is
// written once a minute and the next one tells how many were left out; a link's name is twelve hex digits and
// never its id, unless that is wanted.
namespace syncd::fuzz {
namespace {

using daemon::LogLevel;

struct Line {
  LogLevel level = LogLevel::debug;
  std::string text;
};

void check_line(const Line& line, bool prefix, std::string_view message, std::string_view value) {
  std::string_view text = line.text;
  constexpr std::string_view priorities[] = {"<7>", "<6>", "<4>", "<3>"};
  if (prefix) {
    FUZZ_CHECK(text.starts_with(priorities[static_cast<std::size_t>(line.level)]),
               "the priority comes first");
    text.remove_prefix(3);
  }
  const bool one_line =
      std::ranges::none_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
  FUZZ_CHECK_SAYING(one_line, "a line is one line", text);
  static JsonTree tree;
  FUZZ_CHECK_SAYING(tree.read(text) && tree.root().kind == JsonNode::Kind::object, "a line is one object",
                    text);
  const auto member = [&](std::string_view name) {
    const JsonNode* node = tree.member(tree.root(), name);
    FUZZ_CHECK_SAYING(node != nullptr, "a line has its members", name);
    return node->text;
  };
  FUZZ_CHECK(member("level") == daemon::to_string(line.level), "the level is named");
  FUZZ_CHECK(member("event") == "store_failed" && !member("ts").empty(), "event and time are named");
  const std::string_view said = member("msg");
  FUZZ_CHECK(!is_utf8(message) || message.size() > 4096 || said == message, "the message is read back");
  FUZZ_CHECK(!is_utf8(value) || member("error") == value, "a member is read back");
}

}  // namespace

FUZZ_TARGET(log_lines) {
  Choices choices(bytes);
  std::vector<Line> lines;
  core::WallTime now{std::chrono::seconds(1'700'000'000)};
  const bool prefix = choices.flag();
  const auto least = static_cast<LogLevel>(choices.below(4));
  daemon::Log log(
      {.level = least, .journal_prefix = prefix},
      [&](LogLevel level, const std::string& text) { lines.push_back({level, text}); }, [&] { return now; });
  log.links().set_salt(std::string(choices.text(16)));
  const core::LinkId link_id{std::string(choices.text(40))};
  const std::string name = log.links().in_log(link_id);
  FUZZ_CHECK(name.size() == 12 && name.find_first_not_of("0123456789abcdef") == std::string::npos,
             "a link is twelve hex digits");
  const auto level = static_cast<LogLevel>(choices.below(4));
  const std::string value(choices.text(64));
  const std::string message(choices.rest());
  daemon::LogFields fields;
  fields.add("error", std::string_view(value)).add("link", std::string_view(name)).add("pages", bytes.size());
  log.write(level, "store_failed", message, fields);
  FUZZ_CHECK(lines.size() == (level >= least ? 1u : 0u), "a line is written from its level on");
  if (lines.empty()) return;
  check_line(lines[0], prefix, message, value);
  log.write(level, "store_failed", message, fields);
  const bool alarming = level >= LogLevel::warn;
  FUZZ_CHECK(lines.size() == (alarming ? 1u : 2u), "an alarm is not repeated at once");
  now += std::chrono::minutes(1);
  log.write(level, "store_failed", message, fields);
  check_line(lines.back(), prefix, message, value);
  FUZZ_CHECK(!alarming || lines.back().text.find("\"repeated\":1") != std::string::npos,
             "what was left out is told");
}

}  // namespace syncd::fuzz
