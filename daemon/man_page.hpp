#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace syncd::daemon {

// A page for man(1), in the macros of man(7). Texts are plain: what roff would take for itself is escaped here, and a
// word between backquotes is set in bold.
class ManPage {
 public:
  // `source` names the program and its version; the page bears no date, so that the same program always makes
  // the same page.
  ManPage(std::string_view name, int section, std::string_view source, std::string_view manual);

  void section(std::string_view heading);
  void subsection(std::string_view heading);
  void paragraph(std::string_view text);
  // What is explained, in bold, and its explanation below, indented.
  void entry(std::string_view term, std::string_view text);
  // More about the entry before.
  void more(std::string_view text);
  // Lines as they are.
  void example(std::string_view lines);

  std::string text() && { return std::move(out_); }

 private:
  std::string out_;
  bool below_heading_ = false;
};

}  // namespace syncd::daemon
