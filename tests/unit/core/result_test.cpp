#include "sync/core/result.hpp"

#include <set>

#include <gtest/gtest.h>

namespace syncd::core {
namespace {

TEST(Result, EveryKindHasItsOwnName) {
  std::set<std::string_view> names;
  for (int i = 1; i <= 16; ++i)
    names.insert(to_string(static_cast<Errc>(i)));
  EXPECT_EQ(names.size(), 16u);
  EXPECT_FALSE(names.contains("unknown"));
  EXPECT_EQ(to_string(static_cast<Errc>(99)), "unknown");
}

TEST(Result, NumbersOnDiskStay) {
  EXPECT_EQ(static_cast<int>(Errc::transport), 1);
  EXPECT_EQ(static_cast<int>(Errc::relink_required), 6);
  EXPECT_EQ(static_cast<int>(Errc::cursor_rejected), 12);
  EXPECT_EQ(static_cast<int>(Errc::invalid), 16);
}

TEST(Result, ContextStandsInFrontAndKeepsTheRest) {
  const Error inner{.code = Errc::server, .message = "HTTP 503", .http_status = 503};
  const Error outer = with_context(with_context(inner, "sync page"), "link mk_1");
  EXPECT_EQ(outer.message, "link mk_1: sync page: HTTP 503");
  EXPECT_EQ(outer.code, Errc::server);
  EXPECT_EQ(outer.http_status, 503);
}

}  // namespace
}  // namespace syncd::core
