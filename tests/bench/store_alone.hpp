#pragma once

#include <string>

namespace syncd::bench {

// Commits the updates of a site's backfill, decided beforehand, in groups like the daemon's. Only the writing
// is timed.
void store_alone(const std::string& site_directory, const std::string& store_path);

}  // namespace syncd::bench
