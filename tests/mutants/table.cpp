#include "tests/mutants/table.hpp"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <utility>

namespace syncd::mutants {
namespace {

namespace fs = std::filesystem;

bool is_blank(char c) {
  return std::isspace(static_cast<unsigned char>(c)) != 0;
}

bool is_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && is_blank(text.front()))
    text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back()))
    text.remove_suffix(1);
  return text;
}

std::string_view take_line(std::string_view& text) {
  const std::size_t end = std::min(text.find('\n'), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

std::string_view take_word(std::string_view& text) {
  const std::size_t end = std::min(text.find(' '), text.size());
  const std::string_view word = text.substr(0, end);
  text = trim(text.substr(end));
  return word;
}

void add_line(std::string& text, std::string_view line) {
  if (!text.empty()) text += '\n';
  text += line;
}

// False: there is no such key.
bool take_field(Defect& defect, std::string_view key, std::string_view value) {
  if (key == "breaks") {
    add_line(defect.breaks, value);
  } else if (key == "in") {
    defect.in = value;
  } else if (key == "find") {
    add_line(defect.find, value);
  } else if (key == "plant") {
    add_line(defect.plant, value);
  } else if (key == "hangs") {
    defect.hangs = value == "yes";
  } else if (key == "caught") {
    Catcher& catcher = defect.catchers.emplace_back();
    catcher.program = take_word(value);
    catcher.filter = take_word(value);
    catcher.says = value;
  } else {
    return false;
  }
  return true;
}

void check_entry(const Defect& defect, std::vector<std::string>& problems) {
  const auto say = [&](const std::string& what) { problems.push_back(defect.place + ": " + what); };
  const bool good_name = !defect.name.empty() && std::ranges::all_of(defect.name, is_word);
  if (!good_name) say("a name is made of letters, digits and _");
  if (defect.breaks.empty()) say(defect.name + " does not say what it breaks");
  if (defect.in.empty() || defect.find.empty()) say(defect.name + " does not say where (in, find)");
  if (defect.plant.find("DEFECT") == std::string::npos) say(defect.name + " plants nothing that asks DEFECT");
  if (defect.catchers.empty()) say(defect.name + " is not caught by anything");
  for (const Catcher& catcher : defect.catchers) {
    if (catcher.filter.empty()) say(defect.name + ": caught by which tests of " + catcher.program + "?");
  }
}

// A text without its blanks, and where each character of it came from.
struct Squeezed {
  explicit Squeezed(std::string_view from) {
    for (std::size_t i = 0; i < from.size(); ++i) {
      if (is_blank(from[i])) continue;
      text.push_back(from[i]);
      at.push_back(i);
    }
  }
  std::string text;
  std::vector<std::size_t> at;
};

// What begins or ends with a word is not meant to be found inside a longer one.
bool cuts_a_word(std::string_view source, std::size_t begin, std::size_t end) {
  const bool before = begin > 0 && is_word(source[begin - 1]) && is_word(source[begin]);
  const bool after = end < source.size() && is_word(source[end]) && is_word(source[end - 1]);
  return before || after;
}

std::string with_switch(std::string text, const std::string& name) {
  constexpr std::string_view mark = "DEFECT";
  const std::string call = "::syncd::mutants::is_on(\"" + name + "\")";
  for (std::size_t at = text.find(mark); at != std::string::npos; at = text.find(mark, at + call.size()))
    text.replace(at, mark.size(), call);
  return text;
}

struct Edit {
  std::size_t begin = 0;
  std::size_t end = 0;
  const Defect* defect = nullptr;
};

bool lies_in(std::string_view path, std::string_view place) {
  return path.starts_with(place) && (path.size() == place.size() || path[place.size()] == '/');
}

std::string with_edits(const std::string& source, std::vector<Edit> edits,
                       std::vector<std::string>& problems) {
  std::ranges::sort(edits, {}, &Edit::begin);
  std::string out = "#include \"tests/mutants/defect.hpp\"\n";
  std::size_t taken = 0;
  for (const Edit& edit : edits) {
    if (edit.begin < taken) {
      problems.push_back(edit.defect->place + ": " + edit.defect->name + " overlaps another defect");
      continue;
    }
    out.append(source, taken, edit.begin - taken);
    out += with_switch(edit.defect->plant, edit.defect->name);
    taken = edit.end;
  }
  return out.append(source, taken);
}

}  // namespace

std::vector<Defect> parse_table(std::string_view path, std::string_view text,
                                std::vector<std::string>& problems) {
  std::vector<Defect> defects;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::string_view line = trim(take_line(text));
    if (line.empty() || line.front() == '#') continue;
    const std::size_t blank = std::min(line.find(' '), line.size());
    const std::string_view key = line.substr(0, blank);
    const std::string_view value = trim(line.substr(blank));
    const std::string place = std::string(path) + ':' + std::to_string(number);
    if (key == "defect") {
      Defect& defect = defects.emplace_back();
      defect.name = value;
      defect.place = place;
    } else if (defects.empty() || !take_field(defects.back(), key, value)) {
      problems.push_back(place + ": what is \"" + std::string(key) + "\"?");
    }
  }
  for (const Defect& defect : defects)
    check_entry(defect, problems);
  return defects;
}

std::vector<Defect> read_table(const std::string& root, std::vector<std::string>& problems) {
  const std::string folder = "tests/mutants/defects";
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(fs::path(root) / folder)) {
    if (entry.path().extension() == ".txt") names.push_back(entry.path().filename().string());
  }
  std::ranges::sort(names);
  std::vector<Defect> defects;
  std::set<std::string> known;
  for (const std::string& name : names) {
    const fs::path path = fs::path(folder) / name;
    const std::string text = read_file((fs::path(root) / path).string());
    for (Defect& defect : parse_table(path.string(), text, problems)) {
      if (!known.insert(defect.name).second) problems.push_back(defect.place + ": " + defect.name + " again");
      defects.push_back(std::move(defect));
    }
  }
  return defects;
}

Found find_text(std::string_view source, std::string_view find) {
  const Squeezed in(source);
  const Squeezed wanted(find);
  Found found;
  if (wanted.text.empty()) return found;
  for (std::size_t at = in.text.find(wanted.text); at != std::string::npos;
       at = in.text.find(wanted.text, at + 1)) {
    const std::size_t begin = in.at[at];
    const std::size_t end = in.at[at + wanted.text.size() - 1] + 1;
    if (cuts_a_word(source, begin, end)) continue;
    if (found.times++ == 0) {
      found.begin = begin;
      found.end = end;
    }
  }
  return found;
}

void plant_all(Sources& sources, const std::vector<Defect>& defects, std::vector<std::string>& problems) {
  std::map<std::string, std::vector<Edit>> edits;
  for (const Defect& defect : defects) {
    std::size_t times = 0;
    std::string path;
    Edit edit{.begin = 0, .end = 0, .defect = &defect};
    for (const auto& [candidate, source] : sources) {
      if (!lies_in(candidate, defect.in)) continue;
      const Found found = find_text(source, defect.find);
      if (found.times == 0) continue;
      times += found.times;
      path = candidate;
      edit.begin = found.begin;
      edit.end = found.end;
    }
    if (times == 1) {
      edits[path].push_back(edit);
    } else {
      std::string problem = defect.place;
      problem.append(": the text of ").append(defect.name).append(" stands ").append(std::to_string(times));
      problem.append(" times in ")
          .append(defect.in)
          .append(" and must stand there once: let its find follow it");
      problems.push_back(std::move(problem));
    }
  }
  for (auto& [path, list] : edits)
    sources[path] = with_edits(sources[path], std::move(list), problems);
}

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

}  // namespace syncd::mutants
