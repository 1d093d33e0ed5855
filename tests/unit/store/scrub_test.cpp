#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>

#include <rocksdb/file_system.h>

#include "tests/unit/store/store_fixture.hpp"

namespace syncd::test {
namespace {

class ScrubTest : public StoreTest {
 protected:
  // Rows that end up in table files: a clean close flushes.
  void fill(std::string_view link) {
    auto update = update_of(link, 0);
    std::vector<std::string> texts;
    for (int i = 0; i < 200; ++i)
      texts.push_back(std::string(link) + "_row_" + std::to_string(1000 + i));
    for (const auto& text : texts) {
      update.transaction_puts.push_back(row_of(text));
      update.changes.push_back(created(text, R"({"amount":"1.00"})"));
    }
    commit(update);
  }
  struct Outcome {
    std::uint64_t files = 0;
    std::uint64_t bytes = 0;
    std::vector<std::string> damage;
  };
  Outcome scrub_all() {
    Outcome outcome;
    store::ScrubPlace place;
    for (int steps = 0; steps < 1000; ++steps) {
      const auto step = store_->scrub(place);
      EXPECT_TRUE(step) << step.error().message;
      if (!step || step->finished) return outcome;
      ++outcome.files;
      outcome.bytes += step->bytes;
      if (!step->damage.empty()) outcome.damage.push_back(step->damage);
      place = step->next;
    }
    ADD_FAILURE() << "the walk does not end";
    return outcome;
  }
  std::vector<std::string> table_files() {
    std::vector<std::string> files;
    for (const auto& entry : std::filesystem::directory_iterator(options_.path + "/db"))
      if (entry.path().extension() == ".sst") files.push_back(entry.path().string());
    return files;
  }
  // Of the file's first block, where the data is.
  static void flip_a_bit(const std::string& path) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(10);  // in the first block of rows, however few there are
    const char byte = static_cast<char>(file.get() ^ 0x10);
    file.seekp(10);
    file.put(byte);
    ASSERT_TRUE(file.flush());
  }
};

TEST_F(ScrubTest, LooksAtEveryTableFileOnce) {
  open();
  EXPECT_EQ(scrub_all().files, 0u);
  fill("a");
  reopen();
  const auto outcome = scrub_all();
  EXPECT_EQ(outcome.files, table_files().size());
  EXPECT_GT(outcome.files, 2u);
  std::uint64_t bytes = 0;
  for (const auto& file : table_files())
    bytes += std::filesystem::file_size(file);
  EXPECT_EQ(outcome.bytes, bytes);
  EXPECT_TRUE(outcome.damage.empty());
}

TEST_F(ScrubTest, FilesThatAreNewerThanTheWalkAreLeftForTheNext) {
  open();
  fill("a");
  reopen();
  const auto first = store_->scrub({});
  ASSERT_TRUE(first);
  const auto place = first->next;
  fill("b");
  reopen();
  auto seen = place;
  for (;;) {
    const auto step = store_->scrub(seen);
    ASSERT_TRUE(step);
    if (step->finished) break;
    EXPECT_LE(step->next.after_file, place.until_file);
    seen = step->next;
  }
}

TEST_F(ScrubTest, EveryDamagedFileIsNamedAndTheStoreGoesOn) {
  open();
  fill("a");
  reopen();
  const auto files = table_files();
  for (const auto& file : files)
    flip_a_bit(file);
  const auto outcome = scrub_all();
  ASSERT_EQ(outcome.damage.size(), files.size());
  for (const auto& file : files) {
    const auto name = std::filesystem::path(file).filename().string();
    EXPECT_TRUE(std::ranges::any_of(outcome.damage, [&](const auto& text) { return text.starts_with(name); }))
        << name;
  }
  EXPECT_TRUE(store_->healthy());
}

// Direct reads of table files fail as they are told to; reads through the page cache find everything right.
class DirectReadsFail : public rocksdb::FileSystemWrapper {
 public:
  DirectReadsFail(int open_error, int read_error)
      : FileSystemWrapper(rocksdb::FileSystem::Default()), open_error_(open_error), read_error_(read_error) {}
  const char* Name() const override { return "DirectReadsFail"; }
  rocksdb::IOStatus NewRandomAccessFile(const std::string& name, const rocksdb::FileOptions& options,
                                        std::unique_ptr<rocksdb::FSRandomAccessFile>* file,
                                        rocksdb::IODebugContext* context) override {
    if (!options.use_direct_reads) return target()->NewRandomAccessFile(name, options, file, context);
    if (open_error_ != 0) return error(open_error_);
    auto buffered = options;
    buffered.use_direct_reads = false;
    std::unique_ptr<rocksdb::FSRandomAccessFile> inner;
    const auto status = target()->NewRandomAccessFile(name, buffered, &inner, context);
    if (status.ok()) *file = std::make_unique<File>(std::move(inner), read_error_);
    return status;
  }

 private:
  static rocksdb::IOStatus error(int number) {
    return rocksdb::IOStatus::IOError("While reading a table file", std::strerror(number));
  }
  class File : public rocksdb::FSRandomAccessFileOwnerWrapper {
   public:
    File(std::unique_ptr<rocksdb::FSRandomAccessFile> inner, int read_error)
        : FSRandomAccessFileOwnerWrapper(std::move(inner)), read_error_(read_error) {}
    rocksdb::IOStatus Read(std::uint64_t, std::size_t, const rocksdb::IOOptions&, rocksdb::Slice*, char*,
                           rocksdb::IODebugContext*) const override {
      return error(read_error_);
    }
    rocksdb::IOStatus MultiRead(rocksdb::FSReadRequest* requests, std::size_t count,
                                const rocksdb::IOOptions&, rocksdb::IODebugContext*) override {
      for (std::size_t i = 0; i < count; ++i)
        requests[i].status = error(read_error_);
      return rocksdb::IOStatus::OK();
    }
    rocksdb::IOStatus Prefetch(std::uint64_t, std::size_t, const rocksdb::IOOptions&,
                               rocksdb::IODebugContext*) override {
      return rocksdb::IOStatus::NotSupported();
    }

   private:
    int read_error_;
  };

  int open_error_;
  int read_error_;
};

TEST_F(ScrubTest, WhatIsNotAboutTheFileIsTriedAgain) {
  struct Errors {
    int at_open, at_read;
  };
  open();
  fill("a");
  for (const auto& now : {Errors{EMFILE, 0}, Errors{ENFILE, 0}, Errors{ENOMEM, 0}, Errors{EACCES, 0},
                          Errors{0, ENOMEM}, Errors{0, EAGAIN}}) {
    options_.file_system = std::make_shared<DirectReadsFail>(now.at_open, now.at_read);
    reopen();
    const auto first = store_->scrub({});
    ASSERT_TRUE(first);
    EXPECT_EQ(first->damage, "");
    EXPECT_TRUE(first->put_off.contains(std::strerror(now.at_open + now.at_read))) << first->put_off;
    EXPECT_TRUE(first->put_off.contains(".sst: ")) << first->put_off;
    EXPECT_FALSE(first->finished);
    EXPECT_EQ(first->bytes, 0u);
    EXPECT_EQ(first->next.after_file, 0u);
    EXPECT_GT(first->next.until_file, 0u) << "the walk has begun";
    const auto again = store_->scrub(first->next);
    ASSERT_TRUE(again);
    EXPECT_EQ(again->next, first->next);
    EXPECT_TRUE(store_->healthy());
  }
}

// A checksum of the file system's own is a reading that failed as well.
TEST_F(ScrubTest, WhatADiskSaysOfItsContentIsDamage) {
  open();
  fill("a");
  for (const int error : {EIO, ENODATA, EILSEQ, EBADMSG, EUCLEAN}) {
    options_.file_system = std::make_shared<DirectReadsFail>(0, error);
    reopen();
    const auto outcome = scrub_all();
    EXPECT_EQ(outcome.damage.size(), table_files().size()) << std::strerror(error);
  }
}

TEST_F(ScrubTest, AFileThatIsGoneIsDamage) {
  open();
  fill("a");
  reopen();
  const auto files = table_files();
  std::filesystem::remove(files.front());
  EXPECT_EQ(scrub_all().damage.size(), 1u);
}

TEST_F(ScrubTest, ABadSectorIsNotExcusedByThePageCache) {
  options_.file_system = std::make_shared<DirectReadsFail>(0, EIO);
  open();
  fill("a");
  reopen();
  const auto files = table_files();
  const auto outcome = scrub_all();
  EXPECT_GT(files.size(), 0u);
  EXPECT_EQ(outcome.damage.size(), files.size());
  for (const auto& text : outcome.damage)
    EXPECT_TRUE(text.contains(std::strerror(EIO))) << text;
}

TEST_F(ScrubTest, AFileSystemWithoutDirectReadsIsReadThroughThePageCache) {
  for (const bool at_open : {true, false}) {
    options_.file_system = std::make_shared<DirectReadsFail>(at_open ? EINVAL : 0, EINVAL);
    if (at_open) {
      open();
      fill("a");
    }
    reopen();
    const auto files = table_files();
    EXPECT_TRUE(scrub_all().damage.empty());
    flip_a_bit(files.front());
    EXPECT_EQ(scrub_all().damage.size(), 1u);
    flip_a_bit(files.front());
  }
}

}  // namespace
}  // namespace syncd::test
