#pragma once

#include <random>
#include <string>
#include <string_view>

namespace syncd::bench {

// A link id of upstream's form and length.
inline std::string random_link_id(std::mt19937_64& random) {
  static constexpr std::string_view alphabet = "23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
  std::string id = "mk_";
  for (int i = 0; i < 22; ++i)
    id += alphabet[random() % alphabet.size()];
  return id;
}

}  // namespace syncd::bench
