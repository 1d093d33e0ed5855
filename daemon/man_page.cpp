#include "daemon/man_page.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace syncd::daemon {

namespace {

void escape(char c, std::string& out) {
  switch (c) {
    case '\\': out += "\\(rs"; break;
    case '-': out += "\\-"; break;   // a plain one may become a hyphen, which no shell takes
    case '\'': out += "\\(aq"; break;
    case '^': out += "\\(ha"; break;
    case '~': out += "\\(ti"; break;
    case '`': out += "\\(ga"; break;
    default: out += c;
  }
}

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text)
    escape(c, out);
  return out;
}

// A line that begins with a dot would be a request.
std::string line_of(std::string text) {
  if (text.starts_with('.')) text.insert(0, "\\&");
  return text + "\n";
}

// With what is between backquotes in bold. A line of the text becomes one of the page.
std::string running(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    std::string made;
    bool bold = false;
    for (const char c : line) {
      if (c != '`') {
        escape(c, made);
        continue;
      }
      bold = !bold;
      made += bold ? "\\fB" : "\\fR";
    }
    if (bold) made += "\\fR";
    if (!made.empty()) out += line_of(std::move(made));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
  }
  return out;
}

// An argument of a macro.
std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"') {
      out += "\\(dq";
    } else {
      escape(c, out);
    }
  }
  return out + "\"";
}

}  // namespace

ManPage::ManPage(std::string_view name, int section, std::string_view source, std::string_view manual) {
  std::string capital(name);
  std::ranges::transform(capital, capital.begin(),
                         [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
  out_ = fmt::format(".TH {} {} \"\" {} {}\n", quoted(capital), section, quoted(source), quoted(manual));
}

void ManPage::section(std::string_view heading) {
  out_ += fmt::format(".SH {}\n", quoted(heading));
  below_heading_ = true;
}

void ManPage::subsection(std::string_view heading) {
  out_ += fmt::format(".SS {}\n", quoted(heading));
  below_heading_ = true;
}

void ManPage::paragraph(std::string_view text) {
  // whatis(1) reads the first line below NAME, and takes no macro for it.
  if (!below_heading_) out_ += ".PP\n";
  below_heading_ = false;
  out_ += running(text);
}

void ManPage::entry(std::string_view term, std::string_view text) {
  below_heading_ = false;
  out_ += fmt::format(".TP\n\\fB{}\\fR\n", escaped(term)) + running(text);
}

void ManPage::more(std::string_view text) {
  out_ += ".IP\n" + running(text);
}

void ManPage::example(std::string_view lines) {
  below_heading_ = false;
  out_ += ".PP\n.nf\n.RS 4\n";
  while (!lines.empty()) {
    const std::string_view line = lines.substr(0, lines.find('\n'));
    out_ += line_of(escaped(line));
    lines.remove_prefix(std::min(line.size() + 1, lines.size()));
  }
  out_ += ".RE\n.fi\n";
}

}  // namespace syncd::daemon
