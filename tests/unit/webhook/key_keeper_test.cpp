#include "daemon/webhook/key_keeper.hpp"

#include <optional>
#include <string>
#include <vector>

#include <boost/asio/this_coro.hpp>
#include <gtest/gtest.h>

#include "tests/unit/engine/virtual_io.hpp"
#include "tests/unit/webhook/signer.hpp"

namespace syncd::test {
namespace {

using daemon::KeyKeeper;
using daemon::KeyLookup;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

core::Result<core::KeySetAnswer> down() {
  return core::fail(core::Errc::transport, "upstream cannot be reached");
}

struct KeyKeeperTest : testing::Test {
  ~KeyKeeperTest() override {
    io.start(keeper.stop());
    io.stop();
  }

  api::Task<core::Result<core::KeySetAnswer>> fetch() {
    begun_at.push_back(io.timers.steady_now());
    ++under_way;
    EXPECT_EQ(under_way, 1) << "one at a time";
    co_await io.timers.sleep_until(io.timers.steady_now() + takes);
    --under_way;
    const auto state = co_await boost::asio::this_coro::cancellation_state;
    const bool cancelled = state.cancelled() != boost::asio::cancellation_type::none;
    if (cancelled) co_return core::fail(core::Errc::cancelled, "the daemon stops");
    if (body.empty()) co_return down();
    co_return core::parse_key_set(body);
  }

  api::Task<void> look(std::string kid, core::Millis wait, std::optional<KeyLookup::Answer>& answer) {
    return look_in(keeper, std::move(kid), wait, answer);
  }
  api::Task<void> look_in(KeyKeeper& where, std::string kid, core::Millis wait,
                          std::optional<KeyLookup::Answer>& answer) {
    const api::SteadyTime deadline = io.timers.steady_now() + wait;
    const KeyLookup found = co_await where.find(std::move(kid), deadline);
    answer = found.answer;
  }

  // With patience.
  KeyLookup::Answer find(const std::string& kid, core::Millis wait = seconds(5)) {
    return find_in(keeper, kid, wait);
  }
  KeyLookup::Answer find_in(KeyKeeper& where, const std::string& kid, core::Millis wait = seconds(5)) {
    std::optional<KeyLookup::Answer> answer;
    io.start(look_in(where, kid, wait, answer));
    io.pass(takes);
    EXPECT_TRUE(answer) << kid;
    return answer.value_or(KeyLookup::Answer::unavailable);
  }

  core::Millis shortest_pause() const {
    core::Millis shortest = hours(1000);
    for (std::size_t at = 1; at < begun_at.size(); ++at)
      shortest = std::min(shortest, core::Millis(begun_at[at] - begun_at[at - 1]));
    return shortest;
  }

  VirtualIo io;
  HookSigner first{"first"};
  HookSigner second{"second"};
  std::string body = key_set_of(first);  // empty: upstream is down
  core::Millis takes{200};
  int under_way = 0;
  std::vector<api::SteadyTime> begun_at;
  std::vector<bool> ended;  // true: it worked
  KeyKeeper keeper{io.timers, io.io.get_executor(), [this] { return fetch(); },
                   [this](const core::Result<std::size_t>& keys) { ended.push_back(keys.has_value()); },
                   [](std::exception_ptr error) { std::rethrow_exception(error); }};
};

TEST_F(KeyKeeperTest, FetchesTheFirstSetByItself) {
  keeper.start();
  io.pass(takes);
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_TRUE(ended[0]);
  EXPECT_EQ(keeper.age(), core::Millis(0));
  EXPECT_EQ(find("first"), KeyLookup::Answer::found);
  EXPECT_EQ(begun_at.size(), 1u);
}

TEST_F(KeyKeeperTest, ManyWaitForOneFetch) {
  std::vector<std::optional<KeyLookup::Answer>> answers(100);
  for (std::size_t at = 0; at < answers.size(); ++at)
    io.group.spawn(look(at % 2 == 0 ? "first" : "stranger", seconds(5), answers[at]));
  io.pass(takes);
  EXPECT_EQ(begun_at.size(), 1u);
  for (std::size_t at = 0; at < answers.size(); ++at)
    EXPECT_EQ(answers[at], at % 2 == 0 ? KeyLookup::Answer::found : KeyLookup::Answer::unknown);
}

TEST_F(KeyKeeperTest, OneFetchInFiveMinutesWhateverArrives) {
  keeper.start();
  io.pass(seconds(1));
  // An hour of strangers, ten a second.
  for (int round = 0; round < 36'000; ++round) {
    std::optional<KeyLookup::Answer> answer;
    io.start(look("stranger-" + std::to_string(round), seconds(5), answer));
    io.pass(core::Millis(100));
    if (answer) EXPECT_EQ(*answer, KeyLookup::Answer::unknown);
  }
  EXPECT_LE(begun_at.size(), 13u);
  EXPECT_GE(begun_at.size(), 12u);
  EXPECT_GE(shortest_pause(), core::Millis(minutes(5)));
}

TEST_F(KeyKeeperTest, ANewKeyIsFetchedWhenItIsNamed) {
  keeper.start();
  io.pass(minutes(10));
  body = key_set_of(first, second);
  EXPECT_EQ(find("second"), KeyLookup::Answer::found);
  EXPECT_EQ(find("first"), KeyLookup::Answer::found);
  EXPECT_EQ(begun_at.size(), 2u);
  // The old one goes.
  body = key_set_of(second);
  io.pass(hours(13));
  EXPECT_EQ(find("first"), KeyLookup::Answer::unknown);
  EXPECT_EQ(find("second"), KeyLookup::Answer::found);
}

// A key that was named too soon: 400, which upstream sends again.
TEST_F(KeyKeeperTest, WithinFiveMinutesANewKeyIsUnknown) {
  keeper.start();
  io.pass(seconds(1));
  body = key_set_of(first, second);
  EXPECT_EQ(find("second"), KeyLookup::Answer::unknown);
  io.pass(minutes(5));
  EXPECT_EQ(find("second"), KeyLookup::Answer::found);
}

TEST_F(KeyKeeperTest, IsRenewedWithoutBeingAsked) {
  keeper.start();
  io.pass(hours(72));
  EXPECT_GE(begun_at.size(), 6u);
  EXPECT_LE(begun_at.size(), 7u);
  EXPECT_LE(*keeper.age(), daemon::key_set_renewed_after);
}

TEST_F(KeyKeeperTest, WhileUpstreamIsDownOldKeysStayForADayAndNoLonger) {
  keeper.start();
  io.pass(seconds(1));
  body.clear();
  io.pass(hours(24) - seconds(2));
  EXPECT_EQ(find("first"), KeyLookup::Answer::found);
  EXPECT_EQ(find("second"), KeyLookup::Answer::unavailable) << "nobody can say that it is unknown";
  io.pass(seconds(2));
  EXPECT_EQ(find("first"), KeyLookup::Answer::unavailable);
  EXPECT_GE(shortest_pause(), core::Millis(minutes(5)));
  body = key_set_of(first);
  io.pass(minutes(5));
  EXPECT_EQ(find("first"), KeyLookup::Answer::found);
}

TEST_F(KeyKeeperTest, ASetThatIsNoneChangesNothing) {
  keeper.start();
  io.pass(minutes(6));
  std::string off_the_curve = second.jwk();
  off_the_curve.replace(off_the_curve.find(R"("x":")") + 5, 4, "AAAA");
  for (const std::string& bad :
       {std::string(R"({"keys":[]})"), std::string("{}"), std::string("<html>"),
        R"({"keys":[)" + second.jwk() + "," + second.jwk() + "]}", R"({"keys":[)" + off_the_curve + "]}"}) {
    body = bad;
    EXPECT_EQ(find("second"), KeyLookup::Answer::unavailable) << bad;
    EXPECT_EQ(find("first"), KeyLookup::Answer::found) << bad;
    EXPECT_FALSE(ended.back());
    io.pass(minutes(6));
  }
}

TEST_F(KeyKeeperTest, NobodyWaitsBeyondTheDeadline) {
  takes = minutes(2);
  std::optional<KeyLookup::Answer> answer;
  io.start(look("first", seconds(5), answer));
  io.pass(core::Millis(4'999));
  EXPECT_FALSE(answer);
  io.pass(core::Millis(1));
  EXPECT_EQ(answer, KeyLookup::Answer::unavailable);
  // The fetch goes on, for those who come later.
  io.pass(minutes(2));
  EXPECT_EQ(find("first"), KeyLookup::Answer::found);
  EXPECT_EQ(begun_at.size(), 1u);
}

TEST_F(KeyKeeperTest, KeysOfTheLastRunAreUsedWhileUpstreamIsAsked) {
  takes = minutes(1);  // behind a crash the budget's first minute counts as spent
  ASSERT_TRUE(keeper.restore({first.key()}, hours(3)));
  body = key_set_of(second);
  keeper.start();
  std::optional<KeyLookup::Answer> answer;
  io.start(look("first", seconds(5), answer));
  EXPECT_EQ(answer, KeyLookup::Answer::found) << "without a wait";
  EXPECT_EQ(keeper.age(), core::Millis(hours(3)));
  EXPECT_EQ(begun_at.size(), 1u);
  io.pass(minutes(2));
  EXPECT_EQ(find("second"), KeyLookup::Answer::found);
  EXPECT_EQ(find("first"), KeyLookup::Answer::unknown) << "they end with the first answer";
}

TEST_F(KeyKeeperTest, KeysOfTheLastRunAreBelievedForADaySinceTheirFetch) {
  ASSERT_TRUE(keeper.restore({first.key()}, hours(23)));
  body.clear();
  keeper.start();
  io.pass(minutes(59));
  EXPECT_EQ(find("first"), KeyLookup::Answer::found);
  io.pass(minutes(2));
  EXPECT_EQ(find("first"), KeyLookup::Answer::unavailable);
}

TEST_F(KeyKeeperTest, KeysThatAreTooOldOrFromTheFutureAreNotRestored) {
  EXPECT_FALSE(keeper.restore({first.key()}, hours(24)));
  EXPECT_FALSE(keeper.restore({first.key()}, core::Millis(-1)));
  core::PublicKey off_the_curve = second.key();
  off_the_curve.x[0] ^= 1;
  EXPECT_FALSE(keeper.restore({first.key(), off_the_curve}, hours(1)));
  EXPECT_FALSE(keeper.age());
  body.clear();
  keeper.start();
  io.pass(seconds(1));
  EXPECT_EQ(find("first"), KeyLookup::Answer::unavailable);
}

// It dies and comes back every minute, and strangers name keys that are not there.
TEST_F(KeyKeeperTest, OneFetchInFiveMinutesAlsoOverManyStarts) {
  std::vector<core::PublicKey> kept;
  api::SteadyTime kept_at{};
  for (int run = 0; run < 60; ++run) {
    KeyKeeper next{io.timers,
                   io.io.get_executor(),
                   [this] { return fetch(); },
                   {},
                   [](std::exception_ptr error) { std::rethrow_exception(error); }};
    next.on_keep([&](const std::vector<core::PublicKey>& keys) {
      kept = keys;
      kept_at = io.timers.steady_now();
    });
    if (!kept.empty()) EXPECT_TRUE(next.restore(kept, io.timers.steady_now() - kept_at));
    next.start();
    io.pass(minutes(1) - seconds(1));
    const KeyLookup::Answer known = find_in(next, "first");
    EXPECT_EQ(known, KeyLookup::Answer::found);
    EXPECT_NE(find_in(next, "stranger"), KeyLookup::Answer::found);
    io.pass(seconds(1));
    io.start(next.stop());
    io.settle();
  }
  EXPECT_EQ(kept, std::vector{first.key()});
  EXPECT_GE(begun_at.size(), 11u);
  EXPECT_LE(begun_at.size(), 13u);
  EXPECT_GE(shortest_pause(), core::Millis(minutes(5)));
}

TEST_F(KeyKeeperTest, AStopEndsEveryWait) {
  takes = hours(1);
  std::optional<KeyLookup::Answer> answer;
  io.start(look("first", hours(2), answer));
  io.start(keeper.stop());
  EXPECT_EQ(answer, KeyLookup::Answer::unavailable);
}

}  // namespace
}  // namespace syncd::test
