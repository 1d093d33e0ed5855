#include "tests/sim/virtual_timers.hpp"
#include "tests/unit/daemon/fake_view.hpp"

namespace syncd::test {

TEST_F(Routes, RowsKeepTheTextOfTheirNumbers) {
  const HttpResponse transactions = ask("GET", "/v1/links/mk_1/transactions");
  EXPECT_EQ(transactions.status, 200);
  EXPECT_EQ(transactions.body,
            R"({"items":[{"transaction_id":"t\"1","account_id":"acc","pending":true,"posted_from":null,)"
            R"("data":{"amount":"100.10","x":1e2,"n":12345678901234567890123456789012345678}}]})");
  EXPECT_EQ(ask("GET", "/v1/links/mk_1/accounts").body,
            R"({"items":[{"account_id":"acc","gone":false,"gone_since":null,)"
            R"("data":{"balances":{"current":-0.0}}}]})");
}

TEST_F(Routes, ShowsALinkWithoutItsCursor) {
  const HttpResponse response = ask("GET", "/v1/links/mk_1");
  EXPECT_EQ(response.status, 200);
  for (const char* member :
       {R"("link_id":"mk_1")", R"("link_ref":"0123456789ab")", R"("status":"backoff")",
        R"("institution_id":"chase")", R"("cursor_set":true)", R"("last_success_at":null)",
        R"("next_due_at":null)",
        R"("last_error":{"kind":"server","http_status":502,"code":null,"message":"bad gateway")",
        R"("counts":{"accounts":0,"transactions":0,"pending":0})",
        R"("data":{"link_id":"mk_1","odd":1.0})"}) {
    EXPECT_THAT(response.body, HasSubstr(member));
  }
  EXPECT_THAT(response.body, Not(HasSubstr("secret-cursor")));
}

TEST_F(Routes, ListsLinksByPage) {
  EXPECT_THAT(ask("GET", "/v1/links").body, Not(HasSubstr("\"next\"")));
  EXPECT_EQ(view.asked_limit, 100U);
  view.more = true;
  const HttpResponse page = ask("GET", "/v1/links?limit=1000&after=a%2Fb%C3%BC&state=relink");
  EXPECT_THAT(page.body, HasSubstr(R"("next":"mk_1"})"));
  EXPECT_THAT(page.body, Not(HasSubstr("\"data\"")));
  EXPECT_EQ(view.asked_after, "a/b\xC3\xBC");
  EXPECT_EQ(view.asked_limit, 1000U);
  EXPECT_EQ(view.asked_status, core::LinkStatus::relink);
}

TEST_F(Routes, AddsALinkOnce) {
  const HttpResponse fresh =
      ask("POST", "/v1/links", R"({"link_id":"mk_2","customer_user_id":"u7","tags":["a","b"]})");
  EXPECT_EQ(fresh.status, 201);
  ASSERT_TRUE(view.added);
  EXPECT_EQ(view.added->customer_user_id, "u7");
  EXPECT_THAT(view.added->tags, testing::ElementsAre("a", "b"));
  EXPECT_EQ(view.noted, "links.add by uid:1000");
  EXPECT_EQ(ask("POST", "/v1/links", R"({"link_id":"mk_1"})", "application/json; charset=utf-8").status, 200);
}

TEST_F(Routes, PurgesALink) {
  const HttpResponse purged = ask("POST", "/v1/links/mk_1/purge", R"({"unlink":true})");
  EXPECT_EQ(purged.status, 200);
  EXPECT_EQ(purged.body,
            R"({"link_id":"mk_1","unlinked":true,"repeated":false,"accounts":2,"transactions":40})");
  EXPECT_EQ(view.noted, "links.purge by uid:1000");
  EXPECT_THAT(ask("POST", "/v1/links/mk_1/purge", "{}").body, HasSubstr(R"("unlinked":false)"));
  EXPECT_EQ(ask("POST", "/v1/links/mk_9/purge", "{}").status, 404);
  for (const char* body :
       {"", "[]", R"({"unlink":1})", R"({"unlink":true,"unlink":true})", R"({"unlnk":true})"})
    EXPECT_EQ(ask("POST", "/v1/links/mk_1/purge", body).status, 400) << body;
  view.paused = true;
  const HttpResponse failed = ask("POST", "/v1/links/mk_1/purge", R"({"unlink":true})");
  EXPECT_EQ(failed.status, 502);
  EXPECT_THAT(failed.body, HasSubstr("nothing was taken away here"));
}

TEST_F(Routes, ListsTheFeedOfALinkBackwards) {
  const HttpResponse first = ask("GET", "/v1/links/mk_1/feed?limit=2");
  EXPECT_EQ(first.status, 200);
  EXPECT_THAT(first.body, AllOf(HasSubstr(R"("seq":9)"), HasSubstr(R"("seq":8)"),
                                Not(HasSubstr(R"("seq":7)")), HasSubstr(R"("next":"8"})")));
  const HttpResponse last = ask("GET", "/v1/links/mk_1/feed?limit=5&after=3");
  EXPECT_THAT(last.body, AllOf(HasSubstr(R"("seq":2)"), HasSubstr(R"("seq":1)"), Not(HasSubstr("\"next\""))));
  EXPECT_EQ(ask("GET", "/v1/links/mk_9/feed").status, 404);
  EXPECT_EQ(ask("GET", "/v1/links/mk_1/feed?after=0").status, 400);
}

TEST_F(Routes, RefusesBodiesThatAreNotExactlyRight) {
  struct Case {
    const char* body;
    const char* detail;
  };
  const Case cases[] = {
      {"", "the body"},
      {"[]", "the body"},
      {"{}", "link_id is missing"},
      {R"({"link_id":5})", "link_id is not a string"},
      {R"({"link_id":""})", "link_id must have 1 to 256 bytes"},
      {R"({"link_id":"a\u0000b"})", "link_id must have 1 to 256 bytes"},
      {R"({"link_id":"a","link_id":"a"})", "twice"},
      {R"({"link_id":"a","colour":"red"})", R"(member \"colour\" is not known here; known are link_id, )"},
      {R"({"link_id":"a","tags":"x"})", "tags"},
      {R"({"link_id":"a","tags":[1]})", "tags[0] is not a string"},
      {R"({"link_id":"a","tags":[""]})", "1 to 128 bytes"},
      {R"({"link_id":"a"} x)", "the body"},
      {R"({"link_id":"a",})", "the body"},
      {"{\"link_id\":\"\xFF\"}", "the body"},
  };
  for (const Case& test : cases) {
    const HttpResponse response = ask("POST", "/v1/links", test.body);
    EXPECT_EQ(response.status, 400) << test.body;
    EXPECT_THAT(response.body, HasSubstr(test.detail)) << test.body;
    EXPECT_THAT(response.body, HasSubstr(R"("code":"invalid_body")"));
  }
  EXPECT_FALSE(view.added) << "nothing is applied";
  EXPECT_EQ(ask("POST", "/v1/links", R"({"link_id":"a"})", "text/plain").status, 415);
  EXPECT_EQ(ask("POST", "/v1/links", R"({"link_id":"a"})", "").status, 415);
}

TEST_F(Routes, SyncsAndWaitsWhenAsked) {
  const HttpResponse queued = ask("POST", "/v1/links/mk_1/sync");
  EXPECT_EQ(queued.status, 202);
  EXPECT_EQ(queued.body, R"({"link_id":"mk_1","queued":true})");
  const HttpResponse done = ask("POST", "/v1/links/mk_1/sync?wait=30s");
  EXPECT_EQ(done.status, 200);
  EXPECT_EQ(view.waited.count(), 30'000);
  EXPECT_THAT(done.body, HasSubstr(R"("outcome":"success","cause":"manual","status":"active")"));
  EXPECT_THAT(done.body, HasSubstr(R"("created":3)"));
  EXPECT_EQ(ask("POST", "/v1/links/mk_9/sync").status, 404);
  view.paused = true;
  const HttpResponse conflict = ask("POST", "/v1/links/mk_1/sync");
  EXPECT_EQ(conflict.status, 409);
  EXPECT_THAT(conflict.body, HasSubstr("the link is paused"));
}

TEST_F(Routes, PausesAndResumes) {
  EXPECT_EQ(ask("POST", "/v1/links/mk_1/pause").body, R"({"link_id":"mk_1","status":"paused"})");
  EXPECT_EQ(view.noted, "links.pause by uid:1000");
  EXPECT_EQ(ask("POST", "/v1/links/mk_1/resume", "{ }").body, R"({"link_id":"mk_1","status":"active"})");
  EXPECT_EQ(ask("POST", "/v1/links/mk_1/pause", R"({"x":1})").status, 400);
}

TEST_F(Routes, FeedCarriesHeadEpochAndNext) {
  const HttpResponse page = ask("GET", "/v1/feed?after=6&limit=2&wait=5s");
  EXPECT_EQ(page.status, 200);
  EXPECT_THAT(page.body,
              HasSubstr(R"({"epoch":2,"seq":7,"at":null,"link_id":"mk_1","kind":"transaction.created",)"
                        R"("id":"t1","before":null,"after":{"amount":"1.10"},"cause":"schedule"})"));
  EXPECT_THAT(page.body, HasSubstr(R"("next":"8","epoch":2,"head":9})"));
  EXPECT_EQ(view.waited.count(), 5000);
  EXPECT_THAT(ask("GET", "/v1/feed?after=7").body, Not(HasSubstr("\"next\"")));
  EXPECT_EQ(ask("GET", "/v1/feed?after=9").body, R"({"items":[],"epoch":2,"head":9})");
}

TEST_F(Routes, RelinkQueue) {
  const HttpResponse open = ask("GET", "/v1/relink?status=open");
  ASSERT_TRUE(view.asked_relink);
  EXPECT_EQ(view.asked_relink->state, store::RelinkFilter::State::open);
  EXPECT_THAT(open.body, HasSubstr(R"({"link_id":"mk_1","status":"open","reason":"auth_expired")"));
  EXPECT_THAT(open.body, HasSubstr(R"("opened_at":"2025-05-06T16:31:12.451Z")"));
  EXPECT_THAT(open.body, HasSubstr(R"("version":1)"));
  EXPECT_EQ(ask("GET", "/v1/relink/mk_1").status, 200);
  EXPECT_EQ(ask("GET", "/v1/relink/mk_9").status, 404);
}

TEST_F(Routes, RefusesParametersThatAreWrongOrUnknown) {
  // A list would begin anew behind an id that cannot be.
  const std::string longer_than_an_id = "/v1/links?after=" + std::string(257, 'a');
  const std::string relink_longer_than_an_id = "/v1/relink?after=" + std::string(545, 'a');
  struct Case {
    const char* target;
    const char* detail;
  };
  const Case cases[] = {
      {"/v1/links?limit=0", "query parameter limit must be an integer from 1 to 1000"},
      {"/v1/links?limit=1001", "query parameter limit must be"},
      {"/v1/links?limit=", "query parameter limit must be"},
      {"/v1/links?limit=+5", "query parameter limit must be"},
      {"/v1/links?limit=5x", "query parameter limit must be"},
      {"/v1/links?limit=5&limit=6", "query parameter limit is given twice"},
      {"/v1/links?state=happy", "query parameter state must be one of active, "},
      {"/v1/links?colour=red", "query parameter colour is not known here"},
      {"/v1/links?after=", "query parameter after is empty"},
      {longer_than_an_id.c_str(), "query parameter after is longer than 256 bytes"},
      {relink_longer_than_an_id.c_str(), "query parameter after is longer than 544 bytes"},
      {"/v1/links?limit", "each query parameter must have the form name=value"},
      {"/v1/links?after=%zz", "the query has a bad percent-encoding"},
      {"/v1/links?after=%00", "the query has a bad percent-encoding"},
      {"/v1/links/mk_1?x=1", "query parameter x is not known here"},
      {"/v1/feed?after=-1", "query parameter after must be an integer"},
      {"/v1/feed?after=18446744073709551616", "query parameter after must be an integer"},
      {"/v1/feed?wait=61s", "query parameter wait must be a duration up to 1m"},
      {"/v1/feed?wait=5", "query parameter wait must be a duration"},
      {"/v1/relink?status=done", "query parameter status must be one of live, open, claimed"},
      {"/v1/status?verbose=1", "query parameter verbose is not known here"},
  };
  for (const Case& test : cases) {
    const HttpResponse response = ask("GET", test.target);
    EXPECT_EQ(response.status, 400) << test.target;
    EXPECT_EQ(response.content_type, "application/problem+json");
    EXPECT_THAT(response.body, HasSubstr(test.detail)) << test.target;
  }
}

TEST_F(Routes, MatchesPathsExactly) {
  for (const char* target : {"/", "/v1", "/v1/", "/v1/links/", "/V1/links", "/v1//links", "/v1/links/mk_1/",
                             "/v1/links/mk_1/sync/x", "/v1/links/mk_1/%61ccountsx", "/v1/nothing",
                             "/v2/links", "/../etc/passwd", "/v1/links/../status"}) {
    EXPECT_EQ(ask("GET", target).status, 404) << target;
  }
  for (const char* target : {"v1/links", "http://x/v1/links", "*", "", "/v1/links#x", "/v1/%", "/v1/%2",
                             "/v1/%c0%af", "/v1/links/%00", "/v1/links/%0a"}) {
    EXPECT_EQ(ask("GET", target).status, 400) << target;
  }
  EXPECT_EQ(ask("GET", "/v1/links/a%2Fb").status, 200) << "an encoded slash belongs to the id";
  EXPECT_EQ(ask("GET", "/v1/links/a%252Fb").status, 404) << "decoded once only";
  EXPECT_EQ(ask("GET", "/v1/links/" + std::string(257, 'x')).status, 400);
}

TEST_F(Routes, NamesTheMethodsOfAPath) {
  struct Case {
    const char* method;
    const char* target;
    const char* allow;
  };
  const Case cases[] = {
      {"DELETE", "/v1/links", "POST, GET, HEAD"}, {"POST", "/v1/links/mk_1", "GET, HEAD"},
      {"GET", "/v1/links/mk_1/sync", "POST"},     {"PUT", "/v1/status", "GET, HEAD"},
      {"get", "/v1/status", "GET, HEAD"},         {"BREW", "/-/healthy", "GET, HEAD"},
  };
  for (const Case& test : cases) {
    const HttpResponse response = ask(test.method, test.target);
    EXPECT_EQ(response.status, 405) << test.method << test.target;
    EXPECT_EQ(response.allow, test.allow) << test.method << test.target;
  }
}

TEST_F(Routes, ProblemsHaveTheStandardShape) {
  EXPECT_EQ(ask("GET", "/v1/links/mk_9").body,
            R"({"type":"urn:moneykit-syncd:problem:link_not_found","title":"Not Found","status":404,)"
            R"("code":"link_not_found","detail":"no link mk_9 is registered here: misspelt, or not added )"
            R"x(yet (moneykitctl links add, POST /v1/links)"})x");
  view.broken = true;
  const HttpResponse broken = ask("GET", "/v1/status");
  EXPECT_EQ(broken.status, 503);
  EXPECT_THAT(broken.body, HasSubstr("the disk is gone"));
}

TEST_F(Routes, VerifiesAndTellsWhatDiffers) {
  const HttpResponse begun = ask("POST", "/v1/links/mk_1/verify");
  EXPECT_EQ(begun.status, 202);
  EXPECT_EQ(begun.body,
            R"({"link_id":"mk_1","state":"waiting","daemon_started_at":"2025-05-06T16:31:12.451Z",)"
            R"("report":null})");
  EXPECT_EQ(view.noted, "links.verify by uid:1000");
  const HttpResponse done = ask("POST", "/v1/links/mk_1/verify?wait=30s");
  EXPECT_EQ(done.status, 200);
  EXPECT_EQ(view.waited.count(), 30'000);
  EXPECT_EQ(done.body,
            R"({"link_id":"mk_1","state":"done","daemon_started_at":"2025-05-06T16:31:12.451Z",)"
            R"("report":{"at":null,"result":"mismatch","reason":null,)"
            R"("detail":null,"transactions":{"compared":true,"missing":0,"extra":1,"changed":0,)"
            R"("missing_ids":[],"extra_ids":["t\"9"],"changed_ids":[]},"accounts":{"compared":false,)"
            R"("missing":0,"extra":0,"changed":0,"missing_ids":[],"extra_ids":[],"changed_ids":[]},)"
            R"("rows":12,"pages":0,"requests":0,"by_audit":false,"duration_ms":0}})");
  view.noted.clear();
  EXPECT_EQ(ask("GET", "/v1/links/mk_1/verify?wait=5s").body, done.body);
  EXPECT_EQ(view.noted, "") << "looking is no action";
  EXPECT_EQ(ask("POST", "/v1/links/mk_9/verify").status, 404);
  EXPECT_EQ(ask("GET", "/v1/links/mk_9/verify").status, 404);
  EXPECT_EQ(ask("POST", "/v1/links/mk_1/verify?wait=61s").status, 400);
  view.paused = true;
  EXPECT_EQ(ask("POST", "/v1/links/mk_1/verify").status, 409);
}

TEST_F(Routes, Repairs) {
  EXPECT_EQ(ask("POST", "/v1/links/mk_1/repair").body, R"({"link_id":"mk_1","queued":true})");
  EXPECT_EQ(view.noted, "links.repair by uid:1000");
  EXPECT_THAT(ask("POST", "/v1/links/mk_1/repair?wait=10s").body, HasSubstr(R"("created":3)"));
  EXPECT_EQ(ask("POST", "/v1/links/mk_9/repair").status, 404);
  view.paused = true;
  view.noted.clear();
  EXPECT_EQ(ask("POST", "/v1/links/mk_1/repair").status, 409);
  EXPECT_EQ(view.noted, "");
}

engine::Incident outage(const std::string& id, core::IncidentScope scope) {
  engine::Incident incident;
  incident.what = {.id = id,
                   .scope = scope,
                   .name = "chase",
                   .provider = "plaid",
                   .opened_at = core::WallTime{core::Millis{1'746'549'072'451}},
                   .phase = core::IncidentPhase::open,
                   .links_failing = 43,
                   .links_total = 1200,
                   .held_back = 41,
                   .canary = std::nullopt};
  return incident;
}

TEST_F(Routes, Incidents) {
  EXPECT_EQ(ask("GET", "/v1/incidents").body, R"({"items":[]})");
  view.outages = {outage("1746549072451-2", core::IncidentScope::provider),
                  outage("1746549072451-1", core::IncidentScope::institution)};
  view.outages[1].canary = core::LinkId{"mk_1"};
  const std::string first =
      R"({"id":"1746549072451-1","scope":"institution","name":"chase","provider":"plaid",)"
      R"("opened_at":"2025-05-06T16:31:12.451Z","phase":"open","links_failing":43,"links_total":1200,)"
      R"("held_back":41,"canary_link_id":"mk_1"})";
  EXPECT_EQ(ask("GET", "/v1/incidents?limit=1").body,
            R"({"items":[)" + first + R"(],"next":"1746549072451-1"})");
  const std::string rest = ask("GET", "/v1/incidents?after=1746549072451-1").body;
  EXPECT_THAT(rest, HasSubstr(R"("scope":"provider")"));
  EXPECT_THAT(rest, Not(HasSubstr("institution")));
  EXPECT_THAT(rest, Not(HasSubstr("next")));
  EXPECT_EQ(ask("GET", "/v1/incidents?phase=open").status, 400);
  EXPECT_EQ(ask("POST", "/v1/incidents").status, 405);
}

TEST_F(Routes, TheStatusShowsIncidents) {
  EXPECT_THAT(ask("GET", "/v1/status").body, HasSubstr(R"("incidents":[])"));
  view.outages = {outage("1-1", core::IncidentScope::institution)};
  EXPECT_THAT(ask("GET", "/v1/status").body, HasSubstr(R"("incidents":[{"id":"1-1","scope":"institution")"));
}

TEST_F(Routes, DeadLetters) {
  const HttpResponse list = ask("GET", "/v1/dead-letters?limit=1&after=4:mk_1");
  EXPECT_EQ(view.asked_after, "4:mk_1");
  EXPECT_EQ(list.body, R"({"items":[{"id":"1746549072451:mk_1","link_id":"mk_1","endpoint":"sync",)"
                       R"("at":"2025-05-06T16:31:12.451Z","reason":"page was refused: has_more is missing",)"
                       R"("body_bytes":77,"body_sha256_prefix":"01ab0000000000000000000000000000",)"
                       R"("retried_at":null}],"next":"5:mk_1"})");
  const std::string letter = "/v1/dead-letters/1746549072451:mk_1";
  EXPECT_THAT(ask("GET", letter).body, HasSubstr(R"("redacted_body":"{\"accounts\":[]}"})"));
  EXPECT_EQ(ask("POST", letter + "/retry").body, R"({"id":"1746549072451:mk_1","status":"active"})");
  EXPECT_EQ(view.noted, "dead_letters.retry by uid:1000");
  EXPECT_EQ(ask("POST", letter + "/drop").body, R"({"id":"1746549072451:mk_1","status":"quarantined"})");
  EXPECT_EQ(view.noted, "dead_letters.drop by uid:1000");
  for (const char* verb : {"", "/retry", "/drop"}) {
    const HttpResponse none =
        ask(*verb == '\0' ? "GET" : "POST", std::string("/v1/dead-letters/6:mk_1") + verb);
    EXPECT_EQ(none.status, 404);
    EXPECT_THAT(none.body, HasSubstr("dead_letter_not_found"));
  }
  for (const char* bad : {"mk_1", "5", "5:", ":mk_1", "x:mk_1", "05:mk_1", "5:%00"})
    EXPECT_EQ(ask("GET", std::string("/v1/dead-letters/") + bad).status, 400) << bad;
  const std::string longest(256, 'l');
  EXPECT_EQ(ask("GET", "/v1/dead-letters/-9223372036854775808:" + longest).status, 404);
  EXPECT_EQ(ask("GET", "/v1/dead-letters/1:" + longest + "l").status, 400);
  view.paused = true;
  EXPECT_EQ(ask("POST", letter + "/retry").status, 409);
}

TEST_F(Routes, StatusTellsQueuesAndWhatOfTheFeedWasShown) {
  const HttpResponse status = ask("GET", "/v1/status");
  EXPECT_THAT(status.body, HasSubstr(R"("head":9,"published":7})"));
  EXPECT_THAT(status.body, HasSubstr(R"("queues":{"relink_open":{"count":3,"more":false},)"
                                     R"("dead_letters":{"count":1000,"more":true}})"));
}

TEST_F(Routes, HealthAndReadiness) {
  EXPECT_EQ(ask("GET", "/-/healthy").status, 200);
  EXPECT_EQ(ask("GET", "/-/ready").status, 200);
  view.is_ready = false;
  EXPECT_EQ(ask("GET", "/-/ready").status, 503);
  view.broken = true;
  EXPECT_EQ(ask("GET", "/-/healthy").status, 503);
}

// ---- what is told of each request ----

TEST_F(Routes, EachRequestIsToldWithTheRouteThatItMet) {
  boost::asio::io_context io;
  VirtualTimers timers{io, core::WallTime(core::Millis(1'700'000'000'000)), 1};
  std::vector<std::string> told;
  const auto routes_table = daemon::AdminRoutes::list_routes();
  daemon::RequestMeter meter(timers, [&](const daemon::AnsweredRequest& request) {
    std::string line = "none";
    if (request.route)
      line = std::string(routes_table[*request.route].method) + " " + routes_table[*request.route].path;
    line += " " + std::to_string(request.status);
    if (request.reads) line += " reads";
    if (request.waits) line += " waits";
    told.push_back(line);
  });
  routes.set_meter(&meter);
  ask("GET", "/v1/links/mk_1");
  ask("GET", "/v1/links/a%2Fb%22c");
  ask("POST", "/v1/links/mk_1/sync?wait=1s");
  ask("POST", "/v1/links", "{", "application/json");
  ask("DELETE", "/v1/links");
  ask("GET", "/v1/nothing");
  ask("GET", "/-/healthy");
  ask("MAKE\"UP", "/v1/nothing");
  EXPECT_THAT(told, testing::ElementsAre("GET /v1/links/* 200 reads", "GET /v1/links/* 404 reads",
                                         "POST /v1/links/*/sync 200 waits", "POST /v1/links 400", "none 405",
                                         "none 404 reads", "none 200 reads", "none 404"));
}

}  // namespace syncd::test
