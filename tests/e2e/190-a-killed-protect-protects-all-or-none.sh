#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A slice of the campaign tests/soak/56, with a fresh seed each time: protect of several VMs is killed at its steps and at
# random instants; all count or none, and the next one goes on.
. "$(dirname "$0")/lib.sh"
require python3 gcc

"$ROOT/tests/soak/protect_kills.py" 16 | tee "$T/kills"
expect_text "^16 kill -9 struck .*never part of it" "$T/kills"
