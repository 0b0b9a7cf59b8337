#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# 2,000 flipped bits, and cuts and removals, over every type of object of a vault: every restore gives
# the right bytes or an error, verify finds and locates each.  FLIPS= for another number.  The same
# campaign must catch a build that does not check tags.
. "$(dirname "$0")/../e2e/lib.sh"
. "$ROOT/tests/lib/damage-vault.sh"

make_damage_vault "$T/f"
"$ROOT/tests/lib/damage-campaign" "$B/adebackup" "$T/f" --flips "${FLIPS:-2000}" --cuts 150 --removals 150 >"$T/counts"

say "a build without the tag check must be caught"
mkdir "$T/tree"
(cd "$ROOT" && cp -r Makefile crypto fs tools tests "$T/tree")
sed -i 's/EVP_DecryptFinal_ex(g->open, (uint8_t \*)out + len, &n) != 1/(EVP_DecryptFinal_ex(g->open, (uint8_t *)out + len, \&n), 0)/' \
	"$T/tree/crypto/aead.c"
cmp -s "$ROOT/crypto/aead.c" "$T/tree/crypto/aead.c" && fail "the tag check was not found"
make -s -C "$T/tree" -j2 all
status=0
"$ROOT/tests/lib/damage-campaign" "$T/tree/build/release/adebackup" "$T/f" --flips 300 >"$T/blind" 2>"$T/caught" || status=$?
[ "$status" = 1 ] || fail "a build without tag checks passed: $(cat "$T/blind")"
expect_text "wrong bytes|verify" "$T/caught"

{
	echo "One injury at a time to a vault of three points and two disks; after each, every disk of every point is"
	echo "restored and the vault verified with and without its key."
	echo
	jq -r '"- seed \(.seed): \(.trials) injuries (\(.by_class | to_entries | map("\(.key) \(.value)") | join(", ")))",
		"- restores: \(.restores_right) right, \(.restores_refused) refused, \(.wrong_bytes) with wrong bytes",
		"- each injury was found by `verify --no-key` and by `verify`, and located"' "$T/counts"
	echo "- without the tag check the campaign ends at: $(grep -v seed "$T/caught" | head -1 | cut -c1-160)"
} | tee /dev/stderr | "$ROOT/tests/record" "Damaged vaults"
