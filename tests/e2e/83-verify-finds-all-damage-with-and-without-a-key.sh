#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# verify: no fault in a sound vault; flipped bits, cut and missing objects are found with and
# without a key, and located; a sample, a limit of time and going on; one point alone.
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/lib/damage-vault.sh"
require jq

export XDG_STATE_HOME=$T/state
make_damage_vault "$T/f"
V=$T/f/vault K=(--vault-key "$T/f/vault.key")

say "a sound vault, in every way"
expect_status 0 "$B/adebackup" verify "$V" "${K[@]}" --json
jq -e '.command == "verify" and .complete and .keys and .points == 3 and .segments == .segments_read and
	.chunks > 20 and .fault_count == 0' "$T/out" >/dev/null || fail "$(cat "$T/out")"
expect_status 0 "$B/adebackup" verify "$V" --no-key --json
jq -e '.complete and (.keys | not) and .segments == .segments_read and .points == 3' "$T/out" >/dev/null
expect_status 0 "$B/adebackup" verify "$V" "${K[@]}" --structure
expect_status 0 "$B/adebackup" verify "$V" "${K[@]}" --sample 50% --progress json
expect_status 0 "$B/adebackup" verify "$V" web1@latest "${K[@]}" --json
jq -e '.points == 1 and .segments_read < .segments' "$T/out" >/dev/null || fail "$(cat "$T/out")"
expect_status 2 "$B/adebackup" verify "$V" web1 --no-key
expect_status 2 "$B/adebackup" verify "$V" "${K[@]}" --sample 0%
expect_status 10 "$B/adebackup" verify "$V" web2 "${K[@]}"

say "with a limit it goes on where it was"
expect_status 0 "$B/adebackup" verify "$V" "${K[@]}" --time-limit 60 --json
jq -e '.complete' "$T/out" >/dev/null
[ -z "$(find "$T/state" -name 'verify-*')" ] || fail "a finished round left its place"
# as if the limit had struck after the second segment
second=$(find "$V/seg" -type f -printf '%f\n' | sort | sed -n 2p)
segments=$(find "$V/seg" -type f | wc -l)
vault_id=$(xxd -s 40 -l 16 -p "$(find "$V/seg" -type f | head -1)")
printf %s "$second" >"$T/state/adebackup/verify-$vault_id"
expect_status 0 "$B/adebackup" verify "$V" "${K[@]}" --time-limit 60 --json
jq -e --argjson n $((segments - 2)) '.complete and .segments_read == $n' "$T/out" >/dev/null || fail "$(cat "$T/out")"
[ -z "$(find "$T/state" -name 'verify-*')" ] || fail "a finished round left its place"

say "the wrong object under a right name"
a=$(find "$V/pt" -type f | sort | sed -n 1p) b=$(find "$V/pt" -type f | sort | sed -n 2p)
cp "$a" "$T/keep"; chmod u+w "$a"; cp "$b" "$a"
expect_status 16 "$B/adebackup" verify "$V" "${K[@]}" --json
jq -e --arg o "${a#"$V"/}" '[.faults[] | select(.object == $o)] | length > 0' "$T/out" >/dev/null
jq -e '.error.code == 16' "$T/out" >/dev/null
cp "$T/keep" "$a"

say "a whole point taken away, refs and all: its number is missed"
mv "$a" "$T/keep"
mv "$V/ref/$(basename "$a")" "$T/keepref"
expect_status 0 "$B/adebackup" verify "$V" --no-key
expect_status 16 "$B/adebackup" verify "$V" "${K[@]}"
expect_text "points before this one are gone" "$T/out"
mv "$T/keep" "$a"
mv "$T/keepref" "$V/ref/$(basename "$a")"

say "damage, one injury at a time"
"$ROOT/tests/lib/damage-campaign" "$B/adebackup" "$T/f" --flips 14 --cuts 3 --removals 4 >"$T/counts"
jq -e '.trials == 21 and .restores_refused > 5 and .restores_right > 5 and .wrong_bytes == 0' "$T/counts" >/dev/null ||
	fail "$(cat "$T/counts")"
expect_status 0 "$B/adebackup" verify "$V" "${K[@]}"
