#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A vault in a container of Azure Blob Storage does what one in a folder does; the official client
# reads what we wrote and we read what it wrote.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/azurite.sh"
require jq curl

A=$B/adebackup V=az://devstoreaccount1/vault/north K=$T/vault.key
head -c 9M /dev/urandom >"$T/os.raw"
truncate -s 24M "$T/os.raw"
cp "$T/os.raw" "$T/os1.raw"
az() { "$A" "$@" --endpoint "$AZ_URL" --vault-key "$K"; }
backup() { az backup "$V" web1 --disk "os=$T/os.raw" "$@"; }

say "made with the account's key; put-if-absent is seen to hold"
expect_status 0 az init "$V" --account-key-file "$AZ_KEY" --json
[ "$(jq .conditional_put "$T/out")" = true ] || fail "$(cat "$T/out")"
expect_status 11 az init "$V" --account-key-file "$AZ_KEY"

say "everything else with a SAS for the container"
(umask 077; blobs sas vault rwdl 3600 >"$T/sas")
expect_status 0 backup --sas-file "$T/sas"
dd if=/dev/urandom of="$T/os.raw" bs=4k seek=1000 count=4 conv=notrunc status=none
expect_status 0 backup --sas-file "$T/sas" --json
[ "$(jq .new_bytes "$T/out")" -lt 80000 ] || fail "16 KiB changed: $(cat "$T/out")"
expect_status 0 az list "$V" web1 --sas-file "$T/sas" --json
[ "$(jq '.points | length' "$T/out")" = 2 ] || fail "$(cat "$T/out")"
first=$(jq -r '.points[0].time' "$T/out")
expect_status 0 az verify "$V" --sas-file "$T/sas"
expect_status 0 "$A" verify "$V" --no-key --endpoint "$AZ_URL" --sas-file "$T/sas"
expect_status 0 "$A" key list "$V" --endpoint "$AZ_URL" --sas-file "$T/sas"
expect_status 0 az restore "$V" "web1@$first" --to "$T/back" --sas-file "$T/sas"
check_same "$T/os1.raw" "$T/back/os.raw"

say "it mounts, by mount.adebackup and by adebackup mount"
mount_ade "$V" "$T/m" "vault-key=$K,$AZ_NET,sas-file=$T/sas"
check_same "$T/os.raw" "$T/m/web1/latest/os/disk.raw"
check_same "$T/os1.raw" "$T/m/web1/$first/os/disk.raw"
grep -q "^$V $T/m fuse.adebackup" /proc/self/mounts || fail "$(grep adebackup /proc/self/mounts)"
unmount "$T/m"
defer unmount "$T/m"
expect_status 0 az mount "$V" "$T/m" --sas-file "$T/sas" --vm web1 --point latest
check_same "$T/os.raw" "$T/m/os/disk.raw"
unmount "$T/m"

say "the official client reads it all: the copy is a vault in a folder"
mkdir "$T/copy"
blobs getall vault north/ "$T/copy"
expect_status 0 "$A" restore "$T/copy" web1@latest --to "$T/back2" --vault-key "$K"
check_same "$T/os.raw" "$T/back2/os.raw"
say "every object has the MD5 that it was sent with"
blobs list vault north/ >"$T/list"
[ "$(wc -l <"$T/list")" -gt 8 ] || fail "$(cat "$T/list")"
while IFS=$'\t' read -r name size md5; do
	[ "$(stat -c %s "$T/copy/${name#north/}")" = "$size" ] || fail "size of $name"
	[ "$(md5sum <"$T/copy/${name#north/}" | cut -d' ' -f1)" = "$md5" ] || fail "MD5 of $name: $md5"
done <"$T/list"

say "what the official client puts there is read by us"
blobs create other
blobs putall other "" "$T/copy"
expect_status 0 az verify az://devstoreaccount1/other --account-key-file "$AZ_KEY"
expect_status 0 az restore az://devstoreaccount1/other web1@latest --to "$T/back3" --account-key-file "$AZ_KEY"
check_same "$T/os.raw" "$T/back3/os.raw"

say "damage and loss there are found as anywhere"
segment=$(cut -f1 "$T/list" | grep north/seg/ | head -1)
blobs delete vault "$segment"
expect_status 16 az verify "$V" --sas-file "$T/sas"
expect_text "${segment#north/}" "$T/out"
