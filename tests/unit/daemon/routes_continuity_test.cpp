#include <fmt/format.h>

#include "sync/core/continuity.hpp"
#include "tests/unit/daemon/fake_view.hpp"

// What a relink did to a link's data, over the admin API.
namespace syncd::test {

TEST_F(Routes, ShowsWhatARelinkDid) {
  view.continuity_note = core::report_note(R"({"link_id":"mk_1","verdict":"intact"})");
  const HttpResponse report = ask("GET", "/v1/relink/mk_1/continuity?wait=2s");
  EXPECT_EQ(report.status, 200);
  EXPECT_EQ(report.content_type, "application/json");
  EXPECT_EQ(report.body, R"({"link_id":"mk_1","verdict":"intact"})");
  EXPECT_EQ(view.waited, core::Millis{2'000});
}

TEST_F(Routes, SaysWhyThereIsNoReportOfARelink) {
  struct Case {
    std::optional<std::string> note;
    const char* code;
  };
  const Case cases[] = {{std::nullopt, "continuity_not_found"},
                        {"", "continuity_not_found"},
                        {"continuity-report 1 damaged", "continuity_not_found"},
                        {core::to_note(core::ContinuitySnapshot{}), "continuity_pending"}};
  for (const Case& test : cases) {
    view.continuity_note = test.note;
    const HttpResponse response = ask("GET", "/v1/relink/mk_1/continuity");
    EXPECT_EQ(response.status, 404);
    EXPECT_THAT(response.body, HasSubstr(fmt::format(R"("code":"{}")", test.code)));
  }
  EXPECT_THAT(ask("GET", "/v1/relink/mk_9/continuity").body, HasSubstr(R"("code":"link_not_found")"));
  EXPECT_EQ(ask("GET", "/v1/relink/mk_1/continuity?wait=soon").status, 400);
  EXPECT_EQ(ask("GET", "/v1/relink/mk_1/continuity?all=1").status, 400);
  EXPECT_EQ(ask("POST", "/v1/relink/mk_1/continuity", "{}").status, 405);
}

}  // namespace syncd::test
