#include "daemon/cli/look.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <sys/ioctl.h>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>

namespace syncd::cli {

namespace {

constexpr auto states = std::to_array<std::pair<std::string_view, Tone>>({
    {"active", Tone::good},     {"match", Tone::good},      {"success", Tone::good},
    {"live", Tone::good},       {"backoff", Tone::warning}, {"relink", Tone::warning},
    {"open", Tone::warning},    {"ramp", Tone::warning},    {"incomplete", Tone::warning},
    {"yielded", Tone::warning}, {"blocked", Tone::bad},     {"quarantined", Tone::bad},
    {"mismatch", Tone::bad},    {"failed", Tone::bad},      {"gone", Tone::dim},
    {"paused", Tone::dim},      {"resolved", Tone::dim},    {"expired", Tone::dim},
    {"revoked", Tone::dim},
});

std::string_view sequence_of(Tone tone) {
  switch (tone) {
    case Tone::plain:
      return "";
    case Tone::strong:
      return "\x1b[1m";
    case Tone::good:
      return "\x1b[32m";
    case Tone::warning:
      return "\x1b[33m";
    case Tone::bad:
      return "\x1b[31m";
    case Tone::dim:
      return "\x1b[2m";
  }
  return "";
}

std::string_view environment(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? std::string_view{} : std::string_view{value};
}

}  // namespace

bool wants_color(ColorChoice choice, bool terminal, std::string_view no_color, std::string_view term) {
  if (choice != ColorChoice::automatic) return choice == ColorChoice::always;
  return terminal && no_color.empty() && !term.empty() && term != "dumb";
}

Look look_of(int fd, ColorChoice choice) {
  const bool terminal = ::isatty(fd) == 1;
  Look look{.color = wants_color(choice, terminal, environment("NO_COLOR"), environment("TERM"))};
  winsize size{};
  if (terminal && ::ioctl(fd, TIOCGWINSZ, &size) == 0) look.columns = size.ws_col;
  return look;
}

std::string painted(std::string_view text, Tone tone, const Look& look) {
  if (!look.color || tone == Tone::plain || text.empty()) return std::string(text);
  return fmt::format("{}{}\x1b[0m", sequence_of(tone), text);
}

Tone tone_of_state(std::string_view word) {
  const auto found = std::ranges::find(states, word, &std::pair<std::string_view, Tone>::first);
  return found == states.end() ? Tone::plain : found->second;
}

}  // namespace syncd::cli
