#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The disks of an ADE VM become recovery points of a vault; each mounts as it was at its time,
# decrypted and as stored; what is asked for and not there, or damaged, is told.
. "$(dirname "$0")/lib.sh"
require sfdisk mke2fs cryptsetup jq mtype mlabel fsck.fat

A=$B/adebackup V=$T/vault K=$T/vault.key
keys=$T/keys
mkdir -p "$keys" "$T/tree/etc" "$T/m"
head -c 2M /dev/urandom >"$T/tree/data"
echo web01 >"$T/tree/etc/hostname"
PLAIN=$T/plain.raw "$ROOT/tests/make/ade-linux-disk" "$T/os.raw" "$keys/LinuxPassPhraseFileName" "$T/tree" luks2
mke2fs -q -t ext4 -d "$T/tree" "$T/fs" 24M
"$B/tests/make/mkbitlocker" --seed 7 --bek "$keys" "$T/fs" "$T/data.raw" >/dev/null
cp "$T/data.raw" "$T/data1.raw"
# shellcheck disable=SC2120	# through expect_status it gets some
backup() { "$A" backup "$V" web1 --vault-key "$K" --disk "os=$T/os.raw" --disk "lun0=$T/data.raw" "$@"; }
points() { "$A" list "$V" web1 --vault-key "$K" --json | jq -r ".points$1"; }

say "a vault, and its key is made"
expect_status 0 "$A" init "$V" --vault-key "$K" --name north
expect_text "NOTHING OPENS THIS VAULT WITHOUT" "$T/out"
[ "$(stat -c %a "$K")" = 600 ] || fail "the key file's mode"
expect_status 11 "$A" init "$V" --vault-key "$K"
expect_status 10 "$A" list "$V" web1 --vault-key "$K"

say "proven with the keys, not proven without, warned of with the wrong one"
expect_status 0 backup --keys "$keys" --json
[ "$(jq -r '.proof' "$T/out")" = proven ] || fail "$(cat "$T/out")"
expect_text "2 encrypted volumes opened; seen: .*ext4" "$T/out"
expect_status 0 backup --json
[ "$(jq -r '.proof + " " + (.new_bytes | tostring)' "$T/out")" = "not proven 0" ] || fail "unchanged: $(cat "$T/out")"
echo wrong >"$T/wrong"
expect_status 3 backup --bek "$T/wrong"
expect_text "not proven" "$T/err"

say "an increment stores what changed"
dd if=/dev/urandom of="$T/data.raw" bs=4k seek=3000 count=3 conv=notrunc status=none
expect_status 0 backup --json
[ "$(jq .new_bytes "$T/out")" -lt 80000 ] || fail "12 KiB changed: $(cat "$T/out")"
[ "$(points ' | length')" = 4 ] || fail "$(points '')"

say "the tree; every point as it was"
mount_ade "$V" "$T/m" "vault-key=$K,keys=$keys"
[ "$(ls "$T/m")" = web1 ] || fail "$(ls "$T/m")"
[ "$(ls "$T/m/web1" | wc -l)" = 5 ] || fail "$(ls "$T/m/web1")"
first=$(points '[0].time') last=$(points '[3].time')
[ "$(readlink "$T/m/web1/latest")" = "$last" ] || fail "latest"
check_same "$T/plain.raw" "$T/m/web1/latest/os/disk.raw"
check_same "$T/os.raw" "$T/m/web1/latest/os/encrypted/disk.raw"
check_same "$T/data.raw" "$T/m/web1/latest/lun0/encrypted/disk.raw"
check_same "$T/data1.raw" "$T/m/web1/$first/lun0/encrypted/disk.raw"
check_same "$T/fs" "$T/m/web1/$first/lun0/disk.raw"
[ "$(jq -r '.partitions[0].state' "$T/m/web1/latest/lun0/info.json")" = open ] || fail "info.json"
[ "$(find "$V/rd" -type f | wc -l)" = 2 ] || fail "readers' records: $(find "$V/rd")"
say "a backup while the vault is mounted does not show there"
backup >/dev/null
[ "$(readlink "$T/m/web1/latest")" = "$last" ] || fail "latest moved"
unmount "$T/m"
wait_for 5 test -z "$(find "$V/rd" -type f)"

say "one VM, one point; the capsule of a proven point opens it with the vault's key alone"
mount_ade "$V" "$T/m" "vault-key=$K,vm=web1,point=$(points '[0].point' | cut -c1-8)"
[ "$(ls "$T/m" | tr '\n' ' ')" = "lun0 os rebuild vm.json " ] || fail "$(ls "$T/m")"
check_same "$T/plain.raw" "$T/m/os/disk.raw"
check_same "$T/fs" "$T/m/lun0/disk.raw"
unmount "$T/m"
say "the BEK volume has the keys that opened the disks, under ADE's names, for the mounting user alone"
mount_ade "$V" "$T/m" "vault-key=$K,vm=web1,point=latest,keys=$keys,bekvolume,allow_other,mode=0444"
[ "$(stat -c '%a %u' "$T/m/bek-volume.raw")" = "400 $(id -u)" ] || fail "$(stat "$T/m/bek-volume.raw")"
cp "$T/m/bek-volume.raw" "$T/bekvol"
dd if="$T/bekvol" of="$T/bekfat" bs=1M skip=1 status=none
fsck.fat -n "$T/bekfat" >/dev/null || fail "fsck.fat: $(fsck.fat -n "$T/bekfat")"
check_same "$keys/LinuxPassPhraseFileName" <(mtype -i "$T/bekvol@@1M" ::LinuxPassPhraseFileName)
bek=$(basename "$keys"/*.BEK | tr -d '{}')
check_same "$keys"/*.BEK <(mtype -i "$T/bekvol@@1M" "::$bek")
[ "$(mlabel -s -i "$T/bekvol@@1M" ::)" = " Volume label is BEK VOLUME " ] || fail "$(mlabel -s -i "$T/bekvol@@1M" ::)"
unmount "$T/m"
say "without capsule and keys ciphertext alone"
mount_ade "$V" "$T/m" "vault-key=$K,vm=web1,point=$(points '[1].point')"
if head -c 1 "$T/m/os/disk.raw" >/dev/null 2>&1; then fail "a locked disk opened"; fi
check_same "$T/os.raw" "$T/m/os/encrypted/disk.raw"
unmount "$T/m"

say "refusals"
"$A" init "$T/other" --vault-key "$T/other.key" -q
expect_status 12 "$A" list "$V" --vault-key "$T/other.key"
expect_status 13 "$A" list "$V"
expect_status 10 "$A" list "$T/nothing" --vault-key "$K"
expect_status 2 backup --retain-until tomorrow
expect_status 32 "$B/mount.adebackup" "$V" "$T/m" -o "vault-key=$K,vm=nobody"
expect_text "no recovery point of a VM 'nobody'.*\[10\]" "$T/err"
expect_status 32 "$B/mount.adebackup" "$V" "$T/m" -o "vault-key=$T/other.key"
expect_text "\[12\]" "$T/err"

say "a flipped bit is an error, never a wrong byte; what is not behind it stays readable"
seg=$(find "$V/seg" -type f -size +1M | head -1)
cp "$seg" "$T/seg"
printf '\xff' | dd of="$seg" bs=1 seek=700000 conv=notrunc status=none
cmp -s "$seg" "$T/seg" && printf '\x00' | dd of="$seg" bs=1 seek=700000 conv=notrunc status=none
mount_ade "$V" "$T/m" "vault-key=$K,vm=web1,point=latest"
bad=$(python3 - "$T/m/os/encrypted/disk.raw" "$T/os.raw" "$T/m/lun0/encrypted/disk.raw" "$T/data.raw" <<'END'
import sys
bad = 0
for mounted, source in zip(sys.argv[1::2], sys.argv[2::2]):
    with open(mounted, "rb", buffering=0) as m, open(source, "rb") as s:
        at = 0
        while True:
            want = s.read(65536)
            if not want:
                break
            m.seek(at)
            try:
                if m.read(65536) != want:
                    sys.exit("%s: wrong bytes at %d" % (mounted, at))
            except OSError:
                bad += 1
            at += len(want)
print(bad)
END
)
[ $bad -ge 1 ] && [ $bad -le 4 ] || fail "$bad blocks could not be read"
unmount "$T/m"
cp "$T/seg" "$seg"
