#include <arpa/inet.h>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <functional>
#include <linux/netlink.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sched.h>
#include <string>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

// Stands in the place of the daemon, in the daemon's own unit, and tries what the unit is to forbid and what
// the daemon cannot do without. A line for each: "denied NAME: REASON", "allowed NAME", "BROKEN NAME: ...".
// Then it says READY=1, and waits for its end.
namespace {

int broken = 0;

// The number of the error; 0: it was possible.
using Try = std::function<int()>;

int error_of(long result) {
  return result < 0 ? errno : 0;
}

void denied(const char* name, const Try& attempt) {
  const int error = attempt();
  if (error == 0) ++broken;
  std::fprintf(stderr, error == 0 ? "BROKEN %s: it was possible\n" : "denied %s: %s\n", name,
               std::strerror(error));
}

void allowed(const char* name, const Try& attempt) {
  const int error = attempt();
  if (error != 0) ++broken;
  std::fprintf(stderr, error != 0 ? "BROKEN %s: %s\n" : "allowed %s\n", name, std::strerror(error));
}

int open_and_close(const char* path, int flags) {
  const int descriptor = open(path, flags | O_CLOEXEC, 0600);
  if (descriptor < 0) return errno;
  close(descriptor);
  return 0;
}

int list(const char* path) {
  DIR* const directory = opendir(path);
  if (directory == nullptr) return errno;
  closedir(directory);
  return 0;
}

// In a child, which is what would be taken over.
int run(const char* program) {
  const pid_t child = fork();
  if (child < 0) return errno;
  if (child == 0) {
    execl(program, program, "-c", "exit 0", nullptr);
    _exit(errno);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
}

int make_socket(int family, int type, int protocol = 0) {
  const int descriptor = socket(family, type | SOCK_CLOEXEC, protocol);
  if (descriptor < 0) return errno;
  close(descriptor);
  return 0;
}

int map_writable_code() {
  void* const page =
      mmap(nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return page == MAP_FAILED ? errno : 0;
}

int make_code_of_data() {
  void* const page = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return 0;
  const int error = error_of(mprotect(page, 4096, PROT_READ | PROT_EXEC));
  munmap(page, 4096);
  return error;
}

std::string in_state(const char* name) {
  return std::string("/var/lib/moneykit-syncd/") + name;
}

int run_from_state() {
  const std::string path = in_state("probe-program");
  const int descriptor = open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0700);
  if (descriptor < 0) return 0;
  const char script[] = "#!/bin/sh\nexit 0\n";
  const bool written = write(descriptor, script, sizeof script - 1) > 0;
  close(descriptor);
  const int error = written ? run(path.c_str()) : 0;
  unlink(path.c_str());
  return error;
}

int set_uid_bit() {
  const std::string path = in_state("probe-bit");
  const int error = open_and_close(path.c_str(), O_WRONLY | O_CREAT);
  const int refused = error != 0 ? 0 : error_of(chmod(path.c_str(), 04755));
  unlink(path.c_str());
  return refused;
}

int become_real_time() {
  const sched_param parameters{.sched_priority = 1};
  return error_of(sched_setscheduler(0, SCHED_FIFO, &parameters));
}

int set_the_clock() {
  const timeval now{.tv_sec = 0, .tv_usec = 0};
  return error_of(settimeofday(&now, nullptr));
}

void try_what_is_forbidden() {
  denied("run-a-shell", [] { return run("/bin/sh"); });
  denied("run-what-it-wrote", run_from_state);
  denied("write-etc", [] { return open_and_close("/etc/passwd", O_WRONLY); });
  denied("write-usr", [] { return open_and_close("/usr/probe", O_WRONLY | O_CREAT); });
  denied("write-var", [] { return open_and_close("/var/lib/probe", O_WRONLY | O_CREAT); });
  // tidy: allow machine-path: the home of root is where it is on every system
  denied("read-root", [] { return list("/root"); });
  denied("read-home", [] { return list("/home"); });
  denied("read-the-encrypted-secret",
         [] { return open_and_close("/etc/credstore.encrypted/moneykit-client-secret", O_RDONLY); });
  denied("see-other-processes", [] { return list("/proc/1"); });
  denied("write-kernel-settings", [] { return open_and_close("/proc/sys/kernel/hostname", O_WRONLY); });
  denied("read-kernel-log", [] { return open_and_close("/dev/kmsg", O_RDONLY); });
  denied("map-writable-code", map_writable_code);
  denied("make-code-of-data", make_code_of_data);
  denied("new-user-namespace", [] { return error_of(unshare(CLONE_NEWUSER)); });
  denied("mount", [] { return error_of(mount("none", "/tmp", "tmpfs", 0, nullptr)); });
  denied("netlink", [] { return make_socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE); });
  denied("raw-packets", [] { return make_socket(AF_PACKET, SOCK_RAW); });
  denied("become-root", [] { return error_of(setuid(0)); });
  denied("set-uid-bit", set_uid_bit);
  denied("change-personality", [] { return error_of(personality(ADDR_NO_RANDOMIZE)); });
  denied("set-the-clock", set_the_clock);
  denied("set-the-host-name", [] { return error_of(sethostname("probe", 5)); });
  denied("trace", [] { return error_of(ptrace(PTRACE_TRACEME, 0, nullptr, nullptr)); });
  denied("real-time-priority", become_real_time);
}

int write_durably() {
  const std::string from = in_state("probe-file");
  const std::string to = in_state("probe-renamed");
  const int descriptor = open(from.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor < 0) return errno;
  const bool good = write(descriptor, "x", 1) == 1 && fsync(descriptor) == 0;
  const int error = good ? 0 : errno;
  close(descriptor);
  if (error != 0) return error;
  const int renamed = error_of(rename(from.c_str(), to.c_str()));
  unlink(to.c_str());
  return renamed;
}

int make_directory() {
  const std::string path = in_state("probe-directory");
  const int error = error_of(mkdir(path.c_str(), 0700));
  rmdir(path.c_str());
  return error;
}

int read_secret() {
  const char* const directory = std::getenv("CREDENTIALS_DIRECTORY");
  if (directory == nullptr) return ENOENT;
  return open_and_close((std::string(directory) + "/moneykit-client-secret").c_str(), O_RDONLY);
}

int talk_over_tcp() {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (listener < 0) return errno;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const name = reinterpret_cast<sockaddr*>(&address);
  const int caller = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const bool good = bind(listener, name, size) == 0 && listen(listener, 1) == 0 &&
                    getsockname(listener, name, &size) == 0 && connect(caller, name, size) == 0;
  const int error = good ? 0 : errno;
  close(caller);
  close(listener);
  return error;
}

int resolve() {
  addrinfo* found = nullptr;
  const int code = getaddrinfo("localhost", "443", nullptr, &found);
  if (found != nullptr) freeaddrinfo(found);
  return code == 0 ? 0 : ENOENT;
}

int start_a_thread() {
  bool ran = false;
  std::thread([&ran] { ran = true; }).join();
  return ran ? 0 : EAGAIN;
}

int wait_for_events() {
  const int poll = epoll_create1(EPOLL_CLOEXEC);
  const int event = eventfd(0, EFD_CLOEXEC);
  const int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
  const int error = poll < 0 || event < 0 || timer < 0 ? errno : 0;
  close(poll);
  close(event);
  close(timer);
  return error;
}

int take_random_bytes() {
  unsigned char bytes[32];
  return error_of(getrandom(bytes, sizeof bytes, 0));
}

int map_a_file() {
  const int descriptor = open("/etc/moneykit-syncd/config.toml", O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return errno;
  void* const page = mmap(nullptr, 4096, PROT_READ, MAP_SHARED, descriptor, 0);
  const int error = page == MAP_FAILED ? errno : 0;
  close(descriptor);
  return error;
}

int notify(const char* message) {
  const char* const path = std::getenv("NOTIFY_SOCKET");
  if (path == nullptr) return ENOENT;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path, sizeof address.sun_path - 1);
  if (address.sun_path[0] == '@') address.sun_path[0] = '\0';
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + std::strlen(path));
  const int descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return errno;
  const long sent =
      sendto(descriptor, message, std::strlen(message), 0, reinterpret_cast<sockaddr*>(&address), size);
  const int error = error_of(sent);
  close(descriptor);
  return error;
}

void try_what_is_needed() {
  allowed("write-durably", write_durably);
  allowed("make-a-directory", make_directory);
  allowed("read-the-configuration",
          [] { return open_and_close("/etc/moneykit-syncd/config.toml", O_RDONLY); });
  allowed("map-a-file", map_a_file);
  allowed("read-the-secret", read_secret);
  allowed("talk-over-tcp", talk_over_tcp);
  allowed("ipv6", [] { return make_socket(AF_INET6, SOCK_STREAM); });
  allowed("udp", [] { return make_socket(AF_INET, SOCK_DGRAM); });
  allowed("unix-sockets", [] { return make_socket(AF_UNIX, SOCK_STREAM); });
  allowed("resolve-a-name", resolve);
  allowed("start-a-thread", start_a_thread);
  allowed("wait-for-events", wait_for_events);
  allowed("random-bytes", take_random_bytes);
  allowed("own-memory-figures", [] { return open_and_close("/proc/self/statm", O_RDONLY); });
  allowed("notify-systemd", [] { return notify("STATUS=probing"); });
}

}  // namespace

int main() {
  try_what_is_forbidden();
  try_what_is_needed();
  std::fprintf(stderr, "probed: %d broken\n", broken);
  notify("READY=1");
  pause();
  return 0;
}
