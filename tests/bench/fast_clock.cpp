// Preloaded into an unmodified program (LD_PRELOAD): its clocks run faster than the machine's, and its waits
// are as much shorter. All programs that are given the same SYNCD_FAST_CLOCK share one time, to the
// nanosecond:
//
//   SYNCD_FAST_CLOCK="FACTOR REAL_NS VIRTUAL_NS"   the wall clock showed VIRTUAL_NS when the machine's was at
//   REAL_NS
//
// The clock of CPU time is left alone, and so are waits without a limit.
#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <dlfcn.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/time.h>
#include <sys/timerfd.h>

namespace {

constexpr std::int64_t second_ns = 1'000'000'000;
// No timer is shorter: a program that looks around every 20 ms of its time would do nothing else.
constexpr std::int64_t least_timer_ns = 500'000;

template <class Function>
Function next(const char* name, const char* version = nullptr) {
  void* found = version != nullptr ? dlvsym(RTLD_NEXT, name, version) : nullptr;
  if (found == nullptr) found = dlsym(RTLD_NEXT, name);
  return reinterpret_cast<Function>(found);
}

struct Clock {
  std::int64_t factor = 1;
  std::int64_t real_ns = 0, virtual_ns = 0;
  std::int64_t steady_ns = 0;  // of the machine's steady clock, when its wall clock was at real_ns
};

using GetTime = int (*)(clockid_t, timespec*);
GetTime real_gettime() {
  static const auto function = next<GetTime>("clock_gettime");
  return function;
}

std::int64_t ns_of(const timespec& time) {
  return time.tv_sec * second_ns + time.tv_nsec;
}
timespec timespec_of(std::int64_t ns) {
  return {.tv_sec = ns / second_ns, .tv_nsec = ns % second_ns};
}
std::int64_t machine_ns(clockid_t clock) {
  timespec now{};
  real_gettime()(clock, &now);
  return ns_of(now);
}

Clock read_clock() {
  Clock clock;
  const char* const text = std::getenv("SYNCD_FAST_CLOCK");
  char* end = nullptr;
  if (text != nullptr) {
    clock.factor = std::max<std::int64_t>(std::strtoll(text, &end, 10), 1);
    clock.real_ns = std::strtoll(end, &end, 10);
    clock.virtual_ns = std::strtoll(end, &end, 10);
  }
  const std::int64_t passed = machine_ns(CLOCK_REALTIME) - clock.real_ns;
  clock.steady_ns = machine_ns(CLOCK_MONOTONIC) - passed;
  return clock;
}

const Clock& clock_of_ours() {
  static const Clock clock = read_clock();
  return clock;
}

bool is_wall(clockid_t clock) {
  return clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE;
}
bool runs_fast(clockid_t clock) {
  return is_wall(clock) || clock == CLOCK_MONOTONIC || clock == CLOCK_MONOTONIC_COARSE ||
         clock == CLOCK_MONOTONIC_RAW || clock == CLOCK_BOOTTIME;
}

// Steady clocks keep their origin: an instant before the start stays one.
std::int64_t to_virtual(clockid_t clock, std::int64_t ns) {
  const Clock& ours = clock_of_ours();
  if (is_wall(clock)) return ours.virtual_ns + (ns - ours.real_ns) * ours.factor;
  return ours.steady_ns + (ns - ours.steady_ns) * ours.factor;
}
// Rounded up, so that nobody wakes before the time.
std::int64_t shorter(std::int64_t ns) {
  const std::int64_t factor = clock_of_ours().factor;
  return ns <= 0 ? ns : (ns + factor - 1) / factor;
}
timespec to_machine(clockid_t clock, const timespec& time) {
  const Clock& ours = clock_of_ours();
  const bool wall = is_wall(clock);
  const std::int64_t from = wall ? ours.virtual_ns : ours.steady_ns;
  const std::int64_t ns = (wall ? ours.real_ns : ours.steady_ns) + shorter(ns_of(time) - from);
  return timespec_of(std::max<std::int64_t>(ns, 1));
}
timespec shorter(const timespec& time) {
  const std::int64_t ns = shorter(ns_of(time));
  return timespec_of(ns == 0 ? 0 : std::max(ns, least_timer_ns));
}
int shorter_ms(int ms) {
  return ms <= 0 ? ms : static_cast<int>(shorter(std::int64_t{ms}));
}

}  // namespace

extern "C" {

int clock_gettime(clockid_t clock, timespec* out) noexcept {
  const int failed = real_gettime()(clock, out);
  if (failed == 0 && runs_fast(clock)) *out = timespec_of(to_virtual(clock, ns_of(*out)));
  return failed;
}

int gettimeofday(timeval* out, void* /*zone*/) noexcept {
  const std::int64_t now = to_virtual(CLOCK_REALTIME, machine_ns(CLOCK_REALTIME));
  *out = {.tv_sec = now / second_ns, .tv_usec = now % second_ns / 1000};
  return 0;
}

std::time_t time(std::time_t* out) noexcept {
  const std::time_t now = to_virtual(CLOCK_REALTIME, machine_ns(CLOCK_REALTIME)) / second_ns;
  if (out != nullptr) *out = now;
  return now;
}

int clock_nanosleep(clockid_t clock, int flags, const timespec* wait, timespec* rest) {
  static const auto real = next<decltype(&clock_nanosleep)>("clock_nanosleep");
  if (!runs_fast(clock)) return real(clock, flags, wait, rest);
  const bool absolute = (flags & TIMER_ABSTIME) != 0;
  const timespec ours = absolute ? to_machine(clock, *wait) : shorter(*wait);
  const int failed = real(clock, flags, &ours, rest);
  if (failed == EINTR && !absolute && rest != nullptr)
    *rest = timespec_of(ns_of(*rest) * clock_of_ours().factor);
  return failed;
}

int nanosleep(const timespec* wait, timespec* rest) {
  const int failed = clock_nanosleep(CLOCK_REALTIME, 0, wait, rest);
  if (failed == 0) return 0;
  errno = failed;
  return -1;
}

int usleep(useconds_t wait_us) {
  const timespec wait = timespec_of(std::int64_t{wait_us} * 1000);
  return nanosleep(&wait, nullptr);
}

unsigned sleep(unsigned wait_s) {
  const timespec wait{.tv_sec = wait_s, .tv_nsec = 0};
  return nanosleep(&wait, nullptr) == 0 ? 0 : wait_s;
}

int timerfd_settime(int timer, int flags, const itimerspec* wanted, itimerspec* before) noexcept {
  using Settime = int (*)(int, int, const itimerspec*, itimerspec*);
  static const auto real = next<Settime>("timerfd_settime");
  itimerspec ours{.it_interval = shorter(wanted->it_interval), .it_value = wanted->it_value};
  const bool set = ns_of(wanted->it_value) != 0;
  if (set && (flags & TFD_TIMER_ABSTIME) == 0) ours.it_value = shorter(wanted->it_value);
  // Of which clock the timer is, is not known here; a steady one does not come so far.
  const bool wall = wanted->it_value.tv_sec > 1'000'000'000;
  if (set && (flags & TFD_TIMER_ABSTIME) != 0)
    ours.it_value = to_machine(wall ? CLOCK_REALTIME : CLOCK_MONOTONIC, wanted->it_value);
  return real(timer, flags, &ours, before);
}

int epoll_wait(int set, epoll_event* events, int most, int wait_ms) {
  static const auto real = next<decltype(&epoll_wait)>("epoll_wait");
  return real(set, events, most, shorter_ms(wait_ms));
}

int epoll_pwait(int set, epoll_event* events, int most, int wait_ms, const sigset_t* mask) {
  static const auto real = next<decltype(&epoll_pwait)>("epoll_pwait");
  return real(set, events, most, shorter_ms(wait_ms), mask);
}

int poll(pollfd* files, nfds_t count, int wait_ms) {
  static const auto real = next<decltype(&poll)>("poll");
  return real(files, count, shorter_ms(wait_ms));
}

int select(int count, fd_set* to_read, fd_set* to_write, fd_set* failing, timeval* wait) {
  static const auto real = next<decltype(&select)>("select");
  if (wait == nullptr) return real(count, to_read, to_write, failing, wait);
  const std::int64_t ns = shorter(wait->tv_sec * second_ns + wait->tv_usec * 1000);
  timeval ours{.tv_sec = ns / second_ns, .tv_usec = (ns % second_ns + 999) / 1000};
  return real(count, to_read, to_write, failing, &ours);
}

// The condition's clock is not known here, but a steady one does not come so far.
int pthread_cond_timedwait(pthread_cond_t* condition, pthread_mutex_t* mutex, const timespec* until) {
  using Wait = int (*)(pthread_cond_t*, pthread_mutex_t*, const timespec*);
  static const auto real = next<Wait>("pthread_cond_timedwait", "GLIBC_2.3.2");
  const bool wall = until->tv_sec > 1'000'000'000;
  const timespec ours = to_machine(wall ? CLOCK_REALTIME : CLOCK_MONOTONIC, *until);
  return real(condition, mutex, &ours);
}

int pthread_cond_clockwait(pthread_cond_t* condition, pthread_mutex_t* mutex, clockid_t clock,
                           const timespec* until) {
  using Wait = int (*)(pthread_cond_t*, pthread_mutex_t*, clockid_t, const timespec*);
  static const auto real = next<Wait>("pthread_cond_clockwait");
  const timespec ours = to_machine(clock, *until);
  return real(condition, mutex, clock, &ours);
}

}  // extern "C"
