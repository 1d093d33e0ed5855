#pragma once

#include <chrono>
#include <csignal>
#include <filesystem>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

namespace syncd::test::e2e {

/// What ends a test: a condition that never came true, or a program that did not behave. The text holds the
/// last lines of the program's log.
struct Failed : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// A directory of its own below the system's scratch directory, removed with its content at the end.
class ScratchDir {
 public:
  ScratchDir();
  explicit ScratchDir(const std::filesystem::path& above);
  ~ScratchDir();
  ScratchDir(const ScratchDir&) = delete;
  ScratchDir& operator=(const ScratchDir&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// Where files live in memory, if this machine has such a place with room for a store; else the usual scratch
/// directory. A process that is killed leaves the same there as on a disk.
std::filesystem::path fast_scratch_directory();

/// How a program ended: its exit code, or the signal that ended it.
struct Ended {
  std::optional<int> code;
  int signal = 0;
};

/// One child process whose standard output and error go to the end of a file. The destructor kills it if it
/// still runs, by its id, and waits for it.
class Process {
 public:
  Process(const std::vector<std::string>& command, std::filesystem::path log);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  [[nodiscard]] pid_t id() const { return id_; }
  [[nodiscard]] bool running();
  void send(int signal);
  /// Ends it at once and waits.
  void kill_now();
  /// Waits until it ended; throws Failed with the log's tail when it has not after `limit`.
  Ended wait(std::chrono::milliseconds limit);

  [[nodiscard]] std::string log() const;
  [[nodiscard]] std::string log_tail() const;

 private:
  std::filesystem::path log_;
  pid_t id_ = -1;
  std::optional<Ended> ended_;
};

/// What a program that was waited for said, and its exit code; -1: a signal ended it.
struct Result {
  int code = -1;
  std::string output;
};

/// Runs a program to its end; throws Failed when it has none within `limit`. `log` takes its output and
/// stays.
Result run_to_end(const std::vector<std::string>& command, const std::filesystem::path& log,
                  std::chrono::milliseconds limit);

/// Asks until `condition` holds; throws Failed naming `what`, with the text of `evidence`, after `limit`.
/// The limit is a safety net against hanging, nobody measures with it.
void wait_until(std::string_view what, const std::function<bool()>& condition,
                const std::function<std::string()>& evidence,
                std::chrono::milliseconds limit = std::chrono::seconds{60});

/// Writes the file anew with mode 0600.
void write_private(const std::filesystem::path& path, std::string_view text);

}  // namespace syncd::test::e2e
