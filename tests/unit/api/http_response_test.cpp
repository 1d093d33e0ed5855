#include "sync/api/http_response.hpp"

#include <algorithm>
#include <ostream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "sync/core/page.hpp"
#include "tests/unit/api/response_cases.hpp"

namespace syncd::test {
namespace {

using api::ResponseLimits;
using api::ResponseReader;
using State = ResponseReader::State;

struct Verdict {
  State state = State::need_more;
  std::size_t left = 0;  // bytes given and not consumed
  int status = 0;
  std::string body;
  bool keep_alive = false;
  bool json = false;
  std::string refusal;
};

// Feeds `bytes` in pieces of `piece` bytes, keeping what was not consumed, as a connection does.
Verdict read_in_pieces(const std::string& bytes, std::size_t piece, const ResponseLimits& limits = {}) {
  ResponseReader reader(limits);
  Verdict verdict;
  std::string held;
  std::size_t given = 0;
  while (given < bytes.size() && verdict.state == State::need_more) {
    const std::size_t size = std::min(piece, bytes.size() - given);
    held += bytes.substr(given, size);
    given += size;
    const auto progress = reader.feed(held);
    held.erase(0, progress.consumed);
    verdict.state = progress.state;
  }
  verdict.left = held.size() + (bytes.size() - given);
  verdict.refusal = reader.refusal();
  if (verdict.state != State::complete) return verdict;
  verdict.keep_alive = reader.keep_alive();
  api::HttpReply reply = reader.take_reply();
  verdict.status = reply.status;
  verdict.json = reply.json;
  EXPECT_GE(reply.body.capacity(), reply.body.size() + core::body_padding_bytes);
  verdict.body = std::move(reply.body);
  return verdict;
}

using Case = ResponseCase;

std::string case_name(const testing::TestParamInfo<Case>& info) {
  return info.param.name;
}

// ---- must be refused
// -------------------------------------------------------------------------------------------

class Refused : public testing::TestWithParam<Case> {};

TEST_P(Refused, whole) {
  const Verdict verdict = read_in_pieces(GetParam().bytes, GetParam().bytes.size());
  EXPECT_EQ(verdict.state, State::refused);
  EXPECT_NE(verdict.refusal.find(GetParam().why), std::string::npos) << verdict.refusal;
}

// The parser may still hope for the end of a line that never comes; then the deadline decides.
TEST_P(Refused, byte_by_byte_is_never_accepted) {
  const Verdict verdict = read_in_pieces(GetParam().bytes, 1);
  EXPECT_NE(verdict.state, State::complete);
}

INSTANTIATE_TEST_SUITE_P(all, Refused, testing::ValuesIn(refused_responses()), case_name);

// ---- must be accepted, in whatever pieces it arrives
// -----------------------------------------------------------

class Accepted : public testing::TestWithParam<Case> {};

TEST_P(Accepted, in_any_pieces) {
  const std::string& bytes = GetParam().bytes;
  for (std::size_t piece = 1; piece <= bytes.size(); ++piece) {
    const Verdict verdict = read_in_pieces(bytes, piece);
    ASSERT_EQ(verdict.state, State::complete) << "pieces of " << piece << ": " << verdict.refusal;
    ASSERT_EQ(verdict.body, GetParam().why) << "pieces of " << piece;
    ASSERT_EQ(verdict.left, 0U);
  }
}

// No strict beginning of a response is a response.
TEST_P(Accepted, cut_anywhere_is_incomplete) {
  const std::string& bytes = GetParam().bytes;
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const Verdict verdict = read_in_pieces(bytes.substr(0, size), bytes.size());
    ASSERT_EQ(verdict.state, State::need_more) << "cut at " << size << ": " << verdict.refusal;
  }
}

INSTANTIATE_TEST_SUITE_P(
    all, Accepted,
    testing::Values(
        Case{"length", ok_answer("Content-Length: 5\r\n", "hello"), "hello"},
        Case{"length_zero", ok_answer("Content-Length: 0\r\n", ""), ""},
        Case{"length_lower_case", ok_answer("content-length:5\r\n", "hello"), "hello"},
        Case{"chunked", chunked_answer("5\r\nhello\r\n0\r\n\r\n"), "hello"},
        Case{"chunked_upper_case", ok_answer("Transfer-Encoding: CHUNKED\r\n", "5\r\nhello\r\n0\r\n\r\n"),
             "hello"},
        Case{"chunks", chunked_answer("2\r\nhe\r\n003\r\nllo\r\nA\r\n0123456789\r\n0\r\n\r\n"),
             "hello0123456789"},
        Case{"chunked_empty", chunked_answer("0\r\n\r\n"), ""},
        Case{"no_content", "HTTP/1.1 204 No Content\r\n\r\n", ""},
        Case{"no_content_length_zero", "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", ""},
        Case{"no_reason", "HTTP/1.1 200 \r\nContent-Length: 5\r\n\r\nhello", "hello"},
        Case{"continue_first", "HTTP/1.1 100 Continue\r\n\r\n" + ok_answer("Content-Length: 5\r\n", "hello"),
             "hello"},
        Case{"three_interim",
             "HTTP/1.1 100 C\r\n\r\nHTTP/1.1 103 H\r\nLink: x\r\n\r\nHTTP/1.1 100 C\r\n\r\n" +
                 ok_answer("Content-Length: 5\r\n", "hello"),
             "hello"},
        Case{"identity", ok_answer("Content-Encoding: identity\r\nContent-Length: 5\r\n", "hello"), "hello"},
        Case{"empty_value", ok_answer("X-A:\r\nX-B:  \t \r\nContent-Length: 5\r\n", "hello"), "hello"},
        Case{"fields_100", ok_answer(many_fields(99) + "Content-Length: 5\r\n", "hello"), "hello"}),
    case_name);

// ---- details
// ---------------------------------------------------------------------------------------------------

TEST(response_reader, leaves_what_follows_the_body) {
  const Verdict verdict = read_in_pieces(ok_answer("Content-Length: 5\r\n", "helloHTTP/1.1 200"), 4096);
  EXPECT_EQ(verdict.state, State::complete);
  EXPECT_EQ(verdict.left, 12U);
}

TEST(response_reader, connection_close_is_seen_in_a_list_and_in_any_case) {
  EXPECT_TRUE(read_in_pieces(ok_answer("Content-Length: 0\r\n", ""), 99).keep_alive);
  EXPECT_TRUE(
      read_in_pieces(ok_answer("Connection: keep-alive\r\nContent-Length: 0\r\n", ""), 99).keep_alive);
  EXPECT_FALSE(read_in_pieces(ok_answer("Connection: close\r\nContent-Length: 0\r\n", ""), 99).keep_alive);
  EXPECT_FALSE(
      read_in_pieces(ok_answer("connection: foo , CLOSE\r\nContent-Length: 0\r\n", ""), 99).keep_alive);
}

TEST(response_reader, keeps_what_the_client_needs) {
  ResponseReader reader(ResponseLimits{});
  const std::string bytes = ok_answer(
      "Content-Type: Application/Problem+JSON; charset=utf-8\r\nRetry-After: 120\r\n"
      "Date: Tue, 15 Nov 1994 08:12:31 GMT\r\nContent-Length: 2\r\n",
      "{}");
  EXPECT_EQ(reader.feed(bytes).state, State::complete);
  const api::HttpReply reply = reader.take_reply();
  EXPECT_TRUE(reply.json);
  EXPECT_EQ(reply.retry_after, "120");
  EXPECT_EQ(reply.date, "Tue, 15 Nov 1994 08:12:31 GMT");
}

// Status line, fields as they are written and the empty line: whatever the pieces, the last byte decides.
TEST(response_reader, a_header_is_measured_as_it_is_written) {
  const ResponseLimits limits{
      .header_bytes_max = 200, .fields_max = 6, .body_bytes_max = 48, .informational_max = 1};
  for (std::size_t blanks = 60; blanks < 180; ++blanks) {
    const std::string header =
        "HTTP/1.1 200 OK\r\nX-Note:" + std::string(blanks, ' ') + "x\r\nDate: y\r\nContent-Length: 2\r\n\r\n";
    const State expected = header.size() <= limits.header_bytes_max ? State::complete : State::refused;
    for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, std::size_t{64}, std::size_t{1000}})
      EXPECT_EQ(read_in_pieces(header + "{}", piece, limits).state, expected)
          << header.size() << " bytes in pieces of " << piece;
  }
}

TEST(response_reader, chunks_together_may_not_exceed_the_body_limit) {
  const ResponseLimits limits{.body_bytes_max = 8};
  EXPECT_EQ(read_in_pieces(chunked_answer("4\r\nabcd\r\n4\r\nabcd\r\n0\r\n\r\n"), 7, limits).state,
            State::complete);
  EXPECT_EQ(read_in_pieces(chunked_answer("4\r\nabcd\r\n5\r\nabcde\r\n0\r\n\r\n"), 7, limits).state,
            State::refused);
  EXPECT_EQ(read_in_pieces(ok_answer("Content-Length: 9\r\n", "abcdefghi"), 7, limits).state, State::refused);
}

TEST(response_reader, begins_anew) {
  ResponseReader reader(ResponseLimits{});
  EXPECT_EQ(reader.feed(ok_answer("Content-Length: 3\r\n", "abc")).state, State::complete);
  EXPECT_EQ(reader.take_reply().body, "abc");
  reader.begin();
  EXPECT_EQ(reader.feed("nonsense\r\n\r\n").state, State::refused);
  reader.begin();
  EXPECT_EQ(reader.feed(ok_answer("Content-Length: 2\r\n", "xy")).state, State::complete);
  EXPECT_EQ(reader.take_reply().body, "xy");
}

TEST(media_type, json_and_its_kin) {
  EXPECT_TRUE(api::is_json_media_type("application/json"));
  EXPECT_TRUE(api::is_json_media_type(" application/JSON ; charset=utf-8"));
  EXPECT_TRUE(api::is_json_media_type("application/problem+json"));
  EXPECT_FALSE(api::is_json_media_type("text/html"));
  EXPECT_FALSE(api::is_json_media_type("application/+json"));
  EXPECT_FALSE(api::is_json_media_type("text/json+json"));
  EXPECT_FALSE(api::is_json_media_type("application/jsonp"));
  EXPECT_FALSE(api::is_json_media_type(""));
}

}  // namespace
}  // namespace syncd::test
