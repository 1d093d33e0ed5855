#pragma once

#include <cstdint>
#include <string>

#include "daemon/cli/commands.hpp"

namespace syncd::cli {

struct ImportOptions {
  std::string file;     // `-`: standard input
  std::string format;   // ndjson or csv; empty: by the name, or the beginning
  std::string rejects;  // where lines go that were not taken; empty: nowhere
};

// What has become of the lines so far.
struct ImportCounts {
  std::uint64_t lines = 0;  // that are not blank
  std::uint64_t added = 0;
  std::uint64_t existed = 0;
  std::uint64_t repeated = 0;  // of the good ones: the file had their id before
  std::uint64_t bad = 0;
  std::uint64_t refused = 0;  // by the daemon

  bool all_taken() const { return bad == 0 && refused == 0; }
};
// For people, with a line's end, and as JSON. `complete`: the end of the file was reached.
std::string render_import(const ImportCounts& counts, bool dry_run, bool complete);
std::string import_json(const ImportCounts& counts, bool dry_run, bool complete);

// Registers the links of a file in batches. Goes on after a restart of the daemon: a batch that is sent twice
// changes nothing. A dry run reads everything and sends nothing. Exit code 0: every line was taken; 1: some
// were not; an error: it was broken off, and a summary of what was done is printed all the same.
CliResult<int> import_links(const Session& session, const ImportOptions& options);

}  // namespace syncd::cli
