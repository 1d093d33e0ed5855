#include "daemon/log_salt.hpp"

#include <cerrno>
#include <fcntl.h>
#include <sys/random.h>
#include <system_error>
#include <unistd.h>

#include <fmt/format.h>

namespace syncd::daemon {

namespace {

constexpr std::size_t salt_bytes = 16;

std::unexpected<core::Error> refuse(const std::string& path, int error_number) {
  return core::fail(core::Errc::storage,
                    fmt::format("{}: {}", path, std::generic_category().message(error_number)));
}

core::Result<std::string> make_salt(const std::string& path) {
  std::string salt(salt_bytes, '\0');
  if (getrandom(salt.data(), salt.size(), 0) != static_cast<ssize_t>(salt.size())) return refuse(path, errno);
  const std::string fresh = path + ".new";
  unlink(fresh.c_str());
  const int file = open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (file < 0) return refuse(path, errno);
  const bool written =
      write(file, salt.data(), salt.size()) == static_cast<ssize_t>(salt.size()) && fsync(file) == 0;
  const int error_number = errno;
  close(file);
  if (!written || rename(fresh.c_str(), path.c_str()) != 0)
    return refuse(path, written ? errno : error_number);
  return salt;
}

}  // namespace

core::Result<std::string> load_log_salt(const std::string& directory) {
  const std::string path = directory + "/log-salt";
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (file < 0 && errno == ENOENT) return make_salt(path);
  if (file < 0) return refuse(path, errno);
  std::string salt(salt_bytes, '\0');
  const ssize_t bytes = read(file, salt.data(), salt.size());
  const int error_number = errno;
  close(file);
  if (bytes < 0) return refuse(path, error_number);
  // A crash cannot leave a part of it behind; whatever did, a new one costs only the old names.
  return bytes == static_cast<ssize_t>(salt_bytes) ? core::Result<std::string>(std::move(salt))
                                                   : make_salt(path);
}

}  // namespace syncd::daemon
