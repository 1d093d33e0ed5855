#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "store/batch_impl.hpp"
#include "store/codec.hpp"
#include "store/health_impl.hpp"
#include "store/keys.hpp"
#include "tests/unit/store/store_fixture.hpp"

namespace syncd::test {
namespace {

core::Digest key_of(std::uint8_t number) {
  return {number};
}

core::LookupRequest asking_for(const std::string& link, std::uint8_t key) {
  core::LookupRequest request;
  request.link_id = core::LinkId{link};
  request.request_key = key_of(key);
  return request;
}

class AuditTest : public StoreTest {
 protected:
  AuditTest() {
    options_.wall_now = [this] { return now_; };
    open();
  }
  core::LinkUpdate act(const std::string& link, std::uint64_t fence, std::uint8_t key = 0) {
    auto update = update_of(link, fence);
    update.at = now_;
    update.audit = core::AuditNote{.actor = "uid:7", .action = "links.pause", .request_key = key_of(key)};
    return update;
  }
  // The whole chain, oldest first, each entry fitting the one before.
  std::vector<core::AuditEntry> chain() {
    auto slice = store_->audit_entries(0, 1000);
    EXPECT_TRUE(slice) << slice.error().message;
    std::vector<core::AuditEntry> entries(slice->entries.rbegin(), slice->entries.rend());
    core::Hash before{};
    for (const core::AuditEntry& entry : entries) {
      EXPECT_EQ(entry.hash, core::chain_hash(before, entry)) << entry.sequence;
      before = entry.hash;
    }
    EXPECT_EQ(slice->head.hash, before);
    return entries;
  }
  void reopen() {
    store_.reset();
    open();
  }

  core::WallTime now_ = at_ms(1'700'000'000'000);
};

TEST_F(AuditTest, ActsThatChangeNothingAreEntriesOfTheChainInTheirOrder) {
  commit(act("a", 0));
  ASSERT_TRUE(store_->record_acts(now_, {}));
  const std::vector<store::LinkAct> acts{
      {core::LinkId{"a"}, {.actor = "uid:7", .action = "data.read", .detail = R"({"accounts":2})"}},
      {core::LinkId{}, {.actor = "token:feed", .action = "data.read"}}};
  ASSERT_TRUE(store_->record_acts(now_, acts));
  reopen();
  ASSERT_TRUE(store_->record_acts(now_, acts));
  const auto entries = chain();
  ASSERT_EQ(entries.size(), 5u);
  EXPECT_EQ(entries[1].link_id.str(), "a");
  EXPECT_EQ(entries[1].note, acts[0].note);
  EXPECT_EQ(entries[1].at, now_);
  EXPECT_TRUE(entries[2].link_id.empty());
  EXPECT_EQ(entries[2].note, acts[1].note);
  const auto check = store_->check_audit({}, 100);
  ASSERT_TRUE(check);
  EXPECT_TRUE(check->finished);
  EXPECT_EQ(check->broken_at, 0u);
}

TEST_F(AuditTest, EachActIsAnEntryOfTheChain) {
  commit(act("a", 0));
  commit(update_of("a"));  // no act
  ASSERT_TRUE(store_->record_act(now_, {.actor = "uid:8", .action = "tokens.create"},
                                 store::NoteChange{"tokens", "some"}));
  reopen();
  commit(act("b", 0));
  const auto entries = chain();
  ASSERT_EQ(entries.size(), 3u);
  EXPECT_EQ(entries[0].sequence, 1u);
  EXPECT_EQ(entries[0].link_id.str(), "a");
  EXPECT_EQ(entries[0].note.actor, "uid:7");
  EXPECT_EQ(entries[1].link_id.str(), "");
  EXPECT_EQ(entries[1].note.action, "tokens.create");
  EXPECT_EQ(entries[2].sequence, 3u);
  EXPECT_EQ(*store_->note("tokens"), "some");
}

TEST_F(AuditTest, ListsTheNewestFirstByPage) {
  for (int i = 0; i < 5; ++i)
    ASSERT_TRUE(store_->record_act(now_, {.actor = "uid:8", .action = "x"}, std::nullopt));
  const auto first = store_->audit_entries(0, 2);
  ASSERT_EQ(first->entries.size(), 2u);
  EXPECT_EQ(first->entries[0].sequence, 5u);
  EXPECT_EQ(first->entries[1].sequence, 4u);
  const auto next = store_->audit_entries(4, 10);
  ASSERT_EQ(next->entries.size(), 3u);
  EXPECT_EQ(next->entries[2].sequence, 1u);
  EXPECT_TRUE(store_->audit_entries(1, 10)->entries.empty());
}

// The request whose answer was lost comes again: nothing of it is done twice, not even behind a restart.
TEST_F(AuditTest, ARequestIsDoneOnce) {
  commit(act("a", 0, 1));
  for (const bool restarted : {false, true}) {
    SCOPED_TRACE(restarted);
    if (restarted) reopen();
    auto again = act("a", store_->load(core::LinkId{"a"})->value().fence, 1);
    again.record.status = core::LinkStatus::paused;
    const core::LinkUpdate* const one = &again;
    const auto outcomes = store_->commit({&one, 1});
    ASSERT_TRUE(outcomes);
    EXPECT_EQ(outcomes->at(0), store::CommitOutcome::conflict);
    EXPECT_EQ(store_->load(core::LinkId{"a"})->value().status, core::LinkStatus::active);
    const auto held = store_->lookup(asking_for("a", 1));
    ASSERT_TRUE(held && held->earlier_act);
    EXPECT_EQ(held->earlier_act->sequence, 1u);
    EXPECT_TRUE(store_->lookup(asking_for("", 1))->earlier_act) << "also who asks about no link";
    EXPECT_FALSE(store_->lookup(asking_for("a", 2))->earlier_act);
    EXPECT_EQ(chain().size(), 1u);
  }
  EXPECT_EQ(store_->record_act(now_, {.actor = "u", .action = "x", .request_key = key_of(1)}, std::nullopt),
            store::CommitOutcome::conflict);
}

TEST_F(AuditTest, TwoInOneBatchAreDoneOnce) {
  auto first = act("a", 0, 1);
  auto second = act("b", 0, 1);
  const core::LinkUpdate* both[] = {&first, &second};
  const auto outcomes = store_->commit(both);
  ASSERT_TRUE(outcomes);
  EXPECT_EQ(outcomes->at(0), store::CommitOutcome::committed);
  EXPECT_EQ(outcomes->at(1), store::CommitOutcome::conflict);
  EXPECT_FALSE(*store_->load(core::LinkId{"b"}));
  EXPECT_EQ(chain().size(), 1u);
}

TEST_F(AuditTest, KeysAreForgottenAfterADay) {
  commit(act("a", 0, 1));
  now_ += std::chrono::hours(25);
  reopen();
  commit(act("b", 0, 1));
  EXPECT_EQ(chain().size(), 2u);
  now_ += std::chrono::hours(25);
  commit(act("c", 0, 2));  // without a restart, with the next act
  commit(act("d", 0, 1));
  EXPECT_EQ(chain().size(), 4u);
}

TEST_F(AuditTest, AWholeChainIsFoundWhole) {
  for (int i = 0; i < 5; ++i)
    ASSERT_TRUE(store_->record_act(now_, {.actor = "uid:8", .action = "x"}, std::nullopt));
  const auto half = store_->check_audit({}, 3);
  ASSERT_TRUE(half);
  EXPECT_FALSE(half->finished);
  EXPECT_EQ(half->end.sequence, 3u);
  EXPECT_EQ(half->broken_at, 0u);
  const auto rest = store_->check_audit(half->end, 100);
  EXPECT_TRUE(rest->finished);
  EXPECT_EQ(rest->end.sequence, 5u);
  EXPECT_EQ(rest->broken_at, 0u);
}

TEST_F(AuditTest, AnActThatWasChangedIsFound) {
  for (int i = 0; i < 3; ++i)
    ASSERT_TRUE(store_->record_act(now_, {.actor = "uid:8", .action = "x"}, std::nullopt));
  const core::AuditEntry second = chain()[1];
  store_.reset();
  {
    auto opened = store::Database::open(options_.path + "/db", options_, store::host_disk(), false,
                                        std::make_shared<store::Health>());
    ASSERT_TRUE(opened);
    core::AuditEntry other = second;
    other.note.actor = "uid:9";
    std::string value;
    store::encode_audit_entry(value, other);
    rocksdb::WriteBatch batch;
    batch.Put((*opened)->family(store::Family::audit), store::audit_key(2), value);
    ASSERT_TRUE((*opened)->write(batch, true));
  }
  open();
  const auto check = store_->check_audit({}, 100);
  ASSERT_TRUE(check);
  EXPECT_EQ(check->broken_at, 2u);
  EXPECT_EQ(check->end.sequence, 1u);
  EXPECT_TRUE(store_->healthy());
}

TEST_F(AuditTest, ActsWithoutAKeyAreNeverTheSame) {
  commit(act("a", 0));
  commit(act("b", 0));
  EXPECT_FALSE(store_->lookup(asking_for("a", 0))->earlier_act);
  EXPECT_EQ(chain().size(), 2u);
}

}  // namespace
}  // namespace syncd::test
