#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# How large a vault is after a month of scattered changes, pruned to a week and compacted, and how
# fast its newest point reads.
. "$(dirname "$0")/../e2e/lib.sh"

make -s -C "$ROOT" makers
"$ROOT/tests/soak/compact_figures.py" "${MIB:-256}" | tee "$T/figures"
"$ROOT/tests/record" "Vaults: pruned and compacted" <"$T/figures"
