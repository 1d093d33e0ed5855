#include <algorithm>
#include <filesystem>
#include <map>

#include "tests/mutants/table.hpp"

namespace syncd::mutants {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t defects_min = 40;

// The folder under tests/ that a program belongs to: unit_core is of the level unit.
std::string level_of(const std::string& program) {
  return program.substr(0, program.find('_'));
}

// `text` names `program`, or the part behind its level or folder, as CMake's foreach() does.
bool is_built(const std::string& text, std::string_view program) {
  while (find_text(text, program).times == 0) {
    const std::size_t behind = program.find('_');
    if (behind == std::string_view::npos) return false;
    program.remove_prefix(behind + 1);
  }
  return true;
}

// The sources of a level, joined, and its build files.
struct Level {
  std::string sources;
  std::string build;
};

Level read_level(const std::string& root, const std::string& level) {
  Level out;
  const fs::path folder = fs::path(root) / "tests" / level;
  if (!fs::is_directory(folder)) return out;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    const fs::path& path = entry.path();
    if (path.extension() == ".cpp") out.sources += read_file(path.string());
    if (path.filename() == "CMakeLists.txt") out.build += read_file(path.string());
  }
  return out;
}

Sources read_sources(const std::string& root) {
  Sources out;
  for (const char* folder : {"daemon", "metrics", "store", "sync"}) {
    for (const auto& entry : fs::recursive_directory_iterator(fs::path(root) / folder)) {
      const fs::path& path = entry.path();
      if (path.extension() == ".cpp" || path.extension() == ".hpp")
        out[fs::relative(path, root).generic_string()] = read_file(path.string());
    }
  }
  return out;
}

std::string without_stars(std::string text) {
  std::erase(text, '*');
  return text;
}

// `prefix/Suite.Name/0` and the like as the source writes it: `(Suite, Name`.
std::string as_written(const std::string& test) {
  const std::size_t dot = test.find('.');
  std::string suite = without_stars(test.substr(0, dot));
  std::string name = dot == std::string::npos ? "" : without_stars(test.substr(dot + 1));
  const std::size_t slash = suite.rfind('/');
  if (slash != std::string::npos) suite.erase(0, slash + 1);
  name.erase(std::min(name.find('/'), name.size()));
  return '(' + suite + ',' + name;
}

// Of the simulation failing is not enough: it also fails when something was too rare. The whole label, as I-2
// is the beginning of I-21's. An assertion counts, too: then the simulation says that it ended the process.
void check_invariant(const std::string& who, const std::string& says, const Level& level,
                     std::vector<std::string>& problems) {
  constexpr std::string_view begin = "VIOLATION I-";
  const std::size_t blank = says.find(' ', begin.size());
  if (says == "ended the process") return;
  const bool whole = says.starts_with(begin) && blank != std::string::npos;
  if (whole && find_text(level.sources, '"' + says.substr(blank + 1) + '"').times > 0) return;
  problems.push_back(who + "the simulation, by which invariant? \"" + says + "\" is none of tests/sim");
}

void check_catcher(const Defect& defect, const Catcher& catcher, const Level& level,
                   std::vector<std::string>& problems) {
  const std::string who = defect.place + ": " + defect.name + " is to be caught by ";
  if (!is_built(level.build, catcher.program)) {
    problems.push_back(who + catcher.program + ", which is no program of tests/" + level_of(catcher.program));
    return;
  }
  if (catcher.program == "sim") check_invariant(who, catcher.says, level, problems);
  std::string rest = catcher.filter;
  while (!rest.empty()) {
    const std::size_t colon = std::min(rest.find(':'), rest.size());
    const std::string test = rest.substr(0, colon);
    rest.erase(0, std::min(colon + 1, rest.size()));
    if (find_text(level.sources, as_written(test)).times > 0) continue;
    problems.push_back(who + test + ", which is no test of tests/" + level_of(catcher.program));
  }
}

}  // namespace

std::vector<std::string> check_table(const std::string& root) {
  std::vector<std::string> problems;
  const std::vector<Defect> defects = read_table(root, problems);
  Sources sources = read_sources(root);
  plant_all(sources, defects, problems);
  std::map<std::string, Level> levels;
  for (const Defect& defect : defects) {
    for (const Catcher& catcher : defect.catchers) {
      const std::string level = level_of(catcher.program);
      if (!levels.contains(level)) levels[level] = read_level(root, level);
      check_catcher(defect, catcher, levels[level], problems);
    }
  }
  if (defects.size() < defects_min) {
    problems.push_back("there are " + std::to_string(defects.size()) + " defects, at least " +
                       std::to_string(defects_min) + " are promised");
  }
  return problems;
}

}  // namespace syncd::mutants
