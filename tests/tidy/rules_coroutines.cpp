#include <algorithm>
#include <array>
#include <cctype>
#include <string>
#include <string_view>
#include <vector>

#include "tests/tidy/findings.hpp"

// A co_await stands alone: one per statement, as the full initialiser or the full expression statement, its
// arguments named objects or calls. Every other shape is miscompiled by some GCC that people still have
// (double frees, wrong branches, no diagnostic), and hides where a coroutine may stop.
namespace syncd::tidy {
namespace {

bool is_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

bool word_at(std::string_view code, std::size_t at, std::string_view word) {
  return code.substr(at, word.size()) == word && (at == 0 || !is_word(code[at - 1])) &&
         (at + word.size() >= code.size() || !is_word(code[at + word.size()]));
}

std::size_t skip_blanks(std::string_view code, std::size_t at) {
  while (at < code.size() && std::isspace(static_cast<unsigned char>(code[at])) != 0) {
    ++at;
  }
  return at;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front())) != 0) {
    text.remove_prefix(1);
  }
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())) != 0) {
    text.remove_suffix(1);
  }
  return text;
}

// The word that ends right before `at`, blanks skipped.
std::string_view word_before(std::string_view code, std::size_t at) {
  const std::string_view head = trimmed(code.substr(0, at));
  std::size_t begin = head.size();
  while (begin > 0 && is_word(head[begin - 1])) {
    --begin;
  }
  return head.substr(begin);
}

// The offset of the bracket that closes the one at `open`, or the end of the text.
std::size_t closing(std::string_view code, std::size_t open) {
  int depth = 0;
  for (std::size_t at = open; at < code.size(); ++at) {
    if (code[at] == '(' || code[at] == '[' || code[at] == '{') {
      ++depth;
    } else if (code[at] == ')' || code[at] == ']' || code[at] == '}') {
      if (--depth == 0) {
        return at;
      }
    }
  }
  return code.size();
}

bool is_control(std::string_view word) {
  constexpr std::array<std::string_view, 5> words{"if", "while", "switch", "for", "constexpr"};
  return std::ranges::find(words, word) != words.end();
}

struct Bracket {
  std::size_t offset = 0;
  char kind = '(';        // '(' '[' '{' or 'b' for a block's brace
  bool control = false;   // '(' of if, while, switch, for
  std::size_t begin = 0;  // block only: where its current statement begins
};

struct Await {
  std::size_t offset = 0;
  std::size_t statement = 0;    // where its statement begins
  std::size_t end = 0;          // where its statement ends
  std::vector<Bracket> around;  // open brackets between the statement's block and the co_await
};

// Finds every co_await with the brackets around it in one pass over the code.
class AwaitFinder {
 public:
  explicit AwaitFinder(std::string_view code) : code_(code) {
    open_.push_back({.offset = 0, .kind = 'b', .begin = 0});
  }

  std::vector<Await> run() {
    for (at_ = 0; at_ < code_.size(); ++at_) {
      const char c = code_[at_];
      if (c == '(' || c == '[' || c == '{') {
        push(c);
      } else if ((c == ')' || c == ']' || c == '}') && open_.size() > 1) {
        pop();
      } else if (c == ';' && open_.back().kind == 'b') {
        open_.back().begin = at_ + 1;
      } else if (c == 'c' && word_at(code_, at_, "co_await")) {
        found();
      }
    }
    return std::move(awaits_);
  }

 private:
  void push(char c) {
    Bracket bracket{.offset = at_, .kind = c, .begin = at_ + 1};
    if (c == '{' && is_block()) {
      bracket.kind = 'b';
    }
    bracket.control = c == '(' && is_control(word_before(code_, at_));
    open_.push_back(bracket);
  }
  // Initialiser lists hold no semicolon; blocks hold at least one, or nothing that matters here.
  bool is_block() const {
    const std::size_t end = closing(code_, at_);
    return code_.substr(at_, end - at_).find(';') != std::string_view::npos;
  }
  void pop() {
    const bool block = open_.back().kind == 'b';
    open_.pop_back();
    if (block && open_.back().kind == 'b') {
      open_.back().begin = at_ + 1;
    }
  }
  void found() {
    std::size_t block = open_.size() - 1;
    while (open_[block].kind != 'b') {
      --block;
    }
    Await await{.offset = at_, .statement = open_[block].begin, .end = statement_end(), .around = {}};
    await.around.assign(open_.begin() + static_cast<std::ptrdiff_t>(block) + 1, open_.end());
    awaits_.push_back(std::move(await));
  }
  // The ';' of the statement, or the bracket that closes around it.
  std::size_t statement_end() const {
    int depth = 0;
    for (std::size_t at = at_; at < code_.size(); ++at) {
      const char c = code_[at];
      depth += (c == '(' || c == '[' || c == '{') ? 1 : 0;
      depth -= (c == ')' || c == ']' || c == '}') ? 1 : 0;
      if (depth < 0 || (depth == 0 && c == ';')) {
        return at;
      }
    }
    return code_.size();
  }

  std::string_view code_;
  std::size_t at_ = 0;
  std::vector<Bracket> open_;
  std::vector<Await> awaits_;
};

// A '[' that begins a lambda, rather than a subscript, an attribute or a structured binding.
bool begins_lambda(std::string_view code, std::size_t at) {
  const std::string_view head = trimmed(code.substr(0, at));
  const char before = head.empty() ? ';' : head.back();
  const std::string_view word = word_before(code, at);
  const bool keyword = word == "return" || word == "co_return" || word == "co_await" || word == "co_yield";
  if ((!keyword && (is_word(before) || before == ')' || before == ']' || before == '[')) ||
      code[at + 1] == '[') {
    return false;
  }
  const std::size_t close = closing(code, at);
  const std::size_t next = skip_blanks(code, close + 1);
  return next < code.size() &&
         (code[next] == '(' || code[next] == '{' || code[next] == '<' || word_at(code, next, "mutable") ||
          word_at(code, next, "noexcept") || code.substr(next, 2) == "->");
}

// Removes "if (...)", "else", "case x:", preprocessor lines and attributes from the front of a statement.
std::string_view without_control(std::string_view text) {
  text = trimmed(text);
  for (bool again = true; again && !text.empty();) {
    again = false;
    if (text.front() == '#') {
      text = trimmed(text.substr(std::min(text.find('\n'), text.size())));
      again = true;
    } else if (text.starts_with("[[")) {
      text = trimmed(text.substr(std::min(closing(text, 0) + 1, text.size())));
      again = true;
    }
    for (const std::string_view word : {"else", "do", "if", "for", "while", "constexpr", "case", "default"}) {
      if (!word_at(text, 0, word)) {
        continue;
      }
      std::size_t end = skip_blanks(text, word.size());
      if (word == "case" || word == "default") {
        end = std::min(text.find(':'), text.size() - 1) + 1;
      } else if (end < text.size() && text[end] == '(') {
        end = std::min(closing(text, end) + 1, text.size());
      }
      text = trimmed(text.substr(end));
      again = true;
      break;
    }
  }
  return text;
}

bool ends_with_assignment(std::string_view prefix) {
  if (!prefix.ends_with('=')) {
    return false;
  }
  const char before = prefix.size() > 1 ? prefix[prefix.size() - 2] : ' ';
  return std::string_view("=!<>").find(before) == std::string_view::npos;
}

// Operators next to the awaited call itself, not those inside its arguments.
bool joined_by_operator(std::string_view code, const Await& await) {
  int depth = 0;
  for (std::size_t at = await.offset; at < await.end; ++at) {
    depth += (code[at] == '(' || code[at] == '[' || code[at] == '{') ? 1 : 0;
    depth -= (code[at] == ')' || code[at] == ']' || code[at] == '}') ? 1 : 0;
    const std::string_view two = code.substr(at, 2);
    if (depth == 0 && (code[at] == '?' || two == "||" || two == "&&" || two == "==" || two == "!=")) {
      return true;
    }
  }
  return false;
}

class AwaitRules {
 public:
  AwaitRules(const SourceText& source, std::vector<Finding>& out) : source_(source), out_(out) {}

  void check(const Await& await) {
    const std::string_view code = source_.code;
    for (const Bracket& bracket : await.around) {
      if (bracket.control) {
        return report(await, "co-await-condition", "co_await inside the parentheses of a control statement",
                      "const auto x = co_await f(); if (x) ...");
      }
      if (bracket.kind == '{') {
        return report(await, "co-await-brace", "co_await inside an initialiser list",
                      "await into a named value first");
      }
    }
    if (await.statement == last_statement_) {
      return report(await, "co-await-once", "second co_await in one statement", "one co_await per statement");
    }
    last_statement_ = await.statement;
    if (!await.around.empty()) {
      return report(await, "co-await-alone", "co_await inside another expression",
                    "await into a named value first");
    }
    const std::string_view prefix =
        without_control(code.substr(await.statement, await.offset - await.statement));
    if (prefix.find('?') != std::string_view::npos) {
      return report(await, "co-await-ternary", "co_await after '?'", "write if and else");
    }
    if (!prefix.empty() && !ends_with_assignment(prefix) && prefix != "co_return") {
      return report(await, "co-await-alone", "co_await is not the whole initialiser or statement",
                    "await into a named value first");
    }
    if (joined_by_operator(code, await)) {
      return report(await, "co-await-alone", "an operator joins the awaited value",
                    "await into a named value first");
    }
    check_arguments(await);
  }

 private:
  void check_arguments(const Await& await) {
    const std::string_view code = source_.code;
    for (std::size_t at = await.offset; at < await.end; ++at) {
      if (code[at] == '[' && begins_lambda(code, at)) {
        return report(await, "co-await-lambda", "lambda in an awaited expression",
                      "name the closure first and move it");
      }
      if (code[at] == '{') {
        return report(await, "co-await-brace", "braces in an awaited expression",
                      "name the object first and move it");
      }
    }
  }
  void report(const Await& await, std::string rule, std::string text, std::string fix) {
    out_.push_back(
        {source_.path, source_.line_of(await.offset), std::move(rule), std::move(text), std::move(fix)});
  }

  const SourceText& source_;
  std::vector<Finding>& out_;
  std::size_t last_statement_ = std::string::npos;
};

// The body's opening brace of the lambda whose '[' is at `at`, npos when there is none close by.
std::size_t lambda_body(std::string_view code, std::size_t at) {
  std::size_t next = skip_blanks(code, closing(code, at) + 1);
  if (next < code.size() && code[next] == '(') {
    next = closing(code, next) + 1;
  }
  const std::size_t stop = code.find_first_of("{;", next);
  return stop != std::string_view::npos && code[stop] == '{' ? stop : std::string_view::npos;
}

bool is_coroutine_body(std::string_view body) {
  for (const std::string_view word : {"co_await", "co_return", "co_yield"}) {
    for (std::size_t at = body.find(word); at != std::string_view::npos; at = body.find(word, at + 1)) {
      if (word_at(body, at, word)) {
        return true;
      }
    }
  }
  return false;
}

void check_lambdas(const SourceText& source, std::vector<Finding>& out) {
  const std::string_view code = source.code;
  for (std::size_t at = code.find('['); at != std::string_view::npos; at = code.find('[', at + 1)) {
    if (!begins_lambda(code, at) || trimmed(code.substr(at + 1, closing(code, at) - at - 1)).empty()) {
      continue;
    }
    const std::size_t body = lambda_body(code, at);
    if (body != std::string_view::npos && is_coroutine_body(code.substr(body, closing(code, body) - body))) {
      out.push_back(
          {source.path, source.line_of(at), "lambda-coroutine", "coroutine lambda with captures",
           "its captures die with the closure: use a free or member function with value parameters"});
    }
  }
}

}  // namespace

void check_coroutines(const SourceText& source, std::vector<Finding>& out) {
  if (source.code.find("co_") == std::string::npos) {
    return;
  }
  AwaitRules rules(source, out);
  for (const Await& await : AwaitFinder(source.code).run()) {
    rules.check(await);
  }
  check_lambdas(source, out);
}

}  // namespace syncd::tidy
