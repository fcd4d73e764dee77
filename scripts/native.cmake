# Read by CMake inside the build of argon2-cffi-bindings, right after its project() (see native.sh).
# Compiles the Argon2 that the package ships twice, for every x86-64 processor and for those with AVX2, as
# shared libraries of one name. glibc's loader takes the one in glibc-hwcaps/x86-64-v3 where the processor
# can run it (ld.so(8), "Hardware capabilities"), and the other one elsewhere: neither can die there.
set(root "${CMAKE_CURRENT_SOURCE_DIR}/extras/libargon2")
set(sources argon2.c blake2/blake2b.c core.c encoding.c opt.c thread.c)
list(TRANSFORM sources PREPEND "${root}/src/")
set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)

set(folder_of_x86-64 _argon2_cffi_bindings)
set(folder_of_x86-64-v3 _argon2_cffi_bindings/glibc-hwcaps/x86-64-v3)
foreach(level x86-64 x86-64-v3)
  add_library(argon2-${level} SHARED ${sources})
  set_target_properties(argon2-${level} PROPERTIES
    OUTPUT_NAME argon2-authsvc # no name that another libargon2 has
    LIBRARY_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/${level}")
  target_include_directories(argon2-${level} PUBLIC "${root}/include")
  target_compile_options(argon2-${level} PRIVATE -O3 -march=${level})
  target_link_libraries(argon2-${level} PRIVATE Threads::Threads)
  install(TARGETS argon2-${level} DESTINATION ${folder_of_${level}})
endforeach()

# With ARGON2_CFFI_USE_SYSTEM=1 the package links what these name, and compiles no Argon2 itself.
set(ARGON2_INCLUDE_DIR "${root}/include" CACHE PATH "")
set(ARGON2_LIBRARY argon2-x86-64 CACHE STRING "")
set(CMAKE_INSTALL_RPATH "$ORIGIN")
