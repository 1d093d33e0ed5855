#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace syncd::sandbox {

/// One key of upstream: signs the bodies of hooks with ES256 (compact JWS, raw r||s) and shows its public
/// half.
class HookSigner {
 public:
  /// The key follows from the two words, so that a run can be repeated; `kid` is how the key set names it.
  HookSigner(std::uint64_t seed, std::uint64_t number, std::string kid);
  ~HookSigner();
  HookSigner(HookSigner&&) noexcept;
  HookSigner& operator=(HookSigner&&) noexcept;

  [[nodiscard]] const std::string& kid() const { return kid_; }
  /// The signature header for exactly these bytes. `issued_at`: seconds since 1970, the claim `iat`. Two
  /// calls differ in their last part: ECDSA takes a random number for each signature.
  [[nodiscard]] std::string sign(std::string_view body, std::int64_t issued_at) const;
  /// The public key as an element of the key set.
  [[nodiscard]] std::string jwk() const;

 private:
  struct Key;
  std::unique_ptr<Key> key_;
  std::string kid_;
};

/// Base64url without padding, as JWS and JWK write it.
std::string base64url_bare(std::string_view bytes);

}  // namespace syncd::sandbox
