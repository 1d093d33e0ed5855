#include "daemon/cli/json_value.hpp"

#include <algorithm>
#include <deque>

#include "sync/core/page.hpp"
#include "sync/core/reader.hpp"

namespace syncd::cli {

namespace {

constexpr int raw_depth_max = 2;

bool read_value(core::Reader& reader, JsonValue& value, int depth);

bool read_object(core::Reader& reader, JsonValue& value, int depth) {
  core::Reader::Object object;
  if (!reader.enter(object)) return false;
  std::string_view name;
  while (reader.next(object, name)) {
    auto& member = value.members.emplace_back(JsonMember{std::string(name), {}});
    if (!read_value(reader, member.value, depth + 1)) return false;
  }
  if (reader.ok() && depth <= raw_depth_max) value.raw = reader.slice(object);
  return reader.ok();
}

bool read_array(core::Reader& reader, JsonValue& value, int depth) {
  core::Reader::Array array;
  if (!reader.enter(array)) return false;
  while (reader.next(array)) {
    if (!read_value(reader, value.items.emplace_back(), depth + 1)) return false;
  }
  return reader.ok();
}

bool read_value(core::Reader& reader, JsonValue& value, int depth) {
  using Kind = JsonValue::Kind;
  std::string_view text;
  bool flag = false;
  bool read = false;
  switch (reader.peek()) {
    case '{':
      value.kind = Kind::object;
      return read_object(reader, value, depth);
    case '[':
      value.kind = Kind::array;
      return read_array(reader, value, depth);
    case 'n':
      value.kind = Kind::null;
      return reader.take_null() || reader.skip();
    case '"':
      value.kind = Kind::string;
      read = reader.text(text);
      break;
    case 't':
    case 'f':
      value.kind = Kind::boolean;
      read = reader.boolean(flag);
      text = flag ? "true" : "false";
      break;
    default:
      value.kind = Kind::number;
      read = reader.number(text);
      break;
  }
  if (read) value.text = text;
  return read;
}

}  // namespace

const JsonValue* JsonValue::find(std::string_view path) const {
  const JsonValue* value = this;
  while (!path.empty()) {
    const std::size_t dot = std::min(path.find('.'), path.size());
    const std::string_view name = path.substr(0, dot);
    const JsonValue* next = nullptr;
    for (const auto& [member, inner] : value->members) {
      if (member == name) next = &inner;
    }
    if (next == nullptr) return nullptr;
    value = next;
    path.remove_prefix(std::min(dot + 1, path.size()));
  }
  return value;
}

std::string JsonValue::at(std::string_view path, std::string_view fallback) const {
  const JsonValue* value = find(path);
  if (value == nullptr || value->kind == Kind::null || !value->members.empty()) return std::string(fallback);
  return value->text.empty() ? std::string(fallback) : value->text;
}

std::expected<JsonValue, std::string> parse_json(std::string text) {
  text.reserve(text.size() + core::body_padding_bytes);
  std::deque<std::string> unescaped;
  core::Reader reader(text, unescaped);
  JsonValue value;
  if (reader.ok() && read_value(reader, value, 0) && reader.finish()) return value;
  return std::unexpected(reader.message());
}

}  // namespace syncd::cli
