#pragma once

#include <cstdint>
#include <random>
#include <string_view>

namespace syncd::test {

// Everything a seed decides is drawn here. Each purpose has its own stream, so that a run with fewer links,
// fewer steps or fewer kinds of faults draws the same in all that is left.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : random_(seed * 0x9e3779b97f4a7c15ULL + 1) {}
  Dice(std::uint64_t seed, std::uint64_t stream, std::uint64_t number = 0)
      : Dice(mixed(mixed(seed) ^ mixed(stream * 1'000'003 + number))) {}
  std::uint64_t any() { return random_(); }
  // 0 up to but not including `below`; 0 when `below` is.
  std::uint64_t draw(std::uint64_t below) { return below == 0 ? 0 : random_() % below; }
  std::uint32_t between(std::uint32_t least, std::uint32_t most) {
    return least + static_cast<std::uint32_t>(draw(most - least + 1));
  }
  bool chance(std::uint32_t percent) { return draw(100) < percent; }
  template <class Word, std::size_t count>
  Word one_of(const Word (&words)[count]) {
    return words[draw(count)];
  }

 private:
  static constexpr std::uint64_t mixed(std::uint64_t value) {
    value = (value ^ (value >> 31)) * 0x7fb5d329728ea185ULL;
    value = (value ^ (value >> 27)) * 0x81dadef4bc2dd44dULL;
    return value ^ (value >> 33);
  }
  std::mt19937_64 random_;
};

}  // namespace syncd::test
