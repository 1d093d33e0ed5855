#pragma once

#include <charconv>
#include <cstdint>
#include <deque>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "sync/core/json_text.hpp"
#include "sync/core/page.hpp"
#include "sync/core/reader.hpp"

namespace syncd::daemon {

// What a member's reader says when it does not know the name.
enum class Member : unsigned char { read, refused, unknown };

// Reads the body of a request, a JSON object with the members that `read(reader, name)` knows and no other,
// none twice. The error names the member and the reason. `known`: their names, for people.
template <class Read>
std::expected<void, std::string> read_body(std::string body, std::string_view known, Read read) {
  constexpr std::size_t name_shown_max = 64;
  body.reserve(body.size() + core::body_padding_bytes);
  std::deque<std::string> unescaped;
  core::Reader reader(body, unescaped);
  core::Reader::Object object;
  std::string_view name;
  if (reader.ok() && reader.enter(object)) {
    while (reader.next(object, name)) {
      const Member member = read(reader, name);
      if (member == Member::refused) break;
      if (member == Member::read) continue;
      std::string quoted;
      core::append_json_string(quoted, name.substr(0, name_shown_max));
      return std::unexpected("the body: member " + quoted + " is not known here; known are " +
                             std::string(known));
    }
  }
  if (reader.ok() && reader.finish()) return {};
  // The reader speaks of upstream's answers.
  constexpr std::string_view document = "the answer";
  const std::string message = reader.message();
  if (message.starts_with(document)) return std::unexpected("the body" + message.substr(document.size()));
  return std::unexpected("the body: " + message);
}

// A text of at most `bytes_max` bytes.
inline bool read_text(core::Reader& reader, std::string& out, std::size_t bytes_max) {
  std::string_view text;
  if (!reader.text(text)) return false;
  if (text.size() > bytes_max) return reader.fail("is too long");
  out = text;
  return true;
}

// The version of a relink entry, as the person saw it.
inline bool read_version(core::Reader& reader, std::optional<std::uint64_t>& version) {
  std::string_view text;
  if (!reader.number(text)) return false;
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size())
    return reader.fail("must be the version of the entry, a whole number");
  version = value;
  return true;
}

inline Member read_as(bool read) {
  return read ? Member::read : Member::refused;
}

}  // namespace syncd::daemon
