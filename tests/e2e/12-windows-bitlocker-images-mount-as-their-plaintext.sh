#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The volumes that Windows made, through the mount: disk.raw of each has the published hash, by
# one protector of each kind it has; encrypted/disk.raw is the image; what cannot be opened is
# refused in the right words, and shows as locked or unsupported where nothing was asked of it.
. "$(dirname "$0")/lib.sh"
require jq
require_root

images=$(bitlk_images)

value() {	# IMAGE KEY: what images.conf says
	awk -v want="[$1]" -v key="$2=" '/^\[/ { here = $0 == want }
		here && index($0, key) == 1 { print substr($0, length(key) + 1) }' "$images/images.conf"
}

# shows IMAGE OPTION: mounted with it, the plaintext has its hash.
shows() {
	local dir=$T/mnt.$mounts
	mounts=$((mounts + 1))
	mount_ade "$images/$1.img" "$dir" "$2"
	check_sha "$dir/disk.raw" "$(value "$1" SHA256SUM)" "$1 with ${2%%=*}"
	[ "$(jq -r '.partitions[0].state' "$dir/info.json")" = open ] || fail "$1: $(cat "$dir/info.json")"
	if [ "$mounts" = 1 ]; then check_same "$dir/encrypted/disk.raw" "$images/$1.img"; fi
	unmount "$dir"
}

mounts=0
for image in "$images"/*.img; do
	name=$(basename "$image" .img)
	[ -n "$(value "$name" SHA256SUM)" ] || continue
	value "$name" RP >"$T/rp"
	shows "$name" "recovery-password-file=$T/rp"
	key=$(value "$name" SK_VMK_GUID)
	if [ -n "$key" ]; then
		shows "$name" "bek=$images/${key^^}.BEK"
		shows "$name" "keys=$images"
	fi
done
[ "$mounts" = 18 ] || fail "$mounts mounts, not 18"
echo anaconda >"$T/pw"
shows bitlk-aes-xts-128-4k "password-file=$T/pw"

say "without a key: mounted, with a file that refuses and says why"
mount_ade "$images/bitlk-aes-xts-128-startup-key.img" "$T/locked" 2>"$T/err"
expect_text '4381F759-C4F8-4DE0-BB61-FC33A831BDA5' "$T/err"
if head -c 1 "$T/locked/disk.raw" >/dev/null 2>"$T/err"; then fail "a locked volume was readable"; fi
expect_text 'Permission denied|Required key' "$T/err"
check_same "$T/locked/encrypted/disk.raw" "$images/bitlk-aes-xts-128-startup-key.img"
jq -e '.partitions[0] | .state == "locked" and (.reason | length > 0) and
	any(.protectors[]; .guid == "4381F759-C4F8-4DE0-BB61-FC33A831BDA5")' \
	"$T/locked/info.json" >/dev/null || fail "info.json: $(cat "$T/locked/info.json")"

mkdir "$T/locked2"
say "encrypt-on-write is refused by name"
for name in bitlk-aes-xts-128-eow bitlk-clearkey-aes-cbc-128; do
	value "$name" RP >"$T/rp"
	if "$B/mount.adebackup" "$images/$name.img" "$T/locked2" -o "recovery-password-file=$T/rp" 2>"$T/err"; then
		fail "$name was mounted"
	fi
	expect_text 'encrypt-on-write' "$T/err"
done

say "a key that was named and opens nothing"
echo wrong >"$T/pw"
if "$B/mount.adebackup" "$images/bitlk-aes-xts-128.img" "$T/locked2" -o "password-file=$T/pw" 2>"$T/err"; then
	fail "a wrong password mounted the volume"
fi
expect_text '\[12\]' "$T/err"
