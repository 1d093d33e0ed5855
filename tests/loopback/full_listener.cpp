#include "tests/loopback/full_listener.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdexcept>
#include <sys/socket.h>
#include <unistd.h>

namespace syncd::test {

FullListener::FullListener() {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockets_.push_back(listener);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): the sockets interface
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  if (::bind(listener, generic, size) != 0 || ::listen(listener, 0) != 0 ||
      ::getsockname(listener, generic, &size) != 0) {
    throw std::runtime_error("no listener");
  }
  port_ = ntohs(address.sin_port);
  // Fill the queue: as long as the handshake completes, there was room.
  for (int i = 0; i < 16; ++i) {
    const int client = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    sockets_.push_back(client);
    ::connect(client, generic, size);
    pollfd wait{.fd = client, .events = POLLOUT, .revents = 0};
    if (::poll(&wait, 1, 200) == 0) return;
  }
  throw std::runtime_error("the listener's queue does not fill");
}

FullListener::~FullListener() {
  for (const int socket : sockets_)
    ::close(socket);
}

}  // namespace syncd::test
