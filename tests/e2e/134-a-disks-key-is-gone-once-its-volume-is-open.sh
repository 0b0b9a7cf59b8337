#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A mount's memory is read: the key of a volume's data is there, the BEK or passphrase that unlocked it is
# not, in no form in which it came: from a Key Vault, a capsule, a file. What bek-volume.raw shows, and a
# file's key that another disk may still need, is there.
. "$(dirname "$0")/lib.sh"
require cryptsetup mke2fs curl python3 openssl jq xxd
require_root
. "$(dirname "$0")/keyvault.sh"
a=$B/adebackup
cd "$T"
v1=0123456789abcdef0123456789abcdef
key="--vault-key vault.key"

hex() { xxd -p -c 4096 | tr -d '\n'; }
text_hex() { printf %s "$1" | hex; }
mkdir beks tree m
echo hello >tree/greeting
mke2fs -q -t ext4 -d tree plain 24M
"$B/tests/make/mkbitlocker" --print-keys --seed 3 --bek beks plain windows >made
bek=$(echo beks/*.BEK)
guid=$(basename "$bek" .BEK)
head -c 96 /dev/urandom | base64 -w0 >pass
truncate -s 48M linux
cryptsetup luksFormat --batch-mode --type luks2 --cipher aes-xts-plain64 --key-size 512 --pbkdf pbkdf2 --iter-time 50 linux pass
cryptsetup luksDump --batch-mode --dump-volume-key --volume-key-file mk --key-file pass linux >/dev/null

# The key inside the BEK, and what of it is in the text that a Key Vault answers: the last 40 characters.
{
	sed -n 's/^fvek /volume-windows /p' made
	echo "volume-linux $(hex <mk)"
	sed -n 's/^protector-key /bek /p' made | head -1
	echo "bek-base64 $(text_hex "$(base64 -w0 "$bek" | tail -c 40)")"
	echo "bek-base64url $(text_hex "$(base64 -w0 "$bek" | tail -c 40 | tr '+/' '-_')")"
	echo "pass $(hex <pass)"
	echo "pass-base64 $(text_hex "$(base64 -w0 pass)")"
} >secrets
[ "$(wc -l <secrets)" = 7 ] || fail "the fixtures tell no keys: $(cut -d' ' -f1 secrets | tr '\n' ' ')"
rm mk

scan() {	# DIR
	"$ROOT/tests/lib/scan-memory" "$(ade_pid "$1")" <secrets >found || [ $? = 1 ] || fail "$(cat found)"
}
holds() { grep -q " $1" found || fail "$2: $1 is not there: $(cat found)"; }
lacks() {	# WHAT NAME…
	local what=$1 n
	shift
	for n; do
		if grep -q " $n" found; then fail "$what: $n is still there: $(cat found)"; fi
	done
}
read_all() { find "$1" -name disk.raw -exec sha256sum {} + >/dev/null; }

openssl genrsa -out kek.pem 2048 2>/dev/null
pem=$(awk '{printf "%s\\n", $0}' kek.pem)
control "{\"do\":\"key\",\"name\":\"kek1\",\"version\":\"$v1\",\"pem\":\"$pem\"}" >/dev/null
secret() {	# NAME FILE TAG
	local value
	value=$(openssl pkeyutl -encrypt -inkey kek.pem -in "$2" -pkeyopt rsa_padding_mode:oaep | base64 -w0 | tr '+/' '-_' | tr -d '=')
	control "{\"do\":\"secret\",\"name\":\"$1\",\"value\":\"$value\",\"contentType\":\"Wrapped BEK\",
		\"tags\":{\"DiskEncryptionKeyFileName\":\"$3\",\"DiskEncryptionKeyEncryptionAlgorithm\":\"RSA-OAEP\",
		\"DiskEncryptionKeyEncryptionKeyURL\":\"$KV/keys/kek1/$v1\"}}" >/dev/null
}
secret "$guid" "$bek" "$guid.BEK"
secret pass1 pass LinuxPassPhraseFileName
plain() {	# NAME FILE TAG
	control "{\"do\":\"secret\",\"name\":\"$1\",\"value\":\"$(base64 -w0 "$2")\",\"contentType\":\"BEK\",
		\"tags\":{\"DiskEncryptionKeyFileName\":\"$3\"}}" >/dev/null
}

say "an image: keys that a Key Vault unwrapped, or holds as they are, and a key file"
once() {	# DISK OPTIONS GONE…
	local disk=$1
	mount_ade "$disk" "$T/m" "$2"
	shift 2
	read_all m
	scan "$PWD/m"
	holds "volume-$disk" "$disk"
	lacks "$disk" "$@"
	unmount "$PWD/m"
}
once windows "$KV_OPTS" bek
once linux "$KV_OPTS,secret-url=$KV/secrets/pass1" pass
once linux "bek=$T/pass" pass
control '{"do":"forget"}' >/dev/null
control "{\"do\":\"key\",\"name\":\"kek1\",\"version\":\"$v1\",\"pem\":\"$pem\"}" >/dev/null
plain "$guid" "$bek" "$guid.BEK"
once windows "$KV_OPTS" bek
mount_ade windows "$T/m" "$KV_OPTS,bekvolume"
scan "$PWD/m"
holds bek "bekvolume"
jq -e --arg u "$KV/secrets/$guid" 'any(.partitions[].protectors[]; (.secret_url // "") | startswith($u))' m/info.json >/dev/null || fail "info.json: $(cat m/info.json)"
unmount "$PWD/m"

say "a vault: what the capsule holds, sealed or wrapped, disk for disk"
secret "$guid" "$bek" "$guid.BEK"
secret pass1 pass LinuxPassPhraseFileName
for mode in sealed wrapped none; do
	# shellcheck disable=SC2086	# two words are two
	"$a" init $mode --capsule $mode $key -q
	# shellcheck disable=SC2086	# two words are two
	expect_status 0 "$a" backup $mode web1 --disk os=windows --disk lun0=linux $key ${KV_OPTS:+$(
		echo "--$KV_OPTS" | sed 's/,/ --/g; s/=/ /g')}
done
from_vault() {	# VAULT OPTIONS
	mount_ade "$1" "$T/m" "$2,vault-key=vault.key"
	read_all m
	scan "$PWD/m"
	holds volume-windows "$1"
	holds volume-linux "$1"
	lacks "$1" bek pass
	jq -e 'any(.partitions[]; .state == "open")' "$(find m -name info.json | head -1)" >/dev/null || fail "nothing is open"
	unmount "$PWD/m"
}
from_vault sealed "vm=web1,point=latest"
from_vault sealed "vm=web1"
from_vault wrapped "vm=web1,point=latest,keystore=pem:kek.pem"
from_vault wrapped "$KV_OPTS"
from_vault none "vm=web1,$KV_OPTS,secret-url=$KV/secrets/$guid,secret-url=$KV/secrets/pass1"

say "key files: until the last disk of the point is open"
mount_ade none "$T/m" "vault-key=vault.key,vm=web1,point=latest,bek=$bek,bek=$T/pass"
head -c 4096 m/os/disk.raw >/dev/null
scan "$PWD/m"
holds pass "lun0 is not open yet"
read_all m
scan "$PWD/m"
holds volume-linux none
lacks "all is open" bek pass
unmount "$PWD/m"
