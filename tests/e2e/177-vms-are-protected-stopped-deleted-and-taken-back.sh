#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Items: protected all or none, changed, stopped, soft-deleted for 14 days of the store's time, taken
# back; a prune goes by their policies as they are now; encryption that is switched on is no break.
. "$(dirname "$0")/lib.sh"
require mkntfs jq faketime
require_root
a=$B/adebackup V=$T/v K=$T/k
cd "$T"
in_year() { local year=$1; shift; NO_FAKE_STAT=1 faketime -f "@$year-06-01 12:00:00" "$@"; }
ade() { "$a" "$@" --vault-key "$K"; }
item() { ade items "$V" --json | jq -er --arg vm "$1" ".items[] | select(.vm == \$vm) | $2"; }
prune() { ade prune "$V" --json "$@" >out 2>err || fail "prune: $(cat err)"; }
said() { jq -e "$1" out >/dev/null || fail "not $1: $(cat out)"; }

truncate -s 16M plain
mkntfs -q -F -L ADE plain >/dev/null 2>&1
"$B/tests/make/mkbitlocker" --seed 2 --bek . plain locked >/dev/null
bek=$(echo "$T"/*.BEK)
expect_status 10 "$a" protect "$V" web1 --vault-key "$K" --disk os=plain
expect_text 'adebackup init' err
"$a" init "$V" --vault-key "$K" >/dev/null

say "all or none"
expect_status 10 "$a" protect "$V" a b c --vault-key "$K" --disk a/os=plain --disk b/os=nothing --disk c/os=plain
expect_text 'b cannot be protected' err
[ "$(ade items "$V" --json | jq '.items | length')" = 0 ] || fail "some were protected"
expect_status 3 "$a" protect "$V" a b c --vault-key "$K" --disk a/os=plain --disk b/os=nothing --disk c/os=plain --skip-failed --json
said '[.items[].vm] == ["a", "c"] and .failed[0].vm == "b" and .failed[0].code == 10'
expect_status 2 "$a" protect "$V" d --vault-key "$K"
expect_text 'which disks has the VM' err
expect_status 2 "$a" protect "$V" d --vault-key "$K" --disk os="https://x.blob.core.windows.net/c/d.vhd?sv=1&sig=abc"
grep -q 'sig=abc' err && fail "a signature is said"
{ printf vhdxfile; head -c 1M /dev/zero; } >x.vhdx
expect_status 17 "$a" protect "$V" d --vault-key "$K" --disk os=x.vhdx

say "a backup knows the disks, from any folder"
mkdir elsewhere
cp plain os.img
ade protect "$V" web1 --disk os=os.img >/dev/null
(cd elsewhere && ade backup "$V" web1 -q) || fail "no backup"
[ "$(item web1 .points)" = 1 ] || fail "no point"
item web1 '.disks[0] | .encrypted == false and (.source | startswith("/"))' >/dev/null || fail "disks"

say "encryption is switched on: the next backup goes on, says so once, and proves it with the key"
cp locked os.img
expect_status 0 "$a" backup "$V" web1 --vault-key "$K"
expect_text 'encryption was switched on' err
item web1 '.disks[0].encrypted' >/dev/null || fail "not put down"
expect_status 0 "$a" backup "$V" web1 --vault-key "$K" --bek "$bek"
expect_text '^proven' out
grep -q 'switched on' err && fail "said twice"

say "prune by the policy as it is now; the --keep options are for others"
ade policy create "$V" week --retain-daily 7 >/dev/null
ade protect "$V" web1 --policy week >/dev/null
ade backup "$V" free --disk os=plain -q
ade backup "$V" free --disk os=plain -q
prune --keep-last 1 --dry-run
said '[.points[] | select(.vm == "web1") | .fate] == ["kept", "kept", "kept"]'
said '[.points[] | select(.vm == "free") | .fate] | sort == ["expires", "kept"]'
said '[.points[] | select(.vm == "web1") | .reason] | all(test("daily: .* kept for 7 days"))'

say "a host's clock of 1970 or 2035 expires nothing"
for year in 1970 2035; do
	in_year $year "$a" prune "$V" --vault-key "$K" --dry-run --json >out
	said '[.points[] | select(.vm == "web1") | .fate] == ["kept", "kept", "kept"]'
done

say "stopped: no backup, all points stay, whatever the policy says; protect resumes"
ade unprotect "$V" web1 --keep >/dev/null
expect_status 14 "$a" backup "$V" web1 --vault-key "$K"
expect_text 'protection of the VM .web1. is stopped' err
prune --dry-run
said '[.points[] | select(.vm == "web1") | .reason] | all(test("protection is stopped"))'
ade restore "$V" web1 --to stopped --as encrypted -q || fail "a stopped VM is restored"
ade protect "$V" web1 >/dev/null
[ "$(item web1 .state)" = protected ] || fail "not resumed"
[ "$(item web1 .policy)" = week ] || fail "its policy was not kept"

say "soft-deleted: neither mounted nor restored nor backed up; listed; taken back"
mkdir m
expect_status 2 "$a" unprotect "$V" web1 --vault-key "$K"
expect_status 10 "$a" unprotect "$V" nobody --keep --vault-key "$K"
ade unprotect "$V" web1 --delete >/dev/null
for verb in "restore $V web1 --to r --as encrypted" "show $V web1" "mount $V m --vm web1" "mount $V m --vm web1 --point latest" \
	"backup $V web1" "protect $V web1 --disk os=plain" "unprotect $V web1 --keep"; do
	# shellcheck disable=SC2086
	expect_status 14 "$a" $verb --vault-key "$K"
	expect_text 'soft-deleted' err
	expect_text 'undelete' err
done
ade mount "$V" m -q
defer unmount "$T/m"
ls m/free >/dev/null || fail "another VM is not shown"
if ls m/web1 >/dev/null 2>&1; then fail "its points are shown"; fi
unmount "$T/m"
for year in 1970 2035; do
	in_year $year "$a" prune "$V" --vault-key "$K" --dry-run --json >out
	said '[.points[] | select(.vm == "web1") | .fate] == ["kept", "kept", "kept"]'
done
expect_status 10 "$a" undelete "$V" free --vault-key "$K"
ade undelete "$V" web1 >/dev/null
[ "$(item web1 .state)" = stopped ] || fail "not stopped"
ade restore "$V" web1 --to r --as encrypted -q || fail "not restored after undelete"

say "retain-until is for the point alone, without a minimum; its date is the last day that is kept"
today=$(date -u +%Y-%m-%d)
ade protect "$V" web1 --policy week >/dev/null
ade backup "$V" web1 --retain-until "$today" --json >point
ade backup "$V" web1 -q
prune --dry-run
said "[.points[] | select(.point == \"$(jq -r .point point)\")][0] | .fate == \"kept\" and (.reason | test(\"made to be kept until $today\"))"
expect_status 2 "$a" backup "$V" web1 --retain-until tomorrow --vault-key "$K"

expect_status 0 "$a" verify "$V" --vault-key "$K"
/usr/bin/python3 "$ROOT/tests/reader/vaultreader.py" "$V" --vault-key "$K" check >/dev/null || fail "the second reader"
