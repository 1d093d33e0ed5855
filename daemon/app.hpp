#pragma once

#include <memory>
#include <string>

#include "daemon/config.hpp"

namespace syncd::daemon {

// The daemon: puts all parts together, runs until a signal or a failure of the store, takes them apart again.
class App {
 public:
  // `config_path` is read again on SIGHUP.
  App(LoadedConfig loaded, std::string config_path);
  ~App();

  // Returns an exit code; everything worth knowing was logged.
  int run();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// No core dumps, no debugger of the same user, no SIGPIPE: first thing in every program that holds the
// secret.
void harden_process();

}  // namespace syncd::daemon
