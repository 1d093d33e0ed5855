#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "sync/core/key_set.hpp"
#include "sync/core/types.hpp"

namespace syncd::test {

std::string base64url(std::string_view bytes);

// Signs webhooks as upstream does, with a key of its own.
class HookSigner {
 public:
  explicit HookSigner(std::string kid = "test-key");
  ~HookSigner();
  HookSigner(const HookSigner&) = delete;
  HookSigner& operator=(const HookSigner&) = delete;

  core::PublicKey key() const;
  std::string jwk() const;  // as in a key set
  // The token of a webhook.
  std::string token(std::string_view body, core::WallTime issued_at,
                    std::string_view issuer = "https://api.moneykit.com") const;
  // A token with this header and payload, whatever they say; the signature holds.
  std::string sign(std::string_view header, std::string_view payload) const;
  std::string header() const;
  // r and s over the SHA-256 of the text.
  std::string raw_signature(std::string_view text) const;

 private:
  struct Impl;
  std::string kid_;
  std::unique_ptr<Impl> impl_;
};

std::string claims(std::string_view body, core::WallTime issued_at,
                   std::string_view issuer = "https://api.moneykit.com");
// A webhook about the link, with a key of its own.
std::string hook_body(std::string_view link_id, std::string_view idempotency_key,
                      std::string_view event = "transactions.updates_available");
// A set of these keys: `{"keys":[...]}`.
template <class... Signers>
std::string key_set_of(const Signers&... signers) {
  std::string keys;
  ((keys += (keys.empty() ? "" : ",") + signers.jwk()), ...);
  return R"({"keys":[)" + keys + "]}";
}

}  // namespace syncd::test
