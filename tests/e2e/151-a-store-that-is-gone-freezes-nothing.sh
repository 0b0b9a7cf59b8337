#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The store of a mounted vault stops answering: reads fail once their deadline has passed, however
# many there are; what needs no store answers at once; the mount works again by itself.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/azurite.sh"
require jq

A=$B/adebackup V=az://devstoreaccount1/vault/north K=$T/vault.key
head -c 40M /dev/urandom >"$T/os.raw"
store=(--endpoint "$AZ_URL" --account-key-file "$AZ_KEY" --vault-key "$K")
opts=$AZ_NET,account-key-file=$AZ_KEY,vault-key=$K,vm=web1,point=latest
"$A" init "$V" "${store[@]}" >/dev/null
"$A" backup "$V" web1 --disk "os=$T/os.raw" "${store[@]}" >/dev/null
at_once() { timeout 3 "$@" >/dev/null || fail "not at once: $*"; }
read_one() { dd if="$T/m/os/disk.raw" of="$T/read.$1" bs=64k skip="$1" count=1 iflag=direct status=none 2>"$T/err.$1"; }

mount_ade "$V" "$T/m" "$opts,read-deadline=5"
read_one 3
ls -l "$T/m/os" >/dev/null

say "more readers than the mount has threads wait for a store that is gone"
kill -STOP "$SERVED"
start=$SECONDS
readers=()
for i in $(seq 100 170); do
	read_one "$i" &
	readers+=($!)
done
sleep 1
stat_of() { jq "$1" "$T/m/stats.json"; }
[ "$(stat_of '.reads.now > 1 and .store.now > 0')" = true ] || fail "nothing is under way: $(cat "$T/m/stats.json")"
say "what needs no store answers"
at_once df "$T/m"
at_once ls -l "$T/m" "$T/m/os"
at_once stat "$T/m/os/disk.raw"
at_once cat "$T/m/os/info.json" "$T/m/vm.json" "$T/m/stats.json"
at_once "$A" mounts "$T/m"
at_once cat "$T/read.3"
say "the readers get EIO, all of them in time"
failed=0
for pid in "${readers[@]}"; do
	wait "$pid" || failed=$((failed + 1))
done
took=$((SECONDS - start))
[ "$failed" = 71 ] || fail "$failed of 71 failed"
[ "$took" -le 15 ] || fail "the last had its answer after $took s"
grep -lq "Input/output error" "$T"/err.1* || fail "$(cat "$T/err.100")"

say "the mount goes on by itself"
kill -CONT "$SERVED"
again() { read_one 171; }
wait_for 60 again
# what a deadline ended is counted once the store has let go of it
counted() { [ "$(stat_of .reads.errors)" -ge 71 ] && [ "$(stat_of .reads.now)" = 0 ]; }
wait_for 100 counted
cmp <(tail -c +$((171 * 65536 + 1)) "$T/os.raw" | head -c 65536) "$T/read.171" || fail "wrong bytes"
check_same "$T/os.raw" "$T/m/os/disk.raw"

say "unmounting does not wait for it either"
kill -STOP "$SERVED"
read_one 200 || true
at_once "$A" umount "$T/m"
kill -CONT "$SERVED"
