#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 240
# A prune of 1,000 points of 50 VMs: 2 s of processor time and 128 MiB at most, whether it hides,
# deletes or collects.
. "$(dirname "$0")/lib.sh"
require jq python3

V=$T/v K=$T/key
"$B/adebackup" init "$V" --vault-key "$K" >/dev/null
"$B/tests/make/plant-points" "$V" "$K" 50 1000

# measured ARGS…: a prune within its limits
measured() {
	python3 - "$B/adebackup" prune "$V" --vault-key "$K" --json "$@" >"$T/out" 2>"$T/figures" <<'END' || fail "$(cat "$T/figures")"
import resource, subprocess, sys
status = subprocess.run(sys.argv[1:]).returncode
r = resource.getrusage(resource.RUSAGE_CHILDREN)
print("%.2f s of processor time, %d MiB" % (r.ru_utime + r.ru_stime, r.ru_maxrss // 1024), file=sys.stderr)
sys.exit(status or (r.ru_utime + r.ru_stime > 2.0 or r.ru_maxrss > 128 * 1024))
END
	say "$(cat "$T/figures"): $(jq -c '{kept, expired, deleted, collected: .collect.deleted}' "$T/out")"
}
measured --keep-last 5 --dry-run
measured --keep-last 5
jq -e '.expired == 750' "$T/out" >/dev/null || fail "$(head -c 300 "$T/out")"
find "$V" -type f -exec touch -d "9 days ago" {} +
measured --keep-last 5
jq -e '.deleted == 750 and .collect.deleted == 750' "$T/out" >/dev/null || fail "$(head -c 300 "$T/out")"
measured --keep-last 5
jq -e '.kept == 250 and .collect.unnamed == 0' "$T/out" >/dev/null || fail "$(head -c 300 "$T/out")"
