#include <cstddef>
#include <cstdint>
#include <string_view>

#include "tests/fuzz/support/target.hpp"

// libFuzzer's side of the one target that is linked into the program.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const syncd::fuzz::Run run = syncd::fuzz::targets().at(0).run;
  run({reinterpret_cast<const char*>(data), size});
  return 0;
}
