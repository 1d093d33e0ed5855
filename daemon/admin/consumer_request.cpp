#include "daemon/admin/consumer_request.hpp"

#include <charconv>
#include <optional>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "daemon/admin/body.hpp"

namespace syncd::daemon {

namespace {

constexpr std::size_t text_bytes_max = 256;  // longer ones are no name either

bool read_start(core::Reader& reader, std::optional<store::ConsumerStart>& start) {
  std::string_view text;
  if (!reader.text(text)) return false;
  if (text == "head") start = store::ConsumerStart::head;
  if (text == "start") start = store::ConsumerStart::first;
  return start || reader.fail("must be head or start");
}

bool read_whole(core::Reader& reader, std::optional<std::uint64_t>& number) {
  std::string_view text;
  if (!reader.number(text)) return false;
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size())
    return reader.fail("must be a whole number, as an answer of the feed had it");
  number = value;
  return true;
}

}  // namespace

std::expected<NewConsumer, std::string> parse_new_consumer(std::string body) {
  std::string name;
  std::optional<store::ConsumerStart> start;
  const auto read = [&](core::Reader& reader, std::string_view member) {
    if (member == "name") return read_as(reader.at("name", read_text(reader, name, text_bytes_max)));
    if (member == "from") return read_as(reader.at("from", read_start(reader, start)));
    return Member::unknown;
  };
  if (auto done = read_body(std::move(body), "name and from", read); !done)
    return std::unexpected(done.error());
  if (name.empty()) return std::unexpected("the body: name is missing");
  if (!start) return std::unexpected("the body: from is missing");
  if (!store::is_valid_consumer_name(name)) {
    return std::unexpected(
        fmt::format("the body: name must have 1 to {} characters of a-z, 0-9, '.', '_' and '-', and begin "
                    "with a letter or a digit",
                    store::consumer_name_bytes_max));
  }
  return NewConsumer{.name = std::move(name), .start = *start};
}

std::expected<store::FeedPosition, std::string> parse_feed_position(std::string body) {
  std::optional<std::uint64_t> epoch;
  std::optional<std::uint64_t> sequence;
  const auto read = [&](core::Reader& reader, std::string_view member) {
    if (member == "epoch") return read_as(reader.at("epoch", read_whole(reader, epoch)));
    if (member == "seq") return read_as(reader.at("seq", read_whole(reader, sequence)));
    return Member::unknown;
  };
  if (auto done = read_body(std::move(body), "epoch and seq", read); !done)
    return std::unexpected(done.error());
  if (!epoch) return std::unexpected("the body: epoch is missing");
  if (!sequence) return std::unexpected("the body: seq is missing");
  return store::FeedPosition{.epoch = *epoch, .sequence = *sequence};
}

}  // namespace syncd::daemon
