#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace syncd::tidy {

// A source file in the two views that rules look at. Both views have the same length and the same line breaks
// as `text`, so that an offset means the same place in all three.
struct SourceText {
  std::string path;      // from the repository's root, with '/'
  std::string text;      // as read
  std::string code;      // comments and the insides of string and character literals are blanks
  std::string comments;  // everything but comments is blanks
  std::vector<std::size_t> line_begins;
  std::vector<bool> in_raw_string;  // by line (from 0): it begins inside a raw string literal

  static SourceText parse(std::string path, std::string text);

  std::size_t line_count() const { return line_begins.size(); }
  std::size_t line_of(std::size_t offset) const;            // from 1
  std::string_view line(std::size_t number) const;          // from 1, without the line break
  std::string_view comment_line(std::size_t number) const;  // the same of `comments`
};

}  // namespace syncd::tidy
