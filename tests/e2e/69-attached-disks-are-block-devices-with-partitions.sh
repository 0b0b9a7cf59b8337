#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# alone: it looks at what else this machine has mounted
# adebackup attach and detach: a decrypted disk as a loop device with its partitions, on a kernel that
# reads no partition tables; twins of this machine's file systems are named; all goes again.
. "$(dirname "$0")/lib.sh"
require lvm addpart unshare cryptsetup mke2fs mkfs.vfat losetup sfdisk blockdev findmnt jq
require_root

mkdir -p "$T/tree" "$T/fs" "$T/twin"
seq 1 100000 >"$T/tree/numbers"
sum=$(sha "$T/tree/numbers")
"$ROOT/tests/make/ade-linux-disk" "$T/disk.raw" "$T/key" "$T/tree"

# attach OPTIONS…: $device is the new one; its folder is $dir
attach() {
	local status=0
	"$B/adebackup" attach "$T/disk.raw" --json "$@" >"$T/json" 2>"$T/err" || status=$?
	device=$(jq -r '.devices[0].device' "$T/json")
	defer eval "'$B/adebackup' detach $device 2>/dev/null || true"
	dir=$(dirname "$(losetup -n -O BACK-FILE "$device")")
	[ $status = 0 ] || cat "$T/json" "$T/err"
	return $status
}

# by now it may be somebody else's
ours() { losetup -n -O BACK-FILE "$device" 2>/dev/null | grep -qF "$dir/"; }
gone() {
	ours && fail "$device is still there"
	is_mounted "$dir" && fail "$dir is still mounted"
	wait_for 5 test ! -e "$dir"
}

say "disk.raw and its partitions"
attach --bek "$T/key"
[ "$(blockdev --getro "$device")" = 1 ] || fail "writable"
[ "$(blockdev --getsize64 "$device")" = "$(stat -c %s "$T/disk.raw")" ] || fail "another size"
diff <(jq -r '.devices[0].partitions[] | "\(.n) \(.holds)"' "$T/json" | sort) \
	<(printf '%s\n' "1 ext4" "14 " "15 vfat" "2 ext4") || fail "$(cat "$T/json")"
sfdisk -J "$T/disk.raw" | jq -r '.partitiontable.partitions[] | "\(.node[-2:] | gsub("[^0-9]"; "")) \(.start) \(.size)"' |
	while read -r n start size; do
		part=/sys/class/block/${device#/dev/}p$n
		[ "$(cat "$part/start" "$part/size" | paste -sd' ')" = "$start $size" ] || fail "partition $n lies elsewhere"
	done
diff <(blkid -p -o value -s UUID "${device}p1" "${device}p2" "${device}p15") \
	<(jq -r '.devices[0].partitions | sort_by(.n)[] | .uuid // empty' "$T/json") || fail "UUIDs differ from blkid's"
mount -o ro,noload "${device}p1" "$T/fs"
defer unmount "$T/fs"
check_sha "$T/fs/numbers" "$sum"

say "in use: 11, and nothing of it goes"
expect_status 11 "$B/adebackup" detach "$device"
expect_text "${device}p1 is in use" "$T/err"
[ -b "${device}p15" ] || fail "a partition went all the same"
check_sha "$T/fs/numbers" "$sum"

say "attached again, while it is mounted: the twin is named, exit code 3"
first=$device firstdir=$dir
expect_status 3 attach --bek "$T/key"
jq -e --arg d "${first}p1" '.warnings[] | select(.text | startswith("p1 ") and contains($d))' "$T/json" >/dev/null ||
	fail "no word of the twin: $(cat "$T/json")"
"$B/adebackup" detach "${device}p2"
gone
unmount "$T/fs"
device=$first dir=$firstdir
"$B/adebackup" detach "$device"
gone

say "partitions that somebody left on a free loop device do not stay"
left=$(losetup -f --show "$T/disk.raw")
addpart "$left" 5 0 8
losetup -d "$left"
[ -e "/sys/class/block/${left#/dev/}p5" ] || fail "nothing was left on $left, so this shows nothing"
attach --bek "$T/key" --view p1.raw
[ "$device" != "$left" ] || [ ! -e "/sys/class/block/${left#/dev/}p5" ] || fail "what was left is still there"
"$B/adebackup" detach "$device"
gone

say "its name is somebody else's at once, and stays so when the daemon ends"
attach --bek "$T/key" --view p1.raw
losetup -d "$device"
other=$device
if losetup -r "$other" "$T/disk.raw"; then
	kill "$(ade_pid "$T/disk.raw")"
	wait_for 5 test ! -e "$dir"
	[ "$(losetup -n -O BACK-FILE "$other")" = "$T/disk.raw" ] || fail "it took somebody else's device away"
	losetup -d "$other"
else
	kill "$(ade_pid "$T/disk.raw")"	# taken by another test in that moment
fi

say "one partition; the process that serves it is killed; detach works all the same"
attach --bek "$T/key" --view p1.raw
[ "$(jq '.devices[0].partitions | length' "$T/json")" = 0 ] || fail "partitions of a partition"
check_sha <(dd if="$device" bs=1M status=none) "$(sha "$dir/p1.raw")" "$device"
kill -9 "$(ade_pid "$T/disk.raw")"
"$B/adebackup" detach "$device"
gone

say "a daemon that is told to go takes its devices along"
attach --bek "$T/key"
kill "$(ade_pid "$T/disk.raw")"
wait_for 10 eval "! ours"
gone

say "sectors of 4096 bytes"
truncate -s 40M "$T/fat"
mkfs.vfat -S 4096 -n BIG "$T/fat" >/dev/null
truncate -s 48M "$T/big"
python3 - "$T/big" "$T/fat" <<'END'
import struct, sys, zlib
s, size = 4096, 48 << 20
f = open(sys.argv[1], "r+b")
row = bytes.fromhex("a2a0d0ebe5b9334487c068b6b72699c7") + b"\x11" * 16 + struct.pack("<QQQ", 256, 256 + 10239, 0) + bytes(72)
array = row + bytes(128 * 127)
mbr = bytearray(s)
mbr[446:462] = bytes([0, 0, 2, 0, 0xee, 255, 255, 255]) + struct.pack("<II", 1, size // s - 1)
mbr[510:512] = b"\x55\xaa"
def header(crc=0):
    return struct.pack("<8sIIIIQQQQ16sQIII", b"EFI PART", 0x10000, 92, crc, 0, 1, size // s - 1, 6, size // s - 6,
                       b"\x22" * 16, 2, 128, 128, zlib.crc32(array))
f.write(mbr)
f.write(header(zlib.crc32(header())).ljust(s, b"\0"))
f.write(array)
f.seek(1 << 20)
f.write(open(sys.argv[2], "rb").read())
END
mv "$T/big" "$T/disk.raw"
attach || [ $? = 3 ] || fail "attach: $(cat "$T/err")"
[ "$(blockdev --getss "$device")" = 4096 ] || fail "sectors of another size"
[ "$(jq -r '.devices[0].partitions[0].holds' "$T/json")" = vfat ] || fail "$(cat "$T/json")"
check_sha <(head -c 40M "${device}p1") "$(sha "$T/fat")" "${device}p1"
"$B/adebackup" detach "$device"
gone

say "a volume group that this machine has too is named, and its volume can be attached alone"
export LVM_SYSTEM_DIR=$T/lvm LVM_SUPPRESS_FD_WARNINGS=1
mkdir "$T/lvm"
rm "$T/disk.raw"
truncate -s 34M "$T/disk.raw"
echo 'start=2048, size=65536' | sfdisk -q --label gpt "$T/disk.raw"
pv=$(losetup -f --show -o 1M --sizelimit 32M "$T/disk.raw")
on() { lvm "$@" --config "devices{filter=[\"a|^$pv\$|\",\"r|.*|\"] use_devicesfile=0}" >/dev/null 2>&1; }
on pvcreate "$pv"
on vgcreate -s 1M guest-vg "$pv"
on lvcreate --driverloaded n -an -Zn -Wn -L 20M -n root guest-vg
losetup -d "$pv"
attach
[ "$(jq '.warnings | length' "$T/json")" = 0 ] || fail "a trap where there is none: $(cat "$T/json")"
"$B/adebackup" detach "$device"
gone
# a mount namespace of its own, in which LVM has a backup of such a group
unshare -m bash -e -o pipefail -c '
	mkdir -p /etc/lvm/backup
	mount -t tmpfs none /etc/lvm
	mkdir /etc/lvm/backup
	touch /etc/lvm/backup/guest-vg
	status=0
	"$B/adebackup" attach "$T/disk.raw" --json >"$T/json" || status=$?
	"$B/adebackup" detach "$(jq -r ".devices[0].device" "$T/json")"
	[ "$status" = 3 ]
	"$B/adebackup" attach "$T/disk.raw" --view guest-vg-root.raw --json >"$T/json2"
	"$B/adebackup" detach "$(jq -r ".devices[0].device" "$T/json2")"
' 2>"$T/err"
jq -e '.warnings[] | select(.text | contains("guest-vg"))' "$T/json" >/dev/null || fail "no word of the group"
[ "$(jq -c .warnings "$T/json2")" = "[]" ] || fail "a trap where there is none: $(cat "$T/json2")"

say "refusals: a locked volume 13, no such view 10, a device of somebody else 2, no root 14"
rm "$T/disk.raw"
"$ROOT/tests/make/ade-linux-disk" "$T/disk.raw" "$T/key" "$T/tree"
expect_status 13 "$B/adebackup" attach "$T/disk.raw"
expect_text 'volume in it is locked' "$T/err"
expect_status 10 "$B/adebackup" attach "$T/disk.raw" --bek "$T/key" --view p9.raw
other=$(losetup -f --show "$T/disk.raw")
defer losetup -d "$other"
expect_status 2 "$B/adebackup" detach "$other"
expect_status 14 setpriv --reuid 65534 --clear-groups "$B/adebackup" attach "$T/disk.raw"
