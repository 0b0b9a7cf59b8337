#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# verify --repair puts damage out of the way: the next backup stores anew what the source still has,
# lost refs and names come back from what is left, and collection is not held up.
. "$(dirname "$0")/lib.sh"
require jq

a=$B/adebackup
V=$T/v K=$T/key
cd "$T"
back_up() { expect_status 0 "$a" backup "$V" vm --vault-key "$K" --disk os=os.raw; }
verify() { expect_status "${status:-0}" "$a" verify "$V" --vault-key "$K" --json "$@"; }
said() { jq -e "$1" "$T/out" >/dev/null || fail "not $1: $(cat "$T/out")"; }
flip() { printf '\377' | dd of="$1" bs=1 seek="$2" conv=notrunc status=none; }
newest() { find "$V/$1" -type f -printf '%T@ %s %p\n' | sort -n | awk "$2" | tail -1 | cut -d' ' -f3; }

head -c 9000000 /dev/urandom >os.raw
"$a" init "$V" --vault-key "$K" >/dev/null
back_up
segment=$(newest seg '$2 > 1000000')
flip "$segment" 500000

say "a damaged segment: told, put down, and the next backup is whole"
status=16 verify
back_up
status=16 verify "vm@latest"
status=16 verify --repair
said '.repair.segments == 1'
back_up
verify "vm@latest"
expect_status 0 "$a" restore "$V" vm --vault-key "$K" --to r1 --as encrypted
check_same os.raw r1/os.raw
status=16 verify --repair
said '.repair.segments == 0'

say "a segment that is gone"
rm "$(newest seg '$2 > 1000000')"
status=16 verify --repair
said '.repair.segments == 1'
back_up
verify "vm@latest"

say "refs, the VM's name and a manifest"
rm "$V/ref/$(basename "$(newest pt '$2 > 256')")"
status=16 verify --repair
said '.repair.refs == 1'
verify "vm@latest"
flip "$V"/vm/*.0 80
status=16 verify --repair
said '.repair.names == 1'
expect_status 0 "$a" list "$V" --vault-key "$K"
flip "$(newest pt '$2 > 256' | head -1)" 200
expect_status 3 "$a" prune "$V" --vault-key "$K" --keep-last 1 --json
status=16 verify --repair
said '.repair.hidden == 1'
expect_status 3 "$a" list "$V" --vault-key "$K" --json		# it was seen, and is not there any more
rm -r "$T/.state/adebackup"
expect_status 0 "$a" list "$V" --vault-key "$K" --json
back_up
verify "vm@latest"
expect_status 0 "$a" restore "$V" vm --vault-key "$K" --to r2 --as encrypted
check_same os.raw r2/os.raw

say "and prune goes on"
for days in 2 9; do
	find "$V" -type f -exec touch -d "$days days ago" {} +
	"$a" prune "$V" --vault-key "$K" --keep-last 1 --json >"$T/out" 2>/dev/null || :
done
expect_status 0 "$a" prune "$V" --vault-key "$K" --keep-last 1 --json
said '.note == ""'
expect_status 0 "$a" restore "$V" vm --vault-key "$K" --to r3 --as encrypted
check_same os.raw r3/os.raw
