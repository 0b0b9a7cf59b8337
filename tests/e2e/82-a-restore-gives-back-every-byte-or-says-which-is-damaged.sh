#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# restore: every point of an ADE disk and a plain one comes back bit for bit, decrypted and as
# stored, into files, a VHD and a device; a cut one goes on; damage is an error with its offset.
. "$(dirname "$0")/lib.sh"
require cryptsetup qemu-img mke2fs jq

ade() { "$B/adebackup" "$@"; }
K=(--vault-key "$T/vault.key")

say "a LUKS disk and a sparse VHD, two points"
mkdir -p "$T/tree"
head -c 9M /dev/urandom >"$T/tree/noise"
for i in 1 2 3 4; do cp "$B/adebackup" "$T/tree/program$i"; done
mke2fs -q -t ext4 -d "$T/tree" "$T/fs" 60M >/dev/null
printf %s "correct horse" >"$T/LinuxPassPhraseFileName"
truncate -s 64M "$T/os.raw"
cryptsetup luksFormat --batch-mode --type luks1 --pbkdf-force-iterations 1000 --align-payload 4096 "$T/os.raw" "$T/LinuxPassPhraseFileName"
qemu-img convert -n -f raw --object "secret,id=k,file=$T/LinuxPassPhraseFileName" "$T/fs" \
	--target-image-opts "driver=luks,file.filename=$T/os.raw,key-secret=k"
truncate -s 200M "$T/data.raw"
head -c 5M /dev/urandom | dd of="$T/data.raw" bs=1M seek=150 conv=notrunc status=none
qemu-img convert -f raw -O vpc -o subformat=fixed,force_size=on "$T/data.raw" "$T/data.vhd"
ade init "$T/vault" "${K[@]}" >/dev/null
ade backup "$T/vault" web1 "${K[@]}" --disk "os=$T/os.raw" --disk "lun0=$T/data.vhd" --keys "$T" >/dev/null || [ $? = 3 ]
cp "$T/os.raw" "$T/os1.raw"
cp "$T/data.vhd" "$T/data1.vhd"
for at in 3000 7001 9123 12000; do head -c 4096 /dev/urandom | dd of="$T/os.raw" bs=4096 seek=$at conv=notrunc status=none; done
dd if=/dev/zero of="$T/data.vhd" bs=1M seek=151 count=2 conv=notrunc status=none
sleep 1.1		# another second, another name
ade backup "$T/vault" web1 "${K[@]}" --disk "os=$T/os.raw" --disk "lun0=$T/data.vhd" >"$T/said"

first=$(ade list "$T/vault" web1 "${K[@]}" --json | jq -r '.points | sort_by(.time)[0].point')

say "without keys nothing is written; as encrypted all of it"
expect_status 13 ade restore "$T/vault" web1 "${K[@]}" --disk os --to "$T/none"
expect_text "as encrypted" "$T/err"
[ ! -e "$T/none/os.raw" ] && [ ! -e "$T/none/os.raw.part" ] || fail "something was written"
ade restore "$T/vault" web1 "${K[@]}" --to "$T/enc" --as encrypted --check --json >"$T/json"
jq -e '.command == "restore" and (.disks | length) == 2 and .disks[0].checked' "$T/json" >/dev/null
check_same "$T/enc/os.raw" "$T/os.raw"
cmp "$T/enc/lun0.raw" <(head -c -512 "$T/data.vhd") || fail "lun0 differs"
[ "$(stat -c %b "$T/enc/lun0.raw")" -lt 16000 ] || fail "lun0.raw is not sparse"

say "the first point, as the VHD that it was, and decrypted"
ade restore "$T/vault" "web1@$first" "${K[@]}" --to "$T/enc1" --as encrypted --format vhd --progress json 2>"$T/err" >/dev/null
check_same "$T/enc1/lun0.vhd" "$T/data1.vhd"
expect_text '^\{"progress":"lun0","done":[0-9]+,"total":[0-9]+,' "$T/err"
ade restore "$T/vault" "web1@$first" "${K[@]}" --disk os --to "$T/plain.raw" --keys "$T" --check >/dev/null
cmp -n $((60 << 20)) "$T/plain.raw" "$T/fs" || fail "other plaintext"
ade restore "$T/vault" "web1@$first" "${K[@]}" --disk os --to "$T/capsule.raw" >/dev/null
check_same "$T/capsule.raw" "$T/plain.raw"
ade restore "$T/vault" "web1@$first" "${K[@]}" --disk os --to "$T/os.vhd" --format vhd --as encrypted >/dev/null
qemu-img compare -f vpc -F raw "$T/os.vhd" "$T/os1.raw" >/dev/null

say "nothing is overwritten; a device is"
expect_status 11 ade restore "$T/vault" web1 "${K[@]}" --disk os --to "$T/plain.raw" --keys "$T"
expect_status 10 ade restore "$T/vault" web1 "${K[@]}" --disk lun7 --to "$T/x.raw"
expect_status 2 ade restore "$T/vault" web1 "${K[@]}" --to "$T/x.raw" --as encrypted
if [ "$(id -u)" = 0 ]; then
	head -c 64M /dev/urandom >"$T/dev"
	dev=$(losetup -f --show "$T/dev")
	defer losetup -d "$dev"
	ade restore "$T/vault" "web1@$first" "${K[@]}" --disk os --to "$dev" --as encrypted --check >/dev/null
	cmp "$dev" "$T/os1.raw" || fail "the device differs"
fi

say "a cut restore goes on, and not into another point"
for delay in 0.02 0.05 0.1; do
	"$B/adebackup" restore "$T/vault" web1 "${K[@]}" --disk os --to "$T/cut" --as encrypted >/dev/null 2>&1 & pid=$!
	sleep $delay
	kill -9 $pid 2>/dev/null || true
	wait $pid 2>/dev/null || true
	[ -e "$T/cut/os.raw.part" ] && [ -e "$T/cut/os.raw.resume" ] && break
	rm -f "$T/cut"/*
done
if [ -e "$T/cut/os.raw.part" ]; then
	expect_status 11 ade restore "$T/vault" web1 "${K[@]}" --disk os --to "$T/cut" --as encrypted
	expect_status 2 ade restore "$T/vault" "web1@$first" "${K[@]}" --disk os --to "$T/cut" --as encrypted --resume
	ade restore "$T/vault" web1 "${K[@]}" --disk os --to "$T/cut" --as encrypted --resume --check >/dev/null
fi
[ -e "$T/cut/os.raw" ] || ade restore "$T/vault" web1 "${K[@]}" --disk os --to "$T/cut" --as encrypted >/dev/null
check_same "$T/cut/os.raw" "$T/os.raw"
[ "$(ls "$T/cut")" = os.raw ] || fail "left over: $(ls "$T/cut")"

say "a flipped bit: 16, the offset, and no file that looks whole"
seg=$(find "$T/vault/seg" -type f -size +1M | sort | head -1)
chmod u+w "$seg"
at=$(($(stat -c %s "$seg") / 2))
printf "\\x$(printf %02x $((0x$(xxd -s $at -l 1 -p "$seg") ^ 8)))" | dd of="$seg" bs=1 seek=$at conv=notrunc status=none
damaged=0
for d in os lun0; do
	status=0
	ade restore "$T/vault" "web1@$first" "${K[@]}" --disk $d --to "$T/bad" --as encrypted >"$T/out" 2>"$T/err" || status=$?
	[ $status = 0 ] && continue
	[ $status = 16 ] || fail "exit code $status: $(cat "$T/err")"
	expect_text "disk $d: the recovery point is damaged at offset [0-9]+" "$T/err"
	[ ! -e "$T/bad/$d.raw" ] || fail "a damaged disk looks whole"
	damaged=$((damaged + 1))
done
[ $damaged = 1 ] || fail "$damaged disks were found damaged"
