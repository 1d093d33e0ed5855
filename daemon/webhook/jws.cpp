#include "daemon/webhook/jws.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <deque>
#include <optional>

#include <openssl/crypto.h>

#include "sync/core/base64url.hpp"
#include "sync/core/hex.hpp"
#include "sync/core/key_set.hpp"
#include "sync/core/page.hpp"
#include "sync/core/reader.hpp"

namespace syncd::daemon {

namespace {

using Fault = SignatureFault;

constexpr std::size_t signature_bytes = 64;
constexpr std::size_t seconds_digits_max = 11;  // beyond the year 5000
constexpr std::size_t digest_digits = 64;

std::unexpected<Fault> refuse(Fault fault) {
  return std::unexpected(fault);
}

// Where the sender names the key, or gives the signature another meaning.
constexpr std::array<std::string_view, 6> refused_members{"jku", "x5u", "jwk", "x5c", "crit", "b64"};

struct Header {
  std::optional<std::string> alg;
  std::optional<std::string> kid;
  bool refused = false;
};

bool read_text(core::Reader& reader, std::optional<std::string>& out) {
  std::string_view text;
  if (!reader.text(text)) return false;
  out = text;
  return true;
}

bool read_header(core::Reader& reader, Header& header) {
  core::Reader::Object object;
  if (!reader.enter(object)) return false;
  std::string_view name;
  while (reader.next(object, name)) {
    if (std::ranges::find(refused_members, name) != refused_members.end()) header.refused = true;
    bool read = false;
    if (name == "alg") {
      read = read_text(reader, header.alg);
    } else if (name == "kid") {
      read = read_text(reader, header.kid);
    } else {
      read = reader.skip();
    }
    if (!read) return false;
  }
  return reader.ok();
}

struct Claims {
  std::string issuer;
  std::optional<core::WallTime> issued_at;
  std::string body_digest;
};

// Whole seconds: a fraction or an exponent is nothing that upstream writes.
bool read_seconds(core::Reader& reader, std::optional<core::WallTime>& out) {
  std::string_view text;
  if (!reader.number(text)) return false;
  std::int64_t seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  const bool whole = error == std::errc{} && end == text.data() + text.size();
  if (!whole || seconds < 0 || text.size() > seconds_digits_max) return reader.fail("is no time in seconds");
  out = core::WallTime(std::chrono::seconds(seconds));
  return true;
}

bool read_claims(core::Reader& reader, Claims& claims) {
  core::Reader::Object object;
  if (!reader.enter(object)) return false;
  std::string_view name;
  while (reader.next(object, name)) {
    std::string_view text;
    bool read = false;
    if (name == "iss") {
      read = reader.text(text);
      claims.issuer = text;
    } else if (name == "iat") {
      read = read_seconds(reader, claims.issued_at);
    } else if (name == "request_body_sha256") {
      read = reader.text(text);
      claims.body_digest = text;
    } else {
      read = reader.skip();
    }
    if (!read) return false;
  }
  return reader.ok();
}

// Reads a JSON document of its own, whole; false: it is none, or not what `read` wants.
template <class Read, class Out>
bool read_document(std::string text, Read read, Out& out) {
  text.reserve(text.size() + core::body_padding_bytes);
  std::deque<std::string> unescaped;
  core::Reader reader(text, unescaped);
  return reader.ok() && read(reader, out) && reader.finish();
}

bool is_digest(std::string_view text) {
  const auto is_lower_hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  return text.size() == digest_digits && std::ranges::all_of(text, is_lower_hex);
}

Checked<void> check_claims(const Claims& claims, std::string_view body, const TokenRules& rules) {
  if (!claims.issued_at || !is_digest(claims.body_digest)) return refuse(Fault::claims);
  if (claims.issuer != rules.issuer) return refuse(Fault::issuer);
  if (*claims.issued_at > rules.now + token_ahead_max) return refuse(Fault::in_future);
  if (*claims.issued_at < rules.now - token_age_max) return refuse(Fault::too_old);
  const std::string digest = core::hex_of(core::sha256_of(body));
  const bool same = CRYPTO_memcmp(digest.data(), claims.body_digest.data(), digest_digits) == 0;
  if (!same) return refuse(Fault::body);
  return {};
}

}  // namespace

Checked<SignedToken> parse_token(std::string_view text) {
  if (text.empty()) return refuse(Fault::missing);
  if (text.size() > token_bytes_max) return refuse(Fault::form);
  const std::size_t first = text.find('.');
  const std::size_t second = first == std::string_view::npos ? first : text.find('.', first + 1);
  if (second == std::string_view::npos || text.find('.', second + 1) != std::string_view::npos)
    return refuse(Fault::form);
  auto header_text = core::from_base64url(text.substr(0, first));
  auto payload = core::from_base64url(text.substr(first + 1, second - first - 1));
  auto signature = core::from_base64url(text.substr(second + 1));
  if (!header_text || !payload || !signature) return refuse(Fault::form);
  Header header;
  if (!read_document(std::move(*header_text), read_header, header) || header.refused)
    return refuse(Fault::header);
  if (header.alg != "ES256") return refuse(Fault::algorithm);
  if (!header.kid || !core::is_valid_kid(*header.kid)) return refuse(Fault::key_id);
  if (signature->size() != signature_bytes) return refuse(Fault::signature);
  return SignedToken{.kid = std::move(*header.kid),
                     .signed_part = text.substr(0, second),
                     .payload = std::move(*payload),
                     .signature = std::move(*signature)};
}

Checked<void> check_token(const SignedToken& token, const VerifyKey& key, std::string_view body,
                          const TokenRules& rules) {
  if (!key.verifies(core::sha256_of(token.signed_part), token.signature)) return refuse(Fault::signature);
  Claims claims;
  if (!read_document(token.payload, read_claims, claims)) return refuse(Fault::claims);
  return check_claims(claims, body, rules);
}

}  // namespace syncd::daemon
