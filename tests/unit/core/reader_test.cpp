#include "sync/core/reader.hpp"

#include <fstream>
#include <sys/resource.h>
#include <thread>
#include <unistd.h>

#include <gtest/gtest.h>

#include "sync/core/page.hpp"

namespace syncd::core {
namespace {

// The failure of walking over `text` without reading anything from it; empty: none.
std::string walk(std::string text) {
  text.reserve(text.size() + body_padding_bytes);
  std::deque<std::string> unescaped;
  Reader reader(text, unescaped);
  if (reader.ok() && reader.skip() && reader.finish()) return {};
  return reader.message();
}

std::string as_value(std::string_view value) {
  return R"({"unread":)" + std::string(value) + "}";
}

std::string nested(std::size_t depth) {
  return std::string(depth, '[') + std::string(depth, ']');
}

TEST(Reader, AcceptsValidDocuments) {
  for (const char* text :
       {"{}", "[]", " { } ", "\r\n\t[ ]\n", R"({"a":1,"b":[true,false,null],"c":{"d":"e"}})", "1", "\"x\"",
        "null", R"({"":0})", R"(["\"\\\/\b\f\n\r\t\u0000\u00e9\uD834\uDD1E"])",
        R"({"a":{"a":{"a":1}},"b":{"a":1}})", "[\"\x7f\"]", "[\"é€𝄞\"]", R"(["{","}","[","]",":",","])",
        R"(["\\","\\\\\""])"}) {
    EXPECT_EQ(walk(text), "") << text;
  }
}

// J-1
TEST(Reader, RefusesDocumentsThatAreNotOneWholeValue) {
  EXPECT_EQ(walk(""), "the answer is empty");
  EXPECT_EQ(walk(" \n\t "), "the answer is empty");
  EXPECT_EQ(walk(R"({"a":1}{"a":2})"), "the answer is followed by something else");
  EXPECT_EQ(walk(R"({"a":1} x)"), "the answer is followed by something else");
  EXPECT_EQ(walk("{},"), "the answer is followed by something else");
  EXPECT_EQ(walk("[]]"), "the answer is followed by something else");
  EXPECT_EQ(walk(std::string("{}\0", 3)), "the answer is followed by something else");
  EXPECT_EQ(walk("\xef\xbb\xbf{}"), "the answer begins with a byte order mark");
  for (const char* text : {"{", "[", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,", "[1", "[1,", "[[1]",
                           "[{\"a\":1}", "}", "]", ",", ":", "[1]]"}) {
    EXPECT_NE(walk(text), "") << text;
  }
  EXPECT_EQ(walk("[\"a"), "the answer ends inside a string");
  EXPECT_NE(walk(std::string("\0{}", 3)), "");
  EXPECT_NE(walk(std::string("{\0}", 3)), "");
  EXPECT_NE(walk(std::string("[1\0]", 4)), "");
}

TEST(Reader, RefusesEveryPrefixOfADocument) {
  const std::string whole = R"({"a":[1,"x\u0041",{"b":null}],"c":true,"d":-1.5e3})";
  ASSERT_EQ(walk(whole), "");
  for (std::size_t length = 0; length < whole.size(); ++length) {
    EXPECT_NE(walk(whole.substr(0, length)), "") << length;
  }
}

// J-2
TEST(Reader, LooksIntoValuesThatNobodyReads) {
  for (const char* value : {"nope",
                            "nul",
                            "nulll",
                            "tru",
                            "True",
                            "truefalse",
                            "undefined",
                            "NaN",
                            "Infinity",
                            "'x'",
                            "1 2",
                            "\"a\"\"b\"",
                            "\"a\"x",
                            "1x",
                            "[1 2]",
                            "[1,]",
                            "[,1]",
                            "[1,,2]",
                            "{\"a\"}",
                            "{\"a\":}",
                            "{\"a\":1,}",
                            "{,}",
                            "{1:2}",
                            "{a:1}",
                            "{\"a\" 1}",
                            "{\"a\":1 \"b\":2}",
                            "{\"a\"::1}",
                            "{\"a\":1:2}",
                            "[1:2]",
                            "{\"a\",1}",
                            "[}",
                            "{]",
                            "/*x*/1",
                            "1//x",
                            "\x0b"
                            "1",
                            "\x0c"
                            "1",
                            "\x1a",
                            "#"}) {
    EXPECT_NE(walk(as_value(value)), "") << value;
    EXPECT_NE(walk(as_value("[" + std::string(value) + "]")), "") << value;
  }
}

// J-2
TEST(Reader, DepthIsLimited) {
  EXPECT_EQ(walk(nested(json_depth_max)), "");
  EXPECT_EQ(walk(nested(json_depth_max + 1)), "(another member) is nested too deeply");
  EXPECT_EQ(walk(as_value(nested(json_depth_max - 1))), "");
  EXPECT_EQ(walk(as_value(nested(json_depth_max))), "(another member) is nested too deeply");
  EXPECT_NE(walk(as_value(nested(1'000'000))), "");
  EXPECT_NE(walk(std::string(1'000'000, '[')), "");
  // Depth is of what is open, not of what was.
  std::string wide = "[";
  for (int i = 0; i < 1000; ++i)
    wide += nested(json_depth_max - 1) + ",";
  EXPECT_EQ(walk(wide + "1]"), "");
}

// J-6
TEST(Reader, NumbersFollowTheGrammarAtAnySize) {
  for (const char* value : {"0", "-0", "-0.0", "1", "10", "0.1", "1e400", "1E+2", "1e-2", "1.5e3", "-12.340",
                            "99999999999999999999999999999999999999", "0.00000000000000000001", "0e0"}) {
    EXPECT_EQ(walk(as_value(value)), "") << value;
    EXPECT_EQ(walk(as_value(" " + std::string(value) + "\n")), "") << value;
  }
  EXPECT_EQ(walk(as_value(std::string(10'000, '9'))), "");
  for (const char* value : {"01",   "-01",  "00",    "+1",        "-",    "--1",   ".5",  "5.",    "-.5",
                            "1.e3", "1e",   "1e+",   "1e1.5",     "0x10", "1_000", "1,5", "1 000", "1a",
                            "0b1",  "1..2", "1e5e5", "-Infinity", "-NaN", "1f",    "١"}) {
    EXPECT_NE(walk(as_value(value)), "") << value;
  }
}

// J-1
TEST(Reader, StringsHoldOnlyCharacters) {
  for (const char* value :
       {R"("\x41")", R"("\u12")", R"("\u12G4")", R"("\uD834")", R"("\uDD1E")", R"("\uD834x")",
        R"("\uD834\n")", R"("\uD834\u0041")", R"("\uD834\uD834")", R"("\uD834\uE000")", R"("\a")", R"("\0")",
        R"("\U0041")", R"("\uD834\")", R"("\u")", R"("\u00")"}) {
    EXPECT_NE(walk(as_value(value)), "") << value;
  }
  for (int c = 0; c < 0x20; ++c) {
    const std::string value = std::string("\"a") + static_cast<char>(c) + "\"";
    EXPECT_EQ(walk(as_value(value)), "the answer holds a raw control character in a string") << c;
  }
  for (const char* bytes : {"\xff", "\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80", "\xf5\x80\x80\x80",
                            "\xf4\x90\x80\x80", "\x80", "\xc3", "\xe2\x82"}) {
    EXPECT_EQ(walk(as_value("\"" + std::string(bytes) + "\"")), "the answer is not UTF-8");
  }
}

// J-3
TEST(Reader, NoObjectNamesAMemberTwice) {
  EXPECT_EQ(walk(R"({"a":1,"a":1})"), "(another member) has a member twice");
  EXPECT_EQ(walk(R"({"":1,"":1})"), "(another member) has a member twice");
  EXPECT_EQ(walk(as_value(R"([{"x":1},{"x":1,"y":2,"x":3}])")), "(another member) has a member twice");
  EXPECT_EQ(walk(R"({"a":1,"\u0061":1})"), "(another member) has a member twice");
  EXPECT_EQ(walk(R"({"\u0061":1,"\u0061":1})"), "(another member) has a member twice");
  EXPECT_EQ(walk(R"({"a/b":1,"a\/b":1})"), "(another member) has a member twice");
  EXPECT_EQ(walk(R"({"a":1,"A":1,"a ":1,"aa":1})"), "");
}

// Names of one length that begin and end alike are told apart by what stands between.
TEST(Reader, NamesThatDifferInTheirMiddleAreTwo) {
  EXPECT_EQ(walk(R"({"abcdefgh_1_ijklmnop":1,"abcdefgh_2_ijklmnop":1})"), "");
  EXPECT_EQ(walk(R"({"abcdefgh_1_ijklmnop":1,"abcdefgh_2_ijklmnop":1,"abcdefgh_1_ijklmnop":1})"),
            "(another member) has a member twice");
}

TEST(Reader, ARowLikeTheOneBeforeIsCheckedToo) {
  EXPECT_EQ(walk(R"([{"a":1,"b":2,"c":3},{"a":1,"b":2,"c":3},{"a":1,"b":2}])"), "");
  EXPECT_EQ(walk(R"([{"a":1,"b":2,"c":3},{"c":1,"b":2,"a":3},{"b":1},{}])"), "");
  EXPECT_NE(walk(R"([{"a":1,"b":2,"c":3},{"a":1,"b":2,"a":3}])"), "");
  EXPECT_NE(walk(R"([{"a":1,"b":2},{"a":1,"b":2,"b":3}])"), "");
  EXPECT_NE(walk(R"([{"a":1,"b":2},{"a":1,"b":2,"c":3,"b":4}])"), "");
  EXPECT_NE(walk(R"([{"a":1,"b":{"x":1}},{"a":1,"b":{"x":1,"x":2}}])"), "");
  EXPECT_EQ(walk(R"([{"\u0061":1,"s":"\u0062"},{"\u0061":1,"s":"\u0062"},{"a":1}])"), "");
  EXPECT_NE(walk(R"([{"\u0061":1,"b":2},{"\u0061":1,"c":2,"a":3}])"), "");
}

TEST(Reader, LargeObjectsAreCheckedInReasonableTime) {
  std::string text = "{";
  for (int i = 0; i < 200'000; ++i)
    text += "\"member" + std::to_string(i) + "\":0,";
  EXPECT_EQ(walk(text + "\"last\":0}"), "");
  EXPECT_EQ(walk(text + "\"member7\":0}"), "(another member) has a member twice");
  EXPECT_EQ(walk(text + "\"member199999\":0}"), "(another member) has a member twice");
  EXPECT_EQ(walk("[" + text + "\"last\":0},{\"a\":1,\"b\":2},{\"member0\":1}]"), "");
}

TEST(Reader, ManyRepeatedLengthsAndFirstLetters) {
  for (int members = 1; members <= 80; ++members) {
    std::string text = "{";
    for (int i = 0; i < members; ++i)
      text += "\"x" + std::to_string(100 + i) + "\":0,";
    EXPECT_EQ(walk(text + "\"y\":0}"), "") << members;
    for (const int again : {0, members / 2, members - 1}) {
      EXPECT_NE(walk(text + "\"x" + std::to_string(100 + again) + "\":0}"), "") << members << ' ' << again;
    }
  }
}

TEST(Reader, StringsComeUnescaped) {
  std::string text = R"(["plain", "\u0041\n\"\\\/\uD834\uDD1E" , "after\tit", "" ,"é"])";
  text.reserve(text.size() + body_padding_bytes);
  std::deque<std::string> unescaped;
  Reader reader(text, unescaped);
  Reader::Array array;
  ASSERT_TRUE(reader.enter(array));
  std::vector<std::string_view> values;
  while (reader.next(array))
    ASSERT_TRUE(reader.text(values.emplace_back()));
  ASSERT_TRUE(reader.finish());
  EXPECT_EQ(values, (std::vector<std::string_view>{"plain", "A\n\"\\/𝄞", "after\tit", "", "é"}));
  EXPECT_EQ(unescaped.size(), 2u);
  EXPECT_EQ(reader.slice(array), text);
}

TEST(Reader, SkippedStringsAreNotKept) {
  std::string text = R"({"a":"\n","b":["\t",{"c":"\u0041"}],"d":"x"})";
  text.reserve(text.size() + body_padding_bytes);
  std::deque<std::string> unescaped;
  Reader reader(text, unescaped);
  ASSERT_TRUE(reader.skip() && reader.finish());
  EXPECT_TRUE(unescaped.empty());
}

TEST(Reader, NothingSucceedsAfterAFailure) {
  const std::string text = R"({"a":"x","b":1})";
  std::string padded = text;
  padded.reserve(text.size() + body_padding_bytes);
  std::deque<std::string> unescaped;
  Reader reader(padded, unescaped);
  Reader::Object object;
  std::string_view name;
  ASSERT_TRUE(reader.enter(object));
  ASSERT_TRUE(reader.next(object, name));
  bool flag = false;
  EXPECT_FALSE(reader.at("a", reader.boolean(flag)));
  std::string_view out;
  Reader::Array array;
  EXPECT_FALSE(reader.next(object, name));
  EXPECT_FALSE(reader.text(out));
  EXPECT_FALSE(reader.text_or_null(out));
  EXPECT_FALSE(reader.number(out));
  EXPECT_FALSE(reader.take_null());
  EXPECT_FALSE(reader.enter(object));
  EXPECT_FALSE(reader.enter(array));
  EXPECT_FALSE(reader.next(array));
  EXPECT_FALSE(reader.skip());
  EXPECT_FALSE(reader.finish());
  EXPECT_FALSE(reader.ok());
  EXPECT_EQ(reader.peek(), '\0');
}

TEST(Reader, TwoReadersOfOneThreadDoNotMeet) {
  std::string a = R"({"x":[1,2,3]})";
  std::string b = R"({"y":{"z":null}})";
  a.reserve(a.size() + body_padding_bytes);
  b.reserve(b.size() + body_padding_bytes);
  std::deque<std::string> unescaped;
  Reader outer(a, unescaped);
  Reader::Object object;
  std::string_view name;
  ASSERT_TRUE(outer.enter(object) && outer.next(object, name));
  {
    Reader inner(b, unescaped);
    EXPECT_TRUE(inner.skip() && inner.finish());
  }
  EXPECT_TRUE(outer.skip());
  EXPECT_FALSE(outer.next(object, name));
  EXPECT_TRUE(outer.finish());
}

TEST(Reader, ADocumentOfManyNamesLeavesTheNextOneAlone) {
  std::string text = "{";
  for (int i = 0; i < 5'000; ++i)
    text += "\"n" + std::to_string(i) + "\":0,";
  EXPECT_EQ(walk(text + "\"last\":0}"), "");
  EXPECT_EQ(walk(R"({"n0":1,"n1":{"n0":1}})"), "");
  EXPECT_NE(walk(R"({"n0":1,"n0":1})"), "");
}

TEST(Reader, PlacesInListsOfListsAreNamed) {
  std::string text = R"([[1],[2,"x"]])";
  text.reserve(text.size() + body_padding_bytes);
  std::deque<std::string> unescaped;
  Reader reader(text, unescaped);
  Reader::Array outer;
  ASSERT_TRUE(reader.enter(outer) && reader.next(outer));
  EXPECT_EQ(reader.message(), "the answer is complete");  // so far
  ASSERT_TRUE(reader.skip() && reader.next(outer));
  Reader::Array inner;
  std::string_view number;
  ASSERT_TRUE(reader.enter(inner) && reader.next(inner) && reader.number(number) && reader.next(inner));
  EXPECT_FALSE(reader.at(outer, reader.at(inner, reader.number(number))));
  EXPECT_EQ(reader.message(), "[1][1] is not a number");
}

TEST(Reader, TheFirstDocumentOfAThreadMayBeEmpty) {
  std::string message;
  std::thread([&message] { message = walk(""); }).join();
  EXPECT_EQ(message, "the answer is empty");
}

TEST(Reader, DocumentsHaveALargestSize) {
  std::string text;
  constexpr std::size_t size = 256 * 1024 * 1024 + 1;
  text.reserve(size + body_padding_bytes);
  text.assign(size, ' ');
  std::deque<std::string> unescaped;
  const Reader reader(text, unescaped);
  EXPECT_EQ(reader.message(), "the answer is too large");
}

// Lets this process have only so many more bytes of address space.
class LittleMemory {
 public:
  explicit LittleMemory(rlim_t more) {
    rlim_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    getrlimit(RLIMIT_AS, &before_);
    const rlimit little{pages * static_cast<rlim_t>(sysconf(_SC_PAGESIZE)) + more, before_.rlim_max};
    set_ = setrlimit(RLIMIT_AS, &little) == 0;
  }
  ~LittleMemory() { setrlimit(RLIMIT_AS, &before_); }
  LittleMemory(const LittleMemory&) = delete;
  LittleMemory& operator=(const LittleMemory&) = delete;
  bool is_set() const { return set_; }

 private:
  rlimit before_{};
  bool set_ = false;
};

TEST(Reader, ADocumentThatMemoryDoesNotSufficeForIsRefused) {
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
  GTEST_SKIP() << "the sanitizer's own memory is not to be limited";
#endif
  std::string text(32 * 1024 * 1024, ' ');  // its tokens might take four times as much
  text.reserve(text.size() + body_padding_bytes);
  std::deque<std::string> unescaped;
  std::string message;
  {
    const LittleMemory little(64 * 1024 * 1024);
    ASSERT_TRUE(little.is_set());
    message = Reader(text, unescaped).message();
  }
  EXPECT_EQ(message, "the answer is too large for the memory there is");
  EXPECT_EQ(walk("{}"), "");
}

TEST(Reader, AHugeDocumentLeavesTheNextOneAlone) {
  std::string huge = "[";
  for (int i = 0; i < 400'000; ++i)
    huge += "\"abcdefg\",";
  EXPECT_EQ(walk(huge + "1]"), "");
  EXPECT_EQ(walk("{}"), "");
  EXPECT_NE(walk("{]"), "");
}

}  // namespace
}  // namespace syncd::core
