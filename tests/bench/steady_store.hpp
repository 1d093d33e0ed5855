#pragma once

#include <cstdint>
#include <string>

namespace syncd::bench {

// A store of `links` links that have all their rows and accounts and hear nothing new, and beside it what a
// server needs to answer all of them: <directory>/idle.body, where `$1` stands for the link id. Throws
// std::runtime_error.
void make_steady(const std::string& directory, const std::string& store_path, std::uint32_t links);

}  // namespace syncd::bench
