#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# adebackup overlay list, show, discard, export: over an image and over a recovery point, decrypted
# and as stored, raw and VHD; QEMU's tools read what was exported, and an encrypted clone opens with
# the keys of what it was cloned from.
. "$(dirname "$0")/lib.sh"
require cryptsetup mke2fs qemu-io qemu-img jq e2fsck

A=$B/adebackup
keys=$T/keys
mkdir -p "$keys" "$T/tree" "$T/d" "$T/m"
head -c 1M /dev/urandom >"$T/tree/file"
"$ROOT/tests/make/ade-linux-disk" "$T/os.raw" "$keys/LinuxPassPhraseFileName" "$T/tree"
mount_rw() { mount_ade "$1" "$T/m" "keys=$keys,$2" 2>/dev/null; }
poke() { qemu-io -f raw -c "write -P $2 $3 64k" -c 'discard 30M 1M' -c flush "$1" >/dev/null; }

say "written through the mount, then exported: raw, VHD, encrypted"
mount_rw "$T/os.raw" "overlay=$T/d"
poke "$T/m/disk.raw" 0x11 20M
poke "$T/m/encrypted/disk.raw" 0x22 0
cp --sparse=always "$T/m/disk.raw" "$T/want.raw"
cp --sparse=always "$T/m/disk.vhd" "$T/want.vhd"
cp --sparse=always "$T/m/encrypted/disk.raw" "$T/want-encrypted.raw"
O=$T/d/os.raw.disk.overlay E=$T/d/os.raw.encrypted.overlay
expect_status 0 "$A" overlay list "$T/d" --json
[ "$(jq -c '[.overlays[] | [.view, .in_use, .plaintext]]' "$T/out")" = \
	'[["disk.raw",true,true],["encrypted/disk.raw",true,false]]' ] || fail "$(cat "$T/out")"
expect_status 11 "$A" overlay discard "$O"
expect_status 11 "$A" overlay export "$T/os.raw" "$O" "$T/x" --keys "$keys"
unmount "$T/m"
expect_status 0 "$A" overlay show "$O" --json
[ "$(jq -c '.overlay | [.written_bytes, .discarded_bytes, .in_use, .base]' "$T/out")" = \
	'[65536,1048576,false,"os.raw"]' ] || fail "$(cat "$T/out")"
expect_status 0 "$A" overlay show "$E"
expect_text 'lies over +encrypted/disk.raw of os.raw' "$T/out"
expect_status 0 "$A" overlay export "$T/os.raw" "$O" "$T/got.raw" --keys "$keys" --check
check_same "$T/want.raw" "$T/got.raw"
[ "$(stat -c %a "$T/got.raw")" = 600 ] || fail "mode of the plaintext: $(stat -c %a "$T/got.raw")"
[ "$(stat -c %b "$T/got.raw")" -lt $(($(stat -c %s "$T/got.raw") / 512 * 3 / 4)) ] || fail "not sparse"
expect_status 0 "$A" overlay export "$T/os.raw" "$O" "$T/got.vhd" --format vhd --keys "$keys"
check_same "$T/want.vhd" "$T/got.vhd"
qemu-img compare -f raw -F vpc "$T/got.raw" "$T/got.vhd"
expect_status 0 "$A" overlay export "$T/os.raw" "$E" "$T/got-encrypted.raw" --keys "$keys"
check_same "$T/want-encrypted.raw" "$T/got-encrypted.raw"
expect_status 11 "$A" overlay export "$T/os.raw" "$O" "$T/got.raw" --keys "$keys"

# opens_changed IMAGE BLOCK: of what is encrypted in it, block BLOCK of p1 alone is not as in $T/os.raw
opens_changed() {
	mkdir -p "$T/one" "$T/two"
	mount_ade "$T/os.raw" "$T/one" "keys=$keys"
	mount_ade "$1" "$T/two" "keys=$keys"
	cmp -l "$T/one/p1.raw" "$T/two/p1.raw" >"$T/differ" && fail "the change is not there"
	awk -v b="$2" 'int(($1 - 1) / 4096) != b {exit 1}' "$T/differ" || fail "other blocks differ: $(head -3 "$T/differ")"
	unmount "$T/two"
	expect_status 3 "$A" mount "$1" "$T/two"
	cat "$T/two/disk.raw" >/dev/null 2>&1 && fail "it opens without a key"
	unmount "$T/two"
	unmount "$T/one"
}
p1=$((178176 * 512))

say "an encrypted clone, exported: it opens with the disk's keys and not without"
mount_rw "$T/os.raw" "overlay=$T/clone,overlay-view=encrypted/disk.raw"
dd if=/dev/urandom of="$T/m/encrypted/disk.raw" bs=4096 seek=$((p1 / 4096 + 9000)) count=1 conv=notrunc,fsync status=none
unmount "$T/m"
expect_status 0 "$A" overlay export "$T/os.raw" "$T/clone" "$T/clone.vhd" --format vhd
opens_changed "$T/clone.vhd" 9000

say "what a killed mount left is in the listing and in the export"
mount_rw "$T/os.raw" "overlay=$T/left,overlay-view=encrypted/disk.raw"
dd if=/dev/urandom of="$T/m/encrypted/disk.raw" bs=4096 seek=$((p1 / 4096 + 8000)) count=1 conv=notrunc,fsync status=none
cp --sparse=always "$T/m/encrypted/disk.raw" "$T/want-left.raw"
pid=$(ade_pid "$T/m")
kill -9 "$pid"
umount -l "$T/m"
wait_for 30 test ! -e "/proc/$pid"
expect_status 0 "$A" overlay show "$T/left" --json
[ "$(jq .overlay.written_bytes "$T/out")" = 4096 ] || fail "$(cat "$T/out")"
expect_status 0 "$A" overlay export "$T/os.raw" "$T/left" "$T/left.raw"
check_same "$T/want-left.raw" "$T/left.raw"

say "damaged, foreign and missing ones; nothing but overlays is discarded"
cp "$E" "$T/d/z.overlay"
printf x | dd of="$T/d/z.overlay" bs=1 seek=40 conv=notrunc status=none
expect_status 3 "$A" overlay list "$T/d"
expect_text 'z.overlay.*checksum' "$T/err"
expect_text 'os.raw.disk.overlay' "$T/out"
expect_status 16 "$A" overlay discard "$T/os.raw"
[ -e "$T/os.raw" ] || fail "an image was discarded"
expect_status 10 "$A" overlay show "$T/none"
expect_status 0 "$A" overlay discard "$O" "$E"
[ ! -e "$O" ] && [ ! -e "$E" ] || fail "still there"

say "over a recovery point: remembered by the point, clones independent, exported"
V=$T/vault vk=$T/vault.key
"$A" init "$V" --vault-key "$vk" >/dev/null
"$A" backup "$V" web1 --vault-key "$vk" --disk "os=$T/os.raw" --keys "$keys" >/dev/null
printf x | dd of="$T/os.raw" bs=1 seek=60M conv=notrunc status=none
"$A" backup "$V" web1 --vault-key "$vk" --disk "os=$T/os.raw" --keys "$keys" >/dev/null
rm "$T/d/"*
mount_rw "$V" "vault-key=$vk,vm=web1,overlay=$T/d"
poke "$T/m/latest/os/disk.raw" 0x33 21M
first=$(ls "$T/m" | head -1)
poke "$T/m/$first/os/disk.raw" 0x44 21M
cp --sparse=always "$T/m/latest/os/disk.raw" "$T/want.raw"
unmount "$T/m"
mount_rw "$V" "vault-key=$vk,vm=web1,overlay=$T/d"
dd if=/dev/urandom of="$T/m/latest/os/encrypted/disk.raw" bs=4096 seek=$((p1 / 4096 + 7000)) count=1 conv=notrunc,fsync status=none
check_same "$T/want.raw" "$T/m/latest/os/disk.raw"
latest=$(readlink "$T/m/latest")
unmount "$T/m"
O=$T/d/web1-$latest-os.disk.overlay
point=(--vault-key "$vk" --keys "$keys" --vm web1 --disk os --point)
expect_status 0 "$A" overlay export "$V" "$O" "$T/point.raw" "${point[@]}" latest --check
check_same "$T/want.raw" "$T/point.raw"
expect_status 2 "$A" overlay export "$V" "$O" "$T/x" "${point[@]}" "$first"
expect_text 'another disk or point' "$T/err"
expect_status 0 "$A" overlay export "$V" "$T/d/web1-$latest-os.encrypted.overlay" "$T/point.vhd" --vault-key "$vk" --vm web1 \
	--disk os --point latest --format vhd
opens_changed "$T/point.vhd" 7000
expect_status 2 "$A" mount "$V" "$T/m" --vault-key "$vk" --overlay "$T/file"
expect_text 'overlay=DIR' "$T/err"
