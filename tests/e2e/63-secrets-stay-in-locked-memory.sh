#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Reads the daemon's memory: keys are only in mappings that are locked and left out of dumps.
# Nothing of them is in argv, environment, messages, info.json or the log.
. "$(dirname "$0")/lib.sh"
require cryptsetup mkntfs xxd python3
require_root

scan() { "$ROOT/tests/lib/scan-memory" "$1" <"$T/secrets"; }
secret() { echo "$1-$(wc -l <"$T/secrets") $2" >>"$T/secrets"; }

say "the scanner finds a key that lies on the heap, and tells locked memory from it"
planted() {	# WHERE STATUS
	local key pid got=0
	key=$(head -c 32 /dev/urandom | xxd -p -c 64)
	mkfifo "$T/pipe"
	"$B/tests/make/plant" "$1" "$key" <"$T/pipe" >"$T/said" &
	pid=$!
	exec 7>"$T/pipe"
	wait_for 5 grep -q ready "$T/said"
	echo "planted $key" >"$T/secrets"
	scan "$pid" >"$T/found" || got=$?
	exec 7>&-
	wait "$pid"
	rm "$T/pipe"
	[ "$got" = "$2" ] || fail "a key in $1 memory: exit $got instead of $2: $(cat "$T/found")"
	grep -q planted "$T/found" || fail "the key in $1 memory was not found at all"
}
planted heap 1
planted locked 0

# quiet_about WHAT FILE…: no secret, in hex or as it is, in either case
quiet_about() {
	local name hex what=$1
	shift
	while read -r name hex; do
		if cat "$@" | tr -d '\n' | grep -aqiF -e "$hex"; then fail "$name is in $what, in hex"; fi
		if cat "$@" | xxd -p | tr -d '\n' | grep -qF -e "$hex"; then fail "$name is in $what"; fi
	done <"$T/secrets"
}

# inspect_daemon DIR: after its keys were used by reads of all sizes
inspect_daemon() {
	local pid
	for f in "$1"/*.raw "$1"/encrypted/*; do
		dd if="$f" of=/dev/null bs=1M count=32 status=none
		dd if="$f" of=/dev/null bs=512 count=7 skip=11 iflag=direct status=none
	done
	cat "$1/info.json" >"$T/info"
	pid=$(ade_pid "$1")
	scan "$pid" | tee "$T/found" >&2
	[ "${PIPESTATUS[0]}" = 0 ] || fail "keys lie outside locked memory"
	quiet_about "argv or environment" "/proc/$pid/cmdline" "/proc/$pid/environ"
	quiet_about "info.json" "$T/info"
	quiet_about "messages" "$T/log"
	[ "$(awk '/^VmLck:/ { print $2 }' "/proc/$pid/status")" -gt 0 ] || fail "no memory is locked"
}

say "BitLocker: FVEK, VMK, the key of the .BEK file"
mkdir "$T/keys"
truncate -s 48M "$T/ntfs"
mkntfs -q -Q -F "$T/ntfs" >/dev/null 2>&1
rp=111111-222222-333333-444444-555555-666666-000011-000022
"$B/tests/make/mkbitlocker" --print-keys --bek "$T/keys" --recovery "$rp" --seed $RANDOM "$T/ntfs" "$T/volume" >"$T/made"
: >"$T/secrets"
while read -r kind value; do
	case $kind in fvek | vmk | protector-key) secret "$kind" "$value" ;; esac
done <"$T/made"
[ "$(wc -l <"$T/secrets")" -ge 4 ] || fail "mkbitlocker tells no keys"
bek=$(sed -n 's/^bek //p' "$T/made")
secret "recovery-password" "$(printf %s "$rp" | xxd -p -c 200)"
mkdir "$T/m"
defer unmount "$T/m"
"$B/mount.adebackup" -v "$T/volume" "$T/m" -o "bek=$bek" >"$T/log" 2>&1
inspect_daemon "$T/m"
unmount "$T/m"

say "BitLocker by recovery password"
echo "$rp" >"$T/rp"
"$B/mount.adebackup" -v "$T/volume" "$T/m" -o "recovery-password-file=$T/rp" >"$T/log" 2>&1
inspect_daemon "$T/m"
unmount "$T/m"

say "LUKS1 and LUKS2: volume key and passphrase"
head -c 128 /dev/urandom | base64 -w0 >"$T/pass"
for type in luks1 luks2; do
	truncate -s 48M "$T/$type"
	cryptsetup luksFormat --batch-mode --type "$type" --cipher aes-xts-plain64 --key-size 512 --iter-time 100 "$T/$type" "$T/pass"
	cryptsetup luksDump --batch-mode --dump-volume-key --volume-key-file "$T/mk" --key-file "$T/pass" "$T/$type" >/dev/null
	: >"$T/secrets"
	secret "$type-volume-key" "$(xxd -p -c 200 "$T/mk" | tr -d '\n')"
	secret "passphrase" "$(xxd -p -c 400 "$T/pass" | tr -d '\n')"
	rm "$T/mk"
	"$B/mount.adebackup" -v "$T/$type" "$T/m" -o "bek=$T/pass" >"$T/log" 2>&1
	inspect_daemon "$T/m"
	unmount "$T/m"
done

say "errors say nothing either"
head -c 128 /dev/urandom | base64 -w0 >"$T/wrong"
secret "wrong-passphrase" "$(xxd -p -c 400 "$T/wrong" | tr -d '\n')"
if "$B/mount.adebackup" -v "$T/luks1" "$T/m" -o "bek=$T/wrong" >"$T/log" 2>&1; then fail "a wrong key opened it"; fi
[ -s "$T/log" ] || fail "no message"
quiet_about "the error" "$T/log"
