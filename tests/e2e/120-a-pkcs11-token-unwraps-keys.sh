#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Disks whose BEK is wrapped by a KEK that stays in a PKCS#11 token: every algorithm and size that
# Key Vault has, the token's own OAEP and, where it refuses the parameters, raw RSA; and refusals.
. "$(dirname "$0")/lib.sh"
require mkntfs openssl softhsm2-util pkcs11-tool
soft=$(ls /usr/lib/softhsm/libsofthsm2.so /usr/lib/*/softhsm/libsofthsm2.so 2>/dev/null | head -1)
spy=$(ls /usr/lib/*/pkcs11-spy.so 2>/dev/null | head -1)
[ -n "$soft" ] && [ -n "$spy" ] || skip "SoftHSM or pkcs11-spy is not installed"

cd "$T"
mkdir tokens beks mnt
defer unmount "$T/mnt"
export SOFTHSM2_CONF=$T/softhsm2.conf
printf 'directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\n' "$T/tokens" >softhsm2.conf
new_token() { softhsm2-util --init-token --free --label "$1" --pin 13579 --so-pin 24680 >/dev/null; }
put_key() { softhsm2-util --import "$2" --label "$3" --id "$4" --token "$1" --pin 13579 >/dev/null; }
(umask 077; echo 13579 >pin; echo 99999 >wrong.pin)

truncate -s 24M plain
mkntfs -q -F -L ADE plain >/dev/null 2>&1
"$B/tests/make/mkbitlocker" --seed 120 --bek beks plain disk >/dev/null
bek=$(echo beks/*.BEK)
guid=$(basename "$bek" .BEK)
want=$(sha plain)
ade=$B/adebackup
kek_url=https://contoso.vault.azure.net/keys

wrap() {	# PEM ALGORITHM KEK-NAME: the store with this one secret
	local how=(-pkeyopt rsa_padding_mode:oaep)
	case $2 in
	RSA-OAEP-256) how+=(-pkeyopt rsa_oaep_md:sha256 -pkeyopt rsa_mgf1_md:sha256) ;;
	RSA1_5) how=(-pkeyopt rsa_padding_mode:pkcs1) ;;
	esac
	openssl pkeyutl -encrypt -inkey "$1" -in "$bek" -out wrapped "${how[@]}"
	base64 -w0 wrapped | tr '+/' '-_' | tr -d = >value
	rm -rf store store.key
	$ade keystore init store --keystore-key store.key
	$ade keystore import-secret store "$guid" value --content-type 'Wrapped BEK' --keystore-key store.key \
		--tag "DiskEncryptionKeyFileName=$guid.BEK" --tag "DiskEncryptionKeyEncryptionAlgorithm=$2" \
		--tag "DiskEncryptionKeyEncryptionKeyURL=$kek_url/$3" >/dev/null
}
stores="keystore=local:store,keystore-key=store.key"
opens() {	# WHAT URI [OPTIONS]
	say "$1"
	"$B/mount.adebackup" disk mnt -o "$stores,keystore=$2,${3-keystore-pin-file=pin}" || fail "$1: no mount"
	[ "$(sha mnt/disk.raw)" = "$want" ] || fail "$1: wrong plaintext"
	unmount "$T/mnt"
}
refused() {	# CODE PATTERN URI [OPTIONS]
	if "$B/mount.adebackup" disk mnt -o "$stores,keystore=$3,${4-keystore-pin-file=pin}" 2>err; then
		unmount "$T/mnt"
		fail "mounted with $3"
	fi
	expect_text "\[$1\]" err
	expect_text "$2" err
	! grep -qE '13579|99999' err || fail "the PIN is in: $(cat err)"
}

new_token hsm1
for bits in 2048 3072 4096; do
	openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:$bits -out $bits.pem 2>/dev/null
	put_key hsm1 $bits.pem kek$bits 0${bits:0:1}
done
say "every algorithm and size; what the token is asked for"
export PKCS11SPY=$soft PKCS11SPY_OUTPUT=$T/spy
for bits in 2048 3072 4096; do
	for alg in RSA-OAEP RSA-OAEP-256 RSA1_5; do
		wrap $bits.pem $alg kek$bits/0123456789abcdef0123456789abcdef
		rm -f spy
		opens "$alg $bits" "pkcs11:token=hsm1;object=kek$bits?module-path=$spy"
		case $alg in
		RSA-OAEP) expect_text 'CKM_RSA_PKCS_OAEP' spy
			! grep -q CKM_RSA_X_509 spy || fail "raw RSA where the token has OAEP" ;;
		RSA-OAEP-256) expect_text 'CKM_RSA_X_509' spy ;;
		*) expect_text 'CKM_RSA_PKCS' spy ;;
		esac
		! grep -aq "$(xxd -p -s 60 -l 8 "$bek")" spy || [ $alg != RSA-OAEP-256 ] || fail "raw RSA gave the key unpadded"
	done
done
unset PKCS11SPY PKCS11SPY_OUTPUT
uri="pkcs11:token=hsm1?module-path=$soft"

say "the key is found by the KEK's name, its id, or by trying"
wrap 2048.pem RSA-OAEP kek2048/0123456789abcdef0123456789abcdef
opens "by name" "$uri"
opens "by id" "pkcs11:token=hsm1;id=%02;type=private?module-path=$soft"
openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out new.pem 2>/dev/null
put_key hsm1 new.pem unrelated 11
put_key hsm1 new.pem kek1 12
put_key hsm1 2048.pem kek1/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa 13
wrap 2048.pem RSA-OAEP kek1/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
opens "by name and version" "$uri"
wrap 2048.pem RSA-OAEP kek7/0123456789abcdef0123456789abcdef
opens "by trying" "$uri"

say "the PIN's ways"
opens "pin-source" "pkcs11:token=hsm1?module-path=$soft&pin-source=file:$T/pin" try-all-keys
refused 2 'seen by everybody' "pkcs11:token=hsm1?module-path=$soft&pin-value=13579"
refused 13 'wants a PIN' "$uri" try-all-keys
refused 12 'does not take the PIN' "$uri" keystore-pin-file=wrong.pin
opens "the right one again" "$uri"

say "no such module, token, key; the wrong key"
refused 10 'cannot be loaded' "pkcs11:token=hsm1?module-path=$T/nothing.so"
refused 10 'no token' "pkcs11:token=hsm9?module-path=$soft"
refused 13 'no such private RSA key' "pkcs11:token=hsm1;object=nothing?module-path=$soft" "keystore-pin-file=pin,secret-url=$guid"
refused 12 'does not unwrap' "pkcs11:token=hsm1;object=unrelated?module-path=$soft" "keystore-pin-file=pin,secret-url=$guid"
wrap 2048.pem RSA1_5 kek7/0123456789abcdef0123456789abcdef
refused 12 'does not unwrap|not open' "pkcs11:token=hsm1;object=kek3072?module-path=$soft" "keystore-pin-file=pin,secret-url=$guid"
pkcs11-tool --module "$soft" --token-label hsm1 --login --pin 13579 --keypairgen --key-type EC:prime256v1 --label ec >/dev/null 2>&1
refused 13 'no such private RSA key' "pkcs11:token=hsm1;object=ec?module-path=$soft" "keystore-pin-file=pin,secret-url=$guid"

say "a point whose capsule keeps the key wrapped opens by the token"
wrap 3072.pem RSA-OAEP-256 kek3072/0123456789abcdef0123456789abcdef
$ade init vault --capsule wrapped --vault-key vault.key -q
$ade backup vault web1 --disk os=disk --vault-key vault.key -q --keystore local:store --keystore-key store.key \
	--keystore "$uri" --keystore-pin-file pin
rm -rf store
mount_ade vault m "vault-key=vault.key,vm=web1,point=latest,keystore=$uri,keystore-pin-file=pin"
check_same plain m/os/disk.raw

say "the token's key opens a whole vault"
kek=$kek_url/kek3072/0123456789abcdef0123456789abcdef
$ade key add vault --vault-key vault.key --vault-kek $kek --keystore "$uri" --keystore-pin-file pin -q
expect_status 0 $ade verify vault --keystore "$uri" --keystore-pin-file pin
expect_status 13 $ade verify vault
