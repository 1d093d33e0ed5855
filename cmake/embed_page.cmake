# Writes files that the daemon serves into one C++ header, so that it needs no file beside it:
#   cmake -DFOLDER=daemon/admin/page -DOUTPUT=page_data.hpp -P embed_page.cmake
# -DFILES=*.json takes only those of the folder; -DNAMESPACE names another one than page_data.
# Each byte becomes a hexadecimal number: no text in a file can end a literal, and its length is no limit's business.
if(NOT DEFINED FILES)
  set(FILES *)
endif()
if(NOT DEFINED NAMESPACE)
  set(NAMESPACE page_data)
endif()
file(GLOB files RELATIVE ${FOLDER} ${FOLDER}/${FILES})
list(SORT files)
set(types_html "text/html; charset=utf-8")
set(types_css "text/css; charset=utf-8")
set(types_js "text/javascript; charset=utf-8")
set(types_svg "image/svg+xml")
set(types_json "application/json")

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

namespace syncd::daemon::@NAMESPACE@ {

struct Named {
  std::string_view path;
  PageFile file;
};

@arrays@
inline constexpr std::array<Named, @count@> files{{
@rows@}};

}  // namespace syncd::daemon::@NAMESPACE@
]])
