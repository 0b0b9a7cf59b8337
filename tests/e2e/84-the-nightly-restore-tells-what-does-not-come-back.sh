#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tools/examples/nightly-restore.sh: silence of errors means that every VM came back.
. "$(dirname "$0")/lib.sh"
require jq mke2fs

V=$T/vault K=$T/vault.key
export PATH=$B:$PATH
nightly() { "$ROOT/tools/examples/nightly-restore.sh" "$V" "$K" "$T/drill" "$@"; }
mkdir -p "$T/tree" "$T/keys"
head -c 3M /dev/urandom >"$T/tree/data"
mke2fs -q -t ext4 -d "$T/tree" "$T/fs" 24M
"$B/tests/make/mkbitlocker" --seed 3 --bek "$T/keys" "$T/fs" "$T/locked.raw" >/dev/null
adebackup init "$V" --vault-key "$K" -q
adebackup backup "$V" plain --vault-key "$K" --disk "os=$T/fs" -q
adebackup backup "$V" proven --vault-key "$K" --disk "os=$T/fs" --disk "lun0=$T/locked.raw" --keys "$T/keys" -q

say "all come back; the capsule has the key"
expect_status 0 nightly
[ "$(grep -c 'restored and checked' "$T/out")" = 2 ] || fail "$(cat "$T/out")"
[ -z "$(ls "$T/drill")" ] || fail "left behind: $(ls "$T/drill")"

say "a VM whose key nobody has is named; the others are restored all the same"
adebackup backup "$V" unproven --vault-key "$K" --disk "os=$T/locked.raw" -q
expect_status 1 nightly
expect_text "nightly-restore: unproven: does not restore: .*key" "$T/err"
[ "$(grep -c 'restored and checked' "$T/out")" = 2 ] || fail "$(cat "$T/out")"
expect_status 0 nightly --keys "$T/keys"

say "a damaged segment is named with the VM"
seg=$(find "$V/seg" -type f -size +1M | head -1)
cp "$seg" "$T/seg"
python3 - "$seg" <<'END'
import sys
with open(sys.argv[1], "r+b") as f:
    f.seek(5000)
    old = f.read(1)
    f.seek(5000)
    f.write(bytes([old[0] ^ 1]))
END
expect_status 1 nightly --keys "$T/keys"
expect_text "nightly-restore: [a-z]+: does not restore: .*damaged" "$T/err"
cp "$T/seg" "$seg"

say "a vault that does not open ends it at once, with the reason's code"
adebackup init "$T/other" --vault-key "$T/other.key" -q
expect_status 12 "$ROOT/tools/examples/nightly-restore.sh" "$V" "$T/other.key" "$T/drill"
expect_text "does not open" "$T/err"
