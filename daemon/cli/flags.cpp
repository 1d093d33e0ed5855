#include "daemon/cli/flags.hpp"

#include <algorithm>
#include <array>

#include "daemon/exit_codes.hpp"

namespace syncd::cli {

namespace {

constexpr auto malformed =
    std::to_array<std::string_view>({"invalid", "invalid_body", "invalid_id", "invalid_parameter"});
constexpr auto prefixes = std::to_array<std::string_view>({"the body: ", "link session: "});
constexpr std::string_view name_characters = "abcdefghijklmnopqrstuvwxyz0123456789_.";

// The names of members that are words of the language, too, are meant where a sentence begins.
bool is_no_word(std::string_view name) {
  return name.find_first_of("_.") != std::string_view::npos;
}

}  // namespace

CliError in_flags(CliError error, std::initializer_list<FlagName> names) {
  if (std::ranges::find(malformed, error.problem) == malformed.end()) return error;
  std::string_view rest = error.message;
  for (const std::string_view prefix : prefixes) {
    if (rest.starts_with(prefix)) rest.remove_prefix(prefix.size());
  }
  std::string message;
  bool names_a_flag = false;
  bool about_what_was_typed = false;  // that, and not what could be said as well
  while (!rest.empty()) {
    const std::size_t length = std::min(rest.find_first_not_of(name_characters), rest.size());
    const std::string_view word = rest.substr(0, std::max<std::size_t>(length, 1));
    const auto named = std::ranges::find(names, word, &FlagName::member);
    const bool meant = named != names.end() && (message.empty() || is_no_word(word));
    names_a_flag |= meant;
    about_what_was_typed |= meant && message.empty();
    message += meant ? named->typed : word;
    rest.remove_prefix(word.size());
  }
  if (!names_a_flag) return error;
  if (about_what_was_typed) error.exit_code = daemon::exit_usage;
  error.message = std::move(message);
  return error;
}

}  // namespace syncd::cli
