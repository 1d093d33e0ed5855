#include "sync/core/account_facts.hpp"

#include <deque>

#include "sync/core/page.hpp"
#include "sync/core/reader.hpp"

namespace syncd::core {

namespace {

// A string or a number, as its text; whatever else is passed over.
bool read_text(Reader& reader, std::string& out) {
  const char first = reader.peek();
  const bool number = first == '-' || (first >= '0' && first <= '9');
  if (first != '"' && !number) return reader.skip();
  std::string_view text;
  if (number ? !reader.number(text) : !reader.text(text)) return false;
  out = text;
  return true;
}

bool read_balances(Reader& reader, AccountFacts& facts) {
  if (reader.peek() != '{') return reader.skip();
  Reader::Object object;
  if (!reader.enter(object)) return false;
  std::string_view name;
  while (reader.next(object, name)) {
    bool read = false;
    if (name == "currency") {
      read = read_text(reader, facts.currency);
    } else if (name == "available") {
      read = read_text(reader, facts.available);
    } else if (name == "current") {
      read = read_text(reader, facts.current);
    } else if (name == "limit") {
      read = read_text(reader, facts.limit);
    } else {
      read = reader.skip();
    }
    if (!read) return false;
  }
  return reader.ok();
}

bool read_member(Reader& reader, std::string_view name, AccountFacts& facts) {
  if (name == "name") return read_text(reader, facts.name);
  if (name == "account_type") return read_text(reader, facts.type);
  if (name == "account_mask") return read_text(reader, facts.mask);
  if (name == "balances") return read_balances(reader, facts);
  return reader.skip();
}

}  // namespace

std::optional<AccountFacts> account_facts(std::string_view json) {
  std::string text;
  text.reserve(json.size() + body_padding_bytes);
  text = json;
  std::deque<std::string> unescaped;
  Reader reader(text, unescaped);
  AccountFacts facts;
  Reader::Object object;
  if (!reader.ok() || reader.peek() != '{' || !reader.enter(object)) return std::nullopt;
  std::string_view name;
  while (reader.next(object, name)) {
    if (!read_member(reader, name, facts)) return std::nullopt;
  }
  if (!reader.ok() || !reader.finish()) return std::nullopt;
  return facts;
}

}  // namespace syncd::core
