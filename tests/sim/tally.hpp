#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace syncd::test {

// How often each thing happened, by name: a run in which nothing went wrong proves nothing.
class Tally {
 public:
  void add(std::string_view what, std::uint64_t times = 1) {
    if (times > 0) counts_[std::string(what)] += times;
  }
  void add(const Tally& other) {
    for (const auto& [what, times] : other.counts_)
      counts_[what] += times;
  }
  std::uint64_t of(std::string_view what) const {
    const auto found = counts_.find(what);
    return found == counts_.end() ? 0 : found->second;
  }
  const std::map<std::string, std::uint64_t, std::less<>>& counts() const { return counts_; }

 private:
  std::map<std::string, std::uint64_t, std::less<>> counts_;
};

}  // namespace syncd::test
