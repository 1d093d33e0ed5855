#include "tests/unit/api/response_cases.hpp"

namespace syncd::test {

std::string ok_answer(const std::string& fields, const std::string& body) {
  return "HTTP/1.1 200 OK\r\n" + fields + "\r\n" + body;
}

std::string many_fields(int count) {
  std::string fields;
  for (int i = 0; i < count; ++i)
    fields += "X-Field-" + std::to_string(i) + ": v\r\n";
  return fields;
}

std::string chunked_answer(const std::string& body) {
  return ok_answer("Transfer-Encoding: chunked\r\n", body);
}

namespace {

std::vector<ResponseCase> refused_framing() {
  const std::string te = "Transfer-Encoding: chunked\r\n";
  const std::string cl5 = "Content-Length: 5\r\n";
  const std::string chunks = "5\r\nhello\r\n0\r\n\r\n";
  return {
      {"both_te_first", ok_answer(te + cl5, chunks), ""},
      {"both_cl_first", ok_answer(cl5 + te, chunks), ""},
      {"te_gzip_and_cl", ok_answer("Transfer-Encoding: gzip\r\n" + cl5, "hello"), "other than chunked"},
      {"te_identity_and_cl", ok_answer("Transfer-Encoding: identity\r\n" + cl5, "hello"),
       "other than chunked"},
      {"te_gzip_chunked", ok_answer("Transfer-Encoding: gzip, chunked\r\n", chunks), "other than chunked"},
      {"te_chunked_gzip", ok_answer("Transfer-Encoding: chunked, gzip\r\n", chunks), "other than chunked"},
      {"te_twice", ok_answer(te + te, chunks), ""},
      {"te_identity_then_chunked", ok_answer("Transfer-Encoding: identity\r\n" + te, chunks),
       "other than chunked"},
      {"te_empty", ok_answer("Transfer-Encoding:\r\n" + cl5, "hello"), "other than chunked"},
      {"te_xchunked", ok_answer("Transfer-Encoding: xchunked\r\n" + cl5, "hello"), "other than chunked"},
      {"cl_list_equal", ok_answer("Content-Length: 5,5\r\n", "hello"), "not one plain number"},
      {"cl_list_equal_spaced", ok_answer("Content-Length: 5, 5\r\n", "hello"), "not one plain number"},
      {"cl_list_different", ok_answer("Content-Length: 5,6\r\n", "hello"), ""},
      {"cl_twice_equal", ok_answer(cl5 + cl5, "hello"), "twice"},
      {"cl_twice_different", ok_answer(cl5 + "Content-Length: 6\r\n", "hello"), ""},
      {"cl_plus", ok_answer("Content-Length: +5\r\n", "hello"), ""},
      {"cl_minus", ok_answer("Content-Length: -1\r\n", "hello"), ""},
      {"cl_hex", ok_answer("Content-Length: 0x5\r\n", "hello"), ""},
      {"cl_empty", ok_answer("Content-Length:\r\n", "hello"), ""},
      {"cl_overflow", ok_answer("Content-Length: 18446744073709551621\r\n", "hello"), ""},
      {"cl_above_limit", ok_answer("Content-Length: 16777217\r\n", ""), "body larger than allowed"},
      {"no_length", ok_answer("Content-Type: application/json\r\n", "hello"), "without a length"},
      {"no_content_with_body", "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello", "204 or 304"},
      {"no_content_chunked", "HTTP/1.1 204 No Content\r\n" + te + "\r\n" + chunks, "204 or 304"},
      {"not_modified_with_body", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\nhello", "204 or 304"},
      {"interim_with_length", "HTTP/1.1 103 Hints\r\nContent-Length: 5\r\n\r\nhello", "interim"},
      {"switching_protocols", "HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
       "switched"},
  };
}

std::vector<ResponseCase> refused_grammar() {
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
      {"folded_framing", ok_answer("Content-Length:\r\n 5\r\n", "hello"), ""},
      {"folded_value", ok_answer("X-A: one\r\n two\r\n" + cl5, "hello"), "folded"},
      {"folded_value_tab", ok_answer("X-A: one\r\n\ttwo\r\n" + cl5, "hello"), "folded"},
      {"folded_from_empty", ok_answer("X-A:\r\n two\r\n" + cl5, "hello"), "folded"},
      {"folded_to_empty", ok_answer("X-A: one\r\n \r\n" + cl5, "hello"), "folded"},
      {"folded_empty_empty", ok_answer("X-A:\r\n \r\n" + cl5, "hello"), "folded"},
      {"bare_lf_lines", "HTTP/1.1 200 OK\nContent-Length: 5\n\nhello", ""},
      {"bare_lf_field", "HTTP/1.1 200 OK\r\nX-A: b\nContent-Length: 5\r\n\r\nhello", ""},
      {"space_before_colon", ok_answer("Content-Length : 5\r\n", "hello"), ""},
      {"empty_name", ok_answer(": x\r\n" + cl5, "hello"), ""},
      {"nul_in_value", ok_answer(std::string("X-A: a\0b\r\n", 10) + cl5, "hello"), ""},
      {"nul_in_name", ok_answer(std::string("X\0A: b\r\n", 8) + cl5, "hello"), ""},
      {"fields_101", ok_answer(many_fields(100) + cl5, "hello"), "too many"},
      {"fields_1000", ok_answer(many_fields(1000) + cl5, "hello"), ""},
      {"one_field_17_kb", ok_answer("X-A: " + std::string(17 * 1024, 'a') + "\r\n" + cl5, "hello"), ""},
      {"header_sum_above_limit",
       ok_answer("X-A: " + std::string(9000, 'a') + "\r\nX-B: " + std::string(9000, 'b') + "\r\n" + cl5,
                 "hello"),
       ""},
      {"endless_status_line", "HTTP/1.1 200 " + std::string(20 * 1024, 'O'), ""},
      {"gzip", ok_answer("Content-Encoding: gzip\r\n" + cl5, "hello"), "compressed"},
      {"four_interim_answers",
       "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"
       "HTTP/1.1 100 Continue\r\n\r\n" +
           ok_answer(cl5, "hello"),
       "too many interim"},
  };
}

std::vector<ResponseCase> refused_chunks() {
  return {
      {"chunk_extension", chunked_answer("5;a=b\r\nhello\r\n0\r\n\r\n"), "chunk extensions"},
      {"last_chunk_extension", chunked_answer("5\r\nhello\r\n0;a\r\n\r\n"), "chunk extensions"},
      {"chunk_extension_bare_lf", chunked_answer("5;a\nb\r\nhello\r\n0\r\n\r\n"), ""},
      {"chunk_extension_endless", chunked_answer("5;" + std::string(20 * 1024, 'a')), ""},
      {"chunk_size_overflow", chunked_answer("10000000000000005\r\nhello\r\n0\r\n\r\n"), ""},
      {"chunk_size_sign", chunked_answer("+5\r\nhello\r\n0\r\n\r\n"), ""},
      {"chunk_size_prefix", chunked_answer("0x5\r\nhello\r\n0\r\n\r\n"), ""},
      {"chunk_size_empty", chunked_answer("\r\nhello\r\n0\r\n\r\n"), ""},
      {"chunk_size_space", chunked_answer("5 \r\nhello\r\n0\r\n\r\n"), ""},
      {"chunk_size_above_limit", chunked_answer("1000001\r\n"), "body larger than allowed"},
      {"chunk_without_crlf", chunked_answer("5\r\nhelloX0\r\n\r\n"), ""},
      {"chunk_bare_lf", chunked_answer("5\nhello\r\n0\r\n\r\n"), ""},
      {"trailer", chunked_answer("5\r\nhello\r\n0\r\nX-A: b\r\n\r\n"), "trailer"},
      {"trailer_length", chunked_answer("5\r\nhello\r\n0\r\nContent-Length: 5\r\n\r\n"), ""},
      {"trailer_endless", chunked_answer("5\r\nhello\r\n0\r\nX-A: " + std::string(20 * 1024, 'a')), ""},
  };
}

}  // namespace

std::vector<ResponseCase> refused_responses() {
  std::vector<ResponseCase> all = refused_framing();
  for (std::vector<ResponseCase> more : {refused_grammar(), refused_chunks()})
    all.insert(all.end(), more.begin(), more.end());
  return all;
}

}  // namespace syncd::test
