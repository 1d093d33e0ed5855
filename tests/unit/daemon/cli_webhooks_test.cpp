#include <functional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/cli/refresh_commands.hpp"
#include "daemon/cli/webhook_commands.hpp"
#include "daemon/exit_codes.hpp"
#include "tests/unit/daemon/scripted_daemon.hpp"

// webhooks audit and fix, against a daemon that answers what the test says.
namespace syncd::test {
namespace {

using testing::ContainsRegex;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

const Canned first_page{
    200,
    R"({"items":[{"link_id":"mk_1","status":"active","finding":"missing"},)"
    R"({"link_id":"mk_2","status":"relink","finding":"other","webhook":"https://old.example/x"},)"
    R"({"link_id":"mk_3","status":"active","finding":"unknown"}],"webhook":"https://h.example/x","looked_at":4,)"
    R"("next":"mk_4"})"};
const Canned last_page{200, R"({"items":[],"webhook":"https://h.example/x","looked_at":3})"};
const Canned fixed{200, R"({"items":[{"link_id":"mk_1","result":"fixed"},)"
                        R"({"link_id":"mk_2","result":"refused","code":"gone","message":"it was deleted"}],)"
                        R"("counts":{"fixed":1,"right":0,"refused":1}})"};

class CliWebhooks : public testing::Test {
 protected:
  cli::Session session(bool json = false, bool dry_run = false) const {
    return {.client = cli::Client(daemon_.path()), .json = json, .dry_run = dry_run, .confirmed = !dry_run};
  }
  std::string run(std::vector<Canned> answers, const std::function<cli::CliResult<int>()>& command) {
    daemon_.answers(std::move(answers));
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    result_ = command();
    errors_ = testing::internal::GetCapturedStderr();
    return testing::internal::GetCapturedStdout();
  }

  ScriptedDaemon daemon_;
  cli::CliResult<int> result_;
  std::string errors_;
};

TEST_F(CliWebhooks, TheAuditReadsAllPagesAndFailsWhenSomethingIsWrong) {
  const std::string out = run({first_page, last_page}, [&] { return audit_webhooks(session()); });
  EXPECT_THAT(daemon_.asked(), ElementsAre("GET /v1/webhooks/audit?limit=1000",
                                           "GET /v1/webhooks/audit?limit=1000&after=mk_4"));
  EXPECT_EQ(result_, daemon::exit_failure);
  EXPECT_THAT(out, ContainsRegex("mk_1 +active +missing"));
  EXPECT_THAT(out, ContainsRegex("mk_2 +relink +other +https://old.example/x"));
  EXPECT_THAT(out,
              HasSubstr("7 links looked at: 1 without a webhook, 1 with another one, 1 not visited yet\n"));
  EXPECT_EQ(run({last_page}, [&] { return audit_webhooks(session()); }),
            "3 links looked at: 0 without a webhook, 0 with another one\n");
  EXPECT_EQ(result_, daemon::exit_ok);
  const std::string json = run({first_page, last_page}, [&] { return audit_webhooks(session(true)); });
  EXPECT_THAT(json, HasSubstr(R"({"link_id":"mk_3","status":"active","finding":"unknown"})"));
  EXPECT_EQ(result_, daemon::exit_failure);
}

TEST_F(CliWebhooks, AFixNamesThoseThatAreWrongAndTellsWhatWasRefused) {
  const std::string out = run({first_page, last_page, fixed}, [&] { return fix_webhooks(session()); });
  EXPECT_EQ(daemon_.asked().back(), R"(POST /v1/webhooks/fix {"link_ids":["mk_1","mk_2"]})");
  EXPECT_EQ(out, "1 link have the configured webhook now, 0 had it already, 1 were refused\n");
  EXPECT_EQ(errors_, "mk_2: it was deleted\n");
  EXPECT_EQ(result_, daemon::exit_failure);
  const std::string json = run({first_page, last_page, fixed}, [&] { return fix_webhooks(session(true)); });
  EXPECT_EQ(json, R"({"dry_run":false,"looked_at":7,"wrong":2,"fixed":1,"right":0,)"
                  R"("refused":[{"link_id":"mk_2","code":"gone","message":"it was deleted"}]})"
                  "\n");
}

TEST_F(CliWebhooks, ADryRunChangesNothing) {
  const std::string out = run({first_page, last_page}, [&] { return fix_webhooks(session(false, true)); });
  EXPECT_THAT(daemon_.asked(), SizeIs(2));
  EXPECT_THAT(out, HasSubstr("would give 2 links the configured webhook; nothing was changed\n"));
  EXPECT_EQ(result_, daemon::exit_ok);
}

TEST_F(CliWebhooks, ManyAreFixedInBatchesAndAStopSaysHowFarItCame) {
  std::string items;
  for (int i = 0; i < 25; ++i)
    items += (i == 0 ? "" : ",") + (R"({"link_id":"mk_)" + std::to_string(i)) +
             R"(","status":"active","finding":"missing"})";
  const Canned page{200, R"({"items":[)" + items + R"(],"webhook":"https://h.example/x","looked_at":25})"};
  const Canned batch{200, R"({"items":[],"counts":{"fixed":20,"right":0,"refused":0}})"};
  const Canned failed{500, R"({"code":"internal","detail":"oh"})"};
  run({page, batch, failed}, [&] { return fix_webhooks(session()); });
  ASSERT_FALSE(result_);
  EXPECT_THAT(result_.error().message, HasSubstr("20 of 25 links are done. Run it again"));
}

TEST_F(CliWebhooks, ARefreshTellsWhatWasAskedForAndWhatWasNot) {
  const Canned both{202,
                    R"({"link_id":"mk_1","items":[{"product":"accounts","asked":true},)"
                    R"({"product":"transactions","asked":false,"reason":"too_soon","message":"too early"}],)"
                    R"("calls_left":7})"};
  const std::string out = run({both}, [&] {
    return refresh_link(session(), {.link_id = "mk_1", .products = {"accounts", "transactions"}});
  });
  EXPECT_THAT(daemon_.asked(),
              ElementsAre(R"(POST /v1/links/mk_1/refresh {"products":["accounts","transactions"]})"));
  EXPECT_EQ(out,
            "accounts: asked for; the link is visited when the bank has answered\n"
            "transactions: too early\n7 refreshes left\n");
  EXPECT_EQ(result_, daemon::exit_ok);
  const Canned none{200,
                    R"({"link_id":"mk_1","items":[{"product":"transactions","asked":false,"reason":"off",)"
                    R"("message":"off"}],"calls_left":0})"};
  run({none}, [&] { return refresh_link(session(), {.link_id = "mk_1", .products = {}}); });
  EXPECT_THAT(daemon_.asked(), ElementsAre("POST /v1/links/mk_1/refresh {}"));
  EXPECT_EQ(result_, daemon::exit_failure);
  const Canned link{200, R"({"link_id":"mk_1"})"};
  EXPECT_THAT(
      run({link}, [&] { return refresh_link(session(false, true), {.link_id = "mk_1", .products = {}}); }),
      HasSubstr("nothing was asked"));
  EXPECT_THAT(daemon_.asked(), ElementsAre("GET /v1/links/mk_1"));
}

}  // namespace
}  // namespace syncd::test
