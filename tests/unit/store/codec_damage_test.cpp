#include <functional>

#include <gtest/gtest.h>

#include "store/codec.hpp"
#include "store/feed.hpp"
#include "store/high_water.hpp"
#include "sync/core/schedule.hpp"
#include "tests/unit/store/sample_values.hpp"

// Decoders meet every truncation, every flipped bit and bytes left over. None may crash or read outside (the
// sanitized build watches), and what cannot be right is refused as Errc::storage.
namespace syncd::test {
namespace {

using namespace store;

struct Decoder {
  std::string name;
  std::string value;
  // Errc of the refusal; nullopt: accepted.
  std::function<std::optional<core::Errc>(std::string_view)> decode;
};

template <class T>
std::optional<core::Errc> refusal(const core::Result<T>& result) {
  if (result) return std::nullopt;
  return result.error().code;
}

std::optional<core::Errc> decode_block(std::string_view value) {
  FeedWindow window{.after = 0, .limit = 100, .bytes = 0, .bytes_max = 1 << 20};
  std::vector<FeedEntry> entries;
  return refusal(decode_feed_block(value, 1, 1, window, entries));
}

std::vector<Decoder> decoders() {
  std::string link, freeze, state, front;
  encode_feed_front(front, {.epoch = 3, .first = 1000});
  encode_link(link, sample_link());
  encode_freeze(freeze, wall_ms(1'700'000'000'000));
  encode_feed_state(state, {.epoch = 3, .head = 1000});
  std::string act, end, place;
  encode_audit_entry(act, sample_act());
  encode_audit_head(end, {.sequence = 300, .hash = {7}});
  encode_relink_place(place, sample_relink());
  using View = std::string_view;
  return {
      {"act", act, [](View v) { return refusal(decode_audit_entry(9, v)); }},
      {"end of the audit log", end, [](View v) { return refusal(decode_audit_head(v)); }},
      {"place in the queue", place, [](View v) { return refusal(decode_relink_place(v)); }},
      {"row", sample_row_value(), [](View v) { return refusal(decode_row("t", v)); }},
      {"account", sample_account_value(), [](View v) { return refusal(decode_account("a", v)); }},
      {"link", link, [](View v) { return refusal(decode_link("l", v)); }},
      {"relink", sample_relink_value(), [](View v) { return refusal(decode_relink("l", v)); }},
      {"dead letter", sample_dead_letter_value(),
       [](View v) { return refusal(decode_dead_letter(wall_ms(1), "l", v)); }},
      {"freeze", freeze, [](View v) { return refusal(decode_freeze(v)); }},
      {"feed block", sample_feed_block(), decode_block},
      {"feed block", sample_packed_feed_block(), decode_block},
      {"feed beginning", front, [](View v) { return refusal(decode_feed_front(v)); }},
      {"feed state", state, [](View v) { return refusal(decode_feed_state(v)); }},
  };
}

TEST(DamagedValue, IsAcceptedWhole) {
  for (const auto& decoder : decoders())
    EXPECT_FALSE(decoder.decode(decoder.value)) << decoder.name;
}

TEST(DamagedValue, EveryTruncationIsRefused) {
  for (const auto& decoder : decoders()) {
    for (std::size_t bytes = 0; bytes < decoder.value.size(); ++bytes) {
      // A heap copy of exactly this size, so that reading one byte more is seen by the address sanitizer.
      const std::vector<char> cut(decoder.value.begin(),
                                  decoder.value.begin() + static_cast<std::ptrdiff_t>(bytes));
      EXPECT_EQ(decoder.decode({cut.data(), cut.size()}), core::Errc::storage)
          << decoder.name << " cut to " << bytes;
    }
  }
}

TEST(DamagedValue, BytesLeftOverAreRefused) {
  for (const auto& decoder : decoders()) {
    EXPECT_EQ(decoder.decode(decoder.value + '\0'), core::Errc::storage) << decoder.name;
  }
}

TEST(DamagedValue, UnknownFormatsAreRefused) {
  for (const auto& decoder : decoders()) {
    for (int format = 0; format < 256; ++format) {
      if (format == value_format || format == decoder.value[0]) continue;
      auto value = decoder.value;
      value[0] = static_cast<char>(format);
      EXPECT_EQ(decoder.decode(value), core::Errc::storage) << decoder.name << " format " << format;
    }
  }
}

TEST(DamagedValue, FlippedBitsNeverCrash) {
  for (const auto& decoder : decoders()) {
    for (std::size_t bit = 0; bit < decoder.value.size() * 8; ++bit) {
      std::vector<char> value(decoder.value.begin(), decoder.value.end());
      value[bit / 8] = static_cast<char>(value[bit / 8] ^ (1 << (bit % 8)));
      const auto refused = decoder.decode({value.data(), value.size()});
      EXPECT_TRUE(!refused || *refused == core::Errc::storage) << decoder.name << " bit " << bit;
    }
  }
}

TEST(DamagedValue, PartialDecodersRefuseTruncatedFronts) {
  std::string link;
  encode_link(link, sample_link());
  LinkSummary summary;
  EXPECT_FALSE(decode_link_summary(std::string_view(link).substr(0, 5), summary));
  EXPECT_FALSE(decode_link_fence(std::string_view(link).substr(0, 2)));
  EXPECT_FALSE(decode_link_status(std::string_view(link).substr(0, 3)));
  EXPECT_FALSE(decode_row_generation(std::string_view(sample_row_value()).substr(0, 3)));
  EXPECT_FALSE(decode_feed_block_size(""));
}

TEST(DamagedValue, PartialDecodersRefuseUnknownFormats) {
  std::string link;
  encode_link(link, sample_link());
  std::string row = sample_row_value();
  std::string relink = sample_relink_value();
  std::string block = sample_feed_block();
  for (std::string* value : {&link, &row, &relink, &block})
    value->front() = '\x09';
  LinkSummary summary;
  EXPECT_EQ(refusal(decode_link_summary(link, summary)), core::Errc::storage);
  EXPECT_EQ(refusal(decode_link_fence(link)), core::Errc::storage);
  EXPECT_EQ(refusal(decode_link_status(link)), core::Errc::storage);
  EXPECT_EQ(refusal(decode_row_generation(row)), core::Errc::storage);
  EXPECT_EQ(refusal(decode_relink_place(relink)), core::Errc::storage);
  EXPECT_EQ(refusal(decode_feed_block_size(block)), core::Errc::storage);
}

constexpr std::size_t varint_bytes_max = 10;

// The summary goes as far as upstream's clocks, and is not told what is behind them.
TEST(DamagedValue, SummaryOfANewLinkNeedsItsInstitutionAndClocks) {
  core::LinkRecord fresh = sample_link();
  fresh.last_success_at = {};
  std::string value;
  encode_link(value, fresh);
  LinkSummary summary;
  ASSERT_TRUE(decode_link_summary(value, summary));
  EXPECT_EQ(summary.added_at, fresh.added_at);
  EXPECT_EQ(summary.institution_id, fresh.institution_id);
  fresh.upstream_error_code = "no_other_word";
  value.clear();
  encode_link(value, fresh);
  ASSERT_TRUE(fresh.transactions_clock && fresh.accounts_clock);
  const std::size_t names_end = value.find(fresh.upstream_error_code) + fresh.upstream_error_code.size();
  std::size_t end = names_end;
  while (end < value.size() && !decode_link_summary(std::string_view(value).substr(0, end), summary))
    ++end;
  EXPECT_GT(end, names_end);
  EXPECT_LE(end, names_end + 2 * varint_bytes_max);
  EXPECT_EQ(summary.upstream_clock, core::upstream_clock_of(fresh));
  for (std::size_t cut = 0; cut < end; ++cut)
    EXPECT_EQ(refusal(decode_link_summary(std::string_view(value).substr(0, cut), summary)),
              core::Errc::storage);
}

TEST(DamagedValue, WhatCountsFromOneIsNeverZero) {
  EXPECT_EQ(refusal(decode_feed_block_size(std::string_view("\x01\x00", 2))), core::Errc::storage);
  std::string state;
  encode_feed_state(state, {.epoch = 0, .head = 5});
  EXPECT_EQ(refusal(decode_feed_state(state)), core::Errc::storage);
  const auto mark = decode_high_water(encode_high_water({.instance = {}, .epoch = 0, .published = 1}));
  EXPECT_TRUE(mark && !*mark);
}

TEST(DamagedValue, StatusesThatNoAnswerHasAreRefused) {
  for (const int status : {-1'001, 1'001}) {
    core::LinkRecord record = sample_link();
    record.last_error->http_status = status;
    std::string value;
    encode_link(value, record);
    EXPECT_EQ(refusal(decode_link("link", value)), core::Errc::storage) << status;
  }
}

// What cannot be made smaller is kept as it is.
TEST(FeedBlock, OfTextsThatDoNotPackIsPlain) {
  std::string noise;
  std::uint64_t state = 88172645463325252u;
  for (int i = 0; i < 4'000; ++i) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    noise.push_back(static_cast<char>(state));
  }
  core::LinkUpdate update;
  update.link_id = core::LinkId{"l"};
  update.at = wall_ms(1'000);
  update.changes.push_back({core::ChangeKind::transaction_created, "t", {}, noise});
  std::string value;
  encode_feed_block(value, update);
  EXPECT_GT(value.size(), noise.size());
  FeedWindow window{.after = 0, .limit = 100, .bytes = 0, .bytes_max = 1 << 20};
  std::vector<FeedEntry> entries;
  ASSERT_TRUE(decode_feed_block(value, 1, 1, window, entries));
  ASSERT_EQ(entries.size(), 1u);
  EXPECT_EQ(entries[0].after, noise);
}

TEST(DamagedValue, EncryptedFormatSaysSo) {
  const auto row = decode_row("t", "\x7f...");
  ASSERT_FALSE(row);
  EXPECT_NE(row.error().message.find("encrypted"), std::string::npos) << row.error().message;
}

TEST(DamagedValue, HighWaterFileIsNeverHalfBelieved) {
  const auto content = encode_high_water({.instance = {}, .epoch = 9, .published = 12345});
  for (std::size_t bytes = 0; bytes < content.size(); ++bytes) {
    const auto cut = decode_high_water(std::string_view(content).substr(0, bytes));
    EXPECT_TRUE(cut && !*cut) << bytes;
  }
  for (std::size_t bit = 0; bit < content.size() * 8; ++bit) {
    auto flipped = content;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    const auto decoded = decode_high_water(flipped);
    EXPECT_TRUE(decoded && !*decoded) << bit;
  }
}

// Not damage: its checksum is right.
TEST(DamagedValue, HighWaterFileOfANewerVersionIsRefused) {
  auto content = encode_high_water({.instance = {}, .epoch = 9, .published = 12345});
  content.resize(content.size() - 4);
  content[8] = 2;
  const auto crc = crc32c(content);
  for (int shift = 24; shift >= 0; shift -= 8)
    content.push_back(static_cast<char>((crc >> shift) & 0xff));
  EXPECT_EQ(refusal(decode_high_water(content)), core::Errc::invalid);
}

TEST(Varints, OverlongAndOversizedAreRefused) {
  for (const std::string& bytes :
       {std::string("\x80\x00", 2), std::string("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"),
        std::string("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"), std::string("\x80")}) {
    Reader in(bytes);
    in.varint();
    EXPECT_FALSE(in.ok());
  }
  Reader in("\xff\xff\xff\xff\x1f");
  EXPECT_EQ(in.varint32(), 0u);
  EXPECT_FALSE(in.ok());
}

}  // namespace
}  // namespace syncd::test
