#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The volumes that Windows made, by every protector that is known of them: the whole plaintext
# has the hash that cryptsetup publishes, from us, from dislocker and, except for AES-XTS-256,
# from libbde; what has no published hash is compared with dislocker.
# timeout: 600
. "$(dirname "$0")/lib.sh"
require dislocker-file bdemount fusermount3

images=$(bitlk_images)
cat_tool=$B/tests/make/bitlocker-cat

# value IMAGE KEY: what images.conf says.
value() {
	awk -v want="[$1]" -v key="$2=" '/^\[/ { here = $0 == want }
		here && index($0, key) == 1 { print substr($0, length(key) + 1) }' "$images/images.conf"
}

# opens IMAGE KIND [KEYFILE]: the plaintext's hash.
plain_hash() {
	"$cat_tool" "$images/$1.img" "${@:2}" | sha256sum | cut -d' ' -f1
}

# must_be IMAGE HASH KIND [KEYFILE]
must_be() {
	local got
	got=$(plain_hash "$1" "${@:3}")
	[ "$got" = "$2" ] || fail "$1 opened by $3: hash $got, not $2"
	say "$1 by $3: right"
	opened=$((opened + 1))
}

# Both say by their identifier that they are encrypt-on-write volumes.
must_refuse() {
	if "$cat_tool" "$images/$1.img" clear 2>"$T/err"; then fail "$1 was opened"; fi
	grep -q 'encrypt-on-write' "$T/err" || fail "$1: $(cat "$T/err")"
	say "$1: refused by name"
}

# The other readers see the same; the recovery password is the way in that all of them know.
dislocker_agrees() {	# IMAGE HASH
	dislocker-file -q -V "$images/$1.img" "-p$(value "$1" RP)" -- "$T/plain" >"$T/err" 2>&1 ||
		fail "dislocker, $1: $(cat "$T/err")"
	check_sha "$T/plain" "$2" "$1 by dislocker"
	rm -f "$T/plain"
}

libbde_agrees() {	# IMAGE HASH
	local got
	trap - EXIT	# a background job: the folder is its parent's
	[ "$1" != bitlk-aes-xts-256 ] || return 0
	mkdir -p "$T/mnt"
	bdemount -r "$(value "$1" RP)" "$images/$1.img" "$T/mnt" >"$T/bde" 2>&1 ||
		fail "bdemount, $1: $(cat "$T/bde")"
	got=$(sha "$T/mnt/bde1")
	fusermount3 -u "$T/mnt"
	[ "$got" = "$2" ] || fail "$1: libbde sees hash $got"
}

opened=0
for image in "$images"/*.img; do
	name=$(basename "$image" .img)
	hash=$(value "$name" SHA256SUM)
	case $name in
	*-eow | *clearkey*)
		must_refuse "$name"
		continue ;;
	esac
	[ -n "$hash" ] || fail "$name: no hash to compare with"
	if [ -n "$(value "$name" PW)" ]; then
		# one image has a password that is not ASCII, in place of the common one
		value "$name" PW >"$T/pw"
		must_be "$name" "$hash" password "$T/pw"
	fi
	if [ -n "$(value "$name" RP)" ]; then
		value "$name" RP >"$T/rp"
		must_be "$name" "$hash" recovery "$T/rp"
		libbde_agrees "$name" "$hash" &
		dislocker_agrees "$name" "$hash"
		wait $! || fail "$name: libbde disagrees"
	fi
	key=$(value "$name" SK_VMK_GUID)
	if [ -n "$key" ]; then
		must_be "$name" "$hash" bek "$images/${key^^}.BEK"
	fi
done
[ "$opened" -ge 25 ] || fail "only $opened ways in were tried"

say "the volume with a clear key, marked as one whose conversion has ended, reads as dislocker reads it"
cp --sparse=always "$images/bitlk-clearkey-aes-cbc-128.img" "$T/clear.img"
chmod u+w "$T/clear.img"
printf '\x3b\xd6\x67\x49\x29\x2e\xd8\x4a\x83\x99\xf6\xa3\x39\xe3\xd0\x01' |
	dd of="$T/clear.img" bs=1 seek=$((0xa0)) conv=notrunc status=none
dislocker-file -V "$T/clear.img" -c -- "$T/plain" >/dev/null
"$cat_tool" "$T/clear.img" clear | cmp - "$T/plain" || fail "clear key: differs from dislocker"
rm -f "$T/plain"

say "wrong keys are refused as such"
echo wrong >"$T/pw"
if "$cat_tool" "$images/bitlk-aes-xts-128.img" password "$T/pw" 2>"$T/err" >&2; then fail "opened"; fi
grep -q 'does not open' "$T/err" || fail "$(cat "$T/err")"
if "$cat_tool" "$images/bitlk-aes-xts-128-startup-key.img" bek \
	"$images/AA80A52B-9B66-47AE-B097-33F536FFBB07.BEK" 2>"$T/err" >&2; then fail "opened"; fi
grep -q '4381F759-C4F8-4DE0-BB61-FC33A831BDA5' "$T/err" || fail "$(cat "$T/err")"
