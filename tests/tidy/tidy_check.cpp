// Checks the repository's own rules of style and structure: tidy_check ROOT [FILE...]
// Without files: all text files below ROOT except build output. Exit codes: 0 clean, 1 findings, 2 usage.

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "tests/tidy/findings.hpp"
#include "tests/tidy/places.hpp"

namespace syncd::tidy {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 19> text_extensions{
    ".cpp",  ".hpp",  ".h",       ".cc",     ".md", ".txt", ".cmake", ".toml", ".json", ".yml",
    ".yaml", ".conf", ".service", ".socket", ".sh", ".py",  ".html",  ".css",  ".js"};
// These hold the very words and shapes that are looked for.
constexpr std::string_view own_examples =
    "tests/tidy/*_test.cpp tests/tidy/denied_phrases.txt tests/tidy/rules_*.cpp tests/tidy/findings.hpp";
constexpr std::string_view skipped_folders = "build* .git .cache node_modules *.egg-info";

std::string read(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

// Scripts have no extension: they begin with "#!".
bool is_text(const fs::path& path) {
  const std::string extension = path.extension().string();
  if (std::ranges::find(text_extensions, extension) != text_extensions.end()) {
    return true;
  }
  std::ifstream in(path, std::ios::binary);
  return extension.empty() && in.get() == '#' && in.get() == '!';
}

std::vector<std::string> all_files(const fs::path& root) {
  std::vector<std::string> out;
  for (auto at = fs::recursive_directory_iterator(root); at != fs::recursive_directory_iterator(); ++at) {
    const std::string name = at->path().filename().string();
    if (at->is_directory() && any_matches(skipped_folders, name)) {
      at.disable_recursion_pending();
    } else if (at->is_regular_file() && is_text(at->path())) {
      out.push_back(fs::relative(at->path(), root).generic_string());
    }
  }
  std::ranges::sort(out);
  return out;
}

int run(const fs::path& root, std::vector<std::string> files) {
  const fs::path list = root / "tests/tidy/denied_phrases.txt";
  if (!fs::exists(list)) {
    std::fprintf(stderr, "tidy_check: %s is missing: is the first argument the repository's root?\n",
                 list.c_str());
    return 2;
  }
  const std::vector<DeniedPhrase> denied = parse_denied_phrases(read(list));
  if (files.empty()) {
    files = all_files(root);
  }
  std::size_t errors = 0;
  for (const std::string& file : files) {
    if (!fs::is_regular_file(root / file)) {
      std::fprintf(stderr, "tidy_check: no such file: %s\n", file.c_str());
      return 2;
    }
    if (any_matches(own_examples, file)) {
      continue;
    }
    for (const Finding& finding : check_source(SourceText::parse(file, read(root / file)), denied)) {
      std::printf("%s\n", to_line(finding).c_str());
      errors += finding.severity == Severity::error ? 1 : 0;
    }
  }
  std::printf("tidy_check: %zu files, %zu findings\n", files.size(), errors);
  return errors == 0 ? 0 : 1;
}

}  // namespace
}  // namespace syncd::tidy

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: tidy_check ROOT [FILE...]\n");
    return 2;
  }
  return syncd::tidy::run(argv[1], std::vector<std::string>(argv + 2, argv + argc));
}
