#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The LUKS images in cryptsetup's source package: old headers that must still open, damaged ones
# that its tests call corrupted.
. "$(dirname "$0")/lib.sh"
require xz tar

tests=$(cryptsetup_source)/tests
luks_cat=$B/tests/make/luks-cat

for evil in "$tests"/evil_hdr-*.xz; do
	xz -dkc "$evil" >"$T/evil.img"
	status=0
	said=$("$luks_cat" "$T/evil.img") || status=$?
	[ "$status" = 1 ] || fail "$(basename "$evil") was not refused as damaged: $said"
	say "$(basename "$evil"): $said"
done

printf compatkey >"$T/key"
for image in compatimage compatv10image compatimage2; do
	xz -dkc "$tests/$image.img.xz" >"$T/$image.img"
	"$luks_cat" "$T/$image.img" "$T/key" | grep -q '^opens$' || fail "$image does not open"
	say "$image opens"
done
printf compatke >"$T/wrong"
if "$luks_cat" "$T/compatimage.img" "$T/wrong" >"$T/out"; then fail "a wrong key opened it"; fi
grep -q 'no LUKS key slot opens' "$T/out" || fail "$(cat "$T/out")"

tar -xJf "$tests/luks1-images.tar.xz" -C "$T"
key=$(find "$T" -name keyfile1)
opened=0 refused=0
for image in "$(dirname "$key")"/*.img; do
	status=0
	said=$("$luks_cat" "$image" "$key") || status=$?
	case $(basename "$image"):$status in
	# ours are AES with digests that OpenSSL gives by default
	luks1_aes-xts-plain64-sha*:0 | luks1_aes-cbc-essiv-*:0) opened=$((opened + 1)) ;;
	*lrw*:3 | *xts-essiv*:3 | *serpent*:3 | *twofish*:3 | *whirlpool*:3) refused=$((refused + 1)) ;;
	*) fail "$(basename "$image"): status $status: $said" ;;
	esac
done
say "$opened opened, $refused refused as unsupported"
[ "$opened" = 3 ] || fail "only $opened opened"

xz -dkc "$tests/luks2_keyslot_unassigned.img.xz" >"$T/unassigned.img"
"$luks_cat" "$T/unassigned.img" || fail "a header with an unassigned key slot is refused"
