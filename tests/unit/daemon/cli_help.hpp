#pragma once

#include <string>
#include <vector>

#include "daemon/cli/arguments.hpp"

namespace syncd::test {

// What the help of the program says there is, read from its text, as people do.
struct HelpPage {
  std::string path;
  std::string text;
  std::vector<std::string> verbs;
  std::vector<std::string> options;  // `--json`, `-y`
};

// Words between spaces; what is between single quotes is one.
inline std::vector<std::string> words_of(const std::string& line) {
  std::vector<std::string> words;
  bool quoted = false;
  bool begun = false;
  for (const char c : line) {
    if (c == '\'') quoted = !quoted;
    if (c == '\'') continue;
    const bool gap = c == ' ' && !quoted;
    if (!gap && !begun) words.emplace_back();
    if (!gap) words.back() += c;
    begun = !gap;
  }
  return words;
}

inline void read_line(const std::string& line, bool of_verbs, HelpPage& page) {
  const std::size_t begin = line.find_first_not_of(' ');
  // What is further in is the rest of a description.
  if (begin == std::string::npos || begin == 0 || begin > 4) return;
  const std::string first = line.substr(begin, line.find(' ', begin) - begin);
  if (first.front() != '-') {
    if (of_verbs) page.verbs.push_back(first);
    return;
  }
  for (std::size_t at = 0; at < first.size();) {
    const std::size_t comma = std::min(first.find(',', at), first.size());
    page.options.push_back(first.substr(at, comma - at));
    at = comma + 1;
  }
}

inline HelpPage page_of(const std::string& path) {
  HelpPage page;
  page.path = path;
  std::vector<std::string> words = words_of(path);
  words.emplace_back("--help");
  cli::Invocation invocation;
  page.text = cli::parse_arguments(words, invocation).value_or(daemon::Ending{}).out;
  bool of_verbs = false;
  for (std::size_t at = 0; at < page.text.size();) {
    const std::size_t end = std::min(page.text.find('\n', at), page.text.size());
    const std::string line = page.text.substr(at, end - at);
    at = end + 1;
    const bool heading = line.ends_with(':') && line.front() != ' ';
    if (heading) of_verbs = line != "Options:" && line != "Positionals:" && line.front() != '[';
    if (!heading) read_line(line, of_verbs, page);
  }
  return page;
}

// The program's own first, then all verbs and groups of verbs.
inline std::vector<HelpPage> all_pages() {
  std::vector<HelpPage> pages{page_of("")};
  for (std::size_t at = 0; at < pages.size(); ++at) {
    const HelpPage page = pages[at];
    for (const std::string& verb : page.verbs)
      pages.push_back(page_of(page.path.empty() ? verb : page.path + " " + verb));
  }
  return pages;
}

}  // namespace syncd::test
