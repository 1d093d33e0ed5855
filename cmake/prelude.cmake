# Two thirds of a compilation is reading headers. The common ones are read once, in a precompiled header for each kind:
# "standard" for everybody, "asio" for what also has coroutines. The flags must be the libraries' own.
foreach(kind standard asio)
  add_library(prelude_${kind} STATIC EXCLUDE_FROM_ALL cmake/prelude/nothing.cpp)
  target_link_libraries(prelude_${kind} PRIVATE syncd_options fmt::fmt)
  target_precompile_headers(prelude_${kind} PRIVATE cmake/prelude/${kind}.hpp)
endforeach()
target_link_libraries(prelude_asio PRIVATE syncd_asio Boost::headers Threads::Threads)
# Without a time in it ccache(1) can tell whether a precompiled header is the same.
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  add_compile_options("SHELL:-Xclang -fno-pch-timestamp")
endif()

#   syncd_use_prelude(sync_core standard)
function(syncd_use_prelude target kind)
  target_precompile_headers(${target} REUSE_FROM prelude_${kind})
endfunction()
