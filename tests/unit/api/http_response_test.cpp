#include "sync/api/http_response.hpp"

#include <algorithm>
#include <ostream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "sync/core/page.hpp"

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

std::string ok_with(const std::string& fields, const std::string& body) {
  return "HTTP/1.1 200 OK\r\n" + fields + "\r\n" + body;
}

std::string many_fields(int count) {
  std::string fields;
  for (int i = 0; i < count; ++i)
    fields += "X-Field-" + std::to_string(i) + ": v\r\n";
  return fields;
}

struct Case {
  std::string name;
  std::string bytes;
  std::string why;  // part of the refusal; empty: any
};
std::ostream& operator<<(std::ostream& out, const Case& a_case) {
  return out << a_case.name;
}

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

std::vector<Case> refused_framing() {
  const std::string te = "Transfer-Encoding: chunked\r\n";
  const std::string cl5 = "Content-Length: 5\r\n";
  const std::string chunks = "5\r\nhello\r\n0\r\n\r\n";
  return {
      {"both_te_first", ok_with(te + cl5, chunks), ""},
      {"both_cl_first", ok_with(cl5 + te, chunks), ""},
      {"te_gzip_and_cl", ok_with("Transfer-Encoding: gzip\r\n" + cl5, "hello"), "other than chunked"},
      {"te_identity_and_cl", ok_with("Transfer-Encoding: identity\r\n" + cl5, "hello"), "other than chunked"},
      {"te_gzip_chunked", ok_with("Transfer-Encoding: gzip, chunked\r\n", chunks), "other than chunked"},
      {"te_chunked_gzip", ok_with("Transfer-Encoding: chunked, gzip\r\n", chunks), "other than chunked"},
      {"te_twice", ok_with(te + te, chunks), ""},
      {"te_identity_then_chunked", ok_with("Transfer-Encoding: identity\r\n" + te, chunks),
       "other than chunked"},
      {"te_empty", ok_with("Transfer-Encoding:\r\n" + cl5, "hello"), "other than chunked"},
      {"te_xchunked", ok_with("Transfer-Encoding: xchunked\r\n" + cl5, "hello"), "other than chunked"},
      {"cl_list_equal", ok_with("Content-Length: 5,5\r\n", "hello"), "not one plain number"},
      {"cl_list_equal_spaced", ok_with("Content-Length: 5, 5\r\n", "hello"), "not one plain number"},
      {"cl_list_different", ok_with("Content-Length: 5,6\r\n", "hello"), ""},
      {"cl_twice_equal", ok_with(cl5 + cl5, "hello"), "twice"},
      {"cl_twice_different", ok_with(cl5 + "Content-Length: 6\r\n", "hello"), ""},
      {"cl_plus", ok_with("Content-Length: +5\r\n", "hello"), ""},
      {"cl_minus", ok_with("Content-Length: -1\r\n", "hello"), ""},
      {"cl_hex", ok_with("Content-Length: 0x5\r\n", "hello"), ""},
      {"cl_empty", ok_with("Content-Length:\r\n", "hello"), ""},
      {"cl_overflow", ok_with("Content-Length: 18446744073709551621\r\n", "hello"), ""},
      {"cl_above_limit", ok_with("Content-Length: 16777217\r\n", ""), "larger than allowed"},
      {"no_length", ok_with("Content-Type: application/json\r\n", "hello"), "without a length"},
      {"no_content_with_body", "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello", "204 or 304"},
      {"no_content_chunked", "HTTP/1.1 204 No Content\r\n" + te + "\r\n" + chunks, "204 or 304"},
      {"not_modified_with_body", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\nhello", "204 or 304"},
      {"interim_with_length", "HTTP/1.1 103 Hints\r\nContent-Length: 5\r\n\r\nhello", "interim"},
      {"switching_protocols", "HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
       "switched"},
  };
}

std::vector<Case> refused_grammar() {
  const std::string cl5 = "Content-Length: 5\r\n";
  return {
      {"http_1_0", "HTTP/1.0 200 OK\r\n" + cl5 + "\r\nhello", "not HTTP/1.1"},
      {"http_0_9", "HTTP/0.9 200 OK\r\n" + cl5 + "\r\nhello", ""},
      {"http_2_0", "HTTP/2.0 200 OK\r\n" + cl5 + "\r\nhello", ""},
      {"no_http", "<html><body>busy</body></html>\r\n\r\n", ""},
      {"status_two_digits", "HTTP/1.1 20 OK\r\n" + cl5 + "\r\nhello", ""},
      {"status_four_digits", "HTTP/1.1 2000 OK\r\n" + cl5 + "\r\nhello", ""},
      {"status_zero", "HTTP/1.1 000 OK\r\n" + cl5 + "\r\nhello", ""},
      {"status_999", "HTTP/1.1 999 OK\r\n" + cl5 + "\r\nhello", "status code"},
      {"folded_framing", ok_with("Content-Length:\r\n 5\r\n", "hello"), ""},
      {"folded_value", ok_with("X-A: one\r\n two\r\n" + cl5, "hello"), "folded"},
      {"folded_value_tab", ok_with("X-A: one\r\n\ttwo\r\n" + cl5, "hello"), "folded"},
      {"folded_from_empty", ok_with("X-A:\r\n two\r\n" + cl5, "hello"), "folded"},
      {"folded_to_empty", ok_with("X-A: one\r\n \r\n" + cl5, "hello"), "folded"},
      {"folded_empty_empty", ok_with("X-A:\r\n \r\n" + cl5, "hello"), "folded"},
      {"bare_lf_lines", "HTTP/1.1 200 OK\nContent-Length: 5\n\nhello", ""},
      {"bare_lf_field", "HTTP/1.1 200 OK\r\nX-A: b\nContent-Length: 5\r\n\r\nhello", ""},
      {"space_before_colon", ok_with("Content-Length : 5\r\n", "hello"), ""},
      {"empty_name", ok_with(": x\r\n" + cl5, "hello"), ""},
      {"nul_in_value", ok_with(std::string("X-A: a\0b\r\n", 10) + cl5, "hello"), ""},
      {"nul_in_name", ok_with(std::string("X\0A: b\r\n", 8) + cl5, "hello"), ""},
      {"fields_101", ok_with(many_fields(100) + cl5, "hello"), "too many"},
      {"fields_1000", ok_with(many_fields(1000) + cl5, "hello"), ""},
      {"one_field_17_kb", ok_with("X-A: " + std::string(17 * 1024, 'a') + "\r\n" + cl5, "hello"), ""},
      {"header_sum_above_limit",
       ok_with("X-A: " + std::string(9000, 'a') + "\r\nX-B: " + std::string(9000, 'b') + "\r\n" + cl5,
               "hello"),
       ""},
      {"endless_status_line", "HTTP/1.1 200 " + std::string(20 * 1024, 'O'), ""},
      {"gzip", ok_with("Content-Encoding: gzip\r\n" + cl5, "hello"), "compressed"},
      {"four_interim_answers",
       "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"
       "HTTP/1.1 100 Continue\r\n\r\n" +
           ok_with(cl5, "hello"),
       "too many interim"},
  };
}

std::string chunked(const std::string& body) {
  return ok_with("Transfer-Encoding: chunked\r\n", body);
}

std::vector<Case> refused_chunks() {
  return {
      {"chunk_extension", chunked("5;a=b\r\nhello\r\n0\r\n\r\n"), "chunk extensions"},
      {"last_chunk_extension", chunked("5\r\nhello\r\n0;a\r\n\r\n"), "chunk extensions"},
      {"chunk_extension_bare_lf", chunked("5;a\nb\r\nhello\r\n0\r\n\r\n"), ""},
      {"chunk_extension_endless", chunked("5;" + std::string(20 * 1024, 'a')), ""},
      {"chunk_size_overflow", chunked("10000000000000005\r\nhello\r\n0\r\n\r\n"), ""},
      {"chunk_size_sign", chunked("+5\r\nhello\r\n0\r\n\r\n"), ""},
      {"chunk_size_prefix", chunked("0x5\r\nhello\r\n0\r\n\r\n"), ""},
      {"chunk_size_empty", chunked("\r\nhello\r\n0\r\n\r\n"), ""},
      {"chunk_size_space", chunked("5 \r\nhello\r\n0\r\n\r\n"), ""},
      {"chunk_size_above_limit", chunked("1000001\r\n"), ""},
      {"chunk_without_crlf", chunked("5\r\nhelloX0\r\n\r\n"), ""},
      {"chunk_bare_lf", chunked("5\nhello\r\n0\r\n\r\n"), ""},
      {"trailer", chunked("5\r\nhello\r\n0\r\nX-A: b\r\n\r\n"), "trailer"},
      {"trailer_length", chunked("5\r\nhello\r\n0\r\nContent-Length: 5\r\n\r\n"), ""},
      {"trailer_endless", chunked("5\r\nhello\r\n0\r\nX-A: " + std::string(20 * 1024, 'a')), ""},
  };
}

INSTANTIATE_TEST_SUITE_P(framing, Refused, testing::ValuesIn(refused_framing()), case_name);
INSTANTIATE_TEST_SUITE_P(grammar, Refused, testing::ValuesIn(refused_grammar()), case_name);
INSTANTIATE_TEST_SUITE_P(chunks, Refused, testing::ValuesIn(refused_chunks()), case_name);

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
        Case{"length", ok_with("Content-Length: 5\r\n", "hello"), "hello"},
        Case{"length_zero", ok_with("Content-Length: 0\r\n", ""), ""},
        Case{"length_lower_case", ok_with("content-length:5\r\n", "hello"), "hello"},
        Case{"chunked", chunked("5\r\nhello\r\n0\r\n\r\n"), "hello"},
        Case{"chunked_upper_case", ok_with("Transfer-Encoding: CHUNKED\r\n", "5\r\nhello\r\n0\r\n\r\n"),
             "hello"},
        Case{"chunks", chunked("2\r\nhe\r\n003\r\nllo\r\nA\r\n0123456789\r\n0\r\n\r\n"), "hello0123456789"},
        Case{"chunked_empty", chunked("0\r\n\r\n"), ""},
        Case{"no_content", "HTTP/1.1 204 No Content\r\n\r\n", ""},
        Case{"no_content_length_zero", "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", ""},
        Case{"no_reason", "HTTP/1.1 200 \r\nContent-Length: 5\r\n\r\nhello", "hello"},
        Case{"continue_first", "HTTP/1.1 100 Continue\r\n\r\n" + ok_with("Content-Length: 5\r\n", "hello"),
             "hello"},
        Case{"three_interim",
             "HTTP/1.1 100 C\r\n\r\nHTTP/1.1 103 H\r\nLink: x\r\n\r\nHTTP/1.1 100 C\r\n\r\n" +
                 ok_with("Content-Length: 5\r\n", "hello"),
             "hello"},
        Case{"identity", ok_with("Content-Encoding: identity\r\nContent-Length: 5\r\n", "hello"), "hello"},
        Case{"empty_value", ok_with("X-A:\r\nX-B:  \t \r\nContent-Length: 5\r\n", "hello"), "hello"},
        Case{"fields_100", ok_with(many_fields(99) + "Content-Length: 5\r\n", "hello"), "hello"}),
    case_name);

// ---- details
// ---------------------------------------------------------------------------------------------------

TEST(response_reader, leaves_what_follows_the_body) {
  const Verdict verdict = read_in_pieces(ok_with("Content-Length: 5\r\n", "helloHTTP/1.1 200"), 4096);
  EXPECT_EQ(verdict.state, State::complete);
  EXPECT_EQ(verdict.left, 12U);
}

TEST(response_reader, connection_close_is_seen_in_a_list_and_in_any_case) {
  EXPECT_TRUE(read_in_pieces(ok_with("Content-Length: 0\r\n", ""), 99).keep_alive);
  EXPECT_TRUE(read_in_pieces(ok_with("Connection: keep-alive\r\nContent-Length: 0\r\n", ""), 99).keep_alive);
  EXPECT_FALSE(read_in_pieces(ok_with("Connection: close\r\nContent-Length: 0\r\n", ""), 99).keep_alive);
  EXPECT_FALSE(
      read_in_pieces(ok_with("connection: foo , CLOSE\r\nContent-Length: 0\r\n", ""), 99).keep_alive);
}

TEST(response_reader, keeps_what_the_client_needs) {
  ResponseReader reader(ResponseLimits{});
  const std::string bytes = ok_with(
      "Content-Type: Application/Problem+JSON; charset=utf-8\r\nRetry-After: 120\r\n"
      "Date: Tue, 15 Nov 1994 08:12:31 GMT\r\nContent-Length: 2\r\n",
      "{}");
  EXPECT_EQ(reader.feed(bytes).state, State::complete);
  const api::HttpReply reply = reader.take_reply();
  EXPECT_TRUE(reply.json);
  EXPECT_EQ(reply.retry_after, "120");
  EXPECT_EQ(reply.date, "Tue, 15 Nov 1994 08:12:31 GMT");
}

TEST(response_reader, chunks_together_may_not_exceed_the_body_limit) {
  const ResponseLimits limits{.body_bytes_max = 8};
  EXPECT_EQ(read_in_pieces(chunked("4\r\nabcd\r\n4\r\nabcd\r\n0\r\n\r\n"), 7, limits).state, State::complete);
  EXPECT_EQ(read_in_pieces(chunked("4\r\nabcd\r\n5\r\nabcde\r\n0\r\n\r\n"), 7, limits).state, State::refused);
  EXPECT_EQ(read_in_pieces(ok_with("Content-Length: 9\r\n", "abcdefghi"), 7, limits).state, State::refused);
}

TEST(response_reader, begins_anew) {
  ResponseReader reader(ResponseLimits{});
  EXPECT_EQ(reader.feed(ok_with("Content-Length: 3\r\n", "abc")).state, State::complete);
  EXPECT_EQ(reader.take_reply().body, "abc");
  reader.begin();
  EXPECT_EQ(reader.feed("nonsense\r\n\r\n").state, State::refused);
  reader.begin();
  EXPECT_EQ(reader.feed(ok_with("Content-Length: 2\r\n", "xy")).state, State::complete);
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
