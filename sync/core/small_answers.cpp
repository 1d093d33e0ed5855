#include <algorithm>
#include <array>

#include <openssl/crypto.h>

#include "sync/core/answer_reading.hpp"
#include "sync/core/link_session.hpp"

namespace syncd::core {
namespace {

constexpr std::size_t token_bytes_max = 8 * 1024;
constexpr std::size_t code_bytes_max = 128;
constexpr std::size_t expires_digits_max = 9;  // 31 years
constexpr std::size_t location_words_max = 6;
constexpr std::size_t index_digits_max = 6;

// The members of the requests that upstream validates; sorted.
constexpr auto request_words = std::to_array<std::string_view>({"account_numbers",
                                                                "address",
                                                                "countries",
                                                                "country",
                                                                "cursor",
                                                                "customer_user",
                                                                "email",
                                                                "exchangeable_token",
                                                                "existing_link_id",
                                                                "id",
                                                                "identity",
                                                                "institution_id",
                                                                "investments",
                                                                "limit",
                                                                "link_tags",
                                                                "number",
                                                                "phone",
                                                                "prefetch",
                                                                "products",
                                                                "providers",
                                                                "reason",
                                                                "redirect_uri",
                                                                "require_permission",
                                                                "required",
                                                                "settings",
                                                                "size",
                                                                "transactions",
                                                                "webhook"});
static_assert(std::ranges::is_sorted(request_words));
// Where a request has its members; says nothing to a person.
constexpr std::array<std::string_view, 3> request_parts{"body", "path", "query"};

bool is_visible_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > ' ' && c <= '~'; });
}

bool equal_ignoring_case(std::string_view a, std::string_view lower) {
  return std::ranges::equal(a, lower, [](char x, char y) {
    return (x >= 'A' && x <= 'Z' ? static_cast<char>(x - 'A' + 'a') : x) == y;
  });
}

// What goes into a request header must not be able to end it.
bool read_secret(Reader& reader, std::string& secret, const char* refusal) {
  std::string_view text;
  if (!reader.text(text)) return false;
  if (text.empty() || text.size() > token_bytes_max || !is_visible_ascii(text)) return reader.fail(refusal);
  secret = text;
  return true;
}

bool read_access_token(Reader& reader, std::string& token) {
  return read_secret(reader, token, "is not a bearer token");
}

bool read_session(Reader& reader, SessionAnswer& answer) {
  constexpr const char* member = "link_session_token";
  Reader::Object object;
  if (!reader.enter(object)) return false;
  std::string_view name;
  while (reader.next(object, name)) {
    const bool read =
        name == member
            ? reader.at(member, read_secret(reader, answer.link_session_token, "is not a session token"))
            : reader.skip();
    if (!read) return false;
  }
  if (!reader.ok()) return false;
  if (answer.link_session_token.empty()) return reader.fail_member(member, "is missing");
  return true;
}

bool read_expires_in(Reader& reader, std::chrono::seconds& expires_in) {
  std::string_view text;
  if (!reader.number(text)) return false;
  if (text.size() > expires_digits_max || text.find_first_not_of("0123456789") != std::string_view::npos) {
    return reader.fail("is not a sensible number of seconds");
  }
  std::int64_t seconds = 0;
  for (const char c : text)
    seconds = seconds * 10 + (c - '0');
  expires_in = std::chrono::seconds{seconds};
  if (seconds > 0) return true;
  return reader.fail("is not a positive number of seconds");
}

bool read_token_type(Reader& reader) {
  std::string_view type;
  if (!reader.text(type)) return false;
  if (equal_ignoring_case(type, "bearer")) return true;
  return reader.fail("is not bearer");
}

bool read_token(Reader& reader, TokenAnswer& answer) {
  Reader::Object object;
  if (!reader.enter(object)) return false;
  bool has_type = false;
  std::string_view name;
  while (reader.next(object, name)) {
    bool read = false;
    if (name == "access_token") {
      read = reader.at("access_token", read_access_token(reader, answer.access_token));
    } else if (name == "token_type") {
      has_type = true;
      read = reader.at("token_type", read_token_type(reader));
    } else if (name == "expires_in") {
      read = reader.at("expires_in", read_expires_in(reader, answer.expires_in));
    } else {
      read = reader.skip();
    }
    if (!read) return false;
  }
  if (!reader.ok()) return false;
  if (answer.access_token.empty()) return reader.fail_member("access_token", "is missing");
  if (!has_type) return reader.fail_member("token_type", "is missing");
  if (answer.expires_in.count() == 0) return reader.fail_member("expires_in", "is missing");
  return true;
}

// Codes go into logs and records: a word or nothing.
bool read_code(Reader& reader, std::string& code) {
  std::string_view text;
  if (!reader.text_or_null(text)) return false;
  if (text.size() > code_bytes_max || !is_visible_ascii(text)) return reader.fail("is not a code");
  code = text;
  return true;
}

// ---- which members of a request were refused: a help for people, so any other form of it is passed over

bool is_index(std::string_view text) {
  return !text.empty() && text.size() <= index_digits_max &&
         text.find_first_not_of("0123456789") == std::string_view::npos;
}

// One step of a location. Upstream may repeat anything in one, a value too: only words of ours are kept.
bool read_step(Reader& reader, std::string& field) {
  std::string_view text;
  const char kind = reader.peek();
  if (kind != '"') {
    const bool is_number = kind == '-' || (kind >= '0' && kind <= '9');
    if (!(is_number ? reader.number(text) : reader.skip())) return false;
    field += is_index(text) ? "[" + std::string(text) + "]" : "[?]";
    return true;
  }
  if (!reader.text(text)) return false;
  if (field.empty() && std::ranges::find(request_parts, text) != request_parts.end()) return true;
  if (!field.empty()) field += '.';
  field += std::ranges::binary_search(request_words, text) ? text : "?";
  return true;
}

bool read_location(Reader& reader, std::string& field) {
  if (reader.peek() != '[') return reader.skip();
  Reader::Array steps;
  if (!reader.enter(steps)) return false;
  std::size_t words = 0;
  while (reader.next(steps)) {
    if (!(++words <= location_words_max ? read_step(reader, field) : reader.skip())) return false;
  }
  return reader.ok();
}

bool read_validation_error(Reader& reader, std::vector<std::string>& fields) {
  if (reader.peek() != '{') return reader.skip();
  Reader::Object object;
  if (!reader.enter(object)) return false;
  std::string field;
  std::string_view name;
  while (reader.next(object, name)) {
    if (!(name == "location" ? read_location(reader, field) : reader.skip())) return false;
  }
  if (!reader.ok()) return false;
  const bool tell = !field.empty() && fields.size() < refused_fields_max;
  if (tell) fields.push_back(std::move(field));
  return true;
}

bool read_validation_errors(Reader& reader, std::vector<std::string>& fields) {
  if (reader.peek() != '[') return reader.skip();
  Reader::Array errors;
  if (!reader.enter(errors)) return false;
  while (reader.next(errors)) {
    if (!read_validation_error(reader, fields)) return false;
  }
  return reader.ok();
}

bool read_error(Reader& reader, ErrorAnswer& answer) {
  Reader::Object object;
  if (!reader.enter(object)) return false;
  std::string_view name;
  while (reader.next(object, name)) {
    bool read = false;
    if (name == "error_code") {
      read = reader.at("error_code", read_code(reader, answer.error_code));
    } else if (name == "link_error_code") {
      read = reader.at("link_error_code", read_code(reader, answer.link_error_code));
    } else if (name == "validation_errors") {
      read = reader.at("validation_errors", read_validation_errors(reader, answer.refused_fields));
    } else {
      read = reader.skip();
    }
    if (!read) return false;
  }
  return reader.ok();
}

bool read_app(Reader& reader, IntrospectAnswer& answer) {
  if (reader.take_null()) return true;
  Reader::Object object;
  if (!reader.enter(object)) return false;
  std::string_view name;
  while (reader.next(object, name)) {
    std::string_view text;
    const bool wanted = name == "app_id";
    if (!(wanted ? reader.at("app_id", reader.text_or_null(text)) : reader.skip())) return false;
    if (wanted) answer.app_id = text;
  }
  return reader.ok();
}

bool read_introspect(Reader& reader, IntrospectAnswer& answer) {
  Reader::Object object;
  if (!reader.enter(object)) return false;
  std::string_view name;
  while (reader.next(object, name)) {
    bool read = false;
    if (name == "app") {
      read = reader.at("app", read_app(reader, answer));
    } else if (name == "disabled_at") {
      std::string_view text;
      read = reader.at("disabled_at", reader.text_or_null(text));
      answer.disabled_at = text;
    } else {
      read = reader.skip();
    }
    if (!read) return false;
  }
  return reader.ok();
}

// Reads a document of which only copies are kept.
template <class Answer, class Read>
Result<Answer> parse_small(std::string& body, std::string_view what, Read read) {
  body.reserve(body.size() + body_padding_bytes);
  std::deque<std::string> unescaped;
  Answer answer;
  Reader reader(body, unescaped);
  const bool good = reader.ok() && read(reader, answer) && reader.finish();
  for (std::string& text : unescaped)
    OPENSSL_cleanse(text.data(), text.size());
  if (!good) return refused(reader, what, body);
  return answer;
}

}  // namespace

Result<TokenAnswer> parse_token(std::string body) {
  auto answer = parse_small<TokenAnswer>(body, "a token answer", read_token);
  OPENSSL_cleanse(body.data(), body.size());
  return answer;
}

Result<SessionAnswer> parse_session(std::string body) {
  auto answer = parse_small<SessionAnswer>(body, "a link session answer", read_session);
  OPENSSL_cleanse(body.data(), body.size());
  return answer;
}

Result<ErrorAnswer> parse_error(std::string body) {
  return parse_small<ErrorAnswer>(body, "an error answer", read_error);
}

Result<IntrospectAnswer> parse_introspect(std::string body) {
  return parse_small<IntrospectAnswer>(body, "an introspect answer", read_introspect);
}

}  // namespace syncd::core
