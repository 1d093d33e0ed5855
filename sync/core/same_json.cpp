#include <algorithm>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "sync/core/json_digest.hpp"
#include "sync/core/page.hpp"
#include "sync/core/reader.hpp"

namespace syncd::core {
namespace {

// Appends a form of the next value that is the same for equal values and different for others: members sorted
// by name, strings without escapes and with their length in front. Recursion is bounded by json_depth_max.
bool append_canonical(Reader& reader, std::string& out);

bool append_object(Reader& reader, std::string& out) {
  Reader::Object object;
  if (!reader.enter(object)) return false;
  std::vector<std::pair<std::string_view, std::string>> members;
  std::string_view name;
  while (reader.next(object, name)) {
    auto& [member, value] = members.emplace_back();
    member = name;
    if (!append_canonical(reader, value)) return false;
  }
  if (!reader.ok()) return false;
  std::ranges::sort(members, {}, &std::pair<std::string_view, std::string>::first);
  out.push_back('{');
  for (const auto& [member, value] : members) {
    fmt::format_to(std::back_inserter(out), "{}:{}{}", member.size(), member, value);
  }
  out.push_back('}');
  return true;
}

bool append_array(Reader& reader, std::string& out) {
  Reader::Array array;
  if (!reader.enter(array)) return false;
  out.push_back('[');
  while (reader.next(array)) {
    if (!append_canonical(reader, out)) return false;
  }
  out.push_back(']');
  return reader.ok();
}

bool append_canonical(Reader& reader, std::string& out) {
  std::string_view text;
  bool flag = false;
  switch (reader.peek()) {
    case '{':
      return append_object(reader, out);
    case '[':
      return append_array(reader, out);
    case '"':
      if (!reader.text(text)) return false;
      fmt::format_to(std::back_inserter(out), "s{}:{}", text.size(), text);
      return true;
    case 't':
    case 'f':
      if (!reader.boolean(flag)) return false;
      out.push_back(flag ? 't' : 'f');
      return true;
    case 'n':
      out.push_back('n');
      return reader.take_null();
    default:
      if (!reader.number(text)) return false;
      out.append(text).push_back(',');
      return true;
  }
}

std::optional<std::string> canonical(std::string_view json) {
  std::string text;
  text.reserve(json.size() + body_padding_bytes);
  text = json;
  std::deque<std::string> unescaped;
  Reader reader(text, unescaped);
  std::string out;
  out.reserve(json.size() + 64);
  if (!reader.ok() || !append_canonical(reader, out) || !reader.finish()) return std::nullopt;
  return out;
}

}  // namespace

bool same_json(std::string_view a, std::string_view b) {
  if (a == b) return true;
  const auto left = canonical(a);
  if (!left) return false;
  const auto right = canonical(b);
  return right && *left == *right;
}

Digest json_digest(std::string_view json) {
  const std::optional<std::string> form = canonical(json);
  // No canonical form begins with this byte: a text that is no JSON is the same as no text that is.
  return digest_of(form ? *form : std::string(1, '!').append(json));
}

}  // namespace syncd::core
