#pragma once

#include <cstdint>
#include <string>

namespace syncd::bench {

// Fills a store with what the adaptive policy leaves behind after weeks: links with what was learned of them,
// the planner's note with as many institutions as it can hold, and a hint for one link in a hundred.
void make_million(const std::string& store_path, std::uint32_t links);

}  // namespace syncd::bench
