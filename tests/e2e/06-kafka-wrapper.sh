#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# core/kafka against a real broker: topics, commits, transactions, watermarks.
# shellcheck source=../support/lib.sh
. "$(dirname "$0")/../support/lib.sh"

start_broker
"$BUILD/tests/e2e/kafka-wrapper"
