#include <algorithm>
#include <array>
#include <cctype>
#include <string>
#include <string_view>

#include "tests/tidy/findings.hpp"

namespace syncd::tidy {
namespace {

// Paths that exist on one machine only.
constexpr std::array<std::string_view, 5> machine_paths{"/work/", "/root", "/home/", "/tmp/b-", "/mnt/"};

bool is_path_char(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
         std::string_view("._-}*$/)").find(c) != std::string_view::npos;
}

bool is_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](char c) {
    return static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  });
  return out;
}

bool holds_phrase(std::string_view line, std::string_view phrase) {
  for (std::size_t at = line.find(phrase); at != std::string_view::npos; at = line.find(phrase, at + 1)) {
    const std::size_t end = at + phrase.size();
    const bool before = at > 0 && is_word(line[at - 1]) && is_word(phrase.front());
    const bool after = end < line.size() && is_word(line[end]) && is_word(phrase.back());
    if (!before && !after) {
      return true;
    }
  }
  return false;
}

void check_paths(const SourceText& source, std::size_t number, std::vector<Finding>& out) {
  const std::string_view line = source.line(number);
  for (const std::string_view path : machine_paths) {
    const std::size_t at = line.find(path);
    if (at == std::string_view::npos || (at > 0 && is_path_char(line[at - 1]))) {
      continue;
    }
    const std::size_t end = at + path.size();
    if (path.back() != '/' && path.back() != '-' && end < line.size() && is_word(line[end])) {
      continue;
    }
    out.push_back({source.path, number, "machine-path",
                   "\"" + std::string(path) + "\" is a path of one machine",
                   "use a path from the repository's root, an argument or a scratch directory"});
  }
}

}  // namespace

std::vector<DeniedPhrase> parse_denied_phrases(std::string_view text) {
  std::vector<DeniedPhrase> out;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const std::size_t bar = line.find(" | ");
    if (!line.empty() && line.front() != '#' && bar != std::string_view::npos) {
      out.push_back({lower(line.substr(0, bar)), std::string(line.substr(bar + 3))});
    }
  }
  return out;
}

void check_text(const SourceText& source, const std::vector<DeniedPhrase>& denied,
                std::vector<Finding>& out) {
  for (std::size_t number = 1; number <= source.line_count(); ++number) {
    const std::string_view line = source.line(number);
    if (!line.empty() && (line.back() == ' ' || line.back() == '\t' || line.back() == '\r')) {
      out.push_back({source.path, number, "whitespace", "blanks at the end of the line", "remove them"});
    }
    check_paths(source, number, out);
    const std::string folded = lower(line);
    for (const DeniedPhrase& entry : denied) {
      if (holds_phrase(folded, entry.phrase)) {
        out.push_back({source.path, number, "denied-phrase", "\"" + entry.phrase + "\"", entry.reason});
      }
    }
  }
}

}  // namespace syncd::tidy
