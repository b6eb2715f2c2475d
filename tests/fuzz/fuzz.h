/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz: libFuzzer's entry point, that every fuzzer defines.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
