#include "sync/engine/commit_queue.hpp"

#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/post.hpp>
#include <gtest/gtest.h>

#include "tests/unit/engine/virtual_io.hpp"

namespace syncd::test {
namespace {

using core::Errc;
using core::Result;
using Names = std::vector<std::string>;

// Thread and store in the hands of the test: nothing happens before it is told to.
class HandBackend final : public engine::CommitQueue::Backend {
 public:
  explicit HandBackend(boost::asio::io_context& io) : io_(io) {}

  // The store thread runs what it was given.
  void work() {
    ASSERT_EQ(store_work_.size(), 1u);
    auto work = std::move(store_work_.front());
    store_work_.pop_front();
    work();
  }
  // What comes next on the io thread is on its way.
  void tell() {
    ASSERT_FALSE(io_work_.empty());
    boost::asio::post(io_, std::move(io_work_.front()));
    io_work_.pop_front();
  }
  std::size_t rounds_begun() const { return begun_; }
  std::size_t untold() const { return io_work_.size(); }

  std::vector<Names> batches;  // links of each commit
  Names log;                   // what the store did, in its order
  std::vector<std::uint32_t> ended;
  std::vector<std::string> refused;  // links whose updates conflict
  std::optional<core::Error> failure;
  std::uint64_t head = 7;

 private:
  void on_store_thread(std::move_only_function<void()> work) override {
    ++begun_;
    store_work_.push_back(std::move(work));
  }
  void on_io_thread(std::move_only_function<void()> work) override { io_work_.push_back(std::move(work)); }
  Result<std::vector<store::CommitOutcome>> commit(
      std::span<const core::LinkUpdate* const> updates) override {
    std::vector<store::CommitOutcome> outcomes;
    Names& links = batches.emplace_back();
    for (const core::LinkUpdate* update : updates) {
      const std::string& link = update->link_id.str();
      links.push_back(link);
      log.push_back("commit " + link);
      const bool conflict = std::ranges::find(refused, link) != refused.end();
      outcomes.push_back(conflict ? store::CommitOutcome::conflict : store::CommitOutcome::committed);
    }
    if (failure) return std::unexpected(*failure);
    return outcomes;
  }
  std::uint64_t feed_head() const override { return head; }
  void on_round_end(std::uint32_t commits) override { ended.push_back(commits); }

  boost::asio::io_context& io_;
  std::deque<std::move_only_function<void()>> store_work_;
  std::deque<std::move_only_function<void()>> io_work_;
  std::size_t begun_ = 0;
};

class CommitQueueTest : public testing::Test {
 protected:
  void TearDown() override {
    while (!queue_.idle())
      round();
    io_.settle();
  }
  void commit(const std::string& link) { io_.start(commit_task(link)); }
  void commit_then(const std::string& link, const std::string& next) { io_.start(two_commits(link, next)); }
  void read(const std::string& name) { io_.start(read_task(name)); }
  void work() { backend_.work(); }
  void tell() {
    backend_.tell();
    io_.settle();
  }
  // The store does what is under way, and all are told.
  void round() {
    work();
    while (backend_.untold() > 0)
      tell();
  }

  api::Task<void> commit_task(std::string link) {
    core::LinkUpdate update;
    update.link_id = core::LinkId{link};
    const auto result = co_await queue_.commit(update);
    told_.push_back(link);
    if (!result) errors_.push_back(link + ": " + result.error().message);
    if (!result) codes_.push_back(result.error().code);
  }
  api::Task<void> two_commits(std::string link, std::string next) {
    co_await commit_task(std::move(link));
    co_await commit_task(std::move(next));
  }
  api::Task<void> read_task(std::string name) {
    auto work = [&] {
      backend_.log.push_back("read " + name);
      return "what " + name + " says";
    };
    const auto answer = co_await queue_.run(std::move(work));
    told_.push_back(name);
    answers_.push_back(answer);
  }
  api::Task<void> stop_task() {
    co_await queue_.stop();
    told_.push_back("stop");
  }
  api::Task<void> watch_feed() {
    co_await queue_.feed_growth();
    told_.push_back("feed at " + std::to_string(queue_.feed_head()));
  }

  VirtualIo io_;
  HandBackend backend_{io_.io};
  engine::CommitQueue queue_{backend_, io_.io.get_executor()};
  Names told_;  // in the order in which the tasks went on
  Names errors_;
  std::vector<Errc> codes_;
  Names answers_;
};

TEST_F(CommitQueueTest, CommitOfAnIdleDaemonGoesAtOnceAndAlone) {
  commit("a");
  EXPECT_EQ(backend_.rounds_begun(), 1u);
  EXPECT_EQ(told_, Names{});
  work();
  EXPECT_EQ(backend_.batches, (std::vector<Names>{{"a"}}));
  EXPECT_EQ(told_, Names{});
  tell();
  EXPECT_EQ(told_, Names{"a"});
  EXPECT_EQ(backend_.ended, std::vector<std::uint32_t>{1});
  EXPECT_TRUE(queue_.idle());
  EXPECT_EQ(backend_.rounds_begun(), 1u);
}

TEST_F(CommitQueueTest, WhatArrivesDuringARoundSharesTheNextOne) {
  commit("a");
  commit("b");
  work();
  commit("c");  // written is not told: the round is still under way
  EXPECT_EQ(backend_.rounds_begun(), 1u);
  tell();
  EXPECT_EQ(backend_.rounds_begun(), 2u);
  commit("d");
  round();
  EXPECT_EQ(backend_.batches, (std::vector<Names>{{"a"}, {"b", "c"}}));
  round();
  EXPECT_EQ(backend_.batches, (std::vector<Names>{{"a"}, {"b", "c"}, {"d"}}));
  EXPECT_EQ(told_, (Names{"a", "b", "c", "d"}));
  EXPECT_EQ(backend_.ended, (std::vector<std::uint32_t>{1, 2, 1}));
}

TEST_F(CommitQueueTest, ReadsAreAnsweredBeforeTheCommitsOfTheirRound) {
  commit("a");
  commit("b");
  read("r");
  commit("c");
  read("s");
  round();
  backend_.log.clear();
  work();
  EXPECT_EQ(backend_.log, (Names{"read r", "read s", "commit b", "commit c"}));
  EXPECT_EQ(backend_.untold(), 2u);
  tell();
  EXPECT_EQ(told_, (Names{"a", "r", "s"}));
  tell();
  EXPECT_EQ(told_, (Names{"a", "r", "s", "b", "c"}));
  EXPECT_EQ(answers_, (Names{"what r says", "what s says"}));
}

TEST_F(CommitQueueTest, RoundOfReadsAloneWritesNothing) {
  read("r");
  round();
  EXPECT_EQ(told_, Names{"r"});
  EXPECT_TRUE(backend_.batches.empty());
  EXPECT_EQ(backend_.ended, std::vector<std::uint32_t>{0});
}

TEST_F(CommitQueueTest, EachCommitOfARoundHasItsOwnOutcome) {
  backend_.refused = {"c"};
  commit("a");
  commit("b");
  commit("c");
  commit("d");
  round();
  round();
  EXPECT_EQ(told_, (Names{"a", "b", "c", "d"}));
  ASSERT_EQ(errors_.size(), 1u);
  EXPECT_TRUE(errors_.front().starts_with("c: ")) << errors_.front();
  EXPECT_EQ(codes_, std::vector<Errc>{Errc::conflict});
}

TEST_F(CommitQueueTest, FailedBatchFailsEachOfItsCommitsAndNoOther) {
  commit("a");
  commit("b");
  read("r");
  commit("c");
  round();
  backend_.failure = core::Error{.code = Errc::storage, .message = "the disk is gone"};
  round();
  EXPECT_EQ(errors_, (Names{"b: the disk is gone", "c: the disk is gone"}));
  EXPECT_EQ(codes_, (std::vector<Errc>{Errc::storage, Errc::storage}));
  EXPECT_EQ(answers_, Names{"what r says"});
  backend_.failure.reset();
  commit("d");
  round();
  EXPECT_EQ(told_, (Names{"a", "r", "b", "c", "d"}));
  EXPECT_EQ(errors_.size(), 2u);
}

TEST_F(CommitQueueTest, WhoIsToldAndHandsOverAgainJoinsTheNextRound) {
  commit("a");
  commit_then("b", "b2");
  commit_then("c", "c2");
  round();
  work();
  commit("d");
  tell();
  EXPECT_EQ(told_, (Names{"a", "b", "c"}));
  EXPECT_EQ(backend_.rounds_begun(), 3u);
  round();
  EXPECT_EQ(backend_.batches, (std::vector<Names>{{"a"}, {"b", "c"}, {"d", "b2", "c2"}}));
  EXPECT_EQ(told_, (Names{"a", "b", "c", "d", "b2", "c2"}));
}

TEST_F(CommitQueueTest, CancelledTasksStillWaitForTheirJobs) {
  commit("a");
  commit("b");
  read("r");
  io_.group.cancel();
  io_.settle();
  EXPECT_EQ(told_, Names{});
  EXPECT_EQ(io_.group.size(), 3u);
  round();
  io_.group.cancel();
  io_.settle();
  EXPECT_EQ(told_, Names{"a"});
  round();
  EXPECT_EQ(told_, (Names{"a", "r", "b"}));
  EXPECT_EQ(errors_, Names{});
  EXPECT_EQ(backend_.batches, (std::vector<Names>{{"a"}, {"b"}}));
}

TEST_F(CommitQueueTest, StopWaitsForEverythingHandedOver) {
  io_.start(stop_task());
  EXPECT_EQ(told_, Names{"stop"});
  told_.clear();
  commit("a");
  commit("b");
  io_.start(stop_task());
  io_.group.cancel();
  io_.settle();
  EXPECT_EQ(told_, Names{});
  round();
  EXPECT_EQ(told_, Names{"a"});
  work();
  EXPECT_FALSE(queue_.idle());
  tell();
  EXPECT_EQ(told_, (Names{"a", "b", "stop"}));
}

TEST_F(CommitQueueTest, StopWaitsForTheEndOfARoundOfReads) {
  read("r");
  io_.start(stop_task());
  work();
  tell();
  EXPECT_EQ(told_, Names{"r"});
  tell();
  EXPECT_EQ(told_, (Names{"r", "stop"}));
}

TEST_F(CommitQueueTest, FeedHeadMovesWithTheRoundThatMovedIt) {
  EXPECT_EQ(queue_.feed_head(), 7u);
  io_.start(watch_feed());
  commit("a");
  round();
  EXPECT_EQ(told_, Names{"a"});
  commit("b");
  backend_.head = 9;
  work();
  EXPECT_EQ(queue_.feed_head(), 7u);
  tell();
  EXPECT_EQ(told_, (Names{"a", "b", "feed at 9"}));
}

}  // namespace
}  // namespace syncd::test
