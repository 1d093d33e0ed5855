#include "daemon/admin/http_stream.hpp"

#include <arpa/inet.h>
#include <array>
#include <netinet/in.h>
#include <optional>
#include <poll.h>
#include <sys/socket.h>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/basic_stream.hpp>

namespace syncd::daemon {

namespace {

namespace asio = boost::asio;

using Lower = boost::beast::basic_stream<HttpStream::Protocol, api::IoExecutor>;
using Secured = asio::ssl::stream<Lower&>;

constexpr asio::as_tuple_t<asio::use_awaitable_t<api::IoExecutor>> nothrow{};

}  // namespace

struct HttpStream::Impl {
  explicit Impl(Socket socket) : lower(std::move(socket)) {}

  Lower lower;
  std::optional<Secured> secured;
  bool greeted = false;
  bool broken = false;  // TLS could not be set up: nothing is ever sent in the clear instead
};

HttpStream::HttpStream(Socket socket, const ServerTls* tls)
    : impl_(std::make_unique<Impl>(std::move(socket))) {
  if (tls == nullptr) return;
  SSL* const session = tls->new_session();
  impl_->broken = session == nullptr;
  if (session != nullptr) impl_->secured.emplace(impl_->lower, session);
}

HttpStream::~HttpStream() = default;

HttpStream::Socket& HttpStream::socket() {
  return impl_->lower.socket();
}

void HttpStream::expires_after(core::Millis limit) {
  impl_->lower.expires_after(limit);
}

void HttpStream::expires_never() {
  impl_->lower.expires_never();
}

api::Task<HttpStream::ErrorCode> HttpStream::handshake() {
  if (impl_->broken) co_return asio::error::no_memory;
  if (!impl_->secured) co_return ErrorCode{};
  const auto [ec] = co_await impl_->secured->async_handshake(asio::ssl::stream_base::server, nothrow);
  impl_->greeted = !ec;
  co_return ec;
}

api::Task<HttpStream::Moved> HttpStream::read_some(char* data, std::size_t size) {
  const asio::mutable_buffer buffer(data, size);
  if (impl_->secured) {
    const auto [ec, bytes] = co_await impl_->secured->async_read_some(buffer, nothrow);
    co_return Moved{ec, bytes};
  }
  const auto [ec, bytes] = co_await impl_->lower.async_read_some(buffer, nothrow);
  co_return Moved{ec, bytes};
}

api::Task<HttpStream::ErrorCode> HttpStream::write(std::string_view head, std::string_view body) {
  const std::array<asio::const_buffer, 2> buffers{asio::const_buffer(head.data(), head.size()),
                                                  asio::const_buffer(body.data(), body.size())};
  if (impl_->secured) {
    const auto [ec, bytes] = co_await asio::async_write(*impl_->secured, buffers, nothrow);
    co_return ec;
  }
  const auto [ec, bytes] = co_await asio::async_write(impl_->lower, buffers, nothrow);
  co_return ec;
}

api::Task<void> HttpStream::finish() {
  if (impl_->greeted) {
    [[maybe_unused]] const auto [ec] = co_await impl_->secured->async_shutdown(nothrow);
  }
  ErrorCode ignored;
  impl_->lower.socket().shutdown(Socket::shutdown_send, ignored);
}

std::string remote_address(int descriptor) {
  sockaddr_storage storage{};
  socklen_t size = sizeof(storage);
  if (getpeername(descriptor, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return {};
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (storage.ss_family == AF_INET) {
    inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(&storage)->sin_addr, text.data(), text.size());
  } else if (storage.ss_family == AF_INET6) {
    inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6*>(&storage)->sin6_addr, text.data(),
              text.size());
  }
  return text.data();
}

bool has_stopped_sending(int descriptor) {
  pollfd state{.fd = descriptor, .events = POLLRDHUP, .revents = 0};
  return poll(&state, 1, 0) > 0 && (state.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

}  // namespace syncd::daemon
