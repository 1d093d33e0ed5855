#include "tests/crash/daemon/loop_disk.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <system_error>
#include <unistd.h>
#include <utility>
#include <vector>

#include "tests/e2e/process.hpp"

namespace syncd::test::crash {
namespace {

constexpr std::chrono::seconds limit{60};
constexpr const char* ballast_name = "ballast";

std::string reason_of(int error) {
  return std::generic_category().message(error);
}

void run(const std::vector<std::string>& command, const std::filesystem::path& log) {
  e2e::Process process(command, log);
  if (process.wait(limit).code != 0) {
    throw e2e::Failed(command.front() + " failed:\n" + process.log_tail());
  }
}

}  // namespace

std::string enter_private_mounts() {
  if (::geteuid() != 0) {
    return "only root can mount a file";
  }
  if (::access("/dev/loop-control", R_OK | W_OK) != 0) {
    return "there are no loop devices";
  }
  if (::access("/usr/sbin/mkfs.ext4", X_OK) != 0) {
    return "mkfs.ext4 is not installed";
  }
  if (::unshare(CLONE_NEWNS) != 0) {
    return "no mount points of its own: " + reason_of(errno);
  }
  if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
    return "mount points cannot be made private: " + reason_of(errno);
  }
  return {};
}

LoopDisk::LoopDisk(const std::filesystem::path& image, std::filesystem::path place, std::uint64_t bytes)
    : place_(std::move(place)) {
  const int file = ::open(image.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  const bool made = file >= 0 && ::ftruncate(file, static_cast<off_t>(bytes)) == 0;
  ::close(file);
  if (!made) {
    throw e2e::Failed("cannot make " + image.string() + ": " + reason_of(errno));
  }
  const std::filesystem::path log = image.string() + ".log";
  run({"/usr/sbin/mkfs.ext4", "-q", "-F", "-b", "1024", "-m", "0", image}, log);
  std::filesystem::create_directories(place_);
  run({"mount", "-o", "loop", image, place_}, log);
  std::filesystem::remove(place_ / "lost+found");
  std::filesystem::permissions(place_, std::filesystem::perms::owner_all);
}

LoopDisk::~LoopDisk() {
  ::umount2(place_.c_str(), MNT_DETACH);
}

std::uint64_t LoopDisk::free_bytes() const {
  return std::filesystem::space(place_).available;
}

void LoopDisk::leave_free(std::uint64_t bytes) const {
  const std::uint64_t free = free_bytes();
  const std::uint64_t taken = free - std::min(free, bytes);
  const int file = ::open((place_ / ballast_name).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  const int failed = file < 0 ? errno : ::posix_fallocate(file, 0, static_cast<off_t>(taken));
  ::close(file);
  if (failed != 0) {
    throw e2e::Failed("the disk cannot be filled: " + reason_of(failed));
  }
}

void LoopDisk::free_again() const {
  std::filesystem::remove(place_ / ballast_name);
}

}  // namespace syncd::test::crash
