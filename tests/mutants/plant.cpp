// Works on the table of deliberate defects (table.hpp):
//   plant check ROOT          says what is wrong with it
//   plant list ROOT           NAME, PROGRAM, FILTER, what it must say or -, yes or no for hangs, BREAKS:
//                             a line each, between tabs
//   plant copy ROOT TREE      brings TREE up to date with the files of ROOT named on standard input, a line
//                             each, with all defects planted; what is not named and not under build/ goes
// Exit codes: 0 done, 1 there are problems, 2 usage.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <set>
#include <string>
#include <system_error>

#include "tests/mutants/table.hpp"

namespace syncd::mutants {
namespace {

namespace fs = std::filesystem;

int report(const std::vector<std::string>& problems) {
  for (const std::string& problem : problems)
    std::cerr << problem << '\n';
  return problems.empty() ? 0 : 1;
}

int list(const std::string& root) {
  std::vector<std::string> problems;
  for (const Defect& defect : read_table(root, problems)) {
    for (const Catcher& catcher : defect.catchers) {
      std::cout << defect.name << '\t' << catcher.program << '\t' << catcher.filter << '\t'
                << (catcher.says.empty() ? "-" : catcher.says) << '\t' << (defect.hangs ? "yes" : "no")
                << '\t' << defect.breaks << '\n';
    }
  }
  return report(problems);
}

// Files that did not change keep their time, so that nothing is built again for them.
void write_if_changed(const fs::path& path, const std::string& content, fs::perms mode) {
  if (fs::exists(path) && read_file(path.string()) == content) return;
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << content;
  fs::permissions(path, mode);
}

void remove_others(const fs::path& tree, const std::set<std::string>& wanted) {
  std::vector<fs::path> others;
  for (auto at = fs::recursive_directory_iterator(tree); at != fs::recursive_directory_iterator(); ++at) {
    const std::string path = fs::relative(at->path(), tree).generic_string();
    if (path == "build") at.disable_recursion_pending();
    if (at->is_regular_file() && !wanted.contains(path)) others.push_back(at->path());
  }
  for (const fs::path& path : others)
    fs::remove(path);
}

int copy(const std::string& root, const std::string& tree) {
  std::vector<std::string> problems;
  const std::vector<Defect> defects = read_table(root, problems);
  Sources files;
  std::set<std::string> wanted;
  for (std::string path; std::getline(std::cin, path);) {
    const fs::path from = fs::path(root) / path;
    if (!fs::is_regular_file(from)) continue;  // deleted, but not yet in the index
    files[path] = read_file(from.string());
    wanted.insert(path);
  }
  plant_all(files, defects, problems);
  for (const auto& [path, content] : files)
    write_if_changed(fs::path(tree) / path, content, fs::status(fs::path(root) / path).permissions());
  remove_others(tree, wanted);
  return report(problems);
}

int run(const std::vector<std::string>& words) {
  const std::string what = words.empty() ? "" : words[0];
  if (what == "check" && words.size() == 2) return report(check_table(words[1]));
  if (what == "list" && words.size() == 2) return list(words[1]);
  if (what == "copy" && words.size() == 3) return copy(words[1], words[2]);
  std::fputs("usage: plant check ROOT | plant list ROOT | plant copy ROOT TREE\n", stderr);
  return 2;
}

}  // namespace
}  // namespace syncd::mutants

int main(int count, char** words) {
  try {
    return syncd::mutants::run({words + 1, words + count});
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}
