#include <memory>
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "sync/engine/discovery.hpp"
#include "tests/unit/engine/engine_world.hpp"

// Answers that lead elsewhere or round in a circle.
namespace syncd::test {
namespace {

using core::Errc;
using std::chrono::minutes;
using Found = std::optional<core::Result<engine::Differences>>;
using Looked = std::optional<core::Result<std::shared_ptr<const core::LinkAnswer>>>;

api::Task<void> look(api::MoneykitApi& upstream, Looked& looked) {
  core::LinkId link_id{"mk_1"};
  auto answer = co_await upstream.link(std::move(link_id), core::Cause::schedule);
  looked.emplace(std::move(answer));
}

api::Task<void> compare(api::MoneykitApi& upstream, const engine::LinkTable& table, Found& found) {
  const bool on_hold = false;
  auto purged = [](core::LinkId link_id) -> api::Task<bool> { co_return link_id.str() == "mk_purged"; };
  auto differences = co_await engine::compare_links(upstream, table, std::move(purged), on_hold);
  found.emplace(std::move(differences));
}

// Even one whose body would do as an answer.
TEST(Redirects, AreTheServersFailureAndAskedOnce) {
  for (const int status : {301, 302, 303, 307, 308}) {
    EngineWorld world;
    world.answer = [status](const api::HttpCall& call) {
      api::HttpReply reply = no_news(call);
      reply.status = status;
      return reply;
    };
    Looked looked;
    world.io.start(look(world.upstream, looked));
    ASSERT_TRUE(looked);
    ASSERT_FALSE(*looked) << status;
    EXPECT_EQ(looked->error().code, Errc::server);
    EXPECT_EQ(world.transport.calls().size(), 1u);
  }
}

TEST(Discovery, ReadsTheListToItsEnd) {
  EngineWorld world;
  engine::LinkTable table;
  for (const char* link : {"mk_1", "mk_2", "mk_3"})
    table.add(link, core::LinkStatus::active);
  world.answer = [](const api::HttpCall& call) {
    if (call.target.find("cursor=") != std::string::npos)
      return json_reply(200, R"({"links":[{"link_id":"mk_2"}],"next_cursor":""})");
    return json_reply(200, R"({"links":[{"link_id":"mk_1"},{"link_id":"mk_4"},{"link_id":"mk_purged"}],)"
                           R"("next_cursor":"n1"})");
  };
  Found found;
  world.io.start(compare(world.upstream, table, found));
  ASSERT_TRUE(found && *found);
  EXPECT_EQ((*found)->only_here, std::vector{core::LinkId{"mk_3"}});
  EXPECT_EQ((*found)->only_upstream, std::vector{core::LinkId{"mk_4"}});
  EXPECT_EQ((*found)->only_upstream_count, 1u);
  EXPECT_EQ(world.transport.calls().size(), 2u);
}

TEST(Discovery, AListThatRepeatsItsCursorIsRefused) {
  EngineWorld world;
  const engine::LinkTable table;
  world.answer = [](const api::HttpCall&) { return json_reply(200, R"({"links":[],"next_cursor":"n1"})"); };
  Found found;
  world.io.start(compare(world.upstream, table, found));
  world.io.pass(minutes(2));
  ASSERT_TRUE(found);
  ASSERT_FALSE(*found);
  EXPECT_EQ(found->error().code, Errc::protocol);
  EXPECT_EQ(world.transport.calls().size(), 2u);
}

}  // namespace
}  // namespace syncd::test
