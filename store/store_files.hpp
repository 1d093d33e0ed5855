#pragma once

#include <string_view>

namespace syncd::store {

// Its presence says that the last user flushed everything and left. It names the database's table of files as
// it was then: an opening begins a new one, and is not over before the marker is gone.
inline constexpr std::string_view clean_close_name = "clean-close";

}  // namespace syncd::store
