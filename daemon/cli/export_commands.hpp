#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "daemon/cli/commands.hpp"

namespace syncd::cli {

struct ExportOptions {
  std::string what;                    // accounts, transactions, links or feed
  std::string link_id;                 // empty: of all links
  std::string format;                  // ndjson or csv; empty: by the name of `output`, or ndjson
  std::string output;                  // empty: standard output
  std::optional<std::uint64_t> after;  // of the feed: begin behind this sequence
  bool raw = false;                    // CSV: leave cells that a spreadsheet would run as they are
};

// Writes everything of a kind, page by page; what changes meanwhile may or may not be in it. The daemon notes
// in its audit log that everything is read. Exit code 74, and no file: it could not be written whole.
CliResult<int> export_all(const Session& session, const ExportOptions& options);

}  // namespace syncd::cli
