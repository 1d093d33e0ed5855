#include <algorithm>
#include <cstdio>
#include <set>
#include <string>
#include <string_view>

#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include "tests/crash/daemon/network.hpp"
#include "tests/loopback/bad_certificates.hpp"

// The real daemon before a server that is not who it should be: it sends nothing, stays, says why, and goes
// on as soon as the server is right again.
namespace syncd::test::crash {
namespace {

/// By the host that the daemon is told to ask.
class Certificates : public Network, public testing::WithParamInterface<const char*> {
 protected:
  void show_good() {
    const std::string names = std::string("DNS:") + GetParam();
    proxy_.show(
        make_server_context({.identity = make_identity({.alternative_names = names}, &authority().root)}));
  }

  void start_with_tls() {
    e2e::Tuning tuning = busy_tuning();
    tuning.base_url = std::string("https://") + GetParam() + ":" + std::to_string(proxy_.port());
    tuning.upstream += "ca_file = \"" + authority().file.string() + "\"\n";
    prepare(tuning);
    daemon_->launch({"/usr/bin/env", "LD_PRELOAD=" LOOPBACK_NAMES});
    daemon_->wait_until_ready();
  }

  bool all_as_upstream() {
    const auto links = daemon_->links();
    for (const auto& [link_id, held] : rows()) {
      const bool active = links.at(link_id)["status"].text() == "active";
      if (!active || held != e2e::truth_of(sandbox_, link_id)) return false;
    }
    return true;
  }

  void expect_refused(const BadCertificate& bad) {
    SCOPED_TRACE(bad.name);
    ASSERT_TRUE(campaign_.follow(*daemon_));
    const unsigned long long head = campaign_.feed_head();
    const auto before = rows();
    const std::size_t log_before = daemon_->log().size();
    proxy_.show(make_server_context(bad.show()));
    change_all();
    for (const std::string& link_id : campaign_.links()) {
      ASSERT_TRUE(campaign_.visit_and_wait(*daemon_, link_id));
    }
    const FaultProxy::Seen seen = proxy_.seen();
    EXPECT_GE(seen.connections, campaign_.links().size());
    EXPECT_EQ(seen.handshakes, 0U);
    EXPECT_EQ(seen.bytes, 0U);
    EXPECT_TRUE(daemon_->log().substr(log_before).contains(bad.why)) << daemon_->process().log_tail();
    for (const auto& [link_id, link] : daemon_->links()) {
      const std::string said = link["last_error"]["message"].text();
      EXPECT_TRUE(said.contains(bad.why)) << said;
      EXPECT_EQ(link["status"].text(), "backoff");
    }
    EXPECT_EQ(campaign_.broken_promise(*daemon_), "");
    EXPECT_TRUE(rows() == before);
    for (const e2e::Json& entry : daemon_->list("/v1/feed", "after=" + std::to_string(head))) {
      EXPECT_EQ(entry["kind"].text(), "link.status") << entry.canonical();
    }
    EXPECT_EQ(daemon_->ask("GET", "/-/ready").status, 200);
  }
};

TEST_P(Certificates, BadOnesAreToldNothing) {
  show_good();
  start_with_tls();
  add_links(2);
  expect_all_right();
  ASSERT_GT(proxy_.seen().handshakes, 0U);
  ASSERT_GT(proxy_.seen().requests, 0U);
  std::size_t refused = 0;
  for (const BadCertificate& bad : bad_certificates()) {
    if (std::string_view(bad.host) != GetParam()) continue;
    expect_refused(bad);
    ++refused;
    show_good();
    daemon_->wait_for("the daemon to go on by itself", [&] { return all_as_upstream(); });
  }
  expect_all_right();
  std::printf("%zu bad certificates for %s\n", refused, GetParam());
  EXPECT_GE(refused, 1U);
}

INSTANTIATE_TEST_SUITE_P(Hosts, Certificates, testing::Values(host, "test.example", "a.b.test.example"),
                         [](const testing::TestParamInfo<const char*>& info) {
                           std::string name = info.param;
                           std::ranges::replace(name, '.', '_');
                           return name;
                         });

// No certificate is left out because nobody asks for its host.
TEST(BadCertificates, AreAllShown) {
  const std::set<std::string_view> hosts{host, "test.example", "a.b.test.example"};
  for (const BadCertificate& bad : bad_certificates()) {
    EXPECT_TRUE(hosts.contains(bad.host)) << bad.name;
  }
}

}  // namespace
}  // namespace syncd::test::crash
