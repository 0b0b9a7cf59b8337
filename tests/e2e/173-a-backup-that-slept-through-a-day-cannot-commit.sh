#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A backup that is stopped for more than a day is ended by a tombstone, which the second reader knows;
# when it wakes up it cannot commit and says so, and the next one goes on with what it had stored.
. "$(dirname "$0")/lib.sh"
require jq

a=$B/adebackup
V=$T/v K=$T/key
cd "$T"
reader() { /usr/bin/python3 "$ROOT/tests/reader/vaultreader.py" "$V" --vault-key "$K" "$@"; }
prune() { expect_status 0 "$a" prune "$V" --vault-key "$K" --keep-last 9 --json; }
running() { [ -n "$(ls "$V/ses" 2>/dev/null)" ] && [ -n "$(find "$V/seg" -type f 2>/dev/null | head -1)" ]; }

head -c 150000000 /dev/urandom >os.raw
"$a" init "$V" --vault-key "$K" >/dev/null
"$a" backup "$V" vm --vault-key "$K" --disk os=os.raw --threads 1 >backup.out 2>backup.err &
pid=$!
defer sh -c "kill -9 $pid 2>/dev/null || :"
while ! running; do kill -0 $pid || fail "it ended too early"; sleep 0.01; done
kill -STOP $pid

say "it is waited for"
prune
jq -e '.collect.sessions_ended == 0' out >/dev/null || fail "$(cat out)"
[ "$(find "$V/pt" -type f 2>/dev/null | wc -l)" = 0 ] || fail "ended too early"
say "and ended when a day has gone by"
find "$V" -type f -exec touch -d "2 days ago" {} +
prune		# by whoever looks first: the jobs, or the collector
[ "$(find "$V/pt" -type f | wc -l)" = 1 ] || fail "no tombstone"
[ "$("$a" list "$V" --vault-key "$K" --json | jq '.points | length')" = 0 ] || fail "a tombstone is listed"
[ "$(reader list)" = "[]" ] || fail "the second reader takes a tombstone for a point"
reader check >/dev/null
expect_status 0 "$a" verify "$V" --vault-key "$K"
expect_status 0 "$a" verify "$V" --no-key

say "it wakes up and is told; the next one goes on with what is stored"
stored=$(du -sb "$V/seg" | cut -f1)
kill -CONT $pid
if wait $pid; then fail "it committed, though it was taken for dead"; fi
expect_text "taken for dead" backup.err
[ "$("$a" list "$V" --vault-key "$K" --json | jq '.points | length')" = 0 ] || fail "it left a point"
expect_status 0 "$a" backup "$V" vm --vault-key "$K" --disk os=os.raw
[ "$(du -sb "$V/seg" | cut -f1)" -lt $((152000000 + stored / 2)) ] || fail "what was stored was stored again"
reader list | jq -e 'length == 1' >/dev/null || fail "$(reader list)"
point=$(reader list | jq -r '.[0].point')
reader restore vm "$point" os restored.raw
check_same os.raw restored.raw
prune
prune
[ -z "$(ls "$V/ses")" ] || fail "the session's record is left"
expect_status 0 "$a" verify "$V" --vault-key "$K"
