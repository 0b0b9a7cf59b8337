#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Wrong key, missing key, damaged metadata, unsupported cipher or format, cut image, not a disk: each
# has its own exit code and its own words, and says what to do next.
# modes: release asan
. "$(dirname "$0")/lib.sh"
require sfdisk mke2fs cryptsetup qemu-img jq python3

mkdir "$T/m" "$T/k" "$T/other" "$T/tree"
head -c 300000 /dev/urandom >"$T/tree/data"

# refused CODE WORDS SPEC [OPTIONS]: by both commands, with that code, these words and a next step
refused() {
	local code=$1 words=$2 spec=$3 options=${4:-}
	expect_status "$code" "$B/adebackup" mount "$spec" "$T/m" ${options:+-o "$options"}
	expect_text "$words" "$T/err"
	expect_text "^  next: .{10,}" "$T/err"
	if "$B/mount.adebackup" "$spec" "$T/m" ${options:+-o "$options"} 2>"$T/err"; then fail "mounted: $spec"; fi
	expect_text "$words.* \[$code\]\$" "$T/err"
	if is_mounted "$T/m"; then fail "left a mount behind"; fi
	expect_status "$code" "$B/adebackup" inspect "$spec" --json ${options:+--options-file <(tr , '\n' <<<"$options")}
	jq -e --argjson c "$code" '.error | .code == $c and (.text | length > 5) and (.next | length > 9)' "$T/out" >/dev/null ||
		fail "no error object: $(cat "$T/out")"
}

# patch FILE OFFSET BYTES
patch() { printf '%b' "$3" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none; }

mke2fs -q -t ext4 -d "$T/tree" "$T/fs" 16M >/dev/null
make_volume() { "$ROOT/build/release/tests/make/mkbitlocker" "$@" "$T/fs" "$T/v" >/dev/null; }
make_disk() {
	truncate -s 0 "$1"
	truncate -s 24M "$1"
	printf 'start=2048, size=32768\n' | sfdisk -q --label gpt "$1"
	dd if="$2" of="$1" bs=1M seek=1 conv=notrunc,sparse status=none
}
make_volume --seed 5 --bek "$T/other"
make_volume --seed 4 --bek "$T/k"
other=$(echo "$T"/other/*) bek=$(echo "$T"/k/*)
guid=$(basename "$bek" .BEK | tr -d '{}')
make_disk "$T/disk.raw" "$T/v"

say "BitLocker: wrong key, missing key, broken key"
refused 12 "this key opens no volume" "$T/disk.raw" "bek=$other"
expect_status 12 "$B/adebackup" mount "$T/disk.raw" "$T/m" -o "bek=$other"
expect_text "next: .*$guid" "$T/err"
expect_text "$other" "$T/err"
expect_status 12 "$B/adebackup" mount "$T/disk.raw" "$T/m" -o "bek=$bek,bek=$other"
refused 13 "no key given opens this BitLocker" "$T/disk.raw" "keys=$T/other"
cp "$bek" "$T/changed.BEK"
patch "$T/changed.BEK" $(($(stat -c %s "$bek") - 5)) '\xaa\xbb\xcc\xdd'
refused 12 "has the right GUID but not the key" "$T/disk.raw" "bek=$T/changed.BEK"
head -c 100 "$bek" >"$T/cut.BEK"
expect_status 12 "$B/adebackup" mount "$T/disk.raw" "$T/m" -o "bek=$T/cut.BEK"
expect_status 10 "$B/adebackup" mount "$T/disk.raw" "$T/m" -o "bek=$T/none.BEK"
expect_text "none.BEK" "$T/err"
: >"$T/empty.BEK"
expect_status 16 "$B/adebackup" mount "$T/disk.raw" "$T/m" -o "bek=$T/empty.BEK"

say "BitLocker: recovery passwords"
make_volume --seed 6 --recovery 111111-222222-333333-444444-555555-666666-000011-000022
make_disk "$T/recovery.raw" "$T/v"
echo 000011-222222-333333-444444-555555-666666-000011-000022 >"$T/wrong"
refused 12 "this recovery password does not open" "$T/recovery.raw" "recovery-password-file=$T/wrong"
echo 123456-222222 >"$T/wrong"
refused 12 "recovery password" "$T/recovery.raw" "recovery-password-file=$T/wrong"
if grep -q 123456 "$T/out" "$T/err"; then fail "a password is in a message"; fi

say "BitLocker: damaged and unsupported"
make_volume --seed 4 --bek "$T/k" --break crc1 --break crc2
make_disk "$T/one.raw" "$T/v"
mount_ade "$T/one.raw" "$T/m" "bek=$bek"
check_same "$T/m/p1.raw" "$T/fs"
[ "$(jq '.partitions[0].metadata_copy' "$T/m/info.json")" = 3 ] || fail "another copy was used"
unmount "$T/m"
make_volume --seed 4 --bek "$T/k" --break crc1 --break crc2 --break crc3
make_disk "$T/none.raw" "$T/v"
refused 16 "BitLocker" "$T/none.raw" "bek=$bek"
make_volume --seed 4 --bek "$T/k" --eow
make_disk "$T/eow.raw" "$T/v"
refused 17 "BitLocker" "$T/eow.raw" "bek=$bek"
mount_ade "$T/eow.raw" "$T/m"
[ "$(jq -r '.partitions[0].state' "$T/m/info.json")" = unsupported ] || fail "state"
if head -c 1 "$T/m/p1.raw" 2>/dev/null; then fail "p1.raw opened"; fi
check_same "$T/eow.raw" "$T/m/encrypted/disk.raw"
unmount "$T/m"

say "LUKS: wrong key, line end, damaged header, cipher, memory"
printf secret >"$T/pass"
echo secret >"$T/pass-with-line-end"
truncate -s 16M "$T/luks"
cryptsetup luksFormat --batch-mode --type luks1 --pbkdf-force-iterations 1000 --align-payload 4096 "$T/luks" "$T/pass"
make_disk "$T/luks.raw" "$T/luks"
refused 12 "no LUKS key slot opens" "$T/luks.raw" "bek=$T/pass-with-line-end"
cp "$T/luks.raw" "$T/cipher.raw"
patch "$T/cipher.raw" $((1048576 + 8)) 'serpent\0'
refused 17 "serpent" "$T/cipher.raw" "bek=$T/pass"
cp "$T/luks.raw" "$T/damaged.raw"
patch "$T/damaged.raw" $((1048576 + 104)) '\xff\xff\xff\xff'
refused 16 "LUKS" "$T/damaged.raw" "bek=$T/pass"
truncate -s 0 "$T/luks"
truncate -s 20M "$T/luks"
cryptsetup luksFormat --batch-mode --type luks2 --pbkdf argon2id --pbkdf-memory 65536 --pbkdf-force-iterations 4 \
	--pbkdf-parallel 1 --offset 32768 "$T/luks" "$T/pass"
truncate -s 0 "$T/argon.raw"
truncate -s 24M "$T/argon.raw"
dd if="$T/luks" of="$T/argon.raw" bs=1M conv=notrunc,sparse status=none
refused 17 "asks for 64 MiB of memory" "$T/argon.raw" "bek=$T/pass,max-kdf-memory=32M"
expect_status 17 "$B/adebackup" inspect "$T/argon.raw" --bek "$T/pass" --max-kdf-memory 32M
expect_text "next: .*max-kdf-memory=65M" "$T/err"
mount_ade "$T/argon.raw" "$T/m" "bek=$T/pass,max-kdf-memory=64M"
unmount "$T/m"

say "images that are cut, and tables that are damaged"
head -c 12M "$T/disk.raw" >"$T/cut.raw"
refused 16 "cut short" "$T/cut.raw" "bek=$bek"
qemu-img convert -O vpc -o subformat=fixed,force_size=on "$T/disk.raw" "$T/disk.vhd"
head -c 12M "$T/disk.vhd" >"$T/cut.vhd"
refused 16 "cut short" "$T/cut.vhd" "bek=$bek"
cp "$T/disk.raw" "$T/table.raw"
patch "$T/table.raw" 520 '\xff\xff'
mount_ade "$T/table.raw" "$T/m" "bek=$bek"
check_same "$T/m/p1.raw" "$T/fs"
unmount "$T/m"
patch "$T/table.raw" $((24 * 1048576 - 504)) '\xff\xff'
refused 16 "both copies of the GPT" "$T/table.raw" "bek=$bek"
mount_ade "$T/table.raw" "$T/m" partial
check_same "$T/table.raw" "$T/m/encrypted/disk.raw"
unmount "$T/m"
cp "$T/disk.vhd" "$T/size.vhd"
patch "$T/size.vhd" $(($(stat -c %s "$T/size.vhd") - 512 + 48)) '\0\0\0\x01'
refused 16 "VHD" "$T/size.vhd" "bek=$bek"

say "other formats, and what is no disk"
for f in qcow2 vhdx vmdk; do
	qemu-img convert -O "$f" "$T/disk.raw" "$T/image.$f"
	refused 17 "$f|VHDX|VMDK" "$T/image.$f"
	expect_status 17 "$B/adebackup" inspect "$T/image.$f"
	expect_text "qemu-img convert -f $f -O raw $T/image.$f" "$T/err"
done
qemu-img convert -O vpc -o subformat=dynamic "$T/disk.raw" "$T/dynamic.vhd"
refused 17 "dynamic VHD" "$T/dynamic.vhd"
: >"$T/nothing"
refused 2 "empty" "$T/nothing"
refused 2 "folder|directory" "$T/tree"
expect_status 10 "$B/adebackup" inspect "$T/missing.vhd"

say "bytes of unknown content are a disk"
head -c 1000001 /dev/urandom >"$T/noise"
mount_ade "$T/noise" "$T/m"
check_same "$T/noise" "$T/m/disk.raw"
[ "$(jq -r '.table, .partitions[0].what' "$T/m/info.json" | paste -sd' ')" = "none unknown" ] || fail "info.json"
unmount "$T/m"
