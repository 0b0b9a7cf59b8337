#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A key store that cannot be reached does not stop a backup: the point is stored, not proven, and the command ends
# with 3. A key file that is not there stops it as ever. Keys that were sealed for a slot marked for capsules are not, from one day
# to the next, sealed for the vault's own key without a word.
. "$(dirname "$0")/lib.sh"
require mke2fs openssl jq
a=$B/adebackup
cd "$T"
key=(--vault-key vault.key)
mkdir beks tree
echo hello >tree/greeting
mke2fs -q -t ext4 -d tree plain 24M
"$B/tests/make/mkbitlocker" --seed 3 --bek beks plain disk >/dev/null
bek=$(echo beks/*.BEK)
"$a" init v "${key[@]}" -q

say "nobody listens where the Key Vault should be"
port=$(/usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
gone=(--keystore "https://tests.vault.fake.localhost:$port/" --azure-client-id a --azure-client-secret-file secret)
echo x >secret
expect_status 3 "$a" backup v web1 --disk os=disk "${key[@]}" "${gone[@]}"
expect_text 'goes on without the key store' err
expect_text 'stored, but not proven' err
expect_status 0 "$a" list v web1 "${key[@]}" --json
jq -e '.points | length == 1 and .[0].proof == "not proven"' out >/dev/null || fail "$(cat out)"
expect_status 0 "$a" restore v web1 "${key[@]}" --as encrypted --to back
check_same disk back/os.raw
say "a key file beside it proves the point all the same"
expect_status 3 "$a" backup v web1 --disk os=disk "${key[@]}" "${gone[@]}" --bek "$bek"
expect_text '^proven' out
expect_status 0 "$a" keys verify v web1 "${key[@]}"
say "a key file that is not there, or is none, stops it"
expect_status 10 "$a" backup v web1 --disk os=disk "${key[@]}" --bek nothing.BEK

say "the slot for capsules is removed: the next backup says so, and so does show"
openssl genrsa -out escrow.pem 2048 2>/dev/null
openssl rsa -in escrow.pem -pubout -out escrow.pub 2>/dev/null
expect_status 0 "$a" key add v "${key[@]}" --vault-rsa-public escrow.pub --for-capsules --json
slot=$(jq -r .id out)
expect_status 0 "$a" backup v web1 --disk os=disk --bek "$bek" "${key[@]}"
expect_status 0 "$a" backup v web1 --disk os=disk --bek "$bek" "${key[@]}"
expect_status 0 "$a" show v web1 "${key[@]}"
expect_text "thief of the vault's key opens: nothing" out
expect_status 0 "$a" key remove v "$slot" "${key[@]}"
expect_status 3 "$a" backup v web1 --disk os=disk --bek "$bek" "${key[@]}"
expect_text 'marked for capsules any more' err
expect_status 0 "$a" show v web1 "${key[@]}"
if grep -q "opens: nothing" out; then fail "show says that it is sealed: $(cat out)"; fi
