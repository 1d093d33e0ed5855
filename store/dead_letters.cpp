#include "store/dead_letters.hpp"

#include "store/codec.hpp"
#include "store/keys.hpp"

namespace syncd::store {

core::Result<void> DeadLetterIndex::load(Database& database) {
  if (loaded_) return {};
  Scan scan(database, Family::dead_letters, {}, {});
  for (; scan.valid(); scan.next()) {
    const auto key = parse_dead_letter_key(scan.key());
    if (!key) return std::unexpected(database.failed("count dead letters", damaged("dead letter key")));
    keys_.emplace(scan.key());
    by_link_[std::string(key->link_id)].emplace(scan.key());
  }
  if (auto done = scan.finish("count dead letters"); !done) return done;
  loaded_ = true;
  return {};
}

std::vector<std::string> DeadLetterIndex::add(core::WallTime at, std::string_view link_id) {
  std::vector<std::string> gone;
  const std::string key = dead_letter_key(at, link_id);
  if (!keys_.insert(key).second) return gone;
  auto& of_link = by_link_[std::string(link_id)];
  of_link.insert(key);
  if (of_link.size() > per_link_max_) evict(std::string(*of_link.begin()), gone);
  if (keys_.size() > in_all_max_) evict(std::string(*keys_.begin()), gone);
  return gone;
}

void DeadLetterIndex::remove(core::WallTime at, std::string_view link_id) {
  forget(dead_letter_key(at, link_id));
}

std::vector<std::string> DeadLetterIndex::remove_all(std::string_view link_id) {
  const auto of_link = by_link_.find(link_id);
  if (of_link == by_link_.end()) return {};
  std::vector<std::string> keys(of_link->second.begin(), of_link->second.end());
  for (const std::string& key : keys)
    forget(key);
  return keys;
}

void DeadLetterIndex::evict(const std::string& key, std::vector<std::string>& keys) {
  forget(key);
  keys.push_back(key);
  ++evicted_;
}

void DeadLetterIndex::forget(const std::string& key) {
  keys_.erase(key);
  const auto parsed = parse_dead_letter_key(key);
  const auto of_link = by_link_.find(parsed->link_id);
  if (of_link == by_link_.end()) return;
  of_link->second.erase(key);
  if (of_link->second.empty()) by_link_.erase(of_link);
}

}  // namespace syncd::store
