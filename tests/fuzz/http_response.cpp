#include "sync/api/http_response.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "sync/core/page.hpp"
#include "tests/fuzz/support/choices.hpp"
#include "tests/fuzz/support/http_reading.hpp"
#include "tests/fuzz/support/target.hpp"

// A response, in whatever pieces it arrives. The outcome does not depend on the pieces (a refusal may come
// later: the parser may hope for the end of a line until the deadline decides); what is accepted is accepted
// by an independent strict reading too, with the same status, the same body and the same end; limits hold;
// what is left over after need_more is bounded; the reply has room for the JSON reader behind its body.
namespace syncd::fuzz {
namespace {

using State = api::ResponseReader::State;

struct Outcome {
  State state = State::need_more;
  std::size_t consumed = 0;
  bool keep_alive = false;
  api::HttpReply reply;
};

Outcome read(std::string_view text, const std::vector<std::size_t>& pieces,
             const api::ResponseLimits& limits) {
  api::ResponseReader reader(limits);
  Outcome outcome;
  std::string held;
  std::size_t given = 0;
  for (std::size_t i = 0; given < text.size() && outcome.state == State::need_more; ++i) {
    const std::size_t size = std::min(pieces[i % pieces.size()], text.size() - given);
    held += text.substr(given, size);
    given += size;
    // A heap copy of exactly these bytes: nothing behind them may be read.
    const std::vector<char> exact(held.begin(), held.end());
    const auto progress = reader.feed({exact.data(), exact.size()});
    FUZZ_CHECK(progress.consumed <= held.size(), "not more is consumed than there was");
    held.erase(0, progress.consumed);
    outcome.consumed += progress.consumed;
    outcome.state = progress.state;
    const bool waits = outcome.state == State::need_more;
    FUZZ_CHECK(!waits || held.size() < limits.header_bytes_max, "what is held back is bounded");
  }
  FUZZ_CHECK((outcome.state == State::refused) == !reader.refusal().empty(), "a refusal has a reason");
  if (outcome.state != State::complete) return outcome;
  outcome.keep_alive = reader.keep_alive();
  outcome.reply = reader.take_reply();
  FUZZ_CHECK(outcome.reply.body.capacity() >= outcome.reply.body.size() + core::body_padding_bytes,
             "there is room behind the body");
  FUZZ_CHECK(outcome.reply.body.size() <= limits.body_bytes_max, "a body stays below its limit");
  return outcome;
}

void check_alike(const Outcome& a, const Outcome& b) {
  FUZZ_CHECK((a.state == State::complete) == (b.state == State::complete), "pieces do not decide");
  if (a.state != State::complete) return;
  FUZZ_CHECK(a.consumed == b.consumed && a.keep_alive == b.keep_alive, "pieces change nothing");
  FUZZ_CHECK(a.reply.status == b.reply.status && a.reply.body == b.reply.body, "pieces change no content");
  FUZZ_CHECK(a.reply.json == b.reply.json && a.reply.retry_after == b.reply.retry_after &&
                 a.reply.date == b.reply.date,
             "pieces change no field");
}

}  // namespace

FUZZ_TARGET(http_response) {
  Choices choices(bytes);
  api::ResponseLimits limits;
  if (choices.flag())
    limits = {.header_bytes_max = 200, .fields_max = 6, .body_bytes_max = 48, .informational_max = 1};
  std::vector<std::size_t> pieces;
  for (std::uint32_t i = choices.below(8); i > 0; --i)
    pieces.push_back(1 + choices.below(64));
  if (pieces.empty()) pieces.push_back(1);
  const std::string_view text = choices.rest();
  const Outcome whole = read(text, {std::max<std::size_t>(text.size(), 1)}, limits);
  check_alike(whole, read(text, pieces, limits));
  if (whole.state != State::complete) return;
  const auto reading = read_http_response(text);
  FUZZ_CHECK(reading.has_value(), "what is accepted is plain HTTP/1.1 with one framing");
  FUZZ_CHECK(reading->status == whole.reply.status, "the status is the one written");
  FUZZ_CHECK(reading->body == whole.reply.body, "the body is the one written");
  FUZZ_CHECK(reading->bytes == whole.consumed, "a response ends where it says");
}

}  // namespace syncd::fuzz
