#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 200
# The raw, VHD, VHDX and VMDK forms of a disk, decrypted and as stored, are disks that QEMU's own
# drivers start a machine from; so are the raw and VHD images that an overlay is exported to.
. "$(dirname "$0")/lib.sh"
require cryptsetup openssl mke2fs qemu-system-x86_64 qemu-img sfdisk
A=$B/adebackup

mkdir "$T/tree" "$T/k" "$T/m"
echo root >"$T/tree/file"
"$ROOT/tests/make/ade-linux-disk" "$T/os.raw" "$T/k/LinuxPassPhraseFileName" "$T/tree" luks2
"$ROOT/tests/make/boot-sector" "$T/os.raw" "started from the disk."

starts() {	# TEXT FORMAT FILE: a machine with this disk alone says TEXT
	local log=$T/serial pid said=0
	rm -f "$log"
	TMPDIR=$T qemu-system-x86_64 -accel tcg -machine pc,graphics=off -m 64 -nodefaults -display none -nic none \
		-serial "file:$log" -drive "if=ide,format=$2,snapshot=on,file=$3" >"$T/qemu" 2>&1 &
	pid=$!
	wait_for 30 grep -qa "$1" "$log" || said=$?
	kill "$pid" 2>/dev/null || said=2
	wait "$pid" 2>/dev/null || true
	[ "$said" = 0 ] || fail "$2 $3 does not start: $(cat "$T/qemu" "$log")"
}

"$A" mount "$T/os.raw" "$T/m" --keys "$T/k" --overlay "$T/o" --overlay-view encrypted/disk.raw
defer unmount "$T/m"
for at in "" encrypted/; do
	for form in raw:raw vpc:vhd vhdx:vhdx vmdk:vmdk; do
		file=$T/m/${at}disk.${form#*:}
		[ -e "$file" ] || { [ "$at${form#*:}" = encrypted/vmdk ] || [ "$at${form#*:}" = encrypted/vhdx ] || fail "no $file"; continue; }
		say "${at}disk.${form#*:}"
		starts "started from the disk" "${form%:*}" "$file"
	done
done

say "written through the mount, exported, started"
cp --sparse=always "$T/os.raw" "$T/new.raw"
"$ROOT/tests/make/boot-sector" "$T/new.raw" "started from the overlay."
dd if="$T/new.raw" of="$T/m/encrypted/disk.raw" bs=512 count=1 conv=notrunc status=none
"$A" umount "$T/m"
for form in raw vpc:vhd; do
	expect_status 0 "$A" overlay export "$T/os.raw" "$T/o" "$T/out.${form#*:}" --format "${form#*:}" --keys "$T/k"
	starts "started from the overlay" "${form%:*}" "$T/out.${form#*:}"
	rm "$T/out.${form#*:}"
done
rm "$T/o"

say "the same of a decrypted overlay"
"$A" mount "$T/os.raw" "$T/m" --keys "$T/k" --overlay "$T/o"
dd if="$T/new.raw" of="$T/m/disk.raw" bs=512 count=1 conv=notrunc status=none
"$A" umount "$T/m"
for form in raw vpc:vhd; do
	expect_status 0 "$A" overlay export "$T/os.raw" "$T/o" "$T/out.${form#*:}" --format "${form#*:}" --keys "$T/k"
	starts "started from the overlay" "${form%:*}" "$T/out.${form#*:}"
done
starts "started from the disk" raw "$T/os.raw"
