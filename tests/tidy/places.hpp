#pragma once

#include <string_view>

// Where things may stand. These tables are the policy; the checks are in rules_*.cpp.
namespace syncd::tidy {

// The folder a path belongs to, as far as include directions are concerned: "sync/core", "store", "tests" ...
// Empty for anything else.
std::string_view folder_of(std::string_view path);

// May a file in `from` include a header of `to`?
bool include_allowed(std::string_view from, std::string_view to);

// '*' stands for any run of characters, '/' included.
bool matches(std::string_view pattern, std::string_view path);

// Where a third-party header may be included, nullptr if it is free. Tests may include anything.
struct HeaderPlace {
  std::string_view header;    // prefix of the path between <>
  std::string_view patterns;  // separated by blanks
  std::string_view fix;
};
const HeaderPlace* header_place(std::string_view header);
bool any_matches(std::string_view patterns, std::string_view path);

}  // namespace syncd::tidy
