#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

// Runs a program and lets its N-th system call of a kind be its last, or fail.
//
//   syscall_fault CALLS N [ERRNO [TIMES]] COUNTS -- PROGRAM ARGUMENT...
//
// CALLS: names separated by commas, or "all"; with "store:" in front only calls on a descriptor of a file
// below a directory of that name, with "log:" only those on standard error. N: 1 is the first; 0 only counts.
// ERRNO: a number; without it the program is killed before the call is made. TIMES: how many calls fail in a
// row (default 1). COUNTS: a file that gets one line "NAME CALLS" for each kind at the end, or "-".
//
// It does what strace -f -e inject=... does, with one difference: strace counts the calls of each thread by
// itself, so most calls of the threads that call less often could never be chosen. Here all threads are
// counted together. Counting begins where the program gives up its dumps, which is the first thing the daemon
// does: before that the dynamic linker works.
//
// After a failed fsync or fdatasync it watches that nobody tries again with the same descriptor, which would
// report success for data that is lost; then the end is code 99 and a line on standard error. SIGTERM and
// SIGINT are passed on. It ends as the program did, 77 when the kernel does not allow tracing.
namespace {

#if !defined(__x86_64__)
int run(int, char**) {
  std::fprintf(stderr, "syscall_fault: only made for x86-64\n");
  return 77;
}
#else

constexpr int exit_cannot = 77;
constexpr int exit_retried = 99;
constexpr int exit_usage = 2;

struct Call {
  std::string_view name;
  long number;
};
// What moves data or files, and what a peer hears of.
constexpr std::array<Call, 25> calls{
    {{"write", SYS_write},         {"pwrite64", SYS_pwrite64}, {"writev", SYS_writev},
     {"fdatasync", SYS_fdatasync}, {"fsync", SYS_fsync},       {"sync_file_range", SYS_sync_file_range},
     {"rename", SYS_rename},       {"unlink", SYS_unlink},     {"fallocate", SYS_fallocate},
     {"ftruncate", SYS_ftruncate}, {"openat", SYS_openat},     {"mkdir", SYS_mkdir},
     {"close", SYS_close},         {"sendto", SYS_sendto},     {"sendmsg", SYS_sendmsg},
     {"recvfrom", SYS_recvfrom},   {"recvmsg", SYS_recvmsg},   {"epoll_wait", SYS_epoll_wait},
     {"accept", SYS_accept},       {"accept4", SYS_accept4},   {"connect", SYS_connect},
     {"socket", SYS_socket},       {"read", SYS_read},         {"pread64", SYS_pread64},
     {"flock", SYS_flock}}};

pid_t program = -1;
extern "C" void pass_on(int signal) {
  ::kill(program, signal);
}

std::uint64_t number_of(std::string_view text) {
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

const Call* find_call(long number) {
  const auto* const found = std::ranges::find(calls, number, &Call::number);
  return found == calls.end() ? nullptr : found;
}

enum class Scope : unsigned char { everything, store, log };

struct Plan {
  Scope scope = Scope::everything;
  std::set<long> numbers;
  std::uint64_t at = 0;
  std::optional<int> error;
  std::uint64_t times = 1;
  std::string counts;
  char** command = nullptr;
};

std::optional<Plan> read_plan(int argc, char** argv) {
  Plan plan;
  std::vector<std::string_view> words(argv + 1, argv + argc);
  const auto dashes = std::ranges::find(words, "--");
  const auto given = static_cast<std::size_t>(dashes - words.begin());
  if (dashes == words.end() || dashes + 1 == words.end() || given < 3 || given > 5) {
    return std::nullopt;
  }
  for (const auto& [name, scope] : {std::pair{"store:", Scope::store}, std::pair{"log:", Scope::log}}) {
    if (words[0].starts_with(name)) {
      plan.scope = scope;
      words[0].remove_prefix(std::string_view(name).size());
    }
  }
  for (const Call& call : calls) {
    const std::string list = "," + std::string(words[0]) + ",";
    // "all" leaves out what changes nothing that lasts.
    const bool quiet = call.name == "close" || call.name == "read" || call.name == "pread64";
    if ((words[0] == "all" && !quiet) || list.contains("," + std::string(call.name) + ",")) {
      plan.numbers.insert(call.number);
    }
  }
  plan.at = number_of(words[1]);
  if (given > 3) {
    plan.error = static_cast<int>(number_of(words[2]));
  }
  plan.times = given > 4 ? number_of(words[3]) : 1;
  plan.counts = words[given - 1];
  plan.command = argv + 1 + given + 1;
  return plan.numbers.empty() ? std::nullopt : std::optional(plan);
}

// In the child: every call of interest stops at the tracer, all others run at full speed.
void filter_calls(const Plan& plan) {
  std::set<long> stops = plan.numbers;
  stops.insert(SYS_prctl);
  if (plan.error) {
    stops.insert({SYS_close, SYS_fsync, SYS_fdatasync});
  }
  std::vector<sock_filter> filter;
  filter.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)));
  for (const long number : stops) {
    filter.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(number), 0, 1));
    filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE));
  }
  filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  sock_fprog code{static_cast<unsigned short>(filter.size()), filter.data()};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &code) != 0) {
    _exit(exit_cannot);
  }
}

[[noreturn]] void become(const Plan& plan) {
  if (ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) {
    _exit(exit_cannot);
  }
  raise(SIGSTOP);
  filter_calls(plan);
  // A search for leaks traces the process's own threads, which only one tracer at a time may.
  setenv("LSAN_OPTIONS", "detect_leaks=0", 1);
  execv(plan.command[0], plan.command);
  std::fprintf(stderr, "syscall_fault: %s: %s\n", plan.command[0], std::strerror(errno));
  _exit(127);
}

class Tracer {
 public:
  explicit Tracer(const Plan& plan) : plan_(plan) {}

  int follow() {
    int status = 0;
    if (waitpid(program, &status, 0) != program || !WIFSTOPPED(status)) {
      return WIFEXITED(status) ? WEXITSTATUS(status) : exit_cannot;
    }
    constexpr long options = PTRACE_O_EXITKILL | PTRACE_O_TRACESECCOMP | PTRACE_O_TRACECLONE |
                             PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC;
    if (ptrace(PTRACE_SETOPTIONS, program, nullptr, options) != 0) {
      return exit_cannot;
    }
    ptrace(PTRACE_CONT, program, nullptr, nullptr);
    while (true) {
      const pid_t thread = waitpid(-1, &status, __WALL);
      if (thread < 0 && errno == EINTR) {
        continue;
      }
      if (thread < 0) {
        return exit_cannot;
      }
      if (WIFSTOPPED(status)) {
        go_on(thread, status);
      } else if (thread == program) {
        return end_as(status);
      }
    }
  }

 private:
  void go_on(pid_t thread, int status) {
    const int signal = WSTOPSIG(status);
    const int event = status >> 16;
    long deliver = 0;
    if (event == PTRACE_EVENT_SECCOMP) {
      at_call(thread);
    } else if (event == 0 && !(signal == SIGSTOP && !known_.contains(thread) && thread != program)) {
      deliver = signal;
    }
    // A new thread begins with a stop that nobody sent.
    known_.insert(thread);
    ptrace(PTRACE_CONT, thread, nullptr, deliver);
  }

  void at_call(pid_t thread) {
    user_regs_struct registers{};
    if (ptrace(PTRACE_GETREGS, thread, nullptr, &registers) != 0) {
      return;
    }
    const long number = static_cast<long>(registers.orig_rax);
    if (!counting_) {
      counting_ = number == SYS_prctl && registers.rdi == PR_SET_DUMPABLE;
      return;
    }
    const bool is_sync = number == SYS_fsync || number == SYS_fdatasync;
    if (is_sync && distrusted_.contains(registers.rdi)) {
      std::fprintf(stderr, "syscall_fault: descriptor %llu is synced again after its sync failed\n",
                   registers.rdi);
      retried_ = true;
    }
    if (number == SYS_close) {
      distrusted_.erase(registers.rdi);
    }
    if (!plan_.numbers.contains(number) || !in_scope(registers.rdi)) {
      return;
    }
    ++count_[number];
    ++total_;
    if (plan_.at == 0 || total_ < plan_.at || total_ >= plan_.at + plan_.times) {
      return;
    }
    std::fprintf(stderr, "syscall_fault: call %llu is %s(%llu %s), %s\n",
                 static_cast<unsigned long long>(total_), find_call(number)->name.data(), registers.rdi,
                 file_of(registers.rdi).c_str(), plan_.error ? "which fails" : "the last");
    if (!plan_.error) {
      ::kill(program, SIGKILL);
      return;
    }
    if (is_sync) {
      distrusted_.insert(registers.rdi);
    }
    registers.orig_rax = static_cast<unsigned long long>(-1);
    registers.rax = static_cast<unsigned long long>(-static_cast<long long>(*plan_.error));
    ptrace(PTRACE_SETREGS, thread, nullptr, &registers);
  }

  bool in_scope(unsigned long long descriptor) const {
    if (plan_.scope != Scope::store) {
      return plan_.scope == Scope::everything || descriptor == STDERR_FILENO;
    }
    return file_of(descriptor).contains("/store");
  }

  static std::string file_of(unsigned long long descriptor) {
    const std::string link = "/proc/" + std::to_string(program) + "/fd/" + std::to_string(descriptor);
    std::array<char, 4096> path{};
    const ssize_t bytes = readlink(link.c_str(), path.data(), path.size());
    return {path.data(), static_cast<std::size_t>(bytes > 0 ? bytes : 0)};
  }

  int end_as(int status) const {
    if (plan_.counts != "-") {
      if (std::FILE* const file = std::fopen(plan_.counts.c_str(), "w"); file != nullptr) {
        for (const auto& [number, count] : count_) {
          std::fprintf(file, "%s %llu\n", find_call(number)->name.data(),
                       static_cast<unsigned long long>(count));
        }
        std::fclose(file);
      }
    }
    if (retried_) {
      return exit_retried;
    }
    if (WIFEXITED(status)) {
      return WEXITSTATUS(status);
    }
    const rlimit none{0, 0};
    setrlimit(RLIMIT_CORE, &none);
    signal(WTERMSIG(status), SIG_DFL);
    ::kill(getpid(), WTERMSIG(status));
    return exit_cannot;
  }

  const Plan& plan_;
  std::set<pid_t> known_;
  std::map<long, std::uint64_t> count_;
  std::uint64_t total_ = 0;
  std::set<unsigned long long> distrusted_;  // descriptors whose sync failed
  bool counting_ = false;
  bool retried_ = false;
};

int run(int argc, char** argv) {
  const auto plan = read_plan(argc, argv);
  if (!plan) {
    std::fprintf(stderr, "usage: syscall_fault CALLS N [ERRNO [TIMES]] COUNTS -- PROGRAM ARGUMENT...\n");
    return exit_usage;
  }
  program = fork();
  if (program == 0) {
    become(*plan);
  }
  struct sigaction action{};
  action.sa_handler = pass_on;
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);
  return Tracer(*plan).follow();
}
#endif

}  // namespace

int main(int argc, char** argv) {
  return run(argc, argv);
}
