#include "sync/api/secret.hpp"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

#include <fmt/format.h>

namespace syncd::api {

namespace {

class File {
 public:
  explicit File(int descriptor) : descriptor_(descriptor) {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  int get() const { return descriptor_; }

 private:
  int descriptor_;
};

std::unexpected<core::Error> refuse(const std::filesystem::path& path, std::string_view cause) {
  return core::fail(core::Errc::invalid, fmt::format("secret file {}: {}", path.string(), cause));
}

std::string reason_of(int error_number) {
  return std::generic_category().message(error_number);
}

bool lies_in(const std::filesystem::path& path, const std::filesystem::path& directory) {
  if (directory.empty()) return false;
  std::error_code ignored;
  const auto real = std::filesystem::weakly_canonical(path, ignored);
  const auto home = std::filesystem::weakly_canonical(directory, ignored);
  return !home.empty() && real.parent_path() == home;
}

bool is_header_text(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; });
}

}  // namespace

core::Result<Secret> load_private_file(const std::filesystem::path& path,
                                       const std::filesystem::path& credentials_directory,
                                       std::size_t bytes_max) {
  // O_NONBLOCK: opening a named pipe must not hang before its type is known.
  const File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) {
    const bool missing = errno == ENOENT;
    return refuse(path,
                  reason_of(errno) + (missing ? "; create it, owned by the service's user, with mode 0400"
                                              : "; give it to the service's user, with mode 0400"));
  }
  struct stat status = {};
  if (::fstat(file.get(), &status) != 0) return refuse(path, reason_of(errno));
  if (!S_ISREG(status.st_mode))
    return refuse(path, "not a regular file; name the file that holds the secret");
  const unsigned mode = status.st_mode & 07777U;
  if (mode != 0400 && mode != 0600 && !lies_in(path, credentials_directory)) {
    return refuse(path, fmt::format("mode is {:04o}, others may read or change it; run: chmod 0400 {}", mode,
                                    path.string()));
  }
  std::string buffer(bytes_max + 1, '\0');
  std::size_t size = 0;
  while (size < buffer.size()) {
    const ssize_t got = ::read(file.get(), buffer.data() + size, buffer.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      const int error_number = errno;
      wipe(buffer);
      return refuse(path, reason_of(error_number));
    }
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  if (size == 0) return refuse(path, "empty; write the secret into it");
  if (size > bytes_max) {
    wipe(buffer);
    return refuse(path, fmt::format("longer than {} bytes; it must hold the secret alone", bytes_max));
  }
  buffer.resize(size);
  return Secret(std::move(buffer));
}

core::Result<Secret> load_secret_file(const std::filesystem::path& path,
                                      const std::filesystem::path& credentials_directory) {
  auto whole = load_private_file(path, credentials_directory, secret_bytes_max + 2);
  if (!whole) return whole;
  std::string_view text = whole->reveal();
  if (text.ends_with('\n')) text.remove_suffix(1);
  if (text.ends_with('\r')) text.remove_suffix(1);
  if (text.empty()) return refuse(path, "empty; write the secret into it");
  if (text.size() > secret_bytes_max)
    return refuse(path, fmt::format("longer than {} bytes; it must hold the secret alone", secret_bytes_max));
  if (!is_header_text(text)) {
    return refuse(path,
                  "holds spaces, line breaks or characters beyond ASCII; it must hold the secret alone");
  }
  return Secret(std::string(text));
}

}  // namespace syncd::api
