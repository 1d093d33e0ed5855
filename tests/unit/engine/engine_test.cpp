#include "sync/engine/engine.hpp"

#include <gtest/gtest.h>

#include "tests/unit/api/fake_upstream.hpp"
#include "tests/unit/engine/virtual_io.hpp"

namespace syncd::test {
namespace {

// Never asked by these tests.
class NoStore final : public engine::StorePort {
 public:
  api::Task<core::Result<std::optional<core::LinkRecord>>> load(core::LinkId) override {
    co_return core::fail(core::Errc::storage, "no store");
  }
  api::Task<core::Result<core::Held>> lookup(core::LookupRequest) override {
    co_return core::fail(core::Errc::storage, "no store");
  }
  api::Task<core::Result<void>> commit(core::LinkUpdate) override {
    co_return core::fail(core::Errc::storage, "no store");
  }
  api::Task<core::Result<void>> put_freeze(core::GateFreeze) override { co_return core::Result<void>{}; }
  bool healthy() const override { return true; }
};

class NoObserver final : public engine::EngineObserver {
 public:
  void on_cycle(const core::CycleReport&) override {}
  void on_auth_incident(bool, const core::Error&) override {}
  void on_discovery(const std::vector<core::LinkId>&, std::uint64_t, const std::vector<core::LinkId>&,
                    std::uint64_t) override {}
  void on_discovery_failed(const core::Error&) override {}
  void on_store_failed(const core::Error&) override {}
};

TEST(Engine, ALinkThatIsAskedForAgainAndAgainWaitsOnce) {
  VirtualIo world;
  FakeTransport transport([](const api::HttpCall&) { return error_reply(500, "none"); });
  api::RateGate gate(world.timers, {});
  api::MoneykitApi upstream(transport, gate, world.timers, {}, [](const core::HttpReport&) {});
  NoStore store;
  NoObserver observer;
  engine::Engine engine(world.timers, upstream, gate, store, observer, {});
  engine.register_stored({.link_id = core::LinkId{"mk_1"}, .recent_sends = {}});
  for (int i = 0; i < 1000; ++i)
    ASSERT_TRUE(engine.sync_now(core::LinkId{"mk_1"}));
  EXPECT_EQ(engine.status().due, 1u);
}

}  // namespace
}  // namespace syncd::test
