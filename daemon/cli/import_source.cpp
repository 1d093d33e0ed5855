#include "daemon/cli/import_source.hpp"

#include <algorithm>
#include <array>
#include <deque>
#include <utility>

#include "daemon/admin/link_request.hpp"
#include "daemon/cli/text.hpp"
#include "daemon/exit_codes.hpp"
#include "sync/core/page.hpp"
#include "sync/core/reader.hpp"

namespace syncd::cli {

namespace {

constexpr std::size_t read_bytes = 64 * 1024;
constexpr std::size_t beginning_bytes = 4096;  // are looked at before anything is read
constexpr std::size_t ids_max = 4 * 1024 * 1024;
constexpr std::array<std::string_view, 3> known_columns{"link_id", "customer_user_id", "tags"};
constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

std::string_view without_return(std::string_view line) {
  return line.ends_with('\r') ? line.substr(0, line.size() - 1) : line;
}

bool is_blank(std::string_view text) {
  return text.find_first_not_of(" \t\r") == std::string_view::npos;
}

bool is_known(std::string_view column) {
  return std::ranges::find(known_columns, column) != known_columns.end();
}

// The readers of requests speak of a body.
std::string of_line(const std::string& fault) {
  constexpr std::string_view subject = "the body";
  if (fault.starts_with("the body: ")) return fault.substr(subject.size() + 2);
  if (fault.starts_with(subject)) return "the line" + fault.substr(subject.size());
  return fault;
}

// `"mk_1"`
std::expected<engine::NewLink, std::string> link_of_string(std::string text) {
  text.reserve(text.size() + core::body_padding_bytes);
  std::deque<std::string> unescaped;
  core::Reader reader(text, unescaped);
  std::string_view id;
  if (!reader.ok() || !reader.text(id) || !reader.finish())
    return std::unexpected("the line is not one JSON string or object");
  engine::NewLink link{core::LinkId{std::string(id)}, {}, {}};
  if (auto fault = daemon::fault_of(link)) return std::unexpected(std::move(*fault));
  return link;
}

std::vector<std::string> split_tags(const std::string& cell) {
  std::vector<std::string> tags;
  for (std::size_t begin = 0; begin <= cell.size() && !cell.empty();) {
    const std::size_t end = std::min(cell.find(';', begin), cell.size());
    tags.push_back(cell.substr(begin, end - begin));
    begin = end + 1;
  }
  return tags;
}

CliError not_a_table(std::string why) {
  return {daemon::exit_failure,
          "the first line of a CSV file names its columns: link_id, and customer_user_id and tags if there "
          "are any, with commas between them; " +
              std::move(why)};
}

}  // namespace

std::optional<ImportFormat> format_of_name(std::string_view name) {
  if (name.ends_with(".csv")) return ImportFormat::csv;
  if (name.ends_with(".ndjson") || name.ends_with(".jsonl")) return ImportFormat::ndjson;
  return std::nullopt;
}

ImportFormat format_of_text(std::string_view beginning) {
  const std::size_t first = beginning.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return ImportFormat::ndjson;
  const std::string_view text = beginning.substr(first);
  const bool is_header = std::ranges::any_of(known_columns, [&](std::string_view column) {
    return text.starts_with("\"" + std::string(column) + "\"");
  });
  const bool is_json = text.front() == '{' || text.front() == '[' || text.front() == '"';
  return is_json && !is_header ? ImportFormat::ndjson : ImportFormat::csv;
}

ImportSource::ImportSource(Read read, std::optional<ImportFormat> format)
    : read_(std::move(read)), format_(format) {
}

CliResult<void> ImportSource::fill() {
  buffer_.erase(0, begin_);
  begin_ = 0;
  const std::size_t had = buffer_.size();
  buffer_.resize(had + read_bytes);
  const auto got = read_(buffer_.data() + had, read_bytes);
  buffer_.resize(had + got.value_or(0));
  if (!got) return std::unexpected(got.error());
  ended_ = *got == 0;
  return {};
}

CliResult<void> ImportSource::begin() {
  begun_ = true;
  while (!ended_ && buffer_.size() < beginning_bytes) {
    if (auto filled = fill(); !filled) return filled;
  }
  if (buffer_.starts_with("\xFF\xFE") || buffer_.starts_with("\xFE\xFF")) {
    return std::unexpected(
        CliError{daemon::exit_failure, "the file is UTF-16: save it as UTF-8, or convert it with iconv"});
  }
  if (buffer_.starts_with(byte_order_mark)) {
    begin_ = byte_order_mark.size();
    taken_ += byte_order_mark.size();
  }
  if (!format_) format_ = format_of_text(pending());
  return *format_ == ImportFormat::csv ? read_header() : CliResult<void>{};
}

CliResult<void> ImportSource::read_header() {
  auto record = next_record();
  if (!record) return std::unexpected(record.error());
  if (!*record) return {};  // an empty file
  if (!(*record)->fault.empty()) return std::unexpected(not_a_table((*record)->fault));
  auto columns = parse_csv_record((*record)->text);
  if (!columns) return std::unexpected(not_a_table(columns.error()));
  for (const std::string& column : *columns) {
    if (!is_known(column))
      return std::unexpected(not_a_table("there is no column '" + printable(column, 40) + "'"));
    if (std::ranges::count(*columns, column) > 1)
      return std::unexpected(not_a_table("the column " + column + " is there twice"));
  }
  if (std::ranges::find(*columns, "link_id") == columns->end())
    return std::unexpected(not_a_table("link_id is missing"));
  header_ = (*record)->text + "\n";
  columns_ = std::move(*columns);
  return {};
}

// The record of so many bytes that is next, its line's end with it.
ImportSource::Record ImportSource::take(std::size_t bytes) {
  const std::string_view whole = pending().substr(0, bytes);
  const std::string_view line = whole.ends_with('\n') ? whole.substr(0, bytes - 1) : whole;
  Record record{.line = line_, .text = std::string(without_return(line)), .fault = {}};
  line_ += static_cast<std::uint64_t>(std::ranges::count(whole, '\n'));
  taken_ += bytes;
  begin_ += bytes;
  return record;
}

// A record that does not end where it should. An open quote is the fault of the first line alone; otherwise
// everything up to the line's end belongs to it.
CliResult<ImportSource::Record> ImportSource::overlong() {
  const std::size_t first_line = std::min(pending().find('\n'), pending().size() - 1) + 1;
  if (first_line <= record_bytes_max) {
    Record record = take(first_line);
    record.fault = "a cell has an opening quote and no closing one within 65536 bytes";
    return record;
  }
  Record record = take(record_bytes_max);
  record.fault = "is longer than 65536 bytes";
  while (true) {
    const std::size_t end = pending().find('\n');
    if (end != std::string_view::npos || ended_) {
      take(end == std::string_view::npos ? pending().size() : end + 1);
      return record;
    }
    take(pending().size());
    if (auto filled = fill(); !filled) return std::unexpected(filled.error());
  }
}

// The bytes of the next record; nullopt: it is longer than may be, or ends inside quotes.
CliResult<std::optional<std::size_t>> ImportSource::measure() {
  const bool is_csv = *format_ == ImportFormat::csv;
  CsvScan scan;
  std::size_t searched = 0;
  while (true) {
    const std::string_view fresh = pending().substr(searched);
    std::size_t end = fresh.find('\n');
    if (is_csv) {
      end = scan.end_of_record(fresh);
    } else if (end != std::string_view::npos) {
      ++end;
    }
    if (end != std::string_view::npos) {
      end += searched;
      return end <= record_bytes_max ? std::optional(end) : std::nullopt;
    }
    searched = pending().size();
    if (searched > record_bytes_max || (ended_ && scan.in_quotes())) return std::nullopt;
    if (ended_) return searched;
    if (auto filled = fill(); !filled) return std::unexpected(filled.error());
  }
}

CliResult<std::optional<ImportSource::Record>> ImportSource::next_record() {
  while (true) {
    const auto bytes = measure();
    if (!bytes) return std::unexpected(bytes.error());
    if (*bytes && **bytes == 0) return std::nullopt;
    if (!*bytes) {
      auto record = overlong();
      if (!record) return std::unexpected(record.error());
      return std::move(*record);
    }
    Record record = take(**bytes);
    if (!is_blank(record.text)) return record;
  }
}

std::expected<engine::NewLink, std::string> ImportSource::link_of_cells(const std::string& text) const {
  auto cells = parse_csv_record(text);
  if (!cells) return std::unexpected(cells.error());
  if (cells->size() != columns_.size()) {
    return std::unexpected("has " + std::to_string(cells->size()) + " cells where the first line names " +
                           plural(columns_.size(), "column", "columns"));
  }
  engine::NewLink link;
  for (std::size_t at = 0; at < columns_.size(); ++at) {
    std::string& cell = (*cells)[at];
    if (columns_[at] == "link_id") link.link_id = core::LinkId{std::move(cell)};
    if (columns_[at] == "customer_user_id") link.customer_user_id = std::move(cell);
    if (columns_[at] == "tags") link.tags = split_tags(cell);
  }
  if (auto fault = daemon::fault_of(link)) return std::unexpected(std::move(*fault));
  return link;
}

std::expected<engine::NewLink, std::string> ImportSource::link_of(const std::string& text) const {
  if (*format_ == ImportFormat::csv) return link_of_cells(text);
  const std::size_t first = text.find_first_not_of(" \t");
  if (first != std::string::npos && text[first] == '"') return link_of_string(text);
  if (first != std::string::npos && text[first] == '[')
    return std::unexpected("is a JSON array: write one link a line, as jq -c '.[]' does");
  auto link = daemon::parse_new_link(text);
  if (!link) return std::unexpected(of_line(link.error()));
  return std::move(*link);
}

CliResult<std::optional<ImportRow>> ImportSource::next() {
  if (!begun_) {
    if (auto begun = begin(); !begun) return std::unexpected(begun.error());
  }
  auto record = next_record();
  if (!record) return std::unexpected(record.error());
  if (!*record) return std::nullopt;
  ImportRow row{.line = (*record)->line, .text = std::move((*record)->text), .link = {}};
  if ((*record)->fault.empty()) {
    row.link = link_of(row.text);
  } else {
    row.link = std::unexpected(std::move((*record)->fault));
  }
  return row;
}

bool SeenIds::add(std::string_view id) {
  const std::uint64_t key = std::max<std::uint64_t>(core::stable_hash(id), 1);
  if (2 * (used_ + 1) > slots_.size() && used_ < ids_max) grow();
  std::size_t at = key % slots_.size();
  while (slots_[at] != 0 && slots_[at] != key)
    at = (at + 1) % slots_.size();
  if (slots_[at] == key) return true;
  if (used_ == ids_max) return false;
  slots_[at] = key;
  ++used_;
  return false;
}

void SeenIds::grow() {
  std::vector<std::uint64_t> old(std::max<std::size_t>(2 * slots_.size(), 1024));
  old.swap(slots_);
  for (const std::uint64_t key : old) {
    if (key == 0) continue;
    std::size_t at = key % slots_.size();
    while (slots_[at] != 0)
      at = (at + 1) % slots_.size();
    slots_[at] = key;
  }
}

}  // namespace syncd::cli
