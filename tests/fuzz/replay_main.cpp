#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "tests/fuzz/support/target.hpp"

// Runs one target over stored inputs, without libFuzzer: fuzz_replay TARGET FILE|DIRECTORY...
// A broken promise aborts; the last line printed names the input.
namespace {

namespace fs = std::filesystem;
using syncd::fuzz::Target;

std::vector<fs::path> inputs_in(const fs::path& place) {
  if (!fs::is_directory(place)) return {place};
  std::vector<fs::path> inputs;
  for (const auto& entry : fs::directory_iterator(place)) {
    if (entry.is_regular_file()) inputs.push_back(entry.path());
  }
  std::ranges::sort(inputs);
  return inputs;
}

bool replay(const Target& target, const fs::path& input) {
  std::ifstream file(input, std::ios::binary);
  if (!file) {
    std::fprintf(stderr, "%s cannot be read\n", input.c_str());
    return false;
  }
  // Of exactly this size, so that a sanitizer sees a read of one byte more.
  const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
  std::printf("%s\n", input.c_str());
  std::fflush(stdout);
  target.run({bytes.data(), bytes.size()});
  return true;
}

int usage() {
  std::fprintf(stderr, "usage: fuzz_replay TARGET FILE|DIRECTORY...\ntargets:");
  for (const Target& target : syncd::fuzz::targets())
    std::fprintf(stderr, " %s", std::string(target.name).c_str());
  std::fprintf(stderr, "\n");
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.size() < 2) return usage();
  const auto target = std::ranges::find(syncd::fuzz::targets(), arguments[0], &Target::name);
  if (target == syncd::fuzz::targets().end()) return usage();
  std::size_t replayed = 0;
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    if (!fs::exists(arguments[i])) continue;  // a target without regressions has no folder for them
    for (const fs::path& input : inputs_in(arguments[i])) {
      if (!replay(*target, input)) return 1;
      ++replayed;
    }
  }
  std::printf("%zu inputs kept the promises of %s\n", replayed, arguments[0].c_str());
  return replayed > 0 ? 0 : 1;
}
