#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Disks over 2 TiB with volumes behind that mark, sizes that are no multiple of 4 KiB or of a sector,
# and block devices as source; holes are told, disk.vhd is padded and says so.
. "$(dirname "$0")/lib.sh"
require mke2fs cryptsetup sfdisk sgdisk losetup qemu-img jq python3
require_root
mkdir "$T/m" "$T/k" "$T/tree"
head -c 300000 /dev/urandom >"$T/tree/data"
mke2fs -q -t ext4 -d "$T/tree" "$T/fs" 16M
"$B/tests/make/mkbitlocker" --seed 3 --bek "$T/k" "$T/fs" "$T/v" >/dev/null
printf secret >"$T/k/LinuxPassPhraseFileName"
cp "$T/fs" "$T/luks"
truncate -s 32M "$T/luks"
cryptsetup reencrypt --encrypt --batch-mode --type luks2 --reduce-device-size 16M --pbkdf pbkdf2 \
	--pbkdf-force-iterations 1000 --key-file "$T/k/LinuxPassPhraseFileName" "$T/luks" >/dev/null
luks_at=$(cryptsetup luksDump "$T/luks" | awk '/offset:/ { print $2; exit }')
tib=$((1 << 40)) mib=$((1 << 20))
put() { dd if="$1" of="$2" bs=$mib seek=$(($3 / mib)) conv=notrunc,sparse status=none; }

# holes FILE: "SIZE DATA" from SEEK_DATA and SEEK_HOLE; data is what they tell, nothing but zeros elsewhere
holes() {
	python3 - "$1" <<'PY'
import os, sys
fd = os.open(sys.argv[1], os.O_RDONLY)
size, at, data = os.fstat(fd).st_size, 0, 0
while at < size:
    try:
        begin = os.lseek(fd, at, os.SEEK_DATA)
    except OSError as e:
        assert e.errno == 6, e
        break
    for probe in (at, (at + begin) // 2, begin - 512):
        if at <= probe < begin:
            got = os.pread(fd, 512, probe)
            assert not any(got), "content at %d, told as a hole" % probe
    at = os.lseek(fd, begin, os.SEEK_HOLE)
    assert at > begin
    data += at - begin
print(size, data)
PY
}

say "GPT of 5 TiB, volumes behind 2 and 4 TiB"
truncate -s 5T "$T/gpt.raw"
sfdisk -q --label gpt "$T/gpt.raw" <<END
start=2048, size=32768
start=$((3 * tib / 512)), size=32768
start=$((45 * tib / 10 / mib * mib / 512)), size=65536
END
put "$T/fs" "$T/gpt.raw" $mib
put "$T/v" "$T/gpt.raw" $((3 * tib))
put "$T/luks" "$T/gpt.raw" $((45 * tib / 10 / mib * mib))
mount_ade "$T/gpt.raw" "$T/m" "keys=$T/k"
[ "$(stat -c %s "$T/m/disk.raw")" = $((5 * tib)) ] || fail "size"
check_same "$T/fs" "$T/m/p1.raw"
check_same "$T/fs" "$T/m/p2.raw"
cmp -n 16777216 "$T/fs" "$T/m/p3.raw" || fail "LUKS behind 4 TiB"
check_same "$T/v" <(dd if="$T/m/encrypted/disk.raw" bs=$mib skip=$((3 * tib / mib)) count=16 status=none)
check_same "$T/fs" <(dd if="$T/m/disk.raw" bs=$mib skip=$((3 * tib / mib)) count=16 status=none)
sgdisk -v "$T/m/disk.raw" >"$T/out"
expect_text "No problems found" "$T/out"
sfdisk --verify "$T/m/disk.raw" >"$T/out" 2>&1
[ "$(sfdisk -J "$T/m/disk.raw" | jq ".partitiontable.partitions[2].start")" = \
	$((45 * tib / 10 / mib * mib / 512 + luks_at / 512)) ] || fail "the LUKS partition's row: $(sfdisk -l "$T/m/disk.raw")"
for f in disk.raw encrypted/disk.raw; do
	read -r size data < <(holes "$T/m/$f")
	[ "$size" = $((5 * tib)) ] && [ "$data" -gt $((40 * mib)) ] && [ "$data" -lt $((120 * mib)) ] || fail "$f: $data bytes of data told"
done
timeout 60 cp --sparse=always "$T/m/disk.raw" "$T/copy" || fail "a copy of a sparse disk reads its holes"
[ "$(du -m "$T/copy" | cut -f1)" -lt 130 ] || fail "the copy is not sparse"
check_same "$T/fs" <(dd if="$T/copy" bs=$mib skip=$((3 * tib / mib)) count=16 status=none)
rm "$T/copy"
unmount "$T/m"

say "MBR: sectors of 512 bytes up to 2 TiB on a disk of 3, sectors of 4096 beyond"
truncate -s 3T "$T/mbr.raw"
start=$((2 * tib / 512 - 65536))
printf 'start=%d, size=32768, type=7\n' $start | sfdisk -q --label dos "$T/mbr.raw"
put "$T/v" "$T/mbr.raw" $((start * 512))
mount_ade "$T/mbr.raw" "$T/m" "keys=$T/k"
check_same "$T/fs" "$T/m/p1.raw"
unmount "$T/m"
rm "$T/mbr.raw"
truncate -s 5T "$T/mbr.raw"
dev=$(losetup -b 4096 -f --show "$T/mbr.raw")
printf 'start=%d, size=4096, type=7\n' $((4 * tib / 4096)) | sfdisk -q --no-reread --label dos "$dev"
"$B/tests/make/mkbitlocker" --seed 3 --sector 4096 --bek "$T/k" "$T/fs" "$T/v4k" >/dev/null
dd if="$T/v4k" of="$dev" bs=$mib seek=$((4 * tib / mib)) conv=notrunc status=none
mount_ade "$dev" "$T/m" "keys=$T/k"
[ "$(findmnt -no SOURCE "$T/m")" = "$dev" ] || fail "source"
check_same "$T/fs" "$T/m/p1.raw"
[ "$(jq .sector_size "$T/m/info.json")" = 4096 ] || fail "sector size"
unmount "$T/m"
losetup -d "$dev"
mount_ade "$T/mbr.raw" "$T/m" "keys=$T/k"
check_same "$T/fs" "$T/m/p1.raw"
unmount "$T/m"

say "a block device"
dev=$(losetup -r -f --show "$T/gpt.raw")
mount_ade "$dev" "$T/m" "keys=$T/k"
check_same "$T/fs" "$T/m/p2.raw"
unmount "$T/m"
losetup -d "$dev"

say "sizes that are not round"
for more in 512 1536 4095 1; do
	cp "$T/fs" "$T/odd"
	truncate -s +$more "$T/odd"
	printf end | dd of="$T/odd" bs=1 seek=$((16 * mib + more - 1)) count=1 conv=notrunc status=none
	size=$((16 * mib + more))
	mount_ade "$T/odd" "$T/m"
	check_same "$T/odd" "$T/m/disk.raw"
	check_same "$T/odd" "$T/m/encrypted/disk.raw"
	[ "$(stat -c %s "$T/m/disk.vhd")" = $((17 * mib + 512)) ] || fail "disk.vhd: $(stat -c %s "$T/m/disk.vhd")"
	[ "$(jq -r .vhd_padding "$T/m/info.json")" = $((17 * mib - size)) ] || fail "padding told: $(jq .vhd_padding "$T/m/info.json")"
	check_same <(cat "$T/odd"; head -c $((17 * mib - size)) /dev/zero) <(head -c $((17 * mib)) "$T/m/disk.vhd")
	check_same <(cat "$T/odd"; head -c $((17 * mib - size)) /dev/zero) <(head -c $((17 * mib)) "$T/m/encrypted/disk.vhd")
	qemu-img info -f vpc --output json "$T/m/disk.vhd" | jq -e '."virtual-size" >= 17825792 - 17825792 / 50' >/dev/null || fail "qemu-img info"
	unmount "$T/m"
done
truncate -s $((16 * mib + 1536)) "$T/odd"
"$B/tests/make/mkbitlocker" --seed 3 --bek "$T/k" "$T/odd" "$T/oddv" >/dev/null
mount_ade "$T/oddv" "$T/m" "keys=$T/k"
check_same "$T/odd" "$T/m/disk.raw"
unmount "$T/m"
truncate -s +700 "$T/oddv"
mount_ade "$T/oddv" "$T/m" "keys=$T/k"
cmp -n "$(stat -c %s "$T/odd")" "$T/odd" "$T/m/disk.raw" || fail "a volume followed by a piece of a sector"
unmount "$T/m"
