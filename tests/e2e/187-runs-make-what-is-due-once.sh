#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `run` backs up what policies want by now: once, also after downtime and beside other runs; what failed is tried again
# later, what was killed at once; the units for systemd are such as systemd takes.
# (Rows 24 and 30: a policy says when; the first backup runs on the schedule.)
. "$(dirname "$0")/lib.sh"
require jq systemd-analyze

A=$B/adebackup V=$T/v K=$T/key
cd "$T"
said() { jq -e "$1" "$T/out" >/dev/null || fail "not $1: $(cat "$T/out")"; }
run() { expect_status "${status:-0}" "$A" run "$V" --vault-key "$K" --json "$@"; }
points() { "$A" list "$V" "$1" --vault-key "$K" --json | jq '.points | length'; }
plant() { "$B/tests/make/plant-service" "$V" "$K" items "$@"; }

for i in 1 2 3 4; do head -c 2000000 /dev/urandom >os$i.raw; done
"$A" init "$V" --vault-key "$K" >/dev/null

say "row 24 row 30: nothing is due before the schedule's time, then each item once, however many times were missed"
run
said '.items == [] and .backed_up == 0'
plant 0 new="$T/os4.raw"
plant 400000 one="$T/os1.raw" two="$T/os2.raw" three="$T/os3.raw"
run --dry-run
said '[.items[] | select(.state == "due") | .vm] | sort == ["one", "three", "two"]'
said '[.items[] | select(.vm == "new") | .state] == ["later"]'
run --parallel 3
said '.backed_up == 3 and .failed == 0 and (.next | length) > 0'
run --no-prune
said '.backed_up == 0'
for vm in one two three; do [ "$(points $vm)" = 1 ] || fail "$vm has $(points $vm) points"; done
expect_status 0 "$A" jobs list "$V" --vault-key "$K" --json
said '[.jobs[] | select(.operation == "Backup" and .scheduled and .status == "Completed")] | length == 3'
said '[.jobs[] | select(.operation == "Prune" and .scheduled)] | length == 1'

say "row 31: a backup on demand is beside the schedule, and knows the item's disks"
expect_status 0 "$A" backup "$V" new --vault-key "$K"
[ "$(points new)" = 1 ] || fail "the item's disks are not known"

say "what fails is told with its code, tried again later, and keeps nobody back"
plant 400000 gone="$T/nowhere.raw" four="$T/os4.raw"
status=1 run --notify 'cat >>notes'
said '.backed_up == 1 and .failed == 1 and .error.code == 1'
jq -se '[.[] | .vm + " " + .status] | sort == ["four Completed", "gone Failed"]' notes >/dev/null || fail "$(cat notes)"
jq -se '.[] | select(.vm == "gone") | .failure.code == "UserErrorVmNotInDesirableState"' notes >/dev/null || fail "$(cat notes)"
run
said '[.items[] | select(.vm == "gone") | .state] == ["again later"]'

say "six runs at once make each backup once"
for i in 1 2 3 4 5 6 7 8; do head -c 6M /dev/urandom >many$i.raw; done
# shellcheck disable=SC2046
plant 400000 $(for i in 1 2 3 4 5 6 7 8; do echo "many$i=$T/many$i.raw"; done)
for i in 1 2 3 4 5 6; do
	"$A" run "$V" --vault-key "$K" --json --no-prune >race.$i 2>/dev/null &
done
wait
[ "$(jq -s 'map(.backed_up) | add' race.*)" = 8 ] || fail "$(cat race.*)"
for i in 1 2 3 4 5 6 7 8; do [ "$(points many$i)" = 1 ] || fail "many$i has $(points many$i) points"; done

say "a run that is told to end is gone on with by the next; one that is killed too"
head -c 200M /dev/urandom >large.raw
plant 400000 large="$T/large.raw"
for signal in TERM KILL; do
	"$A" run "$V" --vault-key "$K" --no-prune >/dev/null 2>&1 &
	pid=$!
	wait_for 20 sh -c "ls $V/job/*.0"
	kill -$signal "$pid"
	wait "$pid" || true
	[ "$(points large 2>/dev/null || echo 0)" != 1 ] || fail "too late to stop it"
done
run
said '[.items[] | select(.vm == "large") | .status] == ["Completed"]'
[ "$(points large)" = 1 ] || fail "large has $(points large) points"
if ls "$V"/job/*.0 2>/dev/null; then fail "jobs hang"; fi

say "systemd takes the units"
env -u MAKEFLAGS -u MAKELEVEL make -s -C "$ROOT" MODE="$MODE" install DESTDIR="$T/image" >/dev/null
units=$T/image/usr/lib/systemd/system
sed "s|^ExecStart=/usr/bin/|ExecStart=$T/image/usr/bin/|" -i "$units/adebackup-run@.service"
systemd-analyze verify --man=no "$units/adebackup-run@.timer" "$units/adebackup-run@.service" >analyzed 2>&1 ||
	fail "systemd-analyze: $(cat analyzed)"
if grep -F adebackup analyzed; then fail "systemd-analyze: $(cat analyzed)"; fi
sed -i 's/^OnCalendar=.*/OnCalendar=sometimes/' "$units/adebackup-run@.timer"
if systemd-analyze verify --man=no "$units/adebackup-run@.timer" >analyzed 2>&1 && ! grep -q OnCalendar analyzed; then
	fail "systemd-analyze finds nothing, ever"
fi
printf 'vault-key=%s\nparallel=2\n' "$K" >options
# as the service does
env "ADEBACKUP_VAULT=$V" "$A" run --quiet --options-file options
