#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A Linux data disk that an older ADE encrypted in place begins with ciphertext: its LUKS header is
# a file in the encrypted OS volume.  The backup proves it, mount and restore open it.
. "$(dirname "$0")/lib.sh"
require cryptsetup mke2fs sfdisk jq
a=$B/adebackup
cd "$T"
folder=var/lib/azure_disk_encryption_config
mkdir -p root/$folder keys
export PBKDF_ITERATIONS=1000 ROOT_MIB=96
kdf=(--pbkdf pbkdf2 --pbkdf-force-iterations 1000)
(umask 077; head -c 127 /dev/urandom | base64 -w0 >keys/LinuxPassPhraseFileName)

data_disk() {	# NAME: an ext4 file system, encrypted in place; header of its own in the OS volume
	mkdir -p "tree.$1"
	echo "what $1 holds" >"tree.$1/ledger"
	mke2fs -q -t ext4 -d "tree.$1" "$1.plain" 24M
	cp "$1.plain" "$1"
	cryptsetup reencrypt --encrypt --batch-mode --type luks2 --header "root/$folder/azureluksheader$1" \
		--cipher aes-xts-plain64 --key-size 512 "${kdf[@]}" --key-file keys/LinuxPassPhraseFileName "$1" >/dev/null
}
say "two data disks, and files among the headers that are none"
data_disk data1
data_disk data2
echo 'not a header' >root/$folder/azureluksheaderzz
head -c 20M /dev/urandom >noise
PLAIN=$PWD/os.plain "$ROOT/tests/make/ade-linux-disk" os keys/LinuxPassPhraseFileName root

say "alone it is bytes that say nothing"
"$a" inspect data1 --keys keys --try-all-keys --json >alone.json || :
jq -e '[.partitions[].cipher] | all(. == null)' alone.json >/dev/null || fail "it opened alone: $(cat alone.json)"

"$a" init vault --vault-key vault.key -q
expect_status 0 "$a" backup vault db1 --disk os=os --disk lun0=data2 --disk lun1=data1 --disk lun2=noise \
	--keys keys --vault-key vault.key
expect_text '^proven: 3 encrypted volumes opened' out
rm -r keys

mount_ade vault m "vault-key=vault.key,vm=db1,point=latest"
check_same data1.plain m/lun1/disk.raw
check_same data2.plain m/lun0/disk.raw
check_same os.plain m/os/disk.raw
check_same noise m/lun2/disk.raw
expect_text 'disk os: azureluksheaderdata1' m/lun1/info.json
expect_text 'disk os: azureluksheaderdata2' m/lun0/info.json
unmount "$PWD/m"

say "restored, all and one alone"
expect_status 0 "$a" restore vault db1 --to back --vault-key vault.key
check_same data2.plain back/lun0.raw
check_same data1.plain back/lun1.raw
check_same noise back/lun2.raw
expect_status 0 "$a" restore vault db1 --disk lun1 --to one.raw --vault-key vault.key
check_same data1.plain one.raw
