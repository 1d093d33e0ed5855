#include "tests/sandbox/server/refresh_file.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>

#include "tests/sandbox/model/refresh_habit.hpp"

namespace syncd::sandbox {
namespace {

/// The next word of the line; empty at its end.
std::string_view take_word(std::string_view& line) {
  const std::size_t end = std::min(line.find(' '), line.size());
  const std::string_view word = line.substr(0, end);
  line.remove_prefix(std::min(end + 1, line.size()));
  return word;
}

std::optional<std::int64_t> number_of(std::string_view word) {
  std::int64_t value = 0;
  const char* const end = word.data() + word.size();
  const auto parsed = std::from_chars(word.data(), end, value);
  return parsed.ec == std::errc{} && parsed.ptr == end ? std::optional(value) : std::nullopt;
}

/// Empty, or what is wrong.
std::string_view begin_link(std::string_view line, std::vector<PlannedLink>& links) {
  const Institution* const institution = find_institution(line);
  if (institution == nullptr || institution->habit == nullptr) {
    return "after \"link\" stands a made-up institution, bank_000 to bank_119";
  }
  links.push_back({std::string(line), {}});
  return {};
}

std::string_view add_refresh(std::string_view line, std::vector<PlannedLink>& links) {
  const auto at = number_of(take_word(line));
  const std::string_view changed = take_word(line);
  const std::string_view travels = take_word(line);
  const auto latency = travels == "-" ? std::optional<std::int64_t>(0) : number_of(travels);
  if (!at || (changed != "0" && changed != "1") || !latency || *latency < 0 || !line.empty()) {
    return "a refresh is AT_UNIX_MS, 0 or 1, and the hook's milliseconds or -";
  }
  if (links.empty()) {
    return "a refresh stands behind the \"link\" that it is of";
  }
  std::vector<PlannedRefresh>& all = links.back().refreshes;
  const TimePoint time{Milliseconds{*at}};
  if (!all.empty() && all.back().at > time) {
    return "the refreshes of a link stand in the order of their time";
  }
  all.push_back({time, changed == "1", {.told = travels != "-", .latency = Milliseconds{*latency}}});
  return {};
}

}  // namespace

std::expected<std::vector<PlannedLink>, std::string> parse_refresh_file(std::string_view text) {
  constexpr std::string_view begins_link = "link ";
  std::vector<PlannedLink> links;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const bool is_link = line.starts_with(begins_link);
    const std::string_view problem =
        is_link ? begin_link(line.substr(begins_link.size()), links) : add_refresh(line, links);
    if (!problem.empty()) {
      return std::unexpected("line " + std::to_string(number) + ": " + std::string(problem));
    }
  }
  return links;
}

}  // namespace syncd::sandbox
