#include "tests/fuzz/support/json_tree.hpp"

#include <algorithm>

namespace syncd::fuzz {
namespace {

constexpr int depth_max = 64;

unsigned char unsigned_at(std::string_view text, std::size_t at) {
  return at < text.size() ? static_cast<unsigned char>(text[at]) : 0;
}

bool between(unsigned char c, unsigned char low, unsigned char high) {
  return c >= low && c <= high;
}

// Bytes of the UTF-8 character at `at`; 0: none begins there.
std::size_t utf8_length(std::string_view text, std::size_t at) {
  const unsigned char a = unsigned_at(text, at);
  const unsigned char b = unsigned_at(text, at + 1);
  const auto tail = [&](std::size_t i) { return between(unsigned_at(text, at + i), 0x80, 0xbf); };
  if (at < text.size() && a <= 0x7f) return 1;
  if (between(a, 0xc2, 0xdf)) return tail(1) ? 2 : 0;
  if (a == 0xe0) return between(b, 0xa0, 0xbf) && tail(2) ? 3 : 0;
  if (a == 0xed) return between(b, 0x80, 0x9f) && tail(2) ? 3 : 0;
  if (between(a, 0xe1, 0xef)) return tail(1) && tail(2) ? 3 : 0;
  if (a == 0xf0) return between(b, 0x90, 0xbf) && tail(2) && tail(3) ? 4 : 0;
  if (between(a, 0xf1, 0xf3)) return tail(1) && tail(2) && tail(3) ? 4 : 0;
  if (a == 0xf4) return between(b, 0x80, 0x8f) && tail(2) && tail(3) ? 4 : 0;
  return 0;
}

void put_utf8(std::string& out, unsigned value) {
  const auto put = [&out](unsigned byte) { out += static_cast<char>(byte); };
  if (value <= 0x7f) return put(value);
  if (value <= 0x7ff) return put(0xc0 + value / 64), put(0x80 + value % 64);
  if (value <= 0xffff) {
    put(0xe0 + value / 4096), put(0x80 + value / 64 % 64), put(0x80 + value % 64);
    return;
  }
  put(0xf0 + value / 262144), put(0x80 + value / 4096 % 64), put(0x80 + value / 64 % 64),
      put(0x80 + value % 64);
}

}  // namespace

bool is_utf8(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = utf8_length(text, at);
    if (length == 0) return false;
    at += length;
  }
  return true;
}

bool JsonTree::read(std::string_view text) {
  text_ = text;
  here_ = 0;
  nodes_.assign(1, {});
  unescaped_.clear();
  skip_space();
  const std::uint32_t root = add();
  if (!read_value(root, 0)) return false;
  skip_space();
  return here_ == text_.size();
}

std::uint32_t JsonTree::add() {
  nodes_.emplace_back();
  return static_cast<std::uint32_t>(nodes_.size() - 1);
}

void JsonTree::skip_space() {
  while (here_ < text_.size() && std::string_view(" \t\r\n").find(text_[here_]) != std::string_view::npos)
    ++here_;
}

bool JsonTree::take(char c) {
  if (here_ == text_.size() || text_[here_] != c) return false;
  ++here_;
  return true;
}

bool JsonTree::take_word(std::string_view word) {
  if (!text_.substr(here_).starts_with(word)) return false;
  here_ += word.size();
  return true;
}

bool JsonTree::read_value(std::uint32_t index, int depth) {
  const std::size_t begin = here_;
  const auto done = [&](JsonNode::Kind kind) {
    nodes_[index].kind = kind;
    nodes_[index].raw = text_.substr(begin, here_ - begin);
    return true;
  };
  if (begin == text_.size()) return false;
  const char c = text_[begin];
  std::string_view text;
  if (c == '{') return depth < depth_max && read_members(index, depth + 1) && done(JsonNode::Kind::object);
  if (c == '[') return depth < depth_max && read_items(index, depth + 1) && done(JsonNode::Kind::array);
  if (c == '"') {
    if (!read_text(text)) return false;
    nodes_[index].text = text;
    return done(JsonNode::Kind::text);
  }
  if (take_word("null")) return done(JsonNode::Kind::null);
  if (take_word("false")) return done(JsonNode::Kind::truth);
  if (take_word("true")) {
    nodes_[index].truth = true;
    return done(JsonNode::Kind::truth);
  }
  if (!read_number(text)) return false;
  nodes_[index].text = text;
  return done(JsonNode::Kind::number);
}

bool JsonTree::read_members(std::uint32_t index, int depth) {
  ++here_;
  skip_space();
  std::uint32_t last = 0;
  while (!take('}')) {
    if (last != 0) {
      if (!take(',')) return false;
      skip_space();
    }
    std::string_view name;
    if (here_ == text_.size() || text_[here_] != '"' || !read_text(name)) return false;
    skip_space();
    if (!take(':')) return false;
    skip_space();
    const std::uint32_t child = add();
    nodes_[child].name = name;
    (last == 0 ? nodes_[index].first : nodes_[last].next) = child;
    ++nodes_[index].children;
    last = child;
    if (!read_value(child, depth)) return false;
    skip_space();
  }
  return !has_repeated_name(index);
}

bool JsonTree::read_items(std::uint32_t index, int depth) {
  ++here_;
  skip_space();
  std::uint32_t last = 0;
  while (!take(']')) {
    if (last != 0) {
      if (!take(',')) return false;
      skip_space();
    }
    const std::uint32_t child = add();
    (last == 0 ? nodes_[index].first : nodes_[last].next) = child;
    ++nodes_[index].children;
    last = child;
    if (!read_value(child, depth)) return false;
    skip_space();
  }
  return true;
}

bool JsonTree::has_repeated_name(std::uint32_t index) {
  names_.clear();
  for (const JsonNode* child = first(nodes_[index]); child != nullptr; child = next(*child))
    names_.push_back(child->name);
  std::ranges::sort(names_);
  return std::ranges::adjacent_find(names_) != names_.end();
}

bool JsonTree::read_text(std::string_view& out) {
  ++here_;
  const std::size_t begin = here_;
  std::string* plain = nullptr;
  for (std::size_t run = begin;;) {
    if (here_ == text_.size()) return false;
    const char c = text_[here_];
    if (c == '"' || c == '\\') {
      if (c == '\\' && plain == nullptr) plain = &unescaped_.emplace_back();
      if (plain != nullptr) plain->append(text_.substr(run, here_ - run));
      if (c == '"') break;
      if (!read_escape(*plain)) return false;
      run = here_;
    } else if (!read_character()) {
      return false;
    }
  }
  out = plain != nullptr ? std::string_view(*plain) : text_.substr(begin, here_ - begin);
  ++here_;
  return true;
}

bool JsonTree::read_character() {
  if (static_cast<unsigned char>(text_[here_]) < 0x20) return false;
  const std::size_t length = utf8_length(text_, here_);
  here_ += length;
  return length != 0;
}

bool JsonTree::read_hex(unsigned& out) {
  out = 0;
  for (int i = 0; i < 4; ++i) {
    if (here_ == text_.size()) return false;
    const std::size_t digit = std::string_view("0123456789abcdefABCDEF").find(text_[here_++]);
    if (digit == std::string_view::npos) return false;
    out = out * 16 + static_cast<unsigned>(digit < 16 ? digit : digit - 6);
  }
  return true;
}

bool JsonTree::read_escape(std::string& out) {
  ++here_;
  if (here_ == text_.size()) return false;
  const char c = text_[here_++];
  if (c != 'u') {
    const std::size_t which = std::string_view("\"\\/bfnrt").find(c);
    if (which == std::string_view::npos) return false;
    out += std::string_view("\"\\/\b\f\n\r\t")[which];
    return true;
  }
  unsigned unit = 0;
  if (!read_hex(unit)) return false;
  if (unit / 0x400 == 0xdc00 / 0x400) return false;
  if (unit / 0x400 != 0xd800 / 0x400) return put_utf8(out, unit), true;
  unsigned low = 0;
  if (!take('\\') || !take('u') || !read_hex(low) || low / 0x400 != 0xdc00 / 0x400) return false;
  put_utf8(out, 0x10000 + (unit - 0xd800) * 0x400 + (low - 0xdc00));
  return true;
}

std::size_t JsonTree::read_digits() {
  const std::size_t begin = here_;
  while (here_ < text_.size() && text_[here_] >= '0' && text_[here_] <= '9')
    ++here_;
  return here_ - begin;
}

bool JsonTree::read_number(std::string_view& out) {
  const std::size_t begin = here_;
  take('-');
  const bool zero = here_ < text_.size() && text_[here_] == '0';
  const std::size_t integer = read_digits();
  if (integer == 0 || (zero && integer > 1)) return false;
  if (take('.') && read_digits() == 0) return false;
  if (take('e') || take('E')) {
    if (!take('+')) take('-');
    if (read_digits() == 0) return false;
  }
  out = text_.substr(begin, here_ - begin);
  return true;
}

const JsonNode* JsonTree::member(const JsonNode& object, std::string_view name) const {
  if (object.kind != JsonNode::Kind::object) return nullptr;
  for (const JsonNode* child = first(object); child != nullptr; child = next(*child)) {
    if (child->name == name) return child;
  }
  return nullptr;
}

bool same_value(const JsonTree& a, const JsonNode& left, const JsonTree& b, const JsonNode& right) {
  if (left.kind != right.kind || left.children != right.children) return false;
  if (left.truth != right.truth || left.text != right.text) return false;
  const JsonNode* other = b.first(right);
  for (const JsonNode* child = a.first(left); child != nullptr; child = a.next(*child)) {
    const bool named = left.kind == JsonNode::Kind::object;
    const JsonNode* match = named ? b.member(right, child->name) : other;
    if (match == nullptr || !same_value(a, *child, b, *match)) return false;
    if (!named) other = b.next(*other);
  }
  return true;
}

}  // namespace syncd::fuzz
