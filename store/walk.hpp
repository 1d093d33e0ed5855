#pragma once

#include <cstdint>

#include "store/store.hpp"

namespace syncd::store {

// What a walk over everything found that the calls for readers show.
struct StoreWalk {
  std::uint64_t links = 0;
  std::uint64_t accounts = 0;
  std::uint64_t transactions = 0;
  std::uint64_t relink_entries = 0;
  std::uint64_t dead_letters = 0;
  std::uint64_t acts = 0;
};
// Reads and decodes all of it; an error names what cannot be read. Takes time in proportion to the store.
core::Result<StoreWalk> walk_store(Store& store);

}  // namespace syncd::store
