#include <map>
#include <optional>

#include "store/codec.hpp"
#include "store/health_impl.hpp"
#include "store/keys.hpp"
#include "store/migration_impl.hpp"
#include "tests/unit/store/store_fixture.hpp"

namespace syncd::test {
namespace {

using store::Family;
using store::Migration;

constexpr std::size_t rows_per_batch = 3;
constexpr int rows = 10;

// Appends its mark to every value of `audit`, a few rows a batch: a row that is changed twice, or not at all,
// shows.
Migration marking(std::uint64_t from, const std::string& mark, int* batches_left = nullptr) {
  auto step = [mark, batches_left](store::Database& database, std::string& position,
                                   rocksdb::WriteBatch& batch) -> core::Result<bool> {
    if (batches_left != nullptr && (*batches_left)-- == 0)
      return core::fail(core::Errc::storage, "the power went out");
    store::Scan scan(database, Family::audit, position, {});
    for (std::size_t taken = 0; scan.valid(); scan.next()) {
      if (scan.key() == position) continue;  // changed in the batch before
      if (taken++ == rows_per_batch) return false;
      position = std::string(scan.key());
      batch.Put(database.family(Family::audit), position, std::string(scan.value()) + mark);
    }
    return true;
  };
  return {.from = from, .step = step};
}

class MigrationTest : public testing::Test {
 protected:
  MigrationTest() {
    open();
    rocksdb::WriteBatch batch;
    for (int i = 0; i < rows; ++i)
      batch.Put(database_->family(Family::audit), "row" + std::to_string(i), "value");
    EXPECT_TRUE(database_->write(batch, true));
  }
  void open() {
    database_.reset();
    auto opened = store::Database::open(options_.path, options_, store::host_disk(), false,
                                        std::make_shared<store::Health>());
    ASSERT_TRUE(opened) << opened.error().message;
    database_ = std::move(*opened);
  }
  std::map<std::string, int> values() {
    std::map<std::string, int> times;
    for (store::Scan scan(*database_, Family::audit, {}, {}); scan.valid(); scan.next())
      ++times[std::string(scan.value())];
    return times;
  }
  std::optional<std::uint64_t> version() {
    const auto version = store::read_schema_version(*database_);
    EXPECT_TRUE(version);
    return version ? *version : std::nullopt;
  }

  TempDir directory_;
  store::StoreOptions options_ = options_for(directory_ / "db");
  std::unique_ptr<store::Database> database_;
};

TEST_F(MigrationTest, ChangesEveryRowOnceThroughAllVersions) {
  const Migration steps[] = {marking(1, "+a"), marking(2, "+b")};
  ASSERT_TRUE(store::migrate(*database_, 1, 3, steps));
  EXPECT_EQ(values(), (std::map<std::string, int>{{"value+a+b", rows}}));
  EXPECT_EQ(version(), 3u);
  EXPECT_EQ(store::migration_begun(*database_), false);
}

TEST_F(MigrationTest, GoesOnWhereItWasInterrupted) {
  for (int batches = 0; batches <= 2 * rows; ++batches) {
    int left = 1;  // one batch for each start
    const Migration steps[] = {marking(1, "+a", &left), marking(2, "+b", &left)};
    const auto done = store::migrate(*database_, version().value_or(1), 3, steps);
    const auto now = values();
    for (const auto& [value, times] : now)
      EXPECT_TRUE(value == "value" || value == "value+a" || value == "value+a+b") << value;
    if (done) break;
    EXPECT_EQ(done.error().message, "the power went out");
    EXPECT_NE(version(), 3u);
    open();
  }
  EXPECT_EQ(values(), (std::map<std::string, int>{{"value+a+b", rows}}));
  EXPECT_EQ(version(), 3u);
}

TEST_F(MigrationTest, AMissingStepIsNamed) {
  const Migration steps[] = {marking(1, "+a")};
  const auto done = store::migrate(*database_, 1, 3, steps);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, core::Errc::invalid);
  EXPECT_NE(done.error().message.find("schema version 2 cannot be brought to 3"), std::string::npos)
      << done.error().message;
}

TEST_F(MigrationTest, APlaceOfAnotherVersionIsDamage) {
  int left = 1;
  const Migration first[] = {marking(1, "+a", &left)};
  ASSERT_FALSE(store::migrate(*database_, 1, 2, first));
  const Migration other[] = {marking(4, "+b")};
  const auto done = store::migrate(*database_, 4, 5, other);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, core::Errc::storage);
  EXPECT_EQ(values().count("value+b"), 0u);
}

// The steps of this program lead from the first version to the present one without a gap.
TEST(Migrations, LeadToThePresentVersion) {
  std::uint64_t version = 1;
  for (const Migration& step : store::migrations()) {
    EXPECT_EQ(step.from, version);
    EXPECT_TRUE(step.step);
    ++version;
  }
  EXPECT_EQ(version, store::schema_version);
}

// ---- from 1 to 2 ----

class FirstSchemaTest : public StoreTest {
 protected:
  FirstSchemaTest() { options_.sync_writes = false; }  // thousands of links, one by one
  // A store as version 1 left it: entries in their first format, no places, no users.
  void make(int links) {
    open();
    for (int i = 0; i < links; ++i) {
      auto update = update_of(id_of(i), 0);
      update.record.customer_user_id = i % 2 == 0 ? "user" + std::to_string(i) : "";
      update.record.provider = "mx";
      commit(update);
    }
    store_.reset();
    auto opened = raw();
    rocksdb::WriteBatch batch;
    batch.DeleteRange((*opened)->family(Family::links), "\xff", "\xff\xff");
    for (int i = 0; i < links; i += 3) {
      std::string value = {'\1', i % 2 == 0 ? '\1' : '\2', '\5', '\0'};
      store::Writer out(value);
      store::put_time(out, at_ms(1000 - i));
      store::put_time(out, i % 2 == 0 ? core::WallTime{} : at_ms(2000 + i));
      store::put_time(out, at_ms(3));
      for (const char* text : {"auth_expired", "chase", i % 2 == 0 ? "" : "reconnected"})
        out.text(text);
      batch.Put((*opened)->family(Family::relink), store::link_key(id_of(i)), value);
    }
    batch.Put((*opened)->family(Family::meta), store::to_slice(store::meta_key::schema),
              store::encode_schema_version(1));
    ASSERT_TRUE((*opened)->write(batch, true));
  }
  core::Result<std::unique_ptr<store::Database>> raw() {
    return store::Database::open(options_.path + "/db", options_, store::host_disk(), false,
                                 std::make_shared<store::Health>());
  }
  static std::string id_of(int number) { return "link" + std::to_string(number); }
};

TEST_F(FirstSchemaTest, TheQueueGetsItsOrderAndLinksTheirUsers) {
  make(12);
  open();
  const auto live = store_->relink_entries("", 10, {});
  ASSERT_TRUE(live) << live.error().message;
  ASSERT_EQ(live->items.size(), 2u);
  EXPECT_EQ(live->items[0].link_id.str(), "link6") << "the oldest first";
  EXPECT_EQ(live->items[1].link_id.str(), "link0");
  EXPECT_EQ(live->items[1].customer_user_id, "user0");
  EXPECT_EQ(live->items[1].provider, "mx");
  EXPECT_EQ(live->items[1].version, 5u);
  const auto over = store_->relink_entries("", 10, {.state = store::RelinkFilter::State::resolved});
  ASSERT_EQ(over->items.size(), 2u);
  EXPECT_EQ(over->items[0].link_id.str(), "link3");
  const auto found = store_->search_links("user1", "", 10);
  ASSERT_EQ(found->items.size(), 1u);
  EXPECT_EQ(found->items[0].link_id.str(), "link10");
  ASSERT_FALSE(store_->notices().empty());
  EXPECT_NE(store_->notices()[0].find("was converted from schema version 1 to 4"), std::string::npos);
}

TEST_F(FirstSchemaTest, ManyBatchesConvertEveryRowOnce) {
  constexpr int links = 9'000;
  make(links);
  open();
  std::size_t live = 0;
  std::string after;
  do {
    auto page = store_->relink_entries(after, 1000, {.state = store::RelinkFilter::State::any});
    ASSERT_TRUE(page);
    live += page->items.size();
    after = page->next;
  } while (!after.empty());
  EXPECT_EQ(live, links / 3u);
  EXPECT_EQ(store_->search_links("user8998", "", 10)->items.size(), 1u);
}

// A newer version stopped half-way: what it has converted would be read as damage.
class HalfMigratedStoreTest : public StoreTest {};

TEST_F(HalfMigratedStoreTest, IsRefusedByTheOlderVersion) {
  open();
  store_.reset();
  {
    auto opened = store::Database::open(options_.path + "/db", options_, store::host_disk(), false,
                                        std::make_shared<store::Health>());
    ASSERT_TRUE(opened);
    rocksdb::WriteBatch batch;
    batch.Put((*opened)->family(Family::meta), store::to_slice(store::meta_key::migration), "\x01\x02key");
    ASSERT_TRUE((*opened)->write(batch, true));
  }
  const auto refused = store::Store::open(options_);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("has schema version 4 and is being converted to the next"),
            std::string::npos)
      << refused.error().message;
  EXPECT_EQ(refused.error().code, core::Errc::invalid);
  EXPECT_NE(refused.error().message.find("run that version, or restore a backup"), std::string::npos);
}

}  // namespace
}  // namespace syncd::test
