#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 600
# Resets, lost answers, stalls, cut and lying answers, flipped bits, storms of 503: reads, restores
# and backups against S3, Azure Blob and a web server give the right bytes, or an error in time.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/faults.sh"
require jq nginx

say "calls of a store, through S3"
serve_s3_faulty "$T/s3" --rate 0.25 --stall 2 --seed "$FAULT_SEED" --kinds "$TOLD_FAULTS"
"$B/tests/make/store-hammer" "s3://hammer" "$FAULTY" "$FAULT_SEED" 25 8 >"$T/out" 2>"$T/err" ||
	fail "$(cat "$T/out" "$T/err")"
cat "$T/out" >&2

say "a backup, with every kind of fault but those that say it is over"
head -c 6M /dev/urandom >"$T/os.raw"
A=$B/adebackup K=$T/vault.key
echo 0 >"$FAULTS/rate"
"$A" init s3://hammer/v --endpoint "$FAULTY" --vault-key "$K" >/dev/null
echo 0.15 >"$FAULTS/rate"
expect_status 0 "$A" backup s3://hammer/v web1 --endpoint "$FAULTY" --vault-key "$K" --disk "os=$T/os.raw"
say "and a restore from it; what is flipped on the way is found"
try_restore() {	# DIR OPTIONS…: right, or refused
	local got=0 start=$SECONDS
	"$A" restore s3://hammer/v web1@latest --endpoint "$FAULTY" --vault-key "$K" --to "$@" >"$T/out" 2>"$T/err" || got=$?
	[ $((SECONDS - start)) -lt 150 ] || fail "a restore took $((SECONDS - start)) s"
	# a bit flipped in a list hides what it names (10), in a slot it is a wrong key (12)
	case $got in 0 | 1 | 3 | 10 | 12 | 15 | 16 | 17) ;; *) fail "restore: $got $(cat "$T/err")" ;; esac
	[ "$got" != 0 ] || check_same "$T/os.raw" "$1/os.raw"
}
try_restore "$T/back"
end_faulty
serve_faulty "$T/flips" "$S3_PORT" --rate 0.1 --kinds flip --seed "$FAULT_SEED"
for i in 1 2 3; do try_restore "$T/flipped$i"; done
echo 0 >"$FAULTS/rate"
expect_status 0 "$A" verify s3://hammer/v --endpoint "$FAULTY" --vault-key "$K"
expect_status 0 "$A" restore s3://hammer/v web1@latest --endpoint "$FAULTY" --vault-key "$K" --to "$T/clean"
check_same "$T/os.raw" "$T/clean/os.raw"
end_faulty

say "$(cat "$T"/*/faults | wc -l) faults: $(cut -d' ' -f1 "$T"/*/faults | sort | uniq -c | sort -rn | tr '\n' ' ')"
[ "$(cat "$T"/*/faults | wc -l)" -ge 100 ] || fail "too few faults"

say "a mount whose server goes away fails in time, answers, and works again when it is back"
mount_ade s3://hammer/v "$T/m" "vault-key=$K,endpoint=http://127.0.0.1:$S3_PORT,read-deadline=6"
ls "$T/m/web1/latest/os" >/dev/null
kill -STOP "$S3_PID"
start=$SECONDS
! dd if="$T/m/web1/latest/os/disk.raw" of=/dev/null bs=1M skip=4 count=1 iflag=direct 2>"$T/err" || fail "read from a dead server"
[ $((SECONDS - start)) -lt 20 ] || fail "the read took $((SECONDS - start)) s"
timeout 5 ls "$T/m" "$T/m/web1/latest/os" >/dev/null || fail "ls hangs"
timeout 5 df "$T/m" >/dev/null || fail "df hangs"
kill -CONT "$S3_PID"
wait_for 60 cmp "$T/os.raw" "$T/m/web1/latest/os/disk.raw"
unmount "$T/m"
