#include "sync/core/sha256.hpp"

#include <stdexcept>

#include <openssl/evp.h>

namespace syncd::core {

namespace {

void require(bool worked) {
  if (!worked) throw std::runtime_error("OpenSSL has no working SHA-256");
}

}  // namespace

struct Sha256::Impl {
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context{EVP_MD_CTX_new(), &EVP_MD_CTX_free};

  void begin() { require(context && EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) == 1); }
};

Sha256::Sha256() : impl_(std::make_unique<Impl>()) {
  impl_->begin();
}

Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::add(std::string_view bytes) {
  require(EVP_DigestUpdate(impl_->context.get(), bytes.data(), bytes.size()) == 1);
}

Hash Sha256::finish() {
  Hash hash{};
  require(EVP_DigestFinal_ex(impl_->context.get(), hash.data(), nullptr) == 1);
  impl_->begin();
  return hash;
}

}  // namespace syncd::core
