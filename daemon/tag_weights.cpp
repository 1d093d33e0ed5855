#include "daemon/tag_weights.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

#include <fmt/format.h>

#include "daemon/config_values.hpp"
#include "daemon/shown_value.hpp"

namespace syncd::daemon {

namespace {

constexpr std::string_view advice = "write TAG=WEIGHT, for example \"gold=4\"";

std::optional<double> read_weight(std::string_view text) {
  constexpr double least = 0.01;
  constexpr double most = 100;
  double weight = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, ec] = std::from_chars(text.data(), end, weight, std::chars_format::fixed);
  const bool read = ec == std::errc{} && stop == end;
  if (!read || !(weight >= least && weight <= most)) return std::nullopt;
  return weight;
}

}  // namespace

std::expected<std::vector<core::TagWeight>, Refusal> parse_tag_weights(std::span<const std::string> texts) {
  const auto refuse = [](std::string reason, std::string_view next_step) {
    return std::unexpected(Refusal{std::move(reason), std::string(next_step)});
  };
  if (texts.size() > tag_weights_max) {
    return refuse(fmt::format("holds {} weights", texts.size()),
                  fmt::format("name {} tags at most", tag_weights_max));
  }
  std::vector<core::TagWeight> weights;
  for (const std::string& text : texts) {
    const std::size_t split = text.rfind('=');
    const std::string shown = shown_value(text);
    if (split == std::string::npos) return refuse(shown + " has no weight", advice);
    std::string tag = text.substr(0, split);
    if (!core::is_valid_tag(tag)) {
      return refuse(shown + " has no tag that a link can have",
                    "write 1 to 128 bytes before the last =, none of them a control character");
    }
    const auto weight = read_weight(std::string_view(text).substr(split + 1));
    if (!weight) return refuse(shown + " has no weight from 0.01 to 100", advice);
    if (std::ranges::find(weights, tag, &core::TagWeight::tag) != weights.end())
      return refuse(shown + " names a tag for the second time", "leave one of the two");
    weights.push_back({.tag = std::move(tag), .weight = *weight});
  }
  return weights;
}

std::optional<Refusal> check_tag_weights(std::span<const std::string> texts) {
  const auto weights = parse_tag_weights(texts);
  return weights ? std::nullopt : std::optional{weights.error()};
}

}  // namespace syncd::daemon
