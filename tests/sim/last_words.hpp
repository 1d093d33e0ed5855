#pragma once

#include <cstdint>

namespace syncd::test {

// While it lives: if an assertion or an uncaught exception ends the process on this thread, the seed is named
// on standard error, with the command that runs it alone. Without it a run of many seeds would end and not
// say which.
class LastWords {
 public:
  explicit LastWords(std::uint64_t seed);
  ~LastWords();
  LastWords(const LastWords&) = delete;
  LastWords& operator=(const LastWords&) = delete;
};

}  // namespace syncd::test
