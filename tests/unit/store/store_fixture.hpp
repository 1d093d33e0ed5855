#pragma once

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "store/store.hpp"
#include "sync/core/update.hpp"

namespace syncd::test {

// A directory of its own per test, gone afterwards.
class TempDir {
 public:
  TempDir() {
    std::string pattern = (std::filesystem::temp_directory_path() / "syncd-store-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    path_ = pattern;
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  std::string operator/(std::string_view name) const { return (path_ / name).string(); }
  std::string str() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

inline core::WallTime at_ms(std::int64_t ms) {
  return core::WallTime{core::Millis{ms}};
}

inline store::StoreOptions options_for(std::string path) {
  store::StoreOptions options;
  options.path = std::move(path);
  options.environment = "sandbox";
  options.upstream = "api.example.test";
  options.block_cache_bytes = 8 << 20;
  options.write_buffer_bytes = 4 << 20;
  options.wall_now = [] { return at_ms(1); };  // the first epoch is 1, and each further one counts up
  return options;
}

inline core::LinkRecord record_of(std::string_view link, std::uint64_t fence = 1) {
  core::LinkRecord record;
  record.link_id = core::LinkId{std::string(link)};
  record.fence = fence;
  return record;
}

// Without rows; `expected_fence` 0 adds the link.
inline core::LinkUpdate update_of(std::string_view link, std::uint64_t expected_fence = 1) {
  core::LinkUpdate update;
  update.link_id = core::LinkId{std::string(link)};
  update.expected_fence = expected_fence;
  update.record = record_of(link, expected_fence == 0 ? 1 : expected_fence);
  update.at = at_ms(1'700'000'000'000);
  return update;
}

inline core::TransactionPut row_of(std::string_view id, std::string_view json = R"({"amount":"1.00"})") {
  return {.transaction_id = id, .account_id = "acc_1", .json = json, .posted_from = {}};
}

inline core::Change created(std::string_view id, std::string_view after) {
  return {.kind = core::ChangeKind::transaction_created, .id = id, .before = {}, .after = after};
}

class StoreTest : public testing::Test {
 protected:
  void open() {
    auto opened = store::Store::open(options_);
    ASSERT_TRUE(opened) << opened.error().message;
    store_ = std::move(*opened);
  }
  void reopen() {
    store_.reset();
    open();
  }
  // Commits and expects success.
  void commit(const core::LinkUpdate& update) {
    ASSERT_EQ(try_commit(update), store::CommitOutcome::committed);
  }
  store::CommitOutcome try_commit(const core::LinkUpdate& update) {
    const core::LinkUpdate* one = &update;
    const auto outcomes = store_->commit({&one, 1});
    EXPECT_TRUE(outcomes) << outcomes.error().message;
    return outcomes ? outcomes->at(0) : store::CommitOutcome::conflict;
  }
  core::Held lookup(const core::LookupRequest& request) {
    auto held = store_->lookup(request);
    EXPECT_TRUE(held) << held.error().message;
    return held ? std::move(*held) : core::Held{};
  }
  std::vector<std::string> ids_of(const std::vector<core::StoredTransaction>& rows) {
    std::vector<std::string> ids;
    for (const auto& row : rows)
      ids.push_back(row.transaction_id);
    return ids;
  }
  store::FeedSlice feed(std::uint64_t after, std::size_t limit = 1000) {
    auto slice = store_->feed(after, limit);
    EXPECT_TRUE(slice) << slice.error().message;
    return slice ? std::move(*slice) : store::FeedSlice{};
  }

  TempDir directory_;
  store::StoreOptions options_ = options_for(directory_ / "store");
  std::unique_ptr<store::Store> store_;
};

}  // namespace syncd::test
