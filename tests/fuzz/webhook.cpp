#include <algorithm>
#include <string>

#include "daemon/webhook/hook.hpp"
#include "daemon/webhook/jws.hpp"
#include "sync/core/base64url.hpp"
#include "tests/fuzz/support/expected.hpp"
#include "tests/unit/webhook/vector.hpp"

// What a stranger can send to the webhook receiver, one of three by the first byte. A token: one that is
// accepted is written in the only way in which it can be, names ES256 and no key of its own, and holds for
// the one known key only if it is the one known token. A payload: read as a second reader has it. A key set:
// as many keys as the second reader finds, each with the bytes that are written.
namespace syncd::fuzz {
namespace {

using Kind = JsonNode::Kind;
namespace vector = test::vector;

std::string base64url(std::string_view bytes) {
  constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string text;
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - at);
    std::uint32_t bits = 0;
    for (std::size_t byte = 0; byte < 3; ++byte)
      bits = bits << 8 | (byte < count ? static_cast<std::uint8_t>(bytes[at + byte]) : 0);
    for (std::size_t digit = 0; digit <= count; ++digit)
      text += alphabet[bits >> (18 - 6 * digit) & 63];
  }
  return text;
}

const daemon::VerifyKey& known_key() {
  static const daemon::VerifyKey key = [] {
    const auto set = core::parse_key_set(std::string(vector::key_set));
    FUZZ_CHECK(set.has_value(), "the known key set is one");
    auto made = daemon::VerifyKey::create(set->keys[0]);
    FUZZ_CHECK(made.has_value(), "the known key is one");
    return std::move(*made);
  }();
  return key;
}

void try_token(std::string_view text) {
  const auto token = daemon::parse_token(text);
  if (!token) {
    FUZZ_CHECK(text != vector::token, "the known token is accepted");
    return;
  }
  FUZZ_CHECK(token->signature.size() == 64, "a signature has two numbers");
  const std::string_view header_part = token->signed_part.substr(0, token->signed_part.find('.'));
  const auto header = core::from_base64url(header_part);
  FUZZ_CHECK(header.has_value(), "the header can be decoded");
  const std::string again =
      base64url(*header) + "." + base64url(token->payload) + "." + base64url(token->signature);
  FUZZ_CHECK(again == text, "an accepted token is written in the only way");
  static JsonTree tree;
  FUZZ_CHECK(tree.read(*header), "an accepted header is JSON");
  const JsonNode& root = tree.root();
  FUZZ_CHECK(text_of(tree.member(root, "alg")) == "ES256", "only ES256 is accepted");
  FUZZ_CHECK(text_of(tree.member(root, "kid")) == token->kid && core::is_valid_kid(token->kid),
             "the kid is kept");
  for (const char* refused : {"jku", "x5u", "x5c", "jwk", "crit", "b64"})
    FUZZ_CHECK(tree.member(root, refused) == nullptr, "no header chooses its key or its meaning");
  const daemon::TokenRules rules{.issuer = vector::issuer, .now = vector::issued_at};
  const bool holds = daemon::check_token(*token, known_key(), vector::body, rules).has_value();
  FUZZ_CHECK(holds == (text == vector::token), "nothing holds but what the key has signed");
}

void try_payload(std::string_view body) {
  static JsonTree tree;
  const bool json = tree.read(body);
  const auto hook = daemon::parse_hook(body);
  if (!hook) return;
  FUZZ_CHECK(json, "a webhook is JSON");
  const JsonNode& root = tree.root();
  const auto text = [&](std::string_view name) { return text_of(tree.member(root, name)); };
  const JsonNode* version = tree.member(root, "webhook_major_version");
  FUZZ_CHECK(version != nullptr && version->kind == Kind::number, "a webhook has a version");
  const bool known_version = version->text == "1";
  FUZZ_CHECK((hook->meaning == daemon::Hook::Meaning::unknown_version) != known_version,
             "only version 1 is read");
  if (hook->meaning != daemon::Hook::Meaning::news) return;
  FUZZ_CHECK(hook->link_id.str() == text("link_id") && core::is_valid_id(hook->link_id.str()),
             "news are about the link that is named");
  FUZZ_CHECK(hook->key == core::digest_of(text("webhook_idempotency_key")), "the key is kept");
  const std::string_view event = text("webhook_event");
  FUZZ_CHECK(event == "link.state_changed" || event == "transactions.updates_available" ||
                 event == "link.product_refresh",
             "news are of a known kind");
}

void try_key_set(std::string_view body) {
  static JsonTree tree;
  const bool json = tree.read(body);
  const auto set = core::parse_key_set(std::string(body));
  if (!set) return check_refusal(set.error(), body);
  FUZZ_CHECK(json, "a key set is JSON");
  const JsonNode* keys = tree.member(tree.root(), "keys");
  FUZZ_CHECK(keys != nullptr && keys->children == set->keys.size() + set->skipped,
             "each key is taken or skipped");
  FUZZ_CHECK(!set->keys.empty() && keys->children <= core::keys_max, "there are some and not too many");
  auto taken = set->keys.begin();
  for (const JsonNode* key = tree.first(*keys); key != nullptr; key = tree.next(*key)) {
    for (const char* part : {"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
      FUZZ_CHECK(tree.member(*key, part) == nullptr, "no set with a private part is believed");
    if (taken == set->keys.end() || text_of(tree.member(*key, "kid")) != taken->kid) continue;
    if (text_of(tree.member(*key, "kty")) != "EC" || text_of(tree.member(*key, "crv")) != "P-256") continue;
    const std::string_view use = text_of(tree.member(*key, "use"));
    const std::string_view alg = text_of(tree.member(*key, "alg"));
    if ((!use.empty() && use != "sig") || (!alg.empty() && alg != "ES256")) continue;
    const std::string x(taken->x.begin(), taken->x.end());
    const std::string y(taken->y.begin(), taken->y.end());
    FUZZ_CHECK(
        base64url(x) == text_of(tree.member(*key, "x")) && base64url(y) == text_of(tree.member(*key, "y")),
        "the point is the one written");
    ++taken;
  }
  FUZZ_CHECK(taken == set->keys.end(), "no key is made up");
}

}  // namespace

FUZZ_TARGET(webhook) {
  if (bytes.empty()) return;
  const std::string_view rest = bytes.substr(1);
  if (bytes[0] == 't') return try_token(rest);
  if (bytes[0] == 'k') return try_key_set(rest);
  try_payload(rest);
}

}  // namespace syncd::fuzz
