#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A disk with two BitLocker volumes, a LUKS volume and a plain one: all keys open all of it, some
# keys open some of it, and what stays locked refuses with the name of the key that it needs.
. "$(dirname "$0")/lib.sh"
require sfdisk mke2fs cryptsetup qemu-img jq

guid_of() { basename "$1" .BEK | tr -d '{}'; }
fs() { mkdir -p "$T/tree"; head -c 300000 /dev/urandom >"$T/tree/data"; mke2fs -q -t ext4 -d "$T/tree" "$1" "$2" >/dev/null; }
put() { dd if="$1" of="$T/disk.raw" bs=1M seek="$2" conv=notrunc,sparse status=none; }
state_of() { jq -r --argjson n "$1" '.partitions[] | select(.n == $n) | .state' "$2/info.json"; }

mkdir "$T/k1" "$T/k2" "$T/all"
fs "$T/fs1" 24M; fs "$T/fs2" 24M; fs "$T/fs3" 24M; fs "$T/fs4" 8M
"$B/tests/make/mkbitlocker" --seed 11 --bek "$T/k1" --recovery 111111-222222-333333-444444-555555-666666-000011-000022 \
	"$T/fs1" "$T/v1" >/dev/null
"$B/tests/make/mkbitlocker" --seed 12 --cipher aes-cbc-256 --bek-long "$T/k2" "$T/fs2" "$T/v2" >/dev/null
bek1=$(echo "$T"/k1/*) bek2=$(echo "$T"/k2/*)
printf %s "a passphrase with no line end" >"$T/LinuxPassPhraseFileName"
truncate -s 26M "$T/v3"
cryptsetup luksFormat --batch-mode --type luks1 --pbkdf-force-iterations 1000 --align-payload 4096 "$T/v3" "$T/LinuxPassPhraseFileName"
qemu-img convert -n -f raw --object "secret,id=k,file=$T/LinuxPassPhraseFileName" "$T/fs3" \
	--target-image-opts "driver=luks,file.filename=$T/v3,key-secret=k"
truncate -s 96M "$T/disk.raw"
sfdisk -q --label gpt "$T/disk.raw" <<'END'
start=2048, size=49152
start=51200, size=49152
start=100352, size=53248
start=153600, size=16384
END
put "$T/v1" 1; put "$T/v2" 25; put "$T/v3" 49; put "$T/fs4" 75
cp "$bek1" "$bek2" "$T/LinuxPassPhraseFileName" "$T/all"
# other people's keys, which must cost nothing and disturb nothing
for n in 21 22 23; do "$B/tests/make/mkbitlocker" --seed "$n" --bek "$T/all" "$T/fs4" "$T/other" >/dev/null; done
echo "not a key" >"$T/all/README"

say "all keys from one folder"
mount_ade "$T/disk.raw" "$T/m" "keys=$T/all"
for n in 1 2 3 4; do
	check_same "$T/m/p$n.raw" "$T/fs$n"
	[ "$(state_of "$n" "$T/m")" = open ] || fail "volume $n is $(state_of "$n" "$T/m")"
done
cmp <(dd if="$T/m/disk.raw" bs=1M skip=25 count=24 status=none) "$T/fs2" || fail "disk.raw differs"
cmp <(dd if="$T/m/disk.raw" bs=1M skip=51 count=24 status=none) "$T/fs3" || fail "disk.raw differs"
jq -e '.partitions[0].opened_by | endswith(".BEK")' "$T/m/info.json" >/dev/null
jq -e '.partitions[2] | .what == "luks" and .opened_by == "LinuxPassPhraseFileName" and .inside == "ext4"' "$T/m/info.json" >/dev/null
check_same "$T/disk.raw" "$T/m/encrypted/disk.raw"
unmount "$T/m"

say "each key named"
mount_ade "$T/disk.raw" "$T/m" "bek=$bek1,bek=$bek2,bek=$T/LinuxPassPhraseFileName"
for n in 1 2 3 4; do check_same "$T/m/p$n.raw" "$T/fs$n"; done
unmount "$T/m"

say "one key: the rest refuses, and says which key it needs"
mkdir -p "$T/m"
expect_status 0 "$B/mount.adebackup" "$T/disk.raw" "$T/m" -o "bek=$bek1"
expect_text "partition 2: no key given opens this BitLocker volume" "$T/err"
expect_text "$(guid_of "$bek2")\.BEK" "$T/err"
check_same "$T/m/p1.raw" "$T/fs1"
check_same "$T/m/p4.raw" "$T/fs4"
for f in p2.raw p3.raw disk.raw disk.vhd disk.vhdx; do
	if head -c 1 "$T/m/$f" >"$T/out" 2>"$T/err"; then fail "$f opened without its key"; fi
	expect_text "Permission denied" "$T/err"
done
[ "$(state_of 2 "$T/m") $(state_of 3 "$T/m")" = "locked locked" ] || fail "states"
jq -e --arg g "$(guid_of "$bek2")" '.partitions[1].protectors[0] | .kind == "external-key" and .guid == $g' "$T/m/info.json" >/dev/null
jq -e --arg g "$(guid_of "$bek2")" '.partitions[1].next | contains($g)' "$T/m/info.json" >/dev/null
check_same "$T/disk.raw" "$T/m/encrypted/disk.raw"
unmount "$T/m"

say "partial: locked volumes stay ciphertext in disk.raw"
mount_ade "$T/disk.raw" "$T/m" "bek=$bek2,partial"
check_same "$T/m/p2.raw" "$T/fs2"
cmp <(dd if="$T/m/disk.raw" bs=1M skip=25 count=24 status=none) "$T/fs2" || fail "volume 2 is not decrypted"
cmp <(dd if="$T/m/disk.raw" bs=1M skip=1 count=24 status=none) "$T/v1" || fail "volume 1 is not as stored"
if head -c 1 "$T/m/p1.raw" >"$T/out" 2>"$T/err"; then fail "p1.raw opened without its key"; fi
unmount "$T/m"

say "no key: a warning, and encrypted/ works"
expect_status 0 "$B/mount.adebackup" "$T/disk.raw" "$T/m"
expect_text "warning: .*partition 1: no key given" "$T/err"
check_same "$T/disk.raw" "$T/m/encrypted/disk.raw"
check_same "$T/m/p4.raw" "$T/fs4"
unmount "$T/m"
expect_status 3 "$B/adebackup" mount "$T/disk.raw" "$T/m"
unmount "$T/m"

say "recovery password, with a line end; a wrong BEK beside it does not stand in its way"
echo 111111-222222-333333-444444-555555-666666-000011-000022 >"$T/recovery"
mount_ade "$T/disk.raw" "$T/m" "keys=$T/k2,recovery-password-file=$T/recovery,bek=$T/LinuxPassPhraseFileName"
for n in 1 2 3 4; do check_same "$T/m/p$n.raw" "$T/fs$n"; done
unmount "$T/m"
