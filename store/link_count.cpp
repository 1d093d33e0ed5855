#include <algorithm>
#include <charconv>
#include <string>

#include "store/keys.hpp"
#include "store/link_count_impl.hpp"

namespace syncd::store {
namespace {

const std::string links_property = "syncd.links";

class LinkCounter final : public rocksdb::TablePropertiesCollector {
 public:
  const char* Name() const override { return "syncd.LinkCounter"; }
  rocksdb::Status AddUserKey(const rocksdb::Slice& key, const rocksdb::Slice&, rocksdb::EntryType type,
                             rocksdb::SequenceNumber, std::uint64_t) override {
    if (to_view(key) >= links_end) return rocksdb::Status::OK();
    if (type == rocksdb::kEntryPut) ++links_;
    if (type == rocksdb::kEntryDelete) --links_;
    return rocksdb::Status::OK();
  }
  rocksdb::Status Finish(rocksdb::UserCollectedProperties* properties) override {
    (*properties)[links_property] = std::to_string(links_);
    return rocksdb::Status::OK();
  }
  rocksdb::UserCollectedProperties GetReadableProperties() const override {
    return {{links_property, std::to_string(links_)}};
  }

 private:
  std::int64_t links_ = 0;  // below 0: the links that are erased here are in older tables
};

class LinkCounterFactory final : public rocksdb::TablePropertiesCollectorFactory {
 public:
  const char* Name() const override { return "syncd.LinkCounterFactory"; }
  rocksdb::TablePropertiesCollector* CreateTablePropertiesCollector(Context) override {
    return new LinkCounter;  // RocksDB's from here on
  }
};

std::int64_t links_of(const rocksdb::TableProperties& table) {
  const auto note = table.user_collected_properties.find(links_property);
  if (note == table.user_collected_properties.end()) return static_cast<std::int64_t>(table.num_entries);
  std::int64_t links = 0;
  std::from_chars(note->second.data(), note->second.data() + note->second.size(), links);
  return links;
}

}  // namespace

std::shared_ptr<rocksdb::TablePropertiesCollectorFactory> make_link_counter() {
  return std::make_shared<LinkCounterFactory>();
}

std::uint64_t estimate_links(Database& database) {
  rocksdb::TablePropertiesCollection tables;
  std::int64_t sum = 0;
  if (database.db().GetPropertiesOfAllTables(database.family(Family::links), &tables).ok()) {
    for (const auto& [name, table] : tables)
      sum += links_of(*table);
  }
  return static_cast<std::uint64_t>(std::max<std::int64_t>(sum, 0));
}

}  // namespace syncd::store
