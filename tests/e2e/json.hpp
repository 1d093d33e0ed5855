#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace syncd::test::e2e {

/// A JSON value that keeps the text of its numbers and strings, so that comparing two of them notices a digit
/// that was rewritten. Independent of the reader under test; meant for well-formed answers, throws
/// std::runtime_error on anything else.
class Json {
 public:
  static Json parse(std::string_view text);

  /// The member of that name; a value of kind null when there is none.
  [[nodiscard]] const Json& operator[](std::string_view name) const;
  [[nodiscard]] bool is_null() const { return token_ == "null"; }
  [[nodiscard]] bool is_true() const { return token_ == "true"; }
  /// A string without its quotes (escapes as they stand), a number or literal as it stands.
  [[nodiscard]] std::string text() const;
  [[nodiscard]] unsigned long long number() const;
  [[nodiscard]] const std::vector<Json>& items() const { return items_; }
  [[nodiscard]] const std::vector<std::pair<std::string, Json>>& members() const { return members_; }
  /// One text for all ways to write the same value: members by name, no blanks, numbers as they were written.
  [[nodiscard]] std::string canonical() const;

 private:
  struct Parser;

  std::string token_;  ///< "{", "[", or the whole token
  std::vector<Json> items_;
  std::vector<std::pair<std::string, Json>> members_;  ///< by name
};

}  // namespace syncd::test::e2e
