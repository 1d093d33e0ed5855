#include "sync/core/reader.hpp"

#include <algorithm>
#include <array>
#include <bit>

#include <fmt/format.h>
#include <simdjson.h>

#include "sync/core/json_text.hpp"
#include "sync/core/page.hpp"

namespace syncd::core {
namespace {

// A longer document than any body limit lets through; keeps offsets inside 32 bits.
constexpr std::size_t document_bytes_max = 256 * 1024 * 1024;
// Larger workspaces are given back, so that one huge answer does not stay resident for ever.
constexpr std::size_t kept_capacity_max = 1024 * 1024;
constexpr std::size_t kept_names_max = 4096;
constexpr std::size_t capacity_min = 64 * 1024;

bool is_space(char c) {
  return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// Position behind the digits at `i`.
std::size_t skip_digits(std::string_view text, std::size_t i) {
  while (i < text.size() && is_digit(text[i]))
    ++i;
  return i;
}

// RFC 8259 6: -? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?
bool is_number(std::string_view text) {
  std::size_t i = text.starts_with('-') ? 1 : 0;
  const std::size_t integer = i;
  i = skip_digits(text, i);
  if (i == integer || (text[integer] == '0' && i - integer > 1)) return false;
  if (i < text.size() && text[i] == '.') {
    const std::size_t fraction = i + 1;
    i = skip_digits(text, fraction);
    if (i == fraction) return false;
  }
  if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
    ++i;
    if (i < text.size() && (text[i] == '+' || text[i] == '-')) ++i;
    const std::size_t exponent = i;
    i = skip_digits(text, exponent);
    if (i == exponent) return false;
  }
  return i == text.size();
}

// Four hexadecimal digits at the front of `text`, which are removed; -1 when they are not there.
int take_hex4(std::string_view& text) {
  if (text.size() < 4) return -1;
  int value = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    const char c = text[i];
    int digit = 0;
    if (is_digit(c)) {
      digit = c - '0';
    } else if (c >= 'a' && c <= 'f') {
      digit = c - 'a' + 10;
    } else if (c >= 'A' && c <= 'F') {
      digit = c - 'A' + 10;
    } else {
      return -1;
    }
    value = value * 16 + digit;
  }
  text.remove_prefix(4);
  return value;
}

// What follows `\u`. A surrogate counts only as half of a pair.
bool unescape_unicode(std::string_view& text, std::string& out) {
  const int unit = take_hex4(text);
  if (unit < 0 || (unit >= 0xdc00 && unit <= 0xdfff)) return false;
  if (unit < 0xd800 || unit > 0xdbff) {
    append_utf8(out, static_cast<char32_t>(unit));
    return true;
  }
  if (!text.starts_with("\\u")) return false;
  text.remove_prefix(2);
  const int low = take_hex4(text);
  if (low < 0xdc00 || low > 0xdfff) return false;
  append_utf8(out, static_cast<char32_t>(0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00)));
  return true;
}

bool unescape(std::string_view raw, std::string& out) {
  static constexpr std::string_view names = "\"\\/bfnrt";
  static constexpr std::string_view characters = "\"\\/\b\f\n\r\t";
  for (;;) {
    const std::size_t plain = std::min(raw.find('\\'), raw.size());
    out.append(raw.substr(0, plain));
    raw.remove_prefix(plain);
    if (raw.empty()) return true;
    if (raw.size() < 2) return false;
    const char name = raw[1];
    raw.remove_prefix(2);
    if (name == 'u') {
      if (!unescape_unicode(raw, out)) return false;
      continue;
    }
    const std::size_t which = names.find(name);
    if (which == std::string_view::npos) return false;
    out.push_back(characters[which]);
  }
}

// Cheap and good enough to tell names apart; equality is always checked.
std::uint64_t hash_of(std::string_view name) {
  std::uint64_t head = 0;
  std::uint64_t tail = 0;
  if (name.size() >= 8) {
    std::memcpy(&head, name.data(), 8);
    std::memcpy(&tail, name.data() + name.size() - 8, 8);
  } else {
    std::memcpy(&head, name.data(), name.size());
  }
  return (head ^ std::rotl(tail, 29) ^ name.size()) * 0x9e3779b97f4a7c15;
}

const char* reason_of(simdjson::error_code error) {
  switch (error) {
    case simdjson::EMPTY:
      return "is empty";
    case simdjson::UTF8_ERROR:
      return "is not UTF-8";
    case simdjson::UNESCAPED_CHARS:
      return "holds a raw control character in a string";
    case simdjson::UNCLOSED_STRING:
      return "ends inside a string";
    case simdjson::MEMALLOC:
      return "is too large for the memory there is";
    default:
      return "is not valid JSON";
  }
}

}  // namespace

struct Reader::Workspace {
  // simdjson's first stage only: it gives the offset of every token. Its second stage and its on-demand
  // reader are lenient where we must not be (they never look at what nobody asks for), so the grammar is
  // ours.
  simdjson::dom::parser parser;
  std::vector<Name> names;
  std::array<std::vector<Name>, json_depth_max + 1> shapes;
  std::size_t deepest = 0;  // of the shapes in use
};

std::unique_ptr<Reader::Workspace>& Reader::spare() {
  static thread_local std::unique_ptr<Workspace> workspace;
  return workspace;
}

Reader::Reader(const std::string& text, std::deque<std::string>& unescaped)
    : text_(text.data()), size_(text.size()), unescaped_(unescaped), workspace_(std::move(spare())) {
  static_assert(body_padding_bytes >= simdjson::SIMDJSON_PADDING);
  if (workspace_ == nullptr) workspace_ = std::make_unique<Workspace>();
  names_ = std::move(workspace_->names);
  names_.clear();
  shapes_ = workspace_->shapes.data();
  find_tokens();
}

Reader::~Reader() {
  const bool large = workspace_->parser.capacity() > kept_capacity_max || names_.capacity() > kept_names_max;
  if (large) return;
  // Shapes point into the document.
  for (std::size_t i = 0; i <= workspace_->deepest; ++i)
    workspace_->shapes[i].clear();
  workspace_->deepest = 0;
  workspace_->names = std::move(names_);
  spare() = std::move(workspace_);
}

void Reader::find_tokens() {
  if (size_ > document_bytes_max) {
    fail("is too large");
    return;
  }
  if (std::string_view(text_, size_).starts_with("\xef\xbb\xbf")) {
    fail("begins with a byte order mark");
    return;
  }
  simdjson::dom::parser& parser = workspace_->parser;
  if (parser.capacity() < size_ || parser.implementation == nullptr) {
    const auto error = parser.allocate(std::bit_ceil(std::max(size_, capacity_min)), 1);
    if (error != simdjson::SUCCESS) {
      fail(reason_of(error));
      return;
    }
  }
  const auto error = parser.implementation->stage1(reinterpret_cast<const std::uint8_t*>(text_), size_,
                                                   simdjson::stage1_mode::regular);
  if (error != simdjson::SUCCESS) {
    fail(reason_of(error));
    return;
  }
  std::uint32_t* const tokens = parser.implementation->structural_indexes.get();
  std::uint32_t* const end = tokens + parser.implementation->n_structural_indexes;
  end[0] = static_cast<std::uint32_t>(size_);  // there is room: simdjson ends its list in the same way
  end[1] = end[0];
  here_ = tokens;
  end_ = end;
  next_escape_ = std::min(std::string_view(text_, size_).find('\\'), size_);
}

std::string_view Reader::token() const {
  std::string_view text(text_ + here_[0], here_[1] - here_[0]);
  while (!text.empty() && is_space(text.back()))
    text.remove_suffix(1);
  return text;
}

bool Reader::read_odd_string(std::size_t begin, std::size_t end, std::string_view& out) {
  std::string_view raw(text_ + begin, end - begin);
  while (is_space(raw.back()))
    raw.remove_suffix(1);
  if (raw.size() < 2 || raw.back() != '"') return fail("is not valid JSON");
  raw = raw.substr(1, raw.size() - 2);
  if (raw.find('\\') == std::string_view::npos) {
    out = raw;
    return true;
  }
  std::string& plain = unescaped_.emplace_back();
  if (!unescape(raw, plain)) return fail("holds an escape that names no character");
  out = plain;
  next_escape_ = std::min(std::string_view(text_, size_).find('\\', end), size_);
  return true;
}

bool Reader::enter(Object& object) {
  if (peek() != '{') return fail_kind("is not an object");
  if (depth_ == json_depth_max) return fail("is nested too deeply");
  ++depth_;
  const std::vector<Name>& shape = shapes_[depth_];
  object = Object{.begin = *here_,
                  .names = names_.size(),
                  .alike = shape.data(),
                  .shape = shape.data(),
                  .shape_end = shape.data() + shape.size()};
  ++here_;
  return true;
}

bool Reader::leave(Object& object) {
  const std::size_t count = names_.size() - object.names;
  if (count > names_linear_max) {
    if (!check_many_names(object)) return false;
  } else if (count > 0) {
    const auto begin = names_.begin() + static_cast<std::ptrdiff_t>(object.names);
    shapes_[depth_].assign(begin, names_.end());
    workspace_->deepest = std::max(workspace_->deepest, depth_);
  }
  names_.resize(object.names);
  object.end = *here_ + std::size_t{1};
  ++here_;
  --depth_;
  return false;
}

bool Reader::next_name(Object& object, std::string_view& name) {
  const std::size_t begin = *here_;
  if (peek() != '"') return fail("is not valid JSON");
  if (!read_string(name)) return false;
  if (peek() != ':') return fail("is not valid JSON");
  const std::string_view written(text_ + begin, *here_ + std::size_t{1} - begin);
  ++here_;
  return check_name(object, {.hash = hash_of(name), .text = name, .written = written});
}

bool Reader::check_name(Object& object, const Name& name) {
  // Names that were known to differ by their places are written down only now.
  for (const Name* known = object.shape; known != object.alike; ++known) {
    object.filter |= std::uint64_t{1} << (known->hash >> 58);
    names_.push_back(*known);
  }
  object.shape = object.alike = object.shape_end = nullptr;
  const std::uint64_t bit = std::uint64_t{1} << (name.hash >> 58);
  if (object.filter & bit) {
    const std::size_t end = std::min(names_.size(), object.names + names_linear_max);
    for (std::size_t i = object.names; i < end; ++i) {
      if (names_[i].hash == name.hash && names_[i].text == name.text) return fail("has a member twice");
    }
  }
  object.filter |= bit;
  names_.push_back(name);
  return true;
}

// Sorting keeps an object of a million members from costing a million squared.
bool Reader::check_many_names(const Object& object) {
  const auto begin = names_.begin() + static_cast<std::ptrdiff_t>(object.names);
  std::sort(begin, names_.end(), [](const Name& a, const Name& b) { return a.text < b.text; });
  const auto twice =
      std::adjacent_find(begin, names_.end(), [](const Name& a, const Name& b) { return a.text == b.text; });
  if (twice == names_.end()) return true;
  return fail("has a member twice");
}

bool Reader::enter(Array& array) {
  if (peek() != '[') return fail_kind("is not an array");
  if (depth_ == json_depth_max) return fail("is nested too deeply");
  ++depth_;
  array = Array{.begin = *here_};
  ++here_;
  return true;
}

bool Reader::next(Array& array) {
  if (peek() == ']') {
    array.end = *here_ + std::size_t{1};
    ++here_;
    --depth_;
    return false;
  }
  if (array.first) {
    array.first = false;
    return ok();
  }
  if (peek() != ',') return fail("is not valid JSON");
  ++here_;
  ++array.index;
  return true;
}

bool Reader::take_null() {
  if (peek() != 'n' || token() != "null") return false;
  ++here_;
  return true;
}

bool Reader::text_or_null(std::string_view& out) {
  if (peek() == '"') return read_string(out);
  if (!take_null()) return fail_kind("is not a string");
  out = {};
  return true;
}

bool Reader::boolean(bool& out) {
  const std::string_view word = token();
  if (word != "true" && word != "false") return fail_kind("is not a boolean");
  out = word == "true";
  ++here_;
  return true;
}

bool Reader::number(std::string_view& out) {
  if (peek() != '-' && !is_digit(peek())) return fail_kind("is not a number");
  const std::string_view digits = token();
  if (!is_number(digits)) return fail("is not a valid number");
  out = digits;
  ++here_;
  return true;
}

bool Reader::skip() {
  return at("(another member)", skip_value());
}

bool Reader::skip_value() {
  std::string_view ignored;
  bool flag = false;
  switch (peek()) {
    case '"': {
      const bool escapes = next_escape_ < here_[1];
      const std::size_t held = escapes ? unescaped_.size() : 0;
      if (!read_string(ignored)) return false;
      if (escapes) unescaped_.resize(held);
      return true;
    }
    case '{': {
      Object object;
      if (!enter(object)) return false;
      while (next(object, ignored)) {
        if (!skip_value()) return false;
      }
      return ok();
    }
    case '[': {
      Array array;
      if (!enter(array)) return false;
      while (next(array)) {
        if (!skip_value()) return false;
      }
      return ok();
    }
    case 't':
    case 'f':
      return boolean(flag);
    case 'n':
      if (take_null()) return true;
      return fail("is not valid JSON");
    default:
      return number(ignored);
  }
}

bool Reader::finish() {
  if (!ok()) return false;
  if (here_ == end_) return true;
  return fail("is followed by something else");
}

bool Reader::fail(const char* reason) {
  if (reason_ == nullptr) reason_ = reason;
  stop_[0] = stop_[1] = static_cast<std::uint32_t>(size_);
  here_ = end_ = stop_;
  return false;
}

bool Reader::fail_kind(const char* reason) {
  if (here_ == end_) return fail("ends too early");
  return fail(token() == "null" ? "is null" : reason);
}

bool Reader::fail_member(const char* name, const char* reason) {
  fail(reason);
  note_place(name);
  return false;
}

void Reader::note_place(const char* name) {
  const bool last = place_.empty() || place_.front() == '[';
  place_.insert(0, last ? std::string(name) : fmt::format("{}.", name));
}

void Reader::note_place(const Array& array) {
  const bool last = place_.empty() || place_.front() == '[';
  place_.insert(0, fmt::format("[{}]{}", array.index, last ? "" : "."));
}

std::string Reader::message() const {
  return fmt::format("{} {}", place_.empty() ? "the answer" : place_, ok() ? "is complete" : reason_);
}

}  // namespace syncd::core
