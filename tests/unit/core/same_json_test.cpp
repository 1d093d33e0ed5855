#include <gtest/gtest.h>

#include "sync/core/page.hpp"

namespace syncd::core {
namespace {

TEST(SameJson, OrderSpaceAndEscapesDoNotMatter) {
  EXPECT_TRUE(same_json(R"({"a":1,"b":[true,null]})", R"( { "b" : [ true , null ] , "a" : 1 } )"));
  EXPECT_TRUE(same_json(R"({"a":"x/y"})", R"({"\u0061":"\u0078\/y"})"));
  EXPECT_TRUE(same_json(R"({"a":"𝄞"})", R"({"a":"\uD834\uDD1E"})"));
  EXPECT_TRUE(same_json(R"({"a":{"x":1,"y":2},"b":{}})", R"({"b":{},"a":{"y":2,"x":1}})"));
  EXPECT_TRUE(same_json("1", " 1"));
}

TEST(SameJson, NumbersAreTheirText) {
  EXPECT_FALSE(same_json(R"({"a":1.0})", R"({"a":1.00})"));
  EXPECT_FALSE(same_json(R"({"a":100})", R"({"a":1e2})"));
  EXPECT_FALSE(same_json(R"({"a":0})", R"({"a":-0})"));
  EXPECT_TRUE(same_json(R"({"a":-0.0,"b":1})", R"({"b":1,"a":-0.0})"));
}

TEST(SameJson, EveryDifferenceCounts) {
  const char* base = R"({"a":"1","b":[1,2],"c":null,"d":true})";
  for (const char* other :
       {R"({"a":1,"b":[1,2],"c":null,"d":true})", R"({"a":"1","b":[2,1],"c":null,"d":true})",
        R"({"a":"1","b":[1,2],"c":null,"d":false})", R"({"a":"1","b":[1,2],"c":"null","d":true})",
        R"({"a":"1","b":[1,2],"d":true})", R"({"a":"1","b":[1,2],"c":null,"d":true,"e":0})",
        R"({"a":"1","b":[12],"c":null,"d":true})", R"({"a":"1","b":[[1,2]],"c":null,"d":true})",
        R"({"A":"1","b":[1,2],"c":null,"d":true})", R"({"a":"1","b":{"1":2},"c":null,"d":true})", "{}",
        "[]"}) {
    EXPECT_FALSE(same_json(base, other)) << other;
    EXPECT_FALSE(same_json(other, base)) << other;
  }
  EXPECT_FALSE(same_json(R"(["a","b"])", R"(["a\",\"b"])"));
  EXPECT_FALSE(same_json("[]", "{}"));
  EXPECT_FALSE(same_json("[[]]", "[[],[]]"));
  EXPECT_FALSE(same_json(R"({"a":{"b":1}})", R"({"a":{},"b":1})"));
}

TEST(SameJson, WhatIsNotJsonEqualsOnlyItself) {
  EXPECT_TRUE(same_json("", ""));
  EXPECT_TRUE(same_json("{a}", "{a}"));
  EXPECT_FALSE(same_json("", " "));
  EXPECT_FALSE(same_json("{a}", "{ a}"));
  EXPECT_FALSE(same_json(R"({"a":1})", R"({"a":1} x)"));
  EXPECT_FALSE(same_json(R"({"a":1,"a":1})", R"({"a":1, "a":1})"));
  for (const char* text :
       {"tru", "nul", "01", "-", R"("\ud800")", R"({"a":x})", R"({"a":01})", "[x]", R"({"a":1)"})
    EXPECT_FALSE(same_json(text, std::string(text) + " ")) << text;
}

TEST(SameJson, DepthIsBounded) {
  const std::string deep = std::string(100'000, '[') + std::string(100'000, ']');
  EXPECT_TRUE(same_json(deep, deep));
  EXPECT_FALSE(same_json(deep, deep + " "));
  std::string objects = "1";
  for (int i = 0; i < 100; ++i)
    objects = R"({"a":)" + objects + "}";
  EXPECT_FALSE(same_json(objects, objects + " "));
  const std::string fits = std::string(64, '[') + std::string(64, ']');
  EXPECT_TRUE(same_json(fits, fits + " "));
}

}  // namespace
}  // namespace syncd::core
