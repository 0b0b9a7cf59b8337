#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# kill -9 of the mount at random moments while a writer writes, discards and syncs: after each remount
# every sector holds what the last finished fsync left there or something that was written since.
# KILLS: how many (60).
. "$(dirname "$0")/../e2e/lib.sh"
require python3
require_root

head -c 8M /dev/urandom >"$T/base.raw"
cp "$T/base.raw" "$T/state"	# what the last fsync left; the writer keeps it
kills=${KILLS:-60}
cat >"$T/writer.py" <<'P'
import os, random, sys, ctypes
path, state, seed = sys.argv[1], sys.argv[2], int(sys.argv[3])
r, libc = random.Random(seed), ctypes.CDLL(None, use_errno=True)
disk = os.open(path, os.O_RDWR)
log = open(state + ".log", "wb", buffering=0)      # every change, before it is made
size = os.fstat(disk).st_size
try:
    while True:
        for _ in range(r.randrange(1, 40)):
            off = r.randrange(size // 512) * 512
            n = min(r.choice((512, 1024, 4096, 16384)), size - off)
            data = bytes(n) if r.randrange(4) == 0 else r.randbytes(n)
            log.write(b"W" + off.to_bytes(8, "little") + n.to_bytes(8, "little") + data)
            if any(data):
                os.pwrite(disk, data, off)
            elif libc.fallocate(disk, 3, ctypes.c_long(off), ctypes.c_long(n)):
                raise OSError(ctypes.get_errno(), "fallocate")
        os.fsync(disk)
        log.write(b"S" + bytes(16))
except OSError:
    pass                                            # the mount was killed
P
cat >"$T/check.py" <<'P'
import sys
path, state = sys.argv[1:]
flat, log, now = bytearray(open(state, "rb").read()), open(state + ".log", "rb").read(), open(path, "rb").read()
since, at, syncs = {}, 0, 0
while at + 17 <= len(log):
    off, n = (int.from_bytes(log[at + a:at + a + 8], "little") for a in (1, 9))
    if log[at:at + 1] == b"S":
        for sector, versions in since.items():
            flat[sector:sector + 512] = versions[-1]
        since, syncs, at = {}, syncs + 1, at + 17
        continue
    data, at = log[at + 17:at + 17 + n], at + 17 + n
    for k in range(0, len(data), 512):
        since.setdefault(off + k, []).append(data[k:k + 512])
assert len(now) == len(flat)
for s in range(0, len(flat), 512):
    if now[s:s + 512] != flat[s:s + 512] and now[s:s + 512] not in since.get(s, ()):
        sys.exit("sector at %d is none that was written" % s)
open(state, "wb").write(now)
print(syncs)
P
syncs=0 seed=$RANDOM
for ((i = 0; i < kills; i++)); do
	mount_ade "$T/base.raw" "$T/m" "overlay=$T/o"
	rm -f "$T/state.log"
	python3 "$T/writer.py" "$T/m/disk.raw" "$T/state" $((seed + i)) &
	writer=$!
	wait_for 20 test -s "$T/state.log"
	sleep "0.$((RANDOM % 5 + 1))"
	pid=$(ade_pid "$T/m")
	kill -9 "$pid"
	wait "$writer"
	umount -l "$T/m" 2>/dev/null || true
	wait_for 30 test ! -e "/proc/$pid"
	mount_ade "$T/base.raw" "$T/m" "overlay=$T/o"
	n=$(python3 "$T/check.py" "$T/m/disk.raw" "$T/state") || fail "kill $i, seed $seed"
	syncs=$((syncs + n))
	unmount "$T/m"
done
[ "$syncs" -gt "$kills" ] || fail "only $syncs syncs in $kills kills"
line="$kills kills, $syncs syncs before them, seed $seed: every synced sector was there."
say "$line"
"$ROOT/tests/record" "Overlays: kill -9" <<<"$line"
