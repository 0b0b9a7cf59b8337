#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# list, jobs list and report of a vault far away ask for each point and each job once where they may keep them near;
# another vault at the same address, or one that was put back, is never told from what is kept of the first.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/www.sh"
require nginx jq curl python3

A=$B/adebackup
cd "$T"
mkdir -p www logs
head -c 300000 /dev/urandom >os.raw
make_vault() {	# FOLDER BACKUPS
	"$A" init "$1" --vault-key "$1.key" -q
	for ((i = 0; i < $2; i++)); do
		"$A" backup "$1" web1 --vault-key "$1.key" --disk os=os.raw -q
		"$A" prune "$1" --keep-last 9 --vault-key "$1.key" -q
	done
}
make_vault first 4
make_vault second 3
cp -a first www/vault
serve_www vault
near=(--diskcache "$T/near")
all() {	# KEY OPTIONS…: what they say
	local key=$1
	shift
	"$A" list "$U" --vault-key "$key" --json "$@" | jq -S . &&
	"$A" jobs list "$U" --vault-key "$key" --json "$@" | jq -S . &&
	{ "$A" report "$U" --vault-key "$key" --json "$@" || [ $? = 3 ]; } | jq -S .
}
asked() {	# COMMAND…: how many points and jobs the server was asked for
	: >logs/access
	"$@" >said || fail "$*"
	curl -s --noproxy '*' -o /dev/null "$U/over"	# its line comes when those before are there
	wait_for 20 grep -q '"GET /vault/over' logs/access
	grep -cE '"GET /vault/(pt|job)/[^ ]*[^/ ] HTTP' logs/access || :
}

say "each is asked for once"
none=$(asked all first.key)
mv said want
[ "$none" -gt 20 ] || fail "only $none requests without a cache"
first=$(asked all first.key "${near[@]}")
check_same want said
[ "$first" = $((4 + 8)) ] || fail "$first requests for 4 points and 8 jobs"
again=$(asked all first.key "${near[@]}")
check_same want said
[ "$again" = 0 ] || fail "$again requests again"

say "what is kept is sealed, and what rots is asked for anew"
! grep -rq web1 near || fail "a name in the clear"
f=$(find near -type f -size +200c | sort | head -1)
printf x | dd of="$f" bs=1 seek=150 conv=notrunc status=none
n=$(asked all first.key "${near[@]}")
[ "$n" = 1 ] || fail "asked for $n times"
check_same want said

say "a new job is asked for, the others are not"
"$A" verify first --vault-key first.key -q
rm -rf www/vault && cp -a first www/vault
n=$(asked all first.key "${near[@]}")
[ "$n" = 1 ] || fail "$n requests"
mv said want
all first.key >said
check_same want said

say "another vault at that address"
rm -rf www/vault && cp -a second www/vault
all second.key >want
asked all second.key "${near[@]}" >/dev/null
check_same want said
expect_status 12 "$A" jobs list "$U" --vault-key first.key "${near[@]}"

say "one that was put back: numbers of jobs are used again"
rm -rf www/vault third && cp -a second third && cp second.key third.key
"$A" backup third web1 --vault-key third.key --disk os=os.raw -q
cp -a third www/vault
asked all third.key "${near[@]}" >/dev/null
rm -rf www/vault third "$XDG_STATE_HOME" && cp -a second third	# what this host had seen of it is forgotten, too
sleep 1.1
"$A" backup third web1 --vault-key third.key --disk os=os.raw -q
"$A" prune third --keep-last 1 --vault-key third.key -q
cp -a third www/vault
all third.key >want
asked all third.key "${near[@]}" >/dev/null
check_same want said
