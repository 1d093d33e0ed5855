#include "daemon/admin/token_book.hpp"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/executor_work_guard.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sync/engine/system_timers.hpp"
#include "sync/engine/task_group.hpp"
#include "tests/unit/store/store_fixture.hpp"

// The tokens in a real store, behind the real gateway.
namespace syncd::test {

using daemon::NewToken;
using daemon::Role;
using daemon::TokenBook;
using daemon::TokenState;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

namespace {

constexpr core::Millis hour{3'600'000};
const core::WallTime now = at_ms(1'746'549'072'451);

using Made = core::Result<daemon::CreatedToken>;
using Ended = core::Result<daemon::Token>;

class TokenBookTest : public StoreTest {
 protected:
  void SetUp() override {
    open();
    begin();
  }
  void TearDown() override { end(); }
  void begin() {
    gateway_.emplace(*store_, io_.get_executor(), timers_, [](const core::CommitReport&) {});
  }
  void end() {
    run(gateway_->stop());
    gateway_.reset();
  }
  void run_all() {
    while (group_.size() > 0) {
      io_.restart();
      io_.run_one();
    }
  }
  void run(api::Task<void> task) {
    group_.spawn(std::move(task));
    run_all();
  }

  api::Task<void> create_into(std::string name, engine::Requester by, std::optional<Made>& made) {
    NewToken wanted{.name = std::move(name), .role = Role::operate, .lifetime = hour};
    auto answer = co_await book_.create(*gateway_, std::move(wanted), std::move(by), now);
    made = std::move(answer);
  }
  api::Task<void> revoke_into(std::string name, engine::Requester by, std::optional<Ended>& ended) {
    const core::WallTime later = now + core::Millis{1};
    auto answer = co_await book_.revoke(*gateway_, std::move(name), std::move(by), later);
    ended = std::move(answer);
  }
  Made create(const std::string& name, engine::Requester by = {.actor = "uid:0"}) {
    std::optional<Made> made;
    run(create_into(name, std::move(by), made));
    return std::move(*made);
  }
  Ended revoke(const std::string& name, engine::Requester by = {.actor = "token:boss"}) {
    std::optional<Ended> ended;
    run(revoke_into(name, std::move(by), ended));
    return std::move(*ended);
  }
  // `actor action detail` of every act, oldest first.
  std::vector<std::string> acts() {
    std::vector<std::string> texts;
    const auto slice = store_->audit_entries(0, 100);
    for (const core::AuditEntry& entry : slice->entries)
      texts.insert(texts.begin(), entry.note.actor + " " + entry.note.action + " " + entry.note.detail);
    return texts;
  }

  boost::asio::io_context io_;
  boost::asio::executor_work_guard<api::IoExecutor> work_{io_.get_executor()};
  engine::SystemTimers timers_{io_.get_executor()};
  engine::TaskGroup group_{io_.get_executor(),
                           [](std::exception_ptr error) { std::rethrow_exception(error); }};
  std::optional<engine::StoreGateway> gateway_;
  TokenBook book_;
};

}  // namespace

TEST_F(TokenBookTest, AStoreWithoutTokensHasNone) {
  EXPECT_TRUE(book_.load(*store_));
  EXPECT_THAT(book_.table().tokens(), IsEmpty());
}

TEST_F(TokenBookTest, AChangeIsInTheStoreWithItsAct) {
  const auto made = create("ci");
  ASSERT_TRUE(made) << made.error().message;
  const auto other = create("other");
  ASSERT_TRUE(other);
  EXPECT_TRUE(daemon::has_token_form(made->text.reveal()));
  EXPECT_FALSE(made->text.equals(other->text.reveal())) << "by chance, each anew";
  EXPECT_EQ(book_.table().match(daemon::hash_of_token(made->text.reveal()))->name, "ci");
  EXPECT_TRUE(revoke("ci"));
  TokenBook again;
  EXPECT_TRUE(again.load(*store_));
  EXPECT_EQ(again.table(), book_.table());
  EXPECT_EQ(daemon::state_of(again.table().tokens()[0], now), TokenState::revoked);
  EXPECT_THAT(
      acts(),
      ElementsAre(testing::StartsWith(R"(uid:0 tokens.create {"name":"ci","role":"operate","expires_at":")"),
                  HasSubstr(R"("name":"other")"), R"(token:boss tokens.revoke {"name":"ci"})"));
  for (const std::string& act : acts())
    EXPECT_THAT(act, Not(HasSubstr("mks_")));
}

TEST_F(TokenBookTest, WhatIsRefusedLeavesNothing) {
  EXPECT_EQ(create("No").error().code, core::Errc::invalid);
  ASSERT_TRUE(create("ci"));
  EXPECT_EQ(create("ci").error().code, core::Errc::conflict);
  EXPECT_EQ(revoke("nobody").error().code, core::Errc::not_found);
  ASSERT_TRUE(revoke("ci"));
  ASSERT_TRUE(revoke("ci"));
  EXPECT_EQ(acts().size(), 2U) << "one made, one revoked";
}

TEST_F(TokenBookTest, OfTwoAtTheSameTimeNoneIsLost) {
  std::optional<Made> first;
  std::optional<Made> second;
  std::optional<Made> third;
  group_.spawn(create_into("a", {.actor = "uid:1"}, first));
  group_.spawn(create_into("b", {.actor = "uid:2"}, second));
  group_.spawn(create_into("a", {.actor = "uid:3"}, third));
  run_all();
  EXPECT_TRUE(*first);
  EXPECT_TRUE(*second);
  EXPECT_EQ(third->error().code, core::Errc::conflict) << "the name is taken by then";
  EXPECT_EQ(book_.table().tokens().size(), 2U);
  TokenBook again;
  EXPECT_TRUE(again.load(*store_));
  EXPECT_EQ(again.table(), book_.table());
}

TEST_F(TokenBookTest, ARequestThatWasAnsweredMakesNoSecondToken) {
  const engine::Requester by{.actor = "uid:0",
                             .request_key = core::digest_of("key"),
                             .request_digest = core::digest_of("create ci")};
  ASSERT_TRUE(create("ci", by));
  ASSERT_TRUE(revoke("ci"));
  const auto again = create("ci", by);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, core::Errc::conflict);
  EXPECT_THAT(again.error().message, HasSubstr("a token is shown only once"));
  EXPECT_EQ(again.error().api_code, "token_shown_before");
  engine::Requester reused = by;
  reused.request_digest = core::digest_of("create cd");
  EXPECT_EQ(create("cd", reused).error().api_code, "idempotency_key_reused");
  EXPECT_EQ(daemon::state_of(book_.table().tokens()[0], now), TokenState::revoked);
}

TEST_F(TokenBookTest, OfADamagedTableNobodyIsAdmitted) {
  ASSERT_TRUE(create("ci"));
  auto stored = store_->note("admin-tokens");
  ASSERT_TRUE(stored && *stored);
  std::string damaged = **stored;
  damaged[20] = static_cast<char>(damaged[20] ^ 1);
  ASSERT_TRUE(store_->put_note("admin-tokens", damaged));
  TokenBook again;
  const auto loaded = again.load(*store_);
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, core::Errc::invalid);
  EXPECT_THAT(again.table().tokens(), IsEmpty());
  book_ = again;
  ASSERT_TRUE(create("anew"));
  TokenBook mended;
  EXPECT_TRUE(mended.load(*store_));
  ASSERT_EQ(mended.table().tokens().size(), 1U);
  EXPECT_EQ(mended.table().tokens()[0].name, "anew");
}

}  // namespace syncd::test
