// Reading the bodies of control calls.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <boost/json/object.hpp>

namespace syncd::sandbox {

/// What is wrong with the first member that is unknown or of the wrong type; empty: nothing. Ignored, it
/// would make a test that passes for the wrong reason. `members`: `name:type` separated by blanks; the types
/// are integer, text and flag.
std::string wrong_member(const boost::json::object& body, std::string_view members);

// Members of a body that wrong_member() has nothing against; the fallback when absent.
std::string text_of(const boost::json::object& object, std::string_view name, std::string_view fallback = "");
bool flag_of(const boost::json::object& object, std::string_view name, bool fallback);
std::int64_t integer_of(const boost::json::object& object, std::string_view name, std::int64_t fallback);

/// Reads integers and keeps the first complaint about a range.
class RangeReader {
 public:
  explicit RangeReader(const boost::json::object& object) : object_(object) {}
  /// `fallback` when absent (it must lie in the range unless the member is required) or out of range.
  std::int64_t integer(std::string_view name, std::int64_t fallback, std::int64_t low, std::int64_t high);
  [[nodiscard]] const std::string& problem() const { return problem_; }

 private:
  const boost::json::object& object_;
  std::string problem_;
};

}  // namespace syncd::sandbox
