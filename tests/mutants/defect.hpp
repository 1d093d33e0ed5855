#pragma once

#include <cstdlib>
#include <string_view>

// Only in the tree that scripts/mutants makes: there every planted place asks whether it is to be wrong.
namespace syncd::mutants {

// One at a time, for this process and those it starts.
inline bool is_on(std::string_view defect) {
  static const char* const chosen = std::getenv("SYNCD_DEFECT");
  return chosen != nullptr && defect == chosen;
}

}  // namespace syncd::mutants
