#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "daemon/admin/http_server.hpp"
#include "daemon/admin/socket_listener.hpp"

namespace syncd::daemon {

// Answers for the daemon while it starts: opening a large store, or recovering one after a crash, blocks the
// io thread for a while, and who asks meanwhile should hear that and not wait. Everything is 503, but for the
// metrics while the start is held up by something that an operator must mend.
//
// It has a thread of its own, which shares nothing with the rest of the process. It must be gone before the
// real servers accept on the same sockets; the destructor sees to that.
class StartupServer {
 public:
  // A socket to answer on and the rules of its server. The listener is not taken over. Only where it is said
  // are the metrics shown, to whoever asks: nobody can prove yet who he is.
  struct Place {
    const Listener* listener;
    ServerOptions options;
    bool shows_metrics = false;
  };
  // `exposition` makes the text of the metrics; called on the server's thread.
  StartupServer(std::vector<Place> places, std::function<std::string()> exposition);
  ~StartupServer();
  StartupServer(const StartupServer&) = delete;
  StartupServer& operator=(const StartupServer&) = delete;

  // Why the start does not go on, for whoever asks; empty: it goes on.
  void set_trouble(std::string trouble);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace syncd::daemon
