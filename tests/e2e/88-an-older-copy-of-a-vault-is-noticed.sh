#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Somebody puts a whole older copy of a vault back: every object in it is good, but whoever has seen a
# newer point is told, by list, restore, mount and the next backup; who never saw it is not.
. "$(dirname "$0")/lib.sh"
require jq

a=$B/adebackup
cd "$T"
head -c 300000 /dev/urandom >os.raw
expect_status 0 "$a" init v --vault-key key
backup() { "$a" backup "$1" web1 --disk os=os.raw --vault-key key --json; }
expect_status 0 backup v
cp -r v older
head -c 5000 /dev/urandom | dd of=os.raw conv=notrunc status=none
expect_status 0 backup v
newest=$(jq -r .point out)
expect_status 0 "$a" list v --vault-key key

say "the newest point is gone, and the vault verifies all the same"
mv v newer && mv older v
expect_status 0 "$a" verify v --vault-key key
expect_status 3 "$a" list v --vault-key key
expect_text "number 1, but this user has seen number 2, $newest" err
expect_text "next: .*remove $XDG_STATE_HOME/adebackup/seen-" err
expect_status 0 "$a" restore v web1 --to out.raw --disk os --as encrypted --vault-key key
expect_text "this user has seen number 2" err

say "a mount says it too; a point asked for by its name is no news"
mkdir m
"$B/mount.adebackup" v m --foreground -o vault-key=key,vm=web1 2>mount.log & daemon=$!
defer kill $daemon
defer unmount m
wait_for 20 test -e m/latest/os/disk.raw
unmount m
wait $daemon || :
expect_text "this user has seen number 2" mount.log
first=$("$a" list v --vault-key key --json 2>/dev/null | jq -r '.points[0].point' || :)
expect_status 0 "$a" restore v "web1@$first" --to named.raw --disk os --as encrypted --vault-key key
if grep "has seen" err; then fail "a point by its name is no news"; fi

say "another second point takes the number of the lost one"
expect_status 3 backup v
expect_text "this user has seen number 2, $newest" err

say "somebody else never saw it"
XDG_STATE_HOME=$T/elsewhere expect_status 0 "$a" list v --vault-key key
say "and the newer copy, put back, is what it was"
rm -r v && mv newer v
expect_status 0 "$a" list v --vault-key key
