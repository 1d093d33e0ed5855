#pragma once

#include <cstdint>

namespace syncd::test {

// While it lives: if an assertion, an uncaught exception or a bad access to memory ends the process on this
// thread, the seed is named on standard error, with the command that runs it alone; of a bad access under
// AddressSanitizer or ThreadSanitizer only their own report. Without it a run of many seeds would end and not
// say which.
class LastWords {
 public:
  explicit LastWords(std::uint64_t seed);
  ~LastWords();
  LastWords(const LastWords&) = delete;
  LastWords& operator=(const LastWords&) = delete;
};

}  // namespace syncd::test
