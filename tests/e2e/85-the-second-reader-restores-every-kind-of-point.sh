#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tests/reader/vaultreader.py, written from fs/vault/FORMAT.md alone, opens what the program wrote:
# with each kind of key, each chunk size and each kind of point; it restores all disks bit by bit,
# finds everything as the format says, and every flipped bit.
. "$(dirname "$0")/lib.sh"
require cryptsetup sfdisk mke2fs jq qemu-img openssl
/usr/bin/python3 -c 'import cryptography, zstandard' || skip "python3-cryptography or python3-zstandard is not installed"

a=$B/adebackup
cd "$T"
reader() { /usr/bin/python3 "$ROOT/tests/reader/vaultreader.py" "$@"; }

# Random bytes that are the same in each run; text that compresses.
noise() { openssl enc -aes-128-ctr -nosalt -K "$(printf %032x "$1")" -iv 0 -in /dev/zero 2>/dev/null | head -c "$2" || :; }
words() { seq "$1" 9999999 | head -c "$2" || :; }
# put FILE OFFSET SEED BYTES
put() { noise "$3" "$4" | dd of="$1" bs=64k seek="$2" oflag=seek_bytes conv=notrunc status=none; }

make_disks() {
	words 1 3000000 >os.raw			# odd size
	noise 2 700001 >>os.raw
	truncate -s 40M lun0.raw		# holes, and an end in a hole
	put lun0.raw 5000000 3 300000
	words 5 200000 | dd of=lun0.raw bs=64k seek=20M oflag=seek_bytes conv=notrunc status=none
	truncate -s 3M flat.raw
	words 7 1500000 | dd of=flat.raw conv=notrunc status=none
	qemu-img convert -f raw -O vpc -o subformat=fixed,force_size=on flat.raw lun1.raw
	cp ade.raw lun2.raw
	truncate -s 1M lun3.raw			# zeros alone
}

change() {	# change STEP: every disk in another way
	case $1 in
	1|2) ;;			# the first point, an unchanged one
	3) for i in 1 5 9 14 20 31; do put os.raw $((i * 80000)) "$i" 40; done
	   put lun2.raw 40000 9 10 ;;
	4) truncate -s 2500003 os.raw; truncate -s 9M lun0.raw ;;
	5) noise 10 600000 >>os.raw; truncate -s 70M lun0.raw; put lun0.raw 69000000 11 70000
	   put lun1.raw 4096 12 50 ;;
	esac
}

disks=(os lun0 lun1 lun2 lun3)
# points VAULT PROGRAM'S KEY: five points
points() {
	local v=$1 step d args=()
	shift
	for d in "${disks[@]}"; do args+=(--disk "$d=$d.raw"); done
	make_disks
	for step in 1 2 3 4 5; do
		change $step
		expect_status 0 "$a" backup "$v" web1 "$@" "${args[@]}" --json
		for d in "${disks[@]}"; do sha "$d.raw" >"$v.$step.$d"; done
	done
}

# compare VAULT READER'S KEY: each point's disks, bit by bit
compare() {
	local v=$1 step point d outs=()
	shift
	for d in "${disks[@]}"; do outs+=("$d" "out.$d"); done
	reader "$v" "$@" list >"$v.json"
	[ "$(jq length "$v.json")" = 5 ] || fail "not five points: $(cat "$v.json")"
	for step in 1 2 3 4 5; do
		point=$(jq -r ".[] | select(.number == \"$step\").point" "$v.json")
		reader "$v" "$@" restore web1 "$point" "${outs[@]}"
		for d in "${disks[@]}"; do
			check_sha "out.$d" "$(cat "$v.$step.$d")" "$v: point $step: $d"
		done
	done
	reader "$v" "$@" check >"$v.check"
	reader "$v" check --no-key >/dev/null
	jq -e '.points == 5 and .zstd > 0' "$v.check" >/dev/null || fail "$v: $(cat "$v.check")"
}

mkdir tree
noise 8 300000 >tree/data
ROOT_MIB=8 "$ROOT/tests/make/ade-linux-disk" ade.raw LinuxPassPhraseFileName tree luks2
say "16 KiB, a key file; changes are patches"
expect_status 0 "$a" init v16 --vault-key key --chunk-size 16K
points v16 --vault-key key --bek LinuxPassPhraseFileName
compare v16 --vault-key key
jq -e '.patch >= 6 and .raw > 0' v16.check >/dev/null || fail "no patches: $(cat v16.check)"

say "a map of three levels: 16 KiB chunks, over 16 GiB"
truncate -s 17G deep.raw
for mib in 0 15 16 1023 16384 17407; do put deep.raw $((mib << 20)) $mib 50000; done
for step in 1 2; do
	expect_status 0 "$a" backup v16 deep --vault-key key --disk os=deep.raw --json
	reader v16 --vault-key key list >deep.json
	point=$(jq -r ".[] | select(.vm == \"deep\" and .number == \"$step\").point" deep.json)
	reader v16 --vault-key key restore deep "$point" os out.deep
	expect_status 0 qemu-img compare -f raw -F raw deep.raw out.deep
	put deep.raw $((16384 << 20)) 77 60
done

disks=(os lun0 lun1 lun3)
say "64 KiB, a passphrase"
echo "correct horse battery" >pass
expect_status 0 "$a" init v64 --vault-passphrase-file pass
points v64 --vault-passphrase-file pass
compare v64 --vault-passphrase-file pass
jq -e '.patch >= 6' v64.check >/dev/null || fail "no patches: $(cat v64.check)"

say "1 MiB, an RSA key"
openssl genrsa -out rsa.pem 2048 2>/dev/null
openssl rsa -in rsa.pem -pubout -out public.pem 2>/dev/null
expect_status 0 "$a" init v1m --vault-rsa-public public.pem --chunk-size 1M
points v1m --vault-rsa-key rsa.pem
compare v1m --vault-rsa-key rsa.pem

say "the golden vault"
g=$ROOT/tests/data/golden-vault-1
for key in "--vault-key vault.key" "--vault-key paper" "--vault-passphrase-file pass" "--vault-rsa-key rsa.pem"; do
	reader "$g/vault" "${key% *}" "$g/${key#* }" check >golden
	jq -e '.points == 2 and .patch > 0' golden >/dev/null || fail "$key: $(cat golden)"
done
reader "$g/vault" --vault-key "$g/vault.key" restore web1 06ea8e8992041e1c os out
check_sha out cba59489efb20ad6a8520230ff57f6b890879ca19c87d9ef706b65108679dd1f

say "a flipped bit is found, in each kind of object, with and without a key"
cp -r "$g/vault" flip
cat >flip.py <<'PYTHON'
import random, sys
path, seed, sealed_again = sys.argv[1], int(sys.argv[2]), len(sys.argv) > 3
import hashlib
data = bytearray(open(path, "rb").read())
end = len(data) - 32 if sealed_again else len(data)
data[random.Random(seed).randrange(64, end)] ^= 1 << seed % 8
if sealed_again:
    data[-32:] = hashlib.sha256(data[:-32]).digest()
open(path, "wb").write(data)
PYTHON
seed=1
for f in $(cd flip && find vault slot pt ref seg vm -type f | sort | awk -F/ '!seen[$1]++'); do
	/usr/bin/python3 flip.py "flip/$f" $seed
	expect_status 1 reader flip check --no-key
	expect_text "$f: SHA-256 differs" err
	expect_status 1 reader flip --vault-key "$g/vault.key" check
	expect_text "^vaultreader: Damage: " err
	cp "$g/vault/$f" "flip/$f"
	seed=$((seed + 1))
done
say "also where its SHA-256 was made anew: the key finds what was forged"
for f in $(cd flip && find vault pt ref seg vm -type f | sort | awk -F/ '!seen[$1]++'); do
	/usr/bin/python3 flip.py "flip/$f" $seed forged
	expect_status 1 reader flip --vault-key "$g/vault.key" check
	expect_text "^vaultreader: Damage: " err
	cp "$g/vault/$f" "flip/$f"
	seed=$((seed + 1))
done
expect_status 0 reader flip --vault-key "$g/vault.key" check
