# Everything comes from the distribution's packages (scripts/deps). Minimum versions, not exact ones.
find_package(Threads REQUIRED)
find_package(Boost 1.81 REQUIRED COMPONENTS headers)
find_package(OpenSSL 3.0 REQUIRED)
find_package(RocksDB 7.8 REQUIRED)
find_package(simdjson 3.0 REQUIRED)
find_package(spdlog 1.10 REQUIRED)
find_package(fmt 9.1 REQUIRED)
find_package(prometheus-cpp REQUIRED COMPONENTS core)
find_package(tomlplusplus 3.3 REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(SYSTEMD REQUIRED IMPORTED_TARGET libsystemd>=252)

pkg_check_modules(LZ4 REQUIRED IMPORTED_TARGET liblz4>=1.9)

# The allocator of the daemon: memory that one thread takes and another gives back (updates, answers) is a
# quarter of its work with the C library's. Sanitizers bring their own.
add_library(syncd_malloc INTERFACE)
if(NOT SYNCD_SANITIZE)
  pkg_check_modules(TCMALLOC REQUIRED IMPORTED_TARGET libtcmalloc_minimal>=2.10)
  target_compile_definitions(syncd_malloc INTERFACE SYNCD_TCMALLOC)
  target_link_libraries(syncd_malloc INTERFACE -Wl,--no-as-needed PkgConfig::TCMALLOC -Wl,--as-needed)
endif()
find_path(CLI11_INCLUDE_DIR CLI/CLI.hpp REQUIRED)
