#pragma once

#include <cstdint>
#include <string>

namespace syncd::bench {

// Fills a store with links that were synced just now and are due in a day.
void make_million(const std::string& store_path, std::uint32_t links);

}  // namespace syncd::bench
