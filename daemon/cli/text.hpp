#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sync/core/types.hpp"

namespace syncd::cli {

// Text from elsewhere, made harmless for a terminal: control characters and broken UTF-8 become '?', and more
// than `width_max` characters end in an ellipsis (0: no limit).
std::string printable(std::string_view text, std::size_t width_max = 0);

// `3h ago`, `in 5m`, `now`; `-` for a time that is not there. `timestamp` as the daemon writes it.
std::string age_of(std::string_view timestamp, core::WallTime now);
// `2d 3h`, `5m 12s`
std::string span_of(core::Millis span);
// 1234567 -> 1,234,567; anything that is no whole number stays.
std::string grouped(std::string_view number);
std::string bytes_of(std::string_view number);

// `1 link`, `2 links`
std::string plural(std::size_t count, std::string_view one, std::string_view many);

// Lines of a name and a value.
class Sheet {
 public:
  void add(std::string_view name, std::string_view value);
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

// A table with a heading line and aligned columns.
class Table {
 public:
  struct Column {
    std::string heading;
    bool right = false;
    std::size_t width_max = 0;  // 0: as wide as needed
  };
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
  // As many cells as columns.
  void add(std::vector<std::string> cells);
  std::string text() const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace syncd::cli
