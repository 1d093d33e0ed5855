#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <sys/types.h>
#include <utility>
#include <vector>

#include "daemon/address.hpp"
#include "sync/core/result.hpp"

namespace syncd::daemon {

// A socket that listens. Owns the descriptor until release(); a unix socket's file is removed at the end if
// it is still the one that was made here.
class Listener {
 public:
  Listener() = default;
  Listener(Listener&& other) noexcept { swap(other); }
  Listener& operator=(Listener&& other) noexcept {
    Listener taken(std::move(other));
    swap(taken);
    return *this;
  }
  ~Listener();

  int descriptor() const { return descriptor_; }
  // The new owner closes it; the socket's file is still ours to remove.
  int release() { return std::exchange(descriptor_, -1); }
  bool is_unix() const { return unix_; }
  // Of a unix socket: the group that its file belongs to.
  gid_t group() const { return group_; }
  // Another descriptor of the same socket; the file stays with this one. Errc::invalid without descriptors.
  core::Result<Listener> duplicate() const;
  // `127.0.0.1:9464`, `/run/x.sock`, or `systemd` for a socket that was handed over.
  const std::string& name() const { return name_; }
  // For people; empty: nothing to say. Not fatal, for instance a group that does not exist.
  const std::string& warning() const { return warning_; }

 private:
  friend core::Result<Listener> listen_unix(const std::string& path, const std::string& group);
  friend core::Result<Listener> listen_tcp(const ListenAddress& address);
  friend core::Result<std::vector<Listener>> inherited_listeners();
  void swap(Listener& other) noexcept;

  int descriptor_ = -1;
  bool unix_ = false;
  gid_t group_ = 0;
  std::string name_;
  std::string warning_;
  std::string file_;  // to remove; empty: none
  std::pair<dev_t, ino_t> file_identity_{};
};

// Mode 0660, owned by `group` where that exists. Makes the directory, with mode 0750, if only that one is
// missing. The file of a socket that nobody answers on is replaced; one
// that somebody answers on, or that is no socket, is refused. Errc::invalid with cause and next step.
core::Result<Listener> listen_unix(const std::string& path, const std::string& group);
core::Result<Listener> listen_tcp(const ListenAddress& address);
// Sockets that systemd opened for us (sd_listen_fds(3)); unix stream sockets only.
core::Result<std::vector<Listener>> inherited_listeners();

}  // namespace syncd::daemon
