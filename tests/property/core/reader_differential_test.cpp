#include <optional>
#include <random>
#include <set>
#include <thread>

#include <boost/json/basic_parser_impl.hpp>
#include <gtest/gtest.h>
#include <simdjson.h>

#include "sync/core/page.hpp"
#include "sync/core/reader.hpp"
#include "tests/unit/core/sample_answers.hpp"

// Our reader must accept exactly what an independent strict reader accepts. Boost.JSON judges grammar, UTF-8,
// escapes and trailing bytes; its handler adds repeated names and depth.
namespace syncd::core {
namespace {

struct Judge {
  static constexpr std::size_t max_object_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_array_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_key_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_string_size = static_cast<std::size_t>(-1);

  using Code = boost::json::error_code;
  using Text = boost::json::string_view;
  std::vector<std::set<std::string>> names;  // of the open containers; empty for arrays
  std::string key;
  bool refused = false;

  void open() {
    names.emplace_back();
    refused = refused || names.size() > json_depth_max;
  }
  bool on_document_begin(Code&) { return true; }
  bool on_document_end(Code&) { return true; }
  bool on_object_begin(Code&) { return open(), true; }
  bool on_object_end(std::size_t, Code&) { return names.pop_back(), true; }
  bool on_array_begin(Code&) { return open(), true; }
  bool on_array_end(std::size_t, Code&) { return names.pop_back(), true; }
  bool on_key_part(Text text, std::size_t, Code&) { return key.append(text.data(), text.size()), true; }
  bool on_key(Text text, std::size_t, Code&) {
    key.append(text.data(), text.size());
    refused = refused || !names.back().insert(key).second;
    key.clear();
    return true;
  }
  bool on_string_part(Text, std::size_t, Code&) { return true; }
  bool on_string(Text, std::size_t, Code&) { return true; }
  bool on_number_part(Text, Code&) { return true; }
  bool on_int64(std::int64_t, Text, Code&) { return true; }
  bool on_uint64(std::uint64_t, Text, Code&) { return true; }
  bool on_double(double, Text, Code&) { return true; }
  bool on_bool(bool, Code&) { return true; }
  bool on_null(Code&) { return true; }
  bool on_comment_part(Text, Code&) { return true; }
  bool on_comment(Text, Code&) { return true; }
};

// nullopt: the judge gave up at an exponent that a double cannot hold, which is none of our business.
std::optional<bool> judge(const std::string& text) {
  boost::json::parse_options options;
  options.max_depth = 100'000;  // Judge counts
  boost::json::basic_parser<Judge> parser(options);
  boost::json::error_code error;
  const std::size_t used = parser.write_some(false, text.data(), text.size(), error);
  if (error == boost::json::error::exponent_overflow) return std::nullopt;
  if (error) return false;
  // What is left over must be white space; write_some() stops behind the value and its white space.
  return used == text.size() && !parser.handler().refused;
}

bool judge_accepts(const std::string& text) {
  return judge(text).value_or(false);
}

bool reader_accepts(std::string text) {
  text.reserve(text.size() + body_padding_bytes);
  std::deque<std::string> unescaped;
  Reader reader(text, unescaped);
  return reader.ok() && reader.skip() && reader.finish();
}

std::vector<std::string> seeds() {
  return {test::sample_page(2),
          test::sample_link(),
          R"([{"a":1,"b":"x\u0041\n","c":[true,false,null]},{"a":-1.5e+3,"b":"\uD834\uDD1E","c":[]},)"
          R"({"c":0,"a":0.0}])",
          R"( { "k\"ey" : { "" : [ [ ] , { } , "é€𝄞" ] } , "n" : [0,-0,10,1E5,12345678901234567890] } )",
          std::string(60, '[') + R"({"a":[]})" + std::string(60, ']'),
          R"("text")",
          "-12.5e-3",
          "null"};
}

// Bytes that mean something to a reader.
constexpr const char* pieces[] = {"{",
                                  "}",
                                  "[",
                                  "]",
                                  ":",
                                  ",",
                                  "\"",
                                  "\\",
                                  "\\u",
                                  "\\uD834",
                                  "\\uDD1E",
                                  "\\n",
                                  "0",
                                  "1",
                                  "-",
                                  "+",
                                  ".",
                                  "e",
                                  "E",
                                  "true",
                                  "null",
                                  "nul",
                                  " ",
                                  "\n",
                                  "\t",
                                  "\r",
                                  "\x0b",
                                  "\x0c",
                                  "\x1a",
                                  "\x01",
                                  "\x7f",
                                  "\xc3",
                                  "\xa9",
                                  "\xff",
                                  "\xed\xa0\x80",
                                  "\xef\xbb\xbf",
                                  "\"a\":1,",
                                  ",\"a\":1",
                                  "{\"a\":1,\"a\":2}",
                                  "[]",
                                  "{}",
                                  "01",
                                  "1e400",
                                  "/",
                                  "'",
                                  "[[[[[",
                                  "]]]]]",
                                  "\"link_id\":0,",
                                  "\\u0000",
                                  "\\u006"};

// One small damage, biased towards bytes that mean something.
void mutate(std::string& text, std::mt19937_64& random) {
  const auto below = [&random](std::size_t n) { return static_cast<std::size_t>(random() % n); };
  const std::size_t at = below(text.size() + 1);
  switch (below(7)) {
    case 0:
      text.insert(at, pieces[below(std::size(pieces))]);
      break;
    case 1:
      text.erase(at, 1 + below(3));
      break;
    case 2:
      if (at < text.size()) text[at] = static_cast<char>(below(256));
      break;
    case 3:
      text.resize(at);
      break;
    case 4: {  // a piece of itself somewhere else: repeated members, values in wrong places
      const std::size_t from = below(text.size() + 1);
      text.insert(at, text.substr(from, below(40)));
      break;
    }
    case 5: {
      const std::size_t end = std::min(text.size(), at + below(12));
      text.replace(at, end - at, pieces[below(std::size(pieces))]);
      break;
    }
    default:
      text.append(pieces[below(std::size(pieces))]);
      break;
  }
}

// Mutations of every seed document, on the simdjson implementation of the calling thread's first use.
void compare(std::uint64_t seed, int rounds, int& accepted) {
  std::mt19937_64 random(seed);
  const std::vector<std::string> documents = seeds();
  for (int i = 0; i < rounds; ++i) {
    std::string text = documents[static_cast<std::size_t>(i) % documents.size()];
    for (std::uint64_t n = random() % 3 + 1; n > 0 && !text.empty(); --n)
      mutate(text, random);
    const std::optional<bool> expected = judge(text);
    if (!expected) continue;
    if (*expected) ++accepted;
    ASSERT_EQ(reader_accepts(text), *expected) << "seed " << seed << ", round " << i << ":\n" << text;
  }
}

TEST(ReaderDifferential, SeedDocumentsAreAccepted) {
  for (const std::string& text : seeds()) {
    EXPECT_TRUE(judge_accepts(text)) << text;
    EXPECT_TRUE(reader_accepts(text)) << text;
  }
}

TEST(ReaderDifferential, AcceptsExactlyWhatAnIndependentReaderAccepts) {
  int accepted = 0;
  compare(20260101, 30'000, accepted);
  EXPECT_GT(accepted, 1'000);  // both answers occur often
  EXPECT_LT(accepted, 25'000);
}

TEST(ReaderDifferential, WhateverTheProcessor) {
  const auto* const usual =
      static_cast<const simdjson::implementation*>(simdjson::get_active_implementation());
  for (const auto* implementation : simdjson::get_available_implementations()) {
    if (!implementation->supported_by_runtime_system()) continue;
    simdjson::get_active_implementation() = implementation;
    // A new thread, because a thread keeps the implementation it began with.
    std::thread worker([] {
      int accepted = 0;
      compare(7, 5'000, accepted);
      EXPECT_GT(accepted, 150);
    });
    worker.join();
    EXPECT_FALSE(HasFailure()) << implementation->name();
  }
  simdjson::get_active_implementation() = usual;
}

// Whatever the damage: a page or a refusal, and rows that lie inside the document.
TEST(ReaderDifferential, DamagedPagesAreReadOrRefused) {
  std::mt19937_64 random(42);
  int read = 0;
  for (int i = 0; i < 10'000; ++i) {
    std::string text = test::sample_page(2, i % 2 == 0);
    for (std::uint64_t n = random() % 2 + 1; n > 0 && !text.empty(); --n)
      mutate(text, random);
    const bool valid = judge(text).value_or(true);
    const auto page = parse_page(text);
    if (!page) {
      EXPECT_EQ(page.error().code, Errc::protocol);
      continue;
    }
    ++read;
    ASSERT_TRUE(valid) << text;
    for (const TransactionRow& row : (*page)->created) {
      ASSERT_TRUE(is_valid_id(row.transaction_id) && is_valid_id(row.account_id));
      ASSERT_TRUE(row.json.starts_with('{') && row.json.ends_with('}'));
      ASSERT_TRUE(judge_accepts(std::string(row.json)));
    }
  }
  EXPECT_GT(read, 500);
}

}  // namespace
}  // namespace syncd::core
