#include <functional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/cli/consumer_commands.hpp"
#include "daemon/cli/export_commands.hpp"
#include "daemon/exit_codes.hpp"
#include "tests/unit/daemon/scripted_daemon.hpp"

// feed consumers, against a daemon that answers what the test says.
namespace syncd::test {
namespace {

using testing::ContainsRegex;
using testing::ElementsAre;
using testing::HasSubstr;

const Canned books{
    200, R"({"name":"books","state":"live","epoch":7,"acknowledged":40,"lag":3,)"
         R"("oldest_unread_at":"2026-01-01T00:00:00.000Z","acknowledged_at":null,"last_read_at":null,)"
         R"("created_at":"2026-01-01T00:00:00.000Z","feed":{"epoch":7,"first":1,"head":43}})"};
const Canned nobody{404, R"({"code":"consumer_not_found","detail":"the feed has no consumer books"})"};

class CliConsumers : public testing::Test {
 protected:
  cli::Session session(bool json = false, bool dry_run = false) const {
    return {.client = cli::Client(daemon_.path()), .json = json, .dry_run = dry_run, .confirmed = !dry_run};
  }
  std::string run(std::vector<Canned> answers, const std::function<cli::CliResult<int>()>& command) {
    daemon_.answers(std::move(answers));
    testing::internal::CaptureStdout();
    result_ = command();
    return testing::internal::GetCapturedStdout();
  }

  ScriptedDaemon daemon_;
  cli::CliResult<int> result_;
};

TEST_F(CliConsumers, AreShownInATable) {
  const Canned list{200, R"({"items":[)" + books.body + R"(,{"name":"old","state":"overtaken","lag":900}]})"};
  const std::string out = run({list}, [&] { return list_consumers(session()); });
  EXPECT_THAT(daemon_.asked(), ElementsAre("GET /v1/feed/consumers?limit=1000"));
  EXPECT_THAT(out, ContainsRegex("books +live +40 +3"));
  EXPECT_THAT(out, HasSubstr("2 consumers: 1 live, 1 overtaken"));
  EXPECT_EQ(run({{200, R"({"items":[]})"}}, [&] { return list_consumers(session()); }), "no consumers\n");
  EXPECT_EQ(run({books}, [&] { return show_consumer(session(true), "books"); }), books.body + "\n");
  EXPECT_EQ(run({nobody}, [&] { return show_consumer(session(), "books"); }), "");
  EXPECT_EQ(result_.error().problem, "consumer_not_found");
}

TEST_F(CliConsumers, AreAddedAndRemoved) {
  run({books}, [&] { return add_consumer(session(), {.name = "books", .from = "start"}); });
  EXPECT_THAT(daemon_.asked(), ElementsAre(R"(POST /v1/feed/consumers {"name":"books","from":"start"})"));
  EXPECT_EQ(
      run({{200, R"({"name":"books","removed":true})"}}, [&] { return remove_consumer(session(), "books"); }),
      "consumer books is removed\n");
  EXPECT_THAT(daemon_.asked(), ElementsAre("POST /v1/feed/consumers/books/remove"));
}

TEST_F(CliConsumers, MoveToASequenceOrTheHead) {
  run({books}, [&] { return acknowledge_changes(session(), {.name = "books", .to = "42", .epoch = 7}); });
  EXPECT_THAT(daemon_.asked(), ElementsAre(R"(POST /v1/feed/consumers/books/ack {"epoch":7,"seq":42})"));
  run({books, books}, [&] { return acknowledge_changes(session(), {.name = "books", .to = "42"}); });
  EXPECT_THAT(daemon_.asked(), ElementsAre("GET /v1/feed/consumers/books",
                                           R"(POST /v1/feed/consumers/books/ack {"epoch":7,"seq":42})"));
  run({books, books}, [&] { return reset_consumer(session(), {.name = "books", .to = "head"}); });
  EXPECT_THAT(daemon_.asked(), ElementsAre("GET /v1/feed/consumers/books",
                                           R"(POST /v1/feed/consumers/books/reset {"epoch":7,"seq":43})"));
  const Canned behind{409, R"({"code":"behind","detail":"the consumer has acknowledged 40 already"})"};
  EXPECT_EQ(
      run({behind}, [&] { return acknowledge_changes(session(), {.name = "books", .to = "3", .epoch = 7}); }),
      "");
  EXPECT_EQ(result_.error().message, "the consumer has acknowledged 40 already");
  EXPECT_EQ(result_.error().exit_code, daemon::exit_failure);
}

TEST_F(CliConsumers, ADryRunOnlyLooks) {
  const cli::Session dry = session(false, true);
  const auto add = [&] { return add_consumer(dry, {.name = "books"}); };
  EXPECT_EQ(run({nobody}, add), "would add consumer books at the head of the feed; nothing was changed\n");
  EXPECT_EQ(run({books}, add), "there is a consumer books already; nothing would change\n");
  EXPECT_EQ(run({books}, [&] { return remove_consumer(dry, "books"); }),
            "would remove consumer books; nothing was changed\n");
  EXPECT_EQ(run({books, books}, [&] { return reset_consumer(dry, {.name = "books", .to = "head"}); }),
            "would put consumer books from 40 to 43 of epoch 7; nothing was changed\n");
  EXPECT_EQ(run({books, books}, [&] { return acknowledge_changes(dry, {.name = "books", .to = "40"}); }),
            "consumer books is at 40 already; nothing would change\n");
  EXPECT_EQ(run({books}, [&] { return remove_consumer(session(true, true), "books"); }),
            R"({"dry_run":true,"action":"remove","name":"books","would_change":true})"
            "\n");
  for (const std::string& asked : daemon_.asked())
    EXPECT_THAT(asked, testing::StartsWith("GET "));
}

// A feed that was cut is exported from where it begins.
TEST_F(CliConsumers, AnExportBeginsWhereTheFeedDoes) {
  cli::ExportOptions options;
  options.what = "feed";
  const Canned begun{201, "{}"};
  const Canned status{200, R"({"feed":{"epoch":7,"first":41,"head":41}})"};
  const Canned page{200, R"({"items":[{"seq":41,"link_id":"a"}],"epoch":7,"head":41})"};
  const std::string out = run({begun, status, page}, [&] { return export_all(session(), options); });
  EXPECT_THAT(daemon_.asked().back(), HasSubstr("/v1/feed?after=40&"));
  EXPECT_THAT(out, HasSubstr(R"("seq":41)"));
}

TEST_F(CliConsumers, TailBeginsWhereTheFeedDoes) {
  const Canned status{200, R"({"feed":{"epoch":7,"first":41,"head":42}})"};
  const Canned page{200, R"({"items":[],"epoch":7,"head":42})"};
  run({status, page}, [&] { return tail_feed(session(), std::nullopt, false); });
  EXPECT_THAT(daemon_.asked().back(), HasSubstr("/v1/feed?after=40&"));
}

}  // namespace
}  // namespace syncd::test
