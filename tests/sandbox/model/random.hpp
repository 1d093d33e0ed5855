#pragma once

#include <cstdint>

namespace syncd::sandbox {

/// splitmix64's finaliser: a cheap, well mixed 64-bit permutation.
constexpr std::uint64_t mix(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15U;
  x = (x ^ (x >> 30U)) * 0xbf58476d1ce4e5b9U;
  x = (x ^ (x >> 27U)) * 0x94d049bb133111ebU;
  return x ^ (x >> 31U);
}

/// Order-sensitive hash of any number of words. Everything the sandbox invents is a function of the seed and
/// a few such words, never of the order in which clients ask: that is what makes runs repeatable.
constexpr std::uint64_t hash_words(std::uint64_t first) {
  return mix(first);
}

template <class... Rest>
constexpr std::uint64_t hash_words(std::uint64_t first, std::uint64_t second, Rest... rest) {
  return hash_words(mix(first) ^ (second * 0xd6e8feb86659fd93U), static_cast<std::uint64_t>(rest)...);
}

/// A small deterministic generator; the same on every platform.
class Rng {
 public:
  explicit constexpr Rng(std::uint64_t seed) : state_(seed) {}

  constexpr std::uint64_t next() {
    state_ += 0x9e3779b97f4a7c15U;
    return mix(state_);
  }
  /// Uniform in [0, bound); bound must not be zero. The modulo bias is irrelevant here.
  constexpr std::uint64_t below(std::uint64_t bound) { return next() % bound; }
  /// Uniform in [low, high].
  constexpr std::int64_t between(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(below(static_cast<std::uint64_t>(high - low) + 1));
  }
  constexpr bool permille(std::uint64_t share) { return below(1000) < share; }
  /// Uniform in [0, 1).
  constexpr double unit() { return static_cast<double>(next() >> 11U) * 0x1.0p-53; }

 private:
  std::uint64_t state_;
};

}  // namespace syncd::sandbox
