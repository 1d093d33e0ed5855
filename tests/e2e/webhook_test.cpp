#include <chrono>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/e2e/key_set_front.hpp"
#include "tests/e2e/rig.hpp"
#include "tests/unit/webhook/signer.hpp"

// The daemon that receives webhooks, as a user runs it.
namespace syncd::test::e2e {
namespace {

core::WallTime wall_now() {
  return std::chrono::floor<core::Millis>(std::chrono::system_clock::now());
}

struct Webhooks : testing::Test {
  Webhooks() {
    for (const std::string& link_id : link_ids)
      daemon.add_link(link_id);
    daemon.wait_for("the links to be synced", [&] {
      for (const auto& [link_id, link] : daemon.links()) {
        if (link["last_success_at"].is_null()) return false;
      }
      return true;
    });
  }

  static std::vector<std::string> three_links(Sandbox& sandbox) {
    return sandbox.add_links(R"({"count":3,"history_months":1,"refresh_every_seconds":31536000})");
  }
  Tuning tuning() const {
    return {.upstream = "",
            .schedule = "interval = \"30d\"\nmax_interval = \"30d\"\naccounts_interval = \"30d\"\n",
            .cycle = "",
            .budget = "",
            .daemon = "",
            .admin = "[webhook]\nlisten = \"127.0.0.1:0\"\nissuer = \"https://api.moneykit.com\"\n",
            .base_url = front.url()};
  }
  Daemon started() const {
    Daemon made(dir.path() / "daemon", sandbox, tuning());
    made.start();
    return made;
  }
  std::string receiver() const {
    const std::string lines = daemon.log();
    constexpr std::string_view field = "\"address\":\"";
    const std::size_t line = lines.rfind("\"webhooks are received\"");
    const std::size_t begin = lines.find(field, line) + field.size();
    return "http://" + lines.substr(begin, lines.find('"', begin) - begin);
  }
  Reply send(const std::string& body, const std::string& signature) const {
    return request({receiver()}, "POST", "/webhook", body, "MoneyKit-Signature: " + signature + "\r\n");
  }
  Reply send_hook(const std::string& link_id, const std::string& key) const {
    const std::string body = hook_body(link_id, key);
    return send(body, signer.token(body, wall_now()));
  }
  // Visits with this cause that ended, as the log has them.
  std::size_t visits(const std::string& link_id, std::string_view cause) const {
    const std::string lines = daemon.log();
    std::size_t count = 0;
    for (std::size_t begin = 0; begin < lines.size();) {
      const std::size_t end = std::min(lines.find('\n', begin), lines.size());
      const std::string line = lines.substr(begin, end - begin);
      const bool is_visit = line.find("\"cycle done\"") != std::string::npos;
      const bool is_its = line.find("\"" + link_id + "\"") != std::string::npos;
      const bool has_cause = line.find("\"cause\":\"" + std::string(cause) + "\"") != std::string::npos;
      count += is_visit && is_its && has_cause ? 1 : 0;
      begin = end + 1;
    }
    return count;
  }
  std::string hooks(const std::string& outcome) {
    return daemon.metric("moneykit_syncd_webhooks_total{outcome=\"" + outcome + "\"}");
  }

  ScratchDir dir;
  HookSigner signer;
  Sandbox sandbox{dir.path(), {"--seed", "22", "--refresh-failures", "0"}};
  KeySetFront front{sandbox.url(), key_set_of(signer)};
  std::vector<std::string> link_ids = three_links(sandbox);
  Daemon daemon = started();
};

TEST_F(Webhooks, OneIsAnsweredAndItsLinkVisited) {
  EXPECT_EQ(send_hook(link_ids[1], "k1").status, 200);
  daemon.wait_for("the visit", [&] { return visits(link_ids[1], "webhook") == 1; });
  EXPECT_EQ(visits(link_ids[0], "webhook"), 0U);
  EXPECT_EQ(send_hook(link_ids[1], "k1").status, 200);
  EXPECT_EQ(send_hook("mk_of_nobody", "k2").status, 200);
  const std::string body = hook_body(link_ids[0], "k3");
  EXPECT_EQ(send(body, signer.token(body + " ", wall_now())).status, 400);
  EXPECT_EQ(send(body, HookSigner("a-stranger").token(body, wall_now())).status, 400);
  EXPECT_EQ(request({receiver()}, "GET", "/webhook").status, 405);
  EXPECT_EQ(request({receiver()}, "POST", "/v1/links", "{}").status, 404);
  EXPECT_EQ(hooks("accepted"), "1");
  EXPECT_EQ(hooks("duplicate"), "1");
  EXPECT_EQ(hooks("unknown_link"), "1");
  EXPECT_EQ(hooks("bad_signature"), "2");
  EXPECT_EQ(hooks("bad_request"), "2");
  EXPECT_EQ(daemon.metric("moneykit_syncd_webhook_links_waiting"), "0");
  // The key set was fetched once, and no secret went along.
  EXPECT_EQ(front.asked(), 1);
  EXPECT_NE(front.last_request().find("X-Client-Id: " + sandbox.client_id()), std::string::npos)
      << front.last_request();
  EXPECT_EQ(front.last_request().find("sandbox-secret"), std::string::npos);
  EXPECT_EQ(front.last_request().find("Authorization"), std::string::npos);
}

// Killed right behind the 200, before the visit: the next run makes it.
TEST_F(Webhooks, WhatWasAnsweredIsNotLostByAKill) {
  sandbox.control(
      "PUT", "faults",
      R"([{"match":{"endpoint":"sync"},"fault":"latency","delay_ms":60000,"delay_ms_max":60000}])");
  ASSERT_EQ(send_hook(link_ids[2], "k1").status, 200);
  daemon.kill_now();
  ASSERT_EQ(visits(link_ids[2], "webhook"), 0U);
  sandbox.control("DELETE", "faults");
  daemon.start();
  EXPECT_NE(daemon.log().find("\"hints_loaded\""), std::string::npos);
  EXPECT_EQ(send_hook(link_ids[1], "k2").status, 200) << "the keys of the last run are there at once";
  daemon.wait_for(
      "the visit", [&] { return visits(link_ids[2], "webhook") == 1; }, std::chrono::seconds{150});
  daemon.wait_for(
      "the other visit", [&] { return visits(link_ids[1], "webhook") == 1; }, std::chrono::seconds{150});
  EXPECT_EQ(send_hook(link_ids[2], "k1").status, 200);
  EXPECT_EQ(hooks("duplicate"), "1") << "its key is known, too";
  EXPECT_EQ(front.asked(), 1) << "within five minutes, whatever happens";
  EXPECT_EQ(daemon.metric("moneykit_syncd_webhook_links_waiting"), "0");
  daemon.process().send(SIGTERM);
  EXPECT_EQ(daemon.process().wait(std::chrono::seconds{30}).code, 0);
  const std::size_t before = daemon.log().size();
  daemon.start();
  EXPECT_EQ(daemon.log().find("\"hints_loaded\"", before), std::string::npos)
      << "what was visited for does not wait any more";
}

}  // namespace
}  // namespace syncd::test::e2e
