#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# qemu-img, sgdisk and sfdisk take disk.raw and disk.vhd for what they are; the plaintext is that
# of the disk before it was encrypted.
. "$(dirname "$0")/lib.sh"
require qemu-img sgdisk sfdisk cryptsetup mke2fs jq

make_tree() {
	mkdir -p "$T/tree/srv"
	head -c 3M /dev/urandom >"$T/tree/srv/data"
	echo web01 >"$T/tree/hostname"
}

# sound DIR: the table of disk.raw is right, both copies of it.
sound() {
	sgdisk -v "$1/disk.raw" >"$T/sgdisk"
	expect_text '^No problems found' "$T/sgdisk"
	sfdisk --verify "$1/disk.raw" >"$T/sfdisk" 2>&1 || fail "sfdisk: $(cat "$T/sfdisk")"
	expect_text 'No errors detected' "$T/sfdisk"
}

# vhd_agrees DIR: qemu reads disk.vhd as disk.raw, padded to a whole MiB.
vhd_agrees() {
	local raw padded
	raw=$(stat -Lc %s "$1/disk.raw")
	padded=$(((raw + 1048575) / 1048576 * 1048576))
	[ "$(stat -Lc %s "$1/disk.vhd")" = $((padded + 512)) ] || fail "disk.vhd is not padded to a MiB"
	qemu-img info --output=json -f vpc "$1/disk.vhd" | jq -e --argjson n "$padded" '."virtual-size" == $n' ||
		fail "qemu sees another size"
	qemu-img compare -f raw -F vpc "$1/disk.raw" "$1/disk.vhd"
}

make_tree
for luks in luks2 luks1; do
	say "ADE Linux disk, $luks, detached header"
	PLAIN=$T/plain.raw "$ROOT/tests/make/ade-linux-disk" "$T/disk.raw" "$T/key" "$T/tree" "$luks"
	mount_ade "$T/disk.raw" "$T/$luks" "bek=$T/key"
	qemu-img compare -f raw -F raw "$T/plain.raw" "$T/$luks/disk.raw"
	check_same "$T/plain.raw" "$T/$luks/disk.raw"
	check_same "$T/disk.raw" "$T/$luks/encrypted/disk.raw"
	sound "$T/$luks"
	vhd_agrees "$T/$luks"
	unmount "$T/$luks"
	rm -f "$T/disk.raw" "$T/plain.raw"
done

say "LUKS header in front of the data: the partition starts behind it"
truncate -s 100M "$T/volume"
cryptsetup luksFormat --batch-mode --type luks2 --pbkdf pbkdf2 --pbkdf-force-iterations 1000 "$T/volume" "$T/key"
mke2fs -q -t ext4 -d "$T/tree" "$T/fs" 84M >/dev/null
cryptsetup luksFormat --batch-mode --type luks1 --pbkdf-force-iterations 1000 "$T/volume" "$T/key" --align-payload 32768
qemu-img convert -n -f raw --object "secret,id=k,file=$T/key" "$T/fs" \
	--target-image-opts "driver=luks,file.filename=$T/volume,key-secret=k"
truncate -s 104M "$T/data.raw"
echo 'start=2048, size=204800' | sfdisk -q --label gpt "$T/data.raw"
dd if="$T/volume" of="$T/data.raw" bs=1M seek=1 conv=notrunc,sparse status=none
mount_ade "$T/data.raw" "$T/front" "bek=$T/key"
sound "$T/front"
vhd_agrees "$T/front"
start=$(sfdisk -J "$T/front/disk.raw" | jq '.partitiontable.partitions[0].start')
[ "$start" = $((2048 + 32768)) ] || fail "the partition starts at $start"
check_same "$T/front/p1.raw" "$T/fs"
dd if="$T/front/disk.raw" bs=1M skip=17 count=84 status=none | cmp - "$T/fs" || fail "disk.raw has other bytes"

say "encrypted/disk.vhd of a VHD is the VHD; of a raw image a VHD of its own"
qemu-img convert -f raw -O vpc -o subformat=fixed,force_size=on "$T/data.raw" "$T/data.vhd"
mount_ade "$T/data.vhd" "$T/vhd" "bek=$T/key"
check_same "$T/data.vhd" "$T/vhd/encrypted/disk.vhd"
check_same "$T/data.raw" "$T/vhd/encrypted/disk.raw"
vhd_agrees "$T/vhd"
qemu-img compare -f vpc -F raw "$T/front/encrypted/disk.vhd" "$T/data.raw"
