#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 180
# A slice of the campaigns tests/soak/52 and 53, with a fresh seed each time.
. "$(dirname "$0")/lib.sh"
require gcc

say "kill -9 inside prune, collect and compact"
"$ROOT/tests/soak/prune_faults.py" kills 14 | tee "$T/kills"
expect_text "^14 kill -9 struck" "$T/kills"
say "power cuts"
"$ROOT/tests/soak/prune_faults.py" cuts 15 | tee "$T/cuts"
expect_text "^15 power cuts" "$T/cuts"
