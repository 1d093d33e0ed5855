#pragma once

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

namespace syncd::test {

struct Verdict {
  int exit_code = -1;
  std::string output;
};

// `promtool check metrics` of the distribution's prometheus package (scripts/deps installs it).
inline Verdict promtool_check(const std::string& exposition) {
  std::string file = (std::filesystem::temp_directory_path() / "syncd-exposition-XXXXXX").string();
  const int fd = ::mkstemp(file.data());
  if (fd < 0) return {};
  ::close(fd);
  std::ofstream(file, std::ios::binary) << exposition;
  const std::string command = "promtool check metrics < '" + file + "' 2>&1";
  Verdict verdict;
  // NOLINTNEXTLINE(cert-env33-c): the command is made here, of a name that mkstemp made
  if (std::FILE* pipe = ::popen(command.c_str(), "r")) {
    std::array<char, 4096> chunk{};
    while (const std::size_t read = std::fread(chunk.data(), 1, chunk.size(), pipe)) {
      verdict.output.append(chunk.data(), read);
    }
    const int status = ::pclose(pipe);
    if (WIFEXITED(status)) verdict.exit_code = WEXITSTATUS(status);
  }
  std::filesystem::remove(file);
  return verdict;
}

}  // namespace syncd::test
