# SPDX-License-Identifier: Apache-2.0
# Warnings, hardening, sanitizers. Asserts stay on in every build: they are part of the product.

foreach(config RELEASE RELWITHDEBINFO MINSIZEREL)
    string(REPLACE "-DNDEBUG" "" CMAKE_C_FLAGS_${config} "${CMAKE_C_FLAGS_${config}}")
endforeach()

set(DUALRUN_SANITIZE "" CACHE STRING "Sanitizers for every target, as -fsanitize= takes them")
option(DUALRUN_COVERAGE "Count executed lines (gcov)" OFF)
option(DUALRUN_FUZZ "Build the fuzzers (clang only)" OFF)

add_compile_definitions(_GNU_SOURCE)
add_compile_options(
    -Wall -Wextra -Werror
    -Wconversion          # a silent narrowing is a silent loss
    -Wshadow
    -Wformat=2            # formats are literals
    -Wvla                 # stack use is bounded
    -Wstrict-prototypes -Wmissing-prototypes
    -Wundef -Wpointer-arith -Wcast-align -Wwrite-strings
    -fno-common -fno-strict-aliasing
    -fstack-protector-strong
    -fdiagnostics-color=auto)
if(NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
    add_compile_options(-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
endif()
add_link_options(-Wl,-z,relro -Wl,-z,now)

if(DUALRUN_SANITIZE)
    add_compile_options(-fsanitize=${DUALRUN_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
    add_link_options(-fsanitize=${DUALRUN_SANITIZE})
endif()
if(DUALRUN_COVERAGE)
    add_compile_options(--coverage)
    add_link_options(--coverage)
endif()
if(DUALRUN_FUZZ)
    add_compile_options(-fsanitize=fuzzer-no-link)
endif()
