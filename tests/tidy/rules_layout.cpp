#include <algorithm>
#include <array>
#include <cctype>
#include <string>
#include <string_view>
#include <vector>

#include "tests/tidy/findings.hpp"

namespace syncd::tidy {
namespace {

constexpr std::size_t line_columns_max = 110;
constexpr std::size_t function_lines_max = 70;
constexpr std::size_t file_lines_max = 600;

bool is_blank(char c) {
  return std::isspace(static_cast<unsigned char>(c)) != 0;
}

std::size_t columns(std::string_view line) {
  return static_cast<std::size_t>(
      std::ranges::count_if(line, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

void check_lines(const SourceText& source, std::vector<Finding>& out) {
  for (std::size_t number = 1; number <= source.line_count(); ++number) {
    const std::string_view line = source.line(number);
    if (line.size() <= line_columns_max || columns(line) <= line_columns_max) {
      continue;
    }
    const bool exempt = source.in_raw_string[number - 1] || line.starts_with("#include") ||
                        line.find("://") != std::string_view::npos;
    if (!exempt) {
      out.push_back({source.path, number, "line-length", std::to_string(columns(line)) + " columns",
                     "at most " + std::to_string(line_columns_max)});
    }
  }
  if (source.line_count() > file_lines_max) {
    out.push_back({source.path, 1, "file-length", std::to_string(source.line_count()) + " lines",
                   "split it by subject; aim for fewer than 400", Severity::warning});
  }
}

void check_pragma_once(const SourceText& source, std::vector<Finding>& out) {
  if (!source.path.ends_with(".hpp") && !source.path.ends_with(".h")) {
    return;
  }
  const std::size_t first = source.code.find_first_not_of(" \t\n");
  if (first == std::string::npos ||
      !std::string_view(source.code).substr(first).starts_with("#pragma once")) {
    out.push_back({source.path, 1, "pragma-once", "header without #pragma once", "put it first"});
  }
}

std::string_view first_word(std::string_view text) {
  const auto end =
      std::ranges::find_if(text, [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; });
  return text.substr(0, static_cast<std::size_t>(end - text.begin()));
}

// Drops "template <...>", whose default arguments would look like an assignment.
std::string_view without_template(std::string_view head) {
  if (!head.starts_with("template")) {
    return head;
  }
  int depth = 0;
  for (std::size_t at = 0; at < head.size(); ++at) {
    depth += head[at] == '<' ? 1 : 0;
    if (head[at] == '>' && --depth == 0) {
      head.remove_prefix(at + 1);
      while (!head.empty() && is_blank(head.front())) {
        head.remove_prefix(1);
      }
      return head;
    }
  }
  return head;
}

// Does a brace after this text begin the body of a function? A heuristic: it has balanced parentheses, no
// assignment, and does not begin like a control statement or a type.
bool begins_function(std::string_view head) {
  constexpr std::array<std::string_view, 16> others{
      "if",     "for",       "while", "switch", "catch", "else", "do",        "try",
      "return", "co_return", "class", "struct", "union", "enum", "namespace", "extern"};
  head = without_template(head);
  if (std::ranges::find(others, first_word(head)) != others.end()) {
    return false;
  }
  int depth = 0;
  bool parentheses = false;
  for (std::size_t at = 0; at < head.size(); ++at) {
    depth += head[at] == '(' ? 1 : 0;
    depth -= head[at] == ')' ? 1 : 0;
    parentheses = parentheses || head[at] == '(';
    if (depth == 0 && head[at] == '=' && head.find("operator") == std::string_view::npos) {
      return false;
    }
  }
  return parentheses && depth == 0;
}

struct Body {
  std::size_t begin = 0;  // of the signature
  bool function = false;
};

void check_functions(const SourceText& source, std::vector<Finding>& out) {
  const std::string_view code = source.code;
  std::vector<Body> open;
  std::size_t boundary = 0;
  for (std::size_t at = 0; at < code.size(); ++at) {
    if (code[at] == '#' && code.find_last_not_of(" \t", at - 1) != std::string_view::npos &&
        code[code.find_last_not_of(" \t", at - 1)] == '\n') {
      at = std::min(code.find('\n', at), code.size());
      boundary = at;
    } else if (code[at] == '{') {
      std::size_t begin = boundary;
      while (begin < at && is_blank(code[begin])) {
        ++begin;
      }
      open.push_back({begin, begins_function(code.substr(begin, at - begin))});
      boundary = at + 1;
    } else if (code[at] == '}') {
      boundary = at + 1;
      if (open.empty()) {
        continue;
      }
      const Body body = open.back();
      open.pop_back();
      const std::size_t first = source.line_of(body.begin);
      const std::size_t lines = source.line_of(at) - first + 1;
      if (body.function && lines > function_lines_max) {
        out.push_back({source.path, first, "function-length", std::to_string(lines) + " lines",
                       "at most " + std::to_string(function_lines_max) + ": give a part of it a name"});
      }
    } else if (code[at] == ';') {
      boundary = at + 1;
    }
  }
}

}  // namespace

void check_layout(const SourceText& source, std::vector<Finding>& out) {
  check_lines(source, out);
  check_pragma_once(source, out);
  check_functions(source, out);
}

}  // namespace syncd::tidy
