#include "tests/e2e/process.hpp"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <fstream>
#include <iterator>
#include <spawn.h>
#include <sys/wait.h>
#include <system_error>
#include <thread>
#include <unistd.h>
#include <utility>

namespace syncd::test::e2e {
namespace {

constexpr std::chrono::milliseconds between_looks{5};
constexpr std::size_t tail_bytes = 6'000;

std::string reason_of(int error_number) {
  return std::generic_category().message(error_number);
}

}  // namespace

// Not under the build tree: the path of a unix socket is limited to 107 bytes.
ScratchDir::ScratchDir() : ScratchDir(std::filesystem::temp_directory_path()) {
}

ScratchDir::ScratchDir(const std::filesystem::path& above) {
  std::string name = (above / "syncd-e2e-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) {
    throw Failed("no scratch directory: " + reason_of(errno));
  }
  path_ = name;
}

ScratchDir::~ScratchDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::filesystem::path fast_scratch_directory() {
  const std::filesystem::path memory = "/dev/shm";
  std::error_code error;
  const std::filesystem::space_info space = std::filesystem::space(memory, error);
  constexpr std::uintmax_t room = 512 << 20;
  const bool usable = !error && space.available >= room && ::access(memory.c_str(), W_OK | X_OK) == 0;
  return usable ? memory : std::filesystem::temp_directory_path();
}

Process::Process(const std::vector<std::string>& command, std::filesystem::path log) : log_(std::move(log)) {
  std::vector<std::string> words = command;
  std::vector<char*> arguments;
  for (std::string& word : words) {
    arguments.push_back(word.data());
  }
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, log_.c_str(), O_WRONLY | O_CREAT | O_APPEND,
                                   0600);
  posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
  const int failed = ::posix_spawnp(&id_, arguments.front(), &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) {
    throw Failed(command.front() + " does not start: " + reason_of(failed));
  }
}

Process::~Process() {
  if (running()) {
    kill_now();
  }
}

bool Process::running() {
  if (ended_) {
    return false;
  }
  int status = 0;
  if (::waitpid(id_, &status, WNOHANG) != id_) {
    return true;
  }
  ended_ = WIFEXITED(status) ? Ended{WEXITSTATUS(status), 0} : Ended{std::nullopt, WTERMSIG(status)};
  return false;
}

void Process::send(int signal) {
  if (!ended_) {
    ::kill(id_, signal);
  }
}

void Process::kill_now() {
  send(SIGKILL);
  wait(std::chrono::seconds{60});
}

Ended Process::wait(std::chrono::milliseconds limit) {
  wait_until(
      "the end of process " + std::to_string(id_), [this] { return !running(); },
      [this] { return log_tail(); }, limit);
  return *ended_;
}

std::string Process::log() const {
  std::ifstream file(log_, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string Process::log_tail() const {
  const std::string text = log();
  return text.size() <= tail_bytes ? text : "..." + text.substr(text.size() - tail_bytes);
}

Result run_to_end(const std::vector<std::string>& command, const std::filesystem::path& log,
                  std::chrono::milliseconds limit) {
  Process process(command, log);
  const Ended ended = process.wait(limit);
  return {ended.code.value_or(-1), process.log()};
}

void wait_until(std::string_view what, const std::function<bool()>& condition,
                const std::function<std::string()>& evidence, std::chrono::milliseconds limit) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) {
      throw Failed("waited in vain for " + std::string(what) + "; the last that was seen:\n" + evidence());
    }
    // tidy: allow sleep: the pause between two looks at another process, which nothing announces
    std::this_thread::sleep_for(between_looks);
  }
}

void write_private(const std::filesystem::path& path, std::string_view text) {
  std::filesystem::remove(path);
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file < 0) {
    throw Failed("cannot write " + path.string() + ": " + reason_of(errno));
  }
  ::close(file);
  std::ofstream(path, std::ios::binary) << text;
}

}  // namespace syncd::test::e2e
