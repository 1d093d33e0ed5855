#include "tests/e2e/key_set_front.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/e2e/process.hpp"

namespace syncd::test::e2e {
namespace {

constexpr int look_every_ms = 50;

sockaddr_in loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  return address;
}

bool write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t sent = send(descriptor, text.data(), text.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

/// Adds what comes to `text`; false: nothing comes any more, or `stopping`.
bool read_more(int descriptor, std::string& text, const std::atomic<bool>& stopping) {
  pollfd ready{.fd = descriptor, .events = POLLIN, .revents = 0};
  while (poll(&ready, 1, look_every_ms) == 0) {
    if (stopping) return false;
  }
  std::array<char, 16 * 1024> buffer{};
  const ssize_t bytes = recv(descriptor, buffer.data(), buffer.size(), 0);
  if (bytes <= 0) return false;
  text.append(buffer.data(), static_cast<std::size_t>(bytes));
  return true;
}

/// The header of the next message, taken off `text`; empty: there is none.
std::string take_head(int descriptor, std::string& text, const std::atomic<bool>& stopping) {
  constexpr std::string_view end = "\r\n\r\n";
  std::size_t at = text.find(end);
  while (at == std::string::npos) {
    if (!read_more(descriptor, text, stopping)) return {};
    at = text.find(end);
  }
  std::string head = text.substr(0, at + end.size());
  text.erase(0, at + end.size());
  return head;
}

std::size_t content_length(std::string head) {
  std::ranges::transform(head, head.begin(), [](char c) { return static_cast<char>(std::tolower(c)); });
  constexpr std::string_view name = "\r\ncontent-length:";
  const std::size_t at = head.find(name);
  return at == std::string::npos ? 0 : std::stoul(head.substr(at + name.size()));
}

}  // namespace

KeySetFront::KeySetFront(const std::string& upstream, std::string key_set)
    : upstream_port_(std::stoi(upstream.substr(upstream.rfind(':') + 1))),
      key_set_(std::move(key_set)),
      listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof(address);
  if (bind(listener_, reinterpret_cast<const sockaddr*>(&address), size) != 0 || listen(listener_, 64) != 0 ||
      getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    throw Failed("the front of the key set cannot listen");
  }
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { accept_all(); });
}

KeySetFront::~KeySetFront() {
  stopping_ = true;
  acceptor_.join();
  for (std::thread& thread : threads_)
    thread.join();
  close(listener_);
}

void KeySetFront::accept_all() {
  pollfd ready{.fd = listener_, .events = POLLIN, .revents = 0};
  while (!stopping_) {
    if (poll(&ready, 1, look_every_ms) <= 0) continue;
    const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client >= 0) threads_.emplace_back([this, client] { serve(client); });
  }
}

void KeySetFront::serve(int client) {
  const int upstream = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = loopback(upstream_port_);
  std::string from_client;
  std::string from_upstream;
  bool good = connect(upstream, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  while (good) {
    const std::string head = take_head(client, from_client, stopping_);
    if (head.empty()) break;
    if (head.starts_with("GET /.well-known/jwks.json ")) {
      last_request_ = head;
      ++asked_;
      good = write_all(client, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " +
                                   std::to_string(key_set_.size()) + "\r\n\r\n" + key_set_);
      continue;
    }
    good = write_all(upstream, head);
    const std::string answer = good ? take_head(upstream, from_upstream, stopping_) : std::string();
    const std::size_t body = content_length(answer);
    while (good && from_upstream.size() < body)
      good = read_more(upstream, from_upstream, stopping_);
    good = good && !answer.empty() && write_all(client, answer + from_upstream.substr(0, body));
    if (good) from_upstream.erase(0, body);
  }
  close(upstream);
  close(client);
}

}  // namespace syncd::test::e2e
