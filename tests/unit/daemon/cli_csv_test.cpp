#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "daemon/cli/csv.hpp"

// CSV as RFC 4180 has it, and what spreadsheets make of it.
namespace syncd::test {
namespace {

using cli::Formulas;
using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> cells(std::string_view record) {
  auto parsed = cli::parse_csv_record(record);
  EXPECT_TRUE(parsed) << record << ": " << (parsed ? "" : parsed.error());
  return parsed.value_or(std::vector<std::string>{});
}

std::string cell(std::string_view text, Formulas formulas = Formulas::guard) {
  std::string out;
  cli::append_csv_cell(out, text, formulas);
  return out;
}

// All records of a text, as the one who reads it would find them.
std::vector<std::vector<std::string>> read_all(std::string_view text, std::size_t piece) {
  std::vector<std::vector<std::string>> records;
  std::string record;
  cli::CsvScan scan;
  for (std::size_t at = 0; at < text.size();) {
    const std::string_view next = text.substr(at, piece);
    const std::size_t end = scan.end_of_record(next);
    const std::size_t taken = end == std::string_view::npos ? next.size() : end;
    record += next.substr(0, taken);
    at += taken;
    if (end == std::string_view::npos) continue;
    record.resize(record.size() - 2);  // CR LF
    records.push_back(cells(record));
    record.clear();
  }
  EXPECT_TRUE(record.empty());
  return records;
}

TEST(Csv, ReadsCells) {
  EXPECT_THAT(cells(""), ElementsAre(""));
  EXPECT_THAT(cells("a"), ElementsAre("a"));
  EXPECT_THAT(cells("a,b"), ElementsAre("a", "b"));
  EXPECT_THAT(cells(",,"), ElementsAre("", "", ""));
  EXPECT_THAT(cells(R"("a,b",c)"), ElementsAre("a,b", "c"));
  EXPECT_THAT(cells(R"("say ""hi""",)"), ElementsAre(R"(say "hi")", ""));
  EXPECT_THAT(cells("\"two\nlines\""), ElementsAre("two\nlines"));
  EXPECT_THAT(cells(R"("","")"), ElementsAre("", ""));
  EXPECT_THAT(cells(" a , b"), ElementsAre(" a ", " b")) << "blanks belong to a cell";
}

TEST(Csv, RefusesWhatTwoReadersWouldReadInTwoWays) {
  for (const auto& [record, why] :
       std::vector<std::pair<std::string, std::string>>{{R"("a)", "no closing one"},
                                                        {R"("a""b)", "no closing one"},
                                                        {R"("a"b)", "behind the closing quote"},
                                                        {R"("a" ,b)", "behind the closing quote"},
                                                        {R"(a"b)", "not quoted"},
                                                        {R"(x, "b")", "not quoted"}}) {
    const auto parsed = cli::parse_csv_record(record);
    ASSERT_FALSE(parsed) << record;
    EXPECT_THAT(parsed.error(), HasSubstr(why)) << record;
  }
}

TEST(Csv, QuotesWhereNeeded) {
  EXPECT_EQ(cell("plain text"), "plain text");
  EXPECT_EQ(cell("a,b"), R"("a,b")");
  EXPECT_EQ(cell(R"(say "hi")"), R"("say ""hi""")");
  EXPECT_EQ(cell("two\nlines"), "\"two\nlines\"");
  EXPECT_EQ(cell("a\rb"), "\"a\rb\"");
  EXPECT_EQ(cell(""), "");
  EXPECT_EQ(cli::csv_record({"a", "", "b,c"}), "a,,\"b,c\"\r\n");
  EXPECT_EQ(cli::csv_record({""}), "\"\"\r\n") << "no empty line";
}

TEST(Csv, GuardsSpreadsheetsAgainstFormulas) {
  for (const std::string start : {"=", "+", "-", "@", "\t"})
    EXPECT_EQ(cell(start + "1"), "'" + start + "1");
  EXPECT_EQ(cell("\r1"), "\"'\r1\"");
  EXPECT_EQ(cell("=a,b"), "\"'=a,b\"");
  EXPECT_EQ(cell("=HYPERLINK(\"x\")"), R"x("'=HYPERLINK(""x"")")x");
  EXPECT_EQ(cell("a=1"), "a=1") << "only the beginning is read as a formula";
  EXPECT_EQ(cell("'=1"), "'=1");
  EXPECT_EQ(cell("=1", Formulas::keep), "=1");
}

TEST(Csv, FindsTheEndsOfRecords) {
  const auto ends = [](std::string_view text) {
    cli::CsvScan scan;
    return scan.end_of_record(text);
  };
  constexpr auto none = std::string_view::npos;
  EXPECT_EQ(ends("a,b\nc"), 4u);
  EXPECT_EQ(ends("a,b"), none);
  EXPECT_EQ(ends("\"a\nb\"\nc"), 6u);
  EXPECT_EQ(ends("\"a\"\"\n\"\nc"), 7u);
  EXPECT_EQ(ends("a\"b\nc"), 4u) << "a quote inside a cell opens nothing";
  EXPECT_EQ(ends("a,\"b\nc\",d\n"), 10u);
  cli::CsvScan open;
  EXPECT_EQ(open.end_of_record("\"a\n"), none);
  EXPECT_TRUE(open.in_quotes());
}

// Texts of what is hard: quotes, commas, line breaks, the starts of formulas.
rc::Gen<std::string> odd_text() {
  return rc::gen::container<std::string>(
      rc::gen::elementOf(std::string("\",\r\n=+-@\t'; ab\xC3\xA9\x01") + std::string(1, '\0')));
}

RC_GTEST_PROP(CsvProperty, WhatIsWrittenIsReadBack, ()) {
  const auto written = *rc::gen::nonEmpty(rc::gen::container<std::vector<std::vector<std::string>>>(
      rc::gen::nonEmpty(rc::gen::container<std::vector<std::string>>(odd_text()))));
  std::string text;
  for (const auto& record : written)
    text += cli::csv_record(record);
  const auto piece = *rc::gen::inRange<std::size_t>(1, 8);
  RC_ASSERT(read_all(text, piece) == written);
}

RC_GTEST_PROP(CsvProperty, NoGuardedCellIsAFormulaAndNothingElseIsChanged, ()) {
  const std::string text = *odd_text();
  const std::vector<std::string> read = cells(cell(text));
  RC_ASSERT(read.size() == 1u);
  const bool formula = !text.empty() && std::string("=+-@\t\r").find(text[0]) != std::string::npos;
  RC_ASSERT(read[0] == (formula ? "'" + text : text));
}

}  // namespace
}  // namespace syncd::test
