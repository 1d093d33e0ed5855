#include "sync/core/reader.hpp"

#include <algorithm>
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
  std::size_t i = !text.empty() && text[0] == '-' ? 1 : 0;
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
    case simdjson::CAPACITY:
      return "is too large";
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
};

std::unique_ptr<Reader::Workspace>& Reader::spare() {
  static thread_local std::unique_ptr<Workspace> workspace;
  return workspace;
}

Reader::Reader(const std::string& text, std::deque<std::string>& unescaped)
    : text_(text.data()), size_(text.size()), unescaped_(unescaped), workspace_(std::move(spare())) {
  static constexpr std::uint32_t no_tokens[2] = {0, 0};
  static_assert(body_padding_bytes >= simdjson::SIMDJSON_PADDING);
  tokens_ = no_tokens;
  if (workspace_ == nullptr) workspace_ = std::make_unique<Workspace>();
  names_ = std::move(workspace_->names);
  names_.clear();
  find_tokens();
}

Reader::~Reader() {
  const bool large = workspace_->parser.capacity() > kept_capacity_max || names_.capacity() > kept_names_max;
  if (large) return;
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
  count_ = parser.implementation->n_structural_indexes;
  std::uint32_t* const tokens = parser.implementation->structural_indexes.get();
  tokens[count_] =
      static_cast<std::uint32_t>(size_);  // there is room: simdjson ends its list in the same way
  tokens[count_ + 1] = tokens[count_];
  tokens_ = tokens;
  next_escape_ = std::min(std::string_view(text_, size_).find('\\'), size_);
}

bool Reader::read_escaped(std::string_view raw, std::string_view& out) {
  if (raw.find('\\') == std::string_view::npos) {
    out = raw;  // the backslash stands before or behind this string, where it is refused in its turn
    return true;
  }
  std::string& plain = unescaped_.emplace_back();
  if (!unescape(raw, plain)) return fail("holds an escape that names no character");
  out = plain;
  const std::size_t end = tokens_[next_ + 1];
  next_escape_ = std::min(std::string_view(text_, size_).find('\\', end), size_);
  return true;
}

bool Reader::enter(Object& object) {
  if (!ok()) return false;
  if (peek() != '{') return fail_kind("is not an object");
  if (depth_ == json_depth_max) return fail("is nested too deeply");
  ++depth_;
  object = Object{.begin = tokens_[next_], .names = names_.size()};
  ++next_;
  return true;
}

bool Reader::leave(Object& object) {
  if (names_.size() - object.names > names_linear_max && !check_many_names(object)) return false;
  names_.resize(object.names);
  object.end = tokens_[next_] + std::size_t{1};
  ++next_;
  --depth_;
  return false;
}

// Sorting keeps an object of a million members from costing a million squared.
bool Reader::check_many_names(const Object& object) {
  const auto begin = names_.begin() + static_cast<std::ptrdiff_t>(object.names);
  std::sort(begin, names_.end(), [](const Name& a, const Name& b) { return a.text < b.text; });
  const auto twice =
      std::adjacent_find(begin, names_.end(), [](const Name& a, const Name& b) { return a.text == b.text; });
  return twice == names_.end() || fail("has a member twice");
}

bool Reader::enter(Array& array) {
  if (!ok()) return false;
  if (peek() != '[') return fail_kind("is not an array");
  if (depth_ == json_depth_max) return fail("is nested too deeply");
  ++depth_;
  array = Array{.begin = tokens_[next_]};
  ++next_;
  return true;
}

bool Reader::next(Array& array) {
  if (!ok()) return false;
  if (peek() == ']') {
    array.end = tokens_[next_] + std::size_t{1};
    ++next_;
    --depth_;
    return false;
  }
  if (array.first) {
    array.first = false;
    return true;
  }
  if (peek() != ',') return fail("is not valid JSON");
  ++next_;
  ++array.index;
  return true;
}

bool Reader::take_null() {
  if (!ok() || peek() != 'n' || token() != "null") return false;
  ++next_;
  return true;
}

bool Reader::text_or_null(std::string_view& out) {
  if (take_null()) {
    out = {};
    return true;
  }
  return text(out);
}

bool Reader::boolean(bool& out) {
  if (!ok()) return false;
  const std::string_view word = token();
  if (word != "true" && word != "false") return fail_kind("is not a boolean");
  out = word == "true";
  ++next_;
  return true;
}

bool Reader::number(std::string_view& out) {
  if (!ok()) return false;
  if (peek() != '-' && !is_digit(peek())) return fail_kind("is not a number");
  const std::string_view digits = token();
  if (!is_number(digits)) return fail("is not a valid number");
  out = digits;
  ++next_;
  return true;
}

bool Reader::skip() {
  std::string_view ignored;
  bool flag = false;
  switch (peek()) {
    case '"': {
      const std::size_t held = unescaped_.size();
      if (!ok() || !read_string(ignored)) return false;
      unescaped_.resize(held);
      return true;
    }
    case '{': {
      Object object;
      if (!enter(object)) return false;
      while (next(object, ignored)) {
        if (!skip()) return false;
      }
      return ok();
    }
    case '[': {
      Array array;
      if (!enter(array)) return false;
      while (next(array)) {
        if (!skip()) return false;
      }
      return ok();
    }
    case 't':
    case 'f':
      return boolean(flag);
    case 'n':
      return take_null() || fail("is not valid JSON");
    default:
      return number(ignored);
  }
}

bool Reader::finish() {
  if (!ok()) return false;
  return next_ == count_ || fail("is followed by something else");
}

bool Reader::fail(const char* reason) {
  if (reason_ == nullptr) reason_ = reason;
  return false;
}

bool Reader::fail_kind(const char* reason) {
  if (next_ >= count_) return fail("ends too early");
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
