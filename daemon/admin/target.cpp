#include "daemon/admin/target.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

#include <fmt/format.h>

#include "daemon/duration.hpp"
#include "sync/core/json_text.hpp"

namespace syncd::daemon {

namespace {

constexpr std::size_t parameters_max = 16;
constexpr std::size_t segments_max = 16;

int hex_digit(char character) {
  if (character >= '0' && character <= '9') return character - '0';
  if (character >= 'a' && character <= 'f') return character - 'a' + 10;
  if (character >= 'A' && character <= 'F') return character - 'A' + 10;
  return -1;
}

bool is_clean_text(std::string_view text) {
  while (!text.empty()) {
    const core::CodePoint point = core::first_code_point(text);
    if (point.length == 0 || point.value < 0x20 || point.value == 0x7F) return false;
    text.remove_prefix(point.length);
  }
  return true;
}

std::optional<std::string> percent_decode(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '%') {
      out += text[at];
      continue;
    }
    if (at + 2 >= text.size()) return std::nullopt;
    const int high = hex_digit(text[at + 1]);
    const int low = hex_digit(text[at + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    out += static_cast<char>(high * 16 + low);
    at += 2;
  }
  if (!is_clean_text(out)) return std::nullopt;
  return out;
}

std::optional<std::string> read_query(std::string_view text, Target& target) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('&'), text.size());
    const std::string_view pair = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const std::size_t equals = pair.find('=');
    if (equals == std::string_view::npos) return "each query parameter must have the form name=value";
    auto name = percent_decode(pair.substr(0, equals));
    auto value = percent_decode(pair.substr(equals + 1));
    if (!name || !value) return "the query has a bad percent-encoding";
    if (std::ranges::any_of(target.query, [&](const auto& known) { return known.first == *name; })) {
      return fmt::format("query parameter {} is given twice", *name);
    }
    if (target.query.size() == parameters_max) return "the query has too many parameters";
    target.query.emplace_back(std::move(*name), std::move(*value));
  }
  return std::nullopt;
}

}  // namespace

std::expected<Target, std::string> parse_target(std::string_view text) {
  if (!text.starts_with('/')) return std::unexpected("the request target must begin with /");
  if (text.find('#') != std::string_view::npos) return std::unexpected("the request target has a fragment");
  Target target;
  const std::size_t question = text.find('?');
  if (question != std::string_view::npos) {
    if (auto refusal = read_query(text.substr(question + 1), target))
      return std::unexpected(std::move(*refusal));
  }
  std::string_view path = text.substr(1, std::min(question, text.size()) - 1);
  while (true) {
    const std::size_t slash = path.find('/');
    auto segment = percent_decode(path.substr(0, slash));
    if (!segment) return std::unexpected("the path has a bad percent-encoding");
    if (target.segments.size() == segments_max) return std::unexpected("the path has too many segments");
    target.segments.push_back(std::move(*segment));
    if (slash == std::string_view::npos) return target;
    path.remove_prefix(slash + 1);
  }
}

const std::string* QueryReader::find(std::string_view name) {
  known_.push_back(name);
  const auto found =
      std::ranges::find_if(target_.query, [&](const auto& pair) { return pair.first == name; });
  return found == target_.query.end() ? nullptr : &found->second;
}

void QueryReader::refuse(std::string_view name, std::string_view reason) {
  if (problem_.empty()) problem_ = fmt::format("query parameter {} {}", name, reason);
}

std::string QueryReader::text(std::string_view name, std::size_t bytes_max) {
  const std::string* value = find(name);
  if (value == nullptr) return {};
  if (value->empty()) refuse(name, "is empty; leave it out instead");
  if (value->size() > bytes_max) refuse(name, fmt::format("is longer than {} bytes", bytes_max));
  return *value;
}

std::uint64_t QueryReader::number(std::string_view name, std::uint64_t fallback, std::uint64_t min,
                                  std::uint64_t max) {
  const std::string* value = find(name);
  if (value == nullptr) return fallback;
  std::uint64_t result = 0;
  const auto [end, ec] = std::from_chars(value->data(), value->data() + value->size(), result);
  if (value->empty() || ec != std::errc{} || end != value->data() + value->size() || result < min ||
      result > max) {
    refuse(name, fmt::format("must be an integer from {} to {}", min, max));
    return fallback;
  }
  return result;
}

core::Millis QueryReader::duration(std::string_view name, core::Millis max) {
  const std::string* value = find(name);
  if (value == nullptr) return core::Millis{0};
  const auto parsed = parse_duration(*value);
  if (!parsed || *parsed > max) {
    refuse(name, fmt::format("must be a duration up to {}, for example 10s", format_duration(max)));
    return core::Millis{0};
  }
  return *parsed;
}

std::string QueryReader::finish() {
  for (const auto& [name, value] : target_.query) {
    if (problem_.empty() && std::ranges::find(known_, name) == known_.end()) {
      problem_ = fmt::format("query parameter {} is not known here", name);
    }
  }
  return problem_;
}

}  // namespace syncd::daemon
