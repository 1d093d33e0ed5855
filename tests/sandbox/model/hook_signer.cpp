#include "tests/sandbox/model/hook_signer.hpp"

#include <array>
#include <stdexcept>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include "tests/sandbox/model/random.hpp"
#include "tests/sandbox/model/text.hpp"

namespace syncd::sandbox {
namespace {

constexpr std::size_t field_bytes = 32;
constexpr std::uint64_t stream_key = 0x601;
constexpr std::string_view curve = "prime256v1";

template <auto release>
struct Release {
  template <class T>
  void operator()(T* object) const {
    release(object);
  }
};
using Number = std::unique_ptr<BIGNUM, Release<BN_clear_free>>;
using Group = std::unique_ptr<EC_GROUP, Release<EC_GROUP_free>>;
using Point = std::unique_ptr<EC_POINT, Release<EC_POINT_free>>;
using Signature = std::unique_ptr<ECDSA_SIG, Release<ECDSA_SIG_free>>;
using Context = std::unique_ptr<EVP_MD_CTX, Release<EVP_MD_CTX_free>>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, Release<EVP_PKEY_CTX_free>>;
using Builder = std::unique_ptr<OSSL_PARAM_BLD, Release<OSSL_PARAM_BLD_free>>;
using Parameters = std::unique_ptr<OSSL_PARAM, Release<OSSL_PARAM_free>>;
using Pair = std::unique_ptr<EVP_PKEY, Release<EVP_PKEY_free>>;

void must(bool good, const char* what) {
  if (!good) {
    throw std::runtime_error(std::string("the key for hooks cannot be used: OpenSSL refuses to ") + what);
  }
}

std::string_view bytes_of(const unsigned char* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

std::string hex_digest(std::string_view body) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  must(EVP_Digest(body.data(), body.size(), digest.data(), &size, EVP_sha256(), nullptr) == 1, "hash");
  constexpr std::string_view hex = "0123456789abcdef";
  std::string out;
  for (std::size_t i = 0; i < size; ++i) {
    out.push_back(hex[digest.at(i) >> 4U]);
    out.push_back(hex[digest.at(i) & 0xfU]);
  }
  return out;
}

}  // namespace

struct HookSigner::Key {
  Pair pair;
  std::array<unsigned char, 1 + 2 * field_bytes> point{};  ///< 4, x, y
};

HookSigner::HookSigner(std::uint64_t seed, std::uint64_t number, std::string kid)
    : key_(std::make_unique<Key>()), kid_(std::move(kid)) {
  std::array<unsigned char, field_bytes> secret{};
  for (std::size_t i = 0; i < secret.size(); ++i) {
    secret.at(i) = static_cast<unsigned char>(hash_words(seed, stream_key, number, i));
  }
  secret.front() =
      static_cast<unsigned char>((secret.front() & 0x7fU) | 1U);  // below the group's order, not zero
  const Number scalar(BN_bin2bn(secret.data(), static_cast<int>(secret.size()), nullptr));
  const Group group(EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1));
  must(scalar != nullptr && group != nullptr, "make a number");
  const Point point(EC_POINT_new(group.get()));
  must(EC_POINT_mul(group.get(), point.get(), scalar.get(), nullptr, nullptr, nullptr) == 1, "multiply");
  must(EC_POINT_point2oct(group.get(), point.get(), POINT_CONVERSION_UNCOMPRESSED, key_->point.data(),
                          key_->point.size(), nullptr) == key_->point.size(),
       "write a point");
  const Builder builder(OSSL_PARAM_BLD_new());
  OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, curve.data(), curve.size());
  OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, key_->point.data(),
                                   key_->point.size());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_PRIV_KEY, scalar.get());
  const Parameters parameters(OSSL_PARAM_BLD_to_param(builder.get()));
  const KeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
  must(EVP_PKEY_fromdata_init(context.get()) == 1, "begin a key");
  EVP_PKEY* made = nullptr;
  must(EVP_PKEY_fromdata(context.get(), &made, EVP_PKEY_KEYPAIR, parameters.get()) == 1, "make a key");
  key_->pair.reset(made);
}

HookSigner::~HookSigner() = default;
HookSigner::HookSigner(HookSigner&&) noexcept = default;
HookSigner& HookSigner::operator=(HookSigner&&) noexcept = default;

std::string HookSigner::sign(std::string_view body, std::int64_t issued_at) const {
  std::string signed_text =
      base64url_bare(R"({"alg":"ES256","kid":)" + json_string(kid_) + R"(,"typ":"JWT"})");
  signed_text.push_back('.');
  signed_text.append(base64url_bare(R"({"iss":"https://api.moneykit.com","iat":)" +
                                    std::to_string(issued_at) + R"(,"request_body_sha256":")" +
                                    hex_digest(body) + "\"}"));
  const Context context(EVP_MD_CTX_new());
  must(EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key_->pair.get()) == 1,
       "begin to sign");
  const auto* const text = reinterpret_cast<const unsigned char*>(signed_text.data());
  std::array<unsigned char, 80> der{};  // a P-256 signature has 72 at most
  std::size_t size = der.size();
  must(EVP_DigestSign(context.get(), der.data(), &size, text, signed_text.size()) == 1, "sign");
  // OpenSSL writes DER; JWS wants the two numbers side by side.
  const unsigned char* at = der.data();
  const Signature signature(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(size)));
  must(signature != nullptr, "read its own signature");
  std::array<unsigned char, 2 * field_bytes> raw{};
  BN_bn2binpad(ECDSA_SIG_get0_r(signature.get()), raw.data(), field_bytes);
  BN_bn2binpad(ECDSA_SIG_get0_s(signature.get()), raw.data() + field_bytes, field_bytes);
  return signed_text + "." + base64url_bare(bytes_of(raw.data(), raw.size()));
}

std::string HookSigner::jwk() const {
  const auto part = [&](std::size_t from) {
    return base64url_bare(bytes_of(key_->point.data() + from, field_bytes));
  };
  return R"({"kty":"EC","crv":"P-256","alg":"ES256","use":"sig","kid":)" + json_string(kid_) + ",\"x\":\"" +
         part(1) + "\",\"y\":\"" + part(1 + field_bytes) + "\"}";
}

std::string base64url_bare(std::string_view bytes) {
  std::string out = base64url(bytes);
  out.erase(out.find_last_not_of('=') + 1);
  return out;
}

}  // namespace syncd::sandbox
