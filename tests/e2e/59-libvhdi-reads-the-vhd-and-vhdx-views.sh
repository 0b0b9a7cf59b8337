#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# libvhdi, a reader of VHD and VHDX written by others, takes disk.vhd and disk.vhdx for what they
# are and reads the disk's bytes out of them, for sizes that need padding too.
. "$(dirname "$0")/lib.sh"
require vhdiinfo vhdimount fusermount

mkdir -p "$T/m" "$T/vhdi"
for bytes in $((8 << 20)) $((6 * 1048576 + 512)) $((37 * 1048576 + 65536)); do
	say "$bytes bytes"
	rm -f "$T/disk.raw"
	truncate -s "$bytes" "$T/disk.raw"
	for at in 0 2 5; do dd if=/dev/urandom of="$T/disk.raw" bs=1M seek=$at count=1 conv=notrunc status=none; done
	truncate -s "$bytes" "$T/disk.raw"
	mount_ade "$T/disk.raw" "$T/m"
	for view in disk.vhd disk.vhdx encrypted/disk.vhd; do
		vhdiinfo "$T/m/$view" >"$T/out"
		case $view in
		*.vhdx) expect_text 'Format.*VHDX \(version 2\)' "$T/out"; size=$bytes ;;
		*) expect_text 'Disk type.*Fixed' "$T/out"; size=$(((bytes + 1048575) / 1048576 * 1048576)) ;;
		esac
		expect_text "Media size.*\\($size bytes\\)" "$T/out"
		vhdimount "$T/m/$view" "$T/vhdi" >/dev/null
		defer eval "! is_mounted '$T/vhdi' || fusermount -u '$T/vhdi'"
		[ "$(stat -c %s "$T/vhdi/vhdi1")" = "$size" ] || fail "$view: another size"
		cmp -n "$bytes" "$T/vhdi/vhdi1" "$T/disk.raw" || fail "$view: other bytes"
		cmp -n $((size - bytes)) -i "$bytes:0" "$T/vhdi/vhdi1" /dev/zero || fail "$view: the padding is not zero"
		fusermount -u "$T/vhdi"
	done
	unmount "$T/m"
done
