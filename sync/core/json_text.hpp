#pragma once

#include <string>
#include <string_view>

namespace syncd::core {

// Appends `text` as a JSON string, quotes included. Bytes that are not UTF-8 become U+FFFD, control
// characters (C0, DEL, C1) become \u escapes, so that the result is harmless in a terminal too.
void append_json_string(std::string& out, std::string_view text);

// One code point at the front of `text`, which must not be empty. Strict (RFC 3629): no overlong forms, no
// surrogates, nothing above U+10FFFF. length 0: the first byte does not begin a valid sequence.
struct CodePoint {
  char32_t value = 0;
  unsigned length = 0;
};
CodePoint first_code_point(std::string_view text);

// Appends the UTF-8 form of a Unicode scalar value.
void append_utf8(std::string& out, char32_t value);

}  // namespace syncd::core
