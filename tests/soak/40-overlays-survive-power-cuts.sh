#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# 500 power cuts of an overlay's recorded write log, ten runs of the model with other seeds, and the
# threads under ThreadSanitizer.
. "$(dirname "$0")/../e2e/lib.sh"

cd "$ROOT"
make -s MODE=tsan build/tsan/tests/model/test_overlay
{
	OVERLAY_CUTS=500 "$B/tests/model/test_overlay_powercut" 2>&1 | tee "$T/cuts" | grep -E 'seed|cuts$'
	grep -q 'PASSED  . 1 test' "$T/cuts"
	echo "All of them left every flushed write in place and nothing that was never written."
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		"$B/tests/model/test_overlay" >"$T/model" 2>&1 || { cat "$T/model" >&2; exit 1; }
		grep -E 'it_is_the_flat_array: seed' "$T/model"
	done
	build/tsan/tests/model/test_overlay >"$T/tsan" 2>&1 || { cat "$T/tsan" >&2; exit 1; }
	echo "ThreadSanitizer: nothing found with 8 writers to the sectors of the same blocks."
} | tee "$T/figures"
grep -q '^500 cuts' "$T/figures"
tests/record "Overlays: power cuts and the model" <"$T/figures"
