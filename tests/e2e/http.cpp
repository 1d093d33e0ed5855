#include "tests/e2e/http.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cctype>
#include <charconv>
#include <cstring>
#include <netinet/in.h>
#include <optional>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

namespace syncd::test::e2e {
namespace {

constexpr timeval receive_limit{90, 0};  // beyond the longest `wait` of the admin API

class Socket {
 public:
  explicit Socket(int descriptor) : descriptor_(descriptor) {}
  ~Socket() {
    if (descriptor_ >= 0) {
      ::close(descriptor_);
    }
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  template <class Name>
  bool connect(const Name& name) const {
    setsockopt(descriptor_, SOL_SOCKET, SO_RCVTIMEO, &receive_limit, sizeof(receive_limit));
    return ::connect(descriptor_, reinterpret_cast<const sockaddr*>(&name), sizeof(name)) == 0;
  }
  [[nodiscard]] bool send_all(std::string_view bytes) const {
    while (!bytes.empty()) {
      const auto sent = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) {
        return false;
      }
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }
  [[nodiscard]] std::string receive_all() const {
    std::string out;
    std::array<char, 65'536> buffer{};
    while (true) {
      const auto got = ::recv(descriptor_, buffer.data(), buffer.size(), 0);
      if (got <= 0) {
        return out;
      }
      out.append(buffer.data(), static_cast<std::size_t>(got));
    }
  }

 private:
  int descriptor_;
};

bool connect_to(const Address& address, const Socket& socket) {
  if (address.text.starts_with('/')) {
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    std::memcpy(name.sun_path, address.text.data(), std::min(address.text.size(), sizeof(name.sun_path) - 1));
    return socket.connect(name);
  }
  const std::size_t host = address.text.find("//") + 2;
  const std::size_t colon = address.text.find(':', host);
  sockaddr_in name{};
  name.sin_family = AF_INET;
  std::uint16_t port = 0;
  std::from_chars(address.text.data() + colon + 1, address.text.data() + address.text.size(), port);
  name.sin_port = htons(port);
  inet_pton(AF_INET, address.text.substr(host, colon - host).c_str(), &name.sin_addr);
  return socket.connect(name);
}

std::optional<std::size_t> content_length(std::string_view head) {
  std::string folded(head);
  std::ranges::transform(folded, folded.begin(), [](char c) {
    return static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  });
  constexpr std::string_view field = "\r\ncontent-length:";
  const std::size_t found = folded.find(field);
  if (found == std::string::npos) {
    return std::nullopt;
  }
  const std::size_t digits = folded.find_first_not_of(' ', found + field.size());
  std::size_t length = 0;
  std::from_chars(folded.data() + digits, folded.data() + folded.size(), length);
  return length;
}

}  // namespace

Reply request(const Address& address, std::string_view method, std::string_view target, std::string_view body,
              std::string_view headers) {
  const int family = address.text.starts_with('/') ? AF_UNIX : AF_INET;
  const std::string host = family == AF_UNIX ? "localhost" : address.text.substr(address.text.find("//") + 2);
  const Socket socket(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!connect_to(address, socket)) {
    return {};
  }
  std::string head;
  head.append(method).append(" ").append(target).append(" HTTP/1.1\r\nHost: ").append(host);
  head.append("\r\nConnection: close\r\n").append(headers);
  if (!body.empty()) {
    head.append("Content-Type: application/json\r\n");
  }
  head.append("Content-Length: ").append(std::to_string(body.size())).append("\r\n\r\n").append(body);
  if (!socket.send_all(head)) {
    return {};
  }
  const std::string answer = socket.receive_all();
  const std::size_t end = answer.find("\r\n\r\n");
  if (end == std::string::npos || answer.size() < 12) {
    return {};
  }
  Reply reply{.status = 0, .body = answer.substr(end + 4), .head = answer.substr(0, end)};
  const auto length = content_length(std::string_view(answer).substr(0, end));
  if (length && *length != reply.body.size()) {
    return {};
  }
  std::from_chars(answer.data() + 9, answer.data() + 12, reply.status);
  return reply;
}

}  // namespace syncd::test::e2e
