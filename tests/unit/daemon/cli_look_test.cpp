#include <tuple>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/cli/json_value.hpp"
#include "daemon/cli/look.hpp"
#include "daemon/cli/render.hpp"
#include "daemon/cli/text.hpp"
#include "daemon/cli/width.hpp"

// How what is printed looks on a terminal.
namespace syncd::test {
namespace {

using cli::ColorChoice;
using cli::Look;
using cli::Tone;
using testing::HasSubstr;
using testing::Not;

constexpr Look colored{.color = true};
// 2025-05-06T16:31:12Z
constexpr core::WallTime now{core::Millis{1'746'549'072'000}};

std::string without_color(const std::string& text) {
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '\x1b') {
      out += text[at];
    } else {
      at = text.find('m', at);
    }
  }
  return out;
}

TEST(CliLook, ColorIsForTerminalsThatWantIt) {
  struct Case {
    ColorChoice choice;
    bool terminal;
    const char* no_color;
    const char* term;
    bool wanted;
  };
  for (const Case& test : {Case{ColorChoice::automatic, true, "", "xterm", true},
                           Case{ColorChoice::automatic, false, "", "xterm", false},
                           Case{ColorChoice::automatic, true, "1", "xterm", false},
                           Case{ColorChoice::automatic, true, "", "dumb", false},
                           Case{ColorChoice::automatic, true, "", "", false},
                           Case{ColorChoice::always, false, "1", "dumb", true},
                           Case{ColorChoice::never, true, "", "xterm", false}}) {
    EXPECT_EQ(cli::wants_color(test.choice, test.terminal, test.no_color, test.term), test.wanted)
        << static_cast<int>(test.choice) << test.terminal << test.no_color << test.term;
  }
}

TEST(CliLook, StatesHaveTheirTones) {
  for (const auto& [word, tone] :
       std::initializer_list<std::pair<const char*, Tone>>{{"active", Tone::good},
                                                           {"backoff", Tone::warning},
                                                           {"relink", Tone::warning},
                                                           {"blocked", Tone::bad},
                                                           {"quarantined", Tone::bad},
                                                           {"gone", Tone::dim},
                                                           {"never heard of", Tone::plain}})
    EXPECT_EQ(cli::tone_of_state(word), tone) << word;
  EXPECT_EQ(cli::painted("x", Tone::good, colored), "\x1b[32mx\x1b[0m");
  EXPECT_EQ(cli::painted("x", Tone::good, {}), "x");
  EXPECT_EQ(cli::painted("x", Tone::plain, colored), "x");
}

TEST(CliLook, CharactersTakeTheirColumns) {
  for (const auto& [text, columns] :
       std::initializer_list<std::pair<const char*, std::size_t>>{{"", 0},
                                                                  {"abc", 3},
                                                                  {"Z\xC3\xBCrich", 6},
                                                                  {"\xE6\x97\xA5\xE6\x9C\xAC", 4},  // 日本
                                                                  {"\xED\x95\x9C", 2},              // 한
                                                                  {"\xF0\x9F\x98\x80", 2},  // an emoji
                                                                  {"\xF0\xA0\x80\x80", 2},  // plane 2
                                                                  {"e\xCC\x81", 1},  // a combining mark
                                                                  {"a\xE2\x80\x8B"
                                                                   "b",
                                                                   2},  // nothing, of no width
                                                                  {"\xEF\xBC\xA1", 2},  // a full width letter
                                                                  {"\xE2\x80\xA6", 1},  // the ellipsis
                                                                  {"\xFF", 1}})
    EXPECT_EQ(cli::columns_of(text), columns) << text;
}

TEST(CliLook, WhatIsCutFitsItsColumns) {
  EXPECT_EQ(cli::printable("\xE6\x97\xA5\xE6\x9C\xAC\xE8\xAA\x9E", 4), "\xE6\x97\xA5\xE2\x80\xA6");
  EXPECT_EQ(cli::printable("\xE6\x97\xA5\xE6\x9C\xAC\xE8\xAA\x9E", 5),
            "\xE6\x97\xA5\xE6\x9C\xAC\xE2\x80\xA6");
  EXPECT_EQ(cli::printable("\xE6\x97\xA5\xE6\x9C\xAC\xE8\xAA\x9E", 6),
            "\xE6\x97\xA5\xE6\x9C\xAC\xE8\xAA\x9E");
  EXPECT_EQ(cli::printable("ab", 1), "\xE2\x80\xA6");
  EXPECT_EQ(cli::printable("e\xCC\x81"
                           "e\xCC\x81",
                           2),
            "e\xCC\x81"
            "e\xCC\x81");
  for (std::size_t width = 1; width < 12; ++width)
    EXPECT_LE(cli::columns_of(cli::printable("a\xE6\x97\xA5"
                                             "b\xF0\x9F\x98\x80"
                                             "cdef",
                                             width)),
              width);
}

cli::Table wide_table() {
  cli::Table table({{"LINK"}, {"NAME", false, 40}, {"REASON", false, 60}, {"AMOUNT", true}});
  table.add({"mk_0123456789", std::string(30, 'n'), std::string(50, 'r'), "1,234.00"});
  table.add({"mk_1", "\xE6\x97\xA5\xE6\x9C\xAC", "x", "1.00"});
  return table;
}

std::size_t widest_line(const std::string& text) {
  std::size_t widest = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find('\n', at);
    widest = std::max(widest, cli::columns_of(text.substr(at, end - at)));
    at = end + 1;
  }
  return widest;
}

TEST(CliLook, ATableIsWholeWhereItIsNoTerminal) {
  const std::string text = wide_table().text();
  EXPECT_THAT(text, HasSubstr(std::string(50, 'r')));
  EXPECT_EQ(widest_line(text), 13U + 2 + 30 + 2 + 50 + 2 + 8);
  cli::Table table({{"REASON", false, 10}});
  table.add({std::string(50, 'r')});
  EXPECT_THAT(table.text(), HasSubstr(std::string(50, 'r')));
  EXPECT_THAT(table.text({.columns = 80}), Not(HasSubstr(std::string(10, 'r'))));
}

TEST(CliLook, ATableFitsTheTerminal) {
  const std::string at_100 = wide_table().text({.columns = 100});
  EXPECT_EQ(widest_line(at_100), 100U);
  EXPECT_THAT(at_100, HasSubstr(std::string(30, 'n'))) << "the widest text is cut first";
  EXPECT_THAT(at_100, HasSubstr("r\xE2\x80\xA6  1,234.00\n"));
  const std::string at_60 = wide_table().text({.columns = 60});
  EXPECT_EQ(widest_line(at_60), 60U);
  EXPECT_THAT(at_60, HasSubstr("mk_0123456789 ")) << "what one copies is whole";
  const std::string at_10 = wide_table().text({.columns = 10});
  EXPECT_THAT(at_10, HasSubstr("mk_0123456789 "));
  EXPECT_THAT(at_10, HasSubstr("1,234.00\n")) << "no number is ever cut";
  EXPECT_EQ(widest_line(at_10), 13U + 2 + 8 + 2 + 8 + 2 + 8) << "no column loses its last letters";
}

TEST(CliLook, ColorChangesNoWordAndNoColumn) {
  const cli::JsonValue link = *cli::parse_json(
      R"({"link_id":"mk_1","status":"quarantined","institution_id":"b","counts":{"accounts":3,)"
      R"("transactions":1},"last_success_at":"2025-05-01T13:31:12.000Z","next_due_at":null})");
  const std::string plain = cli::render_links({link}, now);
  const std::string text = cli::render_links({link}, now, colored);
  EXPECT_EQ(without_color(text), plain);
  EXPECT_THAT(text, HasSubstr("\x1b[1mLINK\x1b[0m"));
  EXPECT_THAT(text, HasSubstr("\x1b[31mquarantined\x1b[0m"));
  EXPECT_THAT(text, HasSubstr("\x1b[33m5d ago\x1b[0m")) << "an old age";
  const cli::JsonValue status = *cli::parse_json(R"({"healthy":false,"budget":[]})");
  EXPECT_THAT(cli::render_status(status, now, colored), HasSubstr("\x1b[31mNOT HEALTHY"));
  EXPECT_EQ(without_color(cli::render_status(status, now, colored)), cli::render_status(status, now));
  const cli::JsonValue entry = *cli::parse_json(
      R"({"link_id":"l","status":"open","held_back":"5-1","opened_at":"2025-04-06T13:31:12Z"})");
  EXPECT_THAT(cli::render_relinks({entry}, now, colored), HasSubstr("\x1b[2mopen (held back)\x1b[0m"));
  EXPECT_THAT(cli::render_relinks({entry}, now, colored), HasSubstr("\x1b[33m30d ago\x1b[0m"));
}

TEST(CliLook, WhatComesFromOutsideCannotColor) {
  const cli::JsonValue link = *cli::parse_json(
      R"({"link_id":"\u001b[31mmk","status":"\u001b[5mactive","institution_id":"\u009b31m"})");
  EXPECT_THAT(cli::render_links({link}, now), Not(HasSubstr("\x1b")));
  EXPECT_THAT(cli::render_links({link}, now, colored), HasSubstr("?[31mmk"));
}

}  // namespace
}  // namespace syncd::test
