#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# ntfs-3g mounts the BitLocker volume of a Windows disk through our view; every file is right.
. "$(dirname "$0")/lib.sh"
require ntfs-3g mkntfs ntfsfix sfdisk fusermount3

mkdir -p "$T/files" "$T/keys" "$T/w" "$T/r"
for n in 1 2 3 4 5 6 7 8; do head -c "$((n * n * 50000 + n))" /dev/urandom >"$T/files/file $n.bin"; done
(cd "$T/files" && sha256sum ./*) >"$T/sums"
truncate -s 96M "$T/ntfs"
mkntfs -q -Q -F -L Windows -p 2048 -H 255 -S 63 "$T/ntfs" >/dev/null 2>&1
ntfs-3g "$T/ntfs" "$T/w"
defer unmount "$T/w"
mkdir -p "$T/w/Users/ünïcode name"
cp "$T/files/"* "$T/w/Users/ünïcode name/"
unmount "$T/w"
wait_for 10 ntfsfix -n "$T/ntfs"

for cipher in aes-xts-256 aes-xts-128 aes-cbc-256 aes-cbc-elephant-128; do
	say "$cipher"
	rm -f "$T/keys/"*
	"$B/tests/make/mkbitlocker" --cipher "$cipher" --bek "$T/keys" "$T/ntfs" "$T/volume" >/dev/null
	rm -f "$T/disk.raw"
	truncate -s 98M "$T/disk.raw"
	echo 'start=2048, size=196608, type=7' | sfdisk -q --label dos "$T/disk.raw"
	dd if="$T/volume" of="$T/disk.raw" bs=1M seek=1 conv=notrunc,sparse status=none
	mount_ade "$T/disk.raw" "$T/m" "keys=$T/keys"
	ntfs-3g -o ro "$T/m/p1.raw" "$T/r"
	defer unmount "$T/r"
	(cd "$T/r/Users/ünïcode name" && sha256sum --quiet --strict -c "$T/sums")
	unmount "$T/r"
	wait_for 3 eval "! pgrep -af '^ntfs-3g .*$T/m'"
	check_same "$T/m/p1.raw" "$T/ntfs"
	unmount "$T/m"
done
