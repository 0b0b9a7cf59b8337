#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# In a vault with --capsule wrapped a point keeps its disks' keys as a KEK wraps them: the KEK alone
# opens it when the secret is gone, the vault's key alone does not. --capsule none keeps nothing.
. "$(dirname "$0")/lib.sh"
require mke2fs openssl
a=$B/adebackup
cd "$T"

mkdir beks tree
echo hello >tree/greeting
mke2fs -q -t ext4 -d tree plain 24M
"$B/tests/make/mkbitlocker" --seed 3 --bek beks plain disk >/dev/null
bek=$(echo beks/*.BEK)
guid=$(basename "$bek" .BEK)
openssl genrsa -out kek.pem 2048 2>/dev/null
key="--keystore-key store.key"
"$a" keystore init store $key
"$a" keystore import-key store kek1 kek.pem $key >/dev/null
"$a" keystore import-secret store "$guid" "$bek" --key-file --wrap-with kek1 \
	--tag "DiskEncryptionKeyFileName=$guid.BEK" $key >/dev/null

for mode in wrapped none; do
	"$a" init $mode --capsule $mode --vault-key vault.key -q
	expect_status 0 "$a" backup $mode web1 --disk os=disk --keystore local:store $key --vault-key vault.key
	expect_text '^proven' out
done
rm -r store

locked() {	# VAULT OPTIONS: the point's disk does not open
	mount_ade "$1" m "$2" 2>err
	if head -c 1 m/os/disk.raw >/dev/null 2>&1; then fail "$1 opens with $2"; fi
	check_same disk m/os/encrypted/disk.raw
	unmount "$PWD/m"
}

say "the KEK alone opens it"
mount_ade wrapped m "vault-key=vault.key,vm=web1,point=latest,keystore=pem:kek.pem"
check_same plain m/os/disk.raw
unmount "$PWD/m"

expect_status 0 "$a" restore wrapped web1 --to back --keystore pem:kek.pem --vault-key vault.key
check_same plain back/os.raw

say "show says so"
expect_status 0 "$a" show wrapped web1 --vault-key vault.key
expect_text "thief of the vault's key opens: nothing" out
expect_text 'wrapped ' out

say "without it, or with another one, it stays closed"
locked wrapped "vault-key=vault.key,vm=web1,point=latest"
openssl genrsa -out other.pem 2048 2>/dev/null
locked wrapped "vault-key=vault.key,vm=web1,point=latest,keystore=pem:other.pem"
locked none "vault-key=vault.key,vm=web1,point=latest,keystore=pem:kek.pem"

expect_status 13 "$a" restore wrapped web1 --to back2 --vault-key vault.key
expect_text 'wrapped by a KEK that is not at hand' err

say "the key itself is nowhere in the manifest: a BEK opens it as ever"
mount_ade none m "vault-key=vault.key,vm=web1,point=latest,bek=$bek"
check_same plain m/os/disk.raw
