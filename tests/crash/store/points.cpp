#include "tests/crash/store/points.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fcntl.h>
#include <new>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>
#include <gtest/gtest.h>

// Of an instrumented build; otherwise null.
extern "C" [[gnu::weak]] int __llvm_profile_write_file();       // NOLINT(bugprone-reserved-identifier)
extern "C" [[gnu::weak]] void __llvm_profile_reset_counters();  // NOLINT(bugprone-reserved-identifier)

namespace syncd::test {
namespace {

constexpr int bad_points_max = 10;
constexpr std::size_t progress_every = 2000;

template <class T>
T* shared(std::size_t count) {
  void* memory =
      ::mmap(nullptr, sizeof(T) * count, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  return new (memory) T[count]{};
}

void say(int to, std::string_view text) {
  while (!text.empty()) {
    const auto written = ::write(to, text.data(), text.size());
    if (written <= 0) std::_Exit(3);
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

// What a child writes to its standard error: pages that both see.
class LastWords {
 public:
  LastWords() : file_(::memfd_create("last words", MFD_CLOEXEC)) {
    if (file_ < 0) throw std::bad_alloc();
  }
  ~LastWords() { ::close(file_); }
  LastWords(const LastWords&) = delete;
  LastWords& operator=(const LastWords&) = delete;
  void take_over_standard_error() const { ::dup2(file_, STDERR_FILENO); }
  std::string text() const {
    char buffer[4096];
    const auto end = ::lseek(file_, 0, SEEK_END);
    const auto from = std::max<::off_t>(0, end - static_cast<::off_t>(sizeof buffer));
    const auto got = ::pread(file_, buffer, sizeof buffer, from);
    return {buffer, got > 0 ? static_cast<std::size_t>(got) : 0};
  }

 private:
  int file_;
};

struct ChildEnd {
  std::string said;
  std::string last_words;
  int status = 0;
  bool good() const { return WIFEXITED(status) && WEXITSTATUS(status) == 0; }
  // By an assertion of RocksDB, whose sources end in .cc; one of ours is a defect like any other.
  bool aborted_by_database() const {
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT &&
           last_words.find(".cc:") != std::string::npos && last_words.find("Assertion") != std::string::npos;
  }
};

// A child ends without what a process does at its end; what it reached counts all the same, once.
[[noreturn]] void end_child(int code) {
  if (__llvm_profile_write_file != nullptr) __llvm_profile_write_file();
  std::_Exit(code);
}

// `quiet`: what a failed assertion says is kept in the answer instead of being shown.
ChildEnd in_child(bool quiet, const std::function<void(int)>& work) {
  int pipe[2];
  if (::pipe2(pipe, O_CLOEXEC) != 0) throw std::bad_alloc();
  const LastWords last_words;
  std::fflush(nullptr);
  const auto pid = ::fork();
  if (pid < 0) throw std::bad_alloc();
  if (pid == 0) {
    if (__llvm_profile_reset_counters != nullptr) __llvm_profile_reset_counters();
    const rlimit none{.rlim_cur = 0, .rlim_max = 0};
    ::setrlimit(RLIMIT_CORE, &none);
    if (quiet) last_words.take_over_standard_error();
    try {
      work(pipe[1]);
    } catch (const std::exception& error) {
      say(pipe[1], fmt::format("exception: {}\n", error.what()));
      end_child(2);
    }
    end_child(0);
  }
  ::close(pipe[1]);
  ChildEnd end;
  char buffer[4096];
  for (;;) {
    const auto got = ::read(pipe[0], buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    end.said.append(buffer, static_cast<std::size_t>(got));
  }
  ::close(pipe[0]);
  ::waitpid(pid, &end.status, 0);
  end.last_words = last_words.text();
  return end;
}

struct Shared {
  std::atomic<std::size_t> at;
  std::atomic<bool> checking;  // in check(), whose aborts another process may look at
  std::atomic<int> bad;
};

class Run {
 public:
  explicit Run(const PointWork& work) : work_(work), shared_(shared<Shared>(1)) {}
  ~Run() { ::munmap(shared_, sizeof(Shared)); }
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  std::size_t all() {
    bool after_abort = false;
    while (shared_->at < work_.count && shared_->bad < bad_points_max) {
      const auto end = in_child(work_.after_abort != nullptr, [&](int out) { child(out, after_abort); });
      if (!end.said.empty()) ADD_FAILURE() << end.said;
      if (end.good()) break;
      const auto at = shared_->at.load();
      if (end.aborted_by_database() && work_.after_abort && shared_->checking) {
        shared_->checking = false;
        after_abort = true;
        continue;
      }
      ++shared_->bad;
      ADD_FAILURE() << headline(at) << "the process ended with status " << end.status << ": "
                    << end.last_words;
      shared_->checking = false;
      after_abort = false;
      shared_->at = at + 1;
    }
    return std::min(shared_->at.load(), work_.count);
  }

 private:
  std::string headline(std::size_t at) const {
    const auto name = work_.name(at);
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    return fmt::format("{} {}\n  again: SYNCD_CRASH_POINT={} crash_disk --gtest_filter={}.{}\n  ",
                       work_.label, name, name, test->test_suite_name(), test->name());
  }
  void report(int out, std::size_t at, const Violations& violations) {
    if (violations.empty()) return;
    ++shared_->bad;
    auto text = headline(at);
    for (const auto& one : violations)
      text += one + "\n  ";
    say(out, text + "\n");
  }
  void child(int out, bool after_abort) {
    const auto wanted = wanted_point();
    if (after_abort) {
      report(out, shared_->at, work_.after_abort(shared_->at));
      ++shared_->at;
    }
    for (; shared_->at < work_.count && shared_->bad < bad_points_max; ++shared_->at) {
      const std::size_t at = shared_->at;
      if (wanted && *wanted != work_.name(at)) continue;
      if (at > 0 && at % progress_every == 0)
        std::fprintf(stdout, "%s: %zu of %zu points\n", work_.label.c_str(), at, work_.count);
      shared_->checking = true;
      const auto violations = work_.check(at);
      shared_->checking = false;
      report(out, at, violations);
    }
    std::fflush(stdout);
  }

  const PointWork& work_;
  Shared* shared_;
};

}  // namespace

SharedTally::SharedTally() : counters_(shared<std::atomic<std::uint64_t>>(count)) {
}

SharedTally::~SharedTally() {
  ::munmap(counters_, sizeof(*counters_) * count);
}

std::size_t try_points(const PointWork& work) {
  const auto tried = Run(work).all();
  std::printf("%s: %zu points\n", work.label.c_str(), tried);
  return tried;
}

bool run_in_child(const std::function<std::string()>& work) {
  const auto end = in_child(false, [&work](int out) { say(out, work()); });
  if (!end.said.empty()) ADD_FAILURE() << end.said;
  if (!end.good()) ADD_FAILURE() << "the process ended with status " << end.status;
  return end.said.empty() && end.good();
}

std::uint64_t environment_number(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr || *text == '\0' ? otherwise : std::strtoull(text, nullptr, 10);
}

std::optional<std::string> wanted_point() {
  const char* text = std::getenv("SYNCD_CRASH_POINT");
  if (text == nullptr || *text == '\0') return std::nullopt;
  return text;
}

std::vector<std::uint64_t> seeds_of_run(std::uint64_t first) {
  if (const auto point = wanted_point()) return {std::strtoull(point->c_str(), nullptr, 10)};
  const auto begin = environment_number("SYNCD_CRASH_SEED", first);
  std::vector<std::uint64_t> seeds;
  for (std::uint64_t i = 0; i < environment_number("SYNCD_CRASH_SEEDS", 1); ++i)
    seeds.push_back(begin + i);
  return seeds;
}

}  // namespace syncd::test
