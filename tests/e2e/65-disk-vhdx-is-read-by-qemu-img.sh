#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# disk.vhdx is a sound VHDX to qemu-img, with the bytes of the source: with holes, an odd size, and
# beyond 2 TiB.
. "$(dirname "$0")/lib.sh"
require qemu-img jq

# sound FILE BYTES: qemu-img sees a VHDX of that size, and finds no fault.
sound() {
	qemu-img info --output=json -f vhdx "$1" >"$T/info"
	jq -e --argjson n "$2" '."virtual-size" == $n and .format == "vhdx"' "$T/info" >/dev/null ||
		fail "qemu sees something else: $(cat "$T/info")"
	qemu-img info "$1" | grep -q '^file format: vhdx' || fail "qemu does not recognise $1"
	qemu-img check -f vhdx "$1"
}

say "holes and an odd size: padded to a sector"
truncate -s $((101 * 1048576 + 1000)) "$T/odd.raw"
head -c 3M /dev/urandom | dd of="$T/odd.raw" bs=1M seek=31 conv=notrunc status=none
head -c 1000 /dev/urandom | dd of="$T/odd.raw" bs=1M seek=101 conv=notrunc status=none
mount_ade "$T/odd.raw" "$T/odd"
sound "$T/odd/disk.vhdx" $((101 * 1048576 + 1024))
qemu-img compare -f vhdx -F raw "$T/odd/disk.vhdx" "$T/odd.raw"

say "5 TiB: more than one chunk of the block table"
truncate -s 5T "$T/large.raw"
for at in 0 2097153 4194305 5242879; do
	head -c 1M /dev/urandom | dd of="$T/large.raw" bs=1M seek=$at conv=notrunc status=none
done
mount_ade "$T/large.raw" "$T/large"
sound "$T/large/disk.vhdx" $((5 << 40))
for at in 0 2097153 4194305 5242879; do
	qemu-img dd -f vhdx -O raw bs=1M skip=$at count=$((at + 1)) if="$T/large/disk.vhdx" of="$T/part" >/dev/null
	dd if="$T/large.raw" bs=1M skip=$at count=1 status=none | cmp - "$T/part" || fail "other bytes at $at MiB"
done
