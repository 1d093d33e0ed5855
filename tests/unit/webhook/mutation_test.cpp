#include <array>
#include <cstdint>
#include <random>
#include <string>

#include <gtest/gtest.h>

#include "daemon/webhook/jws.hpp"
#include "tests/unit/webhook/signer.hpp"

// A million webhooks that are nearly ones.
namespace syncd::test {
namespace {

constexpr std::uint64_t seed = 20'250'506;
constexpr int mutants_wanted = 1'000'000;
// So many of them are such that only the curve or the digest of the body can tell: that costs some 60 us.
constexpr int dear_share = 10;  // one in
constexpr int dear_wanted = 90'000;
constexpr core::WallTime now{core::Millis{1'800'000'000'000}};
constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

struct Sample {
  std::string token;
  std::string body;
  bool operator==(const Sample&) const = default;
};

class Mutator {
 public:
  Mutator(const HookSigner& signer, std::string body)
      : original_{signer.token(body, now), std::move(body)},
        payload_at_(original_.token.find('.') + 1),
        signature_at_(original_.token.rfind('.') + 1) {}

  const Sample& original() const { return original_; }

  // Is told apart by its form, its header or its key.
  Sample cheap() {
    Sample sample = original_;
    const std::size_t changes = 1 + below(3);
    for (std::size_t change = 0; change < changes; ++change)
      mutate_form(sample.token);
    if (below(4) == 0) mutate_text(sample.body);
    return sample;
  }

  // Has the right form, header and key.
  Sample dear() {
    Sample sample = original_;
    switch (below(3)) {
      case 0:
        replace(sample.token, payload_at_, signature_at_ - 1);
        break;
      case 1:
        replace(sample.token, signature_at_, sample.token.size() - 1);  // the last letter is only half a byte
        break;
      default:
        mutate_text(sample.body);
        break;
    }
    return sample;
  }

 private:
  std::size_t below(std::size_t count) { return random_() % count; }
  char any_byte() { return static_cast<char>(random_() & 0xff); }

  void replace(std::string& token, std::size_t begin, std::size_t end) {
    const std::size_t letters = 1 + below(4);
    for (std::size_t letter = 0; letter < letters; ++letter)
      token[begin + below(end - begin)] = alphabet[below(alphabet.size())];
  }

  void mutate_text(std::string& text) {
    const std::size_t at = below(text.size());
    switch (below(4)) {
      case 0:
        text[at] = static_cast<char>(text[at] ^ (1 << below(8)));
        break;
      case 1:
        text.erase(at, 1 + below(3));
        break;
      case 2:
        text.insert(at, 1, any_byte());
        break;
      default:
        text.resize(at);
        break;
    }
  }

  void mutate_form(std::string& token) {
    static const std::array<std::string, 12> headers{
        base64url(R"({"alg":"none","kid":"test-key"})"),
        base64url(R"({"alg":"HS256","kid":"test-key"})"),
        base64url(R"({"alg":"ES384","kid":"test-key"})"),
        base64url(R"({"alg":"ES256","kid":"other"})"),
        base64url(R"({"alg":"ES256"})"),
        base64url(R"({"alg":"ES256","kid":"test-key","crit":[]})"),
        base64url(R"({"alg":"ES256","kid":"test-key","b64":false})"),
        base64url(R"({"alg":"ES256","kid":"test-key","jku":"https://evil.example"})"),
        base64url(R"({"alg":"ES256","kid":"test-key","jwk":{}})"),
        base64url(R"({"alg":"ES256","alg":"ES256","kid":"test-key"})"),
        base64url("{}"),
        ""};
    const std::size_t at = below(token.size());
    switch (below(9)) {
      case 0:  // anywhere in the header
        token[below(payload_at_ - 1) % token.size()] = alphabet[below(alphabet.size())];
        break;
      case 1:
        token[at] = any_byte();
        break;
      case 2:
        token.erase(at, 1 + below(5));
        break;
      case 3:
        token.insert(at, 1, any_byte());
        break;
      case 4:
        token.resize(at);
        break;
      case 5:
        token.insert(at, 1, '.');
        break;
      case 6:
        token.insert(at, below(2) == 0 ? "=" : " ");
        break;
      case 7:
        token.replace(0, std::min(token.find('.'), token.size()), headers[below(headers.size())]);
        break;
      default:
        token += token.substr(at);
        break;
    }
    if (token.empty()) token = ".";
  }

  std::mt19937_64 random_{seed};
  Sample original_;
  std::size_t payload_at_;
  std::size_t signature_at_;
};

// What a signer of these bytes could not have made. A letter replaced by another may stand for the same
// bytes nowhere: base64url is read strictly.
TEST(Mutants, NoneOfAMillionIsAccepted) {
  const HookSigner signer;
  auto key = daemon::VerifyKey::create(signer.key());
  ASSERT_TRUE(key);
  Mutator mutator(signer, hook_body("mk_1", "key-1"));
  const daemon::TokenRules rules{.issuer = "https://api.moneykit.com", .now = now};
  const auto accepts = [&](const Sample& sample, int& checked) {
    const auto token = daemon::parse_token(sample.token);
    if (!token || token->kid != "test-key") return false;
    ++checked;
    return daemon::check_token(*token, *key, sample.body, rules).has_value();
  };
  int checked = 0;
  ASSERT_TRUE(accepts(mutator.original(), checked));
  checked = 0;
  int mutants = 0;
  for (int round = 0; mutants < mutants_wanted; ++round) {
    const Sample sample = round % dear_share == 0 ? mutator.dear() : mutator.cheap();
    if (sample == mutator.original()) continue;
    ++mutants;
    ASSERT_FALSE(accepts(sample, checked))
        << "seed " << seed << ", round " << round << ": " << sample.token << "\n"
        << sample.body;
  }
  EXPECT_GE(checked, dear_wanted);
  RecordProperty("checked_on_the_curve", checked);
}

}  // namespace
}  // namespace syncd::test
