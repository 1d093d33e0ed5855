# One place for how our code is compiled. Link every target of ours to syncd_options (PRIVATE).
add_library(syncd_options INTERFACE)
# Executables, too, are placed anywhere in memory.
include(CheckPIESupported)
check_pie_supported(LANGUAGES CXX)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
# The folder that it is built in shall not be part of what is built: the same sources make the same programs anywhere.
if(NOT SYNCD_COVERAGE)  # its report reads the sources by these paths
  add_compile_options(-ffile-prefix-map=${PROJECT_SOURCE_DIR}/=)
endif()
# Also for what is not ours but compiled here.
add_compile_options(-fstack-protector-strong -Wformat -Werror=format-security)
if(NOT SYNCD_SANITIZE)  # the sanitizers replace the same functions
  add_compile_definitions($<$<CONFIG:Release,RelWithDebInfo>:_FORTIFY_SOURCE=3>)
endif()
add_link_options(-Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack)
target_compile_options(syncd_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wold-style-cast -Wnon-virtual-dtor -Werror
  -ftrivial-auto-var-init=zero)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  target_compile_options(syncd_options INTERFACE -fstack-clash-protection -fcf-protection=full)
endif()
target_compile_definitions(syncd_options INTERFACE _GLIBCXX_ASSERTIONS)
target_include_directories(syncd_options INTERFACE ${PROJECT_SOURCE_DIR})

if(SYNCD_SANITIZE)
  target_compile_options(syncd_options INTERFACE
    -fsanitize=${SYNCD_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(syncd_options INTERFACE -fsanitize=${SYNCD_SANITIZE})
endif()
if(SYNCD_SANITIZE MATCHES "thread")
  target_link_options(syncd_options INTERFACE
    -Wl,--version-script=${PROJECT_SOURCE_DIR}/tests/sanitize/thread.map)
endif()
if(SYNCD_COVERAGE)
  target_compile_options(syncd_options INTERFACE -fprofile-instr-generate -fcoverage-mapping)
  target_link_options(syncd_options INTERFACE -fprofile-instr-generate)
endif()

# Beast and Asio are compiled once, in sync/api/boost_impl.cpp.
add_library(syncd_asio INTERFACE)
target_compile_definitions(syncd_asio INTERFACE BOOST_ASIO_SEPARATE_COMPILATION BOOST_BEAST_SEPARATE_COMPILATION
  BOOST_ASIO_NO_DEPRECATED)
