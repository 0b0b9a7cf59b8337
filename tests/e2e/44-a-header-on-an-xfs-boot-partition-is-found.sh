#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# RHEL's /boot is xfs, which we do not read: the header is found by looking for it. Old headers that
# were deleted lie there too; only one that opens the root counts.
. "$(dirname "$0")/lib.sh"
require mkfs.xfs sfdisk mke2fs cryptsetup jq

mkdir -p "$T/m" "$T/tree"
head -c 3000000 /dev/urandom >"$T/tree/data"
head -c 128 /dev/urandom | base64 -w0 >"$T/key"
head -c 128 /dev/urandom | base64 -w0 >"$T/old-key"
luks=(--batch-mode --type luks2 --pbkdf pbkdf2 --pbkdf-force-iterations 1000)
mke2fs -q -t ext4 -b 4096 -d "$T/tree" "$T/fs" 40M >/dev/null
cp "$T/fs" "$T/root"
cryptsetup reencrypt --encrypt "${luks[@]}" --header "$T/header" --key-file "$T/key" "$T/root" >/dev/null
truncate -s 32M "$T/header"	# as ADE makes it: dd bs=33554432 count=1
cp "$T/header" "$T/old"
cryptsetup luksFormat "${luks[@]}" "$T/old" "$T/old-key"

# boot FILE…: $T/disk.raw with these files in luks/ of an xfs boot partition
boot() {
	local n=0 f
	printf '/\n0 0\nd--755 0 0\nluks d--755 0 0\n' >"$T/proto"
	for f; do printf '%s ---600 0 0 %s\n' "$(if [ $((++n)) = $# ]; then echo osluksheader; else echo "old$n"; fi)" "$f"; done >>"$T/proto"
	printf '$\n$\n' >>"$T/proto"
	rm -f "$T/boot" "$T/disk.raw"
	truncate -s 320M "$T/boot"
	mkfs.xfs -q -p "$T/proto" "$T/boot"
	truncate -s 364M "$T/disk.raw"
	printf 'start=2048, size=655360\nstart=657408, size=81920\n' | sfdisk -q --label gpt "$T/disk.raw"
	dd if="$T/boot" of="$T/disk.raw" bs=1M seek=1 conv=notrunc,sparse status=none
	dd if="$T/root" of="$T/disk.raw" bs=1M seek=321 conv=notrunc status=none
}

opens() {
	mount_ade "$T/disk.raw" "$T/m" "bek=$T/key"
	check_same "$T/fs" "$T/m/p2.raw"
	[ "$(jq -r '.partitions[] | select(.n == 2) | .state + " " + .inside' "$T/m/info.json")" = "open ext4" ] || fail "not open"
	jq -e '.partitions[1].header | startswith("partition 1: byte ")' "$T/m/info.json" >/dev/null || fail "header"
	jq -e '.partitions[0].what == "xfs"' "$T/m/info.json" >/dev/null
	unmount "$T/m"
}

say "one header"
boot "$T/header"
opens
expect_status 12 "$B/adebackup" mount "$T/disk.raw" "$T/m" --bek "$T/old-key"

say "an older one in front of it"
boot "$T/old" "$T/header"
opens
