#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace syncd::core {

// Reads one JSON document strictly, front to back, exactly once. simdjson finds the tokens and checks UTF-8
// and control characters; the grammar is checked here for every value, also for those that are only skipped:
// RFC 8259 numbers and literals, escapes that name real characters, no member name twice in an object, at
// most json_depth_max containers inside one another, nothing behind the end.
//
// The first failure is kept and everything after it fails too. Each function that reads a value returns false
// on failure; next() also at the end of its container, so a loop is followed by ok().
//
// Strings are views into the document, or into `unescaped` when their JSON form holds escapes.
class Reader {
 public:
  struct Object {
    std::size_t begin = 0;     // offset of the brace
    std::size_t end = 0;       // behind the closing one
    std::size_t names = 0;     // where its member names begin in names_
    std::uint64_t filter = 0;  // one bit per hash of a name met
    bool first = true;
  };
  struct Array {
    std::size_t begin = 0;
    std::size_t end = 0;
    std::uint32_t index = 0;  // of the current element
    bool first = true;
  };

  // Both must outlive the reader. `text` must have capacity for body_padding_bytes more.
  Reader(const std::string& text, std::deque<std::string>& unescaped);
  ~Reader();
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  bool ok() const { return reason_ == nullptr; }

  bool enter(Object& object);
  // Moves to the next member; its value must be read (or skipped) before the next call.
  bool next(Object& object, std::string_view& name);
  bool enter(Array& array);
  bool next(Array& array);
  // The container's text, once next() has met its end.
  std::string_view slice(const Object& object) const {
    return {text_ + object.begin, object.end - object.begin};
  }
  std::string_view slice(const Array& array) const { return {text_ + array.begin, array.end - array.begin}; }

  // First character of the next value: tells its kind, not its validity. '\0' at the end.
  char peek() const { return text_[tokens_[next_]]; }
  // Consumes a null; false, without a failure, for any other value.
  bool take_null();
  bool text(std::string_view& out);
  // null gives an empty text.
  bool text_or_null(std::string_view& out);
  bool boolean(bool& out);
  bool number(std::string_view& out);  // its text
  bool skip();
  // Nothing may follow.
  bool finish();

  // `reason` continues a sentence that begins with the name of the place: "is not a string". Keep it free of
  // content. Always false.
  bool fail(const char* reason);
  // Failure of a member that is wrong as a whole or absent.
  bool fail_member(const char* name, const char* reason);
  // Notes on the way out of a failure where it happened: at("cursor", reader.text(next)). `name` is ours,
  // never a name from the document.
  bool at(const char* name, bool read) {
    if (!read) [[unlikely]]
      note_place(name);
    return read;
  }
  bool at(const Array& array, bool read) {
    if (!read) [[unlikely]]
      note_place(array);
    return read;
  }
  // `transactions.created[3].amount is null`
  std::string message() const;

 private:
  struct Name {
    std::uint64_t hash;
    std::string_view text;
  };
  // Memory that one document needs and the next one of this thread takes over.
  struct Workspace;

  static constexpr std::size_t names_linear_max = 32;
  static std::unique_ptr<Workspace>& spare();
  static std::uint64_t hash_of(std::string_view name);

  void find_tokens();
  bool leave(Object& object);
  bool check_name(Object& object, std::string_view name);
  bool check_many_names(const Object& object);
  bool read_string(std::string_view& out);
  bool read_escaped(std::string_view raw, std::string_view& out);
  bool fail_kind(const char* reason);
  void note_place(const char* name);
  void note_place(const Array& array);
  // The next token, without the white space behind it.
  std::string_view token() const;

  const char* text_;
  std::size_t size_;
  std::deque<std::string>& unescaped_;
  std::unique_ptr<Workspace> workspace_;
  const std::uint32_t* tokens_;  // offsets; behind the last one stands size_, twice
  std::size_t count_ = 0;
  std::size_t next_ = 0;
  std::size_t next_escape_ = 0;  // offset of the first backslash not passed yet, size_ when there is none
  std::size_t depth_ = 0;
  std::vector<Name> names_;  // of all open objects
  const char* reason_ = nullptr;
  std::string place_;
};

// ---- the hot part, inline --------------------------------------------------------------------------------

inline std::string_view Reader::token() const {
  const std::size_t begin = tokens_[next_];
  std::size_t end = tokens_[next_ + 1];
  while (end > begin && (text_[end - 1] == ' ' || text_[end - 1] == '\n' || text_[end - 1] == '\r' ||
                         text_[end - 1] == '\t')) {
    --end;
  }
  return {text_ + begin, end - begin};
}

// The caller has seen the opening quote.
inline bool Reader::read_string(std::string_view& out) {
  const std::string_view quoted = token();
  // Behind a closing quote there is white space or another token: simdjson has refused unclosed strings.
  if (quoted.size() < 2 || quoted.back() != '"') [[unlikely]]
    return fail("is not valid JSON");
  const std::string_view raw = quoted.substr(1, quoted.size() - 2);
  if (next_escape_ < tokens_[next_ + 1]) [[unlikely]] {
    if (!read_escaped(raw, out)) return false;
  } else {
    out = raw;
  }
  ++next_;
  return true;
}

inline std::uint64_t Reader::hash_of(std::string_view name) {
  std::uint64_t head = 0;
  std::uint64_t tail = 0;
  if (name.size() >= 8) {
    std::memcpy(&head, name.data(), 8);
    std::memcpy(&tail, name.data() + name.size() - 8, 8);
  } else if (name.size() >= 4) {
    std::memcpy(&head, name.data(), 4);
    std::memcpy(&tail, name.data() + name.size() - 4, 4);
  } else {
    std::memcpy(&head, name.data(), name.size());
  }
  return (head ^ (tail << 29 | tail >> 35) ^ name.size()) * 0x9e3779b97f4a7c15;
}

inline bool Reader::check_name(Object& object, std::string_view name) {
  const std::uint64_t hash = hash_of(name);
  const std::uint64_t bit = std::uint64_t{1} << (hash >> 58);
  if (object.filter & bit) {
    const std::size_t end = std::min(names_.size(), object.names + names_linear_max);
    for (std::size_t i = object.names; i < end; ++i) {
      if (names_[i].hash == hash && names_[i].text == name) [[unlikely]]
        return fail("has a member twice");
    }
  }
  object.filter |= bit;
  names_.push_back({hash, name});
  return true;
}

inline bool Reader::next(Object& object, std::string_view& name) {
  if (!ok()) [[unlikely]]
    return false;
  if (peek() == '}') return leave(object);
  if (object.first) {
    object.first = false;
  } else {
    if (peek() != ',') [[unlikely]]
      return fail("is not valid JSON");
    ++next_;
  }
  if (peek() != '"') [[unlikely]]
    return fail("is not valid JSON");
  if (!read_string(name)) [[unlikely]]
    return false;
  if (peek() != ':') [[unlikely]]
    return fail("is not valid JSON");
  ++next_;
  return check_name(object, name);
}

inline bool Reader::text(std::string_view& out) {
  if (peek() != '"') [[unlikely]]
    return fail_kind("is not a string");
  return read_string(out);
}

}  // namespace syncd::core
