#include <string>
#include <vector>

#include "daemon/admin/link_request.hpp"
#include "tests/unit/daemon/fake_view.hpp"

// What goes in and out by the thousand.
namespace syncd::test {

namespace {

std::string items(const std::string& each, std::size_t count) {
  std::string body = R"({"items":[)";
  for (std::size_t at = 0; at < count; ++at)
    body += (at == 0 ? "" : ",") + each;
  return body + "]}";
}

}  // namespace

TEST_F(Routes, ImportAnswersForEachItemInItsOrder) {
  const HttpResponse response =
      ask("POST", "/v1/links:import",
          R"({"items":[{"link_id":"mk_1"},{"link_id":"mk_2","customer_user_id":"u","tags":["a","b"]},)"
          R"({"link_id":"mk_\u00e9"}]})");
  EXPECT_EQ(response.status, 200) << response.body;
  EXPECT_EQ(
      response.body,
      R"({"items":[{"link_id":"mk_1","result":"existed"},{"link_id":"mk_2","result":"added"},)"
      "{\"link_id\":\"mk_\xC3\xA9\",\"result\":\"refused\",\"code\":\"links_max\",\"message\":\"no room\"}],"
      R"("counts":{"added":1,"existed":1,"refused":1}})");
  ASSERT_EQ(view.imported.size(), 3u);
  EXPECT_EQ(view.imported[1].customer_user_id, "u");
  EXPECT_THAT(view.imported[1].tags, testing::ElementsAre("a", "b"));
  EXPECT_EQ(view.asked_actor, "uid:1000");
  EXPECT_EQ(view.noted, "links.import by uid:1000");
}

TEST_F(Routes, ImportOfNothingIsNoAct) {
  EXPECT_EQ(ask("POST", "/v1/links:import", R"({"items":[]})").status, 200);
  EXPECT_EQ(ask("POST", "/v1/links:import", R"({"items":[{"link_id":"mk_1"}]})").status, 200);
  EXPECT_EQ(view.noted, "") << "it was there";
}

TEST_F(Routes, ImportRefusesTheWholeAndNamesTheItem) {
  struct Case {
    std::string body;
    std::string detail;
  };
  const std::string good = R"({"link_id":"mk_1"})";
  const std::vector<Case> cases{
      {"", "the body"},
      {"[]", "the body"},
      {"{}", "items is missing"},
      {R"({"items":{}})", "items is not an array"},
      {R"({"items":[],"more":1})", "member \\\"more\\\" is not known here; known are items"},
      {R"({"items":[],"items":[]})", "twice"},
      {R"({"items":["mk_1"]})", "items[0] is not an object"},
      {R"({"items":[)" + good + R"(,{"link_id":7}]})", "items[1].link_id is not a string"},
      {R"({"items":[)" + good + R"(,{}]})", "items[1].link_id is missing"},
      {R"({"items":[)" + good + R"(,{"link_id":""}]})", "items[1].link_id must have 1 to 256 bytes"},
      {R"({"items":[{"link_id":")" + std::string(257, 'x') + R"("}]})", "items[0].link_id must have"},
      {R"({"items":[{"link_id":"a\u0007"}]})", "items[0].link_id must have"},
      {R"({"items":[{"link_id":"a","link_id":"b"}]})", "twice"},
      {R"({"items":[{"link_id":"a","institution":"b"}]})",
       "items[0] has a member that is not known here; known are link_id, customer_user_id and tags"},
      {R"({"items":[{"link_id":"a","customer_user_id":""}]})", "items[0].customer_user_id must have"},
      {R"({"items":[{"link_id":"a","tags":"b"}]})", "items[0].tags is not an array"},
      {R"({"items":[{"link_id":"a","tags":[""]}]})", "items[0].tags"},
      {items(good, 1001), "items are more than 1000"},
      {items(good, 3) + "x", "the body"},
  };
  for (const Case& one : cases) {
    const HttpResponse response = ask("POST", "/v1/links:import", one.body);
    EXPECT_EQ(response.status, 400) << one.body.substr(0, 100);
    EXPECT_THAT(response.body, HasSubstr(one.detail)) << one.body.substr(0, 100);
    EXPECT_THAT(response.body, HasSubstr("invalid_body"));
  }
  EXPECT_TRUE(view.imported.empty());
  EXPECT_EQ(ask("POST", "/v1/links:import", items(good, 1000)).status, 200);
  EXPECT_EQ(view.imported.size(), 1000u);
}

TEST_F(Routes, ImportTellsThatTheStoreFailed) {
  view.broken = true;
  EXPECT_EQ(ask("POST", "/v1/links:import", items(R"({"link_id":"mk_1"})", 2)).status, 503);
  EXPECT_EQ(ask("POST", "/v1/exports", R"({"what":"feed"})").status, 503);
  EXPECT_EQ(view.noted, "");
}

TEST_F(Routes, ExportsBeginWithAnAct) {
  for (const std::string what : {"accounts", "feed", "links", "transactions"}) {
    const HttpResponse response = ask("POST", "/v1/exports", R"({"what":")" + what + "\"}");
    EXPECT_EQ(response.status, 201) << response.body;
    EXPECT_EQ(response.body, R"({"what":")" + what + R"(","at":"2025-05-06T16:31:12.451Z"})");
    EXPECT_EQ(view.acts.back(), R"(export.begin {"what":")" + what + R"("} by uid:1000)");
    EXPECT_EQ(view.noted, "export.begin by uid:1000");
  }
  view.acts.clear();
  for (const char* const body : {"", "{}", R"({"what":"everything"})", R"({"what":7})",
                                 R"({"what":"feed","x":1})", R"({"what":"feed","what":"feed"})"})
    EXPECT_EQ(ask("POST", "/v1/exports", body).status, 400) << body;
  EXPECT_EQ(ask("POST", "/v1/exports?what=feed", R"({"what":"feed"})").status, 400);
  EXPECT_EQ(ask("GET", "/v1/exports").status, 405);
  EXPECT_TRUE(view.acts.empty());
}

// A link that did not come as JSON is judged as one that did.
TEST(LinkFault, JudgesAsTheBodyIsJudged) {
  const auto link = [](std::string id, std::string user, std::vector<std::string> tags) {
    return engine::NewLink{core::LinkId{std::move(id)}, std::move(user), std::move(tags)};
  };
  EXPECT_FALSE(daemon::fault_of(link("mk_1", "", {})));
  EXPECT_FALSE(daemon::fault_of(link(std::string(256, 'x'), std::string(256, 'u'),
                                     std::vector<std::string>(32, std::string(128, 't')))));
  EXPECT_TRUE(daemon::fault_of(link("", "", {})));
  EXPECT_TRUE(daemon::fault_of(link(std::string(257, 'x'), "", {})));
  EXPECT_TRUE(daemon::fault_of(link("a\nb", "", {})));
  EXPECT_TRUE(daemon::fault_of(link("a\xFF", "", {})));
  EXPECT_TRUE(daemon::fault_of(link("a", std::string(257, 'u'), {})));
  EXPECT_TRUE(daemon::fault_of(link("a", "u", {""})));
  EXPECT_TRUE(daemon::fault_of(link("a", "u", {std::string(129, 't')})));
  EXPECT_TRUE(daemon::fault_of(link("a", "u", {"t\xFF"})));
  EXPECT_TRUE(daemon::fault_of(link("a", "u", std::vector<std::string>(33, "t"))));
}

}  // namespace syncd::test
