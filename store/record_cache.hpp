#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

namespace syncd::store {

// What a commit must know of the record it replaces: the fence, and the link object's text, so that an
// unchanged one is not written again. load() fills it and commit() keeps it right, so that a cycle's commits
// read nothing.
struct KnownRecord {
  bool exists = false;
  std::uint64_t fence = 0;
  std::string link_json;
};

// Two generations: when the younger is full, it becomes the older and the older is forgotten.
class RecordCache {
 public:
  // nullptr: unknown. Valid until the next put().
  const KnownRecord* find(std::string_view link_id);
  void put(std::string_view link_id, KnownRecord record);

 private:
  static constexpr std::size_t generation_records_max = 2048;
  static constexpr std::size_t generation_bytes_max = 4 << 20;

  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  using Map = std::unordered_map<std::string, KnownRecord, Hash, std::equal_to<>>;

  Map young_;
  Map old_;
  std::size_t young_bytes_ = 0;
};

}  // namespace syncd::store
