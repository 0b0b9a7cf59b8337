#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
. "$(dirname "$0")/lib.sh"
require sfdisk sgdisk jq losetup mkfs.vfat

dump=$B/tests/make/parts-dump

# agree IMAGE [SECTOR]: the same rows as sfdisk reads; IMAGE may be a device.  The extended
# partition itself holds no volume, so we leave it out.
agree() {
	sfdisk -J "${3:-$1}" | jq -r --argjson s "${2:-512}" '.partitiontable.partitions[] |
		select(.type != "5" and .type != "f") |
		"\(.node | capture("(?<n>[0-9]+)$").n) \(.start * $s) \(.size * $s)"' >"$T/want"
	"$dump" "$1" >"$T/full"
	grep -v -e ^table -e ^warning "$T/full" | cut -d' ' -f1-3 >"$T/got"
	[ -s "$T/want" ] && diff "$T/want" "$T/got" >&2 || fail "$1 differs from sfdisk"
}

truncate -s 1G "$T/gpt.img"
printf 'label: gpt\nsize=64M\nsize=100M, name="söme näme"\nstart=800M\n' | sfdisk -q "$T/gpt.img"
agree "$T/gpt.img"
grep -q '^table gpt sector 512$' "$T/full"

say "sectors of 4096 bytes"
truncate -s 1G "$T/gpt4k.img"
loop=$(losetup --show -f -b 4096 "$T/gpt4k.img")
defer losetup -d "$loop"
printf 'label: gpt\nsize=64M\nsize=100M\n' | sfdisk -q --no-reread --no-tell-kernel "$loop"
sync "$loop"
agree "$T/gpt4k.img" 4096 "$loop"
grep -q '^table gpt sector 4096$' "$T/full"

say "MBR with logical partitions"
truncate -s 1G "$T/mbr.img"
printf 'label: dos\nsize=64M, bootable\nsize=100M\nsize=600M, type=5\nsize=50M\nsize=60M\nsize=70M\n' |
	sfdisk -q "$T/mbr.img"
agree "$T/mbr.img"
[ "$(grep -c '^[5-9] ' "$T/got")" = 2 ] || fail "logical partitions are missing"

say "larger than 2 TiB"
truncate -s 5T "$T/big.img"
printf 'label: gpt\nsize=3T\nsize=1T\n' | sfdisk -q "$T/big.img"
agree "$T/big.img"

say "the backup GPT is used when the primary is damaged"
cp --sparse=always "$T/gpt.img" "$T/cut.img"
dd if=/dev/zero of="$T/cut.img" bs=512 seek=1 count=1 conv=notrunc status=none
"$dump" "$T/cut.img" >"$T/full"
grep -q '^table gpt.*backup$' "$T/full" || fail "$(cat "$T/full")"
"$dump" "$T/gpt.img" | tail -n +2 | diff - <(tail -n +2 "$T/full")

say "both copies damaged: an error that says so"
cp --sparse=always "$T/gpt.img" "$T/both.img"
for lba in 1 2097151; do
	printf x | dd of="$T/both.img" bs=1 seek=$((lba * 512 + 40)) conv=notrunc status=none
done
if "$dump" "$T/both.img" 2>"$T/err"; then fail "a damaged table was taken"; fi
grep -q 'both copies of the GPT' "$T/err"

say "a file system on the whole disk has no table"
truncate -s 64M "$T/fat.img"
mkfs.vfat "$T/fat.img" >/dev/null
"$dump" "$T/fat.img" | grep -q '^table none' || fail "FAT was taken for an MBR"
