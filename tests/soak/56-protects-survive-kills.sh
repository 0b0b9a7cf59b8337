#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# 200 kill -9 of `protect` of several VMs, at every step of every record that it puts and at random instants.
. "$(dirname "$0")/../e2e/lib.sh"

make -s -C "$ROOT" MODE=release all
"$ROOT/tests/soak/protect_kills.py" "${KILLS:-200}" ${SEED:+"$SEED"} | tee "$T/figures"
"$ROOT/tests/record" "Service: protects killed" <"$T/figures"
