#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
# A slice of the campaigns tests/soak/50 and 51, with a fresh seed each time.
. "$(dirname "$0")/lib.sh"
require gcc

say "kill -9 in every phase of a backup"
"$ROOT/tests/soak/vault_faults.py" kills 20 | tee "$T/kills"
expect_text "^20 kill -9 struck" "$T/kills"
say "power cuts"
"$ROOT/tests/soak/vault_faults.py" cuts 30 | tee "$T/cuts"
expect_text "^30 power cuts" "$T/cuts"
say "power cuts after a backup went on with what a killed one had not synced"
"$ROOT/tests/soak/vault_faults.py" cuts 30 187366921215380 | tee "$T/cuts"
expect_text "^30 power cuts" "$T/cuts"
say "and they would be noticed: without the syncs of folders points are lost"
expect_status 1 "$ROOT/tests/soak/vault_faults.py" blind 60
expect_text "FAILED: .* is (gone|wrong)|FAILED: a point cannot be read" "$T/out"
