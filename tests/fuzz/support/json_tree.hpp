#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace syncd::fuzz {

// A second strict JSON reader, written after RFC 8259 by itself and to be plainly right instead of fast: the
// oracle of the JSON targets. It accepts one document in UTF-8 without a byte order mark, with at most 64
// containers inside one another and no member name twice in an object.
struct JsonNode {
  enum class Kind : std::uint8_t { null, truth, number, text, array, object };
  Kind kind = Kind::null;
  bool truth = false;
  std::string_view name = {};  // as a member of an object: its characters
  std::string_view text = {};  // of a number, as written; of a text, its characters
  std::string_view raw = {};   // the value as written
  std::uint32_t children = 0;
  std::uint32_t first = 0;  // index of the first child; 0: none
  std::uint32_t next = 0;   // index of the next sibling; 0: none
};

class JsonTree {
 public:
  // False: not such a document; then nothing else may be asked. `text` must outlive the tree.
  bool read(std::string_view text);

  const JsonNode& root() const { return nodes_[1]; }
  const JsonNode* first(const JsonNode& container) const { return at(container.first); }
  const JsonNode* next(const JsonNode& sibling) const { return at(sibling.next); }
  // nullptr: no such member, or no object.
  const JsonNode* member(const JsonNode& object, std::string_view name) const;

 private:
  const JsonNode* at(std::uint32_t index) const { return index == 0 ? nullptr : &nodes_[index]; }
  std::uint32_t add();
  void skip_space();
  bool take(char c);
  bool take_word(std::string_view word);
  bool read_value(std::uint32_t index, int depth);
  bool read_members(std::uint32_t index, int depth);
  bool read_items(std::uint32_t index, int depth);
  bool read_text(std::string_view& out);
  bool read_escape(std::string& out);
  bool read_hex(unsigned& out);
  bool read_character();
  bool read_number(std::string_view& out);
  std::size_t read_digits();
  bool has_repeated_name(std::uint32_t index);

  std::string_view text_;
  std::size_t here_ = 0;
  std::vector<JsonNode> nodes_;  // [0] is no node
  std::deque<std::string> unescaped_;
  std::vector<std::string_view> names_;
};

// The same value: members in any order, texts by their characters, numbers by their digits as written.
bool same_value(const JsonTree& a, const JsonNode& left, const JsonTree& b, const JsonNode& right);

// UTF-8 as in the grammar of RFC 3629, section 4.
bool is_utf8(std::string_view text);

}  // namespace syncd::fuzz
