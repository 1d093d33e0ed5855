#pragma once

#include <span>
#include <string_view>

namespace CLI {
class App;
}

namespace syncd::cli {

// One example for each verb, by its path; without the program's name.
struct Example {
  std::string_view path;
  std::string_view arguments;
};
std::span<const Example> examples();

// Puts the examples below the help of each verb, and the verbs of the program into groups.
void add_help_texts(CLI::App& app);

}  // namespace syncd::cli
