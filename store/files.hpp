#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "sync/core/result.hpp"

namespace syncd::store {

class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~UniqueFd();
  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

// Small files beside the database. Errors are Errc::storage and name the file and the cause.

// nullopt: no such file. Files larger than `bytes_max` are cut to bytes_max + 1 bytes.
core::Result<std::optional<std::string>> read_small_file(const std::string& path, std::size_t bytes_max);
// Replaces directory/name: after an answer without error the new content survives a power cut, and at no
// moment is anything but the old or the new content there.
core::Result<void> write_durably(const std::string& directory, const std::string& name,
                                 std::string_view content);
// Nothing happens when it does not exist.
core::Result<void> remove_durably(const std::string& directory, const std::string& name);

// Makes `path` a directory that this process can use, mode 0700 when it had to be created. Refuses with what
// to do.
core::Result<void> prepare_directory(const std::string& path);
// Refuses below `bytes_min` free bytes for unprivileged users on the file system of `path`.
core::Result<void> require_free_space(const std::string& path, std::uint64_t bytes_min);
std::optional<std::uint64_t> free_bytes(const std::string& path);

// The exclusive lock on a store, held until the descriptor closes, also by a crash.
core::Result<UniqueFd> lock_store(const std::string& path);
core::Error store_in_use(const std::string& path);

}  // namespace syncd::store
