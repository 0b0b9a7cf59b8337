#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# disk.vmdk describes disk.raw to qemu-img: right type, size and bytes, holes kept; an overlay over
# it works; there is none for a disk of half a sector; it is as locked as disk.raw.
. "$(dirname "$0")/lib.sh"
require qemu-img qemu-io mke2fs jq

mkdir -p "$T/m"
truncate -s 64M "$T/disk.raw"
for at in 0 20 63; do dd if=/dev/urandom of="$T/disk.raw" bs=1M seek=$at count=1 conv=notrunc status=none; done
mount_ade "$T/disk.raw" "$T/m"
qemu-img info --output=json "$T/m/disk.vmdk" >"$T/out"
[ "$(jq -r '.format + " " + .["format-specific"].data["create-type"]' "$T/out")" = "vmdk monolithicFlat" ] || fail "$(cat "$T/out")"
[ "$(jq '.["virtual-size"]' "$T/out")" = $((64 << 20)) ] || fail "another size"
qemu-img compare -f vmdk -F raw "$T/m/disk.vmdk" "$T/disk.raw"
qemu-img convert -f vmdk -O qcow2 "$T/m/disk.vmdk" "$T/copy.qcow2"
qemu-img compare "$T/copy.qcow2" "$T/disk.raw"
[ "$(stat -c %s "$T/copy.qcow2")" -lt 8000000 ] || fail "holes were copied"
say "written to through an overlay of qemu's"
qemu-img create -q -f qcow2 -b "$T/m/disk.vmdk" -F vmdk "$T/over.qcow2"
qemu-io -c 'write -P 7 1M 64k' "$T/over.qcow2" >"$T/out"
qemu-io -c 'read -P 7 1M 64k' "$T/over.qcow2" >"$T/out"
expect_text '65536/65536' "$T/out"
unmount "$T/m"

say "3 TB"
truncate -s 3000000000000 "$T/disk.raw"
mount_ade "$T/disk.raw" "$T/m"
[ "$(qemu-img info --output=json "$T/m/disk.vmdk" | jq '.["virtual-size"]')" = 3000000000000 ] || fail "another size"
unmount "$T/m"

say "half a sector more"
truncate -s 1000256 "$T/disk.raw"
mount_ade "$T/disk.raw" "$T/m"
[ -e "$T/m/disk.vmdk" ] && fail "it hides bytes"
[ -e "$T/m/disk.raw" ] || fail "no disk.raw"
unmount "$T/m"

say "locked"
mkdir "$T/k"
mke2fs -q -t ext4 "$T/fs" 16M >/dev/null 2>&1
"$B/tests/make/mkbitlocker" --seed 2 --bek "$T/k" "$T/fs" "$T/v" >/dev/null
mkdir -p "$T/m"
defer unmount "$T/m"
expect_status 3 "$B/adebackup" mount "$T/v" "$T/m"
cat "$T/m/disk.vmdk" >"$T/out" 2>/dev/null && fail "it opens"
unmount "$T/m"
