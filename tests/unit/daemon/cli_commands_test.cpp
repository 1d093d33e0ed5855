#include <functional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/cli/backup_commands.hpp"
#include "daemon/cli/commands.hpp"
#include "daemon/cli/continuity.hpp"
#include "daemon/cli/purge_commands.hpp"
#include "daemon/cli/relink_commands.hpp"
#include "daemon/cli/token_commands.hpp"
#include "daemon/cli/verify_commands.hpp"
#include "daemon/exit_codes.hpp"
#include "tests/unit/daemon/scripted_daemon.hpp"

// Each command against a daemon that answers what the test says.
namespace syncd::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class CliCommands : public testing::Test {
 protected:
  cli::Session session(bool json = false, bool dry_run = false) const {
    return {.client = cli::Client(daemon_.path()), .json = json, .dry_run = dry_run, .confirmed = !dry_run};
  }
  // What the command printed; its result is in result_.
  std::string run(std::vector<Canned> answers, const std::function<cli::CliResult<int>()>& command) {
    daemon_.answers(std::move(answers));
    testing::internal::CaptureStdout();
    result_ = command();
    return testing::internal::GetCapturedStdout();
  }

  ScriptedDaemon daemon_;
  cli::CliResult<int> result_;
};

const Canned not_found{404, R"({"code":"link_not_found","detail":"there is no such link"})"};
const Canned an_active_link{200, R"({"link_id":"mk_1","status":"active"})"};
const Canned a_paused_link{200, R"({"link_id":"mk_1","status":"paused"})"};

using Command = std::function<cli::CliResult<int>(const cli::Session&)>;

std::vector<std::pair<std::string, Command>> commands() {
  using cli::Session;
  return {
      {"GET /v1/status", [](const Session& s) { return show_status(s); }},
      {"GET /v1/links?limit=1000&state=relink", [](const Session& s) { return list_links(s, "relink", ""); }},
      {"GET /v1/links/mk_1", [](const Session& s) { return show_link(s, "mk_1"); }},
      {R"(POST /v1/links {"link_id":"mk_1"})",
       [](const Session& s) { return add_link(s, {.link_id = "mk_1", .customer_user_id = {}, .tags = {}}); }},
      {"POST /v1/links/mk_1/sync", [](const Session& s) { return sync_link(s, "mk_1", ""); }},
      {"POST /v1/links/mk_1/pause", [](const Session& s) { return pause_link(s, "mk_1"); }},
      {"POST /v1/links/mk_1/resume", [](const Session& s) { return resume_link(s, "mk_1"); }},
      {R"(POST /v1/links/mk_1/purge {"unlink":true})",
       [](const Session& s) { return purge_link(s, {.link_id = "mk_1", .unlink = true}); }},
      {"POST /v1/links/mk_1/purge {}", [](const Session& s) { return purge_link(s, {.link_id = "mk_1"}); }},
      {"GET /v1/links/mk_1/feed?limit=20", [](const Session& s) { return list_link_feed(s, "mk_1", 20); }},
      {"GET /v1/links/mk_1/accounts?limit=1000", [](const Session& s) { return list_accounts(s, "mk_1"); }},
      {"GET /v1/links/mk_1/transactions?limit=5",
       [](const Session& s) { return list_transactions(s, "mk_1", 5); }},
      {"GET /v1/relink?limit=1000&status=open",
       [](const Session& s) { return list_relinks(s, {.status = "open"}); }},
      {"GET /v1/relink/mk_1", [](const Session& s) { return show_relink(s, "mk_1"); }},
      {"GET /v1/relink/mk_1/continuity", [](const Session& s) { return show_continuity(s, "mk_1"); }},
      {"GET /v1/status", [](const Session& s) { return tail_feed(s, std::nullopt, false); }},
      {"GET /v1/feed?after=7&limit=500", [](const Session& s) { return tail_feed(s, 7, false); }},
      {"GET /v1/tokens?limit=1000", [](const Session& s) { return list_tokens(s); }},
      {R"(POST /v1/tokens {"name":"ci","role":"read","lifetime":"90d"})",
       [](const Session& s) { return create_token(s, {.name = "ci", .role = "read"}); }},
      {"POST /v1/tokens/ci/revoke", [](const Session& s) { return revoke_token(s, "ci"); }},
      {"POST /v1/backups", [](const Session& s) { return create_backup(s); }},
      {"GET /v1/backups?limit=1000", [](const Session& s) { return list_backups(s); }},
  };
}

TEST_F(CliCommands, HandOnWhatTheDaemonRefuses) {
  for (const auto& [request, command] : commands()) {
    SCOPED_TRACE(request);
    EXPECT_EQ(run({not_found}, [&] { return command(session()); }), "");
    ASSERT_FALSE(result_);
    EXPECT_EQ(result_.error().exit_code, daemon::exit_failure);
    EXPECT_EQ(result_.error().message, "there is no such link");
    EXPECT_EQ(result_.error().problem, "link_not_found");
    EXPECT_THAT(daemon_.asked(), ElementsAre(request));
  }
}

const Canned a_running_backup{
    202, R"({"name":"20261201T005320.123Z","state":"running","progress":{"bytes_read":1,"bytes_all":4}})"};
const Canned a_whole_backup{200,
                            R"({"name":"20261201T005320.123Z","state":"whole","bytes":2097152,"files":12,)"
                            R"("links":3,"feed":{"epoch":5,"head":1234}})"};
const Canned a_failed_backup{
    200, R"({"name":"20261201T005320.123Z","state":"failed","error":"the disk is gone"})"};

TEST_F(CliCommands, ABackupIsWaitedFor) {
  const auto create = [this] { return create_backup(session()); };
  EXPECT_EQ(run({a_running_backup, a_running_backup, a_whole_backup}, create),
            "backup 20261201T005320.123Z is whole: 2 MiB in 12 files, 3 links\n");
  EXPECT_EQ(result_, daemon::exit_ok);
  EXPECT_THAT(daemon_.asked(),
              ElementsAre("POST /v1/backups", "GET /v1/backups/20261201T005320.123Z?wait=500ms",
                          "GET /v1/backups/20261201T005320.123Z?wait=500ms"));
  EXPECT_EQ(run({a_running_backup, a_failed_backup}, create), "");
  ASSERT_FALSE(result_);
  EXPECT_EQ(result_.error().exit_code, daemon::exit_io);
  EXPECT_EQ(result_.error().message, "the backup failed: the disk is gone");
  EXPECT_EQ(run({a_whole_backup}, [this] { return create_backup(session(true)); }),
            a_whole_backup.body + "\n");
}

TEST_F(CliCommands, ABackupIsOnlyDescribed) {
  const auto describe = [this] { return create_backup(session(false, true)); };
  EXPECT_EQ(run({{200, R"({"items":[]})"}}, describe),
            "would make a backup of the store; nothing was changed\n");
  EXPECT_THAT(daemon_.asked(), ElementsAre("GET /v1/backups?limit=1000"));
  run({{200, R"({"items":[)" + a_running_backup.body + "]}"}}, describe);
  ASSERT_FALSE(result_);
  EXPECT_EQ(result_.error().problem, "backup_under_way");
}

TEST_F(CliCommands, BackupsAreListed) {
  const auto list = [this] { return list_backups(session()); };
  EXPECT_THAT(run({{200, R"({"items":[]})"}}, list), HasSubstr("no backups"));
  const auto table = run({{200, R"({"items":[)" + a_running_backup.body + "," + a_whole_backup.body + "," +
                                    a_failed_backup.body + "]}"}},
                         list);
  for (const auto text : {"running", "whole", "1,234", "2 MiB", "the disk is gone", "3 backups"})
    EXPECT_THAT(table, HasSubstr(text));
}

TEST_F(CliCommands, SayThatTheDaemonDidNotAnswer) {
  run({}, [&] { return show_status(session()); });
  ASSERT_FALSE(result_);
  EXPECT_EQ(result_.error().exit_code, daemon::exit_unavailable);
  EXPECT_THAT(result_.error().message, HasSubstr("ended the connection without an answer"));
  run({{500, R"({})"}}, [&] { return show_status(session()); });
  ASSERT_FALSE(result_);
  EXPECT_EQ(result_.error().message, "the daemon answered HTTP 500");
  run({{200, "<html>"}}, [&] { return show_status(session()); });
  ASSERT_FALSE(result_);
  EXPECT_THAT(result_.error().message, HasSubstr("is not JSON: is this the daemon's socket?"));
}

TEST_F(CliCommands, SayWhyTheSocketIsOfNoUse) {
  const cli::Session nowhere{.client = cli::Client(daemon_.path() + "x")};
  const auto missing = show_status(nowhere);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().exit_code, daemon::exit_unavailable);
  EXPECT_THAT(missing.error().message, HasSubstr("is moneykit-syncd running?"));
  const auto long_path = cli::show_status({.client = cli::Client(std::string(108, 'x'))});
  ASSERT_FALSE(long_path);
  EXPECT_EQ(long_path.error().exit_code, daemon::exit_usage);
}

TEST_F(CliCommands, PrintTheAnswerAsItCameWhenJsonIsWanted) {
  const std::string object = R"({"status":"active","feed":{"head":0}})";
  const std::string list = R"({"items":[{"link_id":"a"},{"link_id":"b"}]})";
  for (const auto& [request, command] : commands()) {
    if (request.find("/feed") != std::string::npos) continue;
    if (request == "POST /v1/backups") continue;  // it waits for the end: ABackupIsWaitedFor
    SCOPED_TRACE(request);
    const bool listed = request.find("limit=") != std::string::npos;
    const std::string out = run({{200, listed ? list : object}, {200, R"({"items":[]})"}},
                                [&] { return command(session(true)); });
    if (listed) EXPECT_EQ(out, "{\"items\":[\n{\"link_id\":\"a\"},\n{\"link_id\":\"b\"}]}\n");
    if (!listed && daemon_.asked().size() == 1) EXPECT_EQ(out, object + "\n");
  }
}

TEST_F(CliCommands, ListsAreReadPageByPage) {
  const Canned first{200, R"({"items":[{"transaction_id":"t1"},{"transaction_id":"t2"}],"next":"t 2"})"};
  const Canned last{200, R"({"items":[{"transaction_id":"t3"}],"total":3})"};
  const std::string out = run({first, last}, [&] { return list_transactions(session(), "mk_1", 0); });
  EXPECT_THAT(out, HasSubstr("3 transactions, 0 of them pending"));
  EXPECT_THAT(daemon_.asked(), ElementsAre("GET /v1/links/mk_1/transactions?limit=1000",
                                           "GET /v1/links/mk_1/transactions?limit=1000&after=t%202"));
  run({first, last}, [&] { return list_transactions(session(), "mk_1", 2); });
  EXPECT_THAT(daemon_.asked(), ElementsAre("GET /v1/links/mk_1/transactions?limit=2"));
  run({first, last}, [&] { return list_transactions(session(), "mk_1", 3); });
  EXPECT_THAT(daemon_.asked(), ElementsAre("GET /v1/links/mk_1/transactions?limit=3",
                                           "GET /v1/links/mk_1/transactions?limit=1&after=t%202"));
  run({first, not_found}, [&] { return list_transactions(session(), "mk_1", 0); });
  EXPECT_FALSE(result_);
}

TEST_F(CliCommands, ListsOfEverythingNameNoFilter) {
  run({{200, R"({"items":[]})"}}, [&] { return list_links(session(), "", ""); });
  EXPECT_THAT(daemon_.asked(), ElementsAre("GET /v1/links?limit=1000"));
  EXPECT_EQ(run({{200, R"({"items":[]})"}}, [&] { return list_relinks(session(), {.status = "all"}); }),
            "no relink entries\n");
  EXPECT_THAT(daemon_.asked(), ElementsAre("GET /v1/relink?limit=1000"));
}

TEST_F(CliCommands, AddSaysWhetherTheLinkIsNew) {
  const cli::AddOptions options{.link_id = "mk_1", .customer_user_id = "u", .tags = {"a", "b"}};
  EXPECT_THAT(run({{201, "{}"}}, [&] { return add_link(session(), options); }),
              HasSubstr("is registered and"));
  EXPECT_THAT(daemon_.asked(),
              ElementsAre(R"(POST /v1/links {"link_id":"mk_1","customer_user_id":"u","tags":["a","b"]})"));
  EXPECT_THAT(run({{200, "{}"}}, [&] { return add_link(session(), options); }),
              HasSubstr("was registered already; nothing changed"));
}

TEST_F(CliCommands, SyncEndsLikeTheVisitItWaitedFor) {
  const Canned queued{202, R"({"link_id":"mk_1"})"};
  EXPECT_EQ(run({queued}, [&] { return sync_link(session(), "mk_1", ""); }), "link mk_1 is queued\n");
  EXPECT_EQ(result_.value(), 0);
  EXPECT_EQ(
      run({queued}, [&] { return sync_link(session(), "mk_1", "2s"); }),
      "link mk_1 is queued; the sync had not ended when the wait was over: moneykitctl status tells what "
      "holds the daemon up\n");
  EXPECT_THAT(daemon_.asked(), ElementsAre("POST /v1/links/mk_1/sync?wait=2s"));
  for (const char* outcome : {"success", "yielded", "failed"}) {
    const Canned ended{200, R"({"link_id":"mk_1","error":null,"outcome":")" + std::string(outcome) + "\"}"};
    const int expected = outcome == std::string_view("failed") ? 1 : 0;
    EXPECT_THAT(run({ended}, [&] { return sync_link(session(), "mk_1", "2s"); }), HasSubstr(outcome));
    EXPECT_EQ(result_.value(), expected);
    EXPECT_EQ(run({ended}, [&] { return sync_link(session(true), "mk_1", "2s"); }), ended.body + "\n");
    EXPECT_EQ(result_.value(), expected);
  }
}

TEST_F(CliCommands, ATokenGoesToStandardOutputAlone) {
  const Canned made{201,
                    R"({"name":"ci","role":"read","expires_at":"2027-01-01T00:00:00.000Z","token":"mks_x"})"};
  testing::internal::CaptureStderr();
  EXPECT_EQ(run({made}, [&] { return create_token(session(), {.name = "ci", .role = "read"}); }), "mks_x\n");
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            "token ci has the role read until 2027-01-01T00:00:00.000Z; it is shown only now:\n");
  EXPECT_THAT(run({{200, "{}"}}, [&] { return revoke_token(session(), "ci"); }),
              HasSubstr("token ci is revoked"));
}

TEST_F(CliCommands, TokensAreShownInATable) {
  const Canned list{200, R"({"items":[{"name":"ci","role":"read","state":"expired","created_by":"uid:0"},)"
                         R"({"name":"me","role":"admin","state":"live","created_by":"token:\u001b[2J"}]})"};
  const std::string out = run({list}, [&] { return list_tokens(session()); });
  EXPECT_THAT(out, testing::ContainsRegex("ci +read +expired +- +uid:0"));
  EXPECT_THAT(out, HasSubstr("2 tokens: 1 expired, 1 live"));
  EXPECT_THAT(out, testing::Not(HasSubstr("\x1b")));
  EXPECT_EQ(run({{200, R"({"items":[]})"}}, [&] { return list_tokens(session()); }), "no tokens\n");
}

TEST_F(CliCommands, ADryRunOfATokenOnlyLooks) {
  const Canned list{200, R"({"items":[{"name":"live","state":"live"},{"name":"old","state":"revoked"}]})"};
  const auto create = [&](const std::string& name) {
    return run({list}, [&] { return create_token(session(false, true), {.name = name, .role = "read"}); });
  };
  EXPECT_EQ(create("new"), "would create token new; nothing was changed\n");
  EXPECT_THAT(daemon_.asked(), ElementsAre("GET /v1/tokens?limit=1000"));
  EXPECT_EQ(create("old"), "would create token old; nothing was changed\n");
  EXPECT_EQ(create("live"), "");
  EXPECT_EQ(result_.error().problem, "conflict");
  const auto revoke = [&](const std::string& name, bool json = false) {
    return run({list}, [&] { return revoke_token(session(json, true), name); });
  };
  EXPECT_EQ(revoke("live"), "would revoke token live; nothing was changed\n");
  EXPECT_EQ(revoke("old"), "token old is revoked already; nothing would change\n");
  EXPECT_EQ(revoke("old", true),
            "{\"dry_run\":true,\"action\":\"revoke\",\"name\":\"old\",\"state\":\"revoked\","
            "\"would_change\":false}\n");
  EXPECT_EQ(revoke("new"), "");
  EXPECT_EQ(result_.error().problem, "token_not_found");
  EXPECT_THAT(daemon_.asked(), ElementsAre("GET /v1/tokens?limit=1000"));
}

// ---- dry runs ----

TEST_F(CliCommands, ADryRunAsksAndChangesNothing) {
  const auto text = [&](const Canned& link, const Command& command) {
    const std::string out = run({link}, [&] { return command(session(false, true)); });
    EXPECT_THAT(daemon_.asked(), ElementsAre("GET /v1/links/mk_1"));
    return out;
  };
  const Command pause = [](const cli::Session& s) { return pause_link(s, "mk_1"); };
  const Command resume = [](const cli::Session& s) { return resume_link(s, "mk_1"); };
  const Command sync = [](const cli::Session& s) { return sync_link(s, "mk_1", "10s"); };
  const Command add = [](const cli::Session& s) {
    return add_link(s, {.link_id = "mk_1", .customer_user_id = {}, .tags = {}});
  };
  EXPECT_EQ(text(an_active_link, pause), "would pause link mk_1 (now active); nothing was changed\n");
  EXPECT_EQ(text(a_paused_link, pause), "link mk_1 is paused already; nothing would change\n");
  EXPECT_EQ(text(a_paused_link, resume), "would resume link mk_1 (now paused); nothing was changed\n");
  EXPECT_EQ(text(an_active_link, resume), "link mk_1 is active already; nothing would change\n");
  EXPECT_EQ(text(an_active_link, sync), "would sync link mk_1 (now active); nothing was changed\n");
  EXPECT_EQ(text(an_active_link, add), "link mk_1 is registered already; nothing would change\n");
  EXPECT_EQ(text(not_found, add), "would register link mk_1 and sync it at once; nothing was changed\n");
  text(a_paused_link, sync);
  ASSERT_FALSE(result_);
  EXPECT_EQ(result_.error().problem, "conflict");
  text(not_found, pause);
  ASSERT_FALSE(result_);
  EXPECT_EQ(result_.error().problem, "link_not_found");
  text({500, "{}"}, add);
  EXPECT_FALSE(result_);
}

TEST_F(CliCommands, ADryRunRefusesWhatNeedsNoDaemon) {
  run({}, [&] {
    return add_link(session(false, true), {.link_id = "mk_1", .customer_user_id = {}, .tags = {""}});
  });
  ASSERT_FALSE(result_);
  EXPECT_EQ(result_.error().exit_code, daemon::exit_usage);
  EXPECT_EQ(result_.error().message, "--tag must have 1 to 128 bytes each and no control characters");
  EXPECT_EQ(result_.error().problem, "invalid_body");
  EXPECT_THAT(daemon_.asked(), ElementsAre());
}

TEST_F(CliCommands, ADryRunInJson) {
  EXPECT_EQ(run({an_active_link}, [&] { return pause_link(session(true, true), "mk_1"); }),
            R"({"dry_run":true,"action":"pause","link_id":"mk_1","status":"active","would_change":true})"
            "\n");
  EXPECT_EQ(run({not_found},
                [&] {
                  return add_link(session(true, true),
                                  {.link_id = "mk_1", .customer_user_id = {}, .tags = {}});
                }),
            R"({"dry_run":true,"action":"add","link_id":"mk_1","status":null,"would_change":true})"
            "\n");
}

// ---- verify ----

// As a daemon answers that was started at that minute; `result` empty: it is under way.
Canned verify_answer(int minute, const std::string& result) {
  const std::string report =
      result.empty() ? "null" : R"({"result":")" + result + R"(","reason":null,"detail":null})";
  return {result.empty() ? 202 : 200, R"({"link_id":"mk_1","state":")" +
                                          std::string(result.empty() ? "running" : "done") +
                                          R"(","daemon_started_at":"2025-05-06T16:0)" +
                                          std::to_string(minute) + R"(:00.000Z","report":)" + report + "}"};
}
const Canned stopping{503, R"({"code":"stopping","detail":"the daemon is stopping"})"};
const Canned three_links{200, R"({"items":[{"link_id":"mk_1"},{"link_id":"mk_2"},{"link_id":"mk_3"}]})"};

cli::CliResult<int> verify_one(const cli::Session& session) {
  return verify_links(session, {.link_id = "mk_1"});
}
cli::CliResult<int> verify_three(const cli::Session& session) {
  return verify_links(session, {.link_id = {}, .sample = 3});
}

TEST_F(CliCommands, VerifyWaitsForItsReport) {
  const std::string out = run({verify_answer(1, ""), verify_answer(1, ""), verify_answer(1, "match")},
                              [&] { return verify_one(session()); });
  EXPECT_THAT(out, HasSubstr("result            match"));
  EXPECT_THAT(daemon_.asked(),
              ElementsAre("POST /v1/links/mk_1/verify?wait=30s", "GET /v1/links/mk_1/verify?wait=30s",
                          "GET /v1/links/mk_1/verify?wait=30s"));
}

// What the next run of the daemon has is the report of an earlier verify, however long ago.
TEST_F(CliCommands, VerifyDoesNotTakeTheReportOfAnotherRunForItsOwn) {
  for (const char* result : {"match", "mismatch", ""}) {
    const std::string out =
        run({verify_answer(1, ""), verify_answer(2, result)}, [&] { return verify_one(session()); });
    EXPECT_EQ(out, "");
    ASSERT_FALSE(result_) << result;
    EXPECT_EQ(result_.error().exit_code, daemon::exit_unavailable);
    EXPECT_THAT(result_.error().message, HasSubstr("before the verify had ended"));
    EXPECT_EQ(daemon_.asked().size(), 2u);
  }
}

// 1 says that something differs, and nothing else says so.
TEST_F(CliCommands, VerifyEndsWithOneOnlyWhenSomethingDiffers) {
  const auto code_after = [&](const Canned& answer, const Command& command) {
    run({answer}, [&] { return command(session(false, true)); });
    return result_ ? *result_ : result_.error().exit_code;
  };
  const Command repair = [](const cli::Session& s) { return repair_link(s, "mk_1"); };
  for (const Command& verify : {Command(verify_one), repair}) {
    EXPECT_EQ(code_after(verify_answer(1, "match"), verify), 0);
    EXPECT_EQ(code_after(verify_answer(1, "mismatch"), verify), 1);
    EXPECT_EQ(code_after(verify_answer(1, "incomplete"), verify), 69);
    EXPECT_EQ(code_after(stopping, verify), 69);
    EXPECT_EQ(code_after(not_found, verify), 65);
    EXPECT_EQ(code_after({409, R"({"code":"conflict","detail":"the link is paused"})"}, verify), 65);
    EXPECT_EQ(code_after({500, "{}"}, verify), 65);
    EXPECT_EQ(code_after({200, "<html>"}, verify), 65);
  }
  EXPECT_EQ(code_after({400, R"({"code":"invalid_parameter","detail":"no"})"}, verify_three), 65);
}

TEST_F(CliCommands, ASampleEndsLikeTheWorstOfItsLinks) {
  const auto code_after = [&](std::vector<Canned> answers) {
    answers.insert(answers.begin(), three_links);
    run(std::move(answers), [&] { return verify_three(session()); });
    return result_.value();
  };
  const Canned match = verify_answer(1, "match");
  EXPECT_EQ(code_after({match, match, match}), 0);
  EXPECT_EQ(code_after({match, not_found, match}), 69);
  EXPECT_EQ(code_after({not_found, verify_answer(1, "mismatch"), not_found}), 1);
}

TEST_F(CliCommands, ASampleKeepsWhatItHasWhenTheDaemonGoes) {
  const auto sample = [&](const std::string& result, bool json) {
    return run({three_links, verify_answer(1, result), stopping},
               [&] { return verify_three(session(json)); });
  };
  const std::string table = sample("match", false);
  EXPECT_THAT(table, HasSubstr("stopping: the daemon is stopping"));
  EXPECT_THAT(table, HasSubstr("not_asked: "));
  EXPECT_THAT(table, HasSubstr("3 links, 1 as upstream has them, 0 different, 2 incomplete\n"));
  ASSERT_FALSE(result_);
  EXPECT_EQ(result_.error().exit_code, 69);
  EXPECT_EQ(result_.error().message, "the daemon is stopping; 2 of 3 links were not compared");
  EXPECT_EQ(daemon_.asked().size(), 3u) << "it is not asked again";
  const auto all = cli::parse_json(sample("mismatch", true));
  ASSERT_TRUE(all);
  ASSERT_EQ(all->find("items")->items.size(), 3u);
  EXPECT_EQ(all->find("items")->items[0].at("report.result"), "mismatch");
  EXPECT_EQ(all->find("items")->items[1].at("report.reason"), "stopping");
  EXPECT_EQ(all->find("items")->items[2].at("report.reason"), "not_asked");
  ASSERT_FALSE(result_);
  EXPECT_EQ(result_.error().exit_code, 1) << "what differs is the worse news";
  const std::string gone = run({three_links}, [&] { return verify_three(session()); });
  EXPECT_THAT(gone, HasSubstr("unavailable: cannot reach the daemon"));
}

const Canned store_failed{503, R"({"code":"storage_failed","detail":"block checksum mismatch"})"};

// ---- the feed ----

Canned feed_page(int epoch, const std::string& items, const std::string& next) {
  return {200, R"({"epoch":)" + std::to_string(epoch) + R"(,"head":100,"items":[)" + items + R"(],"next":)" +
                   next + "}"};
}
std::string entry(int sequence) {
  return R"({"seq":)" + std::to_string(sequence) + R"(,"kind":"transaction.created","link_id":"l","id":"t"})";
}

TEST_F(CliCommands, TailBeginsNearTheEnd) {
  const std::string out = run({{200, R"({"feed":{"head":100}})"}, feed_page(1, entry(81), "null")},
                              [&] { return tail_feed(session(), std::nullopt, false); });
  EXPECT_THAT(out, HasSubstr("        81  "));
  EXPECT_THAT(daemon_.asked(), ElementsAre("GET /v1/status", "GET /v1/feed?after=80&limit=500"));
  run({{200, R"({"feed":{"head":5}})"}, {200, R"({"epoch":1,"head":5})"}},
      [&] { return tail_feed(session(), std::nullopt, false); });
  EXPECT_THAT(daemon_.asked(), ElementsAre("GET /v1/status", "GET /v1/feed?after=0&limit=500"));
}

TEST_F(CliCommands, TailGoesOnWhereThePageEndedAndStartsOverWithTheFeed) {
  testing::internal::CaptureStderr();
  const std::string out = run({feed_page(1, entry(8) + "," + entry(9), "9"), feed_page(2, entry(1), "1"),
                               feed_page(2, entry(1), "null")},
                              [&] { return tail_feed(session(true), 7, false); });
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("the feed began anew (epoch 2 after 1)"));
  EXPECT_EQ(out, entry(8) + "\n" + entry(9) + "\n" + entry(1) + "\n");
  EXPECT_THAT(daemon_.asked(), ElementsAre("GET /v1/feed?after=7&limit=500", "GET /v1/feed?after=9&limit=500",
                                           "GET /v1/feed?after=0&limit=500"));
}

// It waits for a daemon that is restarted, and ends when that one refuses.
TEST_F(CliCommands, FollowingOutlastsARestart) {
  testing::internal::CaptureStderr();
  const Canned starting{503, R"({"code":"starting","detail":"the daemon is starting"})"};
  run({feed_page(1, entry(8), "8"), store_failed, starting, starting, not_found},
      [&] { return tail_feed(session(), 7, true); });
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "block checksum mismatch; trying again\n");
  ASSERT_FALSE(result_);
  EXPECT_EQ(daemon_.asked().size(), 5u);
  EXPECT_EQ(daemon_.asked().back(), "GET /v1/feed?after=8&limit=500&wait=30s");
}

TEST_F(CliCommands, FollowingADaemonThatWasNeverThereEndsAtOnce) {
  run({{503, R"({"code":"starting","detail":"the daemon is starting"})"}},
      [&] { return tail_feed(session(), 7, true); });
  ASSERT_FALSE(result_);
  EXPECT_EQ(daemon_.asked().size(), 1u);
}

// Between the status, which says where to begin, and the first page the feed may begin anew.
TEST_F(CliCommands, TailFollowsTheFeedIntoAnotherEpoch) {
  testing::internal::CaptureStderr();
  const std::string out = run({{200, R"({"feed":{"epoch":1,"head":100}})"},
                               {200, R"({"epoch":2,"items":[],"head":1})"},
                               feed_page(2, entry(1), "null")},
                              [&] { return tail_feed(session(true), std::nullopt, false); });
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("the feed began anew (epoch 2 after 1)"));
  EXPECT_EQ(out, entry(1) + "\n");
}

// What was noted in another epoch is not taken for "nothing new".
TEST_F(CliCommands, APositionBehindTheHeadIsRefused) {
  run({{200, R"({"epoch":2,"items":[],"head":5})"}}, [&] { return tail_feed(session(), 7, false); });
  ASSERT_FALSE(result_);
  EXPECT_EQ(result_.error().exit_code, 1);
  EXPECT_THAT(result_.error().message, HasSubstr("the feed ends at 5, so 7 is of no entry of it"));
  run({{200, R"({"epoch":2,"items":[],"head":7})"}}, [&] { return tail_feed(session(), 7, false); });
  EXPECT_TRUE(result_);
}

TEST_F(CliCommands, ASampleOfNoActiveLinkIsNoSuccess) {
  const Canned none{200, R"({"items":[]})"};
  run({none, {200, R"({"items":[{"link_id":"mk_1","status":"backoff"}]})"}},
      [&] { return verify_three(session()); });
  ASSERT_FALSE(result_);
  EXPECT_EQ(result_.error().exit_code, 69);
  EXPECT_THAT(result_.error().message, HasSubstr("no link is active, so nothing was compared"));
  EXPECT_EQ(run({none, none}, [&] { return verify_three(session()); }), "no links\n");
  EXPECT_TRUE(result_) << "there is nothing that could differ";
}

// A store that failed is another matter than a daemon that is not there.
TEST_F(CliCommands, AStoreThatFailedHasItsExitCode) {
  run({store_failed}, [&] { return show_status(session()); });
  ASSERT_FALSE(result_);
  EXPECT_EQ(result_.error().exit_code, 74);
  run({three_links, verify_answer(1, "match"), store_failed}, [&] { return verify_three(session()); });
  ASSERT_FALSE(result_);
  EXPECT_EQ(result_.error().exit_code, 74);
  EXPECT_EQ(result_.error().message, "block checksum mismatch; 2 of 3 links were not compared");
  EXPECT_EQ(daemon_.asked().size(), 3u) << "it is not asked again";
}

}  // namespace
}  // namespace syncd::test
