#include "store/record_cache.hpp"

#include <utility>

namespace syncd::store {

std::optional<std::uint64_t> RecordCache::fence(std::string_view link_id) const {
  if (const auto it = young_.find(link_id); it != young_.end()) return it->second;
  if (const auto it = old_.find(link_id); it != old_.end()) return it->second;
  return std::nullopt;
}

void RecordCache::put(std::string_view link_id, std::uint64_t fence) {
  if (const auto it = young_.find(link_id); it != young_.end()) {
    it->second = fence;
    return;
  }
  if (young_.size() >= generation_records_max) {
    std::swap(old_, young_);
    young_.clear();
  }
  young_.emplace(link_id, fence);
}

}  // namespace syncd::store
