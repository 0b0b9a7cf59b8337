#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Every unwrap, unlock and export leaves a line in syslog and in the file: who, what, by which key, why. Commands
# that open disks are run each, with syslog's socket listened to. Where the line cannot be kept nothing opens, and
# no line holds a key.
[ -n "${ADE_PRIVATE:-}" ] || [ "$(id -u)" != 0 ] ||
	exec env ADE_PRIVATE=1 unshare -m --propagation private bash "$0"
. "$(dirname "$0")/lib.sh"
require mke2fs python3 openssl jq unshare sfdisk
require_root
a=$B/adebackup
cd "$T"
key="--vault-key vault.key"

say "a syslog of this test alone"
mkdir dev
mount -t tmpfs none dev
defer umount -l dev
for n in fuse null zero full random urandom tty loop-control; do
	[ ! -e /dev/$n ] || { : >dev/$n && mount --bind /dev/$n dev/$n; }
done
mkdir dev/shm dev/pts
for n in /dev/loop[0-9]* /dev/kvm; do [ ! -e "$n" ] || { : >"dev/${n#/dev/}" && mount --bind "$n" "dev/${n#/dev/}"; }; done
ln -s /proc/self/fd dev/fd
python3 - <<'END' 7>&- &
import socket
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind("dev/log")
while True:
    line = s.recv(8192)
    with open("syslog", "ab") as f:
        f.write(line.rstrip(b"\0\n") + b"\n")
END
defer kill $!
wait_for 10 test -S dev/log
mount --rbind dev /dev
defer umount -l /dev

mkdir beks tree m
echo hello >tree/greeting
mke2fs -q -t ext4 -d tree plain 24M
"$B/tests/make/mkbitlocker" --seed 3 --bek beks plain volume >/dev/null
bek=$(echo beks/*.BEK)
guid=$(basename "$bek" .BEK)
truncate -s 40M disk
echo 'start=2048, type=7' | sfdisk -q disk
dd if=volume of=disk bs=1M seek=1 conv=notrunc status=none
truncate -s 48M empty

# noted ACTION OBJECT WITH RESULT: the last command's line, in both places, with its reason, and no key
n=0
noted() {
	jq -es --arg a "$1" --arg o "$2" --arg w "$3" --arg r "$4" --arg y "drill $n" 'any(.action == $a and .result == $r and
		.reason == $y and (.object | test($o)) and (.with | test($w)) and (.user | startswith("uid 0")) and
		(.time | test("^20.*Z$")))' audit >/dev/null || fail "no line of $1 in: $(cat audit)"
	wait_for 5 grep -qE "audit: $1 .*uid 0.*reason: drill $n\$" syslog || fail "not in syslog: $(cat syslog)"
}
run() {	# STATUS COMMAND…
	local status=$1
	shift
	n=$((n + 1))
	rm -f audit
	expect_status "$status" "$a" "$@" --audit-log "$T/audit" --reason "drill $n"
}
gone() { "$a" umount "$T/m" -q; }

say "each command that opens a disk"
run 0 mount disk "$T/m" --bek "$bek"
defer unmount "$T/m"
noted unlock 'disk p1$' "$guid" ok
gone
run 12 mount empty "$T/m" --bek "$bek"
[ ! -s audit ] || fail "nothing was unlocked: $(cat audit)"
run 0 inspect disk --bek "$bek"
noted unlock 'disk p1$' "$guid" ok
"$a" init v $key -q
run 0 backup v web1 --disk os=disk --bek "$bek" $key
noted unlock '^web1@20.*Z os p1$' "$guid" ok
run 0 keys verify v web1 $key
noted unlock '^web1@20.*Z os p1$' "$guid" ok
run 0 keys export v web1 --to exported $key
noted export "$guid" exported ok
run 0 restore v web1 --to back $key
noted unlock '^web1@20.*Z os p1$' "$guid" ok
run 0 restore v web1 --to stored --as encrypted $key
[ ! -s audit ] || fail "nothing was unlocked: $(cat audit)"
run 0 inspect v web1 $key
noted unlock '^web1@20.*Z os p1$' "$guid" ok
run 0 mount v "$T/m" $key --vm web1 --point latest
[ ! -s audit ] || fail "a disk is opened on first use: $(cat audit)"
head -c 1 m/os/disk.raw >/dev/null
noted unlock '^web1@20.*Z os p1$' "$guid" ok
gone
run 0 attach disk --bek "$bek" --json
noted unlock 'disk p1$' "$guid" ok
"$a" detach "$(jq -r ".devices[0].device" out)" -q
run 0 files disk "$T/m" --bek "$bek"
noted unlock 'disk p1$' "$guid" ok
gone
run 3 boot disk --dry-run --decrypted --bek "$bek"
noted unlock 'disk p1$' "$guid" ok
"$a" mount disk "$T/m" --bek "$bek" --overlay w.overlay
echo >"$T/nothing"
gone
run 0 overlay export disk w.overlay new.raw --bek "$bek"
noted unlock 'disk p1$' "$guid" ok

say "a key that does not open it"
cp "$bek" wrong.BEK
printf 'XXXXXXXX' | dd of=wrong.BEK bs=1 seek=140 conv=notrunc status=none
run 12 mount disk "$T/m" --bek wrong.BEK
noted unlock 'disk p1$' '' 'Key was rejected by service'

say "a KEK's unwrap, and the unlock that follows"
openssl genrsa -out kek.pem 2048 2>/dev/null
"$a" keystore init store --keystore-key store.key
"$a" keystore import-key store kek1 kek.pem --keystore-key store.key >/dev/null
"$a" keystore import-secret store "$guid" "$bek" --key-file --wrap-with kek1 --tag "DiskEncryptionKeyFileName=$guid.BEK" --keystore-key store.key >/dev/null
run 0 mount disk "$T/m" --keystore local:store --keystore-key store.key
noted unwrap "$guid" kek1 ok
noted unlock 'disk p1$' "$guid" ok
gone

say "where the line cannot be kept nothing opens"
expect_status 1 "$a" mount disk "$T/m" --bek "$bek" --audit-log /dev/full
expect_text 'audit line could not be kept' err
! mountpoint -q m || fail "it is mounted"
expect_status 1 "$a" restore v web1 --to back2 $key --audit-log /dev/full
[ -z "$(ls back2 2>/dev/null)" ] || fail "it was written"
mount_ade v "$T/m" "vault-key=vault.key,vm=web1,point=latest,audit-log=/dev/full"
if head -c 1 m/os/disk.raw >/dev/null 2>&1; then fail "it is read"; fi
check_same disk m/os/encrypted/disk.raw
gone

say "no line holds a key"
cat "$bek" | tail -c 32 >needle
for f in audit syslog; do
	if xxd -p $f | tr -d '\n' | grep -q "$(xxd -p needle | tr -d '\n')"; then fail "$f holds the key"; fi
	! grep -qF -e "$(base64 -w0 "$bek" | tail -c 40)" $f || fail "$f holds the key"
done
