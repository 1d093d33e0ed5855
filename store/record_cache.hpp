#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace syncd::store {

// The fences of links that were read or written lately, so that a cycle's commits read nothing. load() fills
// it and commit() keeps it right.
//
// Two generations: when the younger is full, it becomes the older and the older is forgotten.
class RecordCache {
 public:
  // nullopt: unknown. 0: there is no such link.
  std::optional<std::uint64_t> fence(std::string_view link_id) const;
  void put(std::string_view link_id, std::uint64_t fence);

 private:
  static constexpr std::size_t generation_records_max = 4096;

  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  using Map = std::unordered_map<std::string, std::uint64_t, Hash, std::equal_to<>>;

  Map young_;
  Map old_;
};

}  // namespace syncd::store
