#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sync/core/types.hpp"

namespace syncd::daemon {

// A request target in origin form, percent-decoded once.
struct Target {
  std::vector<std::string> segments;  // `/v1/links/a%2Fb` -> v1, links, a/b
  std::vector<std::pair<std::string, std::string>> query;
};

// Strict: begins with '/', no fragment, every '%' followed by two hex digits, UTF-8 without control
// characters after decoding, each query parameter once. The error is for people.
std::expected<Target, std::string> parse_target(std::string_view text);

// Reads the query of one request. The first problem is kept; every later call gives a default.
class QueryReader {
 public:
  explicit QueryReader(const Target& target) : target_(target) {}

  std::string text(std::string_view name, std::size_t bytes_max);
  std::uint64_t number(std::string_view name, std::uint64_t fallback, std::uint64_t min, std::uint64_t max);
  core::Millis duration(std::string_view name, core::Millis max);  // absent: zero
  // One of `choices`; absent: empty.
  template <class Parse>
  auto choice(std::string_view name, Parse parse, std::string_view choices)
      -> decltype(parse(std::string_view{})) {
    const std::string* value = find(name);
    if (value == nullptr) return std::nullopt;
    auto parsed = parse(*value);
    if (!parsed) refuse(name, "must be one of " + std::string(choices));
    return parsed;
  }
  // Call last: refuses parameters that nobody asked for. Empty: all is well.
  std::string finish();

 private:
  const std::string* find(std::string_view name);
  void refuse(std::string_view name, std::string_view reason);

  const Target& target_;
  std::vector<std::string_view> known_;
  std::string problem_;
};

}  // namespace syncd::daemon
