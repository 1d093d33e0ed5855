#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "store/database_impl.hpp"
#include "sync/core/types.hpp"

namespace syncd::store {

// Dead letters that are kept of one link, and of all links together; beyond, the oldest go.
inline constexpr std::size_t dead_letters_per_link_max = 16;
inline constexpr std::size_t dead_letters_max = 10'000;

// The keys of all dead letters, so that their number has a bound that costs no scan per letter. Read from the
// database when they are first needed: a store without letters pays nothing.
class DeadLetterIndex {
 public:
  explicit DeadLetterIndex(std::size_t per_link_max = dead_letters_per_link_max,
                           std::size_t in_all_max = dead_letters_max)
      : per_link_max_(per_link_max), in_all_max_(in_all_max) {}

  core::Result<void> load(Database& database);
  // Takes note of a letter that is about to be written; answers the keys that have to go for it.
  std::vector<std::string> add(core::WallTime at, std::string_view link_id);
  void remove(core::WallTime at, std::string_view link_id);
  // Of a link that is purged; answers their keys.
  std::vector<std::string> remove_all(std::string_view link_id);
  // How many there are; 0 before load().
  std::size_t size() const { return keys_.size(); }
  // How many went for a newer one since the store was opened.
  std::uint64_t evicted() const { return evicted_; }

 private:
  void evict(const std::string& key, std::vector<std::string>& keys);
  void forget(const std::string& key);

  const std::size_t per_link_max_;
  const std::size_t in_all_max_;
  bool loaded_ = false;
  std::uint64_t evicted_ = 0;
  std::set<std::string> keys_;  // in the order of time
  std::map<std::string, std::set<std::string>, std::less<>> by_link_;
};

}  // namespace syncd::store
