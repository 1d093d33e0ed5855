#include "sync/api/http_policy.hpp"

#include <array>
#include <vector>

#include <gtest/gtest.h>

#include "sync/api/header_block.hpp"

namespace syncd::test {
namespace {

using api::HeaderBlock;
using api::ResponseHead;
using api::Verdict;

struct Field {
  std::string_view name;
  std::string_view value;
};

// The first refusal of an answer with these fields; empty: it is accepted.
Verdict judge(const std::vector<Field>& fields, int status = 200, const api::ResponseLimits& limits = {}) {
  ResponseHead head(limits);
  if (const Verdict refused = head.status_line(status, 11); !refused.empty()) return refused;
  for (const Field& field : fields) {
    if (const Verdict refused = head.field(field.name, field.value, false); !refused.empty()) return refused;
  }
  return head.finish();
}

TEST(HttpPolicy, JsonIsJsonWhateverItsSuffixAndCase) {
  for (const char* type :
       {"application/json", "Application/JSON", " application/json\t; charset=utf-8",
        "application/problem+json", "APPLICATION/PROBLEM+JSON;q=1", "\tapplication/a+json "}) {
    EXPECT_TRUE(api::is_json_media_type(type)) << type;
  }
  for (const char* type : {"", "text/json", "application/jsonx", "application/+json", "text/problem+json",
                           "application/problem+xml", "application/json-seq", "+json", "application/"}) {
    EXPECT_FALSE(api::is_json_media_type(type)) << type;
  }
}

TEST(HttpPolicy, ExactlyOneFramingStatedOnce) {
  EXPECT_EQ(judge({{"Content-Length", "5"}}), "");
  EXPECT_EQ(judge({{"Transfer-Encoding", "chunked"}}), "");
  EXPECT_EQ(judge({}), "body without a length, ended only by closing");
  EXPECT_EQ(judge({{"Content-Length", "5"}, {"content-length", "5"}}), "Content-Length given twice");
  EXPECT_EQ(judge({{"Transfer-Encoding", "chunked"}, {"Transfer-Encoding", "chunked"}}),
            "Transfer-Encoding given twice");
  EXPECT_EQ(judge({{"Transfer-Encoding", "gzip, chunked"}}), "Transfer-Encoding other than chunked");
  EXPECT_EQ(judge({{"Transfer-Encoding", "chunked"}, {"Content-Length", "5"}}),
            "both Transfer-Encoding and Content-Length");
  for (const char* length : {"", "+5", "-5", " 5", "5 ", "5,5", "0x5", "99999999999999999999999"})
    EXPECT_EQ(judge({{"Content-Length", length}}), "Content-Length is not one plain number") << length;
  EXPECT_EQ(judge({{"Content-Length", "16777217"}}), api::body_too_large);
}

TEST(HttpPolicy, StatusesWithoutABodyHaveNone) {
  for (const int status : {204, 304}) {
    EXPECT_EQ(judge({}, status), "");
    EXPECT_EQ(judge({{"Content-Length", "0"}}, status), "");
    EXPECT_EQ(judge({{"Content-Length", "1"}}, status), "204 or 304 with a body");
    EXPECT_EQ(judge({{"Transfer-Encoding", "chunked"}}, status), "204 or 304 with a body");
  }
  EXPECT_EQ(judge({}, 100), "");
  EXPECT_EQ(judge({{"Content-Length", "1"}}, 100), "interim answer with a body");
  EXPECT_EQ(judge({}, 101), "protocol switched although that was not asked for");
  EXPECT_EQ(judge({}, 99), "status code outside 100 to 599");
  EXPECT_EQ(judge({}, 600), "status code outside 100 to 599");
  ResponseHead old{api::ResponseLimits{}};
  EXPECT_EQ(old.status_line(200, 10), "not HTTP/1.1");
}

TEST(HttpPolicy, HeadersAreBounded) {
  const api::ResponseLimits limits{.header_bytes_max = 40, .fields_max = 3};
  EXPECT_EQ(judge({{"Content-Length", "0"}, {"a", "b"}}, 200, limits), "");
  EXPECT_EQ(judge({{"a", "b"}, {"a", "b"}, {"a", "b"}, {"a", "b"}}, 200, limits), "too many header fields");
  EXPECT_EQ(judge({{"a", "12345678901234567890123456789012345678"}}, 200, limits),
            "header larger than allowed");
  ResponseHead head{api::ResponseLimits{}};
  EXPECT_EQ(head.field("a", "b", true), "a header field is folded over several lines");
}

TEST(HttpPolicy, ReadsTheFieldsThatMatterAndNoneThatAreAsLong) {
  ResponseHead head{api::ResponseLimits{}};
  for (const Field field : std::vector<Field>{{"Dote", "x"},
                                              {"Connectiom", "close"},
                                              {"Retry-Aftes", "7"},
                                              {"Content-Typo", "application/json"},
                                              {"Content-Lengtg", "x"},
                                              {"Content-Encodinh", "gzip"},
                                              {"Transfer-Encodinh", "gzip"}}) {
    EXPECT_EQ(head.field(field.name, field.value, false), "") << field.name;
  }
  EXPECT_TRUE(head.keep_alive());
  EXPECT_FALSE(head.json());
  EXPECT_FALSE(head.content_length());
  EXPECT_EQ(head.retry_after() + head.date(), "");
  EXPECT_EQ(head.field("DATE", "d", false), "");
  EXPECT_EQ(head.field("Retry-After", "7", false), "");
  EXPECT_EQ(head.field("Content-Type", "application/json", false), "");
  EXPECT_EQ(head.field("Content-Encoding", "Identity", false), "");
  EXPECT_EQ(head.field("Connection", "keep-alive", false), "");
  EXPECT_TRUE(head.keep_alive());
  EXPECT_EQ(head.field("Connection", "x , Close", false), "");
  EXPECT_FALSE(head.keep_alive());
  EXPECT_TRUE(head.json());
  EXPECT_EQ(head.date() + head.retry_after(), "d7");
  EXPECT_EQ(head.field("Content-Encoding", "gzip", false),
            "body is compressed although that was not asked for");
}

TEST(HeaderBlock, IsOfNoUseOnceAValueHoldsAControlCharacter) {
  HeaderBlock good;
  good.add("A", "1");
  good.add("B", "\xC3\xA9~ ");
  EXPECT_TRUE(good.well_formed());
  EXPECT_EQ(good.reveal(), "A: 1\r\nB: \xC3\xA9~ \r\n");
  for (const char* value : {"a\r\nEvil: 1", "\x01", "\x7f", "a\tb"}) {
    HeaderBlock block;
    block.add("A", value);
    EXPECT_FALSE(block.well_formed());
    block.add("B", "fine");
    EXPECT_FALSE(block.well_formed()) << "and stays so";
  }
}

}  // namespace
}  // namespace syncd::test
