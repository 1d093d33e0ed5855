#include "daemon/log_events.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>

#include <gtest/gtest.h>

namespace syncd::test {

namespace {

using Words = std::set<std::string, std::less<>>;

std::string text_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

Words words_of(std::string_view text) {
  Words words;
  while (!text.empty()) {
    const std::size_t blank = std::min(text.find(' '), text.size());
    words.emplace(text.substr(0, blank));
    text.remove_prefix(std::min(blank + 1, text.size()));
  }
  return words;
}

// The source of everything that writes log lines.
std::string sources() {
  std::string all;
  for (const auto& entry : std::filesystem::directory_iterator(std::string(SYNCD_SOURCE_DIR) + "/daemon")) {
    if (entry.path().extension() == ".cpp" && entry.path().stem() != "log_events")
      all += text_of(entry.path());
  }
  return all;
}

}  // namespace

TEST(LogEvents, ThePageSaysWhatTheTableSays) {
  const std::string path = std::string(SYNCD_SOURCE_DIR) + "/docs/logs.md";
  const std::string wanted = daemon::logs_reference();
  if (std::getenv("UPDATE_GOLDEN") != nullptr) std::ofstream(path, std::ios::binary) << wanted;
  EXPECT_EQ(text_of(path), wanted) << "run this test with UPDATE_GOLDEN=1";
}

// That nothing else is written, the compiler knows.
TEST(LogEvents, EveryEventAndMemberOfTheTableIsWritten) {
  const std::string source = sources();
  Words members;
  for (const daemon::LogEvent& event : daemon::log_events) {
    EXPECT_NE(source.find("\"" + std::string(event.name) + "\""), std::string::npos) << event.name;
    EXPECT_FALSE(words_of(event.levels).empty()) << event.name;
    members.merge(words_of(event.fields));
  }
  Words known;
  for (const daemon::LogMember& member : daemon::log_members) {
    EXPECT_NE(source.find(".add(\"" + std::string(member.name) + "\""), std::string::npos) << member.name;
    EXPECT_TRUE(known.emplace(member.name).second) << member.name << " is there twice";
  }
  EXPECT_EQ(members, known) << "what the events have and what is explained";
}

}  // namespace syncd::test
