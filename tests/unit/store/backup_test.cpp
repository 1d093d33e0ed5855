#include "store/backup.hpp"

#include <sys/stat.h>

#include <rocksdb/file_system.h>

#include "store/restore.hpp"
#include "tests/unit/store/backup_fixture.hpp"

// Backups of a store in use: what they hold, when they are whole, which ones stay.
namespace syncd::test {
namespace {

namespace fs = std::filesystem;
using Phase = store::BackupWriter::Phase;

class BackupTest : public BackupFixture {
 protected:
  void SetUp() override {
    open();
    fill("a");
  }
};

store::BackupManifest sample_manifest() {
  store::BackupManifest manifest;
  manifest.facts = {.created_at = backup_day,
                    .program_version = "1.2.3",
                    .schema_version = 3,
                    .instance = "000102030405060708090a0b0c0d0e0f",
                    .environment = "sandbox",
                    .upstream = "api.example.test",
                    .feed_epoch = 1'700'000'000'000,
                    .feed_head = 50,
                    .audit = {.sequence = 2, .hash = core::sha256_of("act")},
                    .links = 7};
  manifest.files = {{.name = "db/000012.sst", .bytes = 3, .sha256 = core::sha256_of("abc")},
                    {.name = "db/CURRENT", .bytes = 0, .sha256 = core::sha256_of("")}};
  return manifest;
}

// The bytes are a contract with every backup ever made: never adapt them, add a format.
constexpr std::string_view golden =
    "moneykit-syncd backup 1\n"
    "created_at 2026-11-30T00:53:20.123Z\n"
    "program 1.2.3\n"
    "schema 3\n"
    "instance 000102030405060708090a0b0c0d0e0f\n"
    "environment sandbox\n"
    "upstream api.example.test\n"
    "feed_epoch 1700000000000\n"
    "feed_head 50\n"
    "audit_sequence 2\n"
    "audit_hash f83f07be16e270186d35b876916c461995ebc3af5b1798f898c33285a1847dbc\n"
    "links 7\n"
    "file ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad 3 db/000012.sst\n"
    "file e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 0 db/CURRENT\n";

TEST(BackupManifest, ItsBytes) {
  const auto text = store::encode_backup_manifest(sample_manifest());
  const auto seal = text.rfind("sha256 ");
  EXPECT_EQ(text.substr(0, seal), golden);
  EXPECT_EQ(text.substr(seal), "sha256 f61255529c0cdad6de7e941727851993c5ad72ed360e861bdbd72f0d5658fd0c\n");
  const auto back = store::decode_backup_manifest(text);
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(*back, sample_manifest());
  EXPECT_EQ(back->bytes(), 3u);
}

std::string sealed(std::string text) {
  std::string digits;
  for (const auto byte : core::sha256_of(text)) {
    constexpr std::string_view hex = "0123456789abcdef";
    digits += hex[byte >> 4];
    digits += hex[byte & 0xf];
  }
  return text + "sha256 " + digits + "\n";
}

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  const auto at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

TEST(BackupManifest, RefusesWhatItDidNotWrite) {
  const auto good = store::encode_backup_manifest(sample_manifest());
  EXPECT_FALSE(store::decode_backup_manifest(""));
  EXPECT_FALSE(store::decode_backup_manifest("something else\n"));
  EXPECT_FALSE(store::decode_backup_manifest(replaced(good, "links 7", "links 8"))) << "edited";
  for (std::size_t bytes = 0; bytes < good.size(); ++bytes)
    EXPECT_FALSE(store::decode_backup_manifest(good.substr(0, bytes))) << bytes;
  // With a seal that fits: the form itself is looked at.
  const std::string body(golden);
  EXPECT_TRUE(store::decode_backup_manifest(sealed(body)));
  struct Change {
    std::string_view from, to;
  };
  for (const auto& [from, to] :
       {Change{"links 7\n", ""}, Change{"links 7", "links 07"}, Change{"links 7", "links -7"},
        Change{"schema 3", "schema x"}, Change{"00:53:20.123Z", "00:53:20Z"},
        Change{"db/CURRENT", "db/../CURRENT"}, Change{"db/CURRENT", "/etc/passwd"},
        Change{"db/CURRENT", "db/.."}, Change{"db/CURRENT", "db/000012.sst"}, Change{"db/CURRENT", "db/"},
        Change{"file e3", "file f"}, Change{"instance 0001", "instance 01"},
        Change{"program 1", "programs 1"}})
    EXPECT_FALSE(store::decode_backup_manifest(sealed(replaced(body, from, to)))) << from << " -> " << to;
  const auto newer = store::decode_backup_manifest(sealed(replaced(body, "backup 1", "backup 2")));
  ASSERT_FALSE(newer);
  EXPECT_EQ(newer.error().code, core::Errc::invalid);
  EXPECT_NE(newer.error().message.find("newer version"), std::string::npos);
}

TEST(BackupManifest, ANameIsItsTime) {
  EXPECT_EQ(store::backup_name_of(backup_day), "20261130T005320.123Z");
  EXPECT_TRUE(store::is_backup_name("20261130T005320.123Z"));
  for (const auto name : {"", "20261130T005320.123", "20261130T005320.123Z.partial", "20261130-005320.123Z",
                          "x0261130T005320.123Z"})
    EXPECT_FALSE(store::is_backup_name(name)) << name;
}

TEST_F(BackupTest, HoldsWhatTheStoreHeldAtItsMoment) {
  fill("b");
  const auto path = take_backup();
  EXPECT_EQ(fs::path(path).filename(), "20261130T005320.123Z");
  EXPECT_EQ(problems_of(path), std::vector<std::string>{});
  const auto manifest = store::read_backup_manifest(path);
  ASSERT_TRUE(manifest) << manifest.error().message;
  const auto& facts = manifest->facts;
  EXPECT_EQ(facts.created_at, backup_day);
  EXPECT_EQ(facts.program_version, "1.2.3");
  EXPECT_EQ(facts.environment, "sandbox");
  EXPECT_EQ(facts.upstream, "api.example.test");
  EXPECT_EQ(facts.feed_epoch, 1u);
  EXPECT_EQ(facts.feed_head, 100u);
  EXPECT_EQ(facts.audit.sequence, 2u);
  EXPECT_EQ(facts.links, 2u);
  struct stat info = {};
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700u);
  ASSERT_EQ(::stat((path + "/MANIFEST").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  ASSERT_EQ(::stat(backups().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700u);
}

TEST_F(BackupTest, CommitsGoOnWhileItIsMadeAndAreNotInIt) {
  const auto writer = begin(plan());
  ASSERT_TRUE(writer);
  fill("before");  // still before the checkpoint
  ASSERT_TRUE(step_to(*writer, Phase::counting));
  int after = 0;
  for (store::BackupWriter::Progress progress; progress.phase != Phase::done;) {
    fill("after_" + std::to_string(after++));
    const auto step = writer->step();
    ASSERT_TRUE(step) << step.error().message;
    progress = *step;
  }
  ASSERT_GT(after, 3);
  EXPECT_EQ(writer->manifest().facts.links, 2u);
  EXPECT_EQ(writer->manifest().facts.feed_head, 100u);
  reopen();  // the store flushes and removes what it needs no more
  EXPECT_EQ(problems_of(backup(writer->name())), std::vector<std::string>{});
  EXPECT_EQ(store_->links({}, 1000, std::nullopt)->items.size(), static_cast<std::size_t>(after + 2));
}

TEST_F(BackupTest, AnEmptyStoreHasOneToo) {
  options_.path = directory_ / "empty";
  reopen();
  const auto path = take_backup();
  EXPECT_EQ(problems_of(path), std::vector<std::string>{});
  EXPECT_EQ(store::read_backup_manifest(path)->facts.links, 0u);
}

TEST_F(BackupTest, IsNotListedBeforeItIsWhole) {
  const auto writer = begin(plan());
  ASSERT_TRUE(writer);
  ASSERT_TRUE(step_to(*writer, Phase::finishing));
  EXPECT_TRUE(store::list_backups(backups())->empty());
  EXPECT_EQ(names(), std::vector<std::string>{"20261130T005320.123Z.partial"});
  ASSERT_TRUE(step_to(*writer, Phase::removing));
  ASSERT_EQ(store::list_backups(backups())->size(), 1u);
  EXPECT_EQ(store::list_backups(backups())->at(0).name, writer->name());
  writer->abandon();
  EXPECT_EQ(store::list_backups(backups())->size(), 1u) << "it was whole";
}

TEST_F(BackupTest, WhatIsAbandonedIsGone) {
  for (const auto phase : {Phase::checkpoint, Phase::counting, Phase::reading, Phase::finishing}) {
    const auto writer = begin(plan());
    ASSERT_TRUE(writer);
    ASSERT_TRUE(step_to(*writer, phase));
    writer->abandon();
    EXPECT_EQ(names(), std::vector<std::string>{});
  }
  fill("b");
  EXPECT_TRUE(store_->healthy());
}

// As a process that is killed at any step: nobody calls abandon().
TEST_F(BackupTest, WhatAKillLeavesTheNextOneClearsAway) {
  for (const auto phase : {Phase::checkpoint, Phase::counting, Phase::reading, Phase::finishing}) {
    {
      const auto writer = begin(plan());
      ASSERT_TRUE(writer);
      ASSERT_TRUE(step_to(*writer, phase));
    }
    EXPECT_EQ(names(), std::vector<std::string>{"20261130T005320.123Z.partial"});
    EXPECT_TRUE(store::list_backups(backups())->empty());
  }
  fs::create_directory(backup("20261129T005320.123Z.removed"));
  fs::create_directory(backup("somebody's own.partial"));
  take_backup();
  EXPECT_EQ(names(), (std::vector<std::string>{"20261130T005320.123Z", "somebody's own.partial"}));
  ASSERT_TRUE(store::clear_backup_leftovers(backups()));
  EXPECT_EQ(names().size(), 2u);
}

TEST_F(BackupTest, TwoOfOneMomentHaveTheirOwnNames) {
  take_backup();
  take_backup();
  EXPECT_EQ(names(), (std::vector<std::string>{"20261130T005320.123Z", "20261130T005320.124Z"}));
}

TEST_F(BackupTest, KeepsTheNewestOfItsOwnStore) {
  auto wanted = plan();
  wanted.keep = 2;
  for (int day = 0; day < 4; ++day) {
    wanted.now = backup_day + std::chrono::hours(24 * day);
    take_backup(wanted);
  }
  EXPECT_EQ(names(), (std::vector<std::string>{"20261202T005320.123Z", "20261203T005320.123Z"}));
  // One whose manifest cannot be read, and one of another store, are nobody's to remove.
  overwrite(backup("20261202T005320.123Z/MANIFEST"), "?");
  options_.path = directory_ / "other";
  reopen();
  wanted.now = backup_day;
  wanted.keep = 1;
  take_backup(wanted);
  wanted.now += std::chrono::hours(1);
  take_backup(wanted);
  EXPECT_EQ(names(), (std::vector<std::string>{"20261130T015320.123Z", "20261202T005320.123Z",
                                               "20261203T005320.123Z"}));
  const auto listed = store::list_backups(backups());
  ASSERT_EQ(listed->size(), 3u);
  EXPECT_EQ(listed->at(0).name, "20261203T005320.123Z") << "newest first";
  EXPECT_NE(listed->at(1).problem.find("damaged"), std::string::npos);
}

TEST_F(BackupTest, TheOneJustMadeStaysAlsoWhenTheClockWasSetBack) {
  auto wanted = plan();
  wanted.keep = 0;  // as 1
  take_backup(wanted);
  wanted.now = backup_day - std::chrono::hours(24 * 365);
  const auto older = take_backup(wanted);
  EXPECT_EQ(names(), std::vector<std::string>{fs::path(older).filename().string()});
}

TEST_F(BackupTest, NothingIsRemovedBeforeTheNewOneIsWhole) {
  take_backup();
  auto wanted = plan(backup_day + std::chrono::hours(24));
  wanted.keep = 1;
  const auto writer = begin(wanted);
  ASSERT_TRUE(writer);
  ASSERT_TRUE(step_to(*writer, Phase::finishing));
  EXPECT_EQ(store::list_backups(backups())->size(), 1u);
  ASSERT_TRUE(step_to(*writer, Phase::done));
  EXPECT_EQ(writer->removed(), std::vector<std::string>{"20261130T005320.123Z"});
  EXPECT_EQ(names(), std::vector<std::string>{"20261201T005320.123Z"});
}

TEST_F(BackupTest, IsRefusedBelowTheGuard) {
  auto wanted = plan();
  wanted.min_free_bytes = std::uint64_t{1} << 62;
  const auto refused = store_->begin_backup(wanted);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("free disk space"), std::string::npos) << refused.error().message;
  EXPECT_TRUE(names().empty());
  EXPECT_TRUE(store_->healthy());
}

TEST_F(BackupTest, ADirectoryWithoutAParentIsRefusedWithWhatToDo) {
  auto wanted = plan();
  wanted.directory = directory_ / "no/such/parent";
  const auto refused = store_->begin_backup(wanted);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("backup.directory"), std::string::npos) << refused.error().message;
  EXPECT_TRUE(store_->healthy());
}

// As across two mounts.
class NoHardLinks final : public rocksdb::FileSystemWrapper {
 public:
  NoHardLinks() : FileSystemWrapper(rocksdb::FileSystem::Default()) {}
  const char* Name() const override { return "syncd.NoHardLinks"; }
  rocksdb::IOStatus LinkFile(const std::string& from, const std::string&, const rocksdb::IOOptions&,
                             rocksdb::IODebugContext*) override {
    return rocksdb::IOStatus::NotSupported(from, "Invalid cross-device link");
  }
};

// RocksDB would copy the whole store while all commits wait.
TEST_F(BackupTest, ADirectoryThatTakesNoHardLinksIsRefused) {
  options_.file_system = std::make_shared<NoHardLinks>();
  reopen();
  const auto refused = store_->begin_backup(plan());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, core::Errc::invalid);
  EXPECT_NE(refused.error().message.find("file system of the store"), std::string::npos)
      << refused.error().message;
  EXPECT_TRUE(names().empty());
  fill("b");
  EXPECT_TRUE(store_->healthy());
}

}  // namespace
}  // namespace syncd::test
