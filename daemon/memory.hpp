#pragma once

namespace syncd::daemon {

// Gives memory that the allocator holds but nobody uses back to the system. Slow (it walks all of it): for
// after the start, not for every day.
void release_free_memory();

}  // namespace syncd::daemon
