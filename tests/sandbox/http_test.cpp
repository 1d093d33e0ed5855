#include <algorithm>

#include "tests/sandbox/feed_client.hpp"

namespace syncd::sandbox::test {
namespace {

using namespace std::chrono_literals;

std::string code_of(const HttpResponse& response) {
  return text_member(response.body, "error_code");
}

std::optional<std::string> retry_after(const HttpResponse& response) {
  const std::string* const header = find_header(response.headers, "Retry-After");
  return header == nullptr ? std::nullopt : std::optional(*header);
}

struct Fixture : testing::Test {
  Upstream upstream{UpstreamOptions{.seed = 4}};
  std::string id = upstream.add_link({}, test_start);
  TimePoint now = test_start;

  HttpResponse ask(const std::string& target) { return upstream.respond(get(target), now); }
  HttpResponse send(const std::string& method, const std::string& target, const std::string& body) {
    return upstream.respond(with_body(method, target, body), now);
  }
  std::string issue_token(const std::string& form, Headers headers = {}) {
    headers.emplace_back("Content-Type", "application/x-www-form-urlencoded");
    const auto response = upstream.respond({"POST", "/auth/token", headers, form}, now);
    EXPECT_EQ(response.status, 201) << response.body;
    return text_member(response.body, "access_token");
  }
  HttpResponse bearer(const std::string& token) {
    return upstream.respond({"GET", "/auth/introspect", {{"authorization", "bearer " + token}}, ""}, now);
  }
};

using Credentials = Fixture;

TEST_F(Credentials, HeadersAreAcceptedInAnyCase) {
  const UpstreamOptions defaults;
  const HttpRequest request{
      "GET",
      "/links/" + id,
      {{"x-client-id", defaults.client_id}, {"X-CLIENT-SECRET", defaults.client_secret}},
      ""};
  EXPECT_EQ(upstream.respond(request, now).status, 200);
}

TEST_F(Credentials, WrongOrMissingOnesAreUnauthorized) {
  const UpstreamOptions defaults;
  for (const Headers& headers : {Headers{}, Headers{{"X-Client-Id", defaults.client_id}},
                                 Headers{{"X-Client-Id", defaults.client_id}, {"X-Client-Secret", "wrong"}},
                                 Headers{{"Authorization", "Bearer unknown"}}}) {
    const auto response = upstream.respond({"GET", "/links/" + id, headers, ""}, now);
    EXPECT_EQ(response.status, 401);
    EXPECT_EQ(code_of(response), "api_error.auth.unauthorized");
  }
}

TEST_F(Credentials, TokensAreIssuedWithFormOrBasicAndExpire) {
  const UpstreamOptions defaults;
  const std::string form = "grant_type=client_credentials&scope=";
  const std::string from_form =
      issue_token(form + "&client_id=" + defaults.client_id + "&client_secret=" + defaults.client_secret);
  // "sandbox_0123456789abcdef0123:sandbox-secret"
  const std::string from_basic = issue_token(
      form, {{"Authorization", "Basic c2FuZGJveF8wMTIzNDU2Nzg5YWJjZGVmMDEyMzpzYW5kYm94LXNlY3JldA=="}});
  EXPECT_NE(from_form, from_basic);
  EXPECT_EQ(bearer(from_form).status, 200);
  EXPECT_EQ(bearer(from_basic).status, 200);
  now += 3600s - 1ms;
  EXPECT_EQ(bearer(from_form).status, 200);
  now += 1ms;
  EXPECT_EQ(bearer(from_form).status, 401);
  EXPECT_EQ(code_of(bearer(from_form)), "api_error.auth.expired_access_token");
}

TEST_F(Credentials, BadGrantIs400AndBadSecretIs401) {
  const auto post = [&](const std::string& form) {
    return upstream.respond({"POST", "/auth/token", {}, form}, now);
  };
  EXPECT_EQ(post("grant_type=refresh_token").status, 400);
  EXPECT_EQ(post("").status, 400);
  const auto response = post("grant_type=client_credentials&client_id=x&client_secret=y");
  EXPECT_EQ(response.status, 401);
  EXPECT_EQ(code_of(response), "api_error.auth.unauthorized");
}

TEST_F(Credentials, ExpireTokensEndsThemAtOnce) {
  const UpstreamOptions defaults;
  const std::string token = issue_token("grant_type=client_credentials&client_id=" + defaults.client_id +
                                        "&client_secret=" + defaults.client_secret);
  upstream.expire_tokens();
  EXPECT_EQ(code_of(bearer(token)), "api_error.auth.expired_access_token");
}

TEST_F(Credentials, TheKeySetNeedsOnlyTheId) {
  const UpstreamOptions defaults;
  EXPECT_EQ(
      upstream.respond({"GET", "/.well-known/jwks.json", {{"X-Client-Id", defaults.client_id}}, ""}, now)
          .status,
      200);
  EXPECT_EQ(upstream.respond({"GET", "/.well-known/jwks.json", {}, ""}, now).status, 401);
}

using BudgetRules = Fixture;

TEST_F(BudgetRules, HoldInAnySlidingMinuteAndSayWhenToReturn) {
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(ask("/links/" + id + "/accounts").status, 200);
    now += 10s;
  }
  const auto first = ask("/links/" + id + "/accounts");  // 40 s after the first call
  ASSERT_EQ(first.status, 429);
  EXPECT_EQ(code_of(first), "api_error.rate_limit_exceeded");
  EXPECT_EQ(retry_after(first), "20");
  now += 1s;
  const auto second = ask("/links/" + id + "/accounts");
  ASSERT_EQ(second.status, 429);
  EXPECT_EQ(retry_after(second), http_date(std::chrono::ceil<std::chrono::seconds>(test_start + 60s)));
  now = test_start + 60s;
  EXPECT_EQ(ask("/links/" + id + "/accounts").status, 200);
  EXPECT_EQ(ask("/links/" + id + "/accounts").status, 429);
}

TEST_F(BudgetRules, OneLinkDoesNotSpendAnothersBudget) {
  const std::string other = upstream.add_link({}, now);
  for (int i = 0; i < 5; ++i) {
    ask("/links/" + id + "/accounts");
  }
  EXPECT_EQ(ask("/links/" + id + "/accounts").status, 429);
  EXPECT_EQ(ask("/links/" + other + "/accounts").status, 200);
}

TEST_F(BudgetRules, TheAppBudgetSpansAllLinks) {
  std::vector<std::string> ids;
  for (int i = 0; i < 50; ++i) {
    ids.push_back(upstream.add_link({.history_months = 0}, now));
  }
  int good = 0;
  for (int i = 0; i < 700; ++i) {
    good +=
        ask("/links/" + ids[static_cast<std::size_t>(i % 50)] + "/transactions/sync").status == 200 ? 1 : 0;
  }
  EXPECT_EQ(good, 600);
}

TEST_F(BudgetRules, TheBooksCountMinutesAndBreaches) {
  for (int i = 0; i < 6; ++i) {
    ask("/links/" + id + "/accounts");
  }
  const Statistics books = upstream.statistics();
  const EndpointStatistics& accounts = books.endpoints.at(Endpoint::accounts);
  EXPECT_EQ(accounts.requests, 6U);
  EXPECT_EQ(accounts.throttled_by_budget, 2U);
  EXPECT_EQ(accounts.inside_retry_after, 1U) << "the second 429 came inside the window of the first";
  EXPECT_EQ(accounts.in_minute_max, 6U);
  EXPECT_EQ(accounts.in_minute_per_link_max, 6U);
  EXPECT_EQ(accounts.by_status.at(200), 4U);
  EXPECT_EQ(books.throttled, 2U);
  EXPECT_EQ(books.version_headers.at("2023-02-18"), 6U);
}

using LinkStates = Fixture;

TEST_F(LinkStates, UnknownLinksAre404) {
  const auto response = ask("/links/mk_2222222222222222222222");
  EXPECT_EQ(response.status, 404);
  EXPECT_EQ(code_of(response), "link_error.not_found");
}

TEST_F(LinkStates, DeletedLinksAreShownThenForgotten) {
  EXPECT_EQ(upstream.respond(with_body("DELETE", "/links/" + id, ""), now).status, 204);
  EXPECT_EQ(text_member(ask("/links/" + id).body, "state"), "deleted");
  EXPECT_EQ(ask("/links/" + id + "/transactions/sync").status, 410);
  EXPECT_EQ(code_of(ask("/links/" + id + "/accounts")), "link_error.deleted");
  Switches switches;
  switches.deleted_is_410 = true;
  upstream.set_switches(switches);
  EXPECT_EQ(ask("/links/" + id).status, 410);
  now += 90 * 24h;
  EXPECT_EQ(ask("/links/" + id).status, 404);
}

TEST_F(LinkStates, AnExpiredLinkStillServesItsData) {
  EXPECT_EQ(upstream.respond(with_body("POST", "/links/" + id + "/reset", ""), now).status, 200);
  const auto response = ask("/links/" + id + "/transactions/sync?size=500");
  ASSERT_EQ(response.status, 200);
  const auto root = boost::json::parse(response.body);
  EXPECT_EQ(root.at("link").at("state").as_string(), "error");
  EXPECT_EQ(root.at("link").at("error_code").as_string(), "auth_expired");
  EXPECT_EQ(root.at("link").at("products").at("transactions").at("error_code").as_string(), "auth_expired");
  EXPECT_FALSE(elements(response.body, "created").empty());
  EXPECT_EQ(send("POST", "/links/" + id + "/products", R"({"products":["accounts"]})").status, 422);
}

TEST_F(LinkStates, BySwitchAnExpiredLinkRefusesReads) {
  Switches switches;
  switches.reads_in_error_are_422 = true;
  upstream.set_switches(switches);
  upstream.reset(id, now);
  const auto response = ask("/links/" + id + "/transactions/sync");
  EXPECT_EQ(response.status, 422);
  EXPECT_EQ(code_of(response), "link_error.bad_state");
  EXPECT_EQ(text_member(response.body, "link_error_code"), "auth_expired");
  EXPECT_EQ(ask("/links/" + id).status, 200);
}

TEST_F(LinkStates, RelinkNeedsTheGoodUser) {
  upstream.reset(id, now);
  EXPECT_FALSE(upstream.relink(id, "user_good", "guess", now));
  EXPECT_EQ(text_member(ask("/links/" + id).body, "error_code"), "invalid_credentials");
  const auto before = upstream.truth(id, now)->transactions_refreshed_at;
  now += 1h;
  EXPECT_TRUE(upstream.relink(id, "user_good", "pass_good", now));
  EXPECT_EQ(text_member(ask("/links/" + id).body, "state"), "connected");
  EXPECT_GT(upstream.truth(id, now)->transactions_refreshed_at, before);
}

TEST_F(LinkStates, RefreshesStopWhileTheLinkIsBroken) {
  upstream.reset(id, now);
  const auto clock = upstream.truth(id, now)->transactions_refreshed_at;
  now += 30 * 24h;
  EXPECT_EQ(upstream.truth(id, now)->transactions_refreshed_at, clock);
  upstream.relink(id, "user_good", "pass_good", now);
  EXPECT_EQ(upstream.truth(id, now)->transactions_refreshed_at, now);
}

TEST_F(LinkStates, ForeignAndForbiddenLinksHaveTheirOwnCodes) {
  upstream.set_access(id, LinkAccess::foreign);
  EXPECT_EQ(ask("/links/" + id).status, 401);
  EXPECT_EQ(code_of(ask("/links/" + id)), "link_error.unauthorized_access");
  upstream.set_access(id, LinkAccess::forbidden);
  EXPECT_EQ(ask("/links/" + id).status, 200);
  EXPECT_EQ(ask("/links/" + id + "/transactions/sync").status, 403);
  EXPECT_EQ(code_of(ask("/links/" + id + "/transactions/sync")), "link_error.forbidden_action");
}

TEST_F(LinkStates, ALinkCanExpireByItself) {
  const std::string soon = upstream.add_link({.expires_after = 2h}, now);
  EXPECT_EQ(text_member(ask("/links/" + soon).body, "state"), "connected");
  now += 2h;
  EXPECT_EQ(text_member(ask("/links/" + soon).body, "state"), "error");
}

TEST_F(LinkStates, AnOutageHitsOneInstitution) {
  const std::string other = upstream.add_link({.institution = "chase"}, now);
  EXPECT_EQ(upstream.set_outage("chase", true, now), 1U);
  EXPECT_EQ(text_member(ask("/links/" + other).body, "error_code"), "institution_error");
  EXPECT_EQ(text_member(ask("/links/" + id).body, "state"), "connected");
  EXPECT_EQ(upstream.set_outage("chase", false, now), 1U);
  EXPECT_EQ(text_member(ask("/links/" + other).body, "state"), "connected");
}

using Validation = Fixture;

TEST_F(Validation, BoundsAreEnforcedWithTheValidationBody) {
  const std::string sync = "/links/" + id + "/transactions/sync?size=";
  for (const std::string& target :
       {sync + "0", sync + "501", sync + "x", sync + "-1", sync, std::string("/links?limit=499"),
        std::string("/links?limit=5001"), std::string("/links?cursor=%3D"),
        "/links/" + id + "/transactions?page=0", "/links/" + id + "/transactions?start_date=2025-02-30"}) {
    const auto response = ask(target);
    EXPECT_EQ(response.status, 422) << target;
    EXPECT_EQ(code_of(response), "api_error.request.validation_failed");
    EXPECT_TRUE(boost::json::parse(response.body).at("validation_errors").is_array());
  }
  EXPECT_EQ(ask(sync + "500").status, 200);
  EXPECT_EQ(ask(sync + "1").status, 200);
}

TEST_F(Validation, UnknownPathsAndMethods) {
  EXPECT_EQ(ask("/nothing").status, 404);
  EXPECT_EQ(ask("links").status, 404);
  EXPECT_EQ(ask("/links/%zz").status, 404);
  EXPECT_EQ(send("POST", "/links", "{}").status, 405);
  // Calls that this sandbox does not offer are no such path, and not a link that is gone.
  for (const char* rest : {"/accounts/numbers", "/identity", "/investments/holdings"}) {
    const auto absent = ask("/links/" + id + rest);
    EXPECT_EQ(absent.status, 404) << rest;
    EXPECT_EQ(code_of(absent), "api_error.request.not_found") << rest;
  }
}

using Reads = Fixture;

TEST_F(Reads, LinksArePagedWithAnEmptyLastCursor) {
  for (int i = 0; i < 1200; ++i) {
    upstream.add_link({}, now);
  }
  std::size_t seen = 0;
  std::string cursor;
  int pages = 0;
  do {
    const auto response = ask("/links?limit=500&cursor=" + percent_encode(cursor));
    ASSERT_EQ(response.status, 200) << response.body;
    seen += elements(response.body, "links").size();
    cursor = text_member(response.body, "next_cursor");
    ++pages;
  } while (!cursor.empty());
  EXPECT_EQ(seen, 1201U);
  EXPECT_EQ(pages, 3);
}

TEST_F(Reads, AccountsOfAllKindsWithExactNumbers) {
  std::set<std::string> prefixes;
  std::set<std::string> odd;
  for (int i = 0; i < 60; ++i) {
    const std::string link = upstream.add_link({.accounts = 5, .history_months = 0}, now);
    const auto response = ask("/links/" + link + "/accounts");
    for (const auto& account : elements(response.body, "accounts")) {
      const std::string type = text_member(account, "account_type");
      prefixes.insert(type.substr(0, type.find('.')));
      for (const std::string number : {":1e2,", ":0.1,", ":-0.0,", ":1372.90,", ":1.50E+3,"}) {
        if (account.contains(number)) {
          odd.insert(number);
        }
      }
    }
  }
  EXPECT_EQ(prefixes, (std::set<std::string>{"depository", "investment", "liability", "other", "unknown"}));
  EXPECT_GE(odd.size(), 4U);
}

TEST_F(Reads, AccountFilterAndSingleAccount) {
  const std::string link = upstream.add_link({.accounts = 3}, now);
  const auto all = elements(ask("/links/" + link + "/accounts").body, "accounts");
  ASSERT_EQ(all.size(), 3U);
  const std::string second = text_member(all[1], "account_id");
  const std::string third = text_member(all[2], "account_id");
  const auto two = elements(
      ask("/links/" + link + "/accounts?account_ids=" + second + "&account_ids=" + third).body, "accounts");
  EXPECT_EQ(two, (std::vector<std::string>{all[1], all[2]}));
  EXPECT_TRUE(ask("/links/" + link + "/accounts/" + second).body.contains(all[1]));
  EXPECT_EQ(ask("/links/" + link + "/accounts/acc_none").status, 404);
}

TEST_F(Reads, TransactionPagesCoverTheTruthNewestFirst) {
  std::map<std::string, std::string> rows;
  std::string last = "9999-99-99";
  std::size_t total = 0;
  for (int page = 1; page < 100; ++page) {
    const auto response =
        upstream.respond(get("/links/" + id + "/transactions?size=100&page=" + std::to_string(page)),
                         now + std::chrono::minutes{page});
    const auto list = elements(response.body, "transactions");
    total = static_cast<std::size_t>(boost::json::parse(response.body).at("total").as_int64());
    for (const auto& row : list) {
      const std::string date = text_member(row, "date");
      EXPECT_LE(date, last);
      last = date;
      rows[text_member(row, "transaction_id")] = row;
    }
    if (list.size() < 100) {
      break;
    }
  }
  EXPECT_EQ(rows.size(), total);
  auto truth = upstream.truth(id, now)->posted;
  const auto pending = upstream.truth(id, now)->pending;
  truth.insert(pending.begin(), pending.end());
  EXPECT_EQ(difference(truth, rows), "");
  const auto day = ask("/links/" + id + "/transactions?start_date=" + last + "&end_date=" + last);
  for (const auto& row : elements(day.body, "transactions")) {
    EXPECT_EQ(text_member(row, "date"), last);
  }
}

TEST_F(Reads, UsersAnswerWithMaps) {
  const std::string link = upstream.add_link({.user_id = "user-with-two"}, now);
  const std::string other = upstream.add_link({.user_id = "user-with-two"}, now);
  const auto links = boost::json::parse(ask("/users/user-with-two/links").body).at("links").as_object();
  EXPECT_EQ(links.size(), 2U);
  EXPECT_TRUE(links.contains(link));
  const auto accounts = boost::json::parse(ask("/users/user-with-two/accounts").body).at("links").as_object();
  EXPECT_TRUE(accounts.at(other).at("accounts").is_array());
  EXPECT_TRUE(boost::json::parse(ask("/users/nobody/links").body).at("links").as_object().empty());
}

using Writes = Fixture;

TEST_F(Writes, PatchChangesWebhookAndTagsOnlyWhenNamed) {
  auto link = boost::json::parse(
      send("PATCH", "/links/" + id, R"({"webhook":"https://a.example/x","link_tags":["tenant:1"]})").body);
  EXPECT_EQ(link.at("webhook").as_string(), "https://a.example/x");
  link = boost::json::parse(send("PATCH", "/links/" + id, R"({"link_tags":[]})").body);
  EXPECT_EQ(link.at("webhook").as_string(), "https://a.example/x");
  EXPECT_TRUE(link.at("link_tags").as_array().empty());
  link = boost::json::parse(send("PATCH", "/links/" + id, R"({"webhook":null})").body);
  EXPECT_TRUE(link.at("webhook").is_null());
  EXPECT_EQ(send("PATCH", "/links/" + id, R"({"webhook":""})").status, 422);
  now += 1min;
  EXPECT_EQ(send("PATCH", "/links/" + id, "[").status, 422);
  EXPECT_EQ(send("PATCH", "/links/" + id, R"({"link_tags":["-no"]})").status, 422);
}

TEST_F(Writes, RefreshIsAcceptedNowAndDoneLater) {
  id = upstream.add_link({.refresh_every = std::chrono::days{365}}, now);
  const auto before = upstream.truth(id, now)->transactions_refreshed_at;
  Switches switches;
  switches.refresh_failure_permille = 0;
  upstream.set_switches(switches);
  now += 25h;
  const auto accepted = send("POST", "/links/" + id + "/products", R"({"products":["transactions"]})");
  ASSERT_EQ(accepted.status, 202) << accepted.body;
  EXPECT_EQ(upstream.truth(id, now)->transactions_refreshed_at, before);
  EXPECT_GT(upstream.truth(id, now + 20s)->transactions_refreshed_at, before);
  const auto again = send("POST", "/links/" + id + "/products", R"({"products":["transactions"]})");
  EXPECT_EQ(again.status, 429);
  EXPECT_TRUE(retry_after(again));
  EXPECT_EQ(send("POST", "/links/" + id + "/products", R"({"products":["accounts"]})").status, 202);
  EXPECT_EQ(send("POST", "/links/" + id + "/products", R"({"products":["account_numbers"]})").status, 403);
  EXPECT_EQ(send("POST", "/links/" + id + "/products", R"({"products":[]})").status, 422);
}

// The bank delivers by its own schedule too, and its time may run faster than that of the wire.
TEST_F(Writes, RefreshIntervalsRunFromTheLastSuccessInBankTime) {
  id = upstream.add_link({.refresh_every = std::chrono::days{365}}, now);
  ASSERT_TRUE(upstream.truth(id, now)->transactions_refreshed_at);
  const auto ask_for = [&](const char* product) {
    return send("POST", "/links/" + id + "/products", R"({"products":[")" + std::string(product) + R"("]})");
  };
  now += 30min;
  EXPECT_EQ(ask_for("accounts").status, 429) << "hourly, and the first success was half an hour ago";
  upstream.set_bank_speed(60);
  const auto date = ask_for("transactions");
  EXPECT_EQ(date.status, 429);
  EXPECT_EQ(retry_after(date), http_date(std::chrono::ceil<std::chrono::seconds>(now + 1410s)))
      << "23.5 hours of the bank, told in time of the wire";
  EXPECT_EQ(retry_after(ask_for("accounts")), "30");
  now += 30min;
  EXPECT_EQ(ask_for("accounts").status, 202);
}

TEST_F(Writes, WebhookTestNeedsAWebhook) {
  const std::string body = R"({"webhook_event":"link.state_changed","webhook_idempotency_key":"k"})";
  const auto refused = send("POST", "/webhooks/test/link/" + id, body);
  EXPECT_EQ(refused.status, 400);
  EXPECT_EQ(code_of(refused), "link_error.bad_config");
  send("PATCH", "/links/" + id, R"({"webhook":"https://a.example/x"})");
  EXPECT_FALSE(text_member(send("POST", "/webhooks/test/link/" + id, body).body, "delivery_token").empty());
  EXPECT_EQ(send("POST", "/webhooks/test/link/" + id, R"({"webhook_event":"x"})").status, 422);
}

using Sessions = Fixture;

TEST_F(Sessions, ANewLinkTakesSessionUserAndExchange) {
  const auto created = send("POST", "/link-session",
                            R"({"customer_user":{"id":"user-9"},"redirect_uri":"https://a.example/r",)"
                            R"("settings":{"products":{"transactions":{"prefetch":true}}}})");
  ASSERT_EQ(created.status, 201) << created.body;
  const std::string token = text_member(created.body, "link_session_token");
  EXPECT_FALSE(upstream.complete_session(token, "credentials_bank", "user_good", "wrong", now).ok);
  const auto done = upstream.complete_session(token, "credentials_bank", "user_good", "pass_good", now);
  ASSERT_TRUE(done.ok) << done.problem;
  const std::string body = R"({"exchangeable_token":")" + done.exchangeable_token + "\"}";
  const auto exchanged = send("POST", "/link-session/exchange-token", body);
  ASSERT_EQ(exchanged.status, 201) << exchanged.body;
  const auto root = boost::json::parse(exchanged.body);
  EXPECT_EQ(root.at("link").at("link_id"), root.at("link_id"));
  EXPECT_EQ(root.at("link").at("state").as_string(), "connected");
  const auto again = send("POST", "/link-session/exchange-token", body);
  EXPECT_EQ(again.status, 400);
  EXPECT_EQ(code_of(again), "link_session_error.invalid_token_exchange");
  const std::string link_id(root.at("link_id").as_string());
  EXPECT_FALSE(upstream.truth(link_id, now)->posted.empty());
}

TEST_F(Sessions, ARelinkKeepsTheLinkAndReplacesWebhookAndTags) {
  send("PATCH", "/links/" + id, R"({"webhook":"https://a.example/x","link_tags":["t"]})");
  upstream.reset(id, now);
  const auto created =
      send("POST", "/link-session",
           R"({"customer_user":{"id":"user-9"},"redirect_uri":"https://a.example/r","existing_link_id":")" +
               id + "\"}");
  ASSERT_EQ(created.status, 201);
  const auto done = upstream.complete_session(text_member(created.body, "link_session_token"), "",
                                              "user_good", "pass_good", now);
  ASSERT_TRUE(done.ok);
  EXPECT_EQ(done.link_id, id);
  EXPECT_TRUE(done.exchangeable_token.empty());
  const auto link = boost::json::parse(ask("/links/" + id).body);
  EXPECT_EQ(link.at("state").as_string(), "connected");
  EXPECT_TRUE(link.at("webhook").is_null());
  EXPECT_TRUE(link.at("link_tags").as_array().empty());
}

TEST_F(Sessions, RequestsAreValidated) {
  for (
      const std::string body :
      {"", "[]", "{}", R"({"customer_user":{"id":"abc"},"redirect_uri":"https://a.example"})",
       R"({"customer_user":{"id":"user-1"}})",
       R"({"customer_user":{"id":"user-1"},"redirect_uri":"https://a.example?x=1"})",
       R"({"customer_user":{"id":"user-1"},"redirect_uri":"https://a.example","existing_link_id":"mk_x"})"}) {
    const auto response = send("POST", "/link-session", body);
    EXPECT_EQ(response.status, 422) << body;
    EXPECT_EQ(code_of(response), "api_error.request.validation_failed");
  }
  const auto forbidden = send(
      "POST", "/link-session",
      R"({"customer_user":{"id":"user-1"},"redirect_uri":"https://a.example","connect_features":{"enable_money_id":true}})");
  EXPECT_EQ(forbidden.status, 403);
  EXPECT_EQ(code_of(forbidden), "link_session_error.forbidden_config");
}

TEST(Forms, TimestampsNullsAndUnknownsFollowTheSwitches) {
  UpstreamOptions options = free_options(12);
  options.switches.timestamps = TimestampForm::zulu;
  options.switches.nulls = NullForm::absent;
  options.switches.unknown_members = true;
  options.switches.unknown_enums = true;
  options.switches.date_with_time = true;
  options.switches.amounts_as_numbers = true;
  Upstream upstream(options);
  const std::string id = upstream.add_link({}, test_start);
  const auto truth = upstream.truth(id, test_start);
  EXPECT_TRUE(truth->link.contains("Z\"")) << truth->link;
  EXPECT_FALSE(truth->link.contains("+00:00"));
  EXPECT_TRUE(truth->link.contains("x_future"));
  bool unknown_category = false;
  for (const auto& [row_id, row] : truth->posted) {
    EXPECT_FALSE(row.contains("\"original_id\"")) << row;
    EXPECT_TRUE(row.contains("T00:00:00\"")) << row;
    EXPECT_FALSE(row.contains("\"amount\":\"")) << row;
    unknown_category = unknown_category || row.contains("hologram.lease");
  }
  EXPECT_TRUE(unknown_category);
}

TEST(Forms, TenThousandIdleLinksAreCheap) {
  Upstream upstream(free_options(1));
  std::string first;
  for (int i = 0; i < 10'000; ++i) {
    const std::string id = upstream.add_link({}, test_start);
    first = first.empty() ? id : first;
  }
  EXPECT_EQ(upstream.link_count(), 10'000U);
  EXPECT_EQ(upstream.respond(get("/links?limit=5000"), test_start + 24h).status, 200);
  EXPECT_EQ(upstream.respond(get("/links/" + first), test_start + 24h).status, 200);
}

}  // namespace
}  // namespace syncd::sandbox::test
