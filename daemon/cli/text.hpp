#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "daemon/cli/look.hpp"
#include "sync/core/types.hpp"

namespace syncd::cli {

// Text from elsewhere, made harmless for a terminal: control characters and broken UTF-8 become '?', and more
// than `width_max` columns end in an ellipsis (0: no limit).
std::string printable(std::string_view text, std::size_t width_max = 0);

// `3h ago`, `in 5m`, `now`; `-` for a time that is not there. `timestamp` as the daemon writes it.
std::string age_of(std::string_view timestamp, core::WallTime now);
// `2d 3h`, `5m 12s`
std::string span_of(core::Millis span);
// 1234567 -> 1,234,567; anything that is no whole number stays.
std::string grouped(std::string_view number);
std::string bytes_of(std::string_view number);

// How a time looks that should not be long ago: a warning behind `limit`.
Tone tone_of_age(std::string_view timestamp, core::WallTime now, core::Millis limit);

// `1 link`, `2 links`
std::string plural(std::size_t count, std::string_view one, std::string_view many);

// Lines of a name and a value.
class Sheet {
 public:
  explicit Sheet(const Look& look = {}) : look_(look) {}
  void add(std::string_view name, std::string_view value, Tone tone = Tone::plain);
  std::string take() { return std::move(text_); }

 private:
  Look look_;
  std::string text_;
};

struct Cell {
  Cell(std::string words, Tone its_tone = Tone::plain) : text(std::move(words)), tone(its_tone) {}
  Cell(const char* words) : text(words) {}

  std::string text;
  Tone tone = Tone::plain;
};

// A table with a heading line and aligned columns. What is too wide for the terminal is shortened: free text
// first, the widest column of it before the others, and then the rest but for the first column.
class Table {
 public:
  struct Column {
    std::string heading;
    bool right = false;
    std::size_t width_max = 0;  // free text, of so many columns at most on a terminal; 0: whole
  };
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
  // As many cells as columns.
  void add(std::vector<Cell> cells);
  std::string text(const Look& look = {}) const;

 private:
  std::vector<std::size_t> natural_widths(const Look& look) const;
  std::vector<std::size_t> widths(const Look& look) const;

  std::vector<Column> columns_;
  std::vector<std::vector<Cell>> rows_;
};

}  // namespace syncd::cli
