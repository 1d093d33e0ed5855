#include "store/dead_letters.hpp"

#include <gmock/gmock.h>

#include "store/keys.hpp"
#include "tests/unit/store/sample_values.hpp"
#include "tests/unit/store/store_fixture.hpp"

namespace syncd::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

struct DeadLettersTest : StoreTest {
  DeadLettersTest() { open(); }

  // The link must exist with fence 1; it keeps it.
  void write_letter(const std::string& link, std::int64_t ms) {
    core::LinkUpdate update = update_of(link);
    update.dead_letter = sample_dead_letter();
    update.dead_letter->link_id = update.link_id;
    update.dead_letter->at = at_ms(ms);
    commit(update);
  }
  void drop_letter(const std::string& link, std::int64_t ms) {
    core::LinkUpdate update = update_of(link);
    update.dropped_dead_letter_at = at_ms(ms);
    commit(update);
  }
  std::vector<std::int64_t> times() {
    std::vector<std::int64_t> found;
    const auto listing = store_->dead_letters("", 1000);
    EXPECT_TRUE(listing);
    for (const core::DeadLetter& letter : listing->items)
      found.push_back(letter.at.time_since_epoch().count());
    return found;
  }
};

TEST_F(DeadLettersTest, OneIsReadChangedAndDroppedInTheCommitOfItsLink) {
  commit(update_of("link", 0));
  write_letter("link", 5);
  core::LinkUpdate retry = update_of("link");
  retry.record.fence = 2;
  retry.record.status = core::LinkStatus::active;
  retry.dead_letter = *store_->dead_letter(at_ms(5), core::LinkId{"link"});
  ASSERT_TRUE(retry.dead_letter);
  retry.dead_letter->retried_at = at_ms(77);
  commit(retry);
  EXPECT_THAT(times(), ElementsAre(5));
  EXPECT_EQ((*store_->dead_letter(at_ms(5), core::LinkId{"link"}))->retried_at, at_ms(77));
  core::LookupRequest request{.link_id = core::LinkId{"link"}, .transaction_ids = {}};
  EXPECT_FALSE(lookup(request).dead_letter);
  request.dead_letter_at = at_ms(5);
  EXPECT_EQ(lookup(request).dead_letter->retried_at, at_ms(77));
  // Behind a fence that has moved, nothing of it is done.
  core::LinkUpdate late = update_of("link", 1);
  late.dropped_dead_letter_at = at_ms(5);
  EXPECT_EQ(try_commit(late), store::CommitOutcome::conflict);
  EXPECT_THAT(times(), ElementsAre(5));
  core::LinkUpdate drop = update_of("link", 2);
  drop.record.fence = 2;
  drop.dropped_dead_letter_at = at_ms(5);
  commit(drop);
  EXPECT_THAT(times(), IsEmpty());
  EXPECT_FALSE(*store_->dead_letter(at_ms(5), core::LinkId{"link"}));
  EXPECT_FALSE(*store_->dead_letter(at_ms(5), core::LinkId{"nobody"}));
}

TEST_F(DeadLettersTest, OfOneLinkTheOldestGo) {
  commit(update_of("link", 0));
  commit(update_of("other", 0));
  write_letter("other", 1);
  const auto most = static_cast<std::int64_t>(store::dead_letters_per_link_max);
  for (std::int64_t ms = 10; ms < 10 + most; ++ms)
    write_letter("link", ms);
  EXPECT_THAT(times(), SizeIs(store::dead_letters_per_link_max + 1));
  EXPECT_EQ(store_->stats().dead_letters_evicted, 0u);
  reopen();  // what is there is known again
  write_letter("link", 100);
  write_letter("link", 100);  // the same one, changed
  EXPECT_THAT(times(), SizeIs(store::dead_letters_per_link_max + 1));
  EXPECT_EQ(times().at(0), 1) << "the other link's stays";
  EXPECT_EQ(times().at(1), 11);
  EXPECT_EQ(times().back(), 100);
  EXPECT_EQ(store_->stats().dead_letters_evicted, 1u);
  drop_letter("link", 50);  // one that is not there
  drop_letter("link", 100);
  write_letter("link", 101);
  EXPECT_EQ(store_->stats().dead_letters_evicted, 1u) << "there was room again";
}

TEST(DeadLetterIndex, OfAllLinksTheOldestGo) {
  store::DeadLetterIndex index(3, 4);
  EXPECT_THAT(index.add(at_ms(3), "a"), IsEmpty());
  EXPECT_THAT(index.add(at_ms(1), "b"), IsEmpty());
  EXPECT_THAT(index.add(at_ms(2), "c"), IsEmpty());
  EXPECT_THAT(index.add(at_ms(4), "a"), IsEmpty());
  EXPECT_THAT(index.add(at_ms(5), "d"), ElementsAre(store::dead_letter_key(at_ms(1), "b")));
  EXPECT_THAT(index.add(at_ms(6), "a"), ElementsAre(store::dead_letter_key(at_ms(2), "c")));
  EXPECT_THAT(index.add(at_ms(7), "a"), ElementsAre(store::dead_letter_key(at_ms(3), "a")));
  EXPECT_EQ(index.evicted(), 3u);
  index.remove(at_ms(5), "d");
  index.remove(at_ms(5), "d");
  EXPECT_THAT(index.add(at_ms(8), "e"), IsEmpty());
}

TEST_F(DeadLettersTest, NotesAreReadWithoutBeingTaken) {
  EXPECT_EQ(store_->note("verify"), std::nullopt);
  ASSERT_TRUE(store_->put_note("verify", "x"));
  EXPECT_EQ(store_->note("verify"), "x");
  EXPECT_EQ(store_->note("verify"), "x");
}

// For whoever cannot hold all rows of a link at once.
TEST_F(DeadLettersTest, RowsComeInParts) {
  commit(update_of("link", 0));
  core::LinkUpdate rows = update_of("link");
  rows.transaction_puts = {row_of("a"), row_of("b"), row_of("c"), row_of("d")};
  commit(rows);
  core::LookupRequest request{.link_id = core::LinkId{"link"}, .transaction_ids = {}};
  request.stale_below = 0xffffffff;
  request.stale_limit = 3;
  EXPECT_THAT(ids_of(lookup(request).transactions), ElementsAre("a", "b", "c"));
  request.stale_after = "c";
  EXPECT_THAT(ids_of(lookup(request).transactions), ElementsAre("d"));
  request.stale_after = "d";
  EXPECT_THAT(ids_of(lookup(request).transactions), IsEmpty());
}

}  // namespace
}  // namespace syncd::test
