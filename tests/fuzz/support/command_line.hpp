#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "daemon/exit_codes.hpp"
#include "daemon/options.hpp"
#include "tests/fuzz/support/choices.hpp"
#include "tests/fuzz/support/target.hpp"

// Command lines, and how one that is not taken must end.
namespace syncd::fuzz {

using Words = std::vector<std::string>;

// At most `most` words, drawn from `one_of`: the first of these are `known`, any other is a text.
inline Words draw_words(Choices& choices, std::span<const std::string_view> known, std::size_t most,
                        std::uint32_t one_of) {
  Words line;
  while (choices.left() && line.size() < most) {
    const std::uint32_t which = choices.below(one_of);
    std::string word(which < known.size() ? known[which] : choices.text(16));
    std::erase(word, '\0');
    line.push_back(std::move(word));
  }
  return line;
}

// A word that cannot be taken for an option.
inline std::string any_value(Choices& choices) {
  std::string value(choices.text(32));
  std::erase(value, '\0');
  if (value.empty() || value.front() == '-') value.insert(0, "v");
  return value;
}

inline void check_ending(const daemon::Ending& ending) {
  const bool asked = ending.exit_code == daemon::exit_ok;
  FUZZ_CHECK(asked || ending.exit_code == daemon::exit_usage, "there are two ways to end");
  FUZZ_CHECK(asked ? !ending.out.empty() : !ending.error.empty(), "an end says something");
}

}  // namespace syncd::fuzz
