#pragma once

#include <string_view>
#include <vector>

namespace syncd::daemon {

// A file of the admin page. Both texts live as long as the program.
struct PageFile {
  std::string_view content_type;
  std::string_view content;
};

// The file at exactly this path, for instance "/" or "/app.js", or nullptr. Nothing is decoded, resolved or
// read from a disk: the files are part of the program, so no path leads anywhere else.
const PageFile* page_file(std::string_view path);

// All paths that have a file, in byte order.
std::vector<std::string_view> page_paths();

// The policy that the page is written for and tested with: everything from its own origin, nothing inline, no
// form that is sent by the browser, and no text that becomes markup or script. Every response of the page
// carries it.
inline constexpr std::string_view page_security_policy =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; "
    "trusted-types 'none'";

}  // namespace syncd::daemon
