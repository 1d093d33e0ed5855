#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace syncd::test::crash {

/// Moves this process, and what it starts from now on, into mount points of its own: whatever is mounted goes
/// with the last of them, however they end. Empty, or why this machine does not allow it or cannot mount
/// files.
std::string enter_private_mounts();

/// A small ext4 in a file, mounted at `place`, which is made. The destructor unmounts it.
class LoopDisk {
 public:
  LoopDisk(const std::filesystem::path& image, std::filesystem::path place, std::uint64_t bytes);
  ~LoopDisk();
  LoopDisk(const LoopDisk&) = delete;
  LoopDisk& operator=(const LoopDisk&) = delete;

  /// Takes all space but so much.
  void leave_free(std::uint64_t bytes) const;
  /// Gives it back.
  void free_again() const;
  [[nodiscard]] std::uint64_t free_bytes() const;

 private:
  std::filesystem::path place_;
};

}  // namespace syncd::test::crash
