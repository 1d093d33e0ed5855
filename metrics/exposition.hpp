#pragma once

#include <string>
#include <string_view>

namespace prometheus {
class Collectable;
}

namespace syncd::metrics {

// Prometheus text format 0.0.4.
inline constexpr std::string_view exposition_content_type = "text/plain; version=0.0.4; charset=utf-8";

// Everything `registry` collects, families by name and series by their label values, so that two scrapes of
// the same values are the same bytes.
std::string to_exposition_text(const prometheus::Collectable& registry);

}  // namespace syncd::metrics
