#include "tests/tidy/findings.hpp"

#include <algorithm>
#include <array>
#include <tuple>
#include <utility>

namespace syncd::tidy {
namespace {

constexpr std::string_view marker = "tidy: allow ";
constexpr std::size_t reason_length_min = 10;

constexpr std::array<std::string_view, 26> known_rules{"include-root",
                                                       "include-direction",
                                                       "header-place",
                                                       "core-purity",
                                                       "seam",
                                                       "double",
                                                       "co-spawn",
                                                       "detached",
                                                       "output",
                                                       "sleep",
                                                       "environment",
                                                       "exception-text",
                                                       "local-time",
                                                       "co-await-condition",
                                                       "co-await-brace",
                                                       "co-await-once",
                                                       "co-await-alone",
                                                       "co-await-ternary",
                                                       "co-await-lambda",
                                                       "lambda-coroutine",
                                                       "line-length",
                                                       "function-length",
                                                       "file-length",
                                                       "machine-path",
                                                       "denied-phrase",
                                                       "thread-unsafe"};

struct Allowance {
  std::size_t line = 0;
  std::size_t covers = 0;  // the line it speaks of: its own, or the next code line when it stands alone
  std::string rule;
  bool used = false;
};

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t\r");
  if (begin == std::string_view::npos) {
    return {};
  }
  return text.substr(begin, text.find_last_not_of(" \t\r") - begin + 1);
}

// The first line after `line` that is neither blank nor a comment alone.
std::size_t next_code_line(const SourceText& source, std::size_t line) {
  for (std::size_t next = line + 1; next <= source.line_count(); ++next) {
    const std::string_view whole = trimmed(source.line(next));
    if (!whole.empty() && trimmed(source.comment_line(next)) != whole) {
      return next;
    }
  }
  return line;
}

bool stands_alone(const SourceText& source, std::size_t line) {
  const std::string_view whole = trimmed(source.line(line));
  return whole == trimmed(source.comment_line(line)) || whole.starts_with('#');
}

void read_allowance(const SourceText& source, std::size_t line, std::vector<Allowance>& allowances,
                    std::vector<Finding>& out) {
  const std::string_view comment = is_cpp_path(source.path) ? source.comment_line(line) : source.line(line);
  const std::size_t at = comment.find(marker);
  if (at == std::string_view::npos) {
    return;
  }
  const std::string_view rest = comment.substr(at + marker.size());
  const std::size_t colon = rest.find(':');
  const std::string rule(trimmed(rest.substr(0, colon)));
  const std::string_view reason = colon == std::string_view::npos ? "" : trimmed(rest.substr(colon + 1));
  if (std::ranges::find(known_rules, rule) == known_rules.end()) {
    out.push_back(
        {source.path, line, "allowance", "unknown rule \"" + rule + "\"", "// tidy: allow RULE: reason"});
  } else if (reason.size() < reason_length_min) {
    out.push_back(
        {source.path, line, "allowance", "no reason given for " + rule, "// tidy: allow RULE: reason"});
  } else {
    const std::size_t covers = stands_alone(source, line) ? next_code_line(source, line) : line;
    allowances.push_back({line, covers, rule, false});
  }
}

bool allowed(std::vector<Allowance>& allowances, const Finding& finding) {
  bool found = false;
  for (Allowance& allowance : allowances) {
    if (allowance.rule == finding.rule &&
        (allowance.covers == finding.line || allowance.line == finding.line)) {
      allowance.used = true;
      found = true;
    }
  }
  return found;
}

}  // namespace

bool is_cpp_path(std::string_view path) {
  return path.ends_with(".cpp") || path.ends_with(".hpp") || path.ends_with(".h") || path.ends_with(".cc");
}

std::vector<Finding> check_source(const SourceText& source, const std::vector<DeniedPhrase>& denied) {
  std::vector<Finding> raw;
  if (is_cpp_path(source.path)) {
    check_includes(source, raw);
    check_tokens(source, raw);
    check_coroutines(source, raw);
    check_layout(source, raw);
  }
  check_text(source, denied, raw);

  std::vector<Finding> out;
  std::vector<Allowance> allowances;
  for (std::size_t line = 1; line <= source.line_count(); ++line) {
    read_allowance(source, line, allowances, out);
  }
  for (Finding& finding : raw) {
    if (!allowed(allowances, finding)) {
      out.push_back(std::move(finding));
    }
  }
  for (const Allowance& allowance : allowances) {
    if (!allowance.used) {
      out.push_back({source.path, allowance.line, "allowance", "silences nothing (" + allowance.rule + ")",
                     "remove it"});
    }
  }
  // The rule as second key makes the order a function of the file alone.
  std::ranges::sort(out, {}, [](const Finding& finding) { return std::tie(finding.line, finding.rule); });
  return out;
}

std::string to_line(const Finding& finding) {
  const std::string_view level = finding.severity == Severity::warning ? "warning: " : "";
  return finding.path + ":" + std::to_string(finding.line) + ": " + std::string(level) + finding.rule + ": " +
         finding.text + ": " + finding.fix;
}

}  // namespace syncd::tidy
