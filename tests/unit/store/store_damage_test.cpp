#include <functional>
#include <ostream>

#include <rocksdb/db.h>

#include "store/consumers.hpp"
#include "store/keys.hpp"
#include "tests/unit/store/store_fixture.hpp"

// Values and keys that are not ours, as a bad disk or a foreign hand leaves them: whoever reads them gets
// Errc::storage and the store is unhealthy from then on. Nothing is guessed, skipped or repaired.
namespace syncd::test {
namespace {

using core::LinkId;
using store::Store;

template <class T>
bool is_storage(const core::Result<T>& result) {
  return !result && result.error().code == core::Errc::storage;
}

class StoreDamageTest : public StoreTest {
 protected:
  // One link with something in every family, closed again.
  void fill() {
    open();
    auto added = update_of("link", 0);
    added.changes = {created("t0", "{}")};
    commit(added);
    auto page = update_of("link");
    page.transaction_puts = {row_of("a"), row_of("p")};
    page.transaction_puts[1].pending = true;
    page.staged_puts = {row_of("s")};
    page.staged_puts[0].pending = true;
    page.record.drain.staged = 1;
    page.account_puts = {{.account_id = "acc", .json = "{}"}};
    page.link_object = "{}";
    page.relink = core::RelinkEntry{};
    page.relink->link_id = LinkId{"link"};
    page.relink->reason = "auth_expired";
    page.dead_letter = core::DeadLetter{.link_id = LinkId{"link"}, .at = at_ms(5), .reason = "why"};
    page.changes = {created("a", "{}")};
    commit(page);
    ASSERT_TRUE(store_->put_note("n", "v"));
    ASSERT_TRUE(store_->put_freeze({.endpoint = core::Endpoint::sync, .until = at_ms(7)}));
    store_.reset();
  }

  // Opens the database without the store, and gives each of `family`'s entries to `change`.
  using Change =
      std::function<void(rocksdb::WriteBatch&, rocksdb::ColumnFamilyHandle*, const std::string& key)>;
  void change(const std::string& family, const Change& change) {
    std::vector<std::string> names;
    ASSERT_TRUE(rocksdb::DB::ListColumnFamilies({}, options_.path + "/db", &names).ok());
    std::vector<rocksdb::ColumnFamilyDescriptor> families;
    for (const auto& name : names)
      families.emplace_back(name, rocksdb::ColumnFamilyOptions{});
    std::vector<rocksdb::ColumnFamilyHandle*> handles;
    rocksdb::DB* raw = nullptr;
    ASSERT_TRUE(rocksdb::DB::Open({}, options_.path + "/db", families, &handles, &raw).ok());
    const std::unique_ptr<rocksdb::DB> db(raw);
    rocksdb::WriteBatch batch;
    for (auto* handle : handles) {
      if (handle->GetName() != family) continue;
      const std::unique_ptr<rocksdb::Iterator> entry(db->NewIterator({}, handle));
      for (entry->SeekToFirst(); entry->Valid(); entry->Next())
        change(batch, handle, entry->key().ToString());
    }
    EXPECT_GT(batch.Count(), 0u) << "nothing was found in " << family;
    rocksdb::WriteOptions sync;
    sync.sync = true;
    ASSERT_TRUE(db->Write(sync, &batch).ok());
    for (auto* handle : handles)
      db->DestroyColumnFamilyHandle(handle);
  }
  // Garbage for the value of every key of `family` that has `part` in it.
  void spoil(const std::string& family, std::string_view part = {}) {
    change(family, [part](auto& batch, auto* handle, const std::string& key) {
      if (key.find(part) != std::string::npos) batch.Put(handle, key, "\xffgarbage");
    });
  }
  void erase(const std::string& family, std::string_view part) {
    change(family, [part](auto& batch, auto* handle, const std::string& key) {
      if (key.find(part) != std::string::npos) batch.Delete(handle, key);
    });
  }
  void add_foreign_key(const std::string& family, const std::string& foreign) {
    change(family, [&](auto& batch, auto* handle, const std::string&) { batch.Put(handle, foreign, "x"); });
  }
  std::string refusal() {
    const auto opened = Store::open(options_);
    if (opened) return "opened";
    EXPECT_EQ(opened.error().code, core::Errc::storage);
    return opened.error().message;
  }
};

core::LookupRequest request_of(std::vector<std::string_view> ids) {
  return {.link_id = LinkId{"link"}, .transaction_ids = std::move(ids)};
}

core::LookupRequest request_with(bool core::LookupRequest::* part) {
  core::LookupRequest request{.link_id = LinkId{"link"}, .transaction_ids = {}};
  request.*part = true;
  return request;
}

// A call that meets what was damaged, and whether it failed as it must.
struct Reading {
  const char* name;
  const char* family;
  std::function<bool(Store&)> fails;
  std::string part = {};  // of the keys whose values are damaged
  friend std::ostream& operator<<(std::ostream& out, const Reading& reading) { return out << reading.name; }
};

const std::string staged_kind = store::kind_prefix("link", std::to_underlying(store::RowKind::staged));
const std::string visible_kind = store::kind_prefix("link", std::to_underlying(store::RowKind::visible));

bool commit_fails(Store& store) {
  const auto update = update_of("link");
  const core::LinkUpdate* one = &update;
  return is_storage(store.commit({&one, 1}));
}

const Reading readings[] = {
    {"load", "links", [](Store& s) { return is_storage(s.load(LinkId{"link"})); }},
    {"commit", "links", commit_fails},
    {"scan of the start", "links", [](Store& s) { return is_storage(s.for_each_link([](const auto&) {})); }},
    {"list of links", "links", [](Store& s) { return is_storage(s.links("", 10, {})); }},
    {"links by status", "links",
     [](Store& s) { return is_storage(s.links("", 10, core::LinkStatus::gone)); }},
    {"rows by id", "transactions", [](Store& s) { return is_storage(s.lookup(request_of({"a"}))); }},
    {"pending rows", "transactions",
     [](Store& s) { return is_storage(s.lookup(request_with(&core::LookupRequest::pending))); },
     visible_kind},
    {"stale rows", "transactions",
     [](Store& s) {
       auto request = request_of({});
       request.stale_below = 9;
       return is_storage(s.lookup(request));
     },
     visible_kind},
    {"staged rows", "transactions",
     [](Store& s) { return is_storage(s.lookup(request_with(&core::LookupRequest::staged))); }, staged_kind},
    {"list of transactions", "transactions",
     [](Store& s) { return is_storage(s.transactions(LinkId{"link"}, "", 10)); }},
    {"accounts", "accounts",
     [](Store& s) { return is_storage(s.lookup(request_with(&core::LookupRequest::accounts))); }},
    {"list of accounts", "accounts", [](Store& s) { return is_storage(s.accounts(LinkId{"link"}, "", 10)); }},
    {"link object", "accounts", [](Store& s) { return is_storage(s.link_object(LinkId{"link"})); }},
    {"relink entry", "relink", [](Store& s) { return is_storage(s.relink_entry(LinkId{"link"})); }},
    {"relink entry of a lookup", "relink",
     [](Store& s) { return is_storage(s.lookup(request_with(&core::LookupRequest::relink))); }},
    {"list of relink entries", "relink",
     [](Store& s) {
       return is_storage(s.relink_entries("", 10, {.state = store::RelinkFilter::State::any}));
     }},
    {"relink entries by status", "relink",
     [](Store& s) {
       return is_storage(s.relink_entries("", 10, {.state = store::RelinkFilter::State::open}));
     }},
    {"search", "links", [](Store& s) { return is_storage(s.search_links("li", "", 10)); }},
    {"dead letters", "dead_letters", [](Store& s) { return is_storage(s.dead_letters("", 10)); }},
    {"note", "meta", [](Store& s) { return is_storage(s.take_note("n")); }, "note/"},
    {"retry windows", "meta", [](Store& s) { return is_storage(s.freezes()); }, "freeze/"},
};

class DamagedValue : public StoreDamageTest, public testing::WithParamInterface<Reading> {};

TEST_P(DamagedValue, FailsTheReadingAndTheStore) {
  fill();
  open();
  ASSERT_FALSE(GetParam().name != std::string("commit") && GetParam().fails(*store_)) << "fails undamaged";
  store_.reset();
  // What the call above took away is needed again.
  if (GetParam().part == "note/") {
    open();
    ASSERT_TRUE(store_->put_note("n", "v"));
    store_.reset();
  }
  spoil(GetParam().family, GetParam().part);
  open();
  ASSERT_TRUE(store_->healthy());
  EXPECT_TRUE(GetParam().fails(*store_));
  EXPECT_FALSE(store_->healthy());
  EXPECT_GE(store_->stats().errors[static_cast<std::size_t>(store::StoreOperation::decode) - 1], 1u);
  EXPECT_TRUE(commit_fails(*store_));
}

INSTANTIATE_TEST_SUITE_P(Of, DamagedValue, testing::ValuesIn(readings));

TEST_F(StoreDamageTest, ForeignKeysFailTheListsThatMeetThem) {
  struct List {
    const char* family;
    std::string foreign;
    std::function<bool(Store&)> fails;
  };
  const std::string no_link("\0\0", 2);
  const List lists[] = {
      {"links", no_link, [](Store& s) { return is_storage(s.links("", 10, {})); }},
      {"links", no_link, [](Store& s) { return is_storage(s.for_each_link([](const auto&) {})); }},
      {"links", "\xffuser", [](Store& s) { return is_storage(s.search_links("u", "", 10)); }},
      {"relink", "\xff\1place", [](Store& s) { return is_storage(s.relink_entries("", 10, {})); }},
      {"relink", "\xff\1place", [](Store& s) { return is_storage(s.count_relinks(true, {})); }},
      {"dead_letters", "\xff", [](Store& s) { return is_storage(s.dead_letters("", 10)); }},
  };
  fill();
  for (const auto& [family, foreign, fails] : lists) {
    SCOPED_TRACE(family);
    add_foreign_key(family, foreign);
    open();
    EXPECT_TRUE(fails(*store_));
    EXPECT_FALSE(store_->healthy());
    store_.reset();
  }
}

// The log of acts is evidence: a store that cannot show it whole does not begin.
TEST_F(StoreDamageTest, TheEndOfTheAuditLogMustFitItsLastEntry) {
  fill();
  open();
  ASSERT_TRUE(store_->record_act(at_ms(1), {.actor = "uid:1", .action = "x"}, std::nullopt));
  ASSERT_TRUE(store_->record_act(at_ms(2), {.actor = "uid:1", .action = "y"}, std::nullopt));
  store_.reset();
  erase("audit", std::string("\0\2", 2));
  EXPECT_NE(refusal().find("end of the audit log is damaged"), std::string::npos) << refusal();
}

// ---- the feed ----

TEST_F(StoreDamageTest, ADamagedBlockOfTheFeedIsNotPassedOver) {
  fill();
  spoil("feed", store::feed_key(1, 1));
  open();
  EXPECT_TRUE(is_storage(store_->feed(0, 10)));
  EXPECT_FALSE(store_->healthy());
}

TEST_F(StoreDamageTest, AMissingBlockAtTheFrontOfTheFeedIsAGap) {
  fill();
  open();
  auto page = update_of("link");
  page.changes = {created("b", "{}")};
  commit(page);
  store_.reset();
  erase("feed", store::feed_key(1, 1));
  open();
  EXPECT_TRUE(is_storage(store_->feed(0, 10)));
  EXPECT_FALSE(store_->healthy());
}

// A cut takes no gap for the feed's beginning.
TEST_F(StoreDamageTest, AMissingBlockAtTheFrontIsNotTakenForCutOff) {
  fill();
  open();
  auto page = update_of("link");
  page.changes = {created("b", "{}")};
  commit(page);
  store_.reset();
  erase("feed", store::feed_key(1, 1));
  open();
  EXPECT_TRUE(is_storage(store_->cut_feed({.before = at_ms(1LL << 50), .hard_before = at_ms(0)})));
}

TEST_F(StoreDamageTest, AMissingBlockInTheMiddleOfTheFeedIsAGap) {
  fill();
  open();
  auto page = update_of("link");
  page.changes = {created("b", "{}")};
  commit(page);
  store_.reset();
  erase("feed", store::feed_key(1, 2));
  open();
  EXPECT_TRUE(is_storage(store_->feed(0, 10)));
  EXPECT_FALSE(store_->healthy());
}

TEST_F(StoreDamageTest, AFeedThatEndsElsewhereThanItsPositionSaysIsRefused) {
  fill();
  erase("feed", store::feed_key(1, 2));
  EXPECT_NE(refusal().find("its feed ends at change 1, its position says 2"), std::string::npos);
  erase("feed", store::feed_key(1, 1));
  EXPECT_NE(refusal().find("its feed ends at change 0, its position says 2"), std::string::npos);
}

TEST_F(StoreDamageTest, AFeedWhoseLastBlockCannotBeReadIsRefused) {
  fill();
  spoil("feed", store::feed_key(1, 2));
  EXPECT_NE(refusal().find("feed block"), std::string::npos) << refusal();
}

// ---- who the store is ----

TEST_F(StoreDamageTest, DamagedOrMissingIdentityIsRefused) {
  for (const char* key : {"schema", "environment", "upstream", "instance", "feed"}) {
    SCOPED_TRACE(key);
    options_ = options_for(directory_ / key);
    fill();
    spoil("meta", key);
    EXPECT_NE(refusal(), "opened");
    if (std::string_view(key) == "schema") continue;  // a database without it is taken for a new one
    erase("meta", key);
    EXPECT_NE(refusal(), "opened");
  }
}

TEST_F(StoreDamageTest, SomethingBehindTheSchemaVersionIsRefused) {
  fill();
  change("meta", [](auto& batch, auto* handle, const std::string& key) {
    if (key == "schema") batch.Put(handle, key, std::string("\x01\x01\x01", 3));
  });
  EXPECT_NE(refusal(), "opened");
}

TEST_F(StoreDamageTest, ShortInstanceIdIsRefused) {
  fill();
  change("meta", [](auto& batch, auto* handle, const std::string& key) {
    if (key == "instance") batch.Put(handle, key, std::string("\x01\x01\x01", 3));
  });
  EXPECT_NE(refusal(), "opened");
}

// ---- calls on a store that is closed, and with ids that no key can hold ----

TEST_F(StoreDamageTest, EveryCallOfAClosedStoreIsAnError) {
  open();
  ASSERT_TRUE(store_->close());
  const LinkId link{"link"};
  EXPECT_TRUE(is_storage(store_->load(link)));
  EXPECT_TRUE(is_storage(store_->link_object(link)));
  EXPECT_TRUE(is_storage(store_->for_each_link([](const auto&) {})));
  EXPECT_TRUE(is_storage(store_->accounts(link, "", 1)));
  EXPECT_TRUE(is_storage(store_->transactions(link, "", 1)));
  EXPECT_TRUE(is_storage(store_->relink_entry(link)));
  EXPECT_TRUE(is_storage(store_->relink_entries("", 1, {.state = store::RelinkFilter::State::any})));
  EXPECT_TRUE(is_storage(store_->count_relinks(true, {})));
  EXPECT_TRUE(is_storage(store_->dead_letters("", 1)));
  EXPECT_TRUE(is_storage(store_->put_freeze({})));
  EXPECT_TRUE(is_storage(store_->take_note("n")));
  EXPECT_EQ(store_->links_estimate(), 0u);
}

TEST_F(StoreDamageTest, IdsThatNoKeyCanHoldHaveNothing) {
  open();
  for (const std::string& id : {std::string(), std::string(core::id_bytes_max + 1, 'x')}) {
    const LinkId link{id};
    EXPECT_EQ(store_->load(link).value(), std::nullopt);
    EXPECT_EQ(store_->link_object(link).value(), "");
    EXPECT_EQ(store_->relink_entry(link).value(), std::nullopt);
    EXPECT_TRUE(store_->accounts(link, "", 1).value().items.empty());
    EXPECT_TRUE(store_->lookup({.link_id = link, .transaction_ids = {"a"}}).value().transactions.empty());
    const auto letters = store_->dead_letters("5:" + id, 1);
    ASSERT_FALSE(letters);
    EXPECT_EQ(letters.error().code, core::Errc::invalid);
  }
  EXPECT_TRUE(store_->healthy());
  EXPECT_EQ(store_->links_estimate(), 0u);
}

}  // namespace
}  // namespace syncd::test
