#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Over an object store: what a mount fetches is counted and drawn, kept in a disk cache that other
# mounts share, brought in whole by hydrate; and a boot trace is fetched before it is asked for.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/azurite.sh"
. "$(dirname "$0")/faults.sh"
require jq

A=$B/adebackup V=az://devstoreaccount1/vault/north K=$T/vault.key
marker=$(openssl rand -hex 16)
{ echo "$marker"; head -c 30M /dev/urandom; } >"$T/os.raw"
truncate -s 200M "$T/os.raw"
dd if=/dev/urandom of="$T/os.raw" bs=1M seek=100 count=6 conv=notrunc status=none
store=(--endpoint "$AZ_URL" --account-key-file "$AZ_KEY" --vault-key "$K")
opts=$AZ_NET,account-key-file=$AZ_KEY,vault-key=$K,vm=web1,point=latest
"$A" init "$V" "${store[@]}" >/dev/null
"$A" backup "$V" web1 --disk "os=$T/os.raw" "${store[@]}" >/dev/null
stat_of() { jq "$1" "$T/m/stats.json"; }
mount_it() { mount_ade "$V" "$T/m" "$opts${1:+,$1}"; }

say "counts: readable, not listed, and true"
mount_it
[ "$(find "$T/m" -maxdepth 1 -name '*.json' -printf '%f ')" = "vm.json " ] || fail "listed: $(ls -a "$T/m")"
[ "$(stat -c %a "$T/m/stats.json")" = 400 ] || fail "mode of stats.json"
dd if="$T/m/os/encrypted/disk.raw" of="$T/piece" bs=64k skip=1601 count=1 iflag=direct status=none
cmp <(tail -c +$((1601 * 65536 + 1)) "$T/os.raw" | head -c 65536) "$T/piece" || fail "the piece"
[ "$(stat_of .reads.bytes)" = 65536 ] || fail "$(cat "$T/m/stats.json")"
[ "$(stat_of .store.bytes_fetched)" -lt 200000 ] || fail "a chunk cost $(stat_of .store.bytes_fetched)"
[ "$(stat_of '.store.latency_ms.p50 > 0')" = true ] || fail "$(cat "$T/m/stats.json")"
[ "$(stat_of .disk_cache)" = null ] || fail "no disk cache was asked for"
expect_status 0 "$A" mounts "$T/m" --map
expect_text "read: 64.0 KiB in 1 reads" "$T/out"
expect_text "web1/.*/os, 200.0 MiB" "$T/out"
grep -q 'fetched |[.+]*#[.+]*|' "$T/out" || fail "one sign of the map is read: $(cat "$T/out")"
expect_status 0 "$A" mounts "$T/m/os" --json --map
[ "$(jq '.mounts | length' "$T/out")" = 1 ] || fail "$(cat "$T/out")"
[ "$(jq -r '.mounts[0].map[0].read' "$T/out" | tr -d 0 | wc -c)" = 2 ] || fail "$(jq -c '.mounts[0].map' "$T/out")"
expect_status 17 "$A" hydrate "$T/m"
expect_text "diskcache=" "$T/err"
unmount "$T/m"

say "a disk cache: the second mount needs the network for the manifest alone"
mount_it "diskcache=$T/cache,diskcache-size=100M"
[ "$(stat -c %a "$T/cache")" = 700 ] || fail "mode of the cache"
dd if="$T/m/os/disk.raw" of=/dev/null bs=1M count=20 status=none
first=$(stat_of .store.bytes_fetched)
[ "$first" -gt 15000000 ] || fail "fetched $first"
unmount "$T/m"
# Nothing of the disk is there in clear.
grep -rqaF "$marker" "$T/cache" && fail "clear bytes in the cache"
mount_it "diskcache=$T/cache,diskcache-size=100M"
dd if="$T/m/os/disk.raw" of=/dev/null bs=1M count=15 status=none
[ "$(stat_of .store.bytes_fetched)" -lt 2000000 ] || fail "fetched again: $(stat_of .store.bytes_fetched)"
[ "$(stat_of .disk_cache.hit_bytes)" -gt 10000000 ] || fail "$(cat "$T/m/stats.json")"

say "hydrate: says before whether there is room; afterwards the network may go"
expect_status 0 "$A" hydrate "$T/m" --json
[ "$(jq .disks "$T/out")" = 1 ] || fail "$(cat "$T/out")"
[ "$(jq .bytes "$T/out")" -gt 3000000 ] || fail "$(cat "$T/out")"
[ "$(stat_of .hydrated.bytes)" = "$(jq .bytes "$T/out")" ] || fail "not counted: $(cat "$T/m/stats.json")"
[ "$(stat_of '.hydrated | .count > 0 and .errors == 0 and .now == 0')" = true ] || fail "$(stat_of .hydrated)"
misses=$(stat_of .disk_cache.misses)
expect_status 0 "$A" hydrate "$T/m" --json
[ "$(jq .bytes "$T/out")" = 0 ] || fail "twice: $(cat "$T/out")"
[ "$(stat_of .disk_cache.misses)" = "$misses" ] || fail "hydrated again: $(stat_of .disk_cache)"
kill -STOP "$SERVED"
start=$SECONDS
check_same "$T/os.raw" "$T/m/os/disk.raw"
[ $((SECONDS - start)) -lt 30 ] || fail "took $((SECONDS - start)) s without the network"
kill -CONT "$SERVED"
unmount "$T/m"
mount_it "diskcache=$T/small,diskcache-size=20M"
expect_status 1 "$A" hydrate "$T/m"
expect_text "are missing, and the disk cache has room for" "$T/err"
[ "$(stat_of .disk_cache.used)" -lt 3000000 ] || fail "something came all the same"
unmount "$T/m"

say "a boot trace is recorded, kept, and replayed on a later point"
mount_it "record-trace=boot"
for at in 100 103 2 25 7; do
	dd if="$T/m/os/disk.raw" of=/dev/null bs=512k skip=$(((at * 16 + 3) * 65536)) count=1 iflag=direct,skip_bytes status=none
done
unmount "$T/m"
dd if=/dev/urandom of="$T/os.raw" bs=64k seek=$((100 * 16 + 4)) count=2 conv=notrunc status=none
"$A" backup "$V" web1 --disk "os=$T/os.raw" "${store[@]}" >/dev/null
rm -rf "$T/cache"
mount_it "replay-trace=boot,diskcache=$T/cache"
ls "$T/m/os" >/dev/null
settled() { [ "$(stat_of .store.now)" = 0 ]; }
sleep 1
wait_for 20 settled
before=$(stat_of .store.gets)
for at in 100 103 2 25 7; do
	dd if="$T/m/os/disk.raw" of="$T/piece" bs=512k skip=$(((at * 16 + 3) * 65536)) count=1 iflag=direct,skip_bytes status=none
	cmp <(tail -c +$(((at * 16 + 3) * 65536 + 1)) "$T/os.raw" | head -c 524288) "$T/piece" || fail "at $at"
done
[ "$(stat_of .store.gets)" = "$before" ] || fail "$(($(stat_of .store.gets) - before)) gets although all was traced"
unmount "$T/m"
expect_status 32 "$B/mount.adebackup" "$V" "$T/m" -o "$opts,replay-trace=other"
expect_text "has no trace 'other'" "$T/err"

say "what had to be tried again is counted, and what came for nothing"
serve_faulty "$T/faulty" "$AZ_PORT" --rate 0.4 --seed "$FAULT_SEED" --kinds status503,retryafter,throttle,cut,range
mount_ade "$V" "$T/m" "$opts,endpoint=$FAULTY/devstoreaccount1"
check_same "$T/os.raw" "$T/m/os/disk.raw"
wait_for 60 settled
faults=$(wc -l <"$FAULTS/faults")
[ "$faults" -gt 3 ] || fail "$faults faults"
# a cut at the very end, and a wrong range of an answer without one, spoil nothing
harmless=$(grep -c -e '^cut' -e '^range' "$FAULTS/faults" || true)
[ "$(stat_of .store.retries)" -le "$faults" ] || fail "$(stat_of .store.retries) tries again, $faults faults"
[ "$(stat_of .store.retries)" -ge $((faults - harmless)) ] || fail "$(stat_of .store.retries) tries again, $faults faults"
[ "$(stat_of '.store | .sent >= .requests + .retries')" = true ] || fail "$(stat_of .store)"
[ "$(stat_of '.store | .bytes_received >= .bytes_fetched')" = true ] || fail "$(stat_of .store)"
[ "$(stat_of .store.errors)" = 0 ] || fail "$(stat_of .store)"
expect_status 0 "$A" mounts "$T/m"
expect_text "$(stat_of .store.retries) tries again, 0 failed, 0 on the way" "$T/out"
unmount "$T/m"
end_faulty
