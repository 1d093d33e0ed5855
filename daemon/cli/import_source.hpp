#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/cli/admin_client.hpp"
#include "daemon/cli/csv.hpp"
#include "sync/engine/engine.hpp"

namespace syncd::cli {

// A file of link ids, line by line, however large it is. Knows nothing of files and the daemon.

inline constexpr std::size_t record_bytes_max = 64 * 1024;

enum class ImportFormat : unsigned char { ndjson, csv };
// By the end of the file's name; nullopt: by its beginning.
std::optional<ImportFormat> format_of_name(std::string_view name);
// By the first bytes: `{` or `"` begin NDJSON, unless the latter is a column's name.
ImportFormat format_of_text(std::string_view beginning);

// One line of the file, or one record of CSV, which may have several.
struct ImportRow {
  std::uint64_t line = 0;  // its first one, from 1
  std::string text;        // as it stands there, without the line's end; cut where it is too long
  std::expected<engine::NewLink, std::string> link;  // or what is wrong with it
};

class ImportSource {
 public:
  // Puts up to `room` bytes there; 0: the end.
  using Read = std::function<CliResult<std::size_t>(char* into, std::size_t room)>;

  ImportSource(Read read, std::optional<ImportFormat> format);

  // The next line that is not blank; nullopt: the end. An error: the file cannot be read, or is nothing that
  // can be imported at all.
  CliResult<std::optional<ImportRow>> next();
  // The header of a CSV file, with its line's end; empty: none.
  const std::string& header() const { return header_; }
  std::uint64_t bytes_taken() const { return taken_; }

 private:
  struct Record {
    std::uint64_t line = 0;
    std::string text;
    std::string fault;  // empty: none
  };
  CliResult<void> begin();
  CliResult<void> fill();
  CliResult<void> read_header();
  std::string_view pending() const { return std::string_view(buffer_).substr(begin_); }
  CliResult<std::optional<std::size_t>> measure();
  CliResult<std::optional<Record>> next_record();
  CliResult<Record> overlong();
  Record take(std::size_t bytes);
  std::expected<engine::NewLink, std::string> link_of(const std::string& text) const;
  std::expected<engine::NewLink, std::string> link_of_cells(const std::string& text) const;

  Read read_;
  std::optional<ImportFormat> format_;
  std::string buffer_;
  std::size_t begin_ = 0;  // of what is not taken yet
  bool begun_ = false;
  bool ended_ = false;
  std::uint64_t line_ = 1;  // of what is first in the buffer
  std::uint64_t taken_ = 0;
  std::string header_;
  std::vector<std::string> columns_;
};

// Which ids a file has named already. Tells ids apart by 64 bits, so it may be wrong about one in billions;
// what it says is counted and shown, never decided on. Forgets nothing until it is full (4,194,304 ids, 64
// MiB), and notes nothing more then.
class SeenIds {
 public:
  // Whether it was there.
  bool add(std::string_view id);

 private:
  void grow();
  std::vector<std::uint64_t> slots_;  // open addressing; 0: free
  std::size_t used_ = 0;
};

}  // namespace syncd::cli
