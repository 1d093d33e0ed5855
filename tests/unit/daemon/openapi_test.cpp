#include <deque>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>

#include "sync/core/page.hpp"
#include "sync/core/reader.hpp"
#include "tests/unit/daemon/fake_view.hpp"

// The description of the admin API names every route and no other.
namespace syncd::test {

namespace {

// `GET /v1/links/* read`
using Lines = std::set<std::string>;

std::string upper(std::string_view method) {
  std::string out{method};
  for (char& c : out)
    c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
  return out;
}

// `/v1/links/{link_id}` -> `/v1/links/*`
std::string pattern_of(std::string_view path) {
  std::string out;
  bool inside = false;
  for (const char c : path) {
    inside = inside || c == '{';
    if (!inside) out += c;
    if (c != '}') continue;
    inside = false;
    out += '*';
  }
  return out;
}

bool read_role(core::Reader& reader, std::string& role) {
  core::Reader::Object operation;
  if (!reader.enter(operation)) return false;
  std::string_view name;
  std::string_view value;
  while (reader.next(operation, name)) {
    if (name != "x-role") {
      reader.skip();
    } else if (reader.text(value)) {
      role = value;
    }
  }
  return reader.ok();
}

bool read_path(core::Reader& reader, const std::string& path, Lines& lines) {
  core::Reader::Object methods;
  if (!reader.enter(methods)) return false;
  std::string_view name;
  while (reader.next(methods, name)) {
    const std::string method = upper(name);
    std::string role;
    if (read_role(reader, role)) lines.insert(method + " " + path + " " + role);
  }
  return reader.ok();
}

Lines described_by(std::string document) {
  document.reserve(document.size() + core::body_padding_bytes);
  std::deque<std::string> unescaped;
  core::Reader reader(document, unescaped);
  core::Reader::Object top;
  std::string_view name;
  Lines lines;
  if (reader.enter(top)) {
    while (reader.next(top, name)) {
      core::Reader::Object paths;
      if (name != "paths") {
        reader.skip();
      } else if (reader.enter(paths)) {
        while (reader.next(paths, name))
          read_path(reader, pattern_of(name), lines);
      }
    }
  }
  EXPECT_TRUE(reader.ok() && reader.finish()) << reader.message();
  return lines;
}

std::string text_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

TEST_F(Routes, TheDescriptionNamesEveryRouteWithItsRole) {
  Lines served{"GET /-/healthy none", "GET /-/ready none"};
  for (const daemon::AdminRoutes::RouteInfo& route : daemon::AdminRoutes::list_routes())
    served.insert(std::string(route.method) + " " + route.path + " " +
                  std::string(daemon::to_string(route.role)));
  EXPECT_GT(served.size(), 30U);
  EXPECT_EQ(described_by(ask("GET", "/v1/openapi.json").body), served);
}

TEST_F(Routes, ServesItsDescriptionByteByByte) {
  const HttpResponse response = ask("GET", "/v1/openapi.json");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.content_type, "application/json");
  EXPECT_EQ(response.body, text_of(std::filesystem::path(SYNCD_SOURCE_DIR) / "daemon/admin/openapi.json"));
  EXPECT_EQ(ask("GET", "/v1/openapi.json?format=yaml").status, 400);
  EXPECT_EQ(ask("POST", "/v1/openapi.json", "{}").status, 405);
}

}  // namespace syncd::test
