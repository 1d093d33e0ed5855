#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace syncd::cli {

struct JsonMember;

// One value of the daemon's answer. Numbers stay text: an amount is shown as it came.
struct JsonValue {
  enum class Kind : unsigned char { null, boolean, number, string, array, object };

  Kind kind = Kind::null;
  std::string text;  // of a string (unescaped), a number, true or false
  std::string raw;   // the JSON text, for objects no deeper than two levels
  std::vector<JsonValue> items;
  std::vector<JsonMember> members;

  // The member at a dotted path; nullptr: absent.
  const JsonValue* find(std::string_view path) const;
  // The text of a string, number or boolean at `path`; `fallback` for null and absent.
  std::string at(std::string_view path, std::string_view fallback = "-") const;
};

struct JsonMember {
  std::string name;
  JsonValue value;
};

std::expected<JsonValue, std::string> parse_json(std::string text);

}  // namespace syncd::cli
