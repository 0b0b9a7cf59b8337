#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A point that a compact writes anew while it is mounted, by somebody whose record nobody sees (behind a
# web server) or whose record went stale, is read on by its newer manifest once the old segments have
# gone; one that has expired and was collected is told as gone, and what is merely missing as damage.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/www.sh"
require nginx jq curl python3
require_root

A=$B/adebackup K=$T/vault.key V=$T/www/vault
cd "$T"
on() { "$A" "$@" --vault-key "$K"; }
# A folder's times are those of its files: days pass when all files get older.
days_pass() { find "$V" -type f -exec touch -d "$1 days ago" {} +; }
prune() { expect_status 0 on prune "$V" --keep-last 1 --json "$@"; }
back_up() { expect_status 0 on backup "$V" web1 --disk os=os.raw; }
# All but the first chunk and a strip in the middle is new.
change() {
	head -c 19M /dev/urandom | dd of=os.raw bs=1M seek=1 conv=notrunc status=none
	head -c 19M /dev/urandom | dd of=os.raw bs=1M seek=21 conv=notrunc status=none
}
mkdir -p www logs
head -c 40M /dev/urandom >os.raw
on init "$V" -q
back_up
change
back_up
cp os.raw second.raw
prune
for days in 2 9; do days_pass $days; prune; done	# the first point has gone, but not its segments

serve_www vault
watched() {	# SPEC NAME: mounted in the foreground, what it says in NAME.log
	mkdir "$2"
	defer unmount "$T/$2"
	"$B/mount.adebackup" "$1" "$2" --foreground -o "vault-key=$K${3:-}" 2>"$2.log" &
	wait_for 20 is_mounted "$T/$2"
}
first_pages() { [ "$(dd if="$1" bs=4k count=1 status=none | sha256sum)" = "$(dd if=second.raw bs=4k count=1 status=none | sha256sum)" ] || fail "$1 reads wrongly"; }

say "mounted behind the web server, where nobody sees it, and in the folder; a list is older than the compact"
watched "$U" far ,vm=web1,point=latest
watched "$U" listed
watched "$V" near ,vm=web1,point=latest
ls listed/web1 >/dev/null
for m in far near; do first_pages $m/os/disk.raw; done
exec 5<far/os/disk.raw 6<near/os/disk.raw
records() { find "$V/rd" -name '*.0'; }
old=$(records)
[ "$(wc -l <<<"$old")" = 1 ] || fail "not one reader's record: $old"

say "compacted, and what only the old manifest named is collected"
find "$V/seg" -type f | sort >before
prune --compact
jq -e '.compact.points == 1' out >/dev/null || fail "$(cat out)"
for days in 2 9; do days_pass $days; prune; done
find "$V/seg" -type f | sort >after
[ -n "$(comm -23 before after)" ] || fail "no segment has gone"
[ "$(find "$V/pt" -type f | wc -l)" = 1 ] || fail "the old manifest is there still"

say "all of them read on"
[ "$(sha256sum <&5 | cut -d' ' -f1)" = "$(sha second.raw)" ] || fail "the mount of a web server reads wrongly"
[ "$(sha256sum <&6 | cut -d' ' -f1)" = "$(sha second.raw)" ] || fail "the mount of the folder reads wrongly"
check_same second.raw listed/web1/latest/os/disk.raw
for m in far near; do expect_text "rewritten meanwhile by a compact" $m.log; done
! grep -q "missing" far.log near.log listed.log || fail "a fault is told: $(cat ./*.log)"
[ -n "$(records | grep -vxF "$old")" ] || fail "no reader's record for the newer manifest: $(records)"
expect_status 0 on verify "$V"
exec 5<&- 6<&-
for m in far listed near; do unmount "$T/$m"; done

say "a point that has expired is gone, in words"
watched "$U" gone ,vm=web1,point=latest
first_pages gone/os/disk.raw
head -c 40M /dev/urandom >os.raw
back_up
prune
for days in 2 9 9; do days_pass $days; prune; done
[ "$(find "$V/pt" -type f | wc -l)" = 1 ] || fail "it is there still"
expect_status 1 dd if=gone/os/disk.raw of=/dev/null bs=64k skip=200 count=100
expect_text "Stale file handle" err
expect_text "no longer in the vault: it has expired, or was deleted. Choose another one; .adebackup list. shows" gone.log
unmount "$T/gone"

say "a segment that is missing from a point that is there is damage"
watched "$U" hurt ,vm=web1,point=latest
first=$(head -c 4096 os.raw | sha256sum)
[ "$(dd if=hurt/os/disk.raw bs=4k count=1 status=none | sha256sum)" = "$first" ] || fail "it reads wrongly"
find "$V/seg" -type f -size +1M -exec mv {} . \;
expect_status 1 dd if=hurt/os/disk.raw of=/dev/null bs=64k skip=200 count=100
expect_text "Input/output error" err
expect_text "seg/.*the segment is missing" hurt.log
! grep -q "no longer in the vault" hurt.log || fail "damage is told as a point that has gone"
