#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Points expire by the store's time, whatever this host's clock says: hidden, then deleted, then
# their data is collected; what is mounted, held or newest stays, and the second reader agrees.
. "$(dirname "$0")/lib.sh"
require jq faketime
require_root

a=$B/adebackup
V=$T/v K=$T/key
cd "$T"
reader() { /usr/bin/python3 "$ROOT/tests/reader/vaultreader.py" "$V" --vault-key "$K" "$@"; }
# A folder's times are those of its files: days pass when all files get older.
days_pass() { find "$V" -type f -exec touch -d "$1 days ago" {} +; }
in_year() { local year=$1; shift; NO_FAKE_STAT=1 faketime -f "@$year-06-01 12:00:00" "$@"; }
points() { "$a" list "$V" vm --vault-key "$K" --json | jq '.points | length'; }
prune() { expect_status "${status:-0}" "$a" prune "$V" --vault-key "$K" --json "$@"; }
said() { jq -e "$1" "$T/out" >/dev/null || fail "not $1: $(cat "$T/out")"; }
back_up() {
	head -c 400000 /dev/urandom | dd of=os.raw bs=64k seek=$((RANDOM * 50)) oflag=seek_bytes conv=notrunc status=none
	expect_status 0 "$@" "$a" backup "$V" vm --vault-key "$K" --disk os=os.raw "${more[@]}"
	sha os.raw >>sums
}

head -c 3000000 /dev/urandom >os.raw
"$a" init "$V" --vault-key "$K" >/dev/null
more=()

say "a point that was made to be kept for an hour stays for it, in 2035 and in 1970"
more=(--retain-until "$(date -u -d '+1 hour' +%Y-%m-%dT%H:%M:%SZ)")
back_up
more=()
back_up
for year in 2035 1970; do
	in_year $year "$a" prune "$V" --vault-key "$K" --json >"$T/out"
	said '.expired == 0 and .kept == 2'
done
say "and one whose hour is over goes in both, but not before"
more=(--retain-until "$(date -u -d '-1 hour' +%Y-%m-%dT%H:%M:%SZ)")
back_up
more=()
back_up
for year in 1970 2035; do
	in_year $year "$a" prune "$V" --vault-key "$K" --json --dry-run >"$T/out"
	said '.expired == 1 and .kept == 3'
done
say "a point of a host whose clock says 2035 is not the newest for nine years"
back_up in_year 2035
sleep 1.1		# the store counts in seconds
back_up
prune --keep-last 1 --dry-run
said '[.points[] | select(.fate == "kept") | .time] | length >= 1'
newest=$(jq -r '.points[] | select(.reason == "last 1").time' "$T/out")
[[ $newest == $(date -u +%Y)* ]] || fail "the newest is $newest"

V=$T/w
rm sums
"$a" init "$V" --vault-key "$T/key2" >/dev/null
K=$T/key2
for i in 1 2 3 4 5; do back_up; sleep 1.1; done

say "held and mounted points stay, the others are hidden"
oldest=$("$a" list "$V" vm --vault-key "$K" --json | jq -r '.points[2].point')
"$a" hold "$V" "vm@$oldest" --vault-key "$K" --reason "a case" >/dev/null
mkdir m
expect_status 0 "$a" mount "$V" m --vault-key "$K"
defer unmount "$T/m"
first=$(find m/vm -mindepth 1 -maxdepth 1 -type d | sort | sed -n 2p)
exec 5<"$first/os/encrypted/disk.raw"
prune --keep-last 2
said '.in_use >= 1 and .expired >= 1'
prune --keep-last 2
said '[.points[] | select(.held)] | length == 1'
[ "$(sha256sum <&5 | cut -d' ' -f1)" = "$(sed -n 2p sums)" ] || fail "the mounted point reads wrongly"
exec 5<&-
unmount "$T/m"
"$a" release "$V" "vm@$oldest" --vault-key "$K" >/dev/null

say "days later all that nobody needs is gone"
prune --keep-last 2
for days in 2 9 9 9; do
	days_pass $days
	prune --keep-last 2
done
said '.kept == 2 and .collect.unnamed == 0 and .note == ""'
[ "$(points)" = 2 ] || fail "$(points) points"
[ "$(find "$V/pt" -type f | wc -l)" = 2 ] || fail "manifests are left"
expect_status 0 "$a" verify "$V" --vault-key "$K"
expect_status 0 "$a" verify "$V" --no-key
reader check >/dev/null

say "compacted, the vault shrinks, and both readers read the same"
head -c 2600000 /dev/urandom | dd of=os.raw bs=64k conv=notrunc status=none
back_up
back_up
prune --keep-last 2
for days in 2 9; do days_pass $days; prune --keep-last 2; done
before=$(du -sb "$V/seg" | cut -f1)
prune --keep-last 2 --compact
said '.compact.segments > 0 and .compact.points > 0'
reader check >/dev/null
reader list | jq -r '.[].point' | sort >reader.points
"$a" list "$V" vm --vault-key "$K" --json | jq -r '.points[].point' | sort | diff - reader.points || fail "other points"
for days in 2 9; do days_pass $days; prune --keep-last 2; done
[ "$(du -sb "$V/seg" | cut -f1)" -lt "$before" ] || fail "nothing was freed"
expect_status 0 "$a" verify "$V" --vault-key "$K"
reader check >/dev/null
point=$("$a" list "$V" vm --vault-key "$K" --json | jq -r '.points | sort_by(.time) | .[0].point')
reader restore vm "$point" os out.raw
check_sha out.raw "$(tail -2 sums | head -1)" "the older point, compacted"
expect_status 0 "$a" restore "$V" vm --vault-key "$K" --to r --as encrypted
back_up
