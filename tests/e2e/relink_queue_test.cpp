// The relink queue as people use it: the real daemon, its command line tool, and a bank's user at the
// sandbox.
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/e2e/rig.hpp"

namespace syncd::test::e2e {

namespace {

using testing::HasSubstr;
using testing::Not;

constexpr std::chrono::seconds end_limit{60};
constexpr std::string_view back = "https://app.example/back";

// Looks at a link that waits for its owner every few seconds.
Tuning watchful() {
  Tuning tuning;
  tuning.budget = "accounts_per_link = 1000\nsync_per_link = 1000\nlink_per_link = 1000\n";
  tuning.schedule = "interval = \"2s\"\nmax_interval = \"1h\"\n";
  tuning.store = "";
  tuning.daemon = "[link_session]\nredirect_uri = \"" + std::string(back) + "\"\n";
  return tuning;
}

class RelinkQueue : public testing::Test {
 protected:
  RelinkQueue() : sandbox_(dir_.path(), {"--no-budgets"}), daemon_(dir_.path(), sandbox_, watchful()) {}

  Result run(const std::vector<std::string>& command) {
    const std::filesystem::path log = dir_.path() / ("ctl-" + std::to_string(++runs_) + ".log");
    return run_to_end(command, log, end_limit);
  }
  Result ctl(const std::vector<std::string>& arguments) {
    std::vector<std::string> command{MONEYKITCTL_PROGRAM, "--socket", dir_.path() / "admin.sock"};
    command.insert(command.end(), arguments.begin(), arguments.end());
    return run(command);
  }

  std::string add_link() {
    const std::string link_id = sandbox_.add_links(
        R"({"institution_id":"credentials_bank","accounts":1,"history_months":1,"transactions_per_month":20)"
        R"(,"webhook":"https://app.example/hook","link_tag":"tenant:7"})")[0];
    daemon_.admin("POST", "/v1/links", R"({"link_id":")" + link_id + R"(","customer_user_id":"user-0007"})");
    daemon_.wait_for("the first history",
                     [&] { return status_of(link_id) == "active" && has_synced(link_id); });
    return link_id;
  }
  std::string status_of(const std::string& link_id) { return daemon_.links()[link_id]["status"].text(); }
  bool has_synced(const std::string& link_id) {
    return !daemon_.links()[link_id]["last_success_at"].is_null();
  }
  Json entry_of(const std::string& link_id) {
    return Json::parse(daemon_.ask("GET", "/v1/relink/" + link_id).body);
  }

  /// An act on the entry over the admin API, with the version that it has or another one.
  Reply act(const std::string& link_id, std::string_view verb, std::string_view version,
            std::string_view rest = {}, std::string_view key = {}) {
    const std::string body = fmt::format(R"({{"version":{}{}}})", version, rest);
    const std::string header = key.empty() ? std::string() : fmt::format("Idempotency-Key: {}\r\n", key);
    return request({dir_.path() / "admin.sock"}, "POST", fmt::format("/v1/relink/{}/{}", link_id, verb), body,
                   header);
  }
  std::size_t noted(const std::string& link_id) {
    std::size_t notes = 0;
    for (const Json& event : entry_of(link_id)["history"].items())
      notes += event["kind"].text() == "noted" ? 1 : 0;
    return notes;
  }

  void expire(const std::string& link_id) {
    sandbox_.control("POST", "links/" + link_id + "/reset");
    daemon_.admin("POST", "/v1/links/" + link_id + "/sync");
    daemon_.wait_for("an open entry", [&] { return entry_of(link_id)["status"].text() == "open"; });
  }

  ScratchDir dir_;
  Sandbox sandbox_;
  Daemon daemon_;
  int runs_ = 0;
};

}  // namespace

TEST_F(RelinkQueue, FromTheExpiryToTheResolution) {
  daemon_.start();
  const std::string link_id = add_link();
  expire(link_id);

  const Result listed = ctl({"relink", "ls"});
  EXPECT_THAT(listed.output, HasSubstr(link_id));
  EXPECT_THAT(listed.output, HasSubstr("auth_expired"));
  EXPECT_THAT(listed.output, HasSubstr("user-0007"));
  EXPECT_EQ(ctl({"relink", "claim", link_id, "--dry-run"}).code, 0);
  EXPECT_EQ(entry_of(link_id)["status"].text(), "open");

  const Result claimed = ctl({"relink", "claim", link_id, "--version", entry_of(link_id)["version"].text()});
  EXPECT_EQ(claimed.code, 0) << claimed.output;
  EXPECT_THAT(claimed.output, HasSubstr("claimed"));
  const Result late = ctl({"relink", "claim", link_id, "--version", "1", "--for", "somebody"});
  EXPECT_EQ(late.code, 1);
  EXPECT_THAT(late.output, HasSubstr("changed it; look at it and try again"));
  EXPECT_EQ(ctl({"relink", "note", link_id, "called, will do it tonight"}).code, 0);

  const Result issued = ctl({"relink", "session", link_id, "--json"});
  ASSERT_EQ(issued.code, 0) << issued.output;
  const Json session = Json::parse(issued.output);
  const std::string token = session["link_session_token"].text();
  EXPECT_EQ(session["entry"]["status"].text(), "session_issued");
  EXPECT_EQ(session["entry"]["session"]["expired"].text(), "false");

  const Json done = sandbox_.control("POST", "sessions/" + token + "/complete",
                                     R"({"username":"user_good","password":"pass_good"})");
  EXPECT_EQ(done["link_id"].text(), link_id);
  daemon_.wait_for("the entry to close by itself",
                   [&] { return entry_of(link_id)["status"].text() == "resolved"; });
  const Json closed = entry_of(link_id);
  EXPECT_EQ(closed["resolved_by"].text(), "reconnected");
  EXPECT_EQ(status_of(link_id), "active");
  std::vector<std::string> steps;
  for (const Json& event : closed["history"].items())
    steps.push_back(event["kind"].text());
  EXPECT_EQ(steps, (std::vector<std::string>{"opened", "claimed", "noted", "session_issued", "resolved"}));

  // A relink that leaves them out takes them from the link.
  const Json link = daemon_.admin("GET", "/v1/links/" + link_id);
  EXPECT_EQ(link["data"]["webhook"].text(), "https://app.example/hook");
  EXPECT_EQ(link["data"]["link_tags"].canonical(), R"(["tenant:7"])");

  EXPECT_THAT(ctl({"relink", "ls"}).output, HasSubstr("no relink entries"));
  EXPECT_THAT(ctl({"relink", "show", link_id}).output, HasSubstr("called, will do it tonight"));
  const Result acts = ctl({"audit", "ls"});
  for (const char* act : {"links.add", "relink.claim", "relink.note", "relink.session"})
    EXPECT_THAT(acts.output, HasSubstr(act));
  EXPECT_THAT(acts.output, Not(HasSubstr("tonight"))) << "what people write stays in the entry";
  EXPECT_EQ(ctl({"audit", "check"}).code, 0);
  EXPECT_THAT(daemon_.log(), Not(HasSubstr(token)));
}

TEST_F(RelinkQueue, AnOwnerWhoHasDoneItAlreadyNeedsNoSession) {
  daemon_.start();
  const std::string link_id = add_link();
  expire(link_id);
  sandbox_.control("POST", "links/" + link_id + "/relink",
                   R"({"username":"user_good","password":"pass_good"})");
  const Result issued = ctl({"relink", "session", link_id});
  // The daemon may have seen it by itself in between; then the entry is resolved already.
  EXPECT_EQ(issued.code, 1);
  EXPECT_THAT(issued.output,
              testing::AnyOf(HasSubstr("connected again"), HasSubstr("resolved (reconnected)")));
  daemon_.wait_for("the entry to close", [&] { return entry_of(link_id)["status"].text() == "resolved"; });
}

TEST_F(RelinkQueue, ADismissedEntryStaysClosedUntilSomethingElseHappens) {
  daemon_.start();
  const std::string link_id = add_link();
  expire(link_id);
  EXPECT_EQ(ctl({"relink", "dismiss", link_id}).code, 2) << "asks first, and there is no terminal";
  EXPECT_EQ(ctl({"relink", "dismiss", link_id, "--yes", "--reason", "left us"}).code, 0);
  EXPECT_THAT(ctl({"relink", "ls"}).output, HasSubstr("no relink entries"));
  daemon_.admin("POST", "/v1/links/" + link_id + "/sync?wait=30s");
  EXPECT_EQ(entry_of(link_id)["resolved_by"].text(), "dismissed");
  EXPECT_THAT(daemon_.scrape(), HasSubstr("relinks_resolved_total{how=\"dismissed\"} 1\n"));
  EXPECT_EQ(status_of(link_id), "relink");
  EXPECT_EQ(ctl({"relink", "reopen", link_id}).code, 0);
  EXPECT_EQ(entry_of(link_id)["status"].text(), "open");
}

TEST_F(RelinkQueue, AClaimThatIsRepeatedIsNoActAndSomebodyElsesIsLeftAlone) {
  daemon_.start();
  const std::string link_id = add_link();
  expire(link_id);
  EXPECT_EQ(ctl({"relink", "claim", link_id, "--for", "ann"}).code, 0);
  const Json claimed = entry_of(link_id);
  EXPECT_THAT(ctl({"relink", "claim", link_id, "--for", "ann", "--dry-run"}).output,
              HasSubstr("nothing would change"));
  EXPECT_EQ(ctl({"relink", "claim", link_id, "--for", "ann"}).code, 0);
  EXPECT_EQ(entry_of(link_id).canonical(), claimed.canonical());
  std::size_t claims = 0;
  for (const Json& act : daemon_.list("/v1/audit"))
    claims += act["action"].text() == "relink.claim" ? 1 : 0;
  EXPECT_EQ(claims, 1U);
  const Result taken = ctl({"relink", "claim", link_id, "--for", "bob"});
  EXPECT_EQ(taken.code, 1);
  EXPECT_THAT(taken.output, HasSubstr("is claimed by ann: say --take-over if that is agreed"));
  EXPECT_EQ(ctl({"relink", "claim", link_id, "--for", "bob", "--take-over"}).code, 0);
  EXPECT_EQ(ctl({"relink", "release", link_id}).code, 0) << "who claimed it may release it";
  EXPECT_TRUE(entry_of(link_id)["assignee"].is_null());
}

TEST_F(RelinkQueue, OfTwoWhoActAtOnceOneWins) {
  daemon_.start();
  const std::string link_id = add_link();
  expire(link_id);
  for (int round = 0; round < 20; ++round) {
    const std::string version = entry_of(link_id)["version"].text();
    Reply first;
    Reply second;
    {
      const std::jthread one([&] { first = act(link_id, "claim", version, R"(,"assignee":"ann")"); });
      const std::jthread two([&] { second = act(link_id, "claim", version, R"(,"assignee":"bob")"); });
    }
    const bool first_won = first.status == 200;
    const Reply& won = first_won ? first : second;
    const Reply& lost = first_won ? second : first;
    ASSERT_EQ(won.status, 200) << won.body;
    ASSERT_EQ(lost.status, 409) << lost.body;
    const Json refusal = Json::parse(lost.body);
    EXPECT_EQ(refusal["code"].text(), "version_conflict");
    EXPECT_EQ(refusal["entry"]["assignee"].text(), first_won ? "ann" : "bob");
    EXPECT_EQ(refusal["entry"]["version"].text(), Json::parse(won.body)["version"].text());
    ASSERT_EQ(act(link_id, "release", entry_of(link_id)["version"].text()).status, 200);
  }
}

TEST_F(RelinkQueue, ARequestThatIsRepeatedHasOneEffect) {
  daemon_.start();
  const std::string link_id = add_link();
  expire(link_id);
  const std::string version = entry_of(link_id)["version"].text();
  const std::string note = R"(,"text":"called")";
  std::vector<Reply> replies(4);
  {
    std::vector<std::jthread> senders;
    for (Reply& reply : replies)
      senders.emplace_back([&] { reply = act(link_id, "note", version, note, "key-1"); });
  }
  for (const Reply& reply : replies)
    EXPECT_EQ(reply.status, 200) << reply.body;
  EXPECT_EQ(noted(link_id), 1U);

  const Reply other = act(link_id, "note", version, R"(,"text":"something else")", "key-1");
  EXPECT_EQ(other.status, 409);
  EXPECT_THAT(other.body, HasSubstr("his Idempotency-Key was used"));
  EXPECT_EQ(act(link_id, "note", entry_of(link_id)["version"].text(), note, "key-2").status, 200);
  EXPECT_EQ(noted(link_id), 2U);

  // A token is shown once: who has lost it asks for another one.
  const std::string now = entry_of(link_id)["version"].text();
  EXPECT_EQ(act(link_id, "session", now, "", "key-3").status, 201);
  const Reply again = act(link_id, "session", now, "", "key-3");
  EXPECT_EQ(again.status, 409);
  EXPECT_THAT(again.body, HasSubstr("the token of a session is shown once"));
  const std::string session = R"({"customer_user":{"id":"user-0007"}})";
  const Address admin{dir_.path() / "admin.sock"};
  const std::string_view key = "Idempotency-Key: key-4\r\n";
  EXPECT_EQ(request(admin, "POST", "/v1/link-sessions", session, key).status, 201);
  EXPECT_EQ(request(admin, "POST", "/v1/link-sessions", session, key).status, 409);

  // The answer was lost with the process: whoever asks again is told how things are.
  daemon_.kill_now();
  daemon_.start();
  EXPECT_EQ(act(link_id, "note", version, note, "key-1").status, 200);
  EXPECT_EQ(noted(link_id), 2U);
  EXPECT_EQ(ctl({"audit", "check"}).code, 0);
}

// Killed with any step under way: the step is there or it is not, and what was answered is.
TEST_F(RelinkQueue, AKillLeavesNoEntryBehindAndLosesNone) {
  daemon_.start();
  const std::string link_id = add_link();
  expire(link_id);
  const std::vector<std::pair<std::string, std::string>> steps{
      {"session", ""}, {"claim", ""}, {"note", R"(,"text":"x")"}, {"release", ""}, {"claim", ""},
      {"dismiss", ""}, {"reopen", ""}};
  int round = 0;
  for (int turn = 0; turn < 2; ++turn) {
    for (const auto& [verb, rest] : steps) {
      const Json before = entry_of(link_id);
      const unsigned long long version = before["version"].number();
      Reply reply;
      {
        const std::jthread sender([&] { reply = act(link_id, verb, before["version"].text(), rest); });
        // tidy: allow sleep: the moment of the kill is what is tried, nothing is waited for
        std::this_thread::sleep_for(std::chrono::microseconds(400 * (round++ % 7)));
        daemon_.kill_now();
      }
      daemon_.start();
      const Json after = entry_of(link_id);
      EXPECT_THAT(after["version"].number(), testing::AnyOf(version, version + 1)) << verb;
      if (reply.status == 200 || reply.status == 201)
        EXPECT_EQ(after["version"].number(), version + 1) << verb;
      EXPECT_EQ(status_of(link_id), "relink");
      // A session needs upstream, whose budgets count as spent for the minute after a crash.
      if (after["version"].number() == version && verb != "session") {
        ASSERT_LT(act(link_id, verb, after["version"].text(), rest).status, 300) << verb;
      }
    }
  }
  EXPECT_EQ(daemon_.list("/v1/relink").size(), 1U);
  EXPECT_EQ(ctl({"audit", "check"}).code, 0);
}

TEST_F(RelinkQueue, WhoWaitsForAChangeHearsOfARestart) {
  daemon_.start();
  const auto revision = [this](const std::string& query) {
    return Json::parse(daemon_.ask("GET", "/v1/revision" + query).body)["revision"].text();
  };
  const std::string seen = revision("");
  EXPECT_EQ(revision("?after=" + seen), seen);
  daemon_.kill_now();
  daemon_.start();
  const std::string now = revision("?wait=30s&after=" + seen);
  EXPECT_NE(now, seen);
  EXPECT_EQ(revision("?after=" + seen), now);
}

TEST_F(RelinkQueue, ANewLinkFromTheSessionToItsRows) {
  daemon_.start();
  const Result created = ctl(
      {"sessions", "create", "--user", "user-0042", "--institution", "instant_bank", "--tag", "a", "--json"});
  ASSERT_EQ(created.code, 0) << created.output;
  const std::string token = Json::parse(created.output)["link_session_token"].text();
  const Json done = sandbox_.control("POST", "sessions/" + token + "/complete", "{}");
  const std::string exchangeable = done["exchangeable_token"].text();
  ASSERT_FALSE(exchangeable.empty());
  const std::string socket = dir_.path() / "admin.sock";
  const std::string exchange =
      "printf %s \"$0\" | \"$1\" --socket \"$2\" links exchange --user user-0042 --json";
  const Result exchanged = run({"/bin/sh", "-c", exchange, exchangeable, MONEYKITCTL_PROGRAM, socket});
  ASSERT_EQ(exchanged.code, 0) << exchanged.output;
  const std::string link_id = Json::parse(exchanged.output)["link_id"].text();
  daemon_.wait_for("its rows", [&] { return has_synced(link_id); });
  EXPECT_THAT(ctl({"links", "ls", "--search", "user-0042"}).output, HasSubstr(link_id));

  // The token works once; the link is there already.
  const Result again = run({"/bin/sh", "-c", exchange, exchangeable, MONEYKITCTL_PROGRAM, socket});
  EXPECT_EQ(again.code, 1);
  EXPECT_THAT(again.output, HasSubstr("no link that is not registered here"));
  EXPECT_THAT(daemon_.log(), Not(HasSubstr(exchangeable)));
}

}  // namespace syncd::test::e2e
