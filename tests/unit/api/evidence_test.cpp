#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "sync/core/redact.hpp"
#include "tests/unit/api/client_fixture.hpp"

// What is kept of an answer whose status refuses: the letter of a quarantine has nothing else to show.
namespace syncd::test {
namespace {

using core::Errc;

struct Refusal {
  int status = 0;
  std::string body;
  bool json = true;
};

std::string coded(std::string_view code) {
  return error_reply(400, std::string(code)).body;
}

core::Error refused(const Refusal& refusal, bool with_cursor) {
  ClientFixture fixture(api::AuthMethod::headers, [&](const api::HttpCall&) {
    api::HttpReply reply = json_reply(refusal.status, refusal.body);
    reply.json = refusal.json;
    return reply;
  });
  const std::optional<core::Cursor> cursor = with_cursor ? std::optional(core::Cursor{"c1"}) : std::nullopt;
  const auto page =
      fixture.run(fixture.client.sync_page(core::LinkId("l1"), cursor, 500, core::Cause::schedule));
  EXPECT_FALSE(page) << refusal.status;
  return page ? core::Error{} : page.error();
}

const Refusal quarantining[] = {
    {400, coded("api_error.query.invalid_request")},
    {400, R"({"detail":"nobody has agreed on this"})"},
    {400, "<h1>Bad Request</h1>", false},
    {400, ""},
    {404, coded("link_error.not_found")},
    {404, coded("something_else")},
    {409, coded("api_error.conflict")},
    {409, "not JSON at all"},
    {410, coded("something_else")},
    {415, coded("api_error.media_type")},
    {418, "teapot", false},
    {422, coded("api_error.query.invalid_request")},
    {431, coded("api_error.headers")},
    {431, ""},
};

TEST(refusal_by_status, keeps_evidence_where_it_may_end_in_a_quarantine) {
  for (const Refusal& refusal : quarantining) {
    for (const bool with_cursor : {false, true}) {
      SCOPED_TRACE(std::to_string(refusal.status) + " " + refusal.body + (with_cursor ? " cursor" : ""));
      const core::Error error = refused(refusal, with_cursor);
      const bool counts =
          error.code == Errc::protocol || error.code == Errc::cursor_rejected || error.code == Errc::gone;
      EXPECT_TRUE(counts) << core::to_string(error.code);
      EXPECT_EQ(error.body_bytes, refusal.body.size());
      EXPECT_EQ(error.body_digest, core::digest_of(refusal.body));
      EXPECT_EQ(error.redacted_body, core::redacted(refusal.body));
    }
  }
}

// Nobody would ever look at it, and while upstream is down there are many of these.
TEST(refusal_by_status, keeps_nothing_where_it_cannot) {
  const Refusal others[] = {
      {302, coded("x")}, {401, coded("api_error.auth.unauthorized")},  {403, coded("x")},
      {408, coded("x")}, {410, coded("link_error.deleted")},           {429, coded("x")},
      {500, coded("x")}, {503, "<h1>Service Unavailable</h1>", false},
  };
  for (const Refusal& refusal : others) {
    SCOPED_TRACE(refusal.status);
    const core::Error error = refused(refusal, true);
    EXPECT_EQ(error.body_bytes, 0u);
    EXPECT_EQ(error.body_digest, core::Digest{});
    EXPECT_EQ(error.redacted_body, "");
  }
}

}  // namespace
}  // namespace syncd::test
