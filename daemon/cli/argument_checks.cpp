#include "daemon/cli/argument_checks.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "daemon/admin/dead_letter_id.hpp"
#include "daemon/admin/token_table.hpp"
#include "daemon/cli/output.hpp"
#include "daemon/duration.hpp"
#include "store/consumers.hpp"
#include "sync/core/types.hpp"

namespace syncd::cli {

namespace {

std::string duration_within(const std::string& text, core::Millis min, core::Millis max,
                            const char* example) {
  const auto duration = daemon::parse_duration(text);
  if (duration && *duration >= min && *duration <= max) return {};
  return fmt::format("must be a duration from {} to {}, for example {}", daemon::format_duration(min),
                     daemon::format_duration(max), example);
}

}  // namespace

std::string not_empty(const std::string& text) {
  return text.empty() ? "is empty" : "";
}

std::string whole_number(const std::string& text) {
  std::uint64_t value = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool well_formed = !text.empty() && ec == std::errc{} && end == text.data() + text.size();
  return well_formed ? "" : "must be a whole number, 0 or more";
}

std::string valid_id(const std::string& text) {
  if (text.empty()) return "is empty";
  if (core::is_valid_id(text)) return {};
  return fmt::format("must be an id: 1 to {} bytes of UTF-8 and no control characters", core::id_bytes_max);
}

std::string valid_letter(const std::string& text) {
  if (text.empty()) return "is empty";
  if (daemon::parse_dead_letter_id(text)) return {};
  return "must be a time and a link id, for example 1795953732554:mk_abc; dead-letters ls prints them";
}

std::string valid_token_name(const std::string& text) {
  if (text.empty()) return "is empty";
  if (daemon::is_valid_token_name(text)) return {};
  return fmt::format(
      "must have 1 to {} characters of a-z, 0-9, '.', '_' and '-', the first a letter or a digit",
      daemon::token_name_bytes_max);
}

std::string valid_consumer_name(const std::string& text) {
  if (text.empty()) return "is empty";
  if (store::is_valid_consumer_name(text)) return {};
  return fmt::format(
      "must have 1 to {} characters of a-z, 0-9, '.', '_' and '-', the first a letter or a digit",
      store::consumer_name_bytes_max);
}

std::string valid_sequence(const std::string& text) {
  if (text == "head" || whole_number(text).empty()) return {};
  return "must be a sequence of the feed, or head";
}

std::string valid_wait(const std::string& text) {
  return duration_within(text, core::Millis{0}, wait_max, "30s");
}

std::string valid_lifetime(const std::string& text) {
  return duration_within(text, daemon::token_lifetime_min, daemon::token_lifetime_max, "90d");
}

std::function<std::string(const std::string&)> text_up_to(std::size_t bytes_max) {
  return [bytes_max](const std::string& text) -> std::string {
    if (text.empty()) return "is empty";
    return text.size() <= bytes_max ? std::string()
                                    : fmt::format("must not have more than {} bytes", bytes_max);
  };
}

}  // namespace syncd::cli
