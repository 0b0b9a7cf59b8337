#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A slice of the campaign tests/soak/55, with a fresh seed each time: no job hangs in progress, no item starves, nothing
# runs twice.
. "$(dirname "$0")/lib.sh"
require python3

"$ROOT/tests/soak/run_kills.py" 10 | tee "$T/kills"
expect_text "^1[0-9] kill -9 struck" "$T/kills"
expect_text "had one point in the end, made once" "$T/kills"
