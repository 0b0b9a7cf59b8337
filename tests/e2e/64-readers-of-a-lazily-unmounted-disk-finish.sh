#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Eight readers hammer a mount that is unmounted lazily under them: open files go on to read the
# right bytes or end in an error, the daemon goes when the last is closed, without crash or leak.
# modes: release asan tsan
. "$(dirname "$0")/lib.sh"
require mkntfs python3
require_root

mkdir -p "$T/keys"
truncate -s 64M "$T/ntfs"
mkntfs -q -Q -F "$T/ntfs" >/dev/null 2>&1
dd if=/dev/urandom of="$T/ntfs" bs=1M seek=20 count=10 conv=notrunc status=none
"$ROOT/build/release/tests/make/mkbitlocker" --bek "$T/keys" "$T/ntfs" "$T/volume" >/dev/null

cat >"$T/reader.py" <<'PY'
"""Random reads of one open file for a while, compared with the plaintext."""
import os, random, sys, time
view, plain, seed = sys.argv[1], sys.argv[2], int(sys.argv[3])
rng = random.Random(seed)
a, b = os.open(view, os.O_RDONLY), os.open(plain, os.O_RDONLY)
size = os.fstat(b).st_size
open(sys.argv[4], "w").close()
end, reads = time.monotonic() + 2.5, 0
while time.monotonic() < end:
    at, n = rng.randrange(size), rng.choice((1, 512, 4096, 65536, 300000))
    if rng.random() < 0.2:
        os.posix_fadvise(a, 0, 0, os.POSIX_FADV_DONTNEED)
    try:
        got = os.pread(a, n, at)
    except OSError:
        continue
    if got != os.pread(b, n, at):
        print("wrong bytes at", at, n)
        sys.exit(1)
    reads += 1
print(reads, "reads")
sys.exit(0 if reads else 2)
PY

seed=${TEST_SEED:-$RANDOM}
say "seed $seed"
for round in 1 2 3; do
	mount_ade "$T/volume" "$T/m" "keys=$T/keys"
	pid=$(ade_pid "$T/m")
	readers=()
	for n in 1 2 3 4 5 6 7 8; do
		python3 "$T/reader.py" "$T/m/disk.raw" "$T/ntfs" $((seed + round * 100 + n)) "$T/open.$n" >"$T/reader.$n" 2>&1 &
		readers+=($!)
	done
	wait_for 20 eval '[ "$(ls "$T"/open.* | wc -l)" = 8 ]'
	rm "$T"/open.*
	sleep 1
	umount -l "$T/m"
	is_mounted "$T/m" && fail "still mounted"
	for p in "${readers[@]}"; do wait "$p" || fail "a reader: $(cat "$T"/reader.[0-9])"; done
	wait_for 20 eval "! kill -0 $pid"
done
cat "$T"/reader.[0-9] >&2
