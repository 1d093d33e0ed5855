#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <expected>
#include <list>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/tcp_stream.hpp>

#include "tests/sandbox/server/sandbox.hpp"

namespace syncd::sandbox {

/// Where a hook goes: `http` to a loopback address and nowhere else, so that no test ever knocks at a
/// stranger's door.
struct HookTarget {
  boost::asio::ip::tcp::endpoint endpoint;
  std::string host;  ///< as the Host header says it
  std::string path;
};
/// The error is for people: why this address is not one to send to.
std::expected<HookTarget, std::string> hook_target(std::string_view url);

/// Sends the model's hooks and tells it what was answered. One thread, that of the io_context.
class HookSender {
 public:
  HookSender(boost::asio::io_context& io, Sandbox& sandbox);
  HookSender(const HookSender&) = delete;
  HookSender& operator=(const HookSender&) = delete;

  void start();
  /// Closes everything; the io_context then runs out of this sender's work.
  void stop();

  static constexpr std::size_t senders_max = 64;  ///< connections at a time
  static constexpr std::chrono::seconds answer_timeout{10};
  static constexpr std::chrono::milliseconds tick{20};
  static constexpr std::size_t answer_bytes_max = 64U << 10U;

 private:
  using Stream = boost::beast::basic_stream<boost::asio::ip::tcp, boost::asio::io_context::executor_type>;
  using Timer = boost::asio::basic_waitable_timer<std::chrono::steady_clock,
                                                  boost::asio::wait_traits<std::chrono::steady_clock>,
                                                  boost::asio::io_context::executor_type>;

  boost::asio::awaitable<void> pump();
  boost::asio::awaitable<void> send(HookDelivery delivery);
  /// The status of the answer, 0 for none; `again`: the connection was an old one that had ended meanwhile.
  boost::asio::awaitable<int> exchange(Stream& stream, const HookTarget& target, const HookDelivery& delivery,
                                       bool& keep, bool& again);
  boost::asio::awaitable<int> attempt(const HookTarget& target, const HookDelivery& delivery);

  boost::asio::io_context& io_;
  Sandbox& sandbox_;
  Timer timer_;
  std::list<Stream> streams_;  ///< in use
  std::map<boost::asio::ip::tcp::endpoint, std::list<Stream>> idle_;
  std::size_t sending_ = 0;
  bool stopping_ = false;
};

}  // namespace syncd::sandbox
