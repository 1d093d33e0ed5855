#include "daemon/admin/token_table.hpp"

#include <algorithm>
#include <set>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/admin/token_request.hpp"

namespace syncd::test {

using daemon::NewToken;
using daemon::Role;
using daemon::Token;
using daemon::TokenState;
using daemon::TokenTable;
using testing::HasSubstr;

namespace {

constexpr core::Millis day{24LL * 3600 * 1000};
constexpr core::WallTime start{core::Millis{1'746'549'072'451}};

daemon::TokenHash hash_of(int number) {
  return daemon::hash_of_token("token " + std::to_string(number));
}

NewToken wanted(const std::string& name, Role role = Role::read, core::Millis lifetime = 30 * day) {
  return {.name = name, .role = role, .lifetime = lifetime};
}

TokenTable three() {
  TokenTable table;
  EXPECT_TRUE(table.add(wanted("b.2", Role::operate), hash_of(1), "uid:0", start));
  EXPECT_TRUE(table.add(wanted("a-1", Role::admin), hash_of(2), "uid:1000", start));
  EXPECT_TRUE(table.add(wanted("c_3"), hash_of(3), "token:a-1", start));
  EXPECT_TRUE(table.revoke("c_3", start + day));
  return table;
}

std::string random_bytes_as_text(std::uint8_t first) {
  std::array<std::uint8_t, daemon::token_random_bytes> random{};
  for (std::size_t at = 0; at < random.size(); ++at)
    random[at] = static_cast<std::uint8_t>(first + 7 * at);
  return std::string(daemon::token_text(random).reveal());
}

}  // namespace

TEST(TokenText, IsAPrefixAndTheBytesInBase64url) {
  std::array<std::uint8_t, daemon::token_random_bytes> zeros{};
  EXPECT_EQ(daemon::token_text(zeros).reveal(), "mks_" + std::string(43, 'A'));
  std::array<std::uint8_t, daemon::token_random_bytes> ones{};
  ones.fill(0xFF);
  EXPECT_EQ(daemon::token_text(ones).reveal(), "mks_" + std::string(42, '_') + "8");
  // printf '\0\7\16...' | basenc --base64url
  EXPECT_EQ(random_bytes_as_text(0), "mks_AAcOFRwjKjE4P0ZNVFtiaXB3foWMk5qhqK-2vcTL0tk");
  std::set<std::string> different;
  for (int first = 0; first < 256; ++first) {
    const std::string text = random_bytes_as_text(static_cast<std::uint8_t>(first));
    EXPECT_TRUE(daemon::has_token_form(text)) << text;
    different.insert(text);
  }
  EXPECT_EQ(different.size(), 256U);
}

TEST(TokenText, NothingElseHasItsForm) {
  const std::string good = random_bytes_as_text(1);
  EXPECT_TRUE(daemon::has_token_form(good));
  for (const std::string& bad :
       {std::string(), std::string("mks_"), good.substr(0, good.size() - 1), good + "A", " " + good,
        good + " ", "MKS_" + good.substr(4), "mks-" + good.substr(4), good.substr(0, 46) + "=",
        good.substr(0, 46) + "+", good.substr(0, 46) + "/", good.substr(0, 46) + std::string(1, '\0'),
        good.substr(0, 46) + "\xC3"}) {
    EXPECT_FALSE(daemon::has_token_form(bad)) << bad;
  }
}

TEST(TokenName, IsShortAndPlain) {
  for (const char* good : {"a", "7", "ci", "on-call.7_b", "a--"})
    EXPECT_TRUE(daemon::is_valid_token_name(good)) << good;
  EXPECT_TRUE(daemon::is_valid_token_name(std::string(64, 'x')));
  EXPECT_FALSE(daemon::is_valid_token_name(std::string(65, 'x')));
  for (const char* bad : {"", "-a", ".a", "_a", "A", "a b", "a/b", "a\n", "\xC3\xA4", "a:b"})
    EXPECT_FALSE(daemon::is_valid_token_name(bad)) << bad;
}

TEST(TokenTable, FindsATokenByItsHashAlone) {
  const TokenTable table = three();
  ASSERT_NE(table.match(hash_of(1)), nullptr);
  EXPECT_EQ(table.match(hash_of(1))->name, "b.2");
  EXPECT_EQ(table.match(hash_of(2))->role, Role::admin);
  EXPECT_EQ(table.match(hash_of(3))->name, "c_3") << "whatever its state: the caller says why it is refused";
  EXPECT_EQ(table.match(hash_of(4)), nullptr);
  EXPECT_EQ(TokenTable().match(hash_of(1)), nullptr);
  // One bit off, at either end.
  for (const std::size_t byte : {0U, 31U}) {
    daemon::TokenHash near = hash_of(2);
    near[byte] ^= 1;
    EXPECT_EQ(table.match(near), nullptr) << byte;
  }
}

TEST(TokenTable, KeepsTheOrderOfNamesAndAVersion) {
  const TokenTable table = three();
  EXPECT_EQ(table.version(), 4U);
  ASSERT_EQ(table.tokens().size(), 3U);
  EXPECT_TRUE(std::ranges::is_sorted(table.tokens(), std::ranges::less{}, &Token::name));
  const Token& token = table.tokens()[0];
  EXPECT_EQ(token.name, "a-1");
  EXPECT_EQ(token.created_by, "uid:1000");
  EXPECT_EQ(token.created_at, start);
  EXPECT_EQ(token.expires_at, start + 30 * day);
  EXPECT_EQ(token.revoked_at, std::nullopt);
}

TEST(TokenTable, ATokenEndsByTimeOrByHand) {
  TokenTable table = three();
  const Token token = table.tokens()[0];
  EXPECT_EQ(daemon::state_of(token, start), TokenState::live);
  EXPECT_EQ(daemon::state_of(token, start + 30 * day - core::Millis{1}), TokenState::live);
  EXPECT_EQ(daemon::state_of(token, start + 30 * day), TokenState::expired);
  const auto revoked = table.revoke("a-1", start + 5 * day);
  ASSERT_TRUE(revoked);
  EXPECT_EQ(daemon::state_of(*revoked, start), TokenState::revoked) << "whatever the clock says";
  EXPECT_EQ(daemon::state_of(*revoked, start + 40 * day), TokenState::revoked);
  const std::uint64_t version = table.version();
  EXPECT_EQ(table.revoke("a-1", start + 6 * day)->revoked_at, start + 5 * day) << "once";
  EXPECT_EQ(table.version(), version) << "nothing changed";
  EXPECT_EQ(table.revoke("nobody", start).error().code, core::Errc::not_found);
}

TEST(TokenTable, BoundsNamesAndLifetimes) {
  TokenTable table;
  EXPECT_EQ(table.add(wanted("No"), hash_of(1), "uid:0", start).error().code, core::Errc::invalid);
  EXPECT_THAT(table
                  .add(wanted("x", Role::read, daemon::token_lifetime_max + core::Millis{1}), hash_of(1),
                       "uid:0", start)
                  .error()
                  .message,
              HasSubstr("1s to 365d"));
  EXPECT_FALSE(table.add(wanted("x", Role::read, core::Millis{0}), hash_of(1), "uid:0", start));
  EXPECT_FALSE(table.add(wanted("x", Role::read, core::Millis{-1}), hash_of(1), "uid:0", start));
  EXPECT_TRUE(table.tokens().empty());
  EXPECT_TRUE(table.add(wanted("x", Role::read, daemon::token_lifetime_max), hash_of(1), "uid:0", start));
}

TEST(TokenTable, ANameIsFreeAgainOnceItsTokenHasEnded) {
  TokenTable table = three();
  const auto taken = table.add(wanted("b.2"), hash_of(9), "uid:0", start + day);
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code, core::Errc::conflict);
  EXPECT_NE(table.match(hash_of(1)), nullptr);
  EXPECT_TRUE(table.add(wanted("c_3"), hash_of(10), "uid:0", start + 2 * day)) << "revoked before";
  EXPECT_EQ(table.match(hash_of(3)), nullptr) << "the old token is gone for good";
  EXPECT_TRUE(table.add(wanted("b.2"), hash_of(9), "uid:0", start + 30 * day)) << "expired";
  EXPECT_EQ(table.match(hash_of(1)), nullptr);
  EXPECT_EQ(table.tokens().size(), 3U);
}

TEST(TokenTable, IsBoundedAndTheOldestEndedMakesRoom) {
  TokenTable table;
  for (int number = 0; number < static_cast<int>(daemon::tokens_max); ++number)
    ASSERT_TRUE(table.add(wanted("t" + std::to_string(number)), hash_of(number), "uid:0", start));
  EXPECT_EQ(table.add(wanted("more"), hash_of(5000), "uid:0", start).error().code, core::Errc::conflict);
  ASSERT_TRUE(table.revoke("t7", start + 2 * day));
  ASSERT_TRUE(table.revoke("t9", start + day));
  EXPECT_TRUE(table.add(wanted("more"), hash_of(5000), "uid:0", start + 3 * day));
  EXPECT_EQ(table.match(hash_of(9)), nullptr) << "it ended first";
  EXPECT_NE(table.match(hash_of(7)), nullptr);
  EXPECT_EQ(table.tokens().size(), daemon::tokens_max);
  const auto copy = TokenTable::decode(table.encode());
  ASSERT_TRUE(copy);
  EXPECT_EQ(*copy, table);
}

TEST(TokenTable, IsStoredAndReadBackWhole) {
  for (const TokenTable& table : {TokenTable(), three()}) {
    const auto copy = TokenTable::decode(table.encode());
    ASSERT_TRUE(copy);
    EXPECT_EQ(*copy, table);
    EXPECT_EQ(copy->encode(), table.encode());
  }
  EXPECT_THAT(three().encode(), testing::Not(HasSubstr("token 1"))) << "hashes, never tokens";
}

TEST(TokenTable, RefusesDamageDownToABit) {
  const std::string good = three().encode();
  for (std::size_t size = 0; size < good.size(); ++size)
    EXPECT_FALSE(TokenTable::decode(good.substr(0, size))) << size;
  for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
    std::string bad = good;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << bit % 8));
    EXPECT_FALSE(TokenTable::decode(bad)) << bit;
  }
  EXPECT_FALSE(TokenTable::decode(good + "x"));
  EXPECT_FALSE(TokenTable::decode(good + good));
}

// What only another program could have written: the sum is right, the content is not.
TEST(TokenTable, RefusesContentThatItNeverWrites) {
  const auto sealed = [](std::string content) {
    const daemon::TokenHash sum = daemon::hash_of_token(content);
    return content.append(reinterpret_cast<const char*>(sum.data()), sum.size());
  };
  const std::string whole = three().encode();
  const std::string content = whole.substr(0, whole.size() - 32);
  ASSERT_TRUE(TokenTable::decode(sealed(content)));
  const auto with = [&](std::size_t at, char byte) {
    std::string changed = content;
    changed.at(at) = byte;
    return TokenTable::decode(sealed(changed));
  };
  EXPECT_THAT(with(0, 2).error().message, HasSubstr("newer version"));
  EXPECT_FALSE(with(9, 2)) << "fewer tokens than there are";
  EXPECT_FALSE(with(9, 4)) << "more tokens than there are";
  EXPECT_FALSE(with(10, 5)) << "more than tokens_max";
  EXPECT_FALSE(with(12, 'A')) << "a name that is none";
  EXPECT_FALSE(with(12, 'c')) << "c-1 before b.2: out of order";
  EXPECT_FALSE(with(15, 0)) << "no role";
  EXPECT_FALSE(with(15, 4)) << "no role either";
  EXPECT_FALSE(TokenTable::decode(sealed(content + "x")));
}

TEST(TokenRequest, TakesExactlyThreeMembers) {
  const auto good = daemon::parse_new_token(R"({"lifetime":"30d","name":"ci","role":"operate"})");
  ASSERT_TRUE(good);
  EXPECT_EQ(good->name, "ci");
  EXPECT_EQ(good->role, Role::operate);
  EXPECT_EQ(good->lifetime, 30 * day);
  struct Case {
    const char* body;
    const char* detail;
  };
  const Case cases[] = {
      {"", "the body"},
      {"[]", "the body"},
      {"{}", "name is missing"},
      {R"({"name":"ci","lifetime":"1d"})", "role is missing"},
      {R"({"name":"ci","role":"read"})", "lifetime is missing"},
      {R"({"name":5,"role":"read","lifetime":"1d"})", "name is not a string"},
      {R"({"name":"ci","role":"root","lifetime":"1d"})", "role must be read, operate or admin"},
      {R"({"name":"ci","role":"read","lifetime":"soon"})", "lifetime must be a duration"},
      {R"({"name":"ci","role":"read","lifetime":"1d","hash":"x"})", "not known here"},
      {R"({"name":"ci","name":"ci","role":"read","lifetime":"1d"})", "twice"},
      {R"({"name":"ci","role":"read","lifetime":"1d"} x)", "the body"},
  };
  for (const Case& test : cases) {
    const auto refused = daemon::parse_new_token(test.body);
    ASSERT_FALSE(refused) << test.body;
    EXPECT_THAT(refused.error(), HasSubstr(test.detail)) << test.body;
  }
}

}  // namespace syncd::test
