#include <array>
#include <string>
#include <string_view>

#include "tests/tidy/findings.hpp"
#include "tests/tidy/places.hpp"

namespace syncd::tidy {
namespace {

// Headers that bring I/O, threads or the machine's state into sync/core.
constexpr std::array<std::string_view, 14> impure_headers{
    "iostream", "fstream",    "thread", "mutex",      "shared_mutex", "condition_variable", "future",
    "ctime",    "filesystem", "time.h", "stop_token", "semaphore",    "unistd.h",           "syncstream"};

struct Include {
  std::string_view header;
  bool quoted = false;
};

// The include directive on this line of raw text, if the line is one.
bool parse_include(std::string_view line, Include& out) {
  const std::size_t hash = line.find_first_not_of(" \t");
  if (hash == std::string_view::npos || line[hash] != '#') {
    return false;
  }
  const std::size_t word = line.find("include", hash);
  const std::size_t open = line.find_first_of("<\"", hash);
  if (word == std::string_view::npos || open == std::string_view::npos || word > open) {
    return false;
  }
  out.quoted = line[open] == '"';
  const std::size_t close = line.find(out.quoted ? '"' : '>', open + 1);
  if (close == std::string_view::npos) {
    return false;
  }
  out.header = line.substr(open + 1, close - open - 1);
  return true;
}

bool is_standard(std::string_view header) {
  return header.find_first_of("./") == std::string_view::npos;
}

void check_core_header(const SourceText& source, std::size_t line, std::string_view header,
                       std::vector<Finding>& out) {
  for (const std::string_view impure : impure_headers) {
    if (header == impure) {
      out.push_back({source.path, line, "core-purity", "<" + std::string(header) + "> in sync/core",
                     "take the value as an argument; the caller does the I/O, the waiting and the clock"});
      return;
    }
  }
  const bool in_cpp = source.path.ends_with(".cpp");
  const bool helper =
      header.starts_with("simdjson") || header.starts_with("openssl/") || header.starts_with("fmt/");
  if (!is_standard(header) && !(in_cpp && helper)) {
    out.push_back({source.path, line, "core-purity", "<" + std::string(header) + "> in sync/core",
                   "only the standard library, and in .cpp files simdjson, openssl and fmt"});
  }
}

void check_quoted(const SourceText& source, std::size_t line, std::string_view from, std::string_view header,
                  std::vector<Finding>& out) {
  const std::string_view to = folder_of(header);
  if (to.empty()) {
    out.push_back({source.path, line, "include-root",
                   "\"" + std::string(header) + "\" is not a path from the root",
                   "include our headers by their path from the repository's root, others with <>"});
  } else if (!include_allowed(from, to)) {
    out.push_back({source.path, line, "include-direction", std::string(from) + " includes " + std::string(to),
                   "daemon -> sync/engine -> {sync/api, store} -> sync/core; metrics -> sync/core"});
  }
}

}  // namespace

void check_includes(const SourceText& source, std::vector<Finding>& out) {
  const std::string_view from = folder_of(source.path);
  if (from.empty()) {
    return;
  }
  for (std::size_t line = 1; line <= source.line_count(); ++line) {
    Include include;
    // A commented or quoted directive has no '#' in the code view.
    const std::size_t begin = source.line_begins[line - 1];
    const std::size_t first = source.code.find_first_not_of(" \t", begin);
    if (first == std::string::npos || source.code[first] != '#' ||
        !parse_include(source.line(line), include)) {
      continue;
    }
    if (include.quoted) {
      check_quoted(source, line, from, include.header, out);
      continue;
    }
    if (from == "sync/core") {
      check_core_header(source, line, include.header, out);
    }
    const HeaderPlace* place = from == "tests" ? nullptr : header_place(include.header);
    if (place != nullptr && !any_matches(place->patterns, source.path)) {
      out.push_back({source.path, line, "header-place",
                     "<" + std::string(include.header) + "> belongs in " + std::string(place->patterns),
                     std::string(place->fix)});
    }
  }
}

}  // namespace syncd::tidy
