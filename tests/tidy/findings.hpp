#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "tests/tidy/source_text.hpp"

namespace syncd::tidy {

enum class Severity { error, warning };

struct Finding {
  std::string path;
  std::size_t line = 0;  // from 1
  std::string rule;
  std::string text;  // what is wrong here
  std::string fix;   // what to write instead
  Severity severity = Severity::error;
};

// A word or phrase that must not stand in the repository, with the reason.
struct DeniedPhrase {
  std::string phrase;  // lower case; matched without regard to case, between word boundaries
  std::string reason;
};

// Lines of "phrase | reason"; empty lines and lines that begin with '#' are skipped.
std::vector<DeniedPhrase> parse_denied_phrases(std::string_view text);

// Everything wrong with one file, by line. C++ files get all rules, other text files only those about text.
// A finding is silenced where it stands, or by a comment of its own on the line before:
//   // tidy: allow RULE: why this is right here
// An allowance without a reason, for an unknown rule, or that silences nothing is a finding itself.
std::vector<Finding> check_source(const SourceText& source, const std::vector<DeniedPhrase>& denied);

bool is_cpp_path(std::string_view path);

// The groups of rules; each appends to `out` and knows nothing of allowances.
void check_includes(const SourceText& source, std::vector<Finding>& out);
void check_tokens(const SourceText& source, std::vector<Finding>& out);
void check_coroutines(const SourceText& source, std::vector<Finding>& out);
void check_layout(const SourceText& source, std::vector<Finding>& out);
void check_text(const SourceText& source, const std::vector<DeniedPhrase>& denied, std::vector<Finding>& out);

// "file:line: rule: text: fix"
std::string to_line(const Finding& finding);

}  // namespace syncd::tidy
