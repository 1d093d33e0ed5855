#include "tests/sandbox/server/hook_sender.hpp"

#include <charconv>
#include <cstdio>
#include <exception>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

namespace syncd::sandbox {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;

namespace {

constexpr auto nothrow = asio::as_tuple(asio::use_awaitable);

void report(std::exception_ptr problem) {
  if (!problem) {
    return;
  }
  try {
    std::rethrow_exception(problem);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "moneykit-sandbox: a hook could not be sent: %s\n", error.what());
  }
}

}  // namespace

std::expected<HookTarget, std::string> hook_target(std::string_view url) {
  constexpr std::string_view scheme = "http://";
  if (!url.starts_with(scheme)) {
    return std::unexpected("this sandbox sends hooks over plain http only");
  }
  url.remove_prefix(scheme.size());
  const auto slash = url.find_first_of("/?");
  const std::string_view host = url.substr(0, slash);
  HookTarget out;
  out.host = host;
  out.path = slash == std::string_view::npos ? "/" : std::string(url.substr(slash));
  if (out.path.front() == '?') {
    out.path.insert(0, "/");
  }
  const auto bracket = host.find(']');
  const auto colon = host.find(':', bracket == std::string_view::npos ? 0 : bracket);
  std::string name(host.substr(0, colon));
  if (name.starts_with('[') && name.ends_with(']')) {
    name = name.substr(1, name.size() - 2);
  }
  std::uint16_t port = 80;
  if (colon != std::string_view::npos) {
    const std::string_view digits = host.substr(colon + 1);
    const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    if (parsed.ec != std::errc{} || parsed.ptr != digits.data() + digits.size() || port == 0) {
      return std::unexpected("the port of the webhook's address is no number from 1 to 65535");
    }
  }
  boost::system::error_code ec;
  const auto address = asio::ip::make_address(name == "localhost" ? "127.0.0.1" : name, ec);
  if (ec || !address.is_loopback()) {
    return std::unexpected(
        "this sandbox sends hooks to loopback addresses only (127.0.0.1, [::1], localhost)");
  }
  out.endpoint = {address, port};
  return out;
}

HookSender::HookSender(asio::io_context& io, Sandbox& sandbox)
    : io_(io), sandbox_(sandbox), timer_(io.get_executor()) {
}

void HookSender::start() {
  asio::co_spawn(io_.get_executor(), pump(), report);
}

void HookSender::stop() {
  stopping_ = true;
  timer_.cancel();
  for (Stream& stream : streams_) {
    stream.cancel();
  }
  idle_.clear();
}

asio::awaitable<void> HookSender::pump() {
  while (!stopping_) {
    const std::size_t free = senders_max - sending_;
    if (free != 0) {
      std::vector<HookDelivery> due =
          sandbox_.upstream().due_hooks(sandbox_.now(), sandbox_.wire_now(), free);
      for (HookDelivery& delivery : due) {
        ++sending_;
        asio::co_spawn(io_.get_executor(), send(std::move(delivery)), report);
      }
    }
    timer_.expires_after(tick);
    co_await timer_.async_wait(nothrow);
  }
}

asio::awaitable<void> HookSender::send(HookDelivery delivery) {
  const auto target = hook_target(delivery.url);
  if (!target) {
    sandbox_.upstream().hook_refused(delivery.number, target.error());
  } else {
    const int status = co_await attempt(*target, delivery);
    if (!stopping_) {
      sandbox_.upstream().hook_answered(delivery.number, status, sandbox_.now());
    }
  }
  --sending_;
  if (sending_ + 1 == senders_max || sending_ == 0) {
    timer_.cancel();  // whoever waits need not wait for the tick
  }
}

asio::awaitable<int> HookSender::attempt(const HookTarget& target, const HookDelivery& delivery) {
  for (;;) {
    std::list<Stream> own;
    std::list<Stream>& idle = idle_[target.endpoint];
    const bool old = !idle.empty();
    if (old) {
      own.splice(own.begin(), idle, idle.begin());
    } else {
      own.emplace_back(io_.get_executor());
    }
    const auto self = own.begin();
    streams_.splice(streams_.begin(), own, self);
    self->expires_after(answer_timeout);
    bool keep = false;
    bool again = old;
    int status = 0;
    boost::system::error_code failed;
    if (!old) {
      const std::tuple<boost::system::error_code> connected =
          co_await self->async_connect(target.endpoint, nothrow);
      failed = std::get<0>(connected);
    }
    if (!failed && !stopping_) {
      status = co_await exchange(*self, target, delivery, keep, again);
    }
    own.splice(own.begin(), streams_, self);
    if (keep && !stopping_) {
      self->expires_never();
      idle_[target.endpoint].splice(idle_[target.endpoint].begin(), own, self);
    }
    if (status != 0 || !old || !again || stopping_) {
      co_return status;
    }
  }
}

asio::awaitable<int> HookSender::exchange(Stream& stream, const HookTarget& target,
                                          const HookDelivery& delivery, bool& keep, bool& again) {
  http::request<http::string_body> request{http::verb::post, target.path, 11};
  request.set(http::field::host, target.host);
  request.set(http::field::user_agent, "moneykit-sandbox");
  for (const auto& [name, value] : delivery.headers) {
    request.set(name, value);
  }
  request.body() = delivery.body;
  request.prepare_payload();
  auto [written, sent] = co_await http::async_write(stream, request, nothrow);
  if (written) {
    again = again && written != boost::beast::error::timeout;
    co_return 0;
  }
  boost::beast::flat_buffer buffer;
  http::response_parser<http::string_body> parser;
  parser.body_limit(answer_bytes_max);
  auto [ec, received] = co_await http::async_read(stream, buffer, parser, nothrow);
  again = again && !parser.got_some() &&
          (ec == http::error::end_of_stream || ec == asio::error::connection_reset);
  if (ec) {
    co_return 0;
  }
  keep = parser.get().keep_alive();
  co_return static_cast<int>(parser.get().result_int());
}

}  // namespace syncd::sandbox
