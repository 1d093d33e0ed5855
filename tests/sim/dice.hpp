#pragma once

#include <cstdint>
#include <random>
#include <string_view>

namespace syncd::test {

// Everything a seed decides is drawn here, in one order.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : random_(seed * 0x9e3779b97f4a7c15ULL + 1) {}
  std::uint64_t any() { return random_(); }
  // 0 up to but not including `below`; 0 when `below` is.
  std::uint64_t draw(std::uint64_t below) { return below == 0 ? 0 : random_() % below; }
  std::uint32_t between(std::uint32_t least, std::uint32_t most) {
    return least + static_cast<std::uint32_t>(draw(most - least + 1));
  }
  bool chance(std::uint32_t percent) { return draw(100) < percent; }
  template <std::size_t count>
  std::string_view one_of(const std::string_view (&words)[count]) {
    return words[draw(count)];
  }

 private:
  std::mt19937_64 random_;
};

}  // namespace syncd::test
