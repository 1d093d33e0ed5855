#include "daemon/json_writer.hpp"

#include <string>

#include <gtest/gtest.h>

namespace syncd::test {

TEST(JsonWriter, PlacesCommasAndSplicesRawText) {
  daemon::JsonWriter writer;
  writer.begin_object();
  writer.member("text", "a").member("yes", true).member("no", false);
  writer.member("negative", -5).member("big", std::uint64_t{18446744073709551615U});
  writer.key("none").null();
  writer.key("list")
      .begin_array()
      .integer(std::int64_t{1})
      .string("two")
      .begin_object()
      .end_object()
      .end_array();
  writer.key("data").raw(R"({"amount":1e2,"exact":-0.0})");
  writer.member("last", "a\"\n\x01\xFF");
  writer.end_object();
  EXPECT_EQ(writer.text(),
            R"({"text":"a","yes":true,"no":false,"negative":-5,"big":18446744073709551615,"none":null,)"
            R"("list":[1,"two",{}],"data":{"amount":1e2,"exact":-0.0},"last":"a\"\n\u0001)"
            "\xEF\xBF\xBD\"}");
}

}  // namespace syncd::test
