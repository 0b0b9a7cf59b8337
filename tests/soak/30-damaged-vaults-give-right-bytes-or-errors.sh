#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# 2,000 flipped bits, and cuts and removals, over every type of object of a vault: every restore gives
# the right bytes or an error, verify finds and locates each.  FLIPS= for another number, JOBS= side by
# side, MINUTES= to stop early.  The same campaign must catch a build that does not check tags.
. "$(dirname "$0")/../e2e/lib.sh"
. "$ROOT/tests/lib/damage-vault.sh"

jobs=${JOBS:-2} flips=${FLIPS:-2000} pids=()
campaign() { # FOLDER PROGRAM ARGS…
	local folder=$1 ade=$2
	shift 2
	"$ROOT/tests/lib/damage-campaign" "$ade" "$folder" --minutes "${MINUTES:-0}" "$@"
}

for ((i = 0; i < jobs; i++)); do
	make_damage_vault "$T/f$i"
	campaign "$T/f$i" "$B/adebackup" --flips $((flips / jobs)) --cuts $((flips / jobs / 15)) \
		--removals $((flips / jobs / 15)) --seed $((RANDOM * 32768 + RANDOM)) >"$T/counts$i" & pids+=($!)
done
for pid in "${pids[@]}"; do wait "$pid"; done
cat "$T"/counts* >&2

say "a build without the tag check must be caught"
mkdir "$T/tree"
(cd "$ROOT" && cp -r Makefile crypto fs tools tests "$T/tree")
sed -i 's/EVP_DecryptFinal_ex(g->open, (uint8_t \*)out + len, &n) != 1/(EVP_DecryptFinal_ex(g->open, (uint8_t *)out + len, \&n), 0)/' \
	"$T/tree/crypto/aead.c"
if cmp -s "$ROOT/crypto/aead.c" "$T/tree/crypto/aead.c"; then fail "the tag check was not found"; fi
make -s -C "$T/tree" -j2 all
status=0
campaign "$T/f0" "$T/tree/build/release/adebackup" --flips 300 >"$T/blind" 2>"$T/caught" || status=$?
[ "$status" = 1 ] || fail "a build without tag checks passed: $(cat "$T/blind")"
expect_text "wrong bytes|verify" "$T/caught"

{
	echo "One injury at a time to a vault of three points and two disks; after each, every disk of every point is"
	echo "restored and the vault verified with and without its key."
	echo
	jq -rs '(map(.by_class | to_entries) | add | group_by(.key) | map("\(.[0].key) \(map(.value) | add)") | join(", ")) as $c |
		"- \(map(.trials) | add) injuries (\($c)), seeds \(map(.seed | tostring) | join(", "))",
		"- disks restored: \(map(.restores_right) | add) right, \(map(.restores_refused) | add) refused, \(map(.wrong_bytes) | add) with wrong bytes",
		"- each injury was found by `verify --no-key` and by `verify`, and located"' "$T"/counts*
	echo "- without the tag check the campaign ends: $(grep -v seed "$T/caught" | head -1 | cut -c1-160)"
} | tee /dev/stderr | "$ROOT/tests/record" "Damaged vaults"
