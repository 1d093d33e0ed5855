#include "tests/sandbox/feed_client.hpp"

namespace syncd::sandbox::test {
namespace {

using namespace std::chrono_literals;

struct Faults : testing::Test {
  Upstream upstream{free_options(6)};
  std::string id = upstream.add_link({.history_months = 2}, test_start);
  std::string other = upstream.add_link({.history_months = 2}, test_start);
  TimePoint now = test_start;

  void script(const std::string& rules) {
    auto parsed = parse_fault_script(rules);
    ASSERT_TRUE(parsed) << parsed.error();
    upstream.faults().set(std::move(*parsed));
  }
  HttpResponse sync(const std::string& cursor = "") {
    std::string target = "/links/" + id + "/transactions/sync?size=10";
    target += cursor.empty() ? "" : "&cursor=" + percent_encode(cursor);
    return upstream.respond(get(target), now);
  }
  static std::string next(const HttpResponse& response) {
    return std::string(boost::json::parse(response.body).at("cursor").at("next").as_string());
  }
  static bool more(const HttpResponse& response) {
    return boost::json::parse(response.body).at("has_more").as_bool();
  }
};

TEST_F(Faults, TransportFaultsAreInstructions) {
  script(R"([{"match":{"endpoint":"sync","nth":1},"fault":"reset"},
             {"match":{"endpoint":"sync","nth":1},"fault":"close"},
             {"match":{"endpoint":"sync","nth":1},"fault":"cut","at_byte":7},
             {"fault":"latency","delay_ms":5,"delay_ms_max":9},
             {"fault":"slow","bytes_per_second":100}])");
  EXPECT_TRUE(sync().transport.reset_before);
  EXPECT_TRUE(sync().transport.close_before);
  const auto cut = sync();
  EXPECT_EQ(cut.transport.cut_at_byte, 7U);
  EXPECT_GT(cut.body.size(), 7U);
  EXPECT_GE(cut.transport.delay_ms, 5U);
  EXPECT_LE(cut.transport.delay_ms, 9U);
  EXPECT_EQ(cut.transport.slow_bytes_per_second, 100U);
  EXPECT_EQ(cut.fault, "cut");
  EXPECT_EQ(sync().fault, "latency");
}

TEST_F(Faults, MatchByLinkCountAndTime) {
  script(R"([{"match":{"link_id":")" + id + R"("},"fault":"status","status":503,"count":2}])");
  EXPECT_EQ(upstream.respond(get("/links/" + other), now).status, 200);
  EXPECT_EQ(sync().status, 503);
  EXPECT_EQ(upstream.respond(get("/links/" + id), now).status, 503);
  EXPECT_EQ(sync().status, 200);
  EXPECT_EQ(upstream.faults().firings(), (std::vector<std::uint64_t>{2}));
}

TEST_F(Faults, ProbabilityIsSeeded) {
  const auto pattern = [&](std::uint64_t seed) {
    Upstream fresh(free_options(seed));
    const std::string link = fresh.add_link({.history_months = 0}, now);
    fresh.faults().add({.probability = 0.3, .kind = FaultKind::unauthorized});
    std::string text;
    for (int i = 0; i < 200; ++i) {
      text += fresh.respond(get("/links/" + link), now).status == 200 ? '.' : 'x';
    }
    return text;
  };
  EXPECT_EQ(pattern(1), pattern(1));
  EXPECT_NE(pattern(1), pattern(2));
  const auto hits = std::ranges::count(pattern(1), 'x');
  EXPECT_GT(hits, 30);
  EXPECT_LT(hits, 90);
}

TEST_F(Faults, CursorFaultsConsumeNothing) {
  const std::string start = next(sync());
  script(R"([{"fault":"repeat_cursor","count":1},{"fault":"cyclic_cursor","length":3,"count":6},
             {"fault":"endless","count":50}])");
  const auto repeated = sync(start);
  EXPECT_EQ(next(repeated), start);
  EXPECT_TRUE(more(repeated));
  std::vector<std::string> seen;
  std::string cursor = start;
  for (int i = 0; i < 6; ++i) {
    const auto response = sync(cursor);
    EXPECT_TRUE(more(response));
    cursor = next(response);
    seen.push_back(cursor);
  }
  EXPECT_EQ(seen[0], seen[3]);
  EXPECT_NE(seen[0], seen[1]);
  std::set<std::string> all;
  for (int i = 0; i < 50; ++i) {
    const auto response = sync(cursor);
    EXPECT_TRUE(more(response));
    cursor = next(response);
    EXPECT_TRUE(all.insert(cursor).second);
  }
  // When the faults are over, a client that kept the last good cursor misses nothing.
  FeedClient client(id);
  client.cursor = start;
  client.drain(upstream, now, 50);
  EXPECT_TRUE(upstream.truth_at_cursor(id, client.cursor, now)->caught_up);
}

TEST_F(Faults, BadCursorVariants) {
  for (const std::string variant : {"null", "empty", "absent", "number", "huge"}) {
    script(R"([{"fault":"bad_cursor","variant":")" + variant + R"("}])");
    const auto response = sync();
    EXPECT_EQ(response.status, 200);
    const auto root = boost::json::parse(response.body);
    EXPECT_TRUE(root.at("has_more").as_bool());
    const auto* const value = root.at("cursor").as_object().if_contains("next");
    EXPECT_EQ(value == nullptr, variant == "absent");
    EXPECT_EQ(value != nullptr && value->is_null(), variant == "null");
    EXPECT_EQ(value != nullptr && value->is_number(), variant == "number");
    EXPECT_EQ(value != nullptr && value->is_string() && value->as_string().size() == 1U << 20U,
              variant == "huge");
  }
}

TEST_F(Faults, RefusedCursorsSpareTheFirstCall) {
  const std::string cursor = next(sync());
  script(R"([{"fault":"refuse_cursor","status":400}])");
  EXPECT_EQ(sync().status, 200);
  EXPECT_EQ(sync(cursor).status, 400);
}

TEST_F(Faults, ErrorFaultsHaveTheirCodes) {
  const std::vector<std::tuple<std::string, int, std::string>> table = {
      {"expired_token", 401, "api_error.auth.expired_access_token"},
      {"unauthorized", 401, "api_error.auth.unauthorized"},
      {"unauthorized_access", 401, "link_error.unauthorized_access"},
      {"forbidden", 403, "link_error.forbidden_action"},
      {"not_found", 404, "link_error.not_found"},
      {"deleted", 410, "link_error.deleted"},
      {"bad_state", 422, "link_error.bad_state"},
      {"throttle", 429, "api_error.rate_limit_exceeded"},
  };
  for (const auto& [fault, status, code] : table) {
    script(R"([{"fault":")" + fault + R"("}])");
    const auto response = sync();
    EXPECT_EQ(response.status, status) << fault;
    EXPECT_EQ(text_member(response.body, "error_code"), code);
  }
}

TEST_F(Faults, ThrottleFormsAndTheWindowTheyOpen) {
  const auto header = [&](const std::string& variant) {
    script(R"([{"fault":"throttle","count":1,"retry_after_seconds":120,"variant":")" + variant + R"("}])");
    const auto response = sync();
    const auto* const value = find_header(response.headers, "Retry-After");
    return value == nullptr ? std::string("-") : *value;
  };
  EXPECT_EQ(header("none"), "-");
  EXPECT_EQ(header("text"), "soon");
  EXPECT_EQ(header("negative"), "-5");
  EXPECT_EQ(header("past_date"), http_date(now - 1h));
  upstream.clear_statistics();
  EXPECT_EQ(header("seconds"), "120");
  sync();
  EXPECT_EQ(upstream.statistics().inside_retry_after, 1U);
  now += 119s + 999ms;
  sync();
  EXPECT_EQ(upstream.statistics().inside_retry_after, 2U);
  now += 1ms;
  sync();
  EXPECT_EQ(upstream.statistics().inside_retry_after, 2U);
  EXPECT_EQ(header("date"), http_date(std::chrono::ceil<std::chrono::seconds>(now + 120s)));
  EXPECT_EQ(upstream.statistics().endpoints.at(Endpoint::sync).throttled_by_script, 2U);
}

TEST_F(Faults, MalformedBodiesAreNotJsonOrNotTheShape) {
  for (const std::string variant :
       {"", "html", "garbage", "empty", "bad_utf8", "deep", "trailing", "nul", "control", "odd_number"}) {
    script(R"([{"fault":"malformed","variant":")" + variant + R"("}])");
    boost::system::error_code ec;
    boost::json::parse(sync().body, ec);
    EXPECT_TRUE(ec) << variant;
  }
  for (const std::string variant : {"array", "null_lists", "wrong_types", "duplicate_key"}) {
    script(R"([{"fault":"malformed","variant":")" + variant + R"("}])");
    boost::system::error_code ec;
    boost::json::parse(sync().body, ec);
    EXPECT_FALSE(ec) << variant;
  }
}

TEST_F(Faults, SpoiledIdsAreEmptyOrTooLong) {
  const auto first_id = [&] {
    const auto body = boost::json::parse(sync().body);
    return body.at("transactions").at("created").as_array().at(0).at("transaction_id").as_string().size();
  };
  script(R"([{"fault":"malformed","variant":"long_id"}])");
  EXPECT_GT(first_id(), 256U);
  script(R"([{"fault":"malformed","variant":"empty_id"}])");
  EXPECT_EQ(first_id(), 0U);
}

// The last form of a row is the true one, and the page is the same one otherwise.
TEST_F(Faults, RepeatedRowsEndWithTheTrueForm) {
  const auto honest = boost::json::parse(sync().body);
  script(R"([{"fault":"repeated_rows"}])");
  const auto twice = boost::json::parse(sync().body);
  std::map<boost::json::string, boost::json::value> last;
  const auto& rows = twice.at("transactions").at("created").as_array();
  for (const auto& row : rows)
    last[row.at("transaction_id").as_string()] = row;
  const auto& expected = honest.at("transactions").at("created").as_array();
  EXPECT_GT(rows.size(), expected.size());
  EXPECT_EQ(last.size(), expected.size());
  for (const auto& row : expected)
    EXPECT_EQ(last[row.at("transaction_id").as_string()], row);
  EXPECT_EQ(twice.at("cursor"), honest.at("cursor"));
}

TEST_F(Faults, OddListsMoveRowsAndInventARemoval) {
  const auto honest = boost::json::parse(sync().body);
  script(R"([{"fault":"odd_lists"}])");
  const auto odd = boost::json::parse(sync().body);
  const auto count = [](const boost::json::value& body, std::string_view list) {
    return body.at("transactions").at(list).as_array().size();
  };
  EXPECT_EQ(count(odd, "removed"), count(honest, "removed") + 1);
  EXPECT_GT(count(odd, "updated"), count(honest, "updated"));
  EXPECT_EQ(count(odd, "created") + count(odd, "updated"),
            count(honest, "created") + count(honest, "updated"));
}

// A replica that has not seen the last refresh: what it shows, and the oracle's view of its cursor, are those
// of before; nothing is lost once it has caught up.
TEST(ReplicaLag, ShowsThePastAndLosesNothing) {
  UpstreamOptions options = free_options(6);
  options.record_past = true;
  Upstream upstream(options);
  const std::string id = upstream.add_link({.history_months = 1}, test_start);
  const auto ask = [&](const std::string& cursor) {
    return boost::json::parse(upstream
                                  .respond(get("/links/" + id + "/transactions/sync?size=500" +
                                               (cursor.empty() ? "" : "&cursor=" + percent_encode(cursor))),
                                           test_start)
                                  .body);
  };
  const auto next = [](const boost::json::value& page) {
    return std::string(page.at("cursor").at("next").as_string());
  };
  const std::string begun = next(ask(""));
  const auto before = upstream.truth(id, test_start);
  upstream.refresh_with_changes(id, test_start);
  upstream.faults().add({.kind = FaultKind::replica_lag});
  const auto late = ask(begun);
  EXPECT_TRUE(late.at("transactions").at("created").as_array().empty());
  EXPECT_EQ(upstream.truth_at_cursor(id, next(late), test_start)->posted, before->posted);
  upstream.faults().clear();
  const auto caught_up = ask(next(late));
  EXPECT_FALSE(caught_up.at("transactions").at("created").as_array().empty());
  EXPECT_EQ(upstream.truth_at_cursor(id, next(caught_up), test_start)->posted,
            upstream.truth(id, test_start)->posted);
  upstream.faults().add({.kind = FaultKind::replica_lag});
  EXPECT_EQ(ask(next(caught_up)).at("cursor"), caught_up.at("cursor")) << "ahead of the replica";
}

TEST_F(Faults, WrongLinkAnswersForAnother) {
  script(R"([{"match":{"endpoint":"sync"},"fault":"wrong_link"}])");
  const auto response = sync();
  EXPECT_FALSE(response.body.contains(id));
  EXPECT_TRUE(response.body.contains(other));
}

TEST_F(Faults, ScriptErrorsNameRuleAndMember) {
  const auto problem = [](std::string_view text) {
    const auto parsed = parse_fault_script(text);
    return parsed ? std::string() : parsed.error();
  };
  EXPECT_EQ(problem(R"([{"fault":"reset"},{"fault":"resett"}])"),
            R"(rule 2: "fault" names no fault ("resett"))");
  EXPECT_EQ(problem(R"([{"fault":"reset","typo":1}])"), R"(rule 1: "typo" is not known here)");
  EXPECT_EQ(problem(R"([{"match":{"link":"x"},"fault":"reset"}])"),
            R"(rule 1, match: "link" is not known here)");
  EXPECT_EQ(problem(R"([{"fault":"status"}])"), R"(rule 1: "status" is missing)");
  EXPECT_EQ(problem(R"([{"fault":"reset","probability":1.5}])"),
            R"(rule 1: "probability" must be a number from 0 to 1)");
  EXPECT_EQ(problem(R"([{"match":{"endpoint":"syncs"},"fault":"reset"}])"),
            R"(rule 1, match: "endpoint" names no endpoint ("syncs"))");
  EXPECT_EQ(problem(R"([{"fault":"malformed","variant":"htlm"}])"),
            R"(rule 1: "variant" names no variant ("htlm"))");
  EXPECT_EQ(problem(R"([{"fault":"throttle","variant":"html"}])"),
            R"(rule 1: "variant" names no variant ("html"))");
  EXPECT_EQ(problem(R"([{"fault":"reset","variant":"html"}])"),
            R"(rule 1: "variant" is not known to this fault)");
  EXPECT_FALSE(problem("{").empty());
  EXPECT_FALSE(problem(R"({"rules":[],"more":1})").empty());
  EXPECT_EQ(problem(R"({"rules":[]})"), "");
}

}  // namespace
}  // namespace syncd::sandbox::test
