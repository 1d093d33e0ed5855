#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "store/files.hpp"
#include "store/store.hpp"

namespace syncd::store {

// Where the table of files is kept as it was found before its torn end was cut off, in the store's directory.
inline constexpr std::string_view torn_table_name = "torn-manifest";

// The file that holds the present table of files of the database in `directory` ("MANIFEST-000005"); nullopt:
// there is none, or RocksDB has to say what is wrong.
core::Result<std::optional<std::string>> current_table(const std::string& directory, const Disk& disk);

// Before the database in options.path + "/db" is opened. A power cut may tear the last write to its table of
// files, which was not synced; RocksDB then refuses to open. Nothing depends on such a write, so its remains
// are cut off, and it answers a notice of that. Whatever else is wrong with the table is refused and left as
// it is found: all damage when `closed_as` names it, which is how a clean close left it, and damage that is
// more than the end of one write, or behind which the database would miss a file. See decision 011.
core::Result<std::optional<std::string>> mend_torn_table(const StoreOptions& options, const Disk& disk,
                                                         const std::optional<std::string>& closed_as);

}  // namespace syncd::store
