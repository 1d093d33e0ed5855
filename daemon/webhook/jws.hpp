#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "daemon/webhook/verify_key.hpp"
#include "sync/core/hook_report.hpp"
#include "sync/core/types.hpp"

namespace syncd::daemon {

// The signature of a webhook: a compact JWS (RFC 7515) in a header field, whose claims name the digest of the
// body. Pure; nothing of a token is believed before its signature has held, but which key it names.

inline constexpr std::size_t token_bytes_max = 8 * 1024;

using core::SignatureFault;
template <class T>
using Checked = std::expected<T, SignatureFault>;

// A token that has the right form; nothing is known yet about its signature.
struct SignedToken {
  std::string kid;
  std::string_view signed_part;  // header and payload, as they came; of the text that was parsed
  std::string payload;           // decoded
  std::string signature;         // decoded
};

// Strict: exactly three parts of unpadded base64url; a header with `alg` ES256 and a kid, and without `jku`,
// `x5u`, `jwk`, `x5c`, `crit` and `b64`, which would let the sender choose the key or the meaning. The text
// must outlive the token.
Checked<SignedToken> parse_token(std::string_view text);

// How old a token may be. Upstream repeats a webhook for up to two hours, and whether it signs it anew then
// is not documented: so nothing younger than that and ten minutes is too old, and another five are for
// clocks. A replay within that time does no harm: the webhook's own key tells it.
inline constexpr std::chrono::minutes token_age_max{2 * 60 + 10 + 5};
inline constexpr std::chrono::minutes token_ahead_max{5};

struct TokenRules {
  std::string_view issuer;  // what `iss` must be
  core::WallTime now;
};

// Whether the token is signed with `key`, says what the rules want, and is about these very bytes.
Checked<void> check_token(const SignedToken& token, const VerifyKey& key, std::string_view body,
                          const TokenRules& rules);

}  // namespace syncd::daemon
