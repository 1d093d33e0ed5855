#include "daemon/cli/confirm.hpp"

#include <cstdio>
#include <string>
#include <unistd.h>

#include <fmt/format.h>

#include "daemon/exit_codes.hpp"

namespace syncd::cli {

namespace {

constexpr std::size_t answer_bytes_max = 64;

// A line of standard input; what is beyond the bound is no answer that is known here.
std::string read_answer() {
  std::string answer;
  for (int next = std::getchar(); next != EOF && next != '\n'; next = std::getchar()) {
    if (answer.size() < answer_bytes_max) answer.push_back(static_cast<char>(next));
  }
  return answer;
}

}  // namespace

std::optional<CliResult<int>> confirm(const Session& session, std::string_view consequence) {
  if (session.confirmed) return std::nullopt;
  if (::isatty(STDIN_FILENO) != 1) {
    return std::unexpected(CliError{
        daemon::exit_usage,
        fmt::format("{}: this is asked about first, and there is no terminal to ask on; say --yes, or "
                    "--dry-run to see what would happen",
                    consequence)});
  }
  fmt::print(stderr, "{}. Go on? [y/N] ", consequence);
  std::fflush(stderr);
  const std::string answer = read_answer();
  if (answer == "y" || answer == "Y" || answer == "yes") return std::nullopt;
  fmt::print(stderr, "nothing was changed\n");
  return CliResult<int>{daemon::exit_failure};
}

}  // namespace syncd::cli
