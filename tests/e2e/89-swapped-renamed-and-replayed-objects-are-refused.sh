#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Good objects in a wrong place: swapped, renamed, cut, another point's, another VM's, another vault's
# (with the same key file).  Each is whole in itself; every restore gives the right bytes or an error,
# and verify with the key finds it.
. "$(dirname "$0")/lib.sh"
require jq
# shellcheck source=tests/lib/damage-vault.sh
. "$ROOT/tests/lib/damage-vault.sh"

a=$B/adebackup
cd "$T"
make_damage_vault "$T"
head -c 900K /dev/urandom >db.raw
expect_status 0 "$a" backup vault db1 --vault-key vault.key --disk os=db.raw
cp db.raw want/db1-0-os.raw
expect_status 0 "$a" init other --vault-key vault.key
expect_status 0 "$a" backup other web1 --vault-key vault.key --disk os=db.raw
cp -r vault good

expect_status 0 "$a" list vault --vault-key vault.key --json
cp out points.json
mapfile -t web < <(jq -r '.points[] | select(.vm == "web1").point' points.json)
db=$(jq -r '.points[] | select(.vm == "db1").point' points.json)
object() { (cd "${2:-vault}" && find "$1" -type f | sort); }
manifest() { object pt | grep -- "-$1/"; }
# What a backup's session put: its segments of a class (1 data, 2 map), largest first.
segments() { # POINT CLASS
	local session f
	session=$(basename "$(manifest "$1")")
	for f in $(object "seg/$session"); do
		[ "$(od -An -tu1 -j12 -N1 "vault/$f" | tr -d ' ')" = "$2" ] && stat -c '%s %n' "vault/$f"
	done | sort -rn | sed 's|.* vault/||'
}

right=0 refused=0
# look NAME [POINT…]: after an injury; those points must not come back whole.
look() {
	local name=$1 vm i disk point status want
	shift
	say "$name"
	for want in want/*.raw; do
		IFS=- read -r vm i disk < <(basename "$want" .raw)
		[ "$vm" = db1 ] && point=$db || point=${web[i]}
		status=0
		"$a" restore vault "$vm@$point" --to out.raw --disk "$disk" --as encrypted --vault-key vault.key >/dev/null 2>err ||
			status=$?
		if [ $status = 0 ]; then
			cmp -s out.raw "$want" || fail "$name: $vm $i $disk came back with wrong bytes"
			right=$((right + 1))
		else
			[ ! -e out.raw ] || fail "$name: an error, and a file all the same"
			refused=$((refused + 1))
		fi
		rm -f out.raw*
	done
	status=0
	"$a" verify vault --vault-key vault.key >verified 2>&1 || status=$?
	[ $status != 0 ] || fail "$name: verify found nothing"
	for point; do
		"$a" restore vault "$point" --to out --as encrypted --vault-key vault.key >/dev/null 2>&1 &&
			fail "$name: $point was restored whole"
		rm -rf out
	done
	rm -rf vault && cp -r good vault
}
swap() { mv "vault/$1" x && mv "vault/$2" "vault/$1" && mv x "vault/$2"; }

mapfile -t data0 < <(segments "${web[0]}" 1)
mapfile -t data1 < <(segments "${web[1]}" 1)
mapfile -t map0 < <(segments "${web[0]}" 2)
mapfile -t map1 < <(segments "${web[1]}" 2)
mapfile -t dbdata < <(segments "$db" 1)
[ ${#data0[@]} -ge 2 ] && [ ${#map0[@]} -ge 1 ] && [ ${#data1[@]} -ge 1 ] || fail "too few segments to play with"

swap "${data0[0]}" "${data0[1]}"
look "two data segments of one backup swapped" "web1@${web[0]}"
swap "${map0[0]}" "${map1[0]}"
look "the map segments of two points swapped" "web1@${web[0]}" "web1@${web[1]}"
swap "${data0[0]}" "${map0[0]}"
look "a data segment and a map segment swapped" "web1@${web[0]}"
cp "vault/${dbdata[0]}" "vault/${data0[0]}"
look "another VM's segment under this one's name" "web1@${web[0]}"
cp "other/$(object seg other | head -1)" "vault/${data0[0]}"
look "another vault's segment" "web1@${web[0]}"
truncate -s -1 "vault/${data0[0]}"
look "a segment without its last byte"
truncate -s 100 "vault/${map0[0]}"
look "a map segment cut to its head" "web1@${web[0]}"

new=$(manifest "${web[2]}") old=$(manifest "${web[0]}")
cp "vault/$old" "vault/$new"
look "an older point's manifest under the newest one's name" "web1@${web[2]}"
cp "vault/$(manifest "$db")" "vault/$new"
look "another VM's manifest" "web1@${web[2]}"
cp "other/$(object pt other)" "vault/$new"
look "another vault's manifest" "web1@${web[2]}"
later=${new/\/2/\/3}			# a thousand years later
mkdir -p "vault/$(dirname "$later")" && cp "vault/$old" "vault/$later"
look "an old manifest once more, as the newest"
mkdir -p "vault/$(dirname "${old/$(cut -d/ -f2 <<<"$old")/$(manifest "$db" | cut -d/ -f2)}")"
cp "vault/$old" "vault/${old/$(cut -d/ -f2 <<<"$old")/$(manifest "$db" | cut -d/ -f2)}"
look "a point of one VM among those of another"
truncate -s -40 "vault/$new"
look "a cut manifest" "web1@${web[2]}"
swap "ref/$(basename "$new")" "ref/$(basename "$old")"
look "the refs of two points swapped"
mv "vault/${data0[1]}" "vault/${data0[1]%?}0" 2>/dev/null || mv "vault/${data0[1]}" "vault/${data0[1]%?}1"
look "a segment renamed" "web1@${web[0]}"
swap "$(object vm | head -1)" "$(object vm | tail -1)"
look "the names of two VMs swapped"

say "each segment, taken away, is missed: also one whose only page the manifest keeps"
for f in $(object seg); do
	mv "vault/$f" x
	expect_status 16 "$a" verify vault --vault-key vault.key
	expect_text "$f" out
	expect_status 16 "$a" verify vault --no-key
	mv x "vault/$f"
done

say "another vault's description: the key does not open it"
cp other/vault vault/vault
for point in "${web[@]}"; do
	status=0
	"$a" restore vault "web1@$point" --to out --as encrypted --vault-key vault.key >/dev/null 2>&1 || status=$?
	[ $status != 0 ] || fail "restored under another vault's description"
	rm -rf out
done
echo "restores: $right right, $refused refused" >&2
[ $right -gt 20 ] && [ $refused -gt 20 ] || fail "the campaign looked at too little"
