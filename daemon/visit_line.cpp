#include "daemon/visit_line.hpp"

#include <array>
#include <charconv>
#include <utility>

#include <fmt/format.h>

namespace syncd::daemon {

namespace {

constexpr std::size_t members = 7;
constexpr std::size_t name_digits = 16;

// An id holds no control characters: what is hashed here the log never hashes.
std::uint64_t name_of(std::string_view salt, std::string_view text) {
  const core::Digest digest = core::digest_of(std::string(salt) + "\nvisits\n" + std::string(text));
  std::uint64_t name = 0;
  for (std::size_t at = 0; at < sizeof name; ++at)
    name = name << 8 | digest[at];
  return name;
}

template <class Number>
std::optional<Number> whole(std::string_view text, int base) {
  Number number{};
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number, base);
  if (error != std::errc{} || rest != end) return std::nullopt;
  return number;
}

std::optional<std::uint64_t> name_in(std::string_view text) {
  return text.size() == name_digits ? whole<std::uint64_t>(text, 16) : std::nullopt;
}

std::optional<core::WallTime> time_in(std::string_view text) {
  const auto millis = whole<std::int64_t>(text, 10);
  if (!millis) return std::nullopt;
  return core::WallTime(core::Millis(*millis));
}

// Which of two words it is.
std::optional<bool> flag_in(std::string_view text, std::string_view no, std::string_view yes) {
  if (text != no && text != yes) return std::nullopt;
  return text == yes;
}

std::optional<core::Cause> cause_in(std::string_view text) {
  for (int number = 1; number <= std::to_underlying(core::Cause::probe); ++number) {
    const auto cause = static_cast<core::Cause>(number);
    if (text == core::to_string(cause)) return cause;
  }
  return std::nullopt;
}

}  // namespace

std::uint64_t visit_link_name(std::string_view salt, const core::LinkId& link_id) {
  return name_of(salt, "link\n" + link_id.str());
}

std::uint64_t visit_institution_name(std::string_view salt, std::string_view institution_id,
                                     std::string_view provider) {
  return name_of(salt, fmt::format("institution\n{}\n{}", institution_id, provider));
}

std::string format_visit(const VisitLine& visit) {
  return fmt::format("{} {:016x} {:016x} {} {} {} {}\n", visit.at.time_since_epoch().count(), visit.link,
                     visit.institution, visit.refreshed_at.time_since_epoch().count(),
                     visit.fetched ? "fetch" : "look", visit.changed ? 1 : 0, core::to_string(visit.cause));
}

std::optional<VisitLine> parse_visit(std::string_view line) {
  std::array<std::string_view, members> texts;
  for (std::size_t at = 0; at < members; ++at) {
    const std::size_t end = line.find(' ');
    const bool is_last = at + 1 == members;
    if ((end == std::string_view::npos) != is_last) return std::nullopt;
    texts[at] = line.substr(0, end);
    line.remove_prefix(is_last ? line.size() : end + 1);
  }
  const auto at = time_in(texts[0]);
  const auto link = name_in(texts[1]);
  const auto institution = name_in(texts[2]);
  const auto refreshed_at = time_in(texts[3]);
  const auto fetched = flag_in(texts[4], "look", "fetch");
  const auto changed = flag_in(texts[5], "0", "1");
  const auto cause = cause_in(texts[6]);
  if (!at || !link || !institution || !refreshed_at || !fetched || !changed || !cause) return std::nullopt;
  return VisitLine{.at = *at,
                   .link = *link,
                   .institution = *institution,
                   .refreshed_at = *refreshed_at,
                   .fetched = *fetched,
                   .changed = *changed,
                   .cause = *cause};
}

}  // namespace syncd::daemon
