#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "sync/core/types.hpp"

namespace syncd::daemon {

// What a webhook says, as far as it matters here.
struct Hook {
  enum class Meaning : std::uint8_t {
    news,             // there may be something to fetch
    no_news,          // a refresh that has not ended, or of a product that is not fetched
    unknown_event,    // of a kind that this version does not know
    unknown_version,  // of a form that this version does not know
  };
  Meaning meaning = Meaning::unknown_event;
  core::LinkId link_id;  // empty: of an unknown event or version that names none
  core::Digest key{};    // of the idempotency key, which is the same on every delivery of one webhook
};

// The payload; pure. nullopt: it is not JSON, or lacks what every webhook has. What is no hint is not read
// closely: a new kind of event may look different.
std::optional<Hook> parse_hook(std::string_view body);

}  // namespace syncd::daemon
