#include <algorithm>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "daemon/cli/import_commands.hpp"
#include "daemon/cli/import_source.hpp"
#include "daemon/cli/progress.hpp"
#include "daemon/exit_codes.hpp"
#include "tests/unit/daemon/scripted_daemon.hpp"

// Files of link ids, and what becomes of them.
namespace syncd::test {
namespace {

using cli::ImportFormat;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::StartsWith;

// A file that gives `piece` bytes at a time.
cli::ImportSource source_of(std::string text, std::optional<ImportFormat> format = std::nullopt,
                            std::size_t piece = 7) {
  auto at = std::make_shared<std::size_t>(0);
  const auto read = [text = std::move(text), at, piece](char* into,
                                                        std::size_t room) -> cli::CliResult<std::size_t> {
    const std::size_t count = std::min({piece, room, text.size() - *at});
    std::copy_n(text.data() + *at, count, into);
    *at += count;
    return count;
  };
  return {read, format};
}

// `LINE id user tag|tag`, or `LINE! fault`; `! why` for a file that is nothing at all.
std::vector<std::string> rows_of(cli::ImportSource source) {
  std::vector<std::string> rows;
  while (true) {
    auto row = source.next();
    if (!row) {
      rows.push_back("! " + row.error().message);
      return rows;
    }
    if (!*row) return rows;
    const std::string line = std::to_string((*row)->line);
    if (!(*row)->link) {
      rows.push_back(line + "! " + (*row)->link.error());
      continue;
    }
    const engine::NewLink& link = *(*row)->link;
    std::string tags;
    for (const std::string& tag : link.tags)
      tags += (tags.empty() ? " " : "|") + tag;
    rows.push_back(line + " " + link.link_id.str() +
                   (link.customer_user_id.empty() ? "" : " " + link.customer_user_id) + tags);
  }
}
std::vector<std::string> rows_of(std::string text, std::optional<ImportFormat> format = std::nullopt) {
  return rows_of(source_of(std::move(text), format));
}

TEST(ImportSource, ReadsNdjson) {
  EXPECT_THAT(rows_of("\"mk_1\"\n{\"link_id\":\"mk_2\",\"customer_user_id\":\"u\",\"tags\":[\"a\",\"b\"]}\n"),
              ElementsAre("1 mk_1", "2 mk_2 u a|b"));
  EXPECT_THAT(rows_of("\xEF\xBB\xBF\"mk_1\"\r\n\r\n  \n {\"link_id\":\"mk_2\"} \r\n\"mk_\\u00e9\""),
              ElementsAre("1 mk_1", "4 mk_2", "5 mk_\xC3\xA9"))
      << "a mark, CR LF, blank lines, no end of the last line";
}

TEST(ImportSource, ReadsCsv) {
  EXPECT_THAT(rows_of("link_id,customer_user_id,tags\nmk_1,u1,a;b\nmk_2,,\n\"mk,3\",\"u\"\"3\",\n"),
              ElementsAre("2 mk_1 u1 a|b", "3 mk_2", "4 mk,3 u\"3"));
  EXPECT_THAT(rows_of("\xEF\xBB\xBFtags,link_id\r\na,mk_1\r\n\r\nb;c,mk_2"),
              ElementsAre("2 mk_1 a", "4 mk_2 b|c"));
  EXPECT_THAT(rows_of("\"link_id\"\n\"mk_1\"\n"), ElementsAre("2 mk_1"));
  EXPECT_THAT(rows_of("link_id\n"), IsEmpty());
}

TEST(ImportSource, NamesWhatIsWrongWithALine) {
  EXPECT_THAT(
      rows_of("\"mk_1\"\nmk_2\n{\"link_id\":\"mk_3\"\n{}\n{\"link_id\":\"a\",\"link_id\":\"b\"}\n"
              "{\"link_id\":\"a\",\"user\":1}\n7\n\"\"\n\"a\" \"b\"\n[1]\n\"mk_9\"\n"),
      ElementsAre("1 mk_1", StartsWith("2! the line"), StartsWith("3! the line"), "4! link_id is missing",
                  HasSubstr("twice"), HasSubstr("member \"user\" is not known here"),
                  StartsWith("7! the line"), "8! link_id is missing",
                  "9! the line is not one JSON string or object", HasSubstr("jq -c"), "11 mk_9"));
  EXPECT_THAT(rows_of("link_id,tags\nmk_1\nmk_2,a,b\n,a\n\"mk_4\nmk_5,a;;b\n"),
              ElementsAre("2! has 1 cells where the first line names 2 columns",
                          "3! has 3 cells where the first line names 2 columns", "4! link_id is missing",
                          HasSubstr("5! a cell has an opening quote"), HasSubstr("6! tags must have")))
      << "an open quote spoils its own line only";
  EXPECT_THAT(rows_of("link_id\n" + std::string(256, 'x') + "\n" + std::string(257, 'x') + "\na\xFF\n"),
              ElementsAre("2 " + std::string(256, 'x'), HasSubstr("3! link_id must have 1 to 256 bytes"),
                          HasSubstr("4! link_id must have")));
}

TEST(ImportSource, RefusesAFileThatIsNoTable) {
  for (const auto& [text, why] : std::vector<std::pair<std::string, std::string>>{
           {"mk_1\nmk_2\n", "there is no column 'mk_1'"},
           {"link_id;tags\n", "there is no column 'link_id;tags'"},
           {"tags\na\n", "link_id is missing"},
           {"link_id,link_id\n", "twice"},
           {"\xFF\xFEl\0i\0", "UTF-16"}}) {
    EXPECT_THAT(rows_of(text), ElementsAre(HasSubstr(why))) << text;
  }
}

TEST(ImportSource, AnEmptyFileHasNoLines) {
  for (const std::string text : {"", "\n", "\xEF\xBB\xBF", "\xEF\xBB\xBF\r\n \n"}) {
    EXPECT_THAT(rows_of(text), IsEmpty());
    EXPECT_THAT(rows_of(text, ImportFormat::csv), IsEmpty());
  }
}

TEST(ImportSource, AnEndlessLineIsOneBadLine) {
  const std::string endless(cli::record_bytes_max * 3, 'x');
  EXPECT_THAT(rows_of(source_of("\"mk_1\"\n\"" + endless + "\"\n\"mk_3\"\n", std::nullopt, 5000)),
              ElementsAre("1 mk_1", "2! is longer than 65536 bytes", "3 mk_3"));
  EXPECT_THAT(rows_of(source_of("link_id\n" + endless + "\nmk_3\n", std::nullopt, 5000)),
              ElementsAre("2! is longer than 65536 bytes", "3 mk_3"));
  EXPECT_THAT(rows_of(source_of("link_id\n" + endless, std::nullopt, 5000)),
              ElementsAre("2! is longer than 65536 bytes"));
}

TEST(ImportSource, AnOpenQuoteDoesNotSwallowTheRest) {
  std::string text = "link_id\n\"mk_open\n";
  for (int line = 0; line < 20'000; ++line)
    text += "mk_" + std::to_string(line) + "\n";
  const auto rows = rows_of(source_of(text, std::nullopt, 60'000));
  ASSERT_THAT(rows, SizeIs(20'001));
  EXPECT_THAT(rows[0], HasSubstr("2! a cell has an opening quote"));
  EXPECT_EQ(rows[20'000], "20002 mk_19999");
}

TEST(ImportSource, ChoosesTheFormat) {
  using cli::format_of_name;
  using cli::format_of_text;
  EXPECT_EQ(format_of_name("a.csv"), ImportFormat::csv);
  EXPECT_EQ(format_of_name("a.ndjson"), ImportFormat::ndjson);
  EXPECT_EQ(format_of_name("a.jsonl"), ImportFormat::ndjson);
  EXPECT_EQ(format_of_name("a"), std::nullopt);
  EXPECT_EQ(format_of_name("-"), std::nullopt);
  EXPECT_EQ(format_of_text("  {\"link_id\""), ImportFormat::ndjson);
  EXPECT_EQ(format_of_text("\"mk_1\""), ImportFormat::ndjson);
  EXPECT_EQ(format_of_text("\"link_id\",\"tags\""), ImportFormat::csv);
  EXPECT_EQ(format_of_text("link_id"), ImportFormat::csv);
  EXPECT_EQ(format_of_text(""), ImportFormat::ndjson);
  EXPECT_THAT(rows_of("\"mk_1\"\n", ImportFormat::csv), ElementsAre(HasSubstr("there is no column 'mk_1'")));
}

TEST(ImportSource, AFailedReadIsAnError) {
  int reads = 0;
  cli::ImportSource source(
      [&](char* into, std::size_t) -> cli::CliResult<std::size_t> {
        if (++reads > 1) return std::unexpected(cli::CliError{daemon::exit_io, "the disk is gone"});
        into[0] = '"';
        return 1;
      },
      std::nullopt);
  const auto row = source.next();
  ASSERT_FALSE(row);
  EXPECT_EQ(row.error().exit_code, daemon::exit_io);
}

// However the text comes in pieces, the rows are the same.
RC_GTEST_PROP(ImportSourceProperty, PiecesDoNotMatter, ()) {
  const auto text = *rc::gen::container<std::string>(rc::gen::elementOf(std::string("\",\r\n{}:ab;")));
  const std::string csv = "link_id,tags\n" + text;
  const auto piece = *rc::gen::inRange<std::size_t>(1, 9);
  for (const ImportFormat format : {ImportFormat::csv, ImportFormat::ndjson}) {
    const std::string& whole = format == ImportFormat::csv ? csv : text;
    RC_ASSERT(rows_of(source_of(whole, format, piece)) == rows_of(source_of(whole, format, 1 << 20)));
  }
}

RC_GTEST_PROP(ImportSourceProperty, EveryLinkOfACsvIsReadBack, ()) {
  const auto ids = *rc::gen::container<std::vector<std::string>>(rc::gen::nonEmpty(
      rc::gen::container<std::string>(rc::gen::elementOf(std::string("\",;='\\ a\xC3\xA9")))));
  std::string text = "link_id,customer_user_id\r\n";
  std::vector<std::string> expected;
  for (const std::string& id : ids) {
    if (!core::is_valid_id(id)) continue;
    text += cli::csv_record({id, "u"});
    expected.push_back(std::to_string(expected.size() + 2) + " " + id + " u");
  }
  RC_ASSERT(rows_of(text) == expected);
}

TEST(SeenIds, TellsWhatWasThere) {
  cli::SeenIds seen;
  for (int round = 0; round < 2; ++round) {
    for (int id = 0; id < 5000; ++id)
      ASSERT_EQ(seen.add("mk_" + std::to_string(id)), round == 1) << id;
  }
}

TEST(RenderWork, SaysHowFarItIs) {
  using cli::render_work;
  EXPECT_EQ(render_work({.count = 1000, .part = 0, .whole = {}, .elapsed = {}}, "lines"), "1,000 lines");
  EXPECT_EQ(render_work({.count = 12'000, .part = 0, .whole = {}, .elapsed = core::Millis(4000)}, "lines"),
            "12,000 lines, 3,000/s");
  EXPECT_EQ(render_work({.count = 12'000, .part = 25, .whole = 100, .elapsed = core::Millis(4000)}, "lines"),
            "12,000 lines, 3,000/s, 25 %, about 12s left");
  EXPECT_EQ(render_work({.count = 5, .part = 100, .whole = 100, .elapsed = core::Millis(1000)}, "rows"),
            "5 rows, 5/s, 100 %");
  EXPECT_EQ(render_work({.count = 0, .part = 0, .whole = 0, .elapsed = core::Millis(-5)}, "rows"), "0 rows");
}

// ---- the command ----

// The daemon's answer to items that were all added.
Canned added(std::size_t count) {
  std::string body = R"({"items":[)";
  for (std::size_t at = 0; at < count; ++at)
    body += std::string(at == 0 ? "" : ",") + R"({"link_id":"x","result":"added"})";
  return {200, body + R"(],"counts":{}})"};
}

class ImportCommand : public testing::Test {
 protected:
  std::string run(std::vector<Canned> answers, const cli::ImportOptions& options, bool json = true,
                  bool dry_run = false) {
    daemon_.answers(std::move(answers));
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    result_ =
        import_links({.client = cli::Client(daemon_.path()), .json = json, .dry_run = dry_run}, options);
    told_ = testing::internal::GetCapturedStderr();
    return testing::internal::GetCapturedStdout();
  }
  cli::ImportOptions file(const std::string& name, const std::string& text) {
    return {.file = scratch_.write(name, text), .format = {}, .rejects = {}};
  }
  std::string text_of(const std::string& name) {
    std::ifstream in(scratch_.path(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  ScratchDirectory scratch_;
  ScriptedDaemon daemon_;
  cli::CliResult<int> result_;
  std::string told_;
};

TEST_F(ImportCommand, SendsWhatTheFileSays) {
  const auto options = file("links.csv", "link_id,customer_user_id,tags\nmk_1,u1,a;b\nmk_2,,\n");
  EXPECT_EQ(
      run({added(2)}, options),
      R"({"lines":2,"added":2,"existed":0,"repeated":0,"bad":0,"refused":0,"complete":true,"dry_run":false})"
      "\n");
  EXPECT_EQ(result_, daemon::exit_ok);
  EXPECT_THAT(daemon_.asked(),
              ElementsAre(R"(POST /v1/links:import {"items":[{"link_id":"mk_1","customer_user_id":"u1",)"
                          R"("tags":["a","b"]},{"link_id":"mk_2"}]})"));
}

TEST_F(ImportCommand, TellsAndKeepsBadLines) {
  auto options = file("links.csv", "link_id,tags\nmk_1,a\nmk_2\n\"mk\n3\",b\nmk_4,\nmk_1,c\n");
  options.rejects = scratch_.path("rejects.csv");
  const Canned answer{200, R"({"items":[{"link_id":"mk_1","result":"added"},)"
                           R"({"link_id":"mk_4","result":"refused","code":"links_max","message":"no room"},)"
                           R"({"link_id":"mk_1","result":"existed"}],"counts":{}})"};
  EXPECT_EQ(run({answer}, options, false),
            "5 lines: 1 added, 1 registered before, 2 bad, 1 refused; 1 named an id again\n");
  EXPECT_EQ(result_, daemon::exit_failure);
  EXPECT_THAT(told_, HasSubstr("links.csv:3: has 1 cells where the first line names 2 columns\n"));
  EXPECT_THAT(told_, HasSubstr("links.csv:4: link_id must have"));
  EXPECT_THAT(told_, HasSubstr("links.csv:6: no room\n"));
  EXPECT_EQ(text_of("rejects.csv"), "link_id,tags\nmk_2\n\"mk\n3\",b\nmk_4,\n") << "to be imported again";
}

TEST_F(ImportCommand, TellsTwentyBadLinesAndWritesAll) {
  std::string text;
  for (int line = 0; line < 50; ++line)
    text += "bad\n";
  auto options = file("links.ndjson", text);
  options.rejects = scratch_.path("rejects");
  run({}, options);
  EXPECT_EQ(std::ranges::count(told_, '\n'), 21);
  EXPECT_THAT(told_, HasSubstr("and 30 more lines that were not taken\n"));
  EXPECT_EQ(text_of("rejects"), text);
  EXPECT_THAT(daemon_.asked(), IsEmpty());
  EXPECT_EQ(result_, daemon::exit_failure);
}

TEST_F(ImportCommand, ADryRunSendsNothing) {
  const auto options = file("links", "\"mk_1\"\nbad\n\"mk_1\"\n");
  EXPECT_EQ(run({}, options, false, true), "3 lines: 2 good, 1 bad; 1 named an id again; nothing was sent\n");
  EXPECT_EQ(result_, daemon::exit_failure);
  EXPECT_THAT(daemon_.asked(), IsEmpty());
  EXPECT_EQ(run({}, file("good", "\"mk_1\"\n"), false, true), "1 line: 1 good, 0 bad; nothing was sent\n");
  EXPECT_EQ(result_, daemon::exit_ok);
}

TEST_F(ImportCommand, SendsAThousandAtATime) {
  std::string text;
  for (int line = 0; line < 2001; ++line)
    text += "\"mk_" + std::to_string(line) + "\"\n";
  EXPECT_THAT(run({added(1000), added(1000), added(1)}, file("links", text)), HasSubstr("\"added\":2001"));
  ASSERT_THAT(daemon_.asked(), SizeIs(3));
  EXPECT_THAT(daemon_.asked()[1], StartsWith(R"(POST /v1/links:import {"items":[{"link_id":"mk_1000"})"));
}

TEST_F(ImportCommand, GoesOnWhenTheDaemonIsRestarted) {
  std::string text;
  for (int line = 0; line < 1001; ++line)
    text += "\"mk_" + std::to_string(line) + "\"\n";
  const Canned stopping{503, R"({"code":"stopping","detail":"the daemon is stopping"})"};
  EXPECT_THAT(run({added(1000), stopping, {0, {}}, added(1)}, file("links", text)),
              HasSubstr("\"added\":1001"));
  EXPECT_EQ(result_, daemon::exit_ok);
  EXPECT_THAT(told_, HasSubstr("the daemon is stopping; trying again for 5m\n"));
  ASSERT_THAT(daemon_.asked(), SizeIs(4));
  EXPECT_EQ(daemon_.asked()[1], daemon_.asked()[3]) << "the same batch";
}

TEST_F(ImportCommand, ADaemonThatIsNotThereIsToldAtOnce) {
  const auto options = file("links", "\"mk_1\"\n");
  testing::internal::CaptureStdout();
  result_ = import_links(
      {.client = cli::Client(scratch_.path("nobody.sock")), .json = true, .dry_run = false}, options);
  const std::string summary = testing::internal::GetCapturedStdout();
  ASSERT_FALSE(result_);
  EXPECT_EQ(result_.error().exit_code, daemon::exit_unavailable);
  EXPECT_THAT(result_.error().message, HasSubstr("the import stopped before line 1. Run it again"));
  EXPECT_THAT(summary, HasSubstr("\"complete\":false")) << "what was done is told all the same";
}

TEST_F(ImportCommand, ARefusalOfTheWholeIsAnError) {
  run({{403, R"({"code":"role_too_low","detail":"this needs the role admin"})"}},
      file("links", "\"mk_1\"\n"));
  ASSERT_FALSE(result_);
  EXPECT_EQ(result_.error().exit_code, daemon::exit_failure);
  run({added(2)}, file("links", "\"mk_1\"\n"));
  ASSERT_FALSE(result_);
  EXPECT_THAT(result_.error().message, HasSubstr("does not fit"));
}

TEST_F(ImportCommand, FilesThatCannotBeReadOrWritten) {
  run({}, {.file = scratch_.path("none"), .format = {}, .rejects = {}});
  ASSERT_FALSE(result_);
  EXPECT_EQ(result_.error().exit_code, daemon::exit_io);
  EXPECT_THAT(result_.error().message, HasSubstr("No such file"));
  auto options = file("links", "\"mk_1\"\n");
  options.rejects = scratch_.path("no/folder");
  run({added(1)}, options);
  ASSERT_FALSE(result_);
  EXPECT_EQ(result_.error().exit_code, daemon::exit_io);
  EXPECT_THAT(daemon_.asked(), IsEmpty()) << "before anything is sent";
}

TEST_F(ImportCommand, AnEmptyFile) {
  EXPECT_THAT(run({}, file("links.csv", "")), HasSubstr("\"lines\":0"));
  EXPECT_EQ(result_, daemon::exit_ok);
}

}  // namespace
}  // namespace syncd::test
