#include <cstdio>
#include <fcntl.h>
#include <functional>
#include <optional>
#include <pty.h>
#include <string>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/cli/confirm.hpp"
#include "daemon/cli/relink_commands.hpp"
#include "daemon/cli/session_commands.hpp"
#include "daemon/cli/token_commands.hpp"
#include "daemon/cli/verify_commands.hpp"
#include "daemon/exit_codes.hpp"
#include "tests/unit/daemon/scripted_daemon.hpp"

// What is hard to take back is asked about first, on a terminal.
namespace syncd::test {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

// Standard input is something else for the time of a test.
class StandardInput {
 public:
  explicit StandardInput(int instead) : before_(dup(STDIN_FILENO)) {
    dup2(instead, STDIN_FILENO);
    std::clearerr(stdin);
  }
  ~StandardInput() {
    dup2(before_, STDIN_FILENO);
    close(before_);
    std::clearerr(stdin);
  }
  StandardInput(const StandardInput&) = delete;
  StandardInput& operator=(const StandardInput&) = delete;

 private:
  int before_;
};

// A terminal at which somebody has typed already.
class Typist {
 public:
  explicit Typist(const std::string& typed) {
    EXPECT_EQ(openpty(&person_, &terminal_, nullptr, nullptr, nullptr), 0);
    EXPECT_EQ(write(person_, typed.data(), typed.size()), static_cast<ssize_t>(typed.size()));
    input_.emplace(terminal_);
  }
  ~Typist() {
    input_.reset();
    close(terminal_);
    close(person_);
  }
  Typist(const Typist&) = delete;
  Typist& operator=(const Typist&) = delete;

 private:
  int person_ = -1;
  int terminal_ = -1;
  std::optional<StandardInput> input_;
};

class CliConfirm : public testing::Test {
 protected:
  cli::Session session(bool confirmed = false) const {
    return {.client = cli::Client(daemon_.path()), .confirmed = confirmed};
  }
  // How it ended for who types this; -1: it goes on.
  int ended(const std::string& typed) {
    const Typist typist(typed);
    testing::internal::CaptureStderr();
    const auto result = confirm(session(), "the house is pulled down");
    said_ = testing::internal::GetCapturedStderr();
    if (!result) return -1;
    return result->has_value() ? **result : result->error().exit_code;
  }

  ScriptedDaemon daemon_;
  std::string said_;
};

TEST_F(CliConfirm, OnlyYesGoesOn) {
  EXPECT_EQ(ended("y\n"), -1);
  EXPECT_EQ(said_, "the house is pulled down. Go on? [y/N] ");
  EXPECT_EQ(ended("yes\n"), -1);
  EXPECT_EQ(ended("Y\n"), -1);
  for (const std::string& no : {std::string("\n"), std::string("n\n"), std::string("yesterday\n"),
                                std::string("\x04"), std::string(300, 'y') + "\n"}) {
    EXPECT_EQ(ended(no), 1) << no;
    EXPECT_EQ(said_, "the house is pulled down. Go on? [y/N] nothing was changed\n");
  }
}

TEST_F(CliConfirm, WithoutATerminalNothingIsDone) {
  const int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
  {
    const StandardInput input(nothing);
    const auto result = confirm(session(), "the house is pulled down");
    ASSERT_TRUE(result);
    ASSERT_FALSE(result->has_value());
    EXPECT_EQ(result->error().exit_code, daemon::exit_usage);
    EXPECT_THAT(result->error().message, StartsWith("the house is pulled down: "));
    EXPECT_THAT(result->error().message, HasSubstr("--yes"));
    EXPECT_FALSE(confirm(session(true), "the house is pulled down").has_value());
  }
  close(nothing);
}

// Each verb that asks, with what it asks about; whoever says no has changed nothing.
TEST_F(CliConfirm, TheVerbsThatAsk) {
  const std::string entry = R"({"link_id":"mk_1","status":"open","version":1,"outcome":"success"})";
  const std::vector<std::pair<const char*, std::function<cli::CliResult<int>(const cli::Session&)>>> verbs{
      {"link mk_1 still waits",
       [](const cli::Session& s) {
         return act_on_relink(s, {.kind = core::RelinkRequest::Kind::dismiss, .link_id = "mk_1"});
       }},
      {"nobody is admitted with token ann", [](const cli::Session& s) { return revoke_token(s, "ann"); }},
      {"dead letter 1:mk_1 is deleted", [](const cli::Session& s) { return drop_dead_letter(s, "1:mk_1"); }},
      {"repair reads the whole history of link mk_1",
       [](const cli::Session& s) { return repair_link(s, "mk_1"); }},
  };
  for (const auto& [question, verb] : verbs) {
    daemon_.answers({{200, entry}, {200, entry}});
    {
      const Typist typist("n\n");
      testing::internal::CaptureStderr();
      const int code = verb(session()).value_or(-1);
      EXPECT_THAT(testing::internal::GetCapturedStderr(), StartsWith(question));
      EXPECT_EQ(code, 1) << question;
    }
    EXPECT_THAT(daemon_.asked(), Each(StartsWith("GET "))) << question;
    daemon_.answers({{200, entry}, {200, entry}});
    testing::internal::CaptureStdout();
    const int code = verb(session(true)).value_or(-1);
    testing::internal::GetCapturedStdout();
    EXPECT_EQ(code, 0) << question;
    EXPECT_THAT(daemon_.asked().back(), StartsWith("POST ")) << question;
  }
}

// ---- acts on entries, and dry runs of what goes upstream ----

class CliActs : public testing::Test {
 protected:
  std::string run(std::vector<Canned> answers, const std::function<cli::CliResult<int>()>& command) {
    daemon_.answers(std::move(answers));
    testing::internal::CaptureStdout();
    result_ = command();
    return testing::internal::GetCapturedStdout();
  }
  cli::Session session(bool json = false, bool dry_run = true) const {
    return {.client = cli::Client(daemon_.path()), .json = json, .dry_run = dry_run};
  }

  const std::string me_ = "uid:" + std::to_string(::getuid());
  const Canned claimed_{200,
                        R"({"link_id":"mk_1","status":"claimed","assignee":"ann","version":4,"history":[)"
                        R"({"at":"2025-05-06T16:31:12.000Z","kind":"claimed","actor":")" +
                            me_ + R"(","text":"ann"}]})"};
  const Canned of_bob_{200, R"({"link_id":"mk_1","status":"claimed","assignee":"bob","version":4})"};
  ScriptedDaemon daemon_;
  cli::CliResult<int> result_;
};

TEST_F(CliActs, ADryRunKnowsWhatIsNoNews) {
  const cli::RelinkActOptions again{.link_id = "mk_1", .assignee = "ann"};
  EXPECT_EQ(run({claimed_}, [&] { return act_on_relink(session(), again); }),
            "the entry of link mk_1 is claimed so already; nothing would change\n");
  EXPECT_THAT(run({claimed_}, [&] { return act_on_relink(session(true), again); }),
              HasSubstr(R"("version":4,"would_change":false})"));
  const cli::RelinkActOptions release{.kind = core::RelinkRequest::Kind::release, .link_id = "mk_1"};
  EXPECT_THAT(run({claimed_}, [&] { return act_on_relink(session(), release); }),
              HasSubstr("would release the entry of link mk_1"))
      << "it was I who claimed it for her";
}

TEST_F(CliActs, SomebodyElsesClaimIsNamedWithTheFlag) {
  for (const auto kind : {core::RelinkRequest::Kind::claim, core::RelinkRequest::Kind::release}) {
    cli::RelinkActOptions options{.kind = kind, .link_id = "mk_1"};
    const Canned refused{409, R"({"code":"claimed_by_other","detail":"the entry is claimed by bob"})"};
    for (const bool dry_run : {true, false}) {
      run({of_bob_, refused}, [&] { return act_on_relink(session(false, dry_run), options); });
      ASSERT_FALSE(result_);
      EXPECT_EQ(result_.error().exit_code, 1);
      EXPECT_EQ(result_.error().message,
                "the entry of link mk_1 is claimed by bob: say --take-over if that is agreed");
    }
    options.take_over = true;
    run({of_bob_, of_bob_}, [&] { return act_on_relink(session(false, false), options); });
    EXPECT_TRUE(result_);
    EXPECT_THAT(daemon_.asked().back(), HasSubstr(R"({"version":4,"take_over":true})"));
  }
}

TEST_F(CliActs, DryRunsOfSessionsOnlyLook) {
  const Canned links{200, R"({"items":[{"link_id":"a","customer_user_id":"user_7"},)"
                          R"({"link_id":"b","customer_user_id":"user_77"}]})"};
  const cli::SessionOptions options{.customer_user_id = "user_7",
                                    .institution_id = {},
                                    .redirect_uri = {},
                                    .webhook = {},
                                    .tags = {},
                                    .products = {}};
  EXPECT_EQ(
      run({links}, [&] { return issue_session(session(), options); }),
      "would make a session upstream with which a bank is connected (user user_7 has 1 link here); nothing "
      "was changed\n");
  EXPECT_THAT(daemon_.asked(), ElementsAre("GET /v1/links?limit=1000&search=user_7"));
  EXPECT_EQ(run({links}, [&] { return issue_session(session(true), options); }),
            R"({"dry_run":true,"action":"sessions.create","customer_user_id":"user_7","links":1})"
            "\n");
  EXPECT_EQ(run({{200, R"({"actor":"uid:0","role":"admin"})"}},
                [&] { return exchange_token(session(), {.customer_user_id = {}, .tags = {}}); }),
            "would exchange the token, which is not read now, and register its link; nothing was changed\n");
  EXPECT_THAT(daemon_.asked(), ElementsAre("GET /v1/whoami"));
}

TEST_F(CliActs, ASessionIsCheckedBeforeAnybodyIsAsked) {
  struct Case {
    cli::SessionOptions options;
    const char* message;
  };
  const auto of = [](const char* user, const char* redirect, const char* webhook, const char* tag) {
    cli::SessionOptions options;
    options.customer_user_id = user;
    options.redirect_uri = redirect;
    options.webhook = webhook;
    options.tags = {tag};
    return options;
  };
  for (const Case& test : {Case{of("abc", "", "", "t"), "--user must have 4 to 150 characters"},
                           Case{of("user_7", "ftp://x", "", "t"), "--redirect-uri "},
                           Case{of("user_7", "", "http://far.example", "t"), "--webhook "},
                           Case{of("user_7", "", "", " "), "--tag"}}) {
    for (const bool dry_run : {true, false}) {
      run({}, [&] { return issue_session(session(false, dry_run), test.options); });
      ASSERT_FALSE(result_) << test.message;
      EXPECT_EQ(result_.error().exit_code, daemon::exit_usage);
      EXPECT_THAT(result_.error().message, StartsWith(test.message));
    }
  }
  EXPECT_THAT(daemon_.asked(), testing::IsEmpty());
}

}  // namespace
}  // namespace syncd::test
