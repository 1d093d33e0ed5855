#include <chrono>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/this_coro.hpp>
#include <gtest/gtest.h>

#include "sync/api/moneykit_api.hpp"
#include "sync/api/secret.hpp"
#include "tests/loopback/http_client.hpp"
#include "tests/sandbox/server/server.hpp"
#include "tests/sim/virtual_timers.hpp"

// What people ask of upstream, between the real client and the sandbox over HTTP: a session, the user's part
// in it, the exchange, the user's links, a relink, the end of a link.
namespace syncd::test {
namespace {

using core::Cause;
using core::Errc;
using core::LinkId;

// Both on one event loop, driven by the test.
class Site {
 public:
  Site() : sandbox_({}, 1.0, 0), server_(io_, sandbox_) {
    const auto address = server_.listen({boost::asio::ip::address_v4::loopback(), 0}, nullptr);
    server_.start();
    auto transport = api::HttpsTransport::create(io_, plain_options(address.port()));
    if (!transport) throw std::runtime_error(transport.error().message);
    transport_ = std::move(*transport);
    client_.emplace(*transport_, gate_, timers_, credentials(), [](const core::HttpReport&) {});
  }
  Site(const Site&) = delete;
  Site& operator=(const Site&) = delete;
  ~Site() {
    transport_->shutdown();
    server_.stop();
    io_.restart();
    io_.run();
  }

  template <class T>
  T run(api::Task<T> task) {
    std::optional<T> result;
    boost::asio::co_spawn(io_, keep(std::move(task), result), [](std::exception_ptr error) {
      if (error) std::rethrow_exception(error);
    });
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    while (!result && std::chrono::steady_clock::now() < give_up) {
      if (io_.stopped()) io_.restart();
      io_.run_one_for(std::chrono::milliseconds(2));
    }
    if (!result) throw std::runtime_error("the call never ended");
    return std::move(*result);
  }

  std::shared_ptr<const api::Secret> create(const core::SessionRequest& session) {
    auto token = run(client_->create_session(session, Cause::manual));
    EXPECT_TRUE(token) << token.error().message;
    return token ? *token : std::make_shared<const api::Secret>();
  }
  // The user's part.
  sandbox::SessionOutcome complete(const api::Secret& token) {
    return sandbox_.upstream().complete_session(token.reveal(), "chase", "user_good", "pass_good",
                                                sandbox_.now());
  }
  auto exchange(const std::string& token) {
    return run(client_->exchange(api::Secret(token), Cause::manual));
  }
  std::vector<std::string> links_of(const std::string& user) {
    const auto answer = run(client_->user_links(user, Cause::manual));
    EXPECT_TRUE(answer) << answer.error().message;
    std::vector<std::string> ids;
    if (!answer) return ids;
    for (const core::LinkObject& link : (*answer)->links)
      ids.emplace_back(link.link_id);
    return ids;
  }
  auto link(const std::string& link_id) { return run(client_->link(LinkId(link_id), Cause::manual)); }
  auto end(const std::string& link_id) { return run(client_->delete_link(LinkId(link_id), Cause::manual)); }
  auto refused(const core::SessionRequest& session) {
    auto token = run(client_->create_session(session, Cause::manual));
    EXPECT_FALSE(token);
    return token ? core::Error{} : token.error();
  }

  sandbox::Upstream& upstream() { return sandbox_.upstream(); }
  sandbox::TimePoint now() const { return sandbox_.now(); }
  std::uint64_t requests(sandbox::Endpoint endpoint) {
    return sandbox_.upstream().statistics().endpoints[endpoint].requests;
  }

 private:
  template <class T>
  static api::Task<void> keep(api::Task<T> task, std::optional<T>& result) {
    co_await boost::asio::this_coro::throw_if_cancelled(false);
    T value = co_await std::move(task);
    result.emplace(std::move(value));
  }
  static api::ApiOptions credentials() {
    const sandbox::UpstreamOptions defaults;
    api::ApiOptions options;
    options.client_id = defaults.client_id;
    options.client_secret = std::make_shared<const api::Secret>(defaults.client_secret);
    return options;
  }

  boost::asio::io_context io_{1};
  sandbox::Sandbox sandbox_;
  sandbox::Server server_;
  VirtualTimers timers_{io_, core::WallTime(core::Millis(1'700'000'000'000)), 1};
  api::RateGate gate_{timers_, {}};
  std::unique_ptr<api::HttpsTransport> transport_;
  std::optional<api::MoneykitApi> client_;
};

core::SessionRequest new_link() {
  core::SessionRequest session;
  session.customer_user_id = "user/42 \xc3\xa4";
  session.redirect_uri = "https://app.example.com/linked";
  session.webhook = "https://hooks.example.com/moneykit";
  session.link_tags = {"tenant:42"};
  session.products = {{.name = "transactions", .required = true, .prefetch = true}};
  return session;
}

std::string make_link(Site& site) {
  const auto token = site.create(new_link());
  const sandbox::SessionOutcome outcome = site.complete(*token);
  EXPECT_TRUE(outcome.ok) << outcome.problem;
  const auto answer = site.exchange(outcome.exchangeable_token);
  EXPECT_TRUE(answer) << answer.error().message;
  return answer ? std::string((*answer)->link.link_id) : std::string();
}

TEST(sessions, a_new_link_is_made_and_ended) {
  Site site;
  const auto token = site.create(new_link());
  const sandbox::SessionOutcome outcome = site.complete(*token);
  ASSERT_TRUE(outcome.ok) << outcome.problem;
  const auto answer = site.exchange(outcome.exchangeable_token);
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ((*answer)->link.state, "connected");
  EXPECT_EQ((*answer)->link.institution_id, "chase");
  EXPECT_TRUE((*answer)->link.transactions.granted);
  const std::string link_id((*answer)->link.link_id);
  const auto keeps = core::parse_link_keeps(std::string((*answer)->link.json));
  ASSERT_TRUE(keeps) << keeps.error().message;
  EXPECT_EQ(keeps->webhook, new_link().webhook);
  EXPECT_EQ(keeps->link_tags, new_link().link_tags);
  EXPECT_EQ(site.links_of(new_link().customer_user_id), std::vector<std::string>{link_id});
  EXPECT_TRUE(site.links_of("somebody else").empty());

  const auto ended = site.end(link_id);
  ASSERT_TRUE(ended) << ended.error().message;
  const auto again = site.end(link_id);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Errc::gone);
  EXPECT_TRUE(site.links_of(new_link().customer_user_id).empty());
}

TEST(sessions, a_token_is_exchanged_once) {
  Site site;
  const auto token = site.create(new_link());
  const sandbox::SessionOutcome outcome = site.complete(*token);
  ASSERT_TRUE(site.exchange(outcome.exchangeable_token));
  const auto again = site.exchange(outcome.exchangeable_token);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Errc::invalid);
  EXPECT_EQ(again.error().api_code, "link_session_error.invalid_token_exchange");
  EXPECT_FALSE(again.error().outcome_unknown);
  EXPECT_EQ(site.exchange("never issued").error().code, Errc::invalid);
}

TEST(sessions, a_lost_exchange_is_found_among_the_users_links) {
  Site site;
  const auto token = site.create(new_link());
  const sandbox::SessionOutcome outcome = site.complete(*token);
  ASSERT_TRUE(outcome.ok);
  sandbox::FaultRule cut;
  cut.endpoint = sandbox::Endpoint::exchange_token;
  cut.kind = sandbox::FaultKind::cut;
  cut.at_byte = 20;
  site.upstream().faults().add(cut);
  const auto lost = site.exchange(outcome.exchangeable_token);
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().code, Errc::transport);
  EXPECT_TRUE(lost.error().outcome_unknown);
  EXPECT_EQ(site.requests(sandbox::Endpoint::exchange_token), 1U) << "it was sent once";
  site.upstream().faults().clear();
  const auto answer = site.exchange(outcome.exchangeable_token);
  EXPECT_EQ(answer.error().code, Errc::invalid) << "it was carried out";
  const std::vector<std::string> found = site.links_of(new_link().customer_user_id);
  ASSERT_EQ(found.size(), 1U);
  const auto link = site.link(found[0]);
  ASSERT_TRUE(link);
  EXPECT_EQ((*link)->link.state, "connected");
}

TEST(sessions, a_request_reset_without_an_answer_is_sent_once) {
  Site site;
  const std::string link_id = make_link(site);
  for (const auto endpoint : {sandbox::Endpoint::link_session, sandbox::Endpoint::exchange_token,
                              sandbox::Endpoint::link_delete, sandbox::Endpoint::user_links}) {
    sandbox::FaultRule reset;
    reset.endpoint = endpoint;
    reset.kind = sandbox::FaultKind::reset;
    site.upstream().faults().add(reset);
  }
  site.upstream().clear_statistics();
  const core::Error session = site.refused(new_link());
  EXPECT_EQ(session.code, Errc::transport);
  EXPECT_TRUE(session.outcome_unknown);
  EXPECT_TRUE(site.exchange("token").error().outcome_unknown);
  EXPECT_TRUE(site.end(link_id).error().outcome_unknown);
  for (const auto endpoint :
       {sandbox::Endpoint::link_session, sandbox::Endpoint::exchange_token, sandbox::Endpoint::link_delete})
    EXPECT_EQ(site.requests(endpoint), 1U);
  site.upstream().faults().clear();
  EXPECT_EQ(site.links_of(new_link().customer_user_id), std::vector<std::string>{link_id});
}

TEST(sessions, a_relink_keeps_the_link_its_webhook_and_its_tags) {
  Site site;
  const std::string link_id = make_link(site);
  ASSERT_TRUE(site.upstream().reset(link_id, site.now()));
  const auto broken = site.link(link_id);
  ASSERT_TRUE(broken);
  EXPECT_EQ((*broken)->link.error_code, "auth_expired");
  const auto keeps = core::parse_link_keeps(std::string((*broken)->link.json));
  ASSERT_TRUE(keeps);
  core::SessionRequest relink = new_link();
  relink.existing_link_id = LinkId(link_id);
  relink.webhook = keeps->webhook;
  relink.link_tags = keeps->link_tags;
  relink.products.clear();
  const sandbox::SessionOutcome outcome = site.complete(*site.create(relink));
  ASSERT_TRUE(outcome.ok) << outcome.problem;
  EXPECT_EQ(outcome.link_id, link_id);
  EXPECT_EQ(outcome.exchangeable_token, "") << "a relink has nothing to exchange";
  const auto repaired = site.link(link_id);
  ASSERT_TRUE(repaired);
  EXPECT_EQ((*repaired)->link.state, "connected");
  const auto kept = core::parse_link_keeps(std::string((*repaired)->link.json));
  ASSERT_TRUE(kept);
  EXPECT_EQ(kept->webhook, new_link().webhook);
  EXPECT_EQ(kept->link_tags, new_link().link_tags);
}

TEST(sessions, refusals_name_the_field) {
  Site site;
  core::SessionRequest relink = new_link();
  relink.existing_link_id = LinkId("mk_2222222222222222222222");
  const core::Error unknown_link = site.refused(relink);
  EXPECT_EQ(unknown_link.code, Errc::invalid);
  EXPECT_TRUE(unknown_link.message.ends_with(": existing_link_id")) << unknown_link.message;
  core::SessionRequest nowhere = new_link();
  nowhere.institution_id = "no such bank";
  const core::Error unknown_bank = site.refused(nowhere);
  EXPECT_EQ(unknown_bank.code, Errc::invalid);
  EXPECT_TRUE(unknown_bank.message.ends_with(": institution_id")) << unknown_bank.message;
  EXPECT_EQ(unknown_bank.message.find("no such bank"), std::string::npos);
}

}  // namespace
}  // namespace syncd::test
