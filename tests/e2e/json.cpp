#include "tests/e2e/json.hpp"

#include <algorithm>
#include <charconv>
#include <stdexcept>

namespace syncd::test::e2e {

struct Json::Parser {
  std::string_view text;
  std::size_t at = 0;

  [[noreturn]] void refuse() const {
    throw std::runtime_error("no JSON at byte " + std::to_string(at) + ": " +
                             std::string(text.substr(std::min(at, text.size()), 60)));
  }
  void skip_blanks() {
    while (at < text.size() && std::string_view(" \t\r\n").find(text[at]) != std::string_view::npos) {
      ++at;
    }
  }
  char peek() {
    skip_blanks();
    if (at >= text.size()) {
      refuse();
    }
    return text[at];
  }
  void expect(char wanted) {
    if (peek() != wanted) {
      refuse();
    }
    ++at;
  }

  std::string token() {
    const std::size_t begin = at;
    if (text[at] == '"') {
      for (++at; at < text.size() && text[at] != '"'; ++at) {
        at += text[at] == '\\' ? 1U : 0U;
      }
      ++at;
    } else {
      at = std::min(text.find_first_of(" \t\r\n,:]}", at), text.size());
    }
    if (at > text.size() || at == begin) {
      refuse();
    }
    return std::string(text.substr(begin, at - begin));
  }

  template <class Each>
  void list(char close, Each each) {
    ++at;
    if (peek() == close) {
      ++at;
      return;
    }
    while (true) {
      each();
      if (peek() == close) {
        ++at;
        return;
      }
      expect(',');
    }
  }

  Json value() {
    Json out;
    const char first = peek();
    if (first == '{') {
      out.token_ = "{";
      list('}', [&] {
        skip_blanks();
        std::string name = token();
        expect(':');
        out.members_.emplace_back(name.substr(1, name.size() - 2), value());
      });
      std::ranges::sort(out.members_, {}, &std::pair<std::string, Json>::first);
    } else if (first == '[') {
      out.token_ = "[";
      list(']', [&] { out.items_.push_back(value()); });
    } else {
      out.token_ = token();
    }
    return out;
  }
};

Json Json::parse(std::string_view text) {
  Parser parser{text};
  Json value = parser.value();
  parser.skip_blanks();
  if (parser.at != text.size()) {
    parser.refuse();
  }
  return value;
}

const Json& Json::operator[](std::string_view name) const {
  static const Json none = parse("null");
  const auto found = std::ranges::lower_bound(members_, name, {}, &std::pair<std::string, Json>::first);
  return found != members_.end() && found->first == name ? found->second : none;
}

std::string Json::text() const {
  return token_.starts_with('"') ? token_.substr(1, token_.size() - 2) : token_;
}

unsigned long long Json::number() const {
  unsigned long long value = 0;
  const auto [end, ec] = std::from_chars(token_.data(), token_.data() + token_.size(), value);
  if (ec != std::errc{} || end != token_.data() + token_.size()) {
    throw std::runtime_error("not a whole number: " + token_);
  }
  return value;
}

std::string Json::canonical() const {
  if (token_ != "{" && token_ != "[") {
    return token_;
  }
  std::string out = token_;
  for (const auto& [name, value] : members_) {
    out.append(out.size() == 1 ? "\"" : ",\"").append(name).append("\":").append(value.canonical());
  }
  for (const Json& item : items_) {
    out.append(out.size() == 1 ? "" : ",").append(item.canonical());
  }
  return out.append(token_ == "{" ? "}" : "]");
}

}  // namespace syncd::test::e2e
