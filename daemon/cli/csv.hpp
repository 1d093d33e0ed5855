#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace syncd::cli {

// CSV as RFC 4180 has it: commas, quotes where needed, a quote inside quotes doubled.

// What a text cell of an export does about spreadsheets, which run a cell that begins with one of = + - @ tab
// and carriage return as a formula: `guard` puts an apostrophe before it.
enum class Formulas : unsigned char { guard, keep };

void append_csv_cell(std::string& out, std::string_view text, Formulas formulas);
// The cells with their commas and the line's end (CR LF), as they are.
std::string csv_record(const std::vector<std::string>& cells);

// One record, without its line's end, in cells. The error says what is wrong with it.
std::expected<std::vector<std::string>, std::string> parse_csv_record(std::string_view record);

// Where a record ends: at the first line's end that is not within quotes. Takes the text in pieces.
class CsvScan {
 public:
  // The offset behind the record's line feed; npos: not in this piece.
  std::size_t end_of_record(std::string_view piece);
  bool in_quotes() const { return state_ == State::quoted; }

 private:
  enum class State : unsigned char { cell_start, plain, quoted, quote_in_quoted };
  State state_ = State::cell_start;
};

}  // namespace syncd::cli
