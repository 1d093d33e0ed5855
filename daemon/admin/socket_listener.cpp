#include "daemon/admin/socket_listener.hpp"

#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <grp.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <system_error>
#include <unistd.h>

#include <fmt/format.h>
#include <systemd/sd-daemon.h>

namespace syncd::daemon {

namespace {

constexpr int backlog = 128;

std::string reason_of(int error_number) {
  return std::generic_category().message(error_number);
}

std::unexpected<core::Error> refuse(std::string message) {
  return core::fail(core::Errc::invalid, std::move(message));
}

sockaddr_un unix_address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), std::min(path.size(), sizeof(address.sun_path) - 1));
  return address;
}

bool somebody_answers(const std::string& path) {
  const int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (probe < 0) return true;
  const sockaddr_un address = unix_address(path);
  const int rc = connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  // A full backlog (EAGAIN) is an answer too.
  const bool answers = rc == 0 || errno != ECONNREFUSED;
  close(probe);
  return answers;
}

// Makes room for a socket at `path`.
core::Result<void> clear_stale(const std::string& path) {
  struct stat status{};
  if (lstat(path.c_str(), &status) != 0) {
    if (errno == ENOENT) return {};
    return refuse(
        fmt::format("admin socket {}: {}; check the directory and its permissions", path, reason_of(errno)));
  }
  if (!S_ISSOCK(status.st_mode)) {
    return refuse(fmt::format(
        "admin socket {}: there is a file that is no socket; remove it or set admin.socket", path));
  }
  if (somebody_answers(path)) {
    return refuse(
        fmt::format("admin socket {}: another process answers on it; stop it or set admin.socket", path));
  }
  if (unlink(path.c_str()) != 0 && errno != ENOENT) {
    return refuse(
        fmt::format("admin socket {}: the stale file cannot be removed: {}", path, reason_of(errno)));
  }
  return {};
}

// Gives the socket to the group; the warning is for people.
std::string give_to_group(const std::string& path, const std::string& group) {
  if (group.empty()) return {};
  std::array<char, 16384> buffer{};
  struct group entry{};
  struct group* found = nullptr;
  if (getgrnam_r(group.c_str(), &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr) {
    return fmt::format("group {} does not exist: only the daemon's own user and group can use {}", group,
                       path);
  }
  if (chown(path.c_str(), static_cast<uid_t>(-1), found->gr_gid) != 0) {
    return fmt::format("{} cannot be given to group {}: {}; add the daemon's user to the group", path, group,
                       reason_of(errno));
  }
  return {};
}

// Only the last directory: a path whose upper part is missing is more likely mistyped. A new one belongs to
// the group too, which could not reach the socket otherwise.
core::Result<void> make_directory(const std::string& socket_path, const std::string& group) {
  const std::string directory = std::filesystem::path(socket_path).parent_path().string();
  const bool made = mkdir(directory.c_str(), 0700) == 0;
  if (!made && errno == EEXIST) return {};
  if (!made || chmod(directory.c_str(), 0750) != 0) {
    return refuse(
        fmt::format("admin socket {}: its directory cannot be made: {}; make it for the daemon's user",
                    socket_path, reason_of(errno)));
  }
  give_to_group(directory, group);  // the socket's own warning says the same
  return {};
}

std::string bound_name(int descriptor) {
  sockaddr_storage storage{};
  socklen_t size = sizeof(storage);
  if (getsockname(descriptor, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return "?";
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (storage.ss_family == AF_INET) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(&storage);
    inet_ntop(AF_INET, &v4->sin_addr, text.data(), text.size());
    return fmt::format("{}:{}", text.data(), ntohs(v4->sin_port));
  }
  const auto* v6 = reinterpret_cast<const sockaddr_in6*>(&storage);
  inet_ntop(AF_INET6, &v6->sin6_addr, text.data(), text.size());
  return fmt::format("[{}]:{}", text.data(), ntohs(v6->sin6_port));
}

// The group of the file that a unix socket is bound to; nullopt: it has no file.
std::optional<gid_t> group_of_file(int descriptor) {
  sockaddr_un address{};
  socklen_t size = sizeof(address);
  struct stat status{};
  if (getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &size) != 0) return std::nullopt;
  const std::string path(address.sun_path, strnlen(address.sun_path, sizeof(address.sun_path)));
  if (path.empty() || stat(path.c_str(), &status) != 0) return std::nullopt;
  return status.st_gid;
}

socklen_t ip_address(const ListenAddress& listen, sockaddr_storage& storage) {
  if (listen.address.find(':') == std::string::npos) {
    auto* v4 = reinterpret_cast<sockaddr_in*>(&storage);
    v4->sin_family = AF_INET;
    v4->sin_port = htons(listen.port);
    inet_pton(AF_INET, listen.address.c_str(), &v4->sin_addr);
    return sizeof(sockaddr_in);
  }
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&storage);
  v6->sin6_family = AF_INET6;
  v6->sin6_port = htons(listen.port);
  inet_pton(AF_INET6, listen.address.c_str(), &v6->sin6_addr);
  return sizeof(sockaddr_in6);
}

}  // namespace

Listener::~Listener() {
  if (descriptor_ >= 0) close(descriptor_);
  struct stat status{};
  if (file_.empty() || lstat(file_.c_str(), &status) != 0) return;
  if (std::pair{status.st_dev, status.st_ino} == file_identity_) unlink(file_.c_str());
}

void Listener::swap(Listener& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  std::swap(unix_, other.unix_);
  std::swap(group_, other.group_);
  std::swap(name_, other.name_);
  std::swap(warning_, other.warning_);
  std::swap(file_, other.file_);
  std::swap(file_identity_, other.file_identity_);
}

core::Result<Listener> Listener::duplicate() const {
  Listener copy;
  copy.descriptor_ = fcntl(descriptor_, F_DUPFD_CLOEXEC, 3);
  if (copy.descriptor_ < 0) return refuse(fmt::format("{}: {}", name_, reason_of(errno)));
  copy.unix_ = unix_;
  copy.group_ = group_;
  copy.name_ = name_;
  return copy;
}

core::Result<Listener> listen_unix(const std::string& path, const std::string& group) {
  if (auto made = make_directory(path, group); !made) return std::unexpected(made.error());
  if (auto cleared = clear_stale(path); !cleared) return std::unexpected(cleared.error());
  Listener listener;
  listener.unix_ = true;
  listener.name_ = path;
  listener.descriptor_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (listener.descriptor_ < 0) return refuse(fmt::format("admin socket {}: {}", path, reason_of(errno)));
  const sockaddr_un address = unix_address(path);
  // Nobody but us between bind and chmod.
  const mode_t before = umask(0177);
  const int bound = bind(listener.descriptor_, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  const int bind_error = errno;
  umask(before);
  if (bound != 0) {
    return refuse(
        fmt::format("admin socket {}: {}; the directory must exist and be writable for the daemon's user",
                    path, reason_of(bind_error)));
  }
  struct stat status{};
  if (lstat(path.c_str(), &status) == 0) {
    listener.file_ = path;
    listener.file_identity_ = {status.st_dev, status.st_ino};
  }
  listener.warning_ = give_to_group(path, group);
  if (chmod(path.c_str(), 0660) != 0 || listen(listener.descriptor_, backlog) != 0) {
    return refuse(fmt::format("admin socket {}: {}", path, reason_of(errno)));
  }
  if (stat(path.c_str(), &status) == 0) listener.group_ = status.st_gid;
  return listener;
}

core::Result<Listener> listen_tcp(const ListenAddress& address) {
  sockaddr_storage storage{};
  const socklen_t size = ip_address(address, storage);
  Listener listener;
  listener.descriptor_ = socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const std::string wanted = fmt::format("{} port {}", address.address, address.port);
  if (listener.descriptor_ < 0) return refuse(fmt::format("listen on {}: {}", wanted, reason_of(errno)));
  const int one = 1;
  setsockopt(listener.descriptor_, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
  if (bind(listener.descriptor_, reinterpret_cast<const sockaddr*>(&storage), size) != 0 ||
      listen(listener.descriptor_, backlog) != 0) {
    return refuse(fmt::format("listen on {}: {}; stop what uses it or choose another address", wanted,
                              reason_of(errno)));
  }
  listener.name_ = bound_name(listener.descriptor_);
  return listener;
}

core::Result<std::vector<Listener>> inherited_listeners() {
  std::vector<Listener> listeners;
  const int count = sd_listen_fds(1);
  if (count < 0) return refuse("the sockets from systemd cannot be taken over: " + reason_of(-count));
  for (int at = 0; at < count; ++at) {
    Listener listener;
    listener.descriptor_ = SD_LISTEN_FDS_START + at;
    listener.unix_ = true;
    listener.name_ = "systemd";
    if (sd_is_socket(listener.descriptor_, AF_UNIX, SOCK_STREAM, 1) <= 0) {
      return refuse(
          "systemd handed over a socket that is not a listening unix stream socket; use ListenStream= with a "
          "path in the socket unit");
    }
    const std::optional<gid_t> group = group_of_file(listener.descriptor_);
    if (!group) {
      return refuse(
          "the file of the socket that systemd handed over cannot be seen: who may use it is decided by its "
          "group; use ListenStream= with a path in the socket unit");
    }
    listener.group_ = *group;
    listeners.push_back(std::move(listener));
  }
  return listeners;
}

}  // namespace syncd::daemon
