#include "tests/sandbox/hook_check.hpp"

#include <array>
#include <memory>

#include <boost/json.hpp>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include "tests/sandbox/model/text.hpp"

namespace syncd::sandbox::test {
namespace {

namespace json = boost::json;

std::string bare_decoded(std::string_view text) {
  std::string padded(text);
  padded.append((4 - padded.size() % 4) % 4, '=');
  return base64url_decode(padded).value_or("");
}

const unsigned char* bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

struct PkeyFree {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
using Key = std::unique_ptr<EVP_PKEY, PkeyFree>;

Key public_key(const json::object& jwk) {
  const std::string point = "\x04" + bare_decoded(std::string_view(jwk.at("x").as_string())) +
                            bare_decoded(std::string_view(jwk.at("y").as_string()));
  std::string group = "prime256v1";
  std::string octets = point;
  std::array<OSSL_PARAM, 3> parameters = {
      OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group.data(), 0),
      OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, octets.data(), octets.size()),
      OSSL_PARAM_construct_end()};
  EVP_PKEY_CTX* const context = EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr);
  EVP_PKEY* key = nullptr;
  EVP_PKEY_fromdata_init(context);
  EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, parameters.data());
  EVP_PKEY_CTX_free(context);
  return Key(key);
}

bool holds(const Key& key, std::string_view text, std::string_view raw) {
  if (!key || raw.size() != 64) {
    return false;
  }
  ECDSA_SIG* const pair = ECDSA_SIG_new();
  ECDSA_SIG_set0(pair, BN_bin2bn(bytes(raw), 32, nullptr), BN_bin2bn(bytes(raw) + 32, 32, nullptr));
  unsigned char* der = nullptr;
  const int size = i2d_ECDSA_SIG(pair, &der);
  ECDSA_SIG_free(pair);
  EVP_MD_CTX* const context = EVP_MD_CTX_new();
  const bool good =
      size > 0 && EVP_DigestVerifyInit(context, nullptr, EVP_sha256(), nullptr, key.get()) == 1 &&
      EVP_DigestVerify(context, der, static_cast<std::size_t>(size), bytes(text), text.size()) == 1;
  EVP_MD_CTX_free(context);
  OPENSSL_free(der);
  return good;
}

std::string hex_sha256(std::string_view body) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  EVP_Digest(body.data(), body.size(), digest.data(), &size, EVP_sha256(), nullptr);
  std::string out;
  for (unsigned int i = 0; i < size; ++i) {
    constexpr std::string_view hex = "0123456789abcdef";
    out.push_back(hex[digest.at(i) >> 4U]);
    out.push_back(hex[digest.at(i) & 0xfU]);
  }
  return out;
}

}  // namespace

std::expected<CheckedHook, std::string> check_hook(std::string_view key_set, std::string_view signature,
                                                   std::string_view body) {
  const auto first = signature.find('.');
  const auto last = signature.rfind('.');
  if (first == std::string_view::npos || first == last) {
    return std::unexpected("no compact JWS");
  }
  CheckedHook out;
  out.header = bare_decoded(signature.substr(0, first));
  out.payload = bare_decoded(signature.substr(first + 1, last - first - 1));
  const json::value header = json::parse(out.header);
  const json::value payload = json::parse(out.payload);
  if (header.at("alg") != "ES256") {
    return std::unexpected("not ES256");
  }
  out.kid = header.at("kid").as_string();
  const json::value keys = json::parse(key_set);
  const json::object* jwk = nullptr;
  for (const json::value& key : keys.at("keys").as_array()) {
    jwk = key.at("kid") == header.at("kid") ? &key.as_object() : jwk;
  }
  if (jwk == nullptr) {
    return std::unexpected("unknown kid");
  }
  if (!holds(public_key(*jwk), signature.substr(0, last), bare_decoded(signature.substr(last + 1)))) {
    return std::unexpected("wrong signature");
  }
  if (payload.at("iss") != "https://api.moneykit.com") {
    return std::unexpected("wrong issuer");
  }
  if (payload.at("request_body_sha256") != json::string(hex_sha256(body))) {
    return std::unexpected("wrong body");
  }
  out.issued_at = payload.at("iat").as_int64();
  return out;
}

}  // namespace syncd::sandbox::test
