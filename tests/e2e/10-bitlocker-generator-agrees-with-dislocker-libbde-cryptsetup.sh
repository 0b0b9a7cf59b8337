#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What tests/make/mkbitlocker makes of a real NTFS volume is accepted by programs that we did
# not write, with the plaintext that went in; only then may our reader be tested on it.
# Not asked: libbde 2019 for XTS-256, a clear key, a second recovery password; dislocker for a
# 180-byte key file, a password that is not ASCII, a partly encrypted volume (it stops at the end
# of the encrypted part), a second recovery password; both for what only we judge (copies that differ).
# timeout: 300
. "$(dirname "$0")/lib.sh"
require dislocker-file bdemount bdeinfo cryptsetup mkntfs ntfscp fusermount3

mk=$B/tests/make/mkbitlocker
cat_tool=$B/tests/make/bitlocker-cat
rp1=111111-222222-333333-444444-555555-666666-000011-000022
rp2=020449-000088-123453-234564-345675-456786-567897-678689
mkdir "$T/keys" "$T/mnt"

make_plain() {	# FILE MKNTFS-OPTIONS…: an NTFS volume with files in it
	truncate -s 24M "$1"
	mkntfs -q -F -L ADE "${@:2}" "$1" >/dev/null 2>&1
	head -c 3000000 /dev/urandom >"$1.random"
	ntfscp -q "$1" "$1.random" random.bin
	ntfscp -q "$1" "$0" script.sh
}

# generate NAME OPTIONS…: makes $T/vol and remembers its GUID and key files.
generate() {
	say "$1"
	"$mk" "${@:2}" "$plain" "$T/vol" >"$T/made"
	mapfile -t beks < <(sed -n 's/^bek //p' "$T/made")
	guid=$(sed -n 's/^volume //p' "$T/made")
}

ours() {	# KIND [KEY]: our plaintext is the generator's
	"$cat_tool" "$T/vol" "$@" | cmp - "$plain" || fail "we read it differently by $1"
}

ours_text() {	# KIND TEXT
	printf '%s\n' "$2" >"$T/key"
	ours "$1" "$T/key"
}

dislocker_agrees() {	# OPTIONS…
	rm -f "$T/dis"
	dislocker-file -q -V "$T/vol" "$@" -- "$T/dis" >"$T/said" 2>&1 || fail "dislocker $*: $(cat "$T/said")"
	check_same "$T/dis" "$plain"
	rm -f "$T/dis"
}

# (libbde takes the size of a paused volume from NTFS, which leaves the last sector out)
libbde_agrees() {	# OPTIONS…
	local size
	bdemount "$@" "$T/vol" "$T/mnt" >"$T/said" 2>&1 || fail "bdemount $*: $(cat "$T/said")"
	size=$(stat -c %s "$T/mnt/bde1")
	if [ "$size" -lt $(($(stat -c %s "$plain") - 4096)) ] || ! cmp -n "$size" "$T/mnt/bde1" "$plain"; then
		fusermount3 -u "$T/mnt"
		fail "libbde reads it differently: $*"
	fi
	fusermount3 -u "$T/mnt"
}

cryptsetup_accepts() {	# CIPHER-MODE BITS
	cryptsetup bitlkDump "$T/vol" >"$T/dump" || fail "cryptsetup refuses it"
	expect_text "GUID:[[:space:]]*${guid,,}" "$T/dump"
	expect_text "Cipher mode:[[:space:]]*$1" "$T/dump"
	expect_text "Cipher key:[[:space:]]*$2 bits" "$T/dump"
}

plain=$T/plain512
make_plain "$plain"

# every cipher, sectors of 512
for row in "aes-xts-256 xts-plain64 512" "aes-xts-128 xts-plain64 256" "aes-cbc-256 cbc-eboiv 256" \
	"aes-cbc-128 cbc-eboiv 128" "aes-cbc-elephant-256 cbc-elephant 512" \
	"aes-cbc-elephant-128 cbc-elephant 256"; do
	read -r cipher mode bits <<<"$row"
	generate "$cipher" --cipher "$cipher" --bek "$T/keys"
	cryptsetup_accepts "$mode" "$bits"
	dislocker_agrees -f "${beks[0]}"
	[ "$cipher" = aes-xts-256 ] || libbde_agrees -s "${beks[0]}"
	ours bek "${beks[0]}"
done

# sectors of 4096
plain=$T/plain4096
make_plain "$plain" -s 4096
for cipher in aes-xts-256 aes-xts-128 aes-cbc-256 aes-cbc-elephant-128; do
	generate "$cipher, 4096" --cipher "$cipher" --sector 4096 --bek "$T/keys"
	cryptsetup bitlkDump "$T/vol" >"$T/dump"
	expect_text "Sector size:[[:space:]]*4096" "$T/dump"
	dislocker_agrees -f "${beks[0]}"
	ours bek "${beks[0]}"
done
plain=$T/plain512

# every protector
generate "all protectors" --cipher aes-xts-128 --bek "$T/keys" --bek-long "$T/keys" \
	--recovery "$rp1" --recovery "$rp2" --password anaconda --password 'anaconda£𝄞' --clear
[ "$(stat -c %s "${beks[0]}") $(stat -c %s "${beks[1]}")" = "156 180" ] || fail "sizes of the key files"
dislocker_agrees -f "${beks[0]}"
dislocker_agrees "-p$rp1"
dislocker_agrees -uanaconda
dislocker_agrees -c
libbde_agrees -s "${beks[0]}"
libbde_agrees -s "${beks[1]}"
libbde_agrees -r "$rp1"
libbde_agrees -p anaconda
cryptsetup bitlkDump "$T/vol" >"$T/dump"
[ "$(grep -c 'VMK protected with' "$T/dump")" = 7 ] || fail "cryptsetup sees other protectors: $(cat "$T/dump")"
ours bek "${beks[0]}"
ours bek "${beks[1]}"
ours_text recovery "$rp1"
ours_text recovery "$rp2"
ours_text recovery "${rp2//-/}"
ours_text password anaconda
ours_text password 'anaconda£𝄞'
ours clear
generate "a password that is not ASCII" --cipher aes-xts-128 --password 'anaconda£𝄞'
libbde_agrees -p 'anaconda£𝄞'
ours_text password 'anaconda£𝄞'

# a paused conversion: libbde reads the rest as it is; dislocker stops there.  Once with the moved
# boot sectors in the encrypted part, once behind it.
for end in 16777216 4194304; do
	generate "paused at $end" --cipher aes-xts-128 --bek "$T/keys" --encrypted-up-to "$end"
	ours bek "${beks[0]}"
	cmp -n 1000000 -i "$((23 << 20))" "$T/vol" "$plain" || fail "the rest is not as it was"
	rm -f "$T/dis"
	dislocker-file -q -V "$T/vol" -f "${beks[0]}" -- "$T/dis" >/dev/null 2>&1
	cmp -n "$end" "$T/dis" "$plain" || fail "dislocker: the encrypted part differs"
	libbde_agrees -s "${beks[0]}"
done

# damaged copies: the good one is found by all (libbde wants every signature)
generate "two copies with bad checksums" --cipher aes-xts-128 --bek "$T/keys" --break crc1 --break crc2
dislocker_agrees -f "${beks[0]}"
libbde_agrees -s "${beks[0]}"
ours bek "${beks[0]}"
generate "a bad checksum, a bad signature" --cipher aes-xts-128 --bek "$T/keys" --break crc1 --break signature2
dislocker_agrees -f "${beks[0]}"
ours bek "${beks[0]}"
"$cat_tool" "$T/vol" info >"$T/info"
expect_text '^copy_used 2$' "$T/info"
expect_text '^copies_valid 4$' "$T/info"

generate "a broken protected hash" --bek "$T/keys" --break hash1
ours bek "${beks[0]}"
generate "all protected hashes broken" --bek "$T/keys" --break hash1 --break hash2 --break hash3
expect_status 16 "$cat_tool" "$T/vol" bek "${beks[0]}" "$T/none"
generate "all checksums broken" --bek "$T/keys" --break crc1 --break crc2 --break crc3
expect_status 16 "$cat_tool" "$T/vol" bek "${beks[0]}" "$T/none"
expect_text 'none of the three' "$T/err"
if (dislocker-file -q -V "$T/vol" -f "${beks[0]}" -- "$T/dis2") >/dev/null 2>&1; then
	fail "dislocker reads a volume without a good checksum"
fi

# copies that differ: the highest nonce counter counts, the others would give wrong bytes
generate "copies that differ" --bek "$T/keys" --nonce 10,12,11 --stale
ours bek "${beks[0]}"
"$cat_tool" "$T/vol" info >"$T/info"
expect_text '^copy_used 1$' "$T/info"
expect_text '^copies_differ 1$' "$T/info"
expect_text '^description copy 2$' "$T/info"

# a conversion that writes on: refused by all
generate "encrypt on write" --bek "$T/keys" --eow
expect_status 17 "$cat_tool" "$T/vol" bek "${beks[0]}" "$T/none"
expect_text 'encrypt-on-write \(EOW\)' "$T/err"
generate "To Go" --cipher aes-xts-128 --bek "$T/keys" --to-go
libbde_agrees -s "${beks[0]}"
dislocker_agrees -f "${beks[0]}"
ours bek "${beks[0]}"

# the files are there: ntfs-3g reads them in what we decrypted
generate "files" --bek "$T/keys"
"$cat_tool" "$T/vol" bek "${beks[0]}" "$T/again"
ntfscat "$T/again" random.bin | cmp - "$plain.random" || fail "the file differs"

# a cut image gives what there is, and an error where the boot sectors are missing
truncate -s 20M "$T/vol"
"$cat_tool" "$T/vol" bek "${beks[0]}" "$T/cut"
cmp -n "$((20 << 20))" "$T/cut" "$plain" || fail "the cut volume reads differently"
[ "$(stat -c %s "$T/cut")" = "$((20 << 20))" ] || fail "the cut volume has another size"
truncate -s 6300000 "$T/vol"
expect_status 16 "$cat_tool" "$T/vol" bek "${beks[0]}" "$T/cut"

# wrong keys, each with its own words
generate "wrong keys" --bek "$T/keys" --recovery "$rp1" --seed 1
right=${beks[0]}
"$mk" --seed 7 --bek "$T/keys" "$plain" "$T/other" >"$T/made2"
expect_status 12 "$cat_tool" "$T/vol" bek "$(sed -n 's/^bek //p' "$T/made2")" "$T/none"
expect_text "has: .*$(basename "$right" .BEK)" "$T/err"
cp "$right" "$T/flipped.BEK"
printf 'x' | dd of="$T/flipped.BEK" bs=1 seek=140 conv=notrunc status=none
expect_status 12 "$cat_tool" "$T/vol" bek "$T/flipped.BEK" "$T/none"
expect_text 'right GUID' "$T/err"
head -c 100 "$right" >"$T/short.BEK"
expect_status 16 "$cat_tool" "$T/vol" bek "$T/short.BEK" "$T/none"
echo "$rp2" >"$T/key"
expect_status 12 "$cat_tool" "$T/vol" recovery "$T/key" "$T/none"
echo "${rp1/111111/111112}" >"$T/key"
expect_status 1 "$cat_tool" "$T/vol" recovery "$T/key" "$T/none"
expect_text 'group 1 is not a multiple of 11' "$T/err"
expect_status 13 "$cat_tool" "$T/vol" clear "$T/none"
