#include "store/record_cache.hpp"

#include <utility>

namespace syncd::store {

const KnownRecord* RecordCache::find(std::string_view link_id) {
  if (const auto it = young_.find(link_id); it != young_.end()) return &it->second;
  if (const auto it = old_.find(link_id); it != old_.end()) return &it->second;
  return nullptr;
}

void RecordCache::put(std::string_view link_id, KnownRecord record) {
  const auto bytes = link_id.size() + record.link_json.size();
  if (const auto it = young_.find(link_id); it != young_.end()) {
    young_bytes_ -= link_id.size() + it->second.link_json.size();
    it->second = std::move(record);
  } else {
    if (young_.size() >= generation_records_max || young_bytes_ + bytes > generation_bytes_max) {
      std::swap(old_, young_);
      young_.clear();
      young_bytes_ = 0;
    }
    young_.emplace(std::string(link_id), std::move(record));
  }
  young_bytes_ += bytes;
}

}  // namespace syncd::store
