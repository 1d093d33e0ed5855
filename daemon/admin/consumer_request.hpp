#pragma once

#include <expected>
#include <string>

#include "store/consumers.hpp"

namespace syncd::daemon {

struct NewConsumer {
  std::string name;
  store::ConsumerStart start = store::ConsumerStart::head;
};

// Reads the body of POST /v1/feed/consumers, `{"name", "from"}`: both, once each, and nothing else. The error
// is for people.
std::expected<NewConsumer, std::string> parse_new_consumer(std::string body);

// Reads the body of an acknowledgement or a reset, `{"epoch", "seq"}`.
std::expected<store::FeedPosition, std::string> parse_feed_position(std::string body);

}  // namespace syncd::daemon
