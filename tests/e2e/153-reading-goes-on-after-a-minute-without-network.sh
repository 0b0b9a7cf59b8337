#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 240
# A line of 30 ms between the mount and its S3 loses every packet for 60 seconds while `cat` reads:
# host commands answer, cat goes on by itself and has every byte.  The line is tests/make/linkrelay.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/faults.sh"
. "$(dirname "$0")/line.sh"
require jq

A=$B/adebackup K=$T/vault.key CUT=${CUT_SECONDS:-60}
head -c 60M /dev/urandom >"$T/os.raw"
make_line 40 500
serve_s3_far cut
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
cut_line
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
mend_line
back=$SECONDS
wait "$cat" || fail "cat failed: $(cat "$T/m/stats.json")"
say "it was over $((SECONDS - back)) s after the line was back"
[ $((SECONDS - back)) -lt 75 ] || fail "it took $((SECONDS - back)) s to go on"
check_same "$T/os.raw" "$T/copy"
[ "$(jq .reads.errors "$T/m/stats.json")" = 0 ] || fail "$(cat "$T/m/stats.json")"
unmount "$T/m"
# it takes its sign as a reader away over the line, so the line has to stay until it has ended
wait_for 30 eval "! pgrep -f 'mount.adebackup .*$T/m ' >/dev/null"
