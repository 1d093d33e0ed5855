# Writes the files of the admin page into one C++ header, so that the daemon needs no file beside it:
#   cmake -DFOLDER=daemon/admin/page -DOUTPUT=page_data.hpp -P embed_page.cmake
# Each byte becomes a hexadecimal number: no text in a file can end a literal, and its length is no limit's business.
file(GLOB files RELATIVE ${FOLDER} ${FOLDER}/*)
list(SORT files)
set(types_html "text/html; charset=utf-8")
set(types_css "text/css; charset=utf-8")
set(types_js "text/javascript; charset=utf-8")
set(types_svg "image/svg+xml")

set(arrays "")
set(rows "")
list(LENGTH files count)
set(number 0)
foreach(name IN LISTS files)
  string(REGEX MATCH "[a-z]+$" ending "${name}")
  if(NOT DEFINED types_${ending})
    message(FATAL_ERROR "${FOLDER}/${name}: no content type is known for .${ending}; name one in ${CMAKE_CURRENT_LIST_FILE}")
  endif()
  set(path "/${name}")
  if(name STREQUAL "index.html")
    set(path "/")
  endif()
  file(READ ${FOLDER}/${name} bytes HEX)
  string(REGEX REPLACE "(..)" "'\\\\x\\1'," bytes "${bytes}")
  string(APPEND arrays "inline constexpr char file_${number}[] = {${bytes}};\n")
  string(APPEND rows
    "    {\"${path}\", {\"${types_${ending}}\", {file_${number}, sizeof file_${number}}}},\n")
  math(EXPR number "${number} + 1")
endforeach()
file(CONFIGURE OUTPUT ${OUTPUT} @ONLY NEWLINE_STYLE UNIX CONTENT [[
#pragma once

#include <array>

#include "daemon/admin/page.hpp"

namespace syncd::daemon::page_data {

struct Named {
  std::string_view path;
  PageFile file;
};

@arrays@
inline constexpr std::array<Named, @count@> files{{
@rows@}};

}  // namespace syncd::daemon::page_data
]])
