#include "sync/api/connection.hpp"

#include <utility>

#include "sync/api/connection_pool.hpp"

namespace syncd::api {

using boost::system::error_code;

Connection::Connection(IoExecutor executor, ConnectionPool& pool, const ResponseLimits& limits)
    : reader(limits), pool_(&pool), socket_(executor), waiter_(executor) {
}

void Connection::start_connect(const boost::asio::ip::tcp::endpoint& endpoint) {
  const std::uint64_t attempt = ++attempt_;
  connect_error = boost::asio::error::would_block;
  socket_.async_connect(endpoint, [self = shared_from_this(), attempt](const error_code& error) {
    if (attempt != self->attempt_) return;  // given up meanwhile
    self->connect_error = error;
    self->waiter_.wake_inline(Wake::ready);
  });
}

void Connection::abandon_connect() {
  ++attempt_;
  error_code ignored;
  socket_.close(ignored);
}

void Connection::start_tls(TlsContext& context) {
  tls_ = std::make_unique<TlsChannel>(context, socket_.native_handle());
}

Task<Wake> Connection::wait_readable() {
  watch();
  waiting_for_ = WaitingFor::input;
  return waiter_.wait();
}

Task<Wake> Connection::wait_writable() {
  const std::uint64_t attempt = ++attempt_;
  socket_.async_wait(Socket::wait_write, [self = shared_from_this(), attempt](const error_code&) {
    if (attempt != self->attempt_ || self->waiting_for_ != WaitingFor::room) return;
    self->waiter_.wake_inline(Wake::ready);
  });
  waiting_for_ = WaitingFor::room;
  return waiter_.wait();
}

IoResult Connection::read(char* data, std::size_t size) {
  return tls_ ? tls_->read(data, size) : socket_read(socket_.native_handle(), data, size);
}

IoResult Connection::write(std::string_view bytes) {
  return tls_ ? tls_->write(bytes) : socket_write(socket_.native_handle(), bytes);
}

void Connection::watch() {
  if (watching_ || readable_) return;
  watching_ = true;
  socket_.async_wait(Socket::wait_read,
                     [self = shared_from_this()](const error_code& error) { self->on_readable(error); });
}

void Connection::on_readable(const error_code& error) {
  watching_ = false;
  if (phase == Phase::closed || error == boost::asio::error::operation_aborted) return;
  if (waiting_for_ == WaitingFor::input && waiter_.waiting()) {
    waiter_.wake_inline(Wake::ready);
    return;
  }
  readable_ = true;
  if (phase == Phase::idle) pool_->on_idle_input(*this);
}

void Connection::close(bool orderly) {
  if (phase == Phase::closed) return;
  phase = Phase::closed;
  pool_ = nullptr;
  ++attempt_;
  if (tls_ && orderly) tls_->say_goodbye();
  error_code ignored;
  socket_.close(ignored);
  tls_.reset();
}

}  // namespace syncd::api
