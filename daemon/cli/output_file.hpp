#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "daemon/cli/admin_client.hpp"

namespace syncd::cli {

// Where an export goes: standard output, or a file that is there whole or not at all. What is written goes to
// a file without a name in the same folder, readable by its owner only; commit() makes it durable and gives
// it the name, in place of a file that had it. Nothing is left behind without that, also after a kill (where
// the file system knows no files without names: unless it is killed).
//
// After an error, which has exit code 74, nothing more is written.
class OutputFile {
 public:
  // Empty: standard output, of which commit() only writes what is still held back.
  static CliResult<OutputFile> open(std::string path);
  OutputFile(OutputFile&& other) noexcept;
  OutputFile& operator=(OutputFile&&) = delete;
  ~OutputFile();

  CliResult<void> write(std::string_view text);
  CliResult<void> commit();
  bool is_standard_output() const { return path_.empty(); }

 private:
  OutputFile() = default;
  CliResult<void> flush();
  CliResult<void> make_named();
  CliError failed(std::string_view what) const;

  std::string path_;
  std::string folder_;
  std::string temporary_;  // its name until commit(), where it has one
  std::string buffer_;
  int descriptor_ = -1;
};

}  // namespace syncd::cli
