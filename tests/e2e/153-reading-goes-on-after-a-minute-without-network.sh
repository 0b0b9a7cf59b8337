#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 240
# A line of 30 ms between the mount and its S3 loses every packet for 60 seconds while `cat` reads:
# host commands answer, cat goes on by itself and has every byte.  The line is tests/make/linkrelay.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/faults.sh"
require ip tc nsenter jq
[ "$(id -u)" = 0 ] || skip "needs root for network namespaces"
[ -c /dev/net/tun ] || skip "no /dev/net/tun"

A=$B/adebackup K=$T/vault.key CUT=${CUT_SECONDS:-60}
head -c 60M /dev/urandom >"$T/os.raw"
unshare -n sleep infinity &
near=$!
defer end_pid "$near"
unshare -n sleep infinity &
far=$!
defer end_pid "$far"
apart() { [ "$(readlink "/proc/$1/ns/net")" != "$(readlink /proc/self/ns/net)" ]; }
wait_for 10 apart "$near"
wait_for 10 apart "$far"
"$B/tests/make/linkrelay" "/proc/$near/ns/net" "/proc/$far/ns/net" 15000 >"$T/relay" 2>"$T/relay.err" &
relay=$!
defer end_pid "$relay"
wait_for 10 grep -q up "$T/relay"
near() { nsenter -t "$near" -n "$@"; }
far() { nsenter -t "$far" -n "$@"; }
for side in near:10.9.0.1 far:10.9.0.2; do
	"${side%:*}" ip link set lo up
	"${side%:*}" ip addr add "${side#*:}/24" dev link0
	"${side%:*}" ip link set link0 up
	"${side%:*}" tc qdisc add dev link0 root tbf rate 40mbit burst 64kb limit 500kb
done
nsenter -t "$far" -n "$ROOT/tests/fake/s3" "$T/s3" --bucket cut --page 1000 --listen 10.9.0.2 2>"$T/s3.log" &
defer end_pid $!
wait_for 20 test -s "$T/s3/port"
E=http://10.9.0.2:$(cat "$T/s3/port")
far "$A" init s3://cut/v --endpoint "$E" --allow-http --vault-key "$K" >/dev/null
far "$A" backup s3://cut/v web1 --disk "os=$T/os.raw" --endpoint "$E" --allow-http --vault-key "$K" >/dev/null

mkdir "$T/m"
defer unmount "$T/m"
near "$B/mount.adebackup" s3://cut/v "$T/m" -o "vault-key=$K,endpoint=$E,allow-http,vm=web1,point=latest"
cat "$T/m/os/disk.raw" >"$T/copy" &
cat=$!
defer end_pid "$cat"
begun() { [ "$(stat -c %s "$T/copy")" -gt 4000000 ]; }
wait_for 30 begun

say "no packet passes for $CUT seconds"
kill -USR1 "$relay"
start=$SECONDS
sleep 3
before=$(stat -c %s "$T/copy")
while [ $((SECONDS - start)) -lt "$CUT" ]; do
	for words in "ls -l $T/m $T/m/os" "stat $T/m/os/disk.raw" "df $T/m" "cat $T/m/stats.json" "$A mounts $T/m" "sync -f $T"; do
		# shellcheck disable=SC2086
		timeout 5 $words >/dev/null || fail "no answer: $words"
	done
	kill -0 "$cat" 2>/dev/null || fail "cat ended while the line was cut"
	sleep 5
done
[ $(($(stat -c %s "$T/copy") - before)) -lt 9000000 ] || fail "the line was not cut"
[ "$(stat -c %s "$T/copy")" -lt 60000000 ] || fail "nothing was left to read"
kill -USR2 "$relay"
back=$SECONDS
wait "$cat" || fail "cat failed: $(cat "$T/m/stats.json")"
say "it was over $((SECONDS - back)) s after the line was back"
[ $((SECONDS - back)) -lt 75 ] || fail "it took $((SECONDS - back)) s to go on"
check_same "$T/os.raw" "$T/copy"
[ "$(jq .reads.errors "$T/m/stats.json")" = 0 ] || fail "$(cat "$T/m/stats.json")"
unmount "$T/m"
# it takes its sign as a reader away over the line, so the line has to stay until it has ended
wait_for 30 eval "! pgrep -f 'mount.adebackup .*$T/m ' >/dev/null"
