#include "daemon/webhook/key_note.hpp"

#include <string>

#include <gtest/gtest.h>

#include "tests/unit/webhook/signer.hpp"

namespace syncd::test {
namespace {

using daemon::decode_kept_keys;
using daemon::encode_kept_keys;
using daemon::KeptKeys;

KeptKeys sample() {
  const HookSigner first("first");
  const HookSigner second("second key");
  return {.upstream = "https://api.moneykit.com",
          .fetched_at = core::WallTime(core::Millis(1'746'549'072'451)),
          .keys = {first.key(), second.key()}};
}

TEST(KeyNote, ComesBackAsItWas) {
  const KeptKeys kept = sample();
  EXPECT_EQ(decode_kept_keys(encode_kept_keys(kept)), kept);
}

// What a store of this version has written must be read by the next.
TEST(KeyNote, HasThisForm) {
  core::PublicKey key{.kid = "k"};
  key.x.fill(0x0a);
  key.y.fill(0xf0);
  std::string x;
  std::string y;
  for (int byte = 0; byte < 32; ++byte) {
    x += "0a";
    y += "f0";
  }
  const std::string note = "1\n7\nhttps://u\nk\n" + x + "\n" + y + "\n";
  EXPECT_EQ(encode_kept_keys(
                {.upstream = "https://u", .fetched_at = core::WallTime(core::Millis(7)), .keys = {key}}),
            note);
}

TEST(KeyNote, WhatIsNotWholeIsNone) {
  const std::string note = encode_kept_keys(sample());
  const std::string one_key = note.substr(0, note.find("second key"));
  for (std::size_t length = 0; length < note.size(); ++length) {
    const auto kept = decode_kept_keys(note.substr(0, length));
    EXPECT_EQ(kept.has_value(), length == one_key.size()) << length;
  }
  EXPECT_FALSE(decode_kept_keys("2" + note.substr(1))) << "another version";
  EXPECT_FALSE(decode_kept_keys(note + "\n"));
  std::string odd_digit = note;
  odd_digit[note.size() - 2] = 'G';
  EXPECT_FALSE(decode_kept_keys(odd_digit));
}

}  // namespace
}  // namespace syncd::test
