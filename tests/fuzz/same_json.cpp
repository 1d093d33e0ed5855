#include <string>

#include "sync/core/json_text.hpp"
#include "sync/core/page.hpp"
#include "tests/fuzz/support/choices.hpp"
#include "tests/fuzz/support/json_tree.hpp"
#include "tests/fuzz/support/target.hpp"

// Equality of two JSON texts against a comparison of two trees: members in any order, texts by their
// characters, numbers by their digits; what is no JSON equals only itself. It is symmetric, and a document
// written anew (members turned around, other escapes, spaces) equals itself. The input is two documents with
// a zero byte between them.
namespace syncd::fuzz {
namespace {

void write_text(std::string& out, std::string_view text, bool escapes) {
  if (!escapes) return core::append_json_string(out, text);
  out += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    constexpr std::string_view digits = "0123456789ABCDEF";
    if (byte < 0x80) {
      out += "\\u00";
      out += digits[byte >> 4];
      out += digits[byte & 15];
    } else {
      out += c;
    }
  }
  out += '"';
}

// The same value in another form.
void write(std::string& out, const JsonTree& tree, const JsonNode& node) {
  const bool object = node.kind == JsonNode::Kind::object;
  if (node.kind == JsonNode::Kind::text) return write_text(out, node.text, node.text.size() % 2 == 0);
  if (!object && node.kind != JsonNode::Kind::array) {
    out += node.raw;
    return;
  }
  std::string inner;
  for (const JsonNode* child = tree.first(node); child != nullptr; child = tree.next(*child)) {
    std::string item = "\n ";
    if (object) {
      write_text(item, child->name, child->name.size() % 2 == 1);
      item += "\t:";
    }
    write(item, tree, *child);
    const bool turned = object && !inner.empty();
    inner = turned ? item + " ," + inner : inner + (inner.empty() ? "" : " ,") + item;
  }
  out += object ? '{' : '[';
  out += inner;
  out += object ? '}' : ']';
}

}  // namespace

FUZZ_TARGET(same_json) {
  const std::size_t split = std::min(bytes.find('\0'), bytes.size());
  const std::string_view left = bytes.substr(0, split);
  const std::string_view right = bytes.substr(std::min(split + 1, bytes.size()));
  static JsonTree a;
  static JsonTree b;
  const bool is_left = a.read(left);
  const bool is_right = b.read(right);
  const bool expected = left == right || (is_left && is_right && same_value(a, a.root(), b, b.root()));
  FUZZ_CHECK(core::same_json(left, right) == expected, "equal exactly when the values are");
  FUZZ_CHECK(core::same_json(right, left) == expected, "equality is symmetric");
  if (!is_left) return;
  std::string written;
  write(written, a, a.root());
  FUZZ_CHECK_SAYING(core::same_json(left, written), "a value equals itself in another form", written);
}

}  // namespace syncd::fuzz
