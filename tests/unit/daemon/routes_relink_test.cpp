#include "tests/unit/daemon/fake_view.hpp"

// The relink queue, sessions and the audit log over the admin API.
namespace syncd::test {

TEST_F(Routes, FiltersTheRelinkQueue) {
  const HttpResponse page = ask(
      "GET",
      "/v1/"
      "relink?status=claimed&institution=chase&reason=auth_expired&assignee=uid%3A7&search=mk&order=newest");
  EXPECT_EQ(page.status, 200);
  ASSERT_TRUE(view.asked_relink);
  EXPECT_EQ(view.asked_relink->state, store::RelinkFilter::State::claimed);
  EXPECT_EQ(view.asked_relink->institution_id, "chase");
  EXPECT_EQ(view.asked_relink->reason, "auth_expired");
  EXPECT_EQ(view.asked_relink->assignee, "uid:7");
  EXPECT_EQ(view.asked_relink->search, "mk");
  EXPECT_TRUE(view.asked_relink->newest_first);
  EXPECT_THAT(page.body,
              HasSubstr(R"("days_lost":0,"assignee":null,"session":null,"held_back":null,"version":1})"));
  view.held_back = "7";
  EXPECT_THAT(ask("GET", "/v1/relink").body, HasSubstr(R"("held_back":"7")"));
  EXPECT_EQ(ask("GET", "/v1/relink?order=age").status, 400);
  EXPECT_EQ(ask("GET", "/v1/relink").status, 200);
  EXPECT_EQ(view.asked_relink->state, store::RelinkFilter::State::any);
}

TEST_F(Routes, ActsOnARelinkEntry) {
  const HttpResponse claimed = ask("POST", "/v1/relink/mk_1/claim", R"({"version":1,"assignee":"ann"})");
  EXPECT_EQ(claimed.status, 200) << claimed.body;
  EXPECT_THAT(claimed.body, HasSubstr(R"("status":"claimed")"));
  EXPECT_THAT(claimed.body, HasSubstr(R"("history":[{"at":"2025-05-06T16:31:12.451Z","kind":"claimed",)"
                                      R"("actor":"uid:1000","text":"ann"}])"));
  EXPECT_EQ(view.asked_actor, "uid:1000");
  EXPECT_EQ(view.noted, "relink.claim by uid:1000");
  EXPECT_EQ(ask("POST", "/v1/relink/mk_1/note", R"({"text":"called"})").status, 200);
  EXPECT_EQ(view.asked_act->text, "called");
  const HttpResponse dismissed = ask("POST", "/v1/relink/mk_1/dismiss", R"({"version":1,"text":"left us"})");
  EXPECT_THAT(dismissed.body, HasSubstr(R"("status":"resolved")"));
  EXPECT_THAT(dismissed.body, HasSubstr(R"("resolved_by":"dismissed")"));
  ask("POST", "/v1/relink/mk_1/release", R"({"version":1,"take_over":true})");
  EXPECT_TRUE(view.asked_act->take_over);
}

TEST_F(Routes, ALinkThatIsNotThereIsNotOneThatNeverNeededItsOwner) {
  for (const bool known : {false, true}) {
    const std::string target = known ? "/v1/relink/mk_1" : "/v1/relink/mk_9";
    view.has_entry = !known;
    for (const HttpResponse& answer : {ask("GET", target), ask("POST", target + "/claim", R"({"version":1})"),
                                       ask("POST", target + "/note", R"({"text":"x"})")}) {
      EXPECT_EQ(answer.status, 404);
      EXPECT_THAT(answer.body,
                  HasSubstr(known ? R"("code":"relink_entry_not_found")" : R"("code":"link_not_found")"));
    }
  }
}

// What a program should do differently has a code of its own.
TEST_F(Routes, TellsConflictsApart) {
  view.upstream_error = {
      .code = core::Errc::conflict, .message = "why", .api_code = "idempotency_key_reused"};
  const std::string body = R"({"customer_user":{"id":"user-7"}})";
  const HttpResponse reused = ask("POST", "/v1/link-sessions", body);
  EXPECT_EQ(reused.status, 409);
  EXPECT_THAT(reused.body, HasSubstr(R"("code":"idempotency_key_reused")"));
  view.upstream_error.api_code.clear();
  EXPECT_THAT(ask("POST", "/v1/link-sessions", body).body, HasSubstr(R"("code":"conflict")"));
  view.upstream_error.api_code = "space_low";
  const HttpResponse full = ask("POST", "/v1/link-sessions", body);
  EXPECT_EQ(full.status, 503);
  EXPECT_THAT(full.body, HasSubstr(R"("code":"space_low")"));
  EXPECT_THAT(full.headers, testing::ElementsAre(testing::Pair("Retry-After", "10")));
  const HttpResponse name =
      ask("POST", "/v1/relink/mk_1/claim", R"({"version":1,"assignee":"Ann, who called"})");
  EXPECT_EQ(name.status, 400);
  EXPECT_THAT(name.body, HasSubstr("assignee must be a name"));
}

TEST_F(Routes, AConflictShowsTheEntryAsItIs) {
  const HttpResponse late = ask("POST", "/v1/relink/mk_1/claim", R"({"version":7})");
  EXPECT_EQ(late.status, 409);
  EXPECT_THAT(late.body, HasSubstr(R"("code":"version_conflict")"));
  EXPECT_THAT(late.body, HasSubstr("version 1 by now, not 7"));
  EXPECT_THAT(late.body, HasSubstr(R"("entry":{"link_id":"mk_1","status":"open")"));
  const HttpResponse impossible = ask("POST", "/v1/relink/mk_1/release", R"({"version":1})");
  EXPECT_EQ(impossible.status, 409);
  EXPECT_THAT(impossible.body, HasSubstr(R"("code":"conflict")"));
  EXPECT_THAT(impossible.body, HasSubstr(R"("entry":{)"));
}

TEST_F(Routes, RefusesActsThatAreNotExactlyRight) {
  struct Case {
    const char* act;
    const char* body;
    const char* detail;
  };
  const Case cases[] = {
      {"claim", "{}", "version is missing: send the version of the entry that you saw"},
      {"claim", R"({"version":"1"})", "version is not a number"},
      {"claim", R"({"version":1.5})", "version must be the version of the entry, a whole number"},
      {"claim", R"({"version":-1})", "version must be the version of the entry, a whole number"},
      {"claim", R"({"version":1,"text":"x"})",
       R"(member \"text\" is not known here; known are version, assignee)"},
      {"release", R"({"version":1,"assignee":"x"})", "known are version"},
      {"dismiss", R"({"version":1,"version":1})", "twice"},
      {"note", R"({"text":""})", "text is empty"},
      {"note", R"([])", "the body"},
      {"claim", R"({"version":1,"take_over":1})", "take_over"},
      {"release", R"({"version":1,"take_over":1})", "take_over"},
      {"reopen", R"({"version":1,"take_over":true})", "known are version"},
  };
  for (const Case& test : cases) {
    const HttpResponse response = ask("POST", std::string("/v1/relink/mk_1/") + test.act, test.body);
    EXPECT_EQ(response.status, 400) << test.body;
    EXPECT_THAT(response.body, HasSubstr(test.detail)) << test.body;
  }
  EXPECT_EQ(ask("POST", "/v1/relink/mk_1/note", R"({"text":")" + std::string(2001, 'x') + R"("})").status,
            400);
  EXPECT_EQ(ask("POST", "/v1/relink/mk_1/burn", R"({"version":1})").status, 404);
}

TEST_F(Routes, IssuesASessionForAnEntry) {
  const HttpResponse issued = ask("POST", "/v1/relink/mk_1/session",
                                  R"({"version":1,"redirect_uri":"https://a.example/back","force":true})");
  EXPECT_EQ(issued.status, 201) << issued.body;
  EXPECT_THAT(issued.body,
              testing::StartsWith(
                  R"({"link_session_token":"the-token","expires_at":"2025-05-06T16:31:12.451Z","entry":{)"));
  ASSERT_TRUE(view.asked_session);
  EXPECT_EQ(view.asked_session->redirect_uri, "https://a.example/back");
  EXPECT_TRUE(view.asked_session->force);
  EXPECT_EQ(view.noted, "relink.session by uid:1000");
  EXPECT_THAT(ask("POST", "/v1/relink/mk_1/session", "{}").body, HasSubstr("version is missing"));
  const HttpResponse late = ask("POST", "/v1/relink/mk_1/session", R"({"version":9})");
  EXPECT_EQ(late.status, 409);
  EXPECT_THAT(late.body, HasSubstr(R"("code":"version_conflict")"));
  EXPECT_THAT(late.body, HasSubstr(R"("entry":{"link_id":"mk_1")"));
}

TEST_F(Routes, IssuesASessionForANewLink) {
  const HttpResponse issued =
      ask("POST", "/v1/link-sessions",
          R"({"customer_user":{"id":"user-7","email":{"address":"a@b.example"},)"
          R"("phone":{"number":"5551234","country":"US"}},)"
          R"("institution_id":"chase","redirect_uri":"https://a.example/back",)"
          R"("webhook":"https://a.example/hook",)"
          R"("link_tags":["t1","t2"],)"
          R"("products":{"transactions":{"required":true,"prefetch":true,"reason":"to show them"}},)"
          R"("countries":["US"],"providers":["mx"]})");
  EXPECT_EQ(issued.status, 201) << issued.body;
  EXPECT_EQ(issued.body, R"({"link_session_token":"the-token","expires_at":"2025-05-06T16:31:12.451Z"})");
  ASSERT_TRUE(view.asked_new_session);
  EXPECT_EQ(view.asked_new_session->customer_user_id, "user-7");
  EXPECT_EQ(view.asked_new_session->email, "a@b.example");
  EXPECT_EQ(view.asked_new_session->phone_country, "US");
  EXPECT_THAT(view.asked_new_session->link_tags, testing::ElementsAre("t1", "t2"));
  ASSERT_EQ(view.asked_new_session->products.size(), 1U);
  EXPECT_EQ(view.asked_new_session->products[0].name, "transactions");
  EXPECT_TRUE(view.asked_new_session->products[0].prefetch);
  EXPECT_THAT(ask("POST", "/v1/link-sessions", "{}").body, HasSubstr("customer_user.id is missing"));
  for (const char* body :
       {R"({"customer_user":{"id":7}})", R"({"customer_user":{"id":"u","odd":1}})",
        R"({"customer_user":{"id":"u"},"webhook":"http://a.example/hook"})",
        R"({"customer_user":{"id":"u"},"colour":1})", R"({"customer_user":{"id":"u"},"products":[]})",
        R"({"customer_user":{"id":"u"},"products":{"transactions":{"x":1}}})",
        R"({"customer_user":{"id":"u"},"webhook":"ftp://a.example"})"}) {
    const HttpResponse refused = ask("POST", "/v1/link-sessions", body);
    EXPECT_EQ(refused.status, 400) << body;
    EXPECT_THAT(refused.body, HasSubstr("invalid_body")) << body;
  }
}

TEST_F(Routes, ExchangesATokenForALink) {
  const HttpResponse made = ask("POST", "/v1/links:exchange",
                                R"({"exchangeable_token":"ex-1","customer_user_id":"user-7","tags":["a"]})");
  EXPECT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(view.asked_exchange, "ex-1 of user-7");
  EXPECT_THAT(made.body, HasSubstr(R"("link_id":"mk_1")"));
  EXPECT_THAT(ask("POST", "/v1/links:exchange", "{}").body, HasSubstr("exchangeable_token is missing"));
  const HttpResponse odd = ask("POST", "/v1/links:exchange", R"({"exchangeable_token":"secret-x","odd":1})");
  EXPECT_EQ(odd.status, 400);
  EXPECT_THAT(odd.body, Not(HasSubstr("secret-x")));
  const HttpResponse bad_tag =
      ask("POST", "/v1/links:exchange", R"({"exchangeable_token":"ex-1","tags":[""]})");
  EXPECT_EQ(bad_tag.status, 400);
  EXPECT_THAT(bad_tag.body, HasSubstr("must have 1 to 128 bytes each"));
}

// What upstream says about a request of a person is an answer to that person.
TEST_F(Routes, TellsUpstreamsRefusals) {
  struct Case {
    core::Errc code;
    int status;
    const char* word;
  };
  for (const Case& test :
       {Case{core::Errc::auth, 503, "upstream_credentials_refused"},
        Case{core::Errc::throttled, 503, "upstream_throttled"}, Case{core::Errc::gone, 409, "upstream_state"},
        Case{core::Errc::upstream_state, 409, "upstream_state"},
        Case{core::Errc::forbidden, 502, "upstream_refused"},
        Case{core::Errc::timeout, 502, "upstream_failed"}, Case{core::Errc::invalid, 400, "invalid"}}) {
    view.upstream_error = {.code = test.code, .message = "why"};
    const HttpResponse refused = ask("POST", "/v1/link-sessions", R"({"customer_user":{"id":"user-7"}})");
    EXPECT_EQ(refused.status, test.status) << test.word;
    EXPECT_THAT(refused.body, HasSubstr(std::string(R"("code":")") + test.word + '"'));
  }
}

TEST_F(Routes, TellsWhenToAskAgain) {
  const auto retry_after = [this](core::Error error) {
    view.upstream_error = std::move(error);
    const HttpResponse refused = ask("POST", "/v1/link-sessions", R"({"customer_user":{"id":"user-7"}})");
    EXPECT_EQ(refused.status, 503);
    EXPECT_EQ(refused.headers.size(), 1U);
    return refused.headers.empty() ? "" : refused.headers[0].second;
  };
  using core::Errc;
  EXPECT_EQ(retry_after({.code = Errc::throttled, .message = "why", .retry_after = core::Millis{41'001}}),
            "42");
  EXPECT_EQ(retry_after({.code = Errc::throttled, .message = "why", .retry_after = core::Millis{0}}), "1");
  EXPECT_EQ(retry_after({.code = Errc::throttled, .message = "why"}), "60");
  EXPECT_EQ(retry_after({.code = Errc::auth, .message = "why"}), "60");
  EXPECT_EQ(retry_after({.code = Errc::cancelled, .message = "why"}), "5");
  EXPECT_EQ(retry_after({.code = Errc::storage, .message = "why"}), "5");
}

// Whoever asks again behind the second may have two of what upstream makes.
TEST_F(Routes, TellsWhetherUpstreamMayHaveDoneIt) {
  view.upstream_error = {.code = core::Errc::timeout, .message = "why"};
  const std::string body = R"({"customer_user":{"id":"user-7"}})";
  EXPECT_THAT(ask("POST", "/v1/link-sessions", body).body, HasSubstr(R"("code":"upstream_failed")"));
  view.upstream_error.outcome_unknown = true;
  const HttpResponse unknown = ask("POST", "/v1/link-sessions", body);
  EXPECT_EQ(unknown.status, 502);
  EXPECT_THAT(unknown.body, HasSubstr(R"("code":"upstream_outcome_unknown")"));
  EXPECT_THAT(unknown.body, HasSubstr(R"("title":"Bad Gateway")"));
}

TEST_F(Routes, WaitsForTheQueueToChange) {
  EXPECT_EQ(ask("GET", "/v1/revision?after=12&wait=30s").body, R"({"revision":12})");
  EXPECT_EQ(view.asked_revision, 12U);
  EXPECT_EQ(view.waited, core::Millis{30'000});
}

TEST_F(Routes, ListsAndChecksTheAuditLog) {
  const HttpResponse whole = ask("GET", "/v1/audit");
  EXPECT_THAT(whole.body, HasSubstr(R"({"items":[{"sequence":2,)"));
  EXPECT_THAT(whole.body,
              HasSubstr(R"("actor":"uid:7","action":"x","link_id":null,"detail":{"a":1},"hash":")"));
  EXPECT_THAT(whole.body, HasSubstr(R"("head":{"sequence":2,"hash":")"));
  EXPECT_THAT(whole.body, Not(HasSubstr("\"next\"")));
  EXPECT_THAT(ask("GET", "/v1/audit?limit=1&after=2").body, HasSubstr(R"("detail":null)"));
  EXPECT_EQ(ask("GET", "/v1/audit?after=0").status, 400);
  EXPECT_THAT(ask("GET", "/v1/audit/check").body, HasSubstr(R"({"intact":true,"entries":2,)"));
}

TEST_F(Routes, FindsLinksByTheirBeginning) {
  EXPECT_EQ(ask("GET", "/v1/links?search=user1&after=u%3A5%3Auser1mk").status, 200);
  EXPECT_EQ(view.asked_search, "user1");
  EXPECT_EQ(view.asked_after, "u:5:user1mk");
  EXPECT_EQ(ask("GET", "/v1/links?search=user1&state=active").status, 400);
  EXPECT_EQ(ask("GET", "/v1/links?search=").status, 400);
}

}  // namespace syncd::test
