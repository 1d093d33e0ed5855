#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "sync/core/key_set.hpp"
#include "sync/core/types.hpp"

namespace syncd::daemon {

// A public key of P-256 that signatures are checked with. The key decides how: nothing but ECDSA over a
// SHA-256 digest can be asked of it.
//
// Thread: one at a time.
class VerifyKey {
 public:
  // Errc::invalid: the coordinates are no point of the curve.
  static core::Result<VerifyKey> create(const core::PublicKey& key);
  ~VerifyKey();
  VerifyKey(VerifyKey&&) noexcept;
  VerifyKey& operator=(VerifyKey&&) noexcept;

  // `signature`: r and s, 32 bytes each, big-endian, as JWS has it (RFC 7518 section 3.4). False for any
  // other length, for r or s outside 1 to n-1, and for one that does not hold.
  bool verifies(const core::Hash& digest, std::string_view signature) const;

 private:
  struct Impl;
  explicit VerifyKey(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace syncd::daemon
