#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/cli/json_value.hpp"
#include "daemon/cli/render.hpp"
#include "daemon/cli/text.hpp"

// The daemon's answers as people see them.
namespace syncd::test {
namespace {

using testing::HasSubstr;
using testing::Not;

// 2025-05-06T16:31:12Z
constexpr core::WallTime now{core::Millis{1'746'549'072'000}};

cli::JsonValue json(std::string text) {
  auto value = cli::parse_json(std::move(text));
  EXPECT_TRUE(value) << (value ? "" : value.error());
  return value ? *value : cli::JsonValue{};
}

TEST(CliRender, StatusOfAGoodDay) {
  const std::string text = cli::render_status(
      json(R"({"version":"1.0","environment":"live","healthy":true,"ready":true,"uptime_seconds":7200,)"
           R"("links":{"total":1234,"by_status":{"active":1200,"relink":34,"gone":0},"due":1,"in_flight":2,)"
           R"("next_due_at":"2025-05-06T16:32:12Z","oldest_success_at":"2025-05-06T13:31:12Z"},)"
           R"("queues":{"relink_open":{"count":34,"more":false},"dead_letters":{"count":10000,"more":true}},)"
           R"("store":{"disk_bytes":5368709120,"disk_free_bytes":10485760,"commits":7},)"
           R"("upstream":{"auth_refused":false,"discovery":{"at":"2025-05-06T16:31:12Z","only_here":1},)"
           R"("connections":{"open":4,"idle":1,"waiting":0}},"config":{"last_reload_ok":true},)"
           R"("budget":[{"endpoint":"sync","used":3,"limit":60,"waiting":0,"frozen_until":null}]})"),
      now);
  EXPECT_THAT(text, HasSubstr("moneykit-syncd 1.0, live, up 2h\n"));
  EXPECT_THAT(text, HasSubstr("healthy, ready\n"));
  EXPECT_THAT(text, HasSubstr("1,234, 1,200 active, 34 relink\n"));
  EXPECT_THAT(text, HasSubstr("34 relink entries open, 10,000 or more dead letters\n"));
  EXPECT_THAT(text, HasSubstr("5.0 GiB on disk, 10 MiB free, 7 commits since start\n"));
  EXPECT_THAT(text, HasSubstr("2025-05-06T13:31:12Z (3h ago)\n"));
  EXPECT_THAT(text, HasSubstr("now: - links only upstream, 1 only here\n"));
  EXPECT_THAT(text, HasSubstr("sync"));
  EXPECT_THAT(text, Not(HasSubstr("REFUSES")));
  EXPECT_THAT(text, Not(HasSubstr("RELOAD")));
  EXPECT_THAT(text, Not(HasSubstr("restart")));
}

TEST(CliRender, StatusSaysWhatIsWrong) {
  const std::string text = cli::render_status(
      json(R"({"healthy":false,"upstream":{"auth_refused":true,"auth_error":"HTTP 401"},)"
           R"("config":{"last_reload_ok":false,"pending_restart":["store.path","admin.listen"]}})"),
      now);
  EXPECT_THAT(text, HasSubstr("NOT HEALTHY: see the daemon's log\n"));
  EXPECT_THAT(text, HasSubstr("REFUSES OUR CREDENTIALS: HTTP 401\n"));
  EXPECT_THAT(text, HasSubstr("LAST RELOAD FAILED"));
  EXPECT_THAT(text, HasSubstr("needed for new values of store.path, admin.listen\n"));
  EXPECT_THAT(text, Not(HasSubstr("discovery")));
  EXPECT_THAT(cli::render_status(json(R"({"healthy":true,"ready":false})"), now),
              HasSubstr("healthy, not ready\n"));
}

TEST(CliRender, StatusSaysWhatBecameOfTheCertificate) {
  const auto shown = [](const char* tcp) {
    return cli::render_status(json(std::string(R"({"admin_tcp":)") + tcp + "}"), now);
  };
  const std::string shut = shown(R"({"open":false,"certificate_expires_at":null,"problem":"it expired"})");
  EXPECT_THAT(shut, HasSubstr("SHUT: it expired\n"));
  EXPECT_THAT(shut, Not(HasSubstr("ends in")));
  const std::string kept =
      shown(R"({"open":true,"certificate_expires_at":"2025-05-08T16:32:12Z","problem":"no PEM"})");
  EXPECT_THAT(kept, HasSubstr("OLD CERTIFICATE IN USE: no PEM\n"));
  EXPECT_THAT(kept, HasSubstr("ends in 2d"));
  EXPECT_THAT(shown(R"({"open":true,"certificate_expires_at":null,"problem":null})"),
              Not(HasSubstr("CERTIFICATE")));
}

TEST(CliRender, OneLink) {
  const std::string well = cli::render_link(
      json(R"({"link_id":"mk_1","upstream_state":"connected","upstream_error_code":null,"tags":["a","b"],)"
           R"("cursor_set":true,"failures":0,"last_error":null})"),
      now);
  EXPECT_THAT(well, HasSubstr("upstream state    connected\n"));
  EXPECT_THAT(well, HasSubstr("tags              a, b\n"));
  EXPECT_THAT(well, HasSubstr("cursor            set\n"));
  EXPECT_THAT(well, Not(HasSubstr("last error")));
  const std::string ill = cli::render_link(
      json(R"({"upstream_state":"error","upstream_error_code":"auth_expired","tags":[],"cursor_set":false,)"
           R"("last_error":{"kind":"relink_required","message":"m","code":"auth_expired","http_status":422,)"
           R"("at":"2025-05-06T13:31:12Z"}})"),
      now);
  EXPECT_THAT(ill, HasSubstr("error (auth_expired)\n"));
  EXPECT_THAT(ill, HasSubstr("tags              -\n"));
  EXPECT_THAT(ill, HasSubstr("cursor            not set\n"));
  EXPECT_THAT(ill, HasSubstr("relink_required: m\n"));
  EXPECT_THAT(ill, HasSubstr("code auth_expired, HTTP 422, 3h ago\n"));
  EXPECT_THAT(cli::render_link(json("{}"), now), HasSubstr("tags              -\n"));
}

TEST(CliRender, ErrorsWithoutACodeAreNamedByTheirKind) {
  const cli::Items links{json(R"({"link_id":"a","last_error":{"kind":"timeout","code":""}})"),
                         json(R"({"link_id":"b"})")};
  const std::string text = cli::render_links(links, now);
  EXPECT_THAT(text, HasSubstr("timeout\n"));
  EXPECT_THAT(text, HasSubstr("\n2 links: 2 -\n"));
}

TEST(CliRender, ACycle) {
  EXPECT_THAT(cli::render_cycle(json(R"({"outcome":"success","error":null,"duration_ms":1234})"), now),
              HasSubstr("outcome           success\n"));
  const std::string failed =
      cli::render_cycle(json(R"({"outcome":"failed","error":"timeout","created":1000})"), now);
  EXPECT_THAT(failed, HasSubstr("failed: timeout\n"));
  EXPECT_THAT(failed, HasSubstr("1,000 created"));
}

TEST(CliRender, Accounts) {
  EXPECT_EQ(cli::render_accounts({}, now), "no accounts\n");
  const cli::Items accounts{
      json(R"({"account_id":"a1","gone_since":"2025-05-04T16:31:12Z","data":{"name":"N",)"
           R"("account_type":"depository","balances":{"current":1.50}}})"),
      json(R"({"account_id":"a2"})")};
  const std::string text = cli::render_accounts(accounts, now);
  EXPECT_THAT(text, HasSubstr("1.50"));
  EXPECT_THAT(text, HasSubstr("2d ago\n"));
  EXPECT_THAT(text, HasSubstr("\n2 accounts\n"));
  EXPECT_THAT(cli::render_accounts({accounts[0]}, now), HasSubstr("\n1 account\n"));
}

TEST(CliRender, TransactionsOfBothStates) {
  EXPECT_EQ(cli::render_transactions({}), "no transactions\n");
  const cli::Items rows{json(R"({"transaction_id":"t1","pending":false})"),
                        json(R"({"transaction_id":"t2","pending":true})")};
  EXPECT_THAT(cli::render_transactions(rows), HasSubstr("\n2 transactions, 1 of them pending\n"));
}

TEST(CliRender, Incidents) {
  EXPECT_EQ(cli::render_incidents({}, now), "no incidents: no institution's links fail together\n");
  const auto incident =
      json(R"({"id":"5-1","scope":"institution","name":"chase\u0007","provider":"plaid","phase":"open",)"
           R"("opened_at":"2025-05-06T13:31:12Z","links_failing":43,"links_total":1200,"held_back":41})");
  EXPECT_EQ(cli::render_incidents({incident}, now),
            "INCIDENT  SCOPE        NAME    PROVIDER  OPENED  PHASE  FAILING  LINKS  HELD BACK\n"
            "5-1       institution  chase?  plaid     3h ago  open        43  1,200         41\n"
            "\n1 incident\n");
  const auto of_provider = json(R"({"id":"5-2","scope":"provider","name":"mx","provider":null})");
  EXPECT_THAT(cli::render_incidents({incident, of_provider}, now), HasSubstr("\n2 incidents\n"));
}

TEST(CliRender, TheStatusNamesIncidents) {
  EXPECT_THAT(cli::render_status(json(R"({"incidents":[]})"), now), Not(HasSubstr("incidents")));
  EXPECT_THAT(cli::render_status(json(R"({"incidents":[{"id":"1"}]})"), now),
              HasSubstr("1 institution or provider is down: see moneykitctl incidents"));
}

TEST(CliRender, RelinkEntries) {
  EXPECT_EQ(cli::render_relinks({}, now), "no relink entries\n");
  const auto entry =
      json(R"({"link_id":"l","status":"open","reason":"auth_expired","reopened":2,"version":3,)"
           R"("opened_at":"2025-05-06T13:31:12Z"})");
  EXPECT_THAT(cli::render_relinks({entry}, now), HasSubstr("\n1 relink entry: 1 open\n"));
  EXPECT_THAT(cli::render_relinks({entry, entry}, now), HasSubstr("\n2 relink entries: 2 open\n"));
  const std::string text = cli::render_relink(entry, now);
  EXPECT_THAT(text, HasSubstr("reopened          2 times\n"));
  EXPECT_THAT(text, HasSubstr("opened            2025-05-06T13:31:12Z (3h ago)\n"));
  EXPECT_THAT(text, HasSubstr("resolved          -\n"));
}

TEST(CliText, NumbersAndSizesThatAreNoneStayAsTheyAre) {
  for (const char* text : {"", "-", "1.5", "99999999999999999999999"}) {
    EXPECT_EQ(cli::grouped(text), text);
    EXPECT_EQ(cli::bytes_of(text), text);
  }
  EXPECT_EQ(cli::grouped("999"), "999");
  EXPECT_EQ(cli::grouped("1000000"), "1,000,000");
  EXPECT_EQ(cli::bytes_of("2047"), "1 KiB");
}

TEST(CliText, MarksThatTurnTextAroundAreNotPrinted) {
  for (const char* mark : {"\xE2\x80\xAA", "\xE2\x80\xAE", "\xE2\x81\xA6", "\xE2\x81\xA9", "\x7F"})
    EXPECT_EQ(cli::printable(mark), "?");
  for (const char* character : {"\xE2\x80\xA9", "\xE2\x80\xAF", "\xE2\x81\xA5", "\xE2\x81\xAA", "\xC2\xA0"})
    EXPECT_EQ(cli::printable(character), character);
}

TEST(CliJson, RefusesWhatIsNotJsonAnywhere) {
  for (const char* text :
       {"[", "[1", "[nope]", "nul", "tru", "01", "\"\\x\"", R"({"a":nope})", R"({"a":1)", "{} {}"})
    EXPECT_FALSE(cli::parse_json(text)) << text;
  const cli::JsonValue value = json(R"([{"a":{"b":{"c":{}}}},false])");
  ASSERT_EQ(value.items.size(), 2U);
  EXPECT_EQ(value.items[1].text, "false");
  EXPECT_EQ(value.items[0].find("a.b")->raw, "") << "deeper than anybody prints";
  EXPECT_EQ(value.items[0].at("a"), "-") << "an object has no text";
  EXPECT_EQ(value.items[0].find("a.x"), nullptr);
}

}  // namespace
}  // namespace syncd::test
