#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Disks whose BEK is a secret of the embedded local key store, plain and wrapped, by tags alone and
# by name; after rotation, soft delete and recovery; and each refusal with its exit code.
# timeout: 300
. "$(dirname "$0")/lib.sh"
require mkntfs openssl

ade=$B/adebackup
key="--keystore-key $T/store.key"
opts="keystore=local:$T/store,keystore-key=$T/store.key"

truncate -s 24M "$T/plain"
mkntfs -q -F -L ADE "$T/plain" >/dev/null 2>&1
mkdir "$T/beks"
"$B/tests/make/mkbitlocker" --bek "$T/beks" "$T/plain" "$T/disk" >"$T/made"
bek=$(echo "$T"/beks/*.BEK)
guid=$(basename "$bek" .BEK)
want=$(sha "$T/plain")

opens() {	# WHAT OPTIONS: mounts, and the plaintext is right
	say "$1"
	"$B/mount.adebackup" "$T/disk" "$T/mnt" -o "$2" || fail "$1: no mount"
	[ "$(sha "$T/mnt/disk.raw")" = "$want" ] || fail "$1: wrong plaintext"
	unmount "$T/mnt"
}
refused() {	# CODE PATTERN OPTIONS
	if "$B/mount.adebackup" "$T/disk" "$T/mnt" -o "$3" 2>"$T/err"; then
		unmount "$T/mnt"
		fail "mounted with $3"
	fi
	expect_text "\[$1\]" "$T/err"
	expect_text "$2" "$T/err"
}
mkdir "$T/mnt"
defer unmount "$T/mnt"

$ade keystore init "$T/store" $key
[ "$(stat -c %a "$T/store.key")" = 600 ] || fail "others may read the key file"
expect_status 11 $ade keystore init "$T/store" $key
$ade keystore create-key "$T/store" kek1 --bits 2048 $key

say "wrapped, found by its tags"
for alg in RSA-OAEP RSA-OAEP-256 RSA1_5; do
	$ade keystore import-secret "$T/store" "$guid" "$bek" --key-file --wrap-with kek1 \
		--algorithm $alg --tag "DiskEncryptionKeyFileName=$guid.BEK" $key
	opens "$alg" "$opts,audit-log=$T/audit,reason=drill-$alg"
	expect_text "\"action\":\"unwrap\".*$guid.*drill-$alg.*" "$T/audit"
done

say "the key file is in no audit line and no stored object"
printf '%s' "$(xxd -p -s 60 -l 16 "$bek" | tr -d '\n')" >"$T/needle"
if xxd -p "$T/audit" | tr -d '\n' | grep -q "$(cat "$T/needle")"; then fail "audit holds key bytes"; fi
find "$T/store" -type f -exec xxd -p {} \; | tr -d '\n' | grep -q "$(cat "$T/needle")" &&
	fail "the store holds key bytes in clear"

say "the KEK is rotated: the version in the tag still unwraps"
$ade keystore rotate "$T/store" kek1 --bits 2048 $key
opens "rotated" "$opts"

say "the KEK is soft-deleted"
$ade keystore delete "$T/store" kek1 $key
refused 13 'adebackup keystore recover' "$opts,secret-url=$guid"
expect_status 11 $ade keystore create-key "$T/store" kek1 --bits 2048 $key
$ade keystore recover "$T/store" kek1 $key
opens "recovered" "$opts,secret-url=$guid"

say "the KEK is elsewhere: a PEM file beside the store"
openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:3072 -out "$T/kek.pem" 2>/dev/null ||
	openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:3072 -out "$T/kek.pem" 2>/dev/null
openssl pkeyutl -encrypt -inkey "$T/kek.pem" -in "$bek" -out "$T/wrapped" \
	-pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:sha1 -pkeyopt rsa_mgf1_md:sha1
base64 -w0 "$T/wrapped" | tr '+/' '-_' | tr -d '=' >"$T/wrapped.txt"
$ade keystore init "$T/two" --keystore-key "$T/store.key"
$ade keystore import-secret "$T/two" "$guid" "$T/wrapped.txt" --content-type 'Wrapped BEK' \
	--tag "DiskEncryptionKeyFileName=$guid.BEK" $key \
	--tag "DiskEncryptionKeyEncryptionKeyURL=https://contoso.vault.azure.net/keys/kek9/0123456789abcdef0123456789abcdef"
opens "pem" "keystore=local:$T/two,keystore-key=$T/store.key,keystore=pem:$T/kek.pem"
refused 13 'kek9' "keystore=local:$T/two,keystore-key=$T/store.key"

say "plain BEKs, in each base64 that was seen in the field"
n=0
for form in 'cat' "tr +/ -_" "tr -d =" "sed s/=//g;y#+/#-_#"; do
	n=$((n + 1))
	base64 -w0 "$bek" | $form >"$T/value"
	$ade keystore init "$T/plain$n" --keystore-key "$T/store.key"
	$ade keystore import-secret "$T/plain$n" "$guid" "$T/value" --content-type BEK $key \
		--tag "DiskEncryptionKeyFileName=$guid.BEK" --tag DiskEncryptionKeyEncryptionAlgorithm=RSA-OAEP
	opens "form $n" "keystore=local:$T/plain$n,keystore-key=$T/store.key"
done

say "refusals"
echo 'not the key of this store' >"$T/wrong.key"
refused 12 'does not open this key store' "keystore=local:$T/store,keystore-key=$T/wrong.key"
refused 13 'keystore-key' "keystore=local:$T/store"
refused 10 'no local key store' "keystore=local:$T/nowhere,keystore-key=$T/store.key"
refused 10 'no such secret' "$opts,secret-url=unknown"
head -c 156 /dev/zero | base64 -w0 >"$T/zeros"
$ade keystore init "$T/bad" --keystore-key "$T/store.key"
$ade keystore import-secret "$T/bad" "$guid" "$T/zeros" --tag "DiskEncryptionKeyFileName=$guid.BEK" $key
refused 16 'no .BEK file' "keystore=local:$T/bad,keystore-key=$T/store.key,secret-url=$guid"
$ade keystore init "$T/off" --keystore-key "$T/store.key"
v=$($ade keystore import-secret "$T/off" "$guid" "$T/value" --disabled $key)
refused 14 'disabled' "keystore=local:$T/off,keystore-key=$T/store.key,secret-url=$guid/${v##*/}"

say "an expired secret opens, with a warning"
$ade keystore init "$T/old" --keystore-key "$T/store.key"
$ade keystore import-secret "$T/old" "$guid" "$T/value" --expires 2020-01-01T00:00:00Z $key \
	--tag "DiskEncryptionKeyFileName=$guid.BEK"
opens "expired" "keystore=local:$T/old,keystore-key=$T/store.key" 2>"$T/err"
expect_text 'expired' "$T/err"

say "a flipped bit and a swapped object are damage"
f=$(find "$T/off/secrets" -type f)
cp "$f" "$T/saved"
printf '\xff' | dd of="$f" bs=1 seek=60 conv=notrunc status=none
refused 16 'damaged' "keystore=local:$T/off,keystore-key=$T/store.key,secret-url=$guid/${v##*/}"
mkdir "$T/off/secrets/other"
cp "$T/saved" "$T/off/secrets/other/${v##*/}"
refused 16 'moved here' "keystore=local:$T/off,keystore-key=$T/store.key,secret-url=other/${v##*/}"
