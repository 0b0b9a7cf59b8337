#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# LUKS data disks of an ADE Linux VM, header in front: on a partition (the table is rewritten so that
# it begins behind the header) and on the whole disk (disk.raw is the plaintext device).
. "$(dirname "$0")/lib.sh"
require sfdisk sgdisk mke2fs e2fsck cryptsetup qemu-img jq

mkdir -p "$T/m" "$T/tree"
head -c 3000000 /dev/urandom >"$T/tree/data"
head -c 128 /dev/urandom | base64 -w0 >"$T/key"
mke2fs -q -t ext4 -b 4096 -d "$T/tree" "$T/fs" 40M >/dev/null

# in_front TYPE SECTOR: $T/volume holds $T/fs in a LUKS volume with its header in front
in_front() {
	rm -f "$T/volume"
	if [ "$1" = luks1 ]; then
		truncate -s 42M "$T/volume"
		cryptsetup luksFormat --batch-mode --type luks1 --pbkdf-force-iterations 1000 --align-payload 4096 \
			"$T/volume" "$T/key"
		qemu-img convert -n -f raw --object "secret,id=k,file=$T/key" "$T/fs" \
			--target-image-opts "driver=luks,file.filename=$T/volume,key-secret=k"
		payload=2
	else
		cp "$T/fs" "$T/volume"
		truncate -s 72M "$T/volume"
		cryptsetup reencrypt --encrypt --batch-mode --type luks2 --reduce-device-size 32M --sector-size "$2" \
			--pbkdf argon2id --pbkdf-memory 65536 --pbkdf-parallel 1 --pbkdf-force-iterations 4 \
			--key-file "$T/key" "$T/volume" >/dev/null
		payload=16
	fi
}

# on_partition LABEL SECTOR: $T/disk.raw with the volume in partition 1, a plain one behind it
on_partition() {
	local mib=$(($(stat -c %s "$T/volume") / 1048576))
	rm -f "$T/disk.raw"
	truncate -s $((mib + 12))M "$T/disk.raw"
	printf 'start=2048, size=%d, type=%s\nstart=%d, size=16384\n' $((mib * 2048)) "$2" $(((mib + 1) * 2048)) |
		sfdisk -q --label "$1" "$T/disk.raw"
	dd if="$T/volume" of="$T/disk.raw" bs=1M seek=1 conv=notrunc,sparse status=none
	head -c 8M /dev/urandom | dd of="$T/disk.raw" bs=1M seek=$((mib + 1)) conv=notrunc iflag=fullblock status=none
}

# check_partition: the row has moved, all else keeps its place, nothing of the header shows
check_partition() {
	local mib=$(($(stat -c %s "$T/volume") / 1048576)) table
	table=$(sfdisk -J "$T/m/disk.raw")
	[ "$(jq '.partitiontable.partitions[0] | .start, .size' <<<"$table" | paste -sd' ')" = \
		"$(((1 + payload) * 2048)) $(((mib - payload) * 2048))" ] || fail "row 1: $table"
	[ "$(jq '.partitiontable.partitions[1] | .start, .size' <<<"$table" | paste -sd' ')" = \
		"$(((mib + 1) * 2048)) 16384" ] || fail "row 2: $table"
	sfdisk --verify "$T/m/disk.raw" >"$T/out" 2>&1 || fail "sfdisk: $(cat "$T/out")"
	cmp -n $((40 * 1048576)) "$T/m/p1.raw" "$T/fs" || fail "p1.raw differs"
	cmp -n $((40 * 1048576)) <(dd if="$T/m/disk.raw" bs=1M skip=$((1 + payload)) status=none) "$T/fs" ||
		fail "disk.raw has other bytes at the volume"
	cmp -n $((payload * 1048576)) <(dd if="$T/m/disk.raw" bs=1M skip=1 status=none) /dev/zero ||
		fail "the header shows in disk.raw"
	cmp <(dd if="$T/disk.raw" bs=1M skip=$((mib + 1)) count=8 status=none) "$T/m/p2.raw" || fail "p2.raw differs"
	cmp "$T/m/p2.raw" <(dd if="$T/m/disk.raw" bs=1M skip=$((mib + 1)) count=8 status=none) ||
		fail "bytes behind the volume were changed"
	check_same "$T/disk.raw" "$T/m/encrypted/disk.raw"
	dd if="$T/m/p1.raw" of="$T/copy" bs=1M count=40 status=none
	e2fsck -fn "$T/copy" >"$T/out" 2>&1 || fail "e2fsck: $(cat "$T/out")"
}

for kind in "luks1 512" "luks2 512" "luks2 4096"; do
	read -r type sector <<<"$kind"
	say "$type, sectors of $sector"
	in_front "$type" "$sector"

	on_partition gpt 0FC63DAF-8483-4772-8E79-3D69D8477DE4
	mount_ade "$T/disk.raw" "$T/m" "bek=$T/key"
	check_partition
	sgdisk -v "$T/m/disk.raw" >"$T/out"
	expect_text '^No problems found' "$T/out"
	unmount "$T/m"

	on_partition dos 83
	mount_ade "$T/disk.raw" "$T/m" "bek=$T/key"
	check_partition
	unmount "$T/m"

	mount_ade "$T/volume" "$T/m" "bek=$T/key"
	[ "$(jq -r '.table + " " + .partitions[0].state' "$T/m/info.json")" = "none open" ] || fail "info.json"
	[ "$(stat -Lc %s "$T/m/disk.raw")" = $(($(stat -c %s "$T/volume") - payload * 1048576)) ] || fail "size"
	cmp -n $((40 * 1048576)) "$T/m/disk.raw" "$T/fs" || fail "disk.raw is not the plaintext device"
	[ ! -e "$T/m/p1.raw" ] || fail "a partition out of nothing"
	check_same "$T/volume" "$T/m/encrypted/disk.raw"
	qemu-img compare -f raw -F vpc "$T/m/disk.raw" "$T/m/disk.vhd"
	unmount "$T/m"
done
