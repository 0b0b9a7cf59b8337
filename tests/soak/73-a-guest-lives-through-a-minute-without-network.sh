#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The Ubuntu-like guest, started decrypted from a point in an S3 on the far side of a line of 30 ms and
# 200 Mbit/s, reads all files of its /usr when the line loses every packet for 60 seconds: host commands answer,
# the guest waits and goes on, has every byte, writes, and is shut down by its user.  Log: build/guest-logs.
. "$(dirname "$0")/../e2e/lib.sh"
. "$ROOT/tests/e2e/faults.sh"
. "$ROOT/tests/e2e/line.sh"
require jq debugfs qemu-system-x86_64
make -s -C "$ROOT" all makers
. "$ROOT/tests/lib/guest.sh"
guest_wait=${GUEST_WAIT:-900} CUT=${CUT_SECONDS:-60}

guest=$("$ROOT/tests/make/guest" ubuntu gen1 2>"$T/made") || fail "$(cat "$T/made")"
mkdir "$T/keys"
cp "$guest/LinuxPassPhraseFileName" "$T/keys/"
debugfs -R "rdump /usr $T" "$(dirname "$guest")/ubuntu/root.plain" >"$T/out" 2>&1
sum='cd / && find usr -xdev -type f | LC_ALL=C sort | xargs -d "\n" cat | sha256sum'
want=$(cd "$T" && find usr -xdev -type f | LC_ALL=C sort | xargs -d '\n' cat | sha256sum)
[ "${want%% *}" != e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 ] || fail "the guest's /usr was not read: $(cat "$T/out")"
rm -r "${T:?}/usr"

make_line 200 750
serve_s3_far guest
store=(--endpoint "$E" --allow-http --vault-key "$K" --keys "$T/keys")
far "$A" init s3://guest/v --endpoint "$E" --allow-http --vault-key "$K" >/dev/null
far "$A" backup s3://guest/v web1 --disk "os=$guest/os.raw" "${store[@]}" >/dev/null

log=$guest_logs/cut.log
rm -f "$log"
"$ROOT/tests/lib/console" "$log" nsenter -t "$near_pid" -n "$A" boot s3://guest/v web1 "${store[@]}" --decrypted \
	>"$T/said" 2>"$T/err" <<-END &
	$(log_in '/dev/[a-z0-9/-]*')
	refuse I/O error|EXT4-fs error
	shell 60 echo 3 >/proc/sys/vm/drop_caches; echo reading''-begins
	shell $((CUT + 600)) $sum; echo reading''-ends
	shell 90 echo written-after >/var/note && sync && echo 3 >/proc/sys/vm/drop_caches && grep -x written-after /var/note
	$(log_out)
END
talk=$!
defer end_pid "$talk"
said() { grep -aq "$1" "$log"; }
talks() { kill -0 "$talk" 2>/dev/null; }
begun() { said 'reading-begins' || ! talks; }
wait_for "$guest_wait" begun
talks || fail "the guest did not come up: $(tail -5 "$T/err")"

sleep 1
dir=$(awk '$1 == "s3://guest/v" { at = $2 } END { print at }' /proc/self/mounts)
[ -n "$dir" ] || fail "the guest's disk is not mounted: $(cat /proc/self/mounts)"
say "no packet passes for $CUT seconds"
cut_line
start=$SECONDS slowest=0
while [ $((SECONDS - start)) -lt "$CUT" ]; do
	for words in "$A mounts $dir" "$A mounts --json $dir" "df $dir" "ls $dir" "cat $dir/stats.json" "sync -f $T"; do
		began=$(date +%s%N)
		# shellcheck disable=SC2086
		timeout 5 $words >/dev/null || fail "no answer: $words"
		took=$((($(date +%s%N) - began) / 1000000))
		[ "$took" -le "$slowest" ] || slowest=$took
	done
	talks || fail "the guest ended while the line was cut"
	sleep 5
done
! said 'reading-ends' || fail "the guest had read all before the line was cut"
mend_line
back=$SECONDS
ended() { said 'reading-ends' || ! talks; }
wait_for 600 ended
took=$((SECONDS - back))
wait "$talk" || fail "$(cat "$T/err")"
said "${want%% *}" || fail "the guest read other bytes than $want: see $log"
say "the guest had read all $took s after the line was back; host commands took $slowest ms at most"
"$ROOT/tests/record" "A guest and $CUT s without network" <<-END
	Started over 200 Mbit/s and 30 ms, reading its /usr when the line was cut: it went on, had every byte $took s after
	the line was back, wrote, and was shut down. Host commands meanwhile: $slowest ms at most.
END
