#include <algorithm>
#include <fstream>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include <rocksdb/db.h>

#include "store/feed.hpp"
#include "store/files.hpp"
#include "tests/unit/store/store_fixture.hpp"

namespace syncd::test {
namespace {

class StoreOpenTest : public StoreTest {
 protected:
  std::string refusal(core::Errc code = core::Errc::storage) {
    const auto opened = store::Store::open(options_);
    EXPECT_FALSE(opened);
    if (opened) return {};
    EXPECT_EQ(opened.error().code, code);
    return opened.error().message;
  }
  // Where trying again cannot help; a store that was closed cleanly is still known to have been.
  std::string refusal_for_good() {
    EXPECT_TRUE(std::filesystem::exists(marker()));
    const auto message = refusal(core::Errc::invalid);
    EXPECT_TRUE(std::filesystem::exists(marker())) << message;
    return message;
  }
  std::string marker() const { return options_.path + "/clean-close"; }
  // The one that is written to.
  std::string log_file() const {
    std::string log;
    for (const auto& entry : std::filesystem::directory_iterator(options_.path + "/db")) {
      if (entry.path().extension() == ".log") log = std::max(log, entry.path().string());
    }
    return log;
  }
  // Changes a value of `meta` behind the store's back.
  void set_meta(const std::string& key, const std::string& value) {
    std::vector<std::string> names;
    ASSERT_TRUE(rocksdb::DB::ListColumnFamilies({}, options_.path + "/db", &names).ok());
    std::vector<rocksdb::ColumnFamilyDescriptor> families;
    for (const auto& name : names)
      families.emplace_back(name, rocksdb::ColumnFamilyOptions{});
    std::vector<rocksdb::ColumnFamilyHandle*> handles;
    rocksdb::DB* raw = nullptr;
    ASSERT_TRUE(rocksdb::DB::Open({}, options_.path + "/db", families, &handles, &raw).ok());
    const std::unique_ptr<rocksdb::DB> db(raw);
    rocksdb::WriteOptions sync;
    sync.sync = true;
    for (auto* handle : handles) {
      if (handle->GetName() == "meta") {
        EXPECT_TRUE(db->Put(sync, handle, key, value).ok());
      }
    }
    for (auto* handle : handles)
      db->DestroyColumnFamilyHandle(handle);
  }
};

TEST_F(StoreOpenTest, CreatesAPrivateDirectoryWithEveryFamily) {
  open();
  store_.reset();
  struct stat info = {};
  ASSERT_EQ(::stat(options_.path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700u);
  std::vector<std::string> names;
  ASSERT_TRUE(rocksdb::DB::ListColumnFamilies({}, options_.path + "/db", &names).ok());
  const std::vector<std::string> expected{"default", "links", "accounts",  "transactions", "feed",
                                          "relink",  "audit", "consumers", "dead_letters", "meta"};
  EXPECT_EQ(names, expected);
}

TEST_F(StoreOpenTest, OrdinaryReopeningHasNoNotices) {
  open();
  EXPECT_TRUE(store_->notices().empty());
  reopen();
  EXPECT_TRUE(store_->notices().empty());
  EXPECT_TRUE(store_->healthy());
}

TEST_F(StoreOpenTest, WritesNoLogFileOfTheDatabase) {
  open();
  commit(update_of("l", 0));
  store_.reset();
  EXPECT_FALSE(std::filesystem::exists(options_.path + "/db/LOG"));
}

TEST_F(StoreOpenTest, SecondOpenInOneProcessIsRefused) {
  open();
  EXPECT_EQ(refusal(),
            "store " + options_.path +
                " is in use by another process (lock held); stop it or choose another [store] path");
  commit(update_of("still_works", 0));
}

TEST_F(StoreOpenTest, SecondProcessIsRefused) {
  open();
  const auto child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    // The child inherits the lock's descriptor but opens the file anew, as any other process would.
    const auto opened = store::Store::open(options_);
    const bool refused =
        !opened && opened.error().message.find("in use by another process") != std::string::npos;
    ::_exit(refused ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

TEST_F(StoreOpenTest, AnotherEnvironmentIsRefusedNamingBoth) {
  open();
  store_.reset();
  options_.environment = "live";
  const auto message = refusal_for_good();
  EXPECT_NE(message.find("belongs to environment \"sandbox\", the configuration says \"live\""),
            std::string::npos)
      << message;
  EXPECT_NE(message.find("choose another [store] path"), std::string::npos);
  options_.environment = "sandbox";
  open();
}

TEST_F(StoreOpenTest, AnotherUpstreamIsRefusedNamingBoth) {
  open();
  store_.reset();
  options_.upstream = "other.example.test";
  const auto message = refusal_for_good();
  EXPECT_NE(message.find("\"api.example.test\""), std::string::npos) << message;
  EXPECT_NE(message.find("\"other.example.test\""), std::string::npos) << message;
}

TEST_F(StoreOpenTest, NewerSchemaIsRefused) {
  open();
  store_.reset();
  set_meta("schema", std::string("\x01\x05", 2));
  const auto message = refusal_for_good();
  EXPECT_NE(message.find("schema version 5"), std::string::npos) << message;
  EXPECT_NE(message.find("written by a newer version"), std::string::npos) << message;
}

// Whoever was refused has written nothing, so the log must still be whole for the one who may open it.
TEST_F(StoreOpenTest, ARefusalDoesNotMakeTheNextOpeningLax) {
  open();
  store_.reset();
  options_.environment = "live";
  refusal_for_good();
  options_.environment = "sandbox";
  ASSERT_FALSE(log_file().empty());
  std::ofstream(log_file()) << "this is not a log record, it is garbage of some length";
  const auto message = refusal();
  EXPECT_NE(message.find("closed cleanly"), std::string::npos) << message;
}

// Rows and their place in the feed are of one commit: a feed that is shorter or longer than it says lost one.
TEST_F(StoreOpenTest, FeedThatEndsElsewhereIsRefused) {
  open();
  commit(update_of("link", 0));
  auto update = update_of("link");
  update.changes = {created("t1", "{}"), created("t2", "{}")};
  commit(update);
  for (const std::uint64_t head : {1u, 3u}) {
    store_.reset();
    std::string position;
    store::encode_feed_state(position, {.epoch = 1, .head = head});
    set_meta("feed", position);
    const auto message = refusal();
    EXPECT_NE(message.find("its feed ends at change 2, its position says " + std::to_string(head)),
              std::string::npos)
        << message;
  }
}

TEST_F(StoreOpenTest, UnknownColumnFamilyMeansANewerVersion) {
  open();
  store_.reset();
  std::vector<std::string> names;
  ASSERT_TRUE(rocksdb::DB::ListColumnFamilies({}, options_.path + "/db", &names).ok());
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  for (const auto& name : names)
    families.emplace_back(name, rocksdb::ColumnFamilyOptions{});
  families.emplace_back("holograms", rocksdb::ColumnFamilyOptions{});
  rocksdb::DBOptions options;
  options.create_missing_column_families = true;
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* raw = nullptr;
  ASSERT_TRUE(rocksdb::DB::Open(options, options_.path + "/db", families, &handles, &raw).ok());
  for (auto* handle : handles)
    raw->DestroyColumnFamilyHandle(handle);
  delete raw;
  const auto message = refusal_for_good();
  EXPECT_NE(message.find("holograms"), std::string::npos) << message;
  EXPECT_NE(message.find("newer version"), std::string::npos) << message;
}

TEST_F(StoreOpenTest, PathThatIsAFileIsRefused) {
  std::ofstream(options_.path) << "x";
  EXPECT_NE(refusal().find("is not a directory; choose another [store] path"), std::string::npos);
}

TEST_F(StoreOpenTest, PathWithoutParentIsRefused) {
  options_.path = directory_ / "no/such/parent";
  const auto message = refusal();
  EXPECT_NE(message.find(options_.path), std::string::npos);
  EXPECT_NE(message.find("create its parent directory"), std::string::npos) << message;
}

TEST_F(StoreOpenTest, EmptyPathIsRefused) {
  options_.path.clear();
  EXPECT_NE(refusal().find("[store] path is empty"), std::string::npos);
}

TEST_F(StoreOpenTest, UnwritableDirectoryIsRefused) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may write everywhere";
  std::filesystem::create_directory(options_.path);
  std::filesystem::permissions(options_.path, std::filesystem::perms::owner_read);
  EXPECT_NE(refusal().find("cannot be written: Permission denied"), std::string::npos);
}

TEST_F(StoreOpenTest, TooLittleFreeSpaceIsRefusedBeforeTheDatabaseIsTouched) {
  options_.min_free_bytes = std::uint64_t{1} << 60;
  EXPECT_NE(refusal().find("free disk space"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(options_.path + "/db"));
}

TEST_F(StoreOpenTest, ReadableByOthersIsNoticed) {
  open();
  store_.reset();
  std::filesystem::permissions(options_.path, std::filesystem::perms{0755});
  open();
  ASSERT_EQ(store_->notices().size(), 1u);
  EXPECT_NE(store_->notices()[0].find("mode 0755"), std::string::npos);
}

TEST_F(StoreOpenTest, DamagedDatabaseIsRefusedWithWhatToDo) {
  open();
  store_.reset();
  std::ofstream(options_.path + "/db/CURRENT") << "garbage";
  const auto message = refusal();
  EXPECT_NE(message.find("cannot be opened"), std::string::npos) << message;
  EXPECT_NE(message.find("restore a backup"), std::string::npos) << message;
}

TEST_F(StoreOpenTest, CleanCloseLeavesAMarkerThatTheNextOpenTakesAway) {
  open();
  EXPECT_FALSE(std::filesystem::exists(marker()));
  ASSERT_TRUE(store_->close());
  EXPECT_TRUE(std::filesystem::exists(marker()));
  store_.reset();
  open();
  EXPECT_FALSE(std::filesystem::exists(marker()));
}

TEST_F(StoreOpenTest, LogDamagedAfterACleanCloseIsRefusedUntilTheMarkerIsRemoved) {
  open();
  store_.reset();
  // After a clean close the write-ahead log is empty; whatever is in it now was not written by us.
  const auto log = log_file();
  ASSERT_FALSE(log.empty());
  EXPECT_EQ(std::filesystem::file_size(log), 0u);
  std::ofstream(log) << "this is not a log record, it is garbage of some length";
  const auto message = refusal();
  EXPECT_NE(message.find("closed cleanly"), std::string::npos) << message;
  std::filesystem::remove(options_.path + "/clean-close");
  open();
}

TEST_F(StoreOpenTest, ClosedStoreAnswersErrorsAndClosesTwice) {
  open();
  ASSERT_TRUE(store_->close());
  ASSERT_TRUE(store_->close());
  EXPECT_FALSE(store_->load(core::LinkId{"l"}));
  EXPECT_FALSE(store_->feed(0, 1));
  EXPECT_FALSE(store_->put_note("n", "v"));
  EXPECT_FALSE(store_->commit({}));
  EXPECT_FALSE(store_->lookup({}));
  EXPECT_FALSE(store_->links("", 1, {}));
  EXPECT_FALSE(store_->freezes());
  EXPECT_EQ(store_->stats().disk_bytes, 0u);
}

TEST_F(StoreOpenTest, FailedDatabaseRefusesWritesAndTellsOnce) {
  open();
  commit(update_of("l", 0));
  store_->commit({}).value();
  // A row that cannot be decoded stands for any damage.
  store_.reset();
  set_meta("note/n", "\x02garbage");
  open();
  std::vector<std::string> told;
  store_->on_unhealthy([&told](std::string reason) { told.push_back(std::move(reason)); });
  EXPECT_FALSE(store_->take_note("n"));
  EXPECT_FALSE(store_->healthy());
  const auto update = update_of("l");
  const core::LinkUpdate* one = &update;
  const auto refused = store_->commit({&one, 1});
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("takes no more writes since it failed"), std::string::npos);
  EXPECT_EQ(told.size(), 1u);
  store_.reset();
  EXPECT_FALSE(std::filesystem::exists(options_.path + "/clean-close"));
}

}  // namespace
}  // namespace syncd::test
