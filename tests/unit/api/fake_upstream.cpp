#include "tests/unit/api/fake_upstream.hpp"

#include <algorithm>

#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace syncd::test {

namespace {

api::Task<void> go_round() {
  const api::IoExecutor executor = co_await boost::asio::this_coro::executor;
  const boost::asio::use_awaitable_t<api::IoExecutor> token;
  co_await boost::asio::post(executor, token);
}

}  // namespace

api::Task<void> FakeTimers::sleep_until(api::SteadyTime due) {
  ++sleeps_;
  co_await go_round();
  if (due > steady_now()) advance(due - steady_now());
}

api::Task<std::expected<api::Lease, api::TransportError>> FakeTransport::lease() {
  co_await go_round();
  if (while_connecting) while_connecting();
  if (refusal) co_return std::unexpected(*refusal);
  co_return api::Lease(*this, std::make_shared<api::ReadyConnection>());
}

api::Task<FakeTransport::Answer> FakeTransport::send(std::shared_ptr<api::ReadyConnection>,
                                                     api::HttpCall call) {
  for (int i = 0; i < 3; ++i)
    co_await go_round();
  calls_.push_back(call);
  const auto state = co_await boost::asio::this_coro::cancellation_state;
  if (state.cancelled() != boost::asio::cancellation_type::none) {
    co_return std::unexpected(
        api::TransportError{.error = {.code = core::Errc::cancelled, .message = "given up"}});
  }
  co_return upstream_(call);
}

std::size_t FakeTransport::count(const std::string& target_part) const {
  return static_cast<std::size_t>(std::ranges::count_if(
      calls_, [&](const api::HttpCall& call) { return call.target.find(target_part) != std::string::npos; }));
}

api::HttpReply json_reply(int status, std::string body) {
  api::HttpReply reply;
  reply.status = status;
  reply.body = std::move(body);
  reply.json = true;
  return reply;
}

api::HttpReply error_reply(int status, const std::string& code) {
  return json_reply(status,
                    R"({"error_code":")" + code + R"(","error_message":"m","documentation_url":null})");
}

std::string header_of(const api::HttpCall& call, std::string_view name) {
  const std::string block = "\r\n" + std::string(call.headers ? call.headers->reveal() : "");
  const std::string field = "\r\n" + std::string(name) + ": ";
  const std::size_t at = block.find(field);
  if (at == std::string::npos) return {};
  const std::size_t value = at + field.size();
  return block.substr(value, block.find("\r\n", value) - value);
}

}  // namespace syncd::test
