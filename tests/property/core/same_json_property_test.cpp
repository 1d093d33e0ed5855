#include <algorithm>
#include <numeric>
#include <random>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "sync/core/json_text.hpp"
#include "sync/core/page.hpp"

namespace syncd::core {
namespace {

// A JSON value whose text can be written in many ways.
struct Value {
  enum class Kind { null, truth, number, text, array, object } kind = Kind::null;
  bool truth = false;
  std::string text;                // number: its text; text: its characters
  std::vector<Value> items;        // of an array or object
  std::vector<std::string> names;  // of an object's items
};

std::string make_text(std::mt19937_64& random) {
  static constexpr char32_t characters[] = {U'a',  U'Z',  U'0',    U' ', U'/', U'"', U'\\',
                                            U'\n', U'\0', U'\x7f', U'é', U'€', U'𝄞', U'\ufffd'};
  std::string text;
  for (std::uint64_t n = random() % 6; n > 0; --n)
    append_utf8(text, characters[random() % std::size(characters)]);
  return text;
}

std::string make_number(std::mt19937_64& random) {
  static constexpr const char* numbers[] = {
      "0",   "-0",  "-0.0",  "1.0", "1.00",
      "1e2", "100", "1e400", "0.1", "12345678901234567890123456789012345678"};
  return numbers[random() % std::size(numbers)];
}

Value make_value(std::mt19937_64& random, int depth) {
  Value value;
  value.kind = static_cast<Value::Kind>(random() % (depth > 0 ? 6 : 4));
  value.truth = random() % 2 == 0;
  if (value.kind == Value::Kind::number) value.text = make_number(random);
  if (value.kind == Value::Kind::text) value.text = make_text(random);
  if (value.kind < Value::Kind::array) return value;
  const bool object = value.kind == Value::Kind::object;
  for (std::uint64_t n = random() % 6; n > 0; --n) {
    if (object) value.names.push_back(make_text(random) + std::to_string(n));
    value.items.push_back(make_value(random, depth - 1));
  }
  return value;
}

void append_space(std::string& out, std::mt19937_64& random) {
  static constexpr const char* spaces[] = {"", "", "", " ", "\n", "\t\r\n "};
  out += spaces[random() % std::size(spaces)];
}

void append_unit(std::string& out, unsigned unit, bool upper) {
  out += upper ? fmt::format("\\u{:04X}", unit) : fmt::format("\\u{:04x}", unit);
}

// The string with some of its characters escaped, differently each time.
void append_text(std::string& out, std::string_view text, std::mt19937_64& random) {
  out += '"';
  while (!text.empty()) {
    const CodePoint c = first_code_point(text);
    const bool upper = random() % 2 == 0;
    if (c.value == '/' && random() % 3 == 0) {
      out += "\\/";
    } else if ((c.value == '"' || c.value == '\\') && random() % 2 == 0) {
      out += '\\';
      out += static_cast<char>(c.value);
    } else if (c.value == '\n' && random() % 2 == 0) {
      out += "\\n";
    } else if (c.value >= 0x10000 && random() % 2 == 0) {
      append_unit(out, 0xd800 + ((static_cast<unsigned>(c.value) - 0x10000) >> 10), upper);
      append_unit(out, 0xdc00 + (static_cast<unsigned>(c.value) & 0x3ff), upper);
    } else if (c.value < 0x20 || c.value == '"' || c.value == '\\' ||
               (c.value < 0x10000 && random() % 3 == 0)) {
      append_unit(out, static_cast<unsigned>(c.value), upper);
    } else {
      out += text.substr(0, c.length);
    }
    text.remove_prefix(c.length);
  }
  out += '"';
}

void append_value(std::string& out, const Value& value, std::mt19937_64& random) {
  append_space(out, random);
  switch (value.kind) {
    case Value::Kind::null:
      out += "null";
      break;
    case Value::Kind::truth:
      out += value.truth ? "true" : "false";
      break;
    case Value::Kind::number:
      out += value.text;
      break;
    case Value::Kind::text:
      append_text(out, value.text, random);
      break;
    case Value::Kind::array:
    case Value::Kind::object: {
      const bool object = value.kind == Value::Kind::object;
      std::vector<std::size_t> order(value.items.size());
      std::iota(order.begin(), order.end(), std::size_t{0});
      if (object) std::ranges::shuffle(order, random);
      out += object ? '{' : '[';
      for (std::size_t i = 0; i < order.size(); ++i) {
        if (i > 0) out += ',';
        append_space(out, random);
        if (object) {
          append_text(out, value.names[order[i]], random);
          append_space(out, random);
          out += ':';
        }
        append_value(out, value.items[order[i]], random);
      }
      append_space(out, random);
      out += object ? '}' : ']';
    }
  }
  append_space(out, random);
}

std::string written(const Value& value, std::mt19937_64& random) {
  std::string out;
  append_value(out, value, random);
  return out;
}

// Every scalar and every container of the value.
void collect(Value& value, std::vector<Value*>& all) {
  all.push_back(&value);
  for (Value& item : value.items) {
    collect(item, all);
  }
}

// Another value in the same place.
void change(Value& value) {
  switch (value.kind) {
    case Value::Kind::null:
      value.kind = Value::Kind::truth;
      break;
    case Value::Kind::truth:
      value.truth = !value.truth;
      break;
    case Value::Kind::number:
      value.text = value.text == "1.0" ? "1.00" : "1.0";
      break;
    case Value::Kind::text:
      value.text += "x";
      break;
    case Value::Kind::object:
      value.names.emplace_back("a new name");
      [[fallthrough]];
    case Value::Kind::array:
      value.items.emplace_back();
      break;
  }
}

// An object or array, a few levels deep.
Value make_document(std::mt19937_64& random) {
  for (;;) {
    Value value = make_value(random, 5);
    if (value.items.size() > 2) return value;
  }
}

RC_GTEST_PROP(SameJsonProperty, WritingItDifferentlyKeepsItTheSame, (std::uint64_t seed)) {
  std::mt19937_64 random(seed);
  const Value value = make_document(random);
  const std::string a = written(value, random);
  const std::string b = written(value, random);
  RC_ASSERT(same_json(a, b));
  RC_ASSERT(same_json(b, a));
}

RC_GTEST_PROP(SameJsonProperty, ChangingOneValueMakesItAnother, (std::uint64_t seed)) {
  std::mt19937_64 random(seed);
  Value value = make_document(random);
  const std::string before = written(value, random);
  std::vector<Value*> all;
  collect(value, all);
  change(*all[random() % all.size()]);
  const std::string after = written(value, random);
  RC_ASSERT(!same_json(before, after));
  RC_ASSERT(!same_json(after, before));
}

RC_GTEST_PROP(SameJsonProperty, RenamingAMemberMakesItAnother, (std::uint64_t seed)) {
  std::mt19937_64 random(seed);
  Value value = make_value(random, 4);
  value.kind = Value::Kind::object;
  value.names = {"one", "two"};
  value.items = {make_value(random, 2), make_value(random, 2)};
  const std::string before = written(value, random);
  value.names[random() % 2] += "!";
  RC_ASSERT(!same_json(before, written(value, random)));
}

RC_GTEST_PROP(JsonTextProperty, AStringComesBackAsItWas, (std::uint64_t seed)) {
  std::mt19937_64 random(seed);
  const std::string text = make_text(random) + make_text(random);
  std::string ours = "[";
  append_json_string(ours, text);
  ours += "]";
  std::string theirs = "[";
  append_text(theirs, text, random);
  theirs += " ]";
  RC_ASSERT(same_json(ours, theirs));
}

}  // namespace
}  // namespace syncd::core
