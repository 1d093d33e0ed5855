#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/admin/caller.hpp"
#include "sync/api/secret.hpp"
#include "sync/core/result.hpp"
#include "sync/core/types.hpp"

namespace syncd::daemon {

// The tokens of the admin API's TCP listener. A token is `mks_` and 32 random bytes in base64url; only its
// SHA-256 is kept: nobody can guess 256 random bits, so a slow hash would protect nothing.

inline constexpr std::size_t tokens_max = 1000;  // revoked and expired ones included
inline constexpr std::size_t token_name_bytes_max = 64;
inline constexpr std::size_t token_random_bytes = 32;
inline constexpr core::Millis token_lifetime_min{1'000};
inline constexpr core::Millis token_lifetime_max{365LL * 24 * 3600 * 1000};
inline constexpr std::size_t actor_bytes_max = 128;

using TokenHash = core::Hash;

enum class TokenState : std::uint8_t { live, expired, revoked };
std::string_view to_string(TokenState state);

struct Token {
  std::string name;
  Role role = Role::read;
  TokenHash hash{};
  core::WallTime created_at{};
  std::string created_by;  // actor
  core::WallTime expires_at{};
  std::optional<core::WallTime> revoked_at;
  bool operator==(const Token&) const = default;
};
TokenState state_of(const Token& token, core::WallTime now);

// What an operator asks for.
struct NewToken {
  std::string name;
  Role role = Role::read;
  core::Millis lifetime{};
};

// `[a-z0-9][a-z0-9._-]{0,63}`
bool is_valid_token_name(std::string_view name);
// Exactly `mks_` and 43 characters of base64url: anything else is not worth a look into the table.
bool has_token_form(std::string_view text);
// The text of a token; `random` must come from the system's generator.
api::Secret token_text(std::span<const std::uint8_t, token_random_bytes> random);
TokenHash hash_of_token(std::string_view text);

// All tokens, at most tokens_max, in the order of their names. A value: a change is made to a copy, stored,
// and takes effect when it is durable.
class TokenTable {
 public:
  // Errc::invalid for anything that encode() did not write, down to a single bit.
  static core::Result<TokenTable> decode(std::string_view bytes);
  std::string encode() const;

  const std::vector<Token>& tokens() const { return tokens_; }
  // Grows with every change: of two tables the one with the higher version is the present one.
  std::uint64_t version() const { return version_; }

  // The token of this hash in whatever state; nullptr: none. Looks at every token, so that the time it takes
  // depends on nothing but their number.
  const Token* match(const TokenHash& hash) const;

  // The new token lives from `now` on. The name of one that has expired or was revoked may be used again; in
  // a full table the one that ended first makes room. Errc::invalid: a name or a lifetime out of range;
  // Errc::conflict: the name belongs to a live token, or all tokens_max are live.
  core::Result<Token> add(const NewToken& wanted, const TokenHash& hash, std::string_view created_by,
                          core::WallTime now);
  // Errc::not_found. One that was revoked already keeps its time.
  core::Result<Token> revoke(std::string_view name, core::WallTime now);

  bool operator==(const TokenTable&) const = default;

 private:
  std::vector<Token>::iterator find(std::string_view name);

  std::vector<Token> tokens_;
  std::uint64_t version_ = 0;
};

}  // namespace syncd::daemon
