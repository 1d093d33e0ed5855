#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <sys/resource.h>
#include <sys/stat.h>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/cli/export_commands.hpp"
#include "daemon/cli/export_rows.hpp"
#include "daemon/cli/output_file.hpp"
#include "daemon/exit_codes.hpp"
#include "tests/unit/daemon/scripted_daemon.hpp"

// What an export writes, and where.
namespace syncd::test {
namespace {

using cli::Exported;
using cli::Formulas;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

std::string text_of(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::vector<std::string> names_in(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    names.push_back(entry.path().filename());
  return names;
}

// The first item of a list with this one.
cli::JsonValue item_of(const std::string& json) {
  auto list = cli::parse_json("{\"items\":[" + json + "]}");
  EXPECT_TRUE(list) << json;
  return list ? list->find("items")->items.at(0) : cli::JsonValue{};
}

// ---- rows ----

constexpr const char* a_transaction =
    R"({"transaction_id":"t1","account_id":"acc","pending":true,"posted_from":null,"data":)"
    R"({"amount":"100.10","currency":"USD","type":"debit","date":"2025-05-06","datetime":null,)"
    R"("description":"=1+1","raw_description":"a, \"b\"","category":"x",)"
    R"("n":12345678901234567890123456789012345678}})";

TEST(ExportRows, TheColumnsAreAPublicInterface) {
  EXPECT_EQ(cli::csv_header(Exported::accounts),
            "link_id,account_id,gone,gone_since,account_type,name,nickname,account_mask,currency,current,"
            "available,limit,balance_date,closed\r\n");
  EXPECT_EQ(cli::csv_header(Exported::transactions),
            "link_id,transaction_id,account_id,pending,posted_from,date,datetime,amount,currency,type,"
            "description,raw_description,category,original_id\r\n");
  EXPECT_EQ(cli::csv_header(Exported::links),
            "link_id,status,institution_id,provider,customer_user_id,tags,upstream_state,"
            "upstream_error_code,cursor_set,added_at,last_attempt_at,last_success_at,next_due_at,failures,"
            "last_error,accounts,transactions,pending\r\n");
  EXPECT_EQ(cli::csv_header(Exported::feed), "epoch,seq,at,link_id,kind,id,cause,before,after\r\n");
}

// The table in the documentation is of these columns and no other.
TEST(ExportRows, TheDocumentationNamesEveryColumn) {
  const std::string docs = text_of(std::filesystem::path(SYNCD_SOURCE_DIR) / "docs/import-export.md");
  for (const Exported what : {Exported::accounts, Exported::transactions, Exported::links, Exported::feed}) {
    std::string row = "| `" + std::string(cli::to_string(what)) + "` | ";
    for (const std::string_view column : cli::columns_of(what))
      row += (row.ends_with("| ") ? "`" : ", `") + std::string(column) + "`";
    EXPECT_THAT(docs, HasSubstr(row + " |\n"));
  }
}

TEST(ExportRows, NdjsonKeepsTheItem) {
  EXPECT_EQ(cli::ndjson_line(Exported::transactions, "mk_\"1", item_of(a_transaction)),
            "{\"link_id\":\"mk_\\\"1\"," + std::string(a_transaction).substr(1) + "\n");
  EXPECT_EQ(cli::ndjson_line(Exported::links, "mk_1", item_of(R"({"link_id":"mk_1","x":1e2})")),
            "{\"link_id\":\"mk_1\",\"x\":1e2}\n");
  EXPECT_EQ(cli::ndjson_line(Exported::accounts, "mk_1", item_of("{}")), "{\"link_id\":\"mk_1\"}\n");
  EXPECT_EQ(cli::ndjson_line(Exported::feed, "mk_1", item_of("{\"a\":\r\n {\"b\":-0.0}}")),
            "{\"a\":   {\"b\":-0.0}}\n")
      << "what upstream wrote on several lines is one";
}

TEST(ExportRows, TransactionsOfCsv) {
  EXPECT_EQ(cli::csv_row(Exported::transactions, "mk_1", item_of(a_transaction), Formulas::guard),
            "mk_1,t1,acc,true,,2025-05-06,,100.10,USD,debit,'=1+1,\"a, \"\"b\"\"\",x,\r\n");
  EXPECT_THAT(cli::csv_row(Exported::transactions, "mk_1", item_of(a_transaction), Formulas::keep),
              HasSubstr(",=1+1,"));
  EXPECT_THAT(cli::csv_row(Exported::transactions, "-mk_1", item_of(a_transaction), Formulas::guard),
              StartsWith("'-mk_1,"));
}

TEST(ExportRows, AmountsKeepTheirTextAndAreNoFormulas) {
  const auto current = [](const std::string& json) {
    const std::string row = cli::csv_row(
        Exported::accounts, "mk_1",
        item_of(R"({"account_id":"a","gone":false,"data":{"balances":{"current":)" + json + "}}}"),
        Formulas::guard);
    constexpr std::string_view before = "mk_1,a,false,,,,,,,";
    EXPECT_THAT(row, StartsWith(before));
    return row.substr(before.size(), row.find(',', before.size()) - before.size());
  };
  for (const std::string number :
       {"-12.50", "-0.0", "1e2", "-1E+5", "100.10", "12345678901234567890123456789012345678"}) {
    EXPECT_EQ(current(number), number);
    EXPECT_EQ(current('"' + number + '"'), number) << "also as a text";
  }
  for (const std::string text : {"-1+1", "-", "-1.", "-.5", "-1e", "+1", "=1", "@1", "-1 "})
    EXPECT_EQ(current('"' + text + '"'), "'" + text);
  EXPECT_EQ(current("null"), "");
}

TEST(ExportRows, LinksAndTheFeedOfCsv) {
  EXPECT_EQ(cli::csv_row(Exported::links, "mk_1",
                         item_of(R"({"link_id":"mk_1","status":"active","tags":["a","b"],"cursor_set":true,)"
                                 R"("failures":2,"last_error":{"kind":"server"},)"
                                 R"("counts":{"accounts":1,"transactions":2,"pending":3}})"),
                         Formulas::guard),
            "mk_1,active,,,,a;b,,,true,,,,,2,server,1,2,3\r\n");
  EXPECT_EQ(cli::csv_row(Exported::feed, "mk_1",
                         item_of(R"({"epoch":1,"seq":2,"at":"t","link_id":"mk_1","kind":"k","id":"i",)"
                                 R"("before":null,"after":{"amount":"1.10","n":1e2},"cause":"schedule"})"),
                         Formulas::guard),
            R"(1,2,t,mk_1,k,i,schedule,,"{""amount"":""1.10"",""n"":1e2}")"
            "\r\n");
}

// ---- the file ----

TEST(OutputFile, IsThereWholeAndForItsOwnerOnly) {
  const ScratchDirectory scratch;
  const std::string path = scratch.path("out.csv");
  auto file = cli::OutputFile::open(path);
  ASSERT_TRUE(file) << file.error().message;
  const std::string much(200'000, 'x');
  ASSERT_TRUE(file->write(much));
  ASSERT_TRUE(file->write("end"));
  EXPECT_FALSE(std::filesystem::exists(path)) << "not before it is whole";
  ASSERT_TRUE(file->commit());
  EXPECT_EQ(text_of(path), much + "end");
  struct stat there{};
  ASSERT_EQ(stat(path.c_str(), &there), 0);
  EXPECT_EQ(there.st_mode & 0777, 0600u);
  EXPECT_THAT(names_in(scratch.path("")), ElementsAre("out.csv"));
}

TEST(OutputFile, TakesThePlaceOfAFileAndLeavesItOtherwise) {
  const ScratchDirectory scratch;
  const std::string path = scratch.write("out", "before");
  {
    auto file = cli::OutputFile::open(path);
    ASSERT_TRUE(file);
    ASSERT_TRUE(file->write("after"));
  }
  EXPECT_EQ(text_of(path), "before");
  EXPECT_THAT(names_in(scratch.path("")), ElementsAre("out")) << "nothing half";
  auto file = cli::OutputFile::open(path);
  ASSERT_TRUE(file);
  ASSERT_TRUE(file->write("after"));
  ASSERT_TRUE(file->commit());
  EXPECT_EQ(text_of(path), "after");
  EXPECT_THAT(names_in(scratch.path("")), ElementsAre("out"));
}

TEST(OutputFile, RefusesWhatIsNoFile) {
  const ScratchDirectory scratch;
  const std::string link = scratch.path("link");
  std::filesystem::create_symlink("/dev/null", link);
  for (const std::string& path : {std::string("/dev/null"), link, scratch.path("")}) {
    const auto file = cli::OutputFile::open(path);
    ASSERT_FALSE(file) << path;
    EXPECT_EQ(file.error().exit_code, daemon::exit_usage);
  }
  const auto nowhere = cli::OutputFile::open(scratch.path("no/out"));
  ASSERT_FALSE(nowhere);
  EXPECT_EQ(nowhere.error().exit_code, daemon::exit_io);
  EXPECT_THAT(nowhere.error().message, HasSubstr("no/out: No such file or directory; no file was written"));
}

// The disk has no more room in the middle.
TEST(OutputFile, LeavesNothingWhenItCannotBeWrittenWhole) {
  const ScratchDirectory scratch;
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{1000, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  cli::CliResult<void> written;
  {
    auto file = cli::OutputFile::open(scratch.path("out"));
    if (file) written = file->write(std::string(200'000, 'x'));
    if (file && written) written = file->commit();
  }
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().exit_code, daemon::exit_io);
  EXPECT_THAT(written.error().message, HasSubstr("cannot write"));
  EXPECT_THAT(names_in(scratch.path("")), IsEmpty());
}

// ---- the command ----

class ExportCommand : public testing::Test {
 protected:
  // What was written to the file; result_ and told_ beside it.
  std::string run(std::vector<Canned> answers, cli::ExportOptions options, bool json = false) {
    daemon_.answers(std::move(answers));
    options.output = scratch_.path(options.output.empty() ? "out" : options.output);
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    result_ = export_all({.client = cli::Client(daemon_.path()), .json = json, .dry_run = false}, options);
    errors_ = testing::internal::GetCapturedStderr();
    told_ = testing::internal::GetCapturedStdout();
    return text_of(options.output);
  }
  static cli::ExportOptions of(std::string what, std::string link = {}) {
    return {.what = std::move(what),
            .link_id = std::move(link),
            .format = {},
            .output = {},
            .after = {},
            .raw = false};
  }

  ScratchDirectory scratch_;
  ScriptedDaemon daemon_;
  cli::CliResult<int> result_;
  std::string told_;
  std::string errors_;
};

const Canned begun{201, R"({"what":"x","at":"t"})"};
const Canned status{200, R"({"links":{"total":2}})"};
const Canned gone{404, R"({"code":"link_not_found","detail":"there is no such link"})"};

TEST_F(ExportCommand, ReadsEveryPageOfEveryLink) {
  const std::string out = run({begun,
                               status,
                               {200, R"({"items":[{"link_id":"mk/1"}],"next":"mk/1"})"},
                               {200, R"({"items":[{"transaction_id":"a"}],"next":"a"})"},
                               {200, R"({"items":[{"transaction_id":"b","n":1.10}]})"},
                               {200, R"({"items":[{"link_id":"mk_2"},{"link_id":"mk_3"}]})"},
                               gone,
                               {200, R"({"items":[]})"}},
                              of("transactions"));
  EXPECT_EQ(out,
            "{\"link_id\":\"mk/1\",\"transaction_id\":\"a\"}\n"
            "{\"link_id\":\"mk/1\",\"transaction_id\":\"b\",\"n\":1.10}\n");
  EXPECT_EQ(result_, daemon::exit_ok) << (result_ ? "" : result_.error().message);
  EXPECT_EQ(told_, "2 rows of transactions written to " + scratch_.path("out") + "\n");
  EXPECT_THAT(
      daemon_.asked(),
      ElementsAre(R"(POST /v1/exports {"what":"transactions"})", "GET /v1/status", "GET /v1/links?limit=1000",
                  "GET /v1/links/mk%2F1/transactions?limit=1000",
                  "GET /v1/links/mk%2F1/transactions?limit=1000&after=a",
                  "GET /v1/links?limit=1000&after=mk%2F1", "GET /v1/links/mk_2/transactions?limit=1000",
                  "GET /v1/links/mk_3/transactions?limit=1000"));
}

TEST_F(ExportCommand, OfOneLinkIsNoAct) {
  auto options = of("accounts", "mk_1");
  options.output = "accounts.csv";
  EXPECT_EQ(
      run({{200, R"({"items":[{"account_id":"a","gone":false,"data":{"name":"@x"}}]})"}}, options, true),
      cli::csv_header(Exported::accounts) + "mk_1,a,false,,,'@x,,,,,,,,\r\n");
  EXPECT_THAT(daemon_.asked(), ElementsAre("GET /v1/links/mk_1/accounts?limit=1000"));
  EXPECT_EQ(told_, "{\"what\":\"accounts\",\"rows\":1,\"links\":0}\n");
  EXPECT_EQ(run({{200, R"({"link_id":"mk_1","data":{"a":1}})"}}, of("links", "mk_1")),
            "{\"link_id\":\"mk_1\",\"data\":{\"a\":1}}\n");
  run({gone}, of("accounts", "mk_9"));
  ASSERT_FALSE(result_);
  EXPECT_EQ(result_.error().problem, "link_not_found");
}

TEST_F(ExportCommand, ReadsTheFeedToWhatWasItsEnd) {
  const Canned first{
      200,
      R"({"items":[{"seq":5,"link_id":"mk_1"},{"seq":6,"link_id":"mk_2"}],"next":"6","epoch":7,"head":7})"};
  const Canned second{
      200, R"({"items":[{"seq":7,"link_id":"mk_1"},{"seq":8,"link_id":"mk_1"}],"epoch":7,"head":8})"};
  auto options = of("feed");
  options.after = 4;
  EXPECT_EQ(run({begun, status, first, second}, options, true),
            "{\"seq\":5,\"link_id\":\"mk_1\"}\n{\"seq\":6,\"link_id\":\"mk_2\"}\n{\"seq\":7,\"link_id\":\"mk_"
            "1\"}\n");
  EXPECT_THAT(daemon_.asked(),
              ElementsAre(R"(POST /v1/exports {"what":"feed"})", "GET /v1/status",
                          "GET /v1/feed?after=4&limit=1000", "GET /v1/feed?after=6&limit=1000"));
  EXPECT_EQ(told_, "{\"what\":\"feed\",\"rows\":3,\"links\":0,\"epoch\":\"7\",\"last\":7}\n");
  options.link_id = "mk_2";
  EXPECT_EQ(run({first, second}, options), "{\"seq\":6,\"link_id\":\"mk_2\"}\n");
}

TEST_F(ExportCommand, NoFileOfAFeedThatBeganAnew) {
  auto options = of("feed");
  EXPECT_EQ(run({begun,
                 status,
                 {200, R"({"items":[{"seq":1,"link_id":"a"}],"next":"1","epoch":7,"head":9})"},
                 {200, R"({"items":[{"seq":2,"link_id":"a"}],"epoch":8,"head":9})"}},
                options),
            "");
  ASSERT_FALSE(result_);
  EXPECT_THAT(result_.error().message, HasSubstr("began anew"));
  options.after = 10;
  run({begun, status, {200, R"({"items":[],"epoch":7,"head":9})"}}, options);
  ASSERT_FALSE(result_);
  EXPECT_THAT(result_.error().message, HasSubstr("the feed ends at 9, so 10 is of no entry of it"));
  EXPECT_THAT(names_in(scratch_.path("")), IsEmpty());
}

TEST_F(ExportCommand, GoesOnWhenTheDaemonIsRestartedAndWaitsWhenItIsTold) {
  EXPECT_EQ(run({begun, status, {0, {}}, {200, R"({"items":[{"link_id":"mk_1"}]})"}}, of("links")),
            "{\"link_id\":\"mk_1\"}\n");
  EXPECT_THAT(errors_, HasSubstr("trying again for 5m"));
  EXPECT_EQ(run({begun,
                 status,
                 {429, R"({"code":"too_many","detail":"wait"})"},
                 {200, R"({"items":[{"link_id":"mk_1"}]})"}},
                of("links")),
            "{\"link_id\":\"mk_1\"}\n");
}

TEST_F(ExportCommand, WithoutTheRoleNothingIsRead) {
  EXPECT_EQ(run({{403, R"({"code":"role_too_low","detail":"this needs the role admin"})"}}, of("accounts")),
            "");
  ASSERT_FALSE(result_);
  EXPECT_EQ(result_.error().problem, "role_too_low");
  EXPECT_THAT(daemon_.asked(), ElementsAre(R"(POST /v1/exports {"what":"accounts"})"));
  auto options = of("accounts");
  options.after = 1;
  run({}, options);
  ASSERT_FALSE(result_);
  EXPECT_EQ(result_.error().exit_code, daemon::exit_usage);
  EXPECT_THAT(daemon_.asked(), IsEmpty());
}

}  // namespace
}  // namespace syncd::test
