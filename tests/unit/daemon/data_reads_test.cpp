#include "daemon/admin/data_reads.hpp"

#include <array>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sync/core/continuity.hpp"
#include "tests/unit/daemon/fake_view.hpp"
#include "tests/unit/engine/virtual_io.hpp"

// How much of people's data a caller may read, and the trace of it.
namespace syncd::test {
namespace {

using daemon::Caller;
using daemon::DataKind;
using daemon::DataRead;
using daemon::DataReads;
using daemon::ReadLimit;
using daemon::ReadRates;
using daemon::ReadTrace;
using daemon::Role;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr api::SteadyTime start{hours(1)};
constexpr core::WallTime wall_start{core::Millis{1'746'549'072'451}};

// ---- ReadLimit ----

constexpr ReadRates ten_and_hundred{.requests_per_minute = 10, .rows_per_minute = 100};

TEST(ReadLimit, AMinutesWorthAtOnceAndThenAsItComesBack) {
  ReadLimit limit;
  for (int request = 0; request < 10; ++request)
    EXPECT_EQ(limit.admit("a", ten_and_hundred, start).wait, core::Millis{0}) << request;
  const ReadLimit::Verdict refused = limit.admit("a", ten_and_hundred, start);
  EXPECT_EQ(refused.wait, seconds(6)) << "a tenth of a minute";
  EXPECT_FALSE(refused.by_rows);
  EXPECT_TRUE(refused.first);
  EXPECT_FALSE(limit.admit("a", ten_and_hundred, start).first);
  EXPECT_EQ(limit.admit("b", ten_and_hundred, start).wait, core::Millis{0}) << "another's bucket";
  EXPECT_GT(limit.admit("a", ten_and_hundred, start + seconds(6) - core::Millis{1}).wait, core::Millis{0});
  EXPECT_EQ(limit.admit("a", ten_and_hundred, start + seconds(6)).wait, core::Millis{0});
  EXPECT_EQ(limit.admit("a", ten_and_hundred, start + seconds(6)).wait, seconds(6));
  for (int request = 0; request < 10; ++request)
    EXPECT_EQ(limit.admit("a", ten_and_hundred, start + hours(1)).wait, core::Millis{0})
        << "no more than full";
  const ReadLimit::Verdict later = limit.admit("a", ten_and_hundred, start + hours(1));
  EXPECT_EQ(later.wait, seconds(6));
}

TEST(ReadLimit, RowsAreADebtThatMustBePaid) {
  ReadLimit limit;
  EXPECT_EQ(limit.admit("a", ten_and_hundred, start).wait, core::Millis{0});
  limit.charge("a", ten_and_hundred, 99, start);
  EXPECT_EQ(limit.admit("a", ten_and_hundred, start).wait, core::Millis{0}) << "one row is left";
  limit.charge("a", ten_and_hundred, 51, start);  // 50 too many
  const ReadLimit::Verdict refused = limit.admit("a", ten_and_hundred, start);
  EXPECT_TRUE(refused.by_rows);
  EXPECT_EQ(refused.wait, core::Millis{51 * 600}) << "50 rows of debt, and one to read";
  EXPECT_EQ(limit.admit("a", ten_and_hundred, start + refused.wait).wait, core::Millis{0});
  // A refused request costs nothing: otherwise whoever asks again and again would never be let in.
  limit.charge("a", ten_and_hundred, 1, start + refused.wait);
  for (int again = 0; again < 100; ++again)
    EXPECT_EQ(limit.admit("a", ten_and_hundred, start + refused.wait).wait, core::Millis{600});
}

TEST(ReadLimit, NoRateIsNoLimit) {
  ReadLimit limit;
  for (int request = 0; request < 10'000; ++request) {
    ASSERT_EQ(limit.admit("a", {}, start).wait, core::Millis{0});
    limit.charge("a", {}, 1'000, start);
  }
  constexpr ReadRates rows_alone{.requests_per_minute = 0, .rows_per_minute = 1};
  EXPECT_EQ(limit.admit("b", rows_alone, start).wait, core::Millis{0});
  limit.charge("b", rows_alone, UINT64_MAX, start);
  EXPECT_GT(limit.admit("b", rows_alone, start).wait, hours(24)) << "without overflow";
}

// Whatever is asked, no minute shows more than two buckets (what was saved, and what came back in it) and the
// last page.
TEST(ReadLimit, NoMinuteShowsMoreThanTwice) {
  ReadLimit limit;
  std::vector<std::pair<api::SteadyTime, std::uint64_t>> shown;
  api::SteadyTime now = start;
  for (std::uint64_t step = 0; step < 20'000; ++step) {
    now += core::Millis{step * 7919 % 400};
    if (limit.admit("a", ten_and_hundred, now).wait > core::Millis{0}) continue;
    const std::uint64_t rows = step * 31 % 40;
    limit.charge("a", ten_and_hundred, rows, now);
    shown.emplace_back(now, rows);
  }
  ASSERT_GT(shown.size(), 100U);
  for (std::size_t first = 0; first < shown.size(); ++first) {
    std::uint64_t rows = 0;
    std::uint64_t requests = 0;
    for (std::size_t at = first; at < shown.size() && shown[at].first < shown[first].first + minutes(1);
         ++at) {
      rows += shown[at].second;
      ++requests;
    }
    ASSERT_LE(requests, 20U);
    ASSERT_LE(rows, 200U + 40U);
  }
}

TEST(ReadLimit, ForgetsWhoHasTheMostLeft) {
  ReadLimit limit;
  limit.admit("held", ten_and_hundred, start);
  limit.charge("held", ten_and_hundred, 1'000, start);
  for (int caller = 0; caller < 5'000; ++caller)
    limit.admit("uid:" + std::to_string(caller), ten_and_hundred, start + core::Millis{caller});
  EXPECT_EQ(limit.callers(), ReadLimit::callers_max);
  EXPECT_GT(limit.admit("held", ten_and_hundred, start + seconds(5)).wait, core::Millis{0});
}

// ---- ReadTrace ----

DataRead rows_of(const std::string& link, std::uint64_t rows, DataKind kind = DataKind::transactions) {
  return {.link_id = core::LinkId{link}, .kind = kind, .rows = rows};
}

DataRead feed_of(std::uint64_t first, std::uint64_t last) {
  return {.kind = DataKind::feed, .rows = last - first + 1, .first_sequence = first, .last_sequence = last};
}

struct Acts : testing::Test {
  void note(const std::string& actor, const DataRead& read, core::Millis after) {
    trace.note(actor, read, start + after, wall_start + after);
  }
  std::vector<std::string> due(core::Millis after) { return texts(trace.take_due(start + after)); }
  static std::vector<std::string> texts(const std::vector<store::LinkAct>& acts) {
    std::vector<std::string> all;
    for (const store::LinkAct& act : acts) {
      EXPECT_EQ(act.note.action, "data.read");
      all.push_back(act.note.actor + " " + act.link_id.str() + " " + act.note.detail);
    }
    return all;
  }
  ReadTrace trace{{.window = hours(1), .entries_max = 4}};
};

TEST_F(Acts, OneAtOnceAndOneForTheRestOfTheWindow) {
  note("uid:7", rows_of("mk_1", 100), {});
  note("uid:7", rows_of("mk_1", 2, DataKind::accounts), seconds(2));
  EXPECT_THAT(due(seconds(3)),
              ElementsAre(R"(uid:7 mk_1 {"from":"2025-05-06T16:31:12.451Z","to":"2025-05-06T16:31:14.451Z",)"
                          R"("requests":2,"accounts":2,"transactions":100})"));
  EXPECT_THAT(due(seconds(4)), IsEmpty());
  for (int read = 1; read <= 20; ++read)
    note("uid:7", rows_of("mk_1", 10), minutes(read));
  EXPECT_THAT(due(hours(1) - core::Millis{1}), IsEmpty());
  EXPECT_THAT(due(hours(1)),
              ElementsAre(R"(uid:7 mk_1 {"from":"2025-05-06T16:32:12.451Z","to":"2025-05-06T16:51:12.451Z",)"
                          R"("requests":20,"transactions":200})"));
  EXPECT_EQ(trace.entries(), 0U);
  note("uid:7", rows_of("mk_1", 1), hours(1));
  EXPECT_THAT(due(hours(1)), SizeIs(1)) << "another window";
}

TEST_F(Acts, OfEachCallerAndLinkAndOfTheFeedWithWhatItShowed) {
  note("token:a", feed_of(101, 200), {});
  note("token:a", feed_of(1, 100), {});
  note("token:b", rows_of("mk_1", 1, DataKind::dead_letters), {});
  note("token:b", rows_of("mk_2", 3), {});
  const std::string when = R"({"from":"2025-05-06T16:31:12.451Z","to":"2025-05-06T16:31:12.451Z",)";
  EXPECT_THAT(due({}),
              ElementsAre("token:a  " + when + R"("requests":2,"feed":200,"first_seq":1,"last_seq":200})",
                          "token:b mk_1 " + when + R"("requests":1,"dead_letters":1})",
                          "token:b mk_2 " + when + R"("requests":1,"transactions":3})"));
  note("token:a", feed_of(201, 201), seconds(9));
  EXPECT_THAT(texts(trace.take_all()), ElementsAre(testing::HasSubstr(R"("first_seq":201,"last_seq":201})")));
}

TEST_F(Acts, OfNothingAreNone) {
  note("uid:7", rows_of("mk_1", 0), {});
  note("uid:7", {.kind = DataKind::feed}, {});
  EXPECT_EQ(trace.entries(), 0U);
  EXPECT_THAT(texts(trace.take_all()), IsEmpty());
}

TEST_F(Acts, AreBoundedAndLoseNothing) {
  for (const char* link : {"1", "2", "3", "4"})
    note("uid:7", rows_of(link, 1), {});
  EXPECT_TRUE(trace.full());
  EXPECT_THAT(due(seconds(5)), SizeIs(4));
  EXPECT_FALSE(trace.full()) << "what is told makes room";
  for (const char* link : {"5", "6", "7", "8", "9"})  // the last was in flight
    note("uid:7", rows_of(link, 1), seconds(6));
  EXPECT_TRUE(trace.full());
  EXPECT_EQ(trace.entries(), 5U);
  EXPECT_THAT(due(seconds(10)), SizeIs(5));
  EXPECT_FALSE(trace.full());
}

// ---- all of it behind the routes ----

class Reads : public testing::Test {
 protected:
  Reads() { reads.set({.requests_per_minute = 100, .rows_per_minute = 1'000}, hours(1)); }

  DataReads::Parts parts() {
    return {.timers = io.timers,
            .record = [this](std::vector<store::LinkAct> acts) { return record(std::move(acts)); },
            .on_held_back =
                [this](const daemon::HeldBackReads& held) {
                  ++held_back;
                  told += held.first ? 1 : 0;
                },
            .on_read = [this](const DataRead& read) { shown[read.kind] += read.rows; },
            .on_lost = [this](const core::Error&, std::size_t acts) { lost += acts; },
            .limits = {.entries_max = 5'000}};
  }
  api::Task<core::Result<void>> record(std::vector<store::LinkAct> acts) {
    if (broken) co_return core::fail(core::Errc::storage, "the disk");
    writes.push_back(acts.size());
    for (store::LinkAct& act : acts)
      written.push_back(std::move(act));
    co_return core::Result<void>{};
  }
  api::Task<void> hand(HttpRequest request, std::optional<HttpResponse>& response) {
    response = co_await routes.handle(std::move(request));
  }
  HttpResponse ask(const std::string& target, uid_t uid = 1000) {
    HttpRequest request{.method = "GET",
                        .target = target,
                        .content_type = {},
                        .body = {},
                        .peer = daemon::Peer{.uid = uid, .gid = 1000, .pid = 1}};
    std::optional<HttpResponse> response;
    io.start(hand(std::move(request), response));
    return std::move(*response);
  }

  VirtualIo io;
  FakeView view;
  std::map<DataKind, std::uint64_t> shown;
  std::vector<store::LinkAct> written;
  std::vector<std::size_t> writes;
  bool broken = false;
  int held_back = 0;
  int told = 0;
  std::size_t lost = 0;
  DataReads reads{parts()};
  daemon::AdminRoutes routes{view, nullptr, &reads};
};

std::string target_with_data(std::string path) {
  const std::size_t star = path.find('*');
  const bool of_consumer = path.contains("consumers");
  if (star != std::string::npos)
    path.replace(star, 1, path.contains("letters") ? "1746549072451:mk_1" : of_consumer ? "books" : "mk_1");
  return path;
}

// Each route of the table that shows rows leaves a trace, and no other does.
TEST_F(Reads, LeaveATraceWhereverPeoplesDataIsShown) {
  view.continuity_note = core::report_note(R"({"verdict":"intact"})");
  std::size_t with_data = 0;
  for (const daemon::AdminRoutes::RouteInfo& route : daemon::AdminRoutes::list_routes()) {
    if (route.method != "GET") continue;
    shown.clear();
    const HttpResponse answer = ask(target_with_data(route.path));
    if (route.shows_data) {
      ++with_data;
      EXPECT_EQ(answer.status, 200) << route.path << answer.body;
    }
    EXPECT_EQ(shown.empty(), !route.shows_data) << route.path;
  }
  EXPECT_GE(with_data, 4U);
  io.start(reads.finish());
  EXPECT_THAT(written, SizeIs(2)) << "of the link, and of the feed";
}

// Every route whose answer holds rows is marked.
TEST_F(Reads, TheRoutesAreThese) {
  for (const daemon::AdminRoutes::RouteInfo& route : daemon::AdminRoutes::list_routes()) {
    const bool of_rows = route.path.ends_with("/accounts") || route.path.ends_with("/transactions") ||
                         route.path.ends_with("/feed") || route.path.ends_with("/continuity") ||
                         route.path.ends_with("/changes") || route.path == "/v1/dead-letters/*";
    if (route.method == "GET") EXPECT_EQ(route.shows_data, of_rows) << route.path;
  }
}

TEST_F(Reads, AreWrittenSoonAndTheRestAtTheEndOfTheWindow) {
  io.group.spawn(reads.keep_trace());
  ask("/v1/links/mk_1/transactions");
  io.pass(daemon::reads_written_every);
  ASSERT_THAT(written, SizeIs(1));
  EXPECT_EQ(written[0].note.actor, "uid:1000");
  EXPECT_EQ(written[0].link_id.str(), "mk_1");
  ask("/v1/links/mk_1/transactions");
  io.pass(minutes(59));
  EXPECT_THAT(written, SizeIs(1));
  io.pass(minutes(2));
  EXPECT_THAT(written, SizeIs(2));
  ask("/v1/links/mk_1/accounts");
  io.stop();
  io.start(reads.finish());
  EXPECT_THAT(written, SizeIs(3)) << "a stop loses nothing";
}

TEST_F(Reads, AreHeldBackByRequestsWithWhenToAskAgain) {
  // Of an administrator, as every peer of the socket is: ten times a hundred.
  for (int request = 0; request < 1'000; ++request)
    ASSERT_EQ(ask("/v1/links/mk_1/accounts").status, 200) << request;
  const HttpResponse refused = ask("/v1/links/mk_1/accounts");
  EXPECT_EQ(refused.status, 429);
  EXPECT_THAT(refused.body, HasSubstr(R"("code":"rate_limited")"));
  EXPECT_THAT(refused.body, HasSubstr("read_requests_per_minute"));
  EXPECT_THAT(refused.headers, ElementsAre(testing::Pair("Retry-After", "1")));
  ask("/v1/feed");
  EXPECT_EQ(held_back, 2);
  EXPECT_EQ(told, 1);
  EXPECT_EQ(ask("/v1/links/mk_1").status, 200) << "no rows of people's data";
  EXPECT_EQ(ask("/v1/feed", 1001).status, 200) << "somebody else";
  io.pass(seconds(1));
  EXPECT_EQ(ask("/v1/feed").status, 200);
}

TEST_F(Reads, OfOthersThanAdministratorsHaveATenth) {
  const Caller reader{.actor = "token:r", .role = Role::read};
  const Caller boss{.actor = "token:b", .role = Role::admin};
  reads.note(reader, rows_of("mk_1", 1'030));
  reads.note(boss, rows_of("mk_1", 1'030));
  EXPECT_FALSE(reads.refuse(boss));
  const auto refused = reads.refuse(reader);
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->status, 429);
  EXPECT_THAT(refused->body, HasSubstr("1000 rows of people's data a minute"));
  EXPECT_THAT(refused->headers, ElementsAre(testing::Pair("Retry-After", "2"))) << "31 rows at 16.7 a second";
  reads.set({}, hours(1));
  EXPECT_FALSE(reads.refuse(reader)) << "a reload lifts it";
}

TEST_F(Reads, ThatCouldNotBeTracedAreNotAnswered) {
  reads.set({}, hours(1));
  const Caller sweeper{.actor = "token:s", .role = Role::read};
  for (int link = 0; link < 5'000; ++link)
    reads.note(sweeper, rows_of("mk_" + std::to_string(link), 1));
  const HttpResponse refused = ask("/v1/links/mk_1/transactions");
  EXPECT_EQ(refused.status, 503);
  EXPECT_THAT(refused.body, HasSubstr(R"("code":"reads_not_traced")"));
  EXPECT_THAT(refused.headers, ElementsAre(testing::Pair("Retry-After", "5")));
  io.group.spawn(reads.keep_trace());
  io.pass(daemon::reads_written_every);
  EXPECT_THAT(written, SizeIs(5'000));
  EXPECT_THAT(writes, ElementsAre(1'000, 1'000, 1'000, 1'000, 1'000)) << "other work goes in between";
  EXPECT_EQ(ask("/v1/links/mk_1/transactions").status, 200);
  io.stop();
}

TEST_F(Reads, ThatTheStoreDoesNotTakeAreTold) {
  broken = true;
  ask("/v1/feed");
  ask("/v1/links/mk_1/accounts");
  io.start(reads.finish());
  EXPECT_EQ(lost, 2U);
}

}  // namespace
}  // namespace syncd::test
