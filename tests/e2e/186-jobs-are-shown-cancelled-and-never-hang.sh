#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Backups, restores, verifies and prunes are jobs: states and tasks as Azure Backup names them, progress,
# cancelling, one backup of a VM at a time, errors with their documented codes, a command that is told; a job whose
# process dies or sleeps is never in progress for ever.  (Row 33: notifications, jobs in progress, progress.)
. "$(dirname "$0")/lib.sh"
require jq

A=$B/adebackup V=$T/v K=$T/key
cd "$T"
jobs() { "$A" jobs "$@" --vault-key "$K"; }
said() { jq -e "$1" "$T/out" >/dev/null || fail "not $1: $(cat "$T/out")"; }
job() { expect_status 0 "$A" jobs show "$V" "$1" --vault-key "$K" --json; }
points() { "$A" list "$V" "$1" --vault-key "$K" --json 2>/dev/null | jq '.points | length'; }
backup() { "$A" backup "$V" "$1" --vault-key "$K" --disk "os=$2" -q "${@:3}"; }
start() { "$A" backup "$V" "$1" --vault-key "$K" --disk "os=$2" -q "${@:3}" 2>err & pid=$!; }	# not in a subshell
began() { ls "$V/job/"*"-$1.0"; }

head -c 2000000 /dev/urandom >os.raw
head -c 250M /dev/urandom >long.raw
"$A" init "$V" --vault-key "$K" >/dev/null

say "row 33: each kind of job, and who is told"
# shellcheck disable=SC2016	# the command's own shell
backup vm os.raw --notify 'cat >note; echo "$0 was told" >&2' 2>err
expect_text "was told" err
jq -e '.status == "Completed" and .operation == "Backup" and .vm == "vm" and .schema == 1 and
	[.tasks[].task] == ["Take Snapshot", "Transfer data to vault"] and all(.tasks[]; .status == "Completed") and
	.done_bytes == 2000000 and .progress_percentage == 100 and (.point | length) == 16' note >/dev/null || fail "$(cat note)"
expect_status 0 "$A" restore "$V" vm --vault-key "$K" --to r --as encrypted
expect_status 0 "$A" verify "$V" --vault-key "$K"
expect_status 0 "$A" prune "$V" --vault-key "$K" --keep-last 3
expect_status 0 "$A" prune "$V" --vault-key "$K" --keep-last 3 --dry-run	# no job
expect_status 0 "$A" jobs list "$V" --vault-key "$K" --json
said '[.jobs[] | .operation] | sort == ["Backup", "Prune", "Restore", "Verify"]'
said 'all(.jobs[]; .status == "Completed" and .scheduled == false)'
expect_status 0 "$A" jobs list "$V" vm --vault-key "$K" --json
said '[.jobs[] | .operation] == ["Backup", "Restore"]'
expect_status 10 "$A" jobs show "$V" vm-9 --vault-key "$K"
expect_status 1 "$A" jobs cancel "$V" vm-1 --vault-key "$K"
expect_text "has ended" "$T/err"
if ls "$V"/job/*.0 2>/dev/null; then fail "records of jobs that ended are left"; fi

say "a command that fails or lasts is a warning"
"$A" backup "$V" vm --vault-key "$K" --disk os=os.raw --notify 'exit 7' >/dev/null 2>err
expect_text "warning: --notify: the command failed with 7" err

say "row 33: progress is shown, a second backup is refused, and cancelling works from elsewhere"
start big long.raw --notify 'cat >note'
wait_for 20 began 1
kill -STOP "$pid"
defer kill -KILL "$pid"
expect_status 0 "$A" jobs list "$V" big --vault-key "$K" --json
said '.jobs[0].status == "InProgress" and .jobs[0].cancellable and .jobs[0].pid == '"$pid"
expect_status 11 backup big os.raw
expect_text "UserErrorBackupOperationInProgress" "$T/err"
expect_status 0 "$A" jobs cancel "$V" big-1 --vault-key "$K"
job big-1
said '.job.status == "Cancelling"'
kill -CONT "$pid"
expect_status 130 "$A" jobs watch "$V" big-1 --vault-key "$K"
status=0
wait "$pid" || status=$?
[ "$status" = 130 ] || fail "the cancelled backup ended with $status"
expect_text "cancelled, as" err
jq -e '.status == "Cancelled" and .tasks[-1].status == "Cancelled"' note >/dev/null || fail "$(cat note)"
[ "$(points big)" = "" ] || [ "$(points big)" = 0 ] || fail "a point of a cancelled backup"

say "row 34: a killed backup has failed at once, and the next one goes on from what is stored"
start big long.raw
wait_for 20 began 2
kill -KILL "$pid"
wait "$pid" || true
job big-2
said '.job.status == "Failed" and .job.failure.code == "BackUpOperationFailed" and (.job.failure.recommendation | length) > 0'
backup big long.raw
job big-2
said '.job.status == "Failed"'
job big-3
said '.job.status == "Completed"'
[ "$(points big)" = 1 ] || fail "$(points big) points"
if ls "$V"/job/*.0 2>/dev/null; then fail "records of jobs that ended are left"; fi

say "one that sleeps is taken for dead after a quarter of an hour, and commits nothing when it wakes"
start slow long.raw
defer kill -KILL "$pid"
wait_for 20 sh -c "ls $V/job/*-1.0"
wait_for 20 sh -c "ls $V/ses/*"
kill -STOP "$pid"
find "$V" -type f -exec touch -d '20 minutes ago' {} +
job slow-1
said '.job.status == "Failed"'
backup slow os.raw
kill -CONT "$pid"
status=0
wait "$pid" || status=$?
[ "$status" = 1 ] || fail "the one that slept ended with $status: $(cat err)"
expect_text "taken for dead" err
[ "$(points slow)" = 1 ] || fail "$(points slow) points, not the second one's alone"
job slow-1
said '.job.status == "Failed"'
job slow-2
said '.job.status == "Completed"'

say "warnings, and errors with their codes"
printf wrong >pass
expect_status 3 "$A" backup "$V" vm --vault-key "$K" --disk os=os.raw --password-file pass
job vm-4
said '.job.status == "CompletedWithWarnings" and (.job.warnings | length) == 1'
expect_status 0 "$A" verify "$V" --vault-key "$K"
seg=$(find "$V/seg" -type f -size +100k | head -1)
printf 'x' | dd of="$seg" bs=1 seek=5000 conv=notrunc status=none
expect_status 16 "$A" verify "$V" --vault-key "$K" --notify 'cat >note'
jq -e '.status == "Failed" and (.failure.text | contains("faults")) and (.failure.recommendation | length) > 0' note >/dev/null ||
	fail "$(cat note)"

say "a folder of jobs that cannot be written keeps no restore back, and old records go"
find "$V" -type f -exec touch -d '500 days ago' {} +
expect_status 0 "$A" prune "$V" --vault-key "$K" --keep-last 3
expect_status 0 "$A" jobs list "$V" --vault-key "$K" --json
said '[.jobs[] | select(.vm == "vm")] | length <= 2'
said '[.jobs[] | select(.vm == "big" and .status == "Completed")] | length == 1'
