#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "tests/unit/metrics/scrape.hpp"

namespace syncd::metrics {
namespace {

struct Verdict {
  int exit_code = -1;
  std::string output;
};

// `promtool check metrics` of the distribution's prometheus package (scripts/deps installs it).
Verdict promtool_check(const std::string& exposition) {
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

TEST(Promtool, FindsNothingInAFreshExposition) {
  const Verdict verdict = promtool_check(Metrics(test::metrics_options()).exposition());
  ASSERT_NE(verdict.exit_code, 127) << "promtool is missing: run scripts/deps";
  EXPECT_EQ(verdict.exit_code, 0) << verdict.output;
  EXPECT_EQ(verdict.output, "");
}

TEST(Promtool, FindsNothingAfterEventsOfAllKinds) {
  Metrics metrics(test::metrics_options());
  for (int i = 1; i <= 16; ++i) {
    core::CycleReport cycle;
    cycle.error =
        core::Error{.code = test::any_value<core::Errc>(i), .message = "m", .api_code = "auth_expired"};
    cycle.relink_opened = true;
    cycle.visibility_delay = core::Millis(i * 1'000);
    metrics.record(cycle);
    metrics.record(core::HttpReport{.endpoint = core::Endpoint::sync,
                                    .status = 199 + i,
                                    .failure = test::any_value<core::Errc>(i),
                                    .duration = core::Millis(i),
                                    .body_bytes = 1});
    metrics.record(core::CommitReport{.updates = 3, .duration = core::Millis(i)});
  }
  metrics.set(read_process_usage());
  const Verdict verdict = promtool_check(metrics.exposition());
  EXPECT_EQ(verdict.exit_code, 0) << verdict.output;
  EXPECT_EQ(verdict.output, "");
}

// The check of the check: without it a promtool that reads nothing would please everybody.
TEST(Promtool, WouldFindABadName) {
  const Verdict verdict = promtool_check("# TYPE requests counter\nrequests 1\n");
  EXPECT_NE(verdict.exit_code, 0);
  EXPECT_NE(verdict.output.find("counter metrics should have \"_total\" suffix"), std::string::npos)
      << verdict.output;
}

}  // namespace
}  // namespace syncd::metrics
