#include "tests/sim/last_words.hpp"

#include <algorithm>
#include <charconv>
#include <csignal>
#include <string_view>
#include <unistd.h>

namespace syncd::test {

namespace {

constexpr std::uint64_t none = ~std::uint64_t{0};
constinit thread_local std::uint64_t under_way = none;

void say(std::string_view text) {
  static_cast<void>(!write(STDERR_FILENO, text.data(), text.size()));
}

// Only what may be called in a signal handler. The signal's own action follows when this returns:
// SA_RESETHAND.
void tell(int signal) {
  if (under_way != none) {
    char digits[20];
    const auto end = std::to_chars(digits, digits + sizeof digits, under_way).ptr;
    const std::string_view seed(digits, static_cast<std::size_t>(end - digits));
    say("\nseed ");
    say(seed);
    say(" ended the process\nrun it again: scripts/simulate --seeds 1 --from ");
    say(seed);
    say(" --trace\n");
  }
  static_cast<void>(raise(signal));
}

// Sanitizers have handlers of their own for the others, which say more; they name the place.
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr int signals[] = {SIGABRT};
#else
constexpr int signals[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE};
#endif

bool install() {
  struct sigaction action = {};
  action.sa_handler = tell;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  return std::ranges::all_of(signals,
                             [&action](int signal) { return sigaction(signal, &action, nullptr) == 0; });
}

}  // namespace

LastWords::LastWords(std::uint64_t seed) {
  static const bool installed = install();
  under_way = installed ? seed : none;
}

LastWords::~LastWords() {
  under_way = none;
}

}  // namespace syncd::test
