#pragma once

#include <string_view>
#include <vector>

// What a fuzz target is made of. Each target is one file that defines FUZZ_TARGET(name) and says above it
// what it checks. The same object runs under libFuzzer (libfuzzer_main.cpp) and, in the ordinary build, over
// the stored inputs (replay_main.cpp).
namespace syncd::fuzz {

using Run = void (*)(std::string_view bytes);
struct Target {
  std::string_view name;
  Run run;
};

// Those that are linked into this program.
std::vector<Target>& targets();
bool enlist(std::string_view name, Run run);

// Prints what was promised and ends the process in a way that libFuzzer and ctest notice.
[[noreturn]] void broken(std::string_view promise, const char* file, int line, std::string_view detail = {});

}  // namespace syncd::fuzz

#define FUZZ_TARGET(name)                                                                      \
  static void run_##name(std::string_view bytes);                                              \
  [[maybe_unused]] static const bool enlisted_##name = syncd::fuzz::enlist(#name, run_##name); \
  static void run_##name(std::string_view bytes)

// Never compiled out.
#define FUZZ_CHECK(condition, promise) \
  ((condition) ? static_cast<void>(0) : syncd::fuzz::broken(promise, __FILE__, __LINE__))
#define FUZZ_CHECK_SAYING(condition, promise, detail) \
  ((condition) ? static_cast<void>(0) : syncd::fuzz::broken(promise, __FILE__, __LINE__, detail))
