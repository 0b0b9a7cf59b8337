#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A locked volume refuses to open unless partial asks for the rest; a place that cannot be read is
# EIO; of BitLocker's copies that disagree the last written counts, and info.json says so; a partly
# encrypted volume reads on as it is; Vista's volumes are refused by name.
# modes: release asan
. "$(dirname "$0")/lib.sh"
require mke2fs sfdisk jq python3 setpriv
mkdir "$T/m" "$T/k" "$T/k2"
mib=$((1 << 20))
truncate -s 16M "$T/fs"
mke2fs -q -t ext4 "$T/fs"
dd if=/dev/urandom of="$T/fs" bs=$mib seek=4 count=10 conv=notrunc status=none
volume() { "$ROOT/build/release/tests/make/mkbitlocker" "$@" "$T/fs" "$T/v" >/dev/null; }
info() { jq -r "$1" "$T/m/info.json"; }

say "a locked volume among two"
volume --seed 1 --bek "$T/k"
cp "$T/v" "$T/v1"
volume --seed 2 --bek "$T/k2"
truncate -s 40M "$T/disk.raw"
printf 'start=2048, size=32768\nstart=34816, size=32768\n' | sfdisk -q --label gpt "$T/disk.raw"
dd if="$T/v1" of="$T/disk.raw" bs=$mib seek=1 conv=notrunc status=none
dd if="$T/v" of="$T/disk.raw" bs=$mib seek=17 conv=notrunc status=none
cp "$T/disk.raw" "$T/half.raw"
dd if="$T/fs" of="$T/half.raw" bs=$mib seek=1 conv=notrunc status=none
cp "$T/half.raw" "$T/all.raw"
dd if="$T/fs" of="$T/all.raw" bs=$mib seek=17 conv=notrunc status=none
denied() {
	if head -c 1 "$1" >/dev/null 2>"$T/err"; then fail "$1 opened"; fi
	expect_text "Permission denied" "$T/err"
}
defer unmount "$T/m"
expect_status 3 "$B/adebackup" mount "$T/disk.raw" "$T/m"
for f in disk.raw disk.vhd p1.raw p2.raw; do denied "$T/m/$f"; done
check_same "$T/disk.raw" "$T/m/encrypted/disk.raw"
[ "$(info '[.partitions[].state] | join(" ")')" = "locked locked" ] || fail "states"
guid2=$(basename "$(echo "$T"/k2/*)" .BEK | tr -d '{}')
info '.partitions[1].protectors[].guid, .partitions[1].reason' | grep -qi "$guid2" || fail "info.json names no key"
unmount "$T/m"
mount_ade "$T/disk.raw" "$T/m" "keys=$T/k"
check_same "$T/fs" "$T/m/p1.raw"
denied "$T/m/p2.raw"
denied "$T/m/disk.raw"
check_same "$T/disk.raw" "$T/m/encrypted/disk.raw"
unmount "$T/m"
mount_ade "$T/disk.raw" "$T/m" "keys=$T/k,partial"
check_same "$T/half.raw" "$T/m/disk.raw"
denied "$T/m/p2.raw"
unmount "$T/m"
mount_ade "$T/disk.raw" "$T/m" "keys=$T/k,keys=$T/k2"
check_same "$T/all.raw" "$T/m/disk.raw"
unmount "$T/m"

say "an image that is cut under the mount"
cp "$T/disk.raw" "$T/cut.raw"
mount_ade "$T/cut.raw" "$T/m" "keys=$T/k,keys=$T/k2"
truncate -s 24M "$T/cut.raw"
python3 - "$T/m" "$T/all.raw" <<'PY'
import errno, os, sys
where, plain = sys.argv[1:]
want = open(plain, "rb").read()
for name, base in (("disk.raw", 0), ("p2.raw", 17 << 20)):
    fd, wrong, eio = os.open(os.path.join(where, name), os.O_RDONLY), 0, 0
    size = os.fstat(fd).st_size
    for at in range(0, size - 65536, 65536):
        try:
            got = os.pread(fd, 65536, at)
            assert got == want[base + at:base + at + len(got)] and got, "%s: wrong bytes at %d" % (name, at)
            # where the metadata lies zeros are shown, and nothing is read
            assert base + at < 24 << 20 or not any(got), "%s: bytes from nowhere at %d" % (name, at)
        except OSError as e:
            assert e.errno == errno.EIO, e
            # the boot sectors of the second volume lie behind the cut
            assert base + at + 65536 > 24 << 20 or base + at == 17 << 20, "%s: EIO at %d" % (name, at)
            eio += 1
    assert eio, name
PY
unmount "$T/m"

say "copies of the metadata that disagree"
volume --seed 1 --bek "$T/k" --nonce 5,9,7
mount_ade "$T/v" "$T/m" "keys=$T/k"
check_same "$T/fs" "$T/m/disk.raw"
[ "$(info '.partitions[0] | [.metadata_copy, .metadata_copies_differ] | map(tostring) | join(" ")')" = "2 true" ] || fail "$(info .)"
unmount "$T/m"
volume --seed 1 --bek "$T/k"
mount_ade "$T/v" "$T/m" "keys=$T/k"
[ "$(info '.partitions[0] | [.metadata_copy, .metadata_copies_differ] | map(tostring) | join(" ")')" = "1 false" ] || fail "$(info .)"
unmount "$T/m"

say "a conversion that is paused, of either sector size"
for sector in 512 4096; do
	volume --seed 1 --bek "$T/k" --sector $sector --encrypted-up-to $((8 * mib))
	mount_ade "$T/v" "$T/m" "keys=$T/k"
	check_same "$T/fs" "$T/m/disk.raw"
	[ "$(info '.partitions[0].encrypted_bytes')" = $((8 * mib)) ] || fail "$(info .)"
	unmount "$T/m"
done

say "To Go"
volume --seed 1 --bek "$T/k" --to-go
mount_ade "$T/v" "$T/m" "keys=$T/k"
check_same "$T/fs" "$T/m/disk.raw"
unmount "$T/m"

say "Vista"
volume --seed 1 --bek "$T/k"
printf '\xeb\x52\x90-FVE-FS-' | dd of="$T/v" bs=1 conv=notrunc status=none
dd if=/dev/zero of="$T/v" bs=1 seek=160 count=16 conv=notrunc status=none
expect_status 17 "$B/adebackup" mount "$T/v" "$T/m" --keys "$T/k"
expect_text "Vista" "$T/err"
expect_text "^  next: " "$T/err"
