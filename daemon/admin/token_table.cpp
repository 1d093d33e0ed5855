#include "daemon/admin/token_table.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <openssl/crypto.h>

#include "daemon/duration.hpp"

namespace syncd::daemon {

namespace {

constexpr std::string_view token_prefix = "mks_";
constexpr std::string_view base64url = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::size_t token_text_bytes = 43;  // of 32 bytes, without padding

// On disk: the format, the version, the number of tokens, each token, and the SHA-256 of all that. Numbers
// are little-endian; a text has its length in one byte before it.
constexpr std::uint8_t format = 1;

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

void put_number(std::string& out, std::uint64_t value, std::size_t bytes) {
  for (std::size_t at = 0; at < bytes; ++at)
    out += static_cast<char>(value >> (8 * at) & 0xFF);
}

void put_text(std::string& out, std::string_view text) {
  put_number(out, text.size(), 1);
  out += text;
}

void put_time(std::string& out, core::WallTime time) {
  put_number(out, static_cast<std::uint64_t>(time.time_since_epoch().count()), 8);
}

std::string_view as_text(const TokenHash& hash) {
  return {reinterpret_cast<const char*>(hash.data()), hash.size()};
}

// Takes values from the front; the first that is not there fails all that follow.
struct Input {
  std::string_view rest;
  bool ok = true;

  std::string_view bytes(std::size_t count) {
    ok = ok && count <= rest.size();
    if (!ok) return {};
    const std::string_view taken = rest.substr(0, count);
    rest.remove_prefix(count);
    return taken;
  }
  std::uint64_t number(std::size_t count) {
    std::uint64_t value = 0;
    const std::string_view taken = bytes(count);
    for (std::size_t at = 0; at < taken.size(); ++at)
      value |= std::uint64_t{static_cast<unsigned char>(taken[at])} << (8 * at);
    return value;
  }
  std::string_view text() { return bytes(number(1)); }
  core::WallTime time() { return core::WallTime{core::Millis{static_cast<std::int64_t>(number(8))}}; }
};

std::optional<Token> read_token(Input& input) {
  Token token;
  token.name = input.text();
  const std::uint64_t role = input.number(1);
  const std::string_view hash = input.bytes(token.hash.size());
  std::ranges::copy(hash, reinterpret_cast<char*>(token.hash.data()));
  token.created_at = input.time();
  token.created_by = input.text();
  token.expires_at = input.time();
  const core::WallTime revoked_at = input.time();
  if (revoked_at != core::WallTime{}) token.revoked_at = revoked_at;
  const bool known_role = role >= std::to_underlying(Role::read) && role <= std::to_underlying(Role::admin);
  if (!input.ok || !known_role || !is_valid_token_name(token.name) ||
      token.created_by.size() > actor_bytes_max) {
    return std::nullopt;
  }
  token.role = static_cast<Role>(role);
  return token;
}

core::WallTime ended_at(const Token& token) {
  return std::min(token.expires_at, token.revoked_at.value_or(token.expires_at));
}

std::unexpected<core::Error> damaged() {
  return core::fail(core::Errc::invalid, "the stored table of admin tokens is damaged");
}

}  // namespace

std::string_view to_string(TokenState state) {
  switch (state) {
    case TokenState::live:
      return "live";
    case TokenState::expired:
      return "expired";
    case TokenState::revoked:
      return "revoked";
  }
  return "none";
}

TokenState state_of(const Token& token, core::WallTime now) {
  if (token.revoked_at) return TokenState::revoked;
  return now >= token.expires_at ? TokenState::expired : TokenState::live;
}

bool is_valid_token_name(std::string_view name) {
  if (name.empty() || name.size() > token_name_bytes_max) return false;
  const bool begins_well = (name[0] >= 'a' && name[0] <= 'z') || (name[0] >= '0' && name[0] <= '9');
  return begins_well && std::ranges::all_of(name, is_name_character);
}

bool has_token_form(std::string_view text) {
  if (!text.starts_with(token_prefix) || text.size() != token_prefix.size() + token_text_bytes) return false;
  return text.find_first_not_of(base64url, token_prefix.size()) == std::string_view::npos;
}

api::Secret token_text(std::span<const std::uint8_t, token_random_bytes> random) {
  std::string text{token_prefix};
  text.reserve(token_prefix.size() + token_text_bytes);
  for (std::size_t at = 0; at < random.size(); at += 3) {
    std::uint32_t group = 0;
    const std::size_t bytes = std::min<std::size_t>(3, random.size() - at);
    for (std::size_t next = 0; next < 3; ++next)
      group = group << 8 | (next < bytes ? random[at + next] : 0U);
    for (std::size_t digit = 0; digit <= bytes; ++digit)
      text += base64url[group >> (18 - 6 * digit) & 0x3F];
  }
  return api::Secret(std::move(text));
}

TokenHash hash_of_token(std::string_view text) {
  return core::sha256_of(text);
}

core::Result<TokenTable> TokenTable::decode(std::string_view bytes) {
  constexpr std::size_t sum_bytes = std::tuple_size_v<TokenHash>;
  if (bytes.size() < sum_bytes) return damaged();
  const std::string_view content = bytes.substr(0, bytes.size() - sum_bytes);
  if (as_text(core::sha256_of(content)) != bytes.substr(content.size())) return damaged();
  Input input{content};
  TokenTable table;
  if (input.number(1) != format) {
    return core::fail(core::Errc::invalid,
                      "the stored table of admin tokens is of a newer version of moneykit-syncd");
  }
  table.version_ = input.number(8);
  const std::uint64_t count = input.number(2);
  if (!input.ok || count > tokens_max) return damaged();
  for (std::uint64_t at = 0; at < count; ++at) {
    auto token = read_token(input);
    if (!token || (!table.tokens_.empty() && table.tokens_.back().name >= token->name)) return damaged();
    table.tokens_.push_back(std::move(*token));
  }
  if (!input.rest.empty()) return damaged();
  return table;
}

std::string TokenTable::encode() const {
  std::string out;
  put_number(out, format, 1);
  put_number(out, version_, 8);
  put_number(out, tokens_.size(), 2);
  for (const Token& token : tokens_) {
    put_text(out, token.name);
    put_number(out, std::to_underlying(token.role), 1);
    out += as_text(token.hash);
    put_time(out, token.created_at);
    put_text(out, token.created_by);
    put_time(out, token.expires_at);
    put_time(out, token.revoked_at.value_or(core::WallTime{}));
  }
  const TokenHash sum = core::sha256_of(out);
  out += as_text(sum);
  return out;
}

const Token* TokenTable::match(const TokenHash& hash) const {
  std::size_t found = tokens_.size();
  for (std::size_t at = 0; at < tokens_.size(); ++at) {
    const bool same = CRYPTO_memcmp(tokens_[at].hash.data(), hash.data(), hash.size()) == 0;
    found = same ? at : found;
  }
  return found == tokens_.size() ? nullptr : &tokens_[found];
}

std::vector<Token>::iterator TokenTable::find(std::string_view name) {
  const auto place = std::ranges::lower_bound(
      tokens_, name, std::ranges::less{}, [](const Token& token) { return std::string_view(token.name); });
  return place != tokens_.end() && place->name == name ? place : tokens_.end();
}

core::Result<Token> TokenTable::add(const NewToken& wanted, const TokenHash& hash,
                                    std::string_view created_by, core::WallTime now) {
  if (!is_valid_token_name(wanted.name)) {
    return core::fail(core::Errc::invalid,
                      fmt::format("the name of a token has 1 to {} characters of a-z, 0-9, '.', '_' and '-', "
                                  "the first a letter or a digit",
                                  token_name_bytes_max));
  }
  if (wanted.lifetime < token_lifetime_min || wanted.lifetime > token_lifetime_max) {
    return core::fail(core::Errc::invalid,
                      fmt::format("the lifetime of a token is {} to {}", format_duration(token_lifetime_min),
                                  format_duration(token_lifetime_max)));
  }
  const auto ended = [now](const Token& token) { return state_of(token, now) != TokenState::live; };
  if (const auto namesake = find(wanted.name); namesake != tokens_.end()) {
    if (!ended(*namesake)) {
      return core::fail(
          core::Errc::conflict,
          fmt::format("there is a live token {} already, and it is shown only when it is made: revoke it "
                      "first, or choose another name",
                      wanted.name));
    }
    tokens_.erase(namesake);
  }
  if (tokens_.size() >= tokens_max) {
    const auto oldest = std::ranges::min_element(tokens_, std::ranges::less{}, [&](const Token& token) {
      return std::pair(!ended(token), ended_at(token));
    });
    if (!ended(*oldest)) {
      return core::fail(core::Errc::conflict,
                        fmt::format("there are {} live tokens: revoke one that is not needed", tokens_max));
    }
    tokens_.erase(oldest);
  }
  Token token{.name = wanted.name,
              .role = wanted.role,
              .hash = hash,
              .created_at = now,
              .created_by = std::string(created_by.substr(0, actor_bytes_max)),
              .expires_at = now + wanted.lifetime,
              .revoked_at = std::nullopt};
  const auto place = std::ranges::lower_bound(tokens_, token.name, std::ranges::less{}, &Token::name);
  tokens_.insert(place, token);
  ++version_;
  return token;
}

core::Result<Token> TokenTable::revoke(std::string_view name, core::WallTime now) {
  const auto token = find(name);
  if (token == tokens_.end())
    return core::fail(core::Errc::not_found, fmt::format("there is no token {}", name));
  if (!token->revoked_at) {
    token->revoked_at = now;
    ++version_;
  }
  return *token;
}

}  // namespace syncd::daemon
