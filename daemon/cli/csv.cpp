#include "daemon/cli/csv.hpp"

#include <algorithm>
#include <utility>

namespace syncd::cli {

namespace {

constexpr std::string_view formula_starts = "=+-@\t\r";
constexpr std::string_view quoted_for = ",\"\r\n";

// Reads one cell that begins with a quote; `at` is behind it afterwards.
std::expected<std::string, std::string> parse_quoted(std::string_view record, std::size_t& at) {
  std::string cell;
  for (++at; at < record.size(); ++at) {
    if (record[at] != '"') {
      cell += record[at];
      continue;
    }
    ++at;
    const bool ends = at == record.size() || record[at] == ',';
    if (ends) return cell;
    if (record[at] != '"') return std::unexpected("something stands behind the closing quote of a cell");
    cell += '"';
  }
  return std::unexpected("a cell has an opening quote and no closing one");
}

std::expected<std::string, std::string> parse_plain(std::string_view record, std::size_t& at) {
  const std::size_t end = std::min(record.find(',', at), record.size());
  const std::string_view cell = record.substr(at, end - at);
  if (cell.find('"') != std::string_view::npos)
    return std::unexpected("a quote stands inside a cell that is not quoted");
  at = end;
  return std::string(cell);
}

}  // namespace

void append_csv_cell(std::string& out, std::string_view text, Formulas formulas) {
  const bool is_formula = !text.empty() && formula_starts.find(text.front()) != std::string_view::npos;
  const std::string_view guard = is_formula && formulas == Formulas::guard ? "'" : "";
  if (text.find_first_of(quoted_for) == std::string_view::npos) {
    out.append(guard).append(text);
    return;
  }
  out.append("\"").append(guard);
  for (const char c : text)
    out.append(c == '"' ? 2 : 1, c);
  out += '"';
}

std::string csv_record(const std::vector<std::string>& cells) {
  std::string out;
  // A record of one empty cell would be an empty line.
  if (cells.size() == 1 && cells.front().empty()) return "\"\"\r\n";
  for (std::size_t at = 0; at < cells.size(); ++at) {
    if (at > 0) out += ',';
    append_csv_cell(out, cells[at], Formulas::keep);
  }
  return out + "\r\n";
}

std::expected<std::vector<std::string>, std::string> parse_csv_record(std::string_view record) {
  std::vector<std::string> cells;
  std::size_t at = 0;
  while (true) {
    const bool quoted = at < record.size() && record[at] == '"';
    auto cell = quoted ? parse_quoted(record, at) : parse_plain(record, at);
    if (!cell) return std::unexpected(cell.error());
    cells.push_back(std::move(*cell));
    if (at == record.size()) return cells;
    ++at;  // the comma
  }
}

std::size_t CsvScan::end_of_record(std::string_view piece) {
  for (std::size_t at = 0; at < piece.size(); ++at) {
    const char c = piece[at];
    if (state_ == State::quoted) {
      if (c == '"') state_ = State::quote_in_quoted;
      continue;
    }
    if (c == '\n') {
      state_ = State::cell_start;
      return at + 1;
    }
    const bool opens = c == '"' && (state_ == State::cell_start || state_ == State::quote_in_quoted);
    state_ = opens ? State::quoted : c == ',' ? State::cell_start : State::plain;
  }
  return std::string_view::npos;
}

}  // namespace syncd::cli
