#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# adebackup files: the file systems of LUKS, BitLocker and LVM volumes and of FAT partitions under one
# folder, read-only; one file out of each; what cannot be mounted is named; nothing is left behind.
. "$(dirname "$0")/lib.sh"
require cryptsetup mke2fs mkfs.xfs mkfs.vfat mcopy mkntfs ntfs-3g fusefat lvm losetup sfdisk jq
require_root

mib=$((1 << 20))
mkdir -p "$T/tree/etc" "$T/keys" "$T/m"
seq 1 100000 >"$T/tree/etc/numbers"
sum=$(sha "$T/tree/etc/numbers")
head -c 128 /dev/urandom | base64 -w0 >"$T/key"

# encrypted IMAGE: $T/volume is it in LUKS2, header in front
encrypted() {
	cp --sparse=always "$1" "$T/volume"
	truncate -s +32M "$T/volume"
	cryptsetup reencrypt --encrypt --batch-mode --type luks2 --reduce-device-size 32M --pbkdf pbkdf2 \
		--pbkdf-force-iterations 1000 --key-file "$T/key" "$T/volume" >/dev/null
}

# partition FILE: $T/disk.raw with it as partition 1
partition() {
	local size=$(($(stat -c %s "$1") / mib))
	rm -f "$T/disk.raw"
	truncate -s $((size + 2))M "$T/disk.raw"
	echo "start=2048, size=$((size * 2048))" | sfdisk -q --label gpt "$T/disk.raw"
	dd if="$1" of="$T/disk.raw" bs="$mib" seek=1 conv=notrunc,sparse status=none
}

# nothing_left: neither mount, loop device nor folder
nothing_left() {
	is_mounted "$T/m" && fail "$T/m is still mounted"
	grep -E "$T|$images" /proc/self/mounts && fail "mounts are left"
	wait_for 5 eval "! losetup -l -n -O BACK-FILE | grep -q '$images'"
	wait_for 5 test ! -e "$images"
}
images=none

files() {
	defer eval "is_mounted '$T/m' && '$B/adebackup' umount '$T/m'"
	"$B/adebackup" files "$T/disk.raw" "$T/m" "$@" >"$T/out"
	images=$(findmnt -n -o SOURCE "$T/m")
}
take_away() {
	"$B/adebackup" umount "$T/m"
	nothing_left
}

say "an ADE Linux system disk: LUKS ext4, plain ext4, FAT"
"$ROOT/tests/make/ade-linux-disk" "$T/disk.raw" "$T/pass" "$T/tree"
mmd -i "$T/disk.raw@@5M" ::/EFI
mcopy -i "$T/disk.raw@@5M" "$T/tree/etc/numbers" "::/EFI/A long name.txt"
files --bek "$T/pass"
check_sha "$T/m/p1/etc/numbers" "$sum"
check_sha "$T/m/p15/EFI/A long name.txt" "$sum"
[ -s "$T/m/p2/luks/osluksheader" ] || fail "no /boot"
expect_text '^p14 .*not mounted: no file system' "$T/out"
[ -e "$T/m/NOT-MOUNTED.txt" ] && fail "an empty partition counts as not mounted"
say "read-only, nosuid, nodev, noexec"
for p in p1 p2 p15; do
	findmnt -n -o OPTIONS "$T/m/$p" >"$T/options"
	for o in ro nosuid nodev noexec; do
		grep -qE "(^|,)$o(,|\$)" "$T/options" || fail "$p is mounted with $(cat "$T/options")"
	done
done
touch "$T/m/p1/x" 2>/dev/null && fail "written to"
touch "$T/m/x" 2>/dev/null && fail "the folder is writable"
say "in use: busy, exit code 11; then it goes"
exec 9<"$T/m/p1/etc/numbers"
expect_status 11 "$B/adebackup" umount "$T/m"
exec 9<&-
take_away

say "LUKS xfs, as JSON"
printf '/\n0 0\nd--755 0 0\netc d--755 0 0\nnumbers ---644 0 0 %s\n$\n$\n' "$T/tree/etc/numbers" >"$T/proto"
truncate -s 44M "$T/fs"
mkfs.xfs -q --unsupported -p "$T/proto" "$T/fs" >/dev/null
encrypted "$T/fs"
partition "$T/volume"
files --bek "$T/key" --json
[ "$(jq -r '.file_systems[] | .name + " " + .holds + " " + .dir' "$T/out")" = "p1 xfs $T/m/p1" ] || fail "$(cat "$T/out")"
check_sha "$T/m/p1/etc/numbers" "$sum"
take_away

say "BitLocker NTFS"
truncate -s 24M "$T/ntfs"
mkntfs -q -Q -F -p 2048 -H 255 -S 63 "$T/ntfs" >/dev/null 2>&1
mkdir "$T/w"
defer unmount "$T/w"
ntfs-3g "$T/ntfs" "$T/w"
cp "$T/tree/etc/numbers" "$T/w/"
unmount "$T/w"
wait_for 10 ntfsfix -n "$T/ntfs"
"$B/tests/make/mkbitlocker" --cipher aes-xts-256 --bek "$T/keys" "$T/ntfs" "$T/volume" >/dev/null
partition "$T/volume"
files --keys "$T/keys"
check_sha "$T/m/p1/numbers" "$sum"
take_away

say "LVM in LUKS: the logical volume is there, the physical one is no loss"
export LVM_SYSTEM_DIR=$T/lvm LVM_SUPPRESS_FD_WARNINGS=1
mkdir "$T/lvm"
truncate -s 32M "$T/pv"
dev=$(losetup -f --show "$T/pv")
defer losetup -d "$dev"
on() { lvm "$@" --config "devices{filter=[\"a|^$dev\$|\",\"r|.*|\"] use_devicesfile=0}" >/dev/null 2>&1; }
on pvcreate "$dev"
on vgcreate -s 1M rootvg "$dev"
on lvcreate --driverloaded n -an -Zn -Wn -L 20M -n root rootvg
mke2fs -q -t ext4 -d "$T/tree" "$T/fs4" 20M >/dev/null
dd if="$T/fs4" of="$dev" bs="$mib" seek=1 conv=fsync status=none	# extent 0 lies at 1 MiB
encrypted "$T/pv"
partition "$T/volume"
files --bek "$T/key"
check_sha "$T/m/rootvg-root/etc/numbers" "$sum"
expect_text '^p1 +lvm +not mounted: an LVM physical volume' "$T/out"
take_away

say "a volume that no key opens is named; exit code 3"
expect_status 3 "$B/adebackup" files "$T/disk.raw" "$T/m"
expect_text '^p1 .*not mounted: ' "$T/out"
expect_text '^p1: ' "$T/m/NOT-MOUNTED.txt"
take_away
say "the wrong key: 12, and nothing is mounted"
expect_status 12 "$B/adebackup" files "$T/disk.raw" "$T/m" --bek "$T/pass"
nothing_left
say "a broken file system is named"
cp "$T/fs" "$T/broken"
dd if=/dev/urandom of="$T/broken" bs=512 seek=1 count=1 conv=notrunc status=none
dd if=/dev/zero of="$T/broken" bs=1 seek=100 count=8 conv=notrunc status=none
partition "$T/broken"
expect_status 3 "$B/adebackup" files "$T/disk.raw" "$T/m"
expect_text '^p1 +xfs +not mounted: the kernel refuses this xfs' "$T/out"
take_away

say "not root: 14, with a way out"
expect_status 14 setpriv --reuid 65534 --clear-groups "$B/adebackup" files "$T/disk.raw" "$T/m"
expect_text 'only root' "$T/err"
say "umount -R: the images go too"
partition "$T/fs"
files
umount -R "$T/m"
nothing_left
say "the daemon is told to go: all goes with it"
files
kill "$(ade_pid "$T/disk.raw")"
wait_for 10 eval "! is_mounted '$T/m'"
nothing_left
