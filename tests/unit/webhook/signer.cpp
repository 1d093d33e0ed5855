#include "tests/unit/webhook/signer.hpp"

#include <array>
#include <stdexcept>

#include <fmt/format.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>

#include "sync/core/hex.hpp"

namespace syncd::test {
namespace {

constexpr int number_bytes = 32;

void require(bool worked) {
  if (!worked) throw std::runtime_error("OpenSSL cannot sign");
}

}  // namespace

std::string base64url(std::string_view bytes) {
  constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string text;
  std::uint32_t bits = 0;
  unsigned held = 0;
  for (const char c : bytes) {
    bits = bits << 8 | static_cast<std::uint8_t>(c);
    held += 8;
    while (held >= 6) {
      held -= 6;
      text += alphabet[bits >> held & 63];
    }
  }
  if (held > 0) text += alphabet[bits << (6 - held) & 63];
  return text;
}

struct HookSigner::Impl {
  EVP_PKEY* key = EVP_EC_gen("P-256");
};

HookSigner::HookSigner(std::string kid) : kid_(std::move(kid)), impl_(std::make_unique<Impl>()) {
  require(impl_->key != nullptr);
}

HookSigner::~HookSigner() {
  EVP_PKEY_free(impl_->key);
}

core::PublicKey HookSigner::key() const {
  core::PublicKey key{.kid = kid_};
  std::array<unsigned char, 1 + 2 * number_bytes> point{};
  std::size_t bytes = 0;
  require(EVP_PKEY_get_octet_string_param(impl_->key, OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size(),
                                          &bytes) == 1 &&
          bytes == point.size());
  std::copy_n(point.begin() + 1, number_bytes, key.x.begin());
  std::copy_n(point.begin() + 1 + number_bytes, number_bytes, key.y.begin());
  return key;
}

std::string HookSigner::jwk() const {
  const core::PublicKey point = key();
  return fmt::format(R"({{"kty":"EC","crv":"P-256","alg":"ES256","use":"sig","kid":"{}","x":"{}","y":"{}"}})",
                     kid_, base64url({reinterpret_cast<const char*>(point.x.data()), point.x.size()}),
                     base64url({reinterpret_cast<const char*>(point.y.data()), point.y.size()}));
}

std::string HookSigner::raw_signature(std::string_view text) const {
  EVP_MD_CTX* const context = EVP_MD_CTX_new();
  require(EVP_DigestSignInit(context, nullptr, EVP_sha256(), nullptr, impl_->key) == 1);
  std::array<unsigned char, 80> der{};
  std::size_t bytes = der.size();
  require(EVP_DigestSign(context, der.data(), &bytes, reinterpret_cast<const unsigned char*>(text.data()),
                         text.size()) == 1);
  EVP_MD_CTX_free(context);
  const unsigned char* at = der.data();
  ECDSA_SIG* const signature = d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(bytes));
  require(signature != nullptr);
  std::array<unsigned char, 2 * number_bytes> raw{};
  require(BN_bn2binpad(ECDSA_SIG_get0_r(signature), raw.data(), number_bytes) == number_bytes);
  require(BN_bn2binpad(ECDSA_SIG_get0_s(signature), raw.data() + number_bytes, number_bytes) == number_bytes);
  ECDSA_SIG_free(signature);
  return {reinterpret_cast<const char*>(raw.data()), raw.size()};
}

std::string HookSigner::header() const {
  return fmt::format(R"({{"alg":"ES256","kid":"{}","typ":"JWT"}})", kid_);
}

std::string HookSigner::sign(std::string_view header_json, std::string_view payload) const {
  const std::string signed_part = base64url(header_json) + "." + base64url(payload);
  return signed_part + "." + base64url(raw_signature(signed_part));
}

std::string HookSigner::token(std::string_view body, core::WallTime issued_at,
                              std::string_view issuer) const {
  return sign(header(), claims(body, issued_at, issuer));
}

std::string claims(std::string_view body, core::WallTime issued_at, std::string_view issuer) {
  return fmt::format(R"({{"iss":"{}","iat":{},"request_body_sha256":"{}"}})", issuer,
                     std::chrono::duration_cast<std::chrono::seconds>(issued_at.time_since_epoch()).count(),
                     core::hex_of(core::sha256_of(body)));
}

std::string hook_body(std::string_view link_id, std::string_view idempotency_key, std::string_view event) {
  return fmt::format(
      R"({{"webhook_major_version":1,"webhook_minor_version":0,"webhook_idempotency_key":"{}",)"
      R"("webhook_timestamp":"2025-05-06T16:31:12.451000+00:00","link_id":"{}","link_tags":[],)"
      R"("webhook_event":"{}","has_history":true}})",
      idempotency_key, link_id, event);
}

}  // namespace syncd::test
