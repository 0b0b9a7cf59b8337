#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The OS disk of an ADE Linux VM: no LUKS signature where the data are; the header is a file on the
# plain boot partition of the same disk, or one that the user names.
. "$(dirname "$0")/lib.sh"
require sfdisk mke2fs cryptsetup jq debugfs

mkdir -p "$T/m" "$T/keys" "$T/tree/etc"
head -c 2M /dev/urandom >"$T/tree/data"
echo web01 >"$T/tree/etc/hostname"
key=$T/keys/LinuxPassPhraseFileName
PLAIN=$T/plain.raw "$ROOT/tests/make/ade-linux-disk" "$T/disk.raw" "$key" "$T/tree" luks2
info() { jq -r "$1" "$T/m/info.json"; }
root_is_open() {
	[ "$(info '.partitions[] | select(.n == 1) | .state + " " + .what + " " + .inside')" = "open luks ext4" ] ||
		fail "partition 1: $(info '.partitions[] | select(.n == 1)')"
	check_same "$T/plain.raw" "$T/m/disk.raw"
	cmp <(dd if="$T/plain.raw" bs=1M skip=87 count=128 status=none) "$T/m/p1.raw" || fail "p1.raw differs"
}

say "by itself, the key among a folder's files"
head -c 64 /dev/urandom >"$T/keys/a-file-that-sorts-before"
for n in {1..40}; do echo "file $n" >"$T/keys/other-$n"; done
mount_ade "$T/disk.raw" "$T/m" "keys=$T/keys"
root_is_open
[ "$(info '.partitions[] | select(.n == 1) | .header')" = "partition 2: /luks/osluksheader" ] || fail "header"
[ "$(info '.partitions[] | select(.n == 1) | .opened_by')" = LinuxPassPhraseFileName ] || fail "opened_by"
unmount "$T/m"

say "a key of another name behind 16 others is not reached, and that is said"
mkdir "$T/many"
for n in {10..26}; do echo "file $n" >"$T/many/$n"; done
cp "$key" "$T/many/zzz"
expect_status 12 "$B/adebackup" mount "$T/disk.raw" "$T/m" --keys "$T/many"
expect_text "none of the first 16 keys" "$T/err"
expect_text "try-all-keys" "$T/err"
mount_ade "$T/disk.raw" "$T/m" "keys=$T/many,try-all-keys"
root_is_open
unmount "$T/m"

say "no key: locked, and disk.raw refuses; wrong key: 12"
expect_status 3 "$B/adebackup" mount "$T/disk.raw" "$T/m"
expect_text "partition 1: no key given opens this LUKS volume" "$T/err"
expect_text "LinuxPassPhraseFileName" "$T/err"
if head -c 1 "$T/m/disk.raw" >/dev/null 2>"$T/err"; then fail "disk.raw opened"; fi
check_same "$T/disk.raw" "$T/m/encrypted/disk.raw"
unmount "$T/m"
cp "$key" "$T/longer" && echo >>"$T/longer"
expect_status 12 "$B/adebackup" mount "$T/disk.raw" "$T/m" --bek "$T/longer"
expect_text "no LUKS key slot opens" "$T/err"

say "the header named by the user, as a file and at an offset in another"
dd if="$T/disk.raw" of="$T/boot" bs=1M skip=39 count=48 status=none
debugfs -R "dump /luks/osluksheader $T/header" "$T/boot" 2>/dev/null
cp "$T/disk.raw" "$T/bare.raw"
dd if=/dev/zero of="$T/bare.raw" bs=1M seek=39 count=48 conv=notrunc status=none
mount_ade "$T/bare.raw" "$T/m" "bek=$key,header=$T/header"
[ "$(info '.partitions[] | select(.n == 1) | .state')" = open ] || fail "not open by header=FILE"
cmp <(dd if="$T/plain.raw" bs=1M skip=87 count=128 status=none) "$T/m/p1.raw" || fail "p1.raw differs"
unmount "$T/m"
{ head -c 12288 /dev/zero; cat "$T/header"; } >"$T/shifted"
mount_ade "$T/bare.raw" "$T/m" "bek=$key,header=$T/shifted@12288"
[ "$(info '.partitions[] | select(.n == 1) | .state')" = open ] || fail "not open by header=FILE@OFFSET"
unmount "$T/m"
expect_status 16 "$B/adebackup" mount "$T/bare.raw" "$T/m" --bek "$key" --header "$T/shifted"
expect_text "shifted" "$T/err"
expect_status 10 "$B/adebackup" mount "$T/bare.raw" "$T/m" --bek "$key" --header "$T/missing"

say "a header whose file lies in pieces between others, with holes"
mkdir "$T/boot.d"
truncate -s 48M "$T/boot2"
mke2fs -q -t ext2 -b 1024 "$T/boot2"
{
	echo "mkdir luks"
	for n in {1..40}; do
		head -c 900K /dev/urandom >"$T/boot.d/$n"
		echo "write $T/boot.d/$n $n"
	done
	for n in {2..40..2}; do echo "rm $n"; done
	cp --sparse=always "$T/header" "$T/boot.d/header"
	echo "cd luks"
	echo "write $T/boot.d/header osluksheader"
} | debugfs -w -f /dev/stdin "$T/boot2" >/dev/null 2>&1
[ "$(debugfs -R "stat /luks/osluksheader" "$T/boot2" 2>/dev/null | grep -o '([0-9]*-[0-9]*):' | wc -l)" -gt 15 ] ||
	fail "the fixture lies in one piece"
cp "$T/disk.raw" "$T/pieces.raw"
dd if="$T/boot2" of="$T/pieces.raw" bs=1M seek=39 conv=notrunc status=none
mount_ade "$T/pieces.raw" "$T/m" "bek=$key"
[ "$(info '.partitions[] | select(.n == 1) | .state')" = open ] || fail "not open: $(info .)"
cmp <(dd if="$T/plain.raw" bs=1M skip=87 count=128 status=none) "$T/m/p1.raw" || fail "p1.raw differs"
unmount "$T/m"

say "two partitions without signature: the one that decrypts to a file system is the volume"
truncate -s 384M "$T/disk.raw"
sfdisk -q --no-reread "$T/disk.raw" --append <<<'start=442368, size=286720' >/dev/null 2>&1
dd if=/dev/urandom of="$T/disk.raw" bs=1M seek=216 count=140 conv=notrunc status=none
mount_ade "$T/disk.raw" "$T/m" "bek=$key"
[ "$(info '[.partitions[] | select(.what == "luks") | .n] | join(" ")')" = 1 ] || fail "wrong partition: $(info .)"
[ "$(info '.partitions[] | select(.size == 146800640) | .what')" = unknown ] || fail "the other: $(info .)"
cmp <(dd if="$T/plain.raw" bs=1M skip=87 count=128 status=none) "$T/m/p1.raw" || fail "p1.raw differs"
cmp <(dd if="$T/disk.raw" bs=1M skip=216 count=140 status=none) \
	<(dd if="$T/m/disk.raw" bs=1M skip=216 count=140 status=none) || fail "the other partition was changed"
unmount "$T/m"
