#include <algorithm>
#include <deque>
#include <string>
#include <vector>

#include <simdjson.h>

#include "sync/core/reader.hpp"
#include "tests/fuzz/support/expected.hpp"

// Three readers and one document. The strict reader accepts exactly what the second reader does, and exactly
// what simdjson's DOM parser does with these differences, all of them wanted: a byte order mark, a member
// name that stands twice in an object and more than 64 containers inside one another are refused; a number
// that no double or 64-bit integer can hold is only text to us and is accepted. What it reads is what was
// written: names, texts, numbers, slices. Skipping a value and reading it agree.
namespace syncd::fuzz {
namespace {

using Kind = JsonNode::Kind;

// The document with each well-formed number outside of texts replaced by 0: what the DOM parser thinks of the
// rest.
std::string without_numbers(std::string_view text) {
  std::string out;
  bool inside = false;
  for (std::size_t at = 0; at < text.size();) {
    const char c = text[at];
    if (c == '"') inside = !inside;
    if (inside && c == '\\' && at + 1 < text.size()) {
      out += text.substr(at, 2);
      at += 2;
      continue;
    }
    if (inside || std::string_view("-0123456789").find(c) == std::string_view::npos) {
      out += c;
      ++at;
      continue;
    }
    const std::size_t end = std::min(text.find_first_not_of("+-.eE0123456789", at), text.size());
    static JsonTree number;
    const std::string_view run = text.substr(at, end - at);
    out += number.read(run) ? std::string_view("0") : run;
    at = end;
  }
  return out;
}

// Of the DOM: containers inside one another, and whether a name stands twice.
struct Shape {
  int depth = 0;
  bool repeated = false;
};

void measure(simdjson::dom::element element, int depth, Shape& shape) {
  simdjson::dom::object object;
  simdjson::dom::array array;
  if (element.get(object) == simdjson::SUCCESS) {
    shape.depth = std::max(shape.depth, depth + 1);
    std::vector<std::string_view> names;
    for (const auto field : object) {
      names.push_back(field.key);
      measure(field.value, depth + 1, shape);
    }
    std::ranges::sort(names);
    shape.repeated = shape.repeated || std::ranges::adjacent_find(names) != names.end();
  } else if (element.get(array) == simdjson::SUCCESS) {
    shape.depth = std::max(shape.depth, depth + 1);
    for (const simdjson::dom::element item : array)
      measure(item, depth + 1, shape);
  }
}

bool dom_accepts(std::string_view text) {
  if (text.starts_with("\xef\xbb\xbf")) return false;
  static simdjson::dom::parser parser;
  simdjson::dom::element root;
  auto error = parser.parse(text.data(), text.size()).get(root);
  if (error != simdjson::SUCCESS) {
    const std::string plain = without_numbers(text);
    error = parser.parse(plain.data(), plain.size()).get(root);
  }
  if (error != simdjson::SUCCESS) return false;
  Shape shape;
  measure(root, 0, shape);
  return !shape.repeated && shape.depth <= static_cast<int>(core::json_depth_max);
}

// Reads every value and compares; false only for a failure of the reader.
bool follows(core::Reader& reader, const JsonTree& tree, const JsonNode& node);

bool follows_object(core::Reader& reader, const JsonTree& tree, const JsonNode& node) {
  core::Reader::Object object;
  if (!reader.enter(object)) return false;
  const JsonNode* child = tree.first(node);
  std::string_view name;
  while (reader.next(object, name)) {
    FUZZ_CHECK(child != nullptr && name == child->name, "a member is named as written");
    if (!follows(reader, tree, *child)) return false;
    child = tree.next(*child);
  }
  FUZZ_CHECK(!reader.ok() || (child == nullptr && reader.slice(object) == node.raw), "an object is whole");
  return reader.ok();
}

bool follows_array(core::Reader& reader, const JsonTree& tree, const JsonNode& node) {
  core::Reader::Array array;
  if (!reader.enter(array)) return false;
  const JsonNode* child = tree.first(node);
  while (reader.next(array)) {
    FUZZ_CHECK(child != nullptr, "a list has the items that were written");
    if (!follows(reader, tree, *child)) return false;
    child = tree.next(*child);
  }
  FUZZ_CHECK(!reader.ok() || (child == nullptr && reader.slice(array) == node.raw), "a list is whole");
  return reader.ok();
}

bool follows(core::Reader& reader, const JsonTree& tree, const JsonNode& node) {
  std::string_view text;
  bool flag = false;
  switch (node.kind) {
    case Kind::object:
      return follows_object(reader, tree, node);
    case Kind::array:
      return follows_array(reader, tree, node);
    case Kind::null:
      return reader.take_null();
    case Kind::truth:
      FUZZ_CHECK(reader.boolean(flag) && flag == node.truth, "a boolean is the one written");
      return true;
    case Kind::text:
      FUZZ_CHECK(reader.text(text) && text == node.text, "a text is its characters");
      return true;
    case Kind::number:
      break;
  }
  FUZZ_CHECK(reader.number(text) && text == node.text, "a number is its digits as written");
  return true;
}

}  // namespace

FUZZ_TARGET(json_reader) {
  static JsonTree tree;
  const bool expected = tree.read(bytes);
  FUZZ_CHECK(dom_accepts(bytes) == expected, "the DOM parser differs only where that is wanted");
  std::string document;
  document.reserve(bytes.size() + core::body_padding_bytes);
  document = bytes;
  std::deque<std::string> unescaped;
  {
    core::Reader skipping(document, unescaped);
    const bool accepted = skipping.ok() && skipping.skip() && skipping.finish();
    FUZZ_CHECK(accepted == expected, "accepted exactly when it is one strict document");
    FUZZ_CHECK(accepted == skipping.ok(), "a failure is kept");
  }
  if (!expected) return;
  core::Reader reading(document, unescaped);
  FUZZ_CHECK(reading.ok() && follows(reading, tree, tree.root()) && reading.finish(),
             "what can be skipped can be read");
}

}  // namespace syncd::fuzz
