#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The validator must not share code with the joiner: a link and an include that would do so are refused when CMake
# runs, and the tree as it is passes. usage: layers.sh SOURCE_DIR
set -euo pipefail
source=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

configure() { # what is broken: prints CMake's answer
    cmake -S "$work/tree" -B "$work/build" -G Ninja -DDUALRUN_TESTS=OFF 2>&1
}

fresh_tree() {
    rm -rf "$work/tree" "$work/build"
    mkdir "$work/tree"
    cp -r "$source"/{CMakeLists.txt,cmake,core,bridge,joiner,validator,cat,export,schema,plan,cli} "$work/tree"
    if [ -f "$source/cutover/CMakeLists.txt" ]; then cp -r "$source/cutover" "$work/tree"; fi
}

refused() { # NAME EXPECTED
    local answer
    if answer=$(configure); then
        echo "FAIL: $1 was accepted"
        exit 1
    fi
    grep -q -- "$2" <<< "$answer" || { echo "FAIL: $1: not refused for the right reason: $answer"; exit 1; }
    echo "ok: $1 is refused"
}

fresh_tree
configure > /dev/null || { echo "FAIL: the tree as it is was refused"; exit 1; }
echo "ok: the tree as it is"

echo 'target_link_libraries(validator PRIVATE joiner)' >> "$work/tree/validator/CMakeLists.txt"
refused "a link of validator to joiner" "validator links joiner"

fresh_tree
echo 'add_library(between INTERFACE)
target_link_libraries(between INTERFACE joiner)
target_link_libraries(validator PUBLIC between)' >> "$work/tree/validator/CMakeLists.txt"
refused "a link through a library in between" "validator links joiner"

fresh_tree
echo '#include "joiner/joiner.h"' >> "$work/tree/validator/validator.c"
refused "an include of the joiner's header in the validator" "includes a header of joiner"

fresh_tree
echo '#include "bridge/bridge.h"' >> "$work/tree/core/error.c"
refused "an include of the bridge's header in core" "includes a header of bridge"
