#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The kernel's ext4 mounts the decrypted root of an ADE Linux disk, from p1.raw and from disk.raw.
. "$(dirname "$0")/lib.sh"
require cryptsetup mke2fs losetup sfdisk jq
require_root

mkdir -p "$T/tree/etc" "$T/tree/srv"
head -c 20M /dev/urandom >"$T/tree/srv/data"
cp /etc/os-release "$T/tree/etc/"
(cd "$T/tree" && find . -type f -exec sha256sum {} +) >"$T/sums"
"$ROOT/tests/make/ade-linux-disk" "$T/disk.raw" "$T/LinuxPassPhraseFileName" "$T/tree"
mount_ade "$T/disk.raw" "$T/m" "keys=$T"

loop_mount "$T/m/p1.raw" "$T/ext4" noload
(cd "$T/ext4" && sha256sum --quiet --strict -c "$T/sums")
umount "$T/ext4"

say "the same file system at its place in disk.raw"
start=$(sfdisk -J "$T/m/disk.raw" | jq '.partitiontable.partitions[] | select(.node | endswith("raw1")).start')
mkdir "$T/whole"
dev=$(losetup -r -f --show -o $((start * 512)) "$T/m/disk.raw")
defer losetup -d "$dev"
defer unmount "$T/whole"
mount -o ro,noload "$dev" "$T/whole"
(cd "$T/whole" && sha256sum --quiet --strict -c "$T/sums")

say "a file in it is in use: the mount is busy, and goes when it is free"
umount "$T/m" 2>/dev/null && fail "unmounted while a loop device used it"
(cd "$T/whole" && sha256sum --quiet --strict -c "$T/sums")
