#include "sync/core/json_text.hpp"

#include <gtest/gtest.h>

namespace syncd::core {
namespace {

std::string quoted(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

TEST(JsonText, PlainTextStaysAsItIs) {
  EXPECT_EQ(quoted(""), R"("")");
  EXPECT_EQ(quoted("a b/c"), R"("a b/c")");
  EXPECT_EQ(quoted("Zürich €𝄞"), "\"Zürich €𝄞\"");
}

TEST(JsonText, WhatWouldEndAStringOrDriveATerminalIsEscaped) {
  EXPECT_EQ(quoted("a\"b\\c"), R"("a\"b\\c")");
  EXPECT_EQ(quoted("\n\r\t"), R"("\n\r\t")");
  EXPECT_EQ(quoted(std::string_view("\0\x1b[2J\x7f", 6)), "\"\\u0000\\u001b[2J\\u007f\"");
  EXPECT_EQ(quoted("\xc2\x9b"), "\"\\u009b\"");
}

TEST(JsonText, BrokenUtf8BecomesReplacementCharacters) {
  EXPECT_EQ(quoted("a\xff"), "\"a\xef\xbf\xbd\"");
  EXPECT_EQ(quoted("\xc3"), "\"\xef\xbf\xbd\"");
  EXPECT_EQ(quoted("\xc3z"), "\"\xef\xbf\xbdz\"");  // what follows is no part of the character
  EXPECT_EQ(quoted("\xed\xa0\x80"), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");  // a surrogate
  EXPECT_EQ(quoted("\xc0\xaf"), "\"\xef\xbf\xbd\xef\xbf\xbd\"");                  // overlong
  EXPECT_EQ(quoted("\xf4\x90\x80\x80"), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
}

TEST(JsonText, CodePointsRoundTrip) {
  for (const char32_t value : {U'\0', U'a', U'\x7f', U'\x80', U'\x7ff', U'\x800', U'\xd7ff', U'\xe000',
                               U'\xffff', U'\x10000', U'\x10ffff'}) {
    std::string text;
    append_utf8(text, value);
    const CodePoint read = first_code_point(text);
    EXPECT_EQ(read.value, value);
    EXPECT_EQ(read.length, text.size());
  }
}

}  // namespace
}  // namespace syncd::core
