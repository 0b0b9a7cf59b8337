#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What the matrix (121) shows is no accident: for five rows, drawn by a seed that is printed
# (SEED=… draws them again), one feature that the row needs is taken out of a copy of the source,
# and the row fails, while a row that does not need it still opens.
# timeout: 300
. "$(dirname "$0")/lib.sh"
require mkntfs openssl curl jq python3 cryptsetup sfdisk qemu-img gcc
. "$(dirname "$0")/keyvault.sh"
. "$(dirname "$0")/matrix.sh"
cd "$T"
SEED=${SEED:-$((RANDOM * 32768 + RANDOM))}
RANDOM=$SEED
say "SEED=$SEED"

# feature NAME FILE OLD NEW WORDS-OF-ROWS SETTINGS: rows with all these words, whose settings match,
# need it; OLD made NEW takes it out.
NAMES=() FILES=() OLD=() NEW=() WORDS=() SETTINGS=()
feature() { NAMES+=("$1") FILES+=("$2") OLD+=("$3") NEW+=("$4") WORDS+=("$5") SETTINGS+=("$6"); }
feature "settings in the VM" fs/azure/settings.c 'take_pair(s, settings);' '(void)settings;' aad 'VM model|config'
feature "keyAndSecret of a recovery point" fs/azure/settings.c '"keyAndSecret"' '"nothing"' '' 'recovery point'
feature "settings on the disk object" fs/azure/settings.c '"encryptionSettingsCollection"' '"nothing"' '' 'disk model'
feature "the blob's metadata" fs/azure/settings.c '(name, "DiskEncryptionSettings")' '(name, "nothing")' '' "blob's"
feature "the blob's headers" fs/azure/text.c 'x-ms-meta-diskencryptionsettings:' 'nothing:' '' headers
feature "UTF-16" fs/azure/text.c 'e = ENC_UTF16LE;' 'e = ENC_UTF8;' '' config
feature "unwrapping" fs/keys/bek_fetch.c 'if (state == BEK_PLAIN) {' 'if (1 || state == BEK_PLAIN) {' kek .
feature "plain keys" fs/keys/bek_fetch.c 'return **kek ||' 'return 1 || **kek ||' bek .
feature "the KEK's own version" fs/keys/local_keystore.c 'LOCAL_KEY, ref->name, ref->version,' \
	'LOCAL_KEY, ref->name, NULL,' 'kek local' .
feature "unwrapkey" fs/keys/keyvault.c 'unwrapkey"' 'wrapkey"' 'kek keyvault' .
feature "base64url" crypto/base64.c 'seen == 3' '(seen & 2)' kek .
feature "BitLocker" fs/image/volumes.c '"bitlocker"' '"nothing"' windows .
feature "the header on the boot partition" fs/image/bootfile.c osluksheader nothing linux .
feature "the local key store" fs/keys/keystore.c '"local:"' '"nothing:"' local .
feature "Key Vault" fs/keys/azure_vaults.c '&& host_is_under(name, domain)' '&& !host_is_under(name, domain)' keyvault .
feature "the capsule" fs/vault/capsule.c 'keyring_at(keys, i)->used' '!keyring_at(keys, i)->used' '' .

needs() {	# ROW INDEX
	local word
	for word in ${WORDS[$2]}; do
		is "$1" "$word" || return 1
	done
	[[ "${READ[$1]}" =~ ${SETTINGS[$2]} ]]
}

say "a copy of the source and of its build"
mkdir -p tree/build/"$MODE"/obj
cp -a "$ROOT"/{Makefile,crypto,fs,tools} tree/
cp -a "$B"/{flags,libade.a,libtools.a,adebackup} "tree/build/$MODE/"
[ ! -e "$B/gen" ] || cp -a "$B/gen" "tree/build/$MODE/"
cp -a "$B"/obj/{crypto,fs,tools} "tree/build/$MODE/obj/"
werror=
if grep -q -e -Werror "$B/flags"; then werror=1; fi
build() { env -u MAKEFLAGS -u MAKELEVEL make -s -C tree MODE="$MODE" WERROR=$werror "build/$MODE/adebackup" >&2; }

without() {	# INDEX: the copy is built that way
	local file=tree/${FILES[$1]} text
	cp -a "$file" whole
	text=$(cat "$file")
	printf '%s\n' "${text//"${OLD[$1]}"/"${NEW[$1]}"}" >"$file"
	! cmp -s whole "$file" || fail "${FILES[$1]} has changed, this test is to follow: no ${OLD[$1]}"
	build || fail "does not compile without ${NAMES[$1]}"
}
with_all_again() { cp whole "tree/${FILES[$1]}"; }

declare -A READY
prepare() {	# ROW
	[ -z "${READY[$1]:-}" ] || return 0
	ADE=$B/adebackup matrix_disk "$1"
	ADE=$B/adebackup matrix_secret "$1"
	READY[$1]=1
}
# Newer versions of the KEK, as after a rotation.
rotate() {
	sleep 1.1	# the newest is told by the second
	"$B/adebackup" keystore rotate store kek1 --bits 2048 --keystore-key store.key >/dev/null 2>&1 ||
		"$B/adebackup" keystore create-key store kek1 --bits 2048 --keystore-key store.key >/dev/null
	control '{"do":"key","name":"kek1"}' >/dev/null
}

mkdir m
defer unmount "$T/m"
opens() {	# ADEBACKUP ROW: backed up by its settings' key, and opened by the vault's key alone
	local good=1
	rm -rf vault
	"$B/adebackup" init vault --vault-key vault.key -q
	ADE=$1 matrix_backup vault "$2" 2>err || return 1
	"$1" mount vault m --vm "$2" --point latest --vault-key vault.key 2>err || return 1
	[ "$(sha m/os/disk.raw 2>/dev/null)" = "${WANT[$2]}" ] || good=
	unmount "$T/m"
	[ "$good" ]
}

# Keys of other disks: whoever looks for any key finds several.
mkdir decoys
head -c 40 /dev/urandom | base64 -w0 >decoys/value
for n in 1 2; do
	"$ADE" keystore import-secret store "decoy$n" decoys/value --content-type BEK --keystore-key store.key >/dev/null
	control "{\"do\":\"secret\",\"name\":\"decoy$n\",\"value\":\"$(cat decoys/value)\",\"contentType\":\"BEK\"}" >/dev/null
done

used=' '
for try in 1 2 3 4 5; do
	row=${ROWS[RANDOM % ${#ROWS[@]}]} own=() others=()
	for i in "${!NAMES[@]}"; do
		if needs "$row" "$i" && [[ "$used" != *" $i "* ]]; then own+=("$i"); fi
	done
	i=${own[RANDOM % ${#own[@]}]}
	used+="$i "
	for other in "${ROWS[@]}"; do
		needs "$other" "$i" || others+=("$other")
	done
	prepare "$row"
	rotate
	opens "$B/adebackup" "$row" || fail "$row: $(cat err said)"
	without "$i"
	if opens "tree/build/$MODE/adebackup" "$row"; then fail "$row opens without ${NAMES[i]}"; fi
	say "$try: $row fails without ${NAMES[i]}: $(cut -c1-150 err | head -1)"
	if [ ${#others[@]} -gt 0 ]; then
		witness=${others[RANDOM % ${#others[@]}]}
		prepare "$witness"
		opens "tree/build/$MODE/adebackup" "$witness" || fail "$witness needs no ${NAMES[i]}: $(cat err said)"
		say "   $witness opens without it"
	fi
	with_all_again "$i"
done
