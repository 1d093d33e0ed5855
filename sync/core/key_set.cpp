#include "sync/core/key_set.hpp"

#include <algorithm>
#include <deque>
#include <optional>

#include "sync/core/answer_reading.hpp"
#include "sync/core/base64url.hpp"
#include "sync/core/types.hpp"

namespace syncd::core {
namespace {

// The private members of every type of key (RFC 7518 section 6).
constexpr std::array<std::string_view, 8> private_members{"d", "p", "q", "dp", "dq", "qi", "oth", "k"};

// One key as it stands in the set.
struct Jwk {
  std::string_view kty, crv, alg, use, kid, x, y;
};

bool read_member(Reader& reader, std::string_view name, Jwk& key) {
  struct Member {
    std::string_view name;
    const char* place;
    std::string_view Jwk::* value;
  };
  static constexpr std::array<Member, 7> members{{{"kty", "kty", &Jwk::kty},
                                                  {"crv", "crv", &Jwk::crv},
                                                  {"alg", "alg", &Jwk::alg},
                                                  {"use", "use", &Jwk::use},
                                                  {"kid", "kid", &Jwk::kid},
                                                  {"x", "x", &Jwk::x},
                                                  {"y", "y", &Jwk::y}}};
  if (std::ranges::find(private_members, name) != private_members.end())
    return reader.fail("holds a private part");
  const auto member = std::ranges::find(members, name, &Member::name);
  if (member == members.end()) return reader.skip();
  return reader.at(member->place, reader.text_or_null(key.*(member->value)));
}

// A key that does not say what it is for is for anything of its type.
bool is_ours(const Jwk& key) {
  return key.kty == "EC" && key.crv == "P-256" && (key.alg.empty() || key.alg == "ES256") &&
         (key.use.empty() || key.use == "sig");
}

bool read_coordinate(Reader& reader, const char* name, std::string_view text,
                     std::array<std::uint8_t, 32>& out) {
  const std::optional<std::string> bytes = from_base64url(text);
  if (!bytes || bytes->size() != out.size()) return reader.fail_member(name, "is not 32 bytes as base64url");
  std::ranges::transform(*bytes, out.begin(), [](char c) { return static_cast<std::uint8_t>(c); });
  return true;
}

bool read_key(Reader& reader, KeySetAnswer& answer) {
  Reader::Object object;
  if (!reader.enter(object)) return false;
  Jwk key;
  std::string_view name;
  while (reader.next(object, name)) {
    if (!read_member(reader, name, key)) return false;
  }
  if (!reader.ok()) return false;
  if (!is_ours(key)) {
    ++answer.skipped;
    return true;
  }
  if (!is_valid_kid(key.kid)) return reader.fail_member("kid", "is missing or not 1 to 128 bytes long");
  const auto known = std::ranges::find(answer.keys, key.kid, &PublicKey::kid);
  if (known != answer.keys.end()) return reader.fail_member("kid", "is that of another key, too");
  PublicKey made{.kid = std::string(key.kid)};
  if (!read_coordinate(reader, "x", key.x, made.x) || !read_coordinate(reader, "y", key.y, made.y))
    return false;
  answer.keys.push_back(std::move(made));
  return true;
}

bool read_keys(Reader& reader, KeySetAnswer& answer) {
  Reader::Array array;
  if (!reader.enter(array)) return false;
  while (reader.next(array)) {
    if (array.index >= keys_max) return reader.fail("holds more than 32 keys");
    if (!reader.at(array, read_key(reader, answer))) return false;
  }
  return reader.ok();
}

bool read_set(Reader& reader, KeySetAnswer& answer) {
  Reader::Object object;
  if (!reader.enter(object)) return false;
  bool has_keys = false;
  std::string_view name;
  while (reader.next(object, name)) {
    const bool is_keys = name == "keys";
    has_keys |= is_keys;
    const bool read = is_keys ? reader.at("keys", read_keys(reader, answer)) : reader.skip();
    if (!read) return false;
  }
  if (!reader.ok()) return false;
  if (!has_keys) return reader.fail_member("keys", "is missing");
  if (answer.keys.empty()) return reader.fail_member("keys", "holds no key that webhooks are signed with");
  return true;
}

}  // namespace

bool is_valid_kid(std::string_view kid) {
  return kid.size() <= kid_bytes_max && is_valid_id(kid);
}

Result<KeySetAnswer> parse_key_set(std::string body) {
  if (body.size() > key_set_bytes_max) {
    return fail(Errc::protocol, "key_set: the body exceeds " + std::to_string(key_set_bytes_max) + " bytes");
  }
  body.reserve(body.size() + body_padding_bytes);
  std::deque<std::string> unescaped;
  Reader reader(body, unescaped);
  KeySetAnswer answer;
  if (!reader.ok() || !read_set(reader, answer) || !reader.finish()) return refused(reader, "key_set", body);
  return answer;
}

}  // namespace syncd::core
