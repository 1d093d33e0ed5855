#include "sync/core/redact.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <string>
#include <string_view>

#include "sync/core/types.hpp"
#include "tests/fuzz/support/target.hpp"

// Any bytes, as the body of an answer that broke the contract. What is kept of them is made of JSON's own
// signs and of few words, so nothing of a value can be in it: no text and no digit at all. It is in its
// bound; names stand only where a member's name does, and only those of the contract; its brackets are the
// body's, in their order; another value of the same kind leaves the same; with less room it is a beginning of
// the same.
namespace syncd::fuzz {
namespace {

constexpr std::string_view cut_off = " ...";

// Quoted: `"..."` is what stands for texts. Bare: words outside of them.
bool is_bare(std::string_view word) {
  constexpr auto words = std::to_array<std::string_view>({"num", "bool", "null", "?"});
  for (const auto one : words) {
    if (word == one) return true;
  }
  return false;
}

// A name of the contract is in lower case, without a digit, and the body has it word for word. That no other
// is kept, check_unknown_name sees to.
bool may_be_name(std::string_view body, std::string_view quoted) {
  if (quoted == "\"*\"") return true;
  for (const char c : quoted.substr(1, quoted.size() - 2)) {
    if (c != '_' && (c < 'a' || c > 'z')) return false;
  }
  return body.contains(quoted);
}

// Takes the output apart, sign by sign. The signs between the words come back.
std::string check_words(std::string_view body, std::string_view out) {
  std::string signs;
  while (!out.empty()) {
    if (std::string_view("{}[],:").contains(out.front())) {
      signs += out.front();
      out.remove_prefix(1);
      continue;
    }
    if (out.front() != '"') {
      const auto end = std::min(out.find_first_of("{}[],:\""), out.size());
      // Two words with only blanks between them stand side by side.
      auto words = out.substr(0, end);
      while (!words.empty()) {
        std::size_t bytes = 0;
        for (std::size_t i = 1; i <= std::min<std::size_t>(words.size(), 4); ++i) {
          if (is_bare(words.substr(0, i))) bytes = i;
        }
        FUZZ_CHECK_SAYING(bytes > 0, "outside of quotes only kinds are kept", words);
        words.remove_prefix(bytes);
      }
      out.remove_prefix(end);
      continue;
    }
    if (out == "\"...") return signs;
    const auto end = out.find('"', 1);
    FUZZ_CHECK_SAYING(end != std::string_view::npos, "what is quoted ends", out);
    const auto quoted = out.substr(0, end + 1);
    out.remove_prefix(end + 1);
    const bool kind =
        quoted == "\"\"" || quoted == "\"num\"" || quoted == "\"text\"" || quoted == "\"long text\"";
    const bool names = out.starts_with(':');
    FUZZ_CHECK_SAYING(kind || (names && may_be_name(body, quoted)), "only kinds and known names are quoted",
                      quoted);
  }
  return signs;
}

// Of the body: what stands outside its texts.
std::string signs_of(std::string_view body) {
  std::string signs;
  bool in_text = false;
  for (std::size_t i = 0; i < body.size(); ++i) {
    if (in_text && body[i] == '\\') {
      ++i;
    } else if (body[i] == '"') {
      in_text = !in_text;
    } else if (!in_text && std::string_view("{}[],:").contains(body[i])) {
      signs += body[i];
    }
  }
  return signs;
}

// Each digit that is not a number's first becomes another one: neither kinds nor lengths change, so the
// answer must not. A first one says too much: whether it is a zero.
std::string with_other_digits(std::string_view body) {
  std::string other(body);
  for (std::size_t i = 1; i < other.size(); ++i) {
    const bool inside = std::isdigit(static_cast<unsigned char>(body[i - 1])) != 0 && body[i - 1] != '0';
    if (inside && std::isdigit(static_cast<unsigned char>(body[i])) != 0)
      other[i] = body[i] == '9' ? '1' : static_cast<char>(body[i] + 1);
  }
  return other;
}

// No name of the contract begins like this.
void check_unknown_name(std::string_view body) {
  std::string name = "zq";
  for (const char c : body.substr(0, 16))
    name += static_cast<char>('a' + static_cast<unsigned char>(c) % 26);
  const auto out = core::redacted("{\"" + name + "\":\"" + name + "\"}");
  FUZZ_CHECK_SAYING(out == R"({"*":"text"})", "a name that the contract does not know is not kept", out);
}

}  // namespace

FUZZ_TARGET(redact) {
  const std::string_view body = bytes;
  const std::string whole = core::redacted(body);
  FUZZ_CHECK(whole.size() <= core::redacted_bytes_max + cut_off.size(), "it is in its bound");
  FUZZ_CHECK(core::redacted(body) == whole, "the same body leaves the same");
  const bool all = !whole.ends_with(cut_off);
  const auto signs =
      check_words(body, std::string_view(whole).substr(0, whole.size() - (all ? 0 : cut_off.size())));
  const auto own = signs_of(body);
  FUZZ_CHECK_SAYING(all ? signs == own : own.starts_with(signs), "the brackets are the body's", whole);
  FUZZ_CHECK_SAYING(core::redacted(with_other_digits(body)) == whole, "digits leave no trace", whole);
  check_unknown_name(body);
  const std::size_t room = body.empty() ? 0 : static_cast<unsigned char>(body.back());
  const std::string less = core::redacted(body, room);
  FUZZ_CHECK(less.size() <= room + cut_off.size(), "it is in any bound");
  if (less != whole) {
    FUZZ_CHECK(less.ends_with(cut_off), "what was left out is told");
    FUZZ_CHECK(whole.starts_with(less.substr(0, less.size() - cut_off.size())),
               "less room, less of the same");
  }
}

}  // namespace syncd::fuzz
