#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Backups of two disks with several threads, one of them cut and resumed, run beside a mount of the same vault that four
# readers hammer; then a restore, a compacting prune and a verify.  Every byte is right, and the thread sanitizer has
# nothing to say of any of these programs.
# timeout: 400
# modes: release tsan
. "$(dirname "$0")/lib.sh"
require jq python3

A=$B/adebackup V=$T/v K=$T/key
seed=${TEST_SEED:-$RANDOM}
say "seed $seed"
cat >"$T/disk.py" <<'PY'
"""disk.py make FILE MIB SEED: random bytes with holes.  disk.py change FILE SEED: some of its 4 KiB blocks."""
import os, random, sys
rng = random.Random(sys.argv[-1])
if sys.argv[1] == "make":
    with open(sys.argv[2], "wb") as f:
        for _ in range(int(sys.argv[3])):
            if rng.random() < 0.7:
                f.write(rng.randbytes(1 << 20))
            else:
                f.seek(1 << 20, os.SEEK_CUR)
        f.truncate(int(sys.argv[3]) << 20)
else:
    with open(sys.argv[2], "r+b") as f:
        blocks = os.fstat(f.fileno()).st_size // 4096
        for at in rng.sample(range(blocks), blocks // 50):
            f.seek(at * 4096)
            f.write(rng.randbytes(4096))
PY
cat >"$T/reader.py" <<'PY'
"""reader.py VIEW PLAIN SEED STOP: random reads of a view, compared, until the file STOP is there."""
import os, random, sys
view, plain, seed, stop = sys.argv[1:]
rng = random.Random(seed)
a, b = os.open(view, os.O_RDONLY), os.open(plain, os.O_RDONLY)
size, reads = os.fstat(b).st_size, 0
while not os.path.exists(stop):
    at, n = rng.randrange(size), rng.choice((1, 4096, 65536, 1 << 20))
    os.posix_fadvise(a, 0, 0, os.POSIX_FADV_DONTNEED)
    if os.pread(a, n, at) != os.pread(b, n, at):
        sys.exit("wrong bytes at %d, %d" % (at, n))
    reads += 1
print(reads, "reads")
PY
disk() { python3 "$T/disk.py" "$@"; }
back_up=("$A" backup "$V" web --vault-key "$K" --disk "os=$T/os.raw" --disk "lun0=$T/lun0.raw" --threads 4 --json)

disk make "$T/os.raw" 96 "$seed"
disk make "$T/lun0.raw" 24 "$seed-1"
"$A" init "$V" --vault-key "$K" >/dev/null
expect_status 0 "${back_up[@]}"
cp --sparse=always "$T/os.raw" "$T/os.1"
cp --sparse=always "$T/lun0.raw" "$T/lun0.1"

say "readers of the first point, backups beside them"
mount_ade "$V" "$T/m" "vault-key=$K,vm=web,point=latest"
readers=()
for n in 1 2 3 4; do
	name=$([ $((n % 2)) = 0 ] && echo os || echo lun0)
	python3 "$T/reader.py" "$T/m/$name/encrypted/disk.raw" "$T/$name.1" "$seed-$n" "$T/stop" >"$T/reader.$n" 2>&1 &
	readers+=($!)
done
for n in 1 2 3; do
	disk change "$T/os.raw" "$seed-a$n"
	disk change "$T/lun0.raw" "$seed-b$n"
	if [ $n = 2 ]; then	# all of it is new: there is something to cut, and to resume
		disk make "$T/os.raw" 96 "$seed-c"
		"${back_up[@]}" >/dev/null 2>&1 &
		cut=$!
		before=$(find "$V/seg" -type f | wc -l)
		wait_for 60 eval '[ "$(find "$V/seg" -type f | wc -l)" -gt '"$before"' ]'
		kill -TERM $cut
		wait $cut && say "it was through before it was cut" || say "cut"
	fi
	expect_status 0 "${back_up[@]}"
done
touch "$T/stop"
for p in "${readers[@]}"; do wait "$p" || fail "a reader: $(cat "$T"/reader.[0-9])"; done
cat "$T"/reader.[0-9] >&2
unmount "$T/m"

say "what was backed up is what comes back"
mkdir "$T/restored"
expect_status 0 "$A" restore "$V" web --vault-key "$K" --to "$T/restored" --as encrypted
check_same "$T/os.raw" "$T/restored/os.raw"
check_same "$T/lun0.raw" "$T/restored/lun0.raw"
expect_status 0 "$A" prune "$V" --vault-key "$K" --keep-last 2
find "$V" -type f -exec touch -d "9 days ago" {} +
expect_status 0 "$A" prune "$V" --vault-key "$K" --keep-last 2 --compact
expect_status 0 "$A" verify "$V" --vault-key "$K"
