#include "daemon/webhook/jws.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/unit/webhook/signer.hpp"
#include "tests/unit/webhook/vector.hpp"

namespace syncd::test {
namespace {

using daemon::check_token;
using daemon::Checked;
using daemon::parse_token;
using daemon::SignatureFault;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr core::WallTime now{core::Millis{1'800'000'000'000}};

daemon::VerifyKey verify_key(const core::PublicKey& key) {
  auto made = daemon::VerifyKey::create(key);
  EXPECT_TRUE(made);
  return std::move(*made);
}

Checked<void> check(std::string_view token, const core::PublicKey& key, std::string_view body,
                    core::WallTime at = now, std::string_view issuer = vector::issuer) {
  const auto parsed = parse_token(token);
  if (!parsed) return std::unexpected(parsed.error());
  return check_token(*parsed, verify_key(key), body, {.issuer = issuer, .now = at});
}

struct JwsTest : testing::Test {
  Checked<void> check_claims(const std::string& payload) {
    return check(signer.sign(signer.header(), payload), signer.key(), body);
  }
  Checked<void> check_header(const std::string& header) {
    return check(signer.sign(header, claims(body, now)), signer.key(), body);
  }
  std::string good() const { return signer.token(body, now); }

  HookSigner signer;
  std::string body = hook_body("mk_1", "key-1");
};

TEST(Jws, TheContractsVectorHolds) {
  const auto set = core::parse_key_set(std::string(vector::key_set));
  ASSERT_TRUE(set) << set.error().message;
  ASSERT_EQ(set->keys.size(), 1u);
  const auto token = parse_token(vector::token);
  ASSERT_TRUE(token);
  EXPECT_EQ(token->kid, "contract-test-key-1");
  EXPECT_TRUE(check(vector::token, set->keys[0], vector::body, vector::issued_at));
  EXPECT_TRUE(check(vector::token, set->keys[0], vector::body, vector::issued_at + hours(2) + minutes(10)));
}

TEST_F(JwsTest, OneThatWasSignedHereHolds) {
  EXPECT_TRUE(check(good(), signer.key(), body));
}

TEST_F(JwsTest, TheFormIsStrict) {
  const std::string token = good();
  const std::size_t first = token.find('.');
  const std::size_t second = token.find('.', first + 1);
  const std::string header = token.substr(0, first);
  const std::string payload = token.substr(first + 1, second - first - 1);
  const std::string signature = token.substr(second + 1);
  const std::vector<std::string> bad{
      header,
      header + "." + payload,
      header + "." + payload + "." + signature + ".",
      token + "." + signature,
      token + ".x.y",  // as many parts as an encrypted one has
      "." + token,
      token + "=",
      token + "==",
      token + " ",
      " " + token,
      token + "\n",
      header + " ." + payload + "." + signature,
      header + "=." + payload + "." + signature,
      R"({"payload":")" + payload + R"(","signatures":[{"protected":")" + header + R"(","signature":")" +
          signature + R"("}]})",
      std::string(64 * 1024, 'a'),
      std::string(64 * 1024, '.'),
      token + std::string(9 * 1024, 'A'),
  };
  for (const std::string& text : bad)
    EXPECT_EQ(check(text, signer.key(), body).error(), SignatureFault::form) << text.substr(0, 200);
  EXPECT_EQ(check("", signer.key(), body).error(), SignatureFault::missing);
  EXPECT_EQ(check("a.b.c", signer.key(), body).error(), SignatureFault::form);
  EXPECT_EQ(check("..", signer.key(), body).error(), SignatureFault::header);
}

TEST_F(JwsTest, BitsBehindTheLastByteAreNoOtherWayToWriteIt) {
  const std::string token = good();
  int refused = 0;
  for (const char last : {'A', 'B', 'C', 'Q', 'R', 'g', 'h', 'w', 'x', '-', '_'}) {
    std::string other = token;
    other.back() = last;
    if (other == token) continue;
    const auto checked = check(other, signer.key(), body);
    EXPECT_FALSE(checked);
    refused += checked.error() == SignatureFault::form ? 1 : 0;
  }
  EXPECT_GE(refused, 7);  // 64 bytes leave four bits over: one letter in sixteen has none set
}

TEST_F(JwsTest, OnlyOneAlgorithmIsKnown) {
  for (const char* alg : {"none", "None", "nOnE", "HS256", "RS256", "PS256", "ES384", "ES512", "ES256K",
                          "EdDSA", "es256", "ES256 ", ""}) {
    const std::string header = R"({"alg":")" + std::string(alg) + R"(","kid":"test-key"})";
    EXPECT_EQ(check_header(header).error(), SignatureFault::algorithm) << alg;
    // And without a signature, as `none` would have it.
    const std::string unsigned_token = base64url(header) + "." + base64url(claims(body, now)) + ".";
    EXPECT_EQ(check(unsigned_token, signer.key(), body).error(), SignatureFault::algorithm) << alg;
  }
  EXPECT_EQ(check_header(R"({"kid":"test-key"})").error(), SignatureFault::algorithm);
}

TEST_F(JwsTest, AHeaderThatChangesTheMeaningIsRefused) {
  for (const char* member : {R"("jku":"https://evil.example/keys")", R"("x5u":"https://evil.example/key")",
                             R"("jwk":{"kty":"EC"})", R"("x5c":["MII"])", R"("crit":["exp"])", R"("crit":[])",
                             R"("b64":false)", R"("b64":true)"}) {
    const std::string header = R"({"alg":"ES256","kid":"test-key",)" + std::string(member) + "}";
    EXPECT_EQ(check_header(header).error(), SignatureFault::header) << member;
  }
  for (const char* header :
       {"", "[]", "null", "{", R"({"alg":"ES256","kid":"test-key"}x)",
        R"({"alg":["ES256"],"kid":"test-key"})", R"({"alg":"ES256","alg":"none","kid":"test-key"})",
        R"({"alg":"ES256","kid":7})"}) {
    EXPECT_EQ(check_header(header).error(), SignatureFault::header) << header;
  }
  EXPECT_TRUE(check_header(R"({"alg":"ES256","kid":"test-key"})"));
  EXPECT_TRUE(check_header(R"({"typ":"JWT","x5t":"abc","kid":"test-key","alg":"ES256"})"));
  EXPECT_TRUE(check_header(R"({"alg":"ES256","kid":"test-key","nonce":{"a":[1,2]}})"));
}

TEST_F(JwsTest, AKidIsThereAndShort) {
  const auto header = [](const std::string& kid) { return R"({"alg":"ES256","kid":")" + kid + R"("})"; };
  EXPECT_EQ(check_header(R"({"alg":"ES256"})").error(), SignatureFault::key_id);
  EXPECT_EQ(check_header(header("")).error(), SignatureFault::key_id);
  EXPECT_EQ(check_header(header(std::string(129, 'k'))).error(), SignatureFault::key_id);
  EXPECT_EQ(check_header(header("a\\u0000b")).error(), SignatureFault::key_id);
  EXPECT_TRUE(check_header(header(std::string(128, 'k'))));
}

// Wycheproof's kinds of ECDSA signatures that are none.
TEST_F(JwsTest, NumbersOutsideTheGroupAreNoSignature) {
  const std::string signed_part = base64url(signer.header()) + "." + base64url(claims(body, now));
  const auto with = [&](const std::string& signature) {
    return check(signed_part + "." + base64url(signature), signer.key(), body).error();
  };
  const std::string raw = signer.raw_signature(signed_part);
  const std::string r = raw.substr(0, 32);
  const std::string s = raw.substr(32);
  const std::string zero(32, '\0');
  std::string one = zero;
  one.back() = '\1';
  const std::string order = "\xff\xff\xff\xff" + std::string(4, '\0') + std::string(8, '\xff') +
                            "\xbc\xe6\xfa\xad\xa7\x17\x9e\x84\xf3\xb9\xca\xc2\xfc\x63\x25\x51";
  ASSERT_EQ(order.size(), 32u);
  std::string above = order;
  ++above.back();
  std::string below = order;
  --below.back();
  const std::string most(32, '\xff');
  for (const std::string& bad : {zero, order, above, most, one, below}) {
    EXPECT_EQ(with(r + bad), SignatureFault::signature);
    EXPECT_EQ(with(bad + s), SignatureFault::signature);
    EXPECT_EQ(with(bad + bad), SignatureFault::signature);
  }
  EXPECT_EQ(with(s + r), SignatureFault::signature);
  // Other lengths, and the form that TLS has: DER.
  const std::string der = std::string("\x30\x44\x02\x20") + r + "\x02\x20" + s;
  for (const std::string& bad : {std::string(), r, raw.substr(1), raw + '\0', '\0' + raw, der, raw + raw})
    EXPECT_EQ(with(bad), SignatureFault::signature) << bad.size();
}

TEST_F(JwsTest, OnlyTheKeyOfThatNameCounts) {
  const HookSigner other("test-key");
  EXPECT_EQ(check(other.token(body, now), signer.key(), body).error(), SignatureFault::signature);
}

TEST_F(JwsTest, AKeyMustLieOnTheCurve) {
  core::PublicKey moved = signer.key();
  moved.y[31] ^= 1;
  EXPECT_FALSE(daemon::VerifyKey::create(moved));
  EXPECT_FALSE(daemon::VerifyKey::create(core::PublicKey{.kid = "zero"}));
  core::PublicKey beyond = signer.key();
  beyond.x.fill(0xff);  // not below the field's prime
  EXPECT_FALSE(daemon::VerifyKey::create(beyond));
}

TEST_F(JwsTest, ClaimsMustBeThereAndWellFormed) {
  const std::string digest = claims(body, now).substr(claims(body, now).size() - 66, 64);
  std::string upper = digest;
  std::ranges::transform(upper, upper.begin(), [](char c) { return static_cast<char>(std::toupper(c)); });
  const auto with_digest = [](const std::string& text) {
    return R"({"iss":"https://api.moneykit.com","iat":1800000000,"request_body_sha256":")" + text + R"("})";
  };
  ASSERT_TRUE(check_claims(with_digest(digest)));
  ASSERT_NE(upper, digest);
  for (const std::string& bad :
       {upper, digest.substr(1), digest + "0", std::string(), " " + digest.substr(1)})
    EXPECT_EQ(check_claims(with_digest(bad)).error(), SignatureFault::claims) << bad;
  const std::string members[] = {R"("iss":"https://api.moneykit.com")", R"("iat":1800000000)",
                                 R"("request_body_sha256":")" + digest + R"(")"};
  EXPECT_EQ(check_claims("{" + members[0] + "," + members[1] + "}").error(), SignatureFault::claims);
  EXPECT_EQ(check_claims("{" + members[0] + "," + members[2] + "}").error(), SignatureFault::claims);
  EXPECT_EQ(check_claims("{" + members[1] + "," + members[2] + "}").error(), SignatureFault::issuer);
  for (const char* iat : {"1800000000.0", "1.8e9", "-1", "\"1800000000\"", "null", "99999999999999999999"}) {
    const std::string payload = "{" + members[0] + R"(,"iat":)" + iat + "," + members[2] + "}";
    EXPECT_EQ(check_claims(payload).error(), SignatureFault::claims) << iat;
  }
  for (const char* payload : {"", "[]", "{}", "{", "\xff"})
    EXPECT_EQ(check_claims(payload).error(), SignatureFault::claims) << payload;
  EXPECT_EQ(
      check_claims("{" + members[0] + "," + members[0] + "," + members[1] + "," + members[2] + "}").error(),
      SignatureFault::claims);
  EXPECT_TRUE(check_claims("{" + members[0] + "," + members[1] + "," + members[2] + R"(,"jti":[{}]})"));
}

TEST_F(JwsTest, TheIssuerIsCompared) {
  for (const char* issuer :
       {"https://api.moneykit.com/", "http://api.moneykit.com", "https://evil.example", ""}) {
    EXPECT_EQ(check(signer.token(body, now, issuer), signer.key(), body).error(), SignatureFault::issuer)
        << issuer;
  }
  EXPECT_TRUE(
      check(signer.token(body, now, "http://127.0.0.1:9"), signer.key(), body, now, "http://127.0.0.1:9"));
}

// Upstream repeats for two hours, and may not sign anew.
TEST_F(JwsTest, ATokenIsNeitherOldNorAhead) {
  const auto issued = [&](core::Millis ago) {
    return check(signer.token(body, now - ago), signer.key(), body);
  };
  EXPECT_TRUE(issued(hours(2) + minutes(10)));
  EXPECT_TRUE(issued(hours(2) + minutes(15)));
  EXPECT_EQ(issued(hours(2) + minutes(15) + seconds(1)).error(), SignatureFault::too_old);
  EXPECT_EQ(issued(hours(48)).error(), SignatureFault::too_old);
  EXPECT_TRUE(issued(-minutes(5)));
  EXPECT_EQ(issued(-minutes(5) - seconds(1)).error(), SignatureFault::in_future);
}

TEST_F(JwsTest, OneBitOfTheBodyIsEnough) {
  const std::string token = good();
  for (std::size_t bit = 0; bit < body.size() * 8; ++bit) {
    std::string other = body;
    other[bit / 8] = static_cast<char>(other[bit / 8] ^ (1 << bit % 8));
    ASSERT_EQ(check(token, signer.key(), other).error(), SignatureFault::body) << bit;
  }
  EXPECT_EQ(check(token, signer.key(), body + "\n").error(), SignatureFault::body);
  EXPECT_EQ(check(token, signer.key(), "").error(), SignatureFault::body);
}

// ECDSA has two signatures where it has one: (r, s) and (r, n - s) are equally good, and both were made by
// whoever has the key. A message is told from its repetition by its own key, not by its signature.
TEST_F(JwsTest, TheOtherSignatureOfTheSameSignerHoldsToo) {
  const std::string signed_part = base64url(signer.header()) + "." + base64url(claims(body, now));
  const std::string raw = signer.raw_signature(signed_part);
  constexpr std::array<std::uint8_t, 32> order{
      0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
      0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51};
  std::string other = raw;
  int borrow = 0;
  for (std::size_t at = 32; at-- > 0;) {
    const int difference = order[at] - static_cast<std::uint8_t>(raw[32 + at]) - borrow;
    borrow = difference < 0 ? 1 : 0;
    other[32 + at] = static_cast<char>(difference + 256 * borrow);
  }
  EXPECT_TRUE(check(signed_part + "." + base64url(other), signer.key(), body));
}

}  // namespace
}  // namespace syncd::test
