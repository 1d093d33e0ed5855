#include <algorithm>
#include <chrono>
#include <exception>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/this_coro.hpp>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "sync/api/moneykit_api.hpp"
#include "sync/api/secret.hpp"
#include "tests/loopback/fake_server.hpp"
#include "tests/loopback/http_client.hpp"
#include "tests/sim/virtual_timers.hpp"
#include "tests/unit/api/response_cases.hpp"

// A recorded page between the real client and a peer that fails at each of its bytes: it ends there, resets,
// falls silent, or is slow. Nothing of a page is ever believed before all of it has come.
namespace syncd::test {
namespace {

using core::Errc;
using PageResult = core::Result<std::shared_ptr<const core::Page>>;

constexpr std::string_view page =
    R"~({"transactions":{"created":[{"transaction_id":"txn_vgGPC8K7dFPPiHPmY4gZuU","account_id":"acc)~"
    R"~(_H6DfNxxma5ajzHteoQB5Z6","amount":"94.37","type":"debit","currency":"USD","date":"2026-11-11)~"
    R"~(","datetime":null,"description":"City Power & Light","raw_description":"CITY POWER&LIGHT UTI)~"
    R"~(L","pending":false,"category":"utilities.electric","enrichment":{"category":{"value":"bills")~"
    R"~(,"confidence":86},"subcategory":{"value":"electricity","confidence":98},"merchant":{"id":"me)~"
    R"~(r_LSwSTnKY6dcbH2hFjkxsBm","name":"City Power & Light","logo":null,"confidence":76},"processo)~"
    R"~(r":null,"recurrence":{"frequency":"monthly","next_predicted_date":"2026-12-11"}},"original_i)~"
    R"~(d":null},{"transaction_id":"txn_brHffNnDYYkwzXgpso98bG","account_id":"acc_H6DfNxxma5ajzHteoQ)~"
    R"~(B5Z6","amount":"1945.96","type":"credit","currency":"USD","date":"2026-11-01","datetime":nul)~"
    R"~(l,"description":"Acme Payroll","raw_description":"ACME PAYROLL DIRECT DEP","pending":false,")~"
    R"~(category":"income.wages","enrichment":null,"original_id":null}],"updated":[],"removed":[]},")~"
    R"~(accounts":[{"account_id":"acc_H6DfNxxma5ajzHteoQB5Z6","account_type":"depository.checking",")~"
    R"~(name":"Everyday Checking","nickname":null,"account_mask":"9408","balances":{"currency":"USD")~"
    R"~(,"available":5310.08,"current":3963.56,"limit":null,"balance_date":null},"original_id":null,)~"
    R"~("closed":false}],"cursor":{"next":"T651uTiVUZkPvDkfeXxdJUR3vN-HWtNXddOBjg=="},"has_more":tru)~"
    R"~(e,"link":{"link_id":"mk_1","institution_id":"credentials_bank","institution_name":"Credentia)~"
    R"~(ls Bank","institution_avatar":"https://assets.example.com/credentials_bank.png","state":"con)~"
    R"~(nected","error_code":null,"last_synced_at":"2026-11-25T17:10:11.969038+00:00","provider":"mo)~"
    R"~(neykit","link_tags":[],"tags":[],"webhook":null,"products":{"accounts":{"refreshed_at":"2026)~"
    R"~(-11-25T17:10:11.969038+00:00","last_attempted_at":"2026-11-25T17:10:11.764638+00:00","error_)~"
    R"~(code":null,"error_message":null,"unavailable":null,"settings":null},"transactions":{"refresh)~"
    R"~(ed_at":"2026-11-25T17:10:11.969038+00:00","last_attempted_at":"2026-11-25T17:10:11.676401+00)~"
    R"~(:00","error_code":null,"error_message":null,"unavailable":null,"settings":null,"has_history")~"
    R"~(:true}},"available_products":["account_numbers","identity","investments"]}})~";
constexpr std::size_t rows_in_page = 2;
constexpr std::size_t block = 256;  // bytes that one server is cut at, each with a thread of its own

api::Task<void> ask_for_page(api::MoneykitApi& upstream, std::optional<PageResult>& result) {
  co_await boost::asio::this_coro::throw_if_cancelled(false);
  core::LinkId link_id{"mk_1"};
  PageResult answer =
      co_await upstream.sync_page(std::move(link_id), std::nullopt, 500, core::Cause::schedule);
  result.emplace(std::move(answer));
}

class PageReader {
 public:
  explicit PageReader(const api::TransportOptions& options)
      : client(options),
        timers_(client.io(), core::WallTime(core::Millis(1'700'000'000'000)), 1),
        gate_(timers_, {.sync_per_app = 1'000'000, .sync_per_link = 1'000'000}),
        upstream_(client.transport(), gate_, timers_, credentials(),
                  [this](const core::HttpReport&) { ++requests; }) {}

  PageResult read() {
    std::optional<PageResult> result;
    auto task = ask_for_page(upstream_, result);
    boost::asio::co_spawn(client.io().get_executor(), std::move(task), [](std::exception_ptr error) {
      if (error) std::rethrow_exception(error);
    });
    client.run_until([&] { return result.has_value(); });
    return std::move(*result);
  }

  HttpClient client;
  std::size_t requests = 0;

 private:
  static api::ApiOptions credentials() {
    api::ApiOptions options;
    options.client_id = "id";
    options.client_secret = std::make_shared<const api::Secret>("hunter2");
    return options;
  }

  VirtualTimers timers_;
  api::RateGate gate_;
  api::MoneykitApi upstream_;
};

void expect_page(const PageResult& result) {
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ((*result)->created.size(), rows_in_page);
  EXPECT_EQ((*result)->body, page);
}

struct Form {
  const char* name;
  std::string bytes;
  friend void PrintTo(const Form& form, std::ostream* out) { *out << form.name; }
};
Form declared() {
  return {"content_length", json_answer(page)};
}
Form chunked() {
  std::string body;
  for (std::string_view rest = page; !rest.empty();) {
    const std::string_view chunk = rest.substr(0, 700);
    rest.remove_prefix(chunk.size());
    body.append(fmt::format("{:x}\r\n", chunk.size())).append(chunk).append("\r\n");
  }
  return {"chunked",
          "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n" + body +
              "0\r\n\r\n"};
}

class Cut : public testing::TestWithParam<Form> {
 protected:
  const std::string& answer() const { return GetParam().bytes; }
  std::string begin_of(std::size_t size) const { return GetParam().bytes.substr(0, size); }
};

TEST_P(Cut, at_each_byte_of_a_fresh_connection) {
  for (const bool reset : {false, true}) {
    for (std::size_t first = 0; first < answer().size(); first += block) {
      const std::size_t end = std::min(first + block, answer().size());
      FakeServer server;
      for (std::size_t size = first; size < end; ++size) {
        Script& script = server.on_connection().read_request().send(begin_of(size));
        if (reset) script.reset();
      }
      server.on_connection().serve(answer());
      PageReader reader(plain_options(server.start()));
      for (std::size_t size = first; size < end; ++size) {
        const PageResult result = reader.read();
        ASSERT_FALSE(result) << (reset ? "reset" : "ended") << " at " << size;
        ASSERT_EQ(result.error().code, Errc::transport) << size << ": " << result.error().message;
        ASSERT_EQ(reader.client.transport().stats().open, 0U) << size;
        ASSERT_EQ(reader.requests, size - first + 1) << "a fresh connection is no reason to ask again";
      }
      expect_page(reader.read());
      EXPECT_EQ(server.connections(), end - first + 1);
    }
  }
}

// Only where nothing of an answer has come the request may go out once more: upstream never saw it.
TEST_P(Cut, at_each_byte_of_a_kept_connection) {
  for (const bool reset : {false, true}) {
    for (std::size_t first = 1; first < answer().size(); first += block) {
      const std::size_t end = std::min(first + block, answer().size());
      FakeServer server;
      for (std::size_t size = first; size < end; ++size) {
        Script& script =
            server.on_connection().read_request().send(answer()).read_request().send(begin_of(size));
        if (reset) script.reset();
      }
      server.on_connection().serve(answer());
      PageReader reader(plain_options(server.start()));
      for (std::size_t size = first; size < end; ++size) {
        expect_page(reader.read());
        const std::size_t before = reader.requests;
        const PageResult result = reader.read();
        ASSERT_FALSE(result) << (reset ? "reset" : "ended") << " at " << size;
        ASSERT_EQ(result.error().code, Errc::transport) << size << ": " << result.error().message;
        ASSERT_EQ(reader.requests, before + 1) << size;
      }
      expect_page(reader.read());
    }
  }
}

TEST_P(Cut, before_the_first_byte_of_a_kept_connection_is_asked_once_more) {
  for (const bool reset : {false, true}) {
    FakeServer server;
    Script& script = server.on_connection().read_request().send(answer()).read_request();
    if (reset) script.reset();
    server.on_connection().serve(answer());
    PageReader reader(plain_options(server.start()));
    expect_page(reader.read());
    expect_page(reader.read());
    EXPECT_EQ(reader.requests, 3U);
    EXPECT_EQ(server.connections(), 2U);
  }
}

TEST_P(Cut, silent_at_many_bytes) {
  constexpr std::size_t step = 61;
  FakeServer server;
  for (std::size_t size = 0; size < answer().size(); size += step) {
    server.on_connection().read_request().send(begin_of(size)).wait_for_close();
  }
  api::TransportOptions options = plain_options(server.start());
  options.deadlines.first_byte = std::chrono::milliseconds(20);
  options.deadlines.response = std::chrono::milliseconds(20);
  PageReader reader(options);
  for (std::size_t size = 0; size < answer().size(); size += step) {
    const PageResult result = reader.read();
    ASSERT_FALSE(result) << size;
    ASSERT_EQ(result.error().code, Errc::timeout) << size << ": " << result.error().message;
    ASSERT_EQ(reader.client.transport().stats().open, 0U) << size;
  }
}

TEST_P(Cut, byte_by_byte_is_the_same_page) {
  FakeServer server;
  server.on_connection().read_request().send_each_byte(answer()).wait_for_close();
  PageReader reader(plain_options(server.start()));
  expect_page(reader.read());
}

TEST_P(Cut, behind_the_last_byte_the_page_counts) {
  for (const bool reset : {false, true}) {
    FakeServer server;
    Script& script = server.on_connection().read_request().send(answer());
    if (reset) script.wait_for_gate().reset();
    server.on_connection().serve(answer());
    PageReader reader(plain_options(server.start()));
    expect_page(reader.read());
    server.open_gate();
    expect_page(reader.read());
  }
}

// Against a peer that always closes, a request that is repeated each time would go out for ever.
TEST_P(Cut, a_second_loss_is_the_end) {
  FakeServer server;
  server.on_connection().read_request().send(answer()).read_request();
  server.on_connection().read_request();
  server.on_connection().serve(answer());
  PageReader reader(plain_options(server.start()));
  expect_page(reader.read());
  const PageResult result = reader.read();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Errc::transport);
  EXPECT_EQ(reader.requests, 3U);
  EXPECT_EQ(server.connections(), 2U);
}

INSTANTIATE_TEST_SUITE_P(forms, Cut, testing::Values(declared(), chunked()),
                         [](const testing::TestParamInfo<Form>& info) {
                           return std::string(info.param.name);
                         });

}  // namespace
}  // namespace syncd::test
