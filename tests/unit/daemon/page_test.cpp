#include "daemon/admin/page.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace syncd::daemon {
namespace {

using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

const std::filesystem::path folder = std::filesystem::path(SYNCD_SOURCE_DIR) / "daemon/admin/page";

std::string text_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(Page, HoldsEveryFileByteByByte) {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string name = entry.path().filename();
    const PageFile* const file = page_file(name == "index.html" ? "/" : "/" + name);
    ASSERT_NE(file, nullptr) << name;
    EXPECT_EQ(file->content, text_of(entry.path())) << name;
    EXPECT_FALSE(file->content.empty()) << name;
    ++count;
  }
  EXPECT_GT(count, 5U);
  EXPECT_EQ(page_paths().size(), count);
}

TEST(Page, NamesWhatAFileIs) {
  EXPECT_EQ(page_file("/")->content_type, "text/html; charset=utf-8");
  EXPECT_EQ(page_file("/app.css")->content_type, "text/css; charset=utf-8");
  EXPECT_EQ(page_file("/app.js")->content_type, "text/javascript; charset=utf-8");
  EXPECT_EQ(page_file("/icon.svg")->content_type, "image/svg+xml");
}

TEST(Page, AnswersExactPathsOnly) {
  for (const std::string_view path :
       {"", "//", "/.", "/..", "/index.html", "app.js", "/App.js", "/app.js/", "//app.js", "/./app.js",
        "/app%2ejs", "/app.js?x", "/page/app.js", "/../admin/page.cpp", "http://host/app.js", "*"}) {
    EXPECT_EQ(page_file(path), nullptr) << path;
  }
  EXPECT_EQ(page_file(std::string_view("/app.js\0", 8)), nullptr);
}

// What the policy would refuse, and what it cannot see: an address of somewhere else.
TEST(Page, KeepsToItsPolicy) {
  for (const std::string_view path : page_paths()) {
    std::string text{page_file(path)->content};
    const std::string_view name_of_svg = "http://www.w3.org/2000/svg";  // a name, which nobody fetches
    for (std::size_t at = text.find(name_of_svg); at != std::string::npos; at = text.find(name_of_svg))
      text.erase(at, name_of_svg.size());
    EXPECT_THAT(text, AllOf(Not(HasSubstr("http:")), Not(HasSubstr("https:")), Not(HasSubstr("innerHTML")),
                            Not(HasSubstr("outerHTML")), Not(HasSubstr("insertAdjacentHTML")),
                            Not(HasSubstr("document.write")), Not(HasSubstr("eval("))))
        << path;
  }
  const std::string_view html = page_file("/")->content;
  EXPECT_THAT(html,
              AllOf(Not(HasSubstr("<style")), Not(HasSubstr("style=")), Not(ContainsRegex(" on[a-z]+=")),
                    HasSubstr("<script type=\"module\" src=\"/app.js\"></script>")));
  for (const std::string_view part : {"default-src 'none'", "script-src 'self';", "style-src 'self';",
                                      "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'"}) {
    EXPECT_THAT(page_security_policy, HasSubstr(part));
  }
  EXPECT_THAT(page_security_policy, Not(HasSubstr("unsafe")));
}

}  // namespace
}  // namespace syncd::daemon
