#include <cstdlib>
#include <fstream>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "tests/bench/fast_time.hpp"
#include "tests/e2e/rig.hpp"

// The real programs with clocks that run faster, as scripts/bench freshness-day has them: half an hour
// of many links, in which every change arrives.
namespace syncd::test::e2e {
namespace {

constexpr std::int64_t begin_unix_ms = 1'767'225'600'000;
constexpr std::int64_t speed = 60;
constexpr int links = 100;

// Two refreshes of each link, with news; half of the links are never told of by a webhook.
std::string refreshes_of_the_day() {
  std::string text;
  for (int link = 0; link < links; ++link) {
    text += "link bank_00" + std::to_string(link % 10) + "\n";
    for (const int minute : {12, 20}) {
      const std::int64_t at = begin_unix_ms + (minute * 60 + link) * 1000;
      text += std::to_string(at) + " 1 " + (link % 2 == 0 ? "5000" : "-") + "\n";
    }
  }
  return text;
}

// Its patience is as much shorter as its time is faster: one that this process keeps waiting hangs up, and is
// asked again. Nothing here does more when it is done twice.
Json patiently(Daemon& daemon, std::string_view method, const std::string& target,
               const std::string& body = {}) {
  Reply reply;
  daemon.wait_for("an answer to " + target, [&] {
    reply = daemon.ask(method, target, body);
    return reply.status != 0;
  });
  EXPECT_EQ(reply.status, 200) << reply.body;
  return Json::parse(reply.body);
}

struct FastClock : testing::Test {
  FastClock() {
    std::ofstream(dir.path() / "refreshes") << refreshes_of_the_day();
    time.preload(FAST_CLOCK_LIBRARY);
  }
  ~FastClock() override {
    ::unsetenv("LD_PRELOAD");
    ::unsetenv("SYNCD_FAST_CLOCK");
  }

  ScratchDir dir;
  bench::FastTime time{speed, begin_unix_ms};
};

TEST_F(FastClock, EveryChangeOfAnAcceleratedHalfHourArrives) {
  Sandbox sandbox(dir.path(), {"--refreshes", dir.path() / "refreshes", "--history-months", "1"});
  Tuning tuning;
  tuning.schedule = "interval = \"15m\"\n";
  tuning.admin = "[webhook]\nlisten = \"127.0.0.1:0\"\nissuer = \"https://api.moneykit.com\"\n";
  Daemon daemon(dir.path() / "daemon", sandbox, tuning);
  daemon.start();
  std::string items;
  const Json added = sandbox.control("GET", "links");
  ASSERT_EQ(added["links"].items().size(), static_cast<std::size_t>(links));
  for (const Json& link : added["links"].items()) {
    const std::string id = link["link_id"].text();
    sandbox.control("POST", "links/" + id + "/webhook",
                    R"({"webhook":")" + daemon.webhooks().text + "/webhook\"}");
    items += (items.empty() ? "{\"link_id\":\"" : ",{\"link_id\":\"") + id + "\"}";
  }
  patiently(daemon, "POST", "/v1/links:import", R"({"items":[)" + items + "]}");
  std::set<std::string> expected;
  daemon.wait_for("half an hour to pass", [&] { return time.now_unix_ms() > begin_unix_ms + 1'800'000; });
  for (const Json& refresh : sandbox.control("GET", "refreshes")["refreshes"].items())
    expected.insert(refresh["created"].text());
  ASSERT_FALSE(expected.empty());  // on a slow machine some come before the first look, which is history
  std::string after = "0";
  daemon.wait_for("every change", [&] {
    const Json page = patiently(daemon, "GET", "/v1/feed?limit=200&after=" + after);
    for (const Json& entry : page["items"].items()) {
      expected.erase(entry["id"].text());
      after = entry["seq"].text();
    }
    return expected.empty();
  });
  EXPECT_EQ(sandbox.control("GET", "statistics")["throttled"].text(), "0");
}

}  // namespace
}  // namespace syncd::test::e2e
