#include "tests/crash/daemon/network.hpp"

#include <thread>
#include <vector>

namespace syncd::test::crash {

namespace {

constexpr std::string_view link_body =
    R"({"accounts":1,"history_months":1,"transactions_per_month":6,"refresh_every_seconds":31536000})";

}  // namespace

void Network::TearDown() {
  daemon_.reset();
  proxy_.stop();
}

e2e::Tuning Network::tuning_through_proxy() const {
  e2e::Tuning tuning = busy_tuning();
  tuning.base_url = proxy_.url();
  return tuning;
}

void Network::prepare(const e2e::Tuning& tuning) {
  daemon_ = std::make_unique<e2e::Daemon>(dir_.path() / "daemon", sandbox_, tuning);
}

void Network::start(const e2e::Tuning& tuning) {
  prepare(tuning);
  daemon_->start();
}

void Network::add_links(std::size_t count) {
  while (campaign_.links().size() < count) {
    ASSERT_TRUE(campaign_.add_link(*daemon_, link_body));
  }
}

void Network::change_all() {
  for (const std::string& link_id : campaign_.links()) {
    campaign_.change_upstream(link_id);
  }
}

void Network::visit_all_until(const std::function<bool()>& done) {
  std::vector<std::jthread> visitors;
  for (const std::string& link_id : campaign_.links()) {
    visitors.emplace_back([this, link_id](const std::stop_token& stop) {
      while (!stop.stop_requested()) {
        const e2e::Reply reply = daemon_->ask("POST", "/v1/links/" + link_id + "/sync?wait=20s");
        if (reply.status == 202) continue;  // it goes on; on a slow machine for longer than one waits
        const bool good = reply.status == 200 && reply.body.contains(R"("outcome":"success")");
        ++(good ? visits_.good : visits_.failed);
      }
    });
  }
  daemon_->wait_for(
      "the end of the faults",
      [&] {
        if (!daemon_->process().running()) {
          throw e2e::Failed("the daemon ended:\n" + daemon_->process().log_tail());
        }
        return done();
      },
      network_limit);
}

std::map<std::string, e2e::LinkRows> Network::rows() {
  std::map<std::string, e2e::LinkRows> out;
  for (const std::string& link_id : campaign_.links()) {
    out.emplace(link_id, e2e::stored_rows(*daemon_, link_id));
  }
  return out;
}

void Network::expect_all_right() {
  ASSERT_EQ(campaign_.broken_promise(*daemon_), "");
  ASSERT_NO_THROW(campaign_.expect_converged(*daemon_));
  ASSERT_EQ(campaign_.changed_history(*daemon_), "");
  EXPECT_EQ(proxy_.problems(), std::vector<std::string>{});
}

}  // namespace syncd::test::crash
