#include "tests/tidy/source_text.hpp"

#include <algorithm>
#include <cctype>
#include <utility>

namespace syncd::tidy {
namespace {

bool is_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

// Splits a C++ file into code and comments in one pass.
class Splitter {
 public:
  explicit Splitter(SourceText& out) : out_(out), text_(out.text) {
    out_.code.assign(text_.size(), ' ');
    out_.comments.assign(text_.size(), ' ');
  }

  void run() {
    while (at_ < text_.size()) {
      if (looking_at("//")) {
        comment_until(line_end());
      } else if (looking_at("/*")) {
        const std::size_t end = text_.find("*/", at_ + 2);
        comment_until(end == std::string::npos ? text_.size() : end + 2);
      } else if (raw_string_begins()) {
        raw_string();
      } else if (text_[at_] == '"' || (text_[at_] == '\'' && !digit_separator())) {
        literal(text_[at_]);
      } else {
        keep_code();
      }
    }
  }

 private:
  bool looking_at(std::string_view what) const {
    return std::string_view(text_).substr(at_, what.size()) == what;
  }
  std::size_t line_end() const { return std::min(text_.find('\n', at_), text_.size()); }
  bool digit_separator() const {
    return at_ > 0 && std::isxdigit(static_cast<unsigned char>(text_[at_ - 1])) != 0;
  }
  bool raw_string_begins() const {
    if (!looking_at("R\"")) {
      return false;
    }
    // u8R"", LR"" and friends are rare; a word character before R is the tail of another name.
    return at_ == 0 || !is_word(text_[at_ - 1]);
  }
  void keep_code() {
    out_.code[at_] = text_[at_];
    if (text_[at_] == '\n') {
      out_.comments[at_] = '\n';
    }
    ++at_;
  }
  void comment_until(std::size_t end) {
    for (; at_ < end; ++at_) {
      out_.comments[at_] = text_[at_];
      if (text_[at_] == '\n') {
        out_.code[at_] = '\n';
      }
    }
  }
  void blank() {
    if (text_[at_] == '\n') {
      out_.code[at_] = out_.comments[at_] = '\n';
    }
    ++at_;
  }
  void literal(char quote) {
    keep_code();
    while (at_ < text_.size() && text_[at_] != quote && text_[at_] != '\n') {
      if (text_[at_] == '\\' && at_ + 1 < text_.size()) {
        blank();
      }
      blank();
    }
    if (at_ < text_.size()) {
      keep_code();
    }
  }
  void raw_string() {
    const std::size_t open = text_.find('(', at_);
    if (open == std::string::npos) {
      keep_code();
      return;
    }
    const std::string close = ")" + text_.substr(at_ + 2, open - at_ - 2) + "\"";
    const std::size_t found = text_.find(close, open);
    const std::size_t end = found == std::string::npos ? text_.size() : found + close.size();
    keep_code();  // R
    keep_code();  // "
    while (at_ + 1 < end) {
      if (text_[at_] == '\n') {
        raw_line_offsets_.push_back(at_ + 1);
      }
      blank();
    }
    if (at_ < end) {
      keep_code();
    }
  }

 public:
  std::vector<std::size_t> raw_line_offsets_;

 private:
  SourceText& out_;
  const std::string& text_;
  std::size_t at_ = 0;
};

}  // namespace

SourceText SourceText::parse(std::string path, std::string text) {
  SourceText out;
  out.path = std::move(path);
  out.text = std::move(text);
  for (std::size_t at = 0; at < out.text.size(); ++at) {
    if (at == 0 || out.text[at - 1] == '\n') {
      out.line_begins.push_back(at);
    }
  }
  Splitter splitter(out);
  splitter.run();
  out.in_raw_string.assign(out.line_begins.size(), false);
  for (const std::size_t offset : splitter.raw_line_offsets_) {
    if (offset < out.text.size()) {
      out.in_raw_string[out.line_of(offset) - 1] = true;
    }
  }
  return out;
}

std::size_t SourceText::line_of(std::size_t offset) const {
  const auto after = std::upper_bound(line_begins.begin(), line_begins.end(), offset);
  return static_cast<std::size_t>(after - line_begins.begin());
}

std::string_view SourceText::line(std::size_t number) const {
  const std::size_t begin = line_begins[number - 1];
  const std::size_t end = std::min(text.find('\n', begin), text.size());
  return std::string_view(text).substr(begin, end - begin);
}

std::string_view SourceText::comment_line(std::size_t number) const {
  const std::size_t begin = line_begins[number - 1];
  return std::string_view(comments).substr(begin, line(number).size());
}

}  // namespace syncd::tidy
