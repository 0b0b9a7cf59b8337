#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A mount whose process is stopped: `mounts` says so within its deadline, tells of the others as ever, and `umount
# --lazy` takes it away.
. "$(dirname "$0")/lib.sh"
require jq

A=$B/adebackup
head -c 1M /dev/urandom >"$T/one.raw"
cp "$T/one.raw" "$T/two.raw"
mount_ade "$T/one.raw" "$T/stopped"
mount_ade "$T/two.raw" "$T/well"
daemon=$(ade_pid "$T/stopped")
kill -STOP "$daemon"
defer eval "kill -CONT $daemon 2>/dev/null || :"

SECONDS=0
timeout 20 "$A" mounts --json >"$T/list" || fail "no list: $?"
[ "$SECONDS" -lt 10 ] || fail "it took $SECONDS s"
state() { jq -r --arg d "$1" '.mounts[] | select(.dir == $d) | .state' "$T/list"; }
[ "$(state "$T/stopped")" = silent ] || fail "$(cat "$T/list")"
[ "$(state "$T/well")" = alive ] || fail "$(cat "$T/list")"
timeout 20 "$A" mounts "$T/stopped" >"$T/out" || fail "no answer: $?"
expect_text "does not answer" "$T/out"

timeout 20 "$A" umount --lazy "$T/stopped" || fail "not taken away: $?"
if is_mounted "$T/stopped"; then fail "it is still there"; fi
kill -CONT "$daemon"
timeout 20 "$A" mounts --json >"$T/list"
[ "$(jq -r '[.mounts[].dir] | index($d)' --arg d "$T/stopped" "$T/list")" = null ] || fail "$(cat "$T/list")"
[ "$(state "$T/well")" = alive ] || fail "$(cat "$T/list")"
