#include <algorithm>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/store/store_fixture.hpp"

namespace syncd::test {
namespace {

using core::Hint;
using enum core::HintOutcome;
using std::chrono::hours;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr core::WallTime now{core::Millis{1'700'000'000'000}};

Hint hint_of(std::string_view link, std::string_view key, std::uint64_t sequence,
             std::uint64_t replaces = 0) {
  return {.link_id = core::LinkId{std::string(link)},
          .key = core::digest_of(key),
          .sequence = sequence,
          .replaces = replaces};
}

class HintsTest : public StoreTest {
 protected:
  void SetUp() override {
    open();
    for (const char* link : {"mk_1", "mk_2", "mk_3"})
      commit(update_of(link, 0));
  }
  std::vector<core::HintOutcome> put(const std::vector<Hint>& hints, core::WallTime at = now,
                                     const store::HintLimits& limits = {}) {
    auto outcomes = store_->put_hints(hints, at, limits);
    EXPECT_TRUE(outcomes) << outcomes.error().message;
    return outcomes.value_or(std::vector<core::HintOutcome>{});
  }
  // `link sequence`
  std::vector<std::string> waiting() {
    const auto hints = store_->hints();
    EXPECT_TRUE(hints) << hints.error().message;
    std::vector<std::string> texts;
    for (const Hint& hint : hints.value_or(std::vector<Hint>{}))
      texts.push_back(hint.link_id.str() + " " + std::to_string(hint.sequence));
    return texts;
  }
};

TEST_F(HintsTest, AreThereAfterARestart) {
  EXPECT_THAT(put({hint_of("mk_1", "a", 1), hint_of("mk_2", "b", 2)}), ElementsAre(accepted, accepted));
  reopen();
  EXPECT_THAT(waiting(), ElementsAre("mk_1 1", "mk_2 2"));
}

TEST_F(HintsTest, ShareOneWrite) {
  const std::uint64_t before = store_->stats().commits;
  std::vector<Hint> hints;
  for (int at = 0; at < 500; ++at)
    hints.push_back(hint_of("mk_1", std::to_string(at), 1));
  put(hints);
  EXPECT_EQ(store_->stats().commits, before + 1);
  EXPECT_THAT(waiting(), ElementsAre("mk_1 1"));
}

// At the start of a daemon: links all over the table are asked for, and none of them is visited soon.
TEST_F(HintsTest, ListingThemLeavesTheCacheToTheVisits) {
  constexpr int links = 1000;
  std::vector<Hint> hints;
  for (int at = 0; at < links; ++at) {
    const std::string link = "mk_many_" + std::to_string(at);
    core::LinkUpdate update = update_of(link, 0);
    update.record.customer_user_id = std::string(300, 'x') + link;
    commit(update);
    hints.push_back(hint_of(link, link, static_cast<std::uint64_t>(at) + 1));
  }
  put(hints);
  reopen();  // what was in memory is in a table now
  const std::uint64_t before = store_->stats().block_cache_bytes;
  EXPECT_EQ(waiting().size(), hints.size());
  EXPECT_LT(store_->stats().block_cache_bytes, before + 64 * 1024) << "300 KB of records were read";
}

TEST_F(HintsTest, OneTakesThePlaceOfTheOther) {
  put({hint_of("mk_1", "a", 1)});
  put({hint_of("mk_1", "b", 2, 1)});
  EXPECT_THAT(waiting(), ElementsAre("mk_1 2"));
}

TEST_F(HintsTest, AKeyThatIsKnownStoresNothing) {
  put({hint_of("mk_1", "a", 1)});
  const std::uint64_t before = store_->stats().commits;
  EXPECT_THAT(put({hint_of("mk_1", "a", 2, 1), hint_of("mk_2", "a", 3)}), ElementsAre(duplicate, duplicate));
  EXPECT_EQ(store_->stats().commits, before);
  EXPECT_THAT(waiting(), ElementsAre("mk_1 1"));
  EXPECT_THAT(put({hint_of("mk_2", "b", 4), hint_of("mk_3", "b", 5)}), ElementsAre(accepted, duplicate));
  reopen();
  EXPECT_THAT(put({hint_of("mk_1", "a", 6, 1)}), ElementsAre(duplicate));
}

TEST_F(HintsTest, OfALinkThatIsNotThereNothingIsStored) {
  const std::uint64_t before = store_->stats().commits;
  EXPECT_THAT(put({hint_of("mk_9", "a", 1), hint_of("", "b", 2)}), ElementsAre(unknown_link, unknown_link));
  EXPECT_EQ(store_->stats().commits, before);
  EXPECT_THAT(waiting(), IsEmpty());
  EXPECT_THAT(put({hint_of("mk_1", "a", 3)}), ElementsAre(accepted)) << "its key is not known either";
}

TEST_F(HintsTest, TheCommitOfAVisitTakesAwayTheHintThatItKnew) {
  put({hint_of("mk_1", "a", 1)});
  put({hint_of("mk_1", "b", 2, 1)});  // while the visit was under way
  core::LinkUpdate update = update_of("mk_1");
  update.notes.push_back({core::hint_note(update.link_id, 1), std::nullopt});
  commit(update);
  EXPECT_THAT(waiting(), ElementsAre("mk_1 2"));
  update.notes = {{core::hint_note(update.link_id, 2), std::nullopt}};
  commit(update);
  EXPECT_THAT(waiting(), IsEmpty());
}

TEST_F(HintsTest, APurgeTakesAwayAllOfItsLinkAndNoOthers) {
  commit(update_of("mk_12", 0));
  put({hint_of("mk_1", "a", 1), hint_of("mk_12", "b", 2)});
  put({hint_of("mk_1", "c", 3)});  // whoever purges does not know of it
  core::LinkUpdate update = update_of("mk_1");
  update.purge = true;
  commit(update);
  EXPECT_THAT(waiting(), ElementsAre("mk_12 2"));
}

TEST_F(HintsTest, OfSeveralOfOneLinkTheLatestStays) {
  put({hint_of("mk_1", "a", 1)});
  put({hint_of("mk_1", "b", 3)});
  put({hint_of("mk_1", "c", 2)});
  EXPECT_THAT(waiting(), ElementsAre("mk_1 3"));
  core::LinkUpdate update = update_of("mk_1");
  update.notes.push_back({core::hint_note(update.link_id, 3), std::nullopt});
  commit(update);
  EXPECT_THAT(waiting(), IsEmpty());
}

TEST_F(HintsTest, KeysAreKnownForSevenDays) {
  put({hint_of("mk_1", "a", 1)});
  EXPECT_THAT(put({hint_of("mk_1", "a", 2)}, now + hours(7 * 24) - core::Millis(1)), ElementsAre(duplicate));
  // Each write forgets what is old.
  put({hint_of("mk_1", "b", 3)}, now + hours(7 * 24));
  EXPECT_THAT(put({hint_of("mk_1", "a", 4)}, now + hours(7 * 24)), ElementsAre(accepted));
  EXPECT_THAT(put({hint_of("mk_1", "b", 5)}, now + hours(7 * 24)), ElementsAre(duplicate));
}

TEST_F(HintsTest, SoManyKeysAreKnownAtMost) {
  const store::HintLimits limits{.keys_max = 100};
  const auto key = [](int number) { return "k" + std::to_string(number); };
  for (int number = 0; number < 300; ++number) {
    put({hint_of("mk_1", key(number), static_cast<std::uint64_t>(number) + 1)}, now + core::Millis(number),
        limits);
    if (number == 150) reopen();
  }
  std::size_t known = 0;
  // The youngest are known, all others forgotten.
  for (int number = 299; number >= 0; --number) {
    const bool is_known = put({hint_of("mk_1", key(number), 1'000)}, now + hours(1),
                              {.keys_max = 1'000'000}) == std::vector{duplicate};
    known += is_known ? 1 : 0;
    EXPECT_EQ(is_known, number >= 200) << number;
  }
  EXPECT_EQ(known, 100u);
}

}  // namespace
}  // namespace syncd::test
