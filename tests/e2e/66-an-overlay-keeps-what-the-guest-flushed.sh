#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# overlay=: a decrypted disk is written to by the kernel's ext4 and by QEMU's tools; what was synced
# survives kill -9 of the mount; the source never changes; clones are independent; only the disk
# that an overlay was made over is taken.
. "$(dirname "$0")/lib.sh"
require cryptsetup mke2fs losetup e2fsck qemu-io qemu-img sfdisk jq
require_root

mkdir -p "$T/tree/etc" "$T/d"
head -c 2M /dev/urandom >"$T/tree/etc/file"
"$ROOT/tests/make/ade-linux-disk" "$T/disk.raw" "$T/LinuxPassPhraseFileName" "$T/tree"
before=$(sha "$T/disk.raw")

# mount_rw OVERLAY [SPEC [MORE]]
mount_rw() {
	mount_ade "${2:-$T/disk.raw}" "$T/m" "keys=$T,overlay=$1${3:+,$3}"
}
ext4_of() {
	local dev
	mkdir -p "$T/ext4"
	dev=$(losetup -f --show "$1")
	mount "$dev" "$T/ext4"
	echo "$dev" >"$T/dev"
	defer ext4_left
}
ext4_gone() {
	umount "$T/ext4"
	losetup -d "$(cat "$T/dev")"
}

ext4_left() {
	! is_mounted "$T/ext4" || ext4_gone
}

say "announced as plaintext, 0600, writable; the base is not"
mount_rw "$T/a" 2>"$T/err"
expect_text 'plaintext' "$T/err"
[ "$(stat -c %a "$T/a")" = 600 ] || fail "mode of the overlay: $(stat -c %a "$T/a")"
for view in disk.raw disk.vhd p1.raw; do
	[ "$(stat -c %a "$T/m/$view")" = 600 ] || fail "$view is not writable"
done
[ "$(stat -c %a "$T/m/encrypted/disk.raw")" = 400 ] || fail "the view without overlay is writable"
[ "$(stat -c %a "$T/m/disk.vhdx")" = 400 ] || fail "disk.vhdx is writable"

say "in use: nobody else gets it"
mkdir -p "$T/m2"
expect_status 11 "$B/adebackup" mount "$T/disk.raw" "$T/m2" --keys "$T" --overlay "$T/a"
expect_text 'next: unmount' "$T/err"

say "ext4 on a loop device: write, sync, kill -9, mount again, fsck"
ext4_of "$T/m/p1.raw"
head -c 9M /dev/urandom >"$T/new"
cp "$T/new" "$T/ext4/new"
rm "$T/ext4/etc/file"
sync -f "$T/ext4/new"
kill -9 "$(ade_pid "$T/m")"
umount -l "$T/ext4" && losetup -d "$(cat "$T/dev")"
umount -l "$T/m" 2>/dev/null || true
mount_rw "$T/a"
e2fsck -fy "$T/m/p1.raw" >"$T/fsck" 2>&1 || [ $? -le 1 ] || { cat "$T/fsck"; fail "fsck"; }
e2fsck -fn "$T/m/p1.raw" >"$T/fsck" 2>&1 || { cat "$T/fsck"; fail "fsck, second time"; }
ext4_of "$T/m/p1.raw"
check_same "$T/new" "$T/ext4/new"
[ ! -e "$T/ext4/etc/file" ] || fail "a removed file is back"

say "discard frees space"
full=$(stat -c %b "$T/a")
rm "$T/ext4/new"
sync -f "$T/ext4"
fstrim "$T/ext4"
sync -f "$T/ext4"
[ "$(stat -c %b "$T/a")" -lt $((full - 16000)) ] || fail "$full blocks before, $(stat -c %b "$T/a") after"
ext4_gone
e2fsck -fn "$T/m/p1.raw" >"$T/fsck" 2>&1 || { cat "$T/fsck"; fail "fsck after fstrim"; }

say "QEMU writes, flushes, and sees it in disk.vhd too; holes are holes"
qemu-io -f raw -c 'write -P 0x5a 1M 64k' -c 'write -P 0x77 4k 512' -c 'flush' -c 'discard 1088k 64k' \
	-c 'read -P 0 1088k 64k' "$T/m/disk.raw" >"$T/qemu" || { cat "$T/qemu"; fail "qemu-io"; }
grep -qi 'fail\|error' "$T/qemu" && { cat "$T/qemu"; fail "qemu-io"; }
qemu-io -r -f vpc -c 'read -P 0x5a 1M 64k' -c 'read -P 0x77 4k 512' -c 'read -P 0 1088k 64k' "$T/m/disk.vhd" >"$T/qemu"
grep -qi 'fail\|error' "$T/qemu" && { cat "$T/qemu"; fail "qemu-io on disk.vhd"; }
qemu-img convert -f raw -O qcow2 "$T/m/disk.raw" "$T/copy.qcow2"
qemu-img compare -f raw -F qcow2 "$T/m/disk.raw" "$T/copy.qcow2"
unmount "$T/m"
mount_rw "$T/a"
qemu-img compare -f raw -F qcow2 "$T/m/disk.raw" "$T/copy.qcow2"
unmount "$T/m"

say "clones of one base are independent; a folder has one for each view; tmp leaves nothing"
mount_rw "$T/b" 2>/dev/null
qemu-io -r -f raw -c 'read -P 0x5a 1M 64k' "$T/m/disk.raw" >/dev/null 2>&1 &&
	fail "a fresh clone shows another's writes"
unmount "$T/m"
mount_rw "$T/d" 2>/dev/null
qemu-io -f raw -c 'write -P 1 0 4k' "$T/m/encrypted/disk.raw" >/dev/null
qemu-io -f raw -c 'write -P 2 8k 4k' "$T/m/disk.raw" >/dev/null
unmount "$T/m"
[ "$(cd "$T/d" && echo *)" = "disk.raw.disk.overlay disk.raw.encrypted.overlay" ] || fail "$(ls "$T/d")"
TMPDIR=$T/d mount_rw tmp 2>/dev/null
qemu-io -f raw -c 'write -P 3 0 4k' -c 'read -P 3 0 4k' "$T/m/disk.raw" >/dev/null
unmount "$T/m"
[ "$(find "$T/d" -type f | wc -l)" = 2 ] || fail "a temporary overlay left something"

say "only what it was made over"
cp --sparse=always "$T/disk.raw" "$T/other.raw"
printf x | dd of="$T/other.raw" bs=1 seek=700 conv=notrunc status=none
expect_status 2 "$B/adebackup" mount "$T/other.raw" "$T/m2" --keys "$T" --overlay "$T/a"
expect_text 'another disk' "$T/err"
expect_status 2 "$B/adebackup" mount "$T/disk.raw" "$T/m2" --keys "$T" --overlay "$T/a" --overlay-view encrypted/disk.raw
expect_status 16 "$B/adebackup" mount "$T/disk.raw" "$T/m2" --keys "$T" --overlay "$T/new"
chmod 640 "$T/a"
expect_status 14 "$B/adebackup" mount "$T/disk.raw" "$T/m2" --keys "$T" --overlay "$T/a"

say "without a key: the encrypted view alone can have one"
mkdir "$T/nokeys"
mount_ade "$T/disk.raw" "$T/m2" "overlay=$T/e,overlay-view=encrypted/disk.raw" 2>/dev/null
qemu-io -f raw -c 'write -P 9 0 512' "$T/m2/encrypted/disk.raw" >/dev/null
unmount "$T/m2"
check_sha "$T/disk.raw" "$before" "the source"
