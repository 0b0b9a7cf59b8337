#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# 100 kill -9 of `run` at random instants, some beside another run, some where nobody can see that it is gone.
. "$(dirname "$0")/../e2e/lib.sh"

make -s -C "$ROOT" makers
"$ROOT/tests/soak/run_kills.py" "${KILLS:-100}" ${SEED:+"$SEED"} | tee "$T/figures"
"$ROOT/tests/record" "Service: runs killed" <"$T/figures"
