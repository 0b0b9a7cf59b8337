#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# adebackup files and attach on a vault: the file systems and block devices of all disks of a recovery
# point, of an older one too; a vault without a point is refused.
. "$(dirname "$0")/lib.sh"
require sfdisk mke2fs cryptsetup losetup ntfs-3g jq
require_root

A=$B/adebackup V=$T/vault
vault=(--vault-key "$T/vault.key" --vm web1)
mkdir -p "$T/keys" "$T/tree" "$T/m"
seq 1 100000 >"$T/tree/numbers"
sum=$(sha "$T/tree/numbers")
"$ROOT/tests/make/ade-linux-disk" "$T/os.raw" "$T/keys/LinuxPassPhraseFileName" "$T/tree"
mke2fs -q -t ext4 -d "$T/tree" "$T/fs" 24M >/dev/null 2>&1
"$B/tests/make/mkbitlocker" --seed 7 --bek "$T/keys" "$T/fs" "$T/data.raw" >/dev/null
"$A" init "$V" --vault-key "$T/vault.key" --quiet >"$T/out"
backup() { "$A" backup "$V" web1 --vault-key "$T/vault.key" --disk "os=$T/os.raw" --disk "lun0=$T/data.raw" --quiet; }
backup
first=$("$A" list "$V" web1 --vault-key "$T/vault.key" --json | jq -r '.points[0].time')
dd if=/dev/urandom of="$T/data.raw" bs=64K count=16 conv=notrunc status=none	# the volume is lost
backup

say "files of the older point"
defer eval "is_mounted '$T/m' && '$A' umount '$T/m'"
"$A" files "$V" "$T/m" "${vault[@]}" --point "$first" --keys "$T/keys" --json >"$T/out"
check_sha "$T/m/os/p1/numbers" "$sum"
check_sha "$T/m/lun0/disk/numbers" "$sum"
[ "$(jq -r '[.file_systems[] | select(.dir).name] | sort | join(" ")' "$T/out")" = \
	"lun0/disk os/p1 os/p15 os/p2" ] || fail "$(cat "$T/out")"
"$A" umount "$T/m"
is_mounted "$T/m" && fail "still mounted"

say "devices of its disks"
"$A" attach "$V" "web1@$first" --vault-key "$T/vault.key" --keys "$T/keys" --json >"$T/out"
os=$(jq -r '.devices[] | select(.disk == "os").device' "$T/out")
data=$(jq -r '.devices[] | select(.disk == "lun0").device' "$T/out")
defer eval "'$A' detach $os 2>/dev/null || true"
defer eval "'$A' detach $data 2>/dev/null || true"
[ "$(jq -r '.devices[] | select(.disk == "os").partitions | length' "$T/out")" = 4 ] || fail "$(cat "$T/out")"
check_same "$data" "$T/fs"
dir=$(losetup -n -O BACK-FILE "$os" | cut -d/ -f1-4)
"$A" detach "$os"
is_mounted "$dir" || fail "the other disk's device lost what it reads from"
check_same "$data" "$T/fs"
"$A" detach "$data"
is_mounted "$dir" && fail "the last device has gone and the mount has not"

say "a vault alone is refused, with what to name"
expect_status 2 "$A" files "$V" "$T/m" --vault-key "$T/vault.key"
expect_text 'name the VM and, unless' "$T/err"
is_mounted "$T/m" && fail "mounted all the same"
expect_status 10 "$A" attach "$V" web2 --vault-key "$T/vault.key"
expect_status 2 "$A" attach "$T/os.raw" web1
expect_text 'is no vault' "$T/err"
expect_status 2 "$A" attach "$V" --vault-key "$T/vault.key"
