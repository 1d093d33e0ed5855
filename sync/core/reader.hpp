#pragma once

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
  struct Name {
    std::uint64_t hash;
    std::string_view text;
    std::string_view written;  // with its quotes, through the colon
  };
  struct Object {
    std::size_t begin = 0;        // offset of the brace
    std::size_t end = 0;          // behind the closing one
    std::size_t names = 0;        // where its member names begin in names_
    std::uint64_t filter = 0;     // one bit per hash of a name met
    const Name* alike = nullptr;  // next name of the object read before at this depth, while all were equal
    const Name* shape = nullptr;  // the names of that object; nullptr: not all were equal, names_ has ours
    const Name* shape_end = nullptr;
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

  // First character of the next value: tells its kind, not its validity. '\0' at the end and after a failure.
  char peek() const { return text_[*here_]; }
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
  // Memory that one document needs and the next one of this thread takes over.
  struct Workspace;

  static constexpr std::size_t names_linear_max = 32;
  static std::unique_ptr<Workspace>& spare();

  void find_tokens();
  bool leave(Object& object);
  bool next_name(Object& object, std::string_view& name);
  bool check_name(Object& object, const Name& name);
  static bool same_bytes(const char* a, const char* b, std::size_t size);
  bool check_many_names(const Object& object);
  bool skip_value();
  bool read_string(std::string_view& out);
  // The string whose opening quote is `begin` and behind which the next token is `end`.
  bool read_odd_string(std::size_t begin, std::size_t end, std::string_view& out);
  bool fail_kind(const char* reason);
  void note_place(const char* name);
  void note_place(const Array& array);
  // The next token, without the white space behind it.
  std::string_view token() const;

  const char* text_;
  std::size_t size_;
  // The next token: an offset. Behind the last one stands size_, twice, where text_ holds '\0'; a failure
  // moves here too, so that no later read can succeed and the hot path need not ask.
  const std::uint32_t* here_ = nullptr;
  const std::uint32_t* end_ = nullptr;
  std::size_t next_escape_ = 0;  // offset of the first backslash not passed yet, size_ when there is none
  std::size_t depth_ = 0;
  std::vector<Name> names_;              // of all open objects, as far as needed
  std::vector<Name>* shapes_ = nullptr;  // names of the last object at each depth
  std::deque<std::string>& unescaped_;
  std::unique_ptr<Workspace> workspace_;
  std::uint32_t stop_[2] = {0, 0};
  const char* reason_ = nullptr;
  std::string place_;
};

// ---- the hot part, inline --------------------------------------------------------------------------------

// The caller has seen the opening quote. Behind a closing quote there is white space or another token:
// simdjson has refused unclosed strings.
inline bool Reader::read_string(std::string_view& out) {
  const std::size_t begin = here_[0];
  const std::size_t end = here_[1];
  if (next_escape_ < end || text_[end - 1] != '"' || end - begin < 2) [[unlikely]] {
    if (!read_odd_string(begin, end, out)) return false;
  } else {
    out = {text_ + begin + 1, end - begin - 2};
  }
  ++here_;
  return true;
}

// Names and their punctuation are mostly 8 to 32 bytes long: no call for those.
inline bool Reader::same_bytes(const char* a, const char* b, std::size_t size) {
  if (size < 8 || size > 32) return std::memcmp(a, b, size) == 0;
  if (size < 16) {
    return std::memcmp(a, b, 8) == 0 && std::memcmp(a + size - 8, b + size - 8, 8) == 0;
  }
  return std::memcmp(a, b, 16) == 0 && std::memcmp(a + size - 16, b + size - 16, 16) == 0;
}

// Rows of a list have the same members in the same order. Where the bytes are those that stood here in the
// object before, they are the same tokens, and a name that differed from all earlier ones there does so here.
inline bool Reader::next(Object& object, std::string_view& name) {
  const char c = peek();
  if (c == ',' && !object.first) [[likely]] {
    ++here_;
  } else {
    if (c == '}') return leave(object);
    if (!object.first) return fail("is not valid JSON");
    object.first = false;
  }
  if (object.alike != object.shape_end) {
    const Name& known = *object.alike;
    const std::size_t begin = *here_;
    if (known.written.size() <= size_ - begin &&
        same_bytes(text_ + begin, known.written.data(), known.written.size())) [[likely]] {
      name = known.text;
      ++object.alike;
      here_ += 2;
      return true;
    }
  }
  return next_name(object, name);
}

inline bool Reader::text(std::string_view& out) {
  if (peek() != '"') [[unlikely]]
    return fail_kind("is not a string");
  return read_string(out);
}

}  // namespace syncd::core
