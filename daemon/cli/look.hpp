#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace syncd::cli {

// What a text means, beside what it says: colour only repeats what the words tell.
enum class Tone : std::uint8_t { plain, strong, good, warning, bad, dim };

// How text is to look where it is printed. By default as in a file: no colour, whole.
struct Look {
  bool color = false;
  std::size_t columns = 0;  // of the terminal; 0: as wide as needed
};

enum class ColorChoice : std::uint8_t { automatic, always, never };

// `terminal`: the output is one. Environment as set: NO_COLOR (https://no-color.org) unless empty, TERM.
bool wants_color(ColorChoice choice, bool terminal, std::string_view no_color, std::string_view term);
// Of standard output or standard error, as this process has it.
Look look_of(int fd, ColorChoice choice);

std::string painted(std::string_view text, Tone tone, const Look& look);

// Of a link, a relink entry, a token, an incident or a report, by the word that stands for its state.
Tone tone_of_state(std::string_view word);

}  // namespace syncd::cli
