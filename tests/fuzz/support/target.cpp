#include "tests/fuzz/support/target.hpp"

#include <cstdio>
#include <cstdlib>

namespace syncd::fuzz {

std::vector<Target>& targets() {
  static std::vector<Target> enlisted;
  return enlisted;
}

bool enlist(std::string_view name, Run run) {
  targets().push_back({name, run});
  return true;
}

void broken(std::string_view promise, const char* file, int line, std::string_view detail) {
  std::fprintf(stderr, "\n%s:%d: broken promise: %.*s\n", file, line, static_cast<int>(promise.size()),
               promise.data());
  if (!detail.empty()) std::fprintf(stderr, "  %.*s\n", static_cast<int>(detail.size()), detail.data());
  std::fflush(stderr);
  std::abort();
}

}  // namespace syncd::fuzz
