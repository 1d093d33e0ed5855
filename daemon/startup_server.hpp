#pragma once

#include <memory>
#include <vector>

#include "daemon/admin/http_server.hpp"
#include "daemon/admin/socket_listener.hpp"

namespace syncd::daemon {

// Answers for the daemon while it starts: opening a large store, or recovering one after a crash, blocks the
// io thread for a while, and who asks meanwhile should hear that and not wait. Everything is 503.
//
// It has a thread of its own, which shares nothing with the rest of the process. It must be gone before the
// real servers accept on the same sockets; the destructor sees to that.
class StartupServer {
 public:
  // A socket to answer on and the rules of its server. The listener is not taken over.
  struct Place {
    const Listener* listener;
    ServerOptions options;
  };
  explicit StartupServer(std::vector<Place> places);
  ~StartupServer();
  StartupServer(const StartupServer&) = delete;
  StartupServer& operator=(const StartupServer&) = delete;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace syncd::daemon
