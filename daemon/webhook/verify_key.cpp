#include "daemon/webhook/verify_key.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <stdexcept>
#include <string>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

namespace syncd::daemon {

namespace {

constexpr std::size_t number_bytes = 32;
using Number = std::array<std::uint8_t, number_bytes>;

// The order of the curve's group, n.
constexpr Number group_order{0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff,
                             0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17,
                             0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51};

template <class T, void (*Free)(T*)>
struct FreeBy {
  void operator()(T* object) const { Free(object); }
};
template <class T, void (*Free)(T*)>
using Owned = std::unique_ptr<T, FreeBy<T, Free>>;
using PkeyContext = Owned<EVP_PKEY_CTX, EVP_PKEY_CTX_free>;
using Pkey = Owned<EVP_PKEY, EVP_PKEY_free>;
using ParamBuilder = Owned<OSSL_PARAM_BLD, OSSL_PARAM_BLD_free>;
using Params = Owned<OSSL_PARAM, OSSL_PARAM_free>;

Number number_at(std::string_view bytes) {
  Number number{};
  std::ranges::transform(bytes.substr(0, number_bytes), number.begin(),
                         [](char c) { return static_cast<std::uint8_t>(c); });
  return number;
}

bool is_in_group(const Number& number) {
  return number != Number{} && number < group_order;
}

// A DER integer: the fewest bytes that still show that it is not negative.
void append_integer(std::string& out, const Number& number) {
  std::size_t begin = 0;
  while (begin + 1 < number.size() && number[begin] == 0)
    ++begin;
  const bool looks_negative = number[begin] >= 0x80;
  out.push_back('\x02');
  out.push_back(static_cast<char>(number.size() - begin + (looks_negative ? 1 : 0)));
  if (looks_negative) out.push_back('\0');
  for (std::size_t at = begin; at < number.size(); ++at)
    out.push_back(static_cast<char>(number[at]));
}

// As OpenSSL wants a signature. Both numbers together need fewer than 128 bytes.
std::string to_der(const Number& r, const Number& s) {
  std::string numbers;
  append_integer(numbers, r);
  append_integer(numbers, s);
  return std::string{'\x30', static_cast<char>(numbers.size())} + numbers;
}

Pkey make_key(const core::PublicKey& key) {
  std::array<std::uint8_t, 1 + 2 * number_bytes> point{4};  // uncompressed
  std::ranges::copy(key.x, point.begin() + 1);
  std::ranges::copy(key.y, point.begin() + 1 + number_bytes);
  const ParamBuilder builder(OSSL_PARAM_BLD_new());
  if (!builder ||
      OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) != 1 ||
      OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()) !=
          1) {
    return nullptr;
  }
  const Params params(OSSL_PARAM_BLD_to_param(builder.get()));
  const PkeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
  EVP_PKEY* made = nullptr;
  if (!params || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &made, EVP_PKEY_PUBLIC_KEY, params.get()) != 1) {
    return nullptr;
  }
  return Pkey(made);
}

bool is_on_curve(EVP_PKEY* key) {
  const PkeyContext context(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
  return context && EVP_PKEY_public_check(context.get()) == 1;
}

}  // namespace

struct VerifyKey::Impl {
  Pkey key;
  PkeyContext context;
};

VerifyKey::VerifyKey(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {
}
VerifyKey::~VerifyKey() = default;
VerifyKey::VerifyKey(VerifyKey&&) noexcept = default;
VerifyKey& VerifyKey::operator=(VerifyKey&&) noexcept = default;

core::Result<VerifyKey> VerifyKey::create(const core::PublicKey& key) {
  auto impl = std::make_unique<Impl>();
  impl->key = make_key(key);
  const bool good = impl->key && is_on_curve(impl->key.get());
  ERR_clear_error();
  if (!good) return core::fail(core::Errc::invalid, "a key is no point of P-256");
  impl->context.reset(EVP_PKEY_CTX_new_from_pkey(nullptr, impl->key.get(), nullptr));
  if (!impl->context || EVP_PKEY_verify_init(impl->context.get()) != 1)
    throw std::runtime_error("OpenSSL cannot check ECDSA signatures");
  return VerifyKey(std::move(impl));
}

bool VerifyKey::verifies(const core::Hash& digest, std::string_view signature) const {
  if (signature.size() != 2 * number_bytes) return false;
  const Number r = number_at(signature);
  const Number s = number_at(signature.substr(number_bytes));
  if (!is_in_group(r) || !is_in_group(s)) return false;
  const std::string der = to_der(r, s);
  const int verdict =
      EVP_PKEY_verify(impl_->context.get(), reinterpret_cast<const unsigned char*>(der.data()), der.size(),
                      digest.data(), digest.size());
  if (verdict != 1) ERR_clear_error();
  return verdict == 1;
}

}  // namespace syncd::daemon
