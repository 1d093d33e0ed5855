#include "sync/core/key_set.hpp"

#include <string>

#include <gtest/gtest.h>

#include "sync/core/base64url.hpp"
#include "tests/unit/webhook/signer.hpp"

namespace syncd::test {
namespace {

using core::parse_key_set;

std::string set_of(const std::string& keys) {
  return R"({"keys":[)" + keys + "]}";
}

std::string message_of(const std::string& body) {
  const auto set = parse_key_set(body);
  if (set) return "accepted";
  EXPECT_EQ(set.error().code, core::Errc::protocol);
  constexpr std::string_view refused = "key_set was refused: ";
  const std::string& message = set.error().message;
  return message.starts_with(refused) ? message.substr(refused.size()) : message;
}

TEST(Base64url, StandsForBytesInOneWay) {
  EXPECT_EQ(core::from_base64url(""), "");
  EXPECT_EQ(core::from_base64url("AA"), std::string(1, '\0'));
  EXPECT_EQ(core::from_base64url("_-8"), "\xff\xef");
  for (const char* bad :
       {"A", "AAAAA", "AB", "AAB", "AA=", "AA==", "A A", "AA\n", "+A", "/A", "A.", "\xc3\xa4"})
    EXPECT_FALSE(core::from_base64url(bad)) << bad;
  for (int length = 0; length < 40; ++length) {
    std::string bytes;
    for (int at = 0; at < length; ++at)
      bytes.push_back(static_cast<char>(at * 37 + length));
    EXPECT_EQ(core::from_base64url(base64url(bytes)), bytes);
  }
}

TEST(KeySet, HasTheKeysThatSign) {
  const HookSigner a("a");
  const HookSigner b("b");
  const auto set = parse_key_set(key_set_of(a, b));
  ASSERT_TRUE(set) << set.error().message;
  ASSERT_EQ(set->keys.size(), 2u);
  EXPECT_EQ(set->keys[0], a.key());
  EXPECT_EQ(set->keys[1], b.key());
  EXPECT_EQ(set->skipped, 0u);
}

TEST(KeySet, SkipsWhatIsForSomethingElse) {
  const HookSigner signer("a");
  const std::string others = R"({"kty":"RSA","kid":"r","n":"AQAB","e":"AQAB"},)"
                             R"({"kty":"EC","crv":"P-384","kid":"p","x":"AA","y":"AA"},)"
                             R"({"kty":"EC","crv":"P-256","use":"enc","kid":"e","x":"AA","y":"AA"},)"
                             R"({"kty":"EC","crv":"P-256","alg":"ECDH-ES","kid":"d"},{},)"
                             R"({"kty":"OKP","crv":"Ed25519","kid":"a","x":"AA"},)";
  const auto set = parse_key_set(set_of(others + signer.jwk()));
  ASSERT_TRUE(set) << set.error().message;
  ASSERT_EQ(set->keys.size(), 1u);
  EXPECT_EQ(set->keys[0], signer.key());
  EXPECT_EQ(set->skipped, 6u);
}

TEST(KeySet, AMemberThatNobodyKnowsIsNoFault) {
  const HookSigner signer("a");
  std::string key = signer.jwk();
  key.insert(key.size() - 1, R"(,"key_ops":["verify"],"x5t":"abc","exp":1,"alg2":null)");
  EXPECT_TRUE(parse_key_set(R"({"issuer":"x","keys":[)" + key + R"(],"more":{}})"));
}

TEST(KeySet, IsRefusedWhole) {
  const HookSigner signer("a");
  const std::string good = signer.jwk();
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string key = good;
    return set_of(key.replace(key.find(from), from.size(), to));
  };
  EXPECT_EQ(message_of(set_of(good)), "accepted");
  EXPECT_EQ(message_of("[]"), "the answer is not an object");
  EXPECT_EQ(message_of("{}"), "keys is missing");
  EXPECT_EQ(message_of(R"({"keys":{}})"), "keys is not an array");
  EXPECT_EQ(message_of(set_of("")), "keys holds no key that webhooks are signed with");
  EXPECT_EQ(message_of(set_of(R"({"kty":"RSA"})")), "keys holds no key that webhooks are signed with");
  EXPECT_EQ(message_of(set_of(good + "," + good)), "keys[1].kid is that of another key, too");
  for (const char* part : {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}) {
    const std::string key = R"({"kty":"EC",")" + std::string(part) + R"(":"AA"})";
    EXPECT_EQ(message_of(set_of(good + "," + key)), "keys[1] holds a private part") << part;
  }
  EXPECT_EQ(message_of(with(R"("kid":"a")", R"("kid":"")")),
            "keys[0].kid is missing or not 1 to 128 bytes long");
  EXPECT_EQ(message_of(with(R"("kid":"a")", R"("kid":")" + std::string(129, 'k') + R"(")")),
            "keys[0].kid is missing or not 1 to 128 bytes long");
  EXPECT_EQ(message_of(with(R"("x":")", R"("x":"AA)")), "keys[0].x is not 32 bytes as base64url");
  EXPECT_EQ(message_of(with(R"("y":")", R"("z":")")), "keys[0].y is not 32 bytes as base64url");
  EXPECT_EQ(message_of(with(R"("x":")", R"("x":"=)")), "keys[0].x is not 32 bytes as base64url");
  EXPECT_EQ(message_of(with(R"("kty":"EC")", R"("kty":7)")), "keys[0].kty is not a string");
  EXPECT_NE(message_of(with(R"("kty":"EC")", R"("kty":"EC","kty":"EC")")), "accepted");
}

TEST(KeySet, HasBounds) {
  std::string keys;
  for (int at = 0; at < 32; ++at)
    keys += HookSigner("k" + std::to_string(at)).jwk() + ",";
  keys.pop_back();
  EXPECT_TRUE(parse_key_set(set_of(keys)));
  EXPECT_EQ(message_of(set_of(keys + R"(,{"kty":"RSA"})")), "keys holds more than 32 keys");
  const std::string padded = R"({"keys":[)" + HookSigner("a").jwk() + R"(],"x":")";
  EXPECT_EQ(message_of(padded + std::string(64 * 1024, 'x') + "\"}"),
            "key_set: the body exceeds 65536 bytes");
}

}  // namespace
}  // namespace syncd::test
