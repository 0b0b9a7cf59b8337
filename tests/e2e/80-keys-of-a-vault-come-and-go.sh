#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A vault is made with each kind of key; keys are listed, added, removed, renewed and put on paper;
# the wrong ones are refused with the right exit code.
. "$(dirname "$0")/lib.sh"
require openssl python3
a=$B/adebackup
cd "$T"

# id NUMBER: of the n-th key of vault v, by its label
id_of() { "$a" key list v --json | python3 -c 'import json, sys
print([k["id"] for k in json.load(sys.stdin)["keys"] if k["label"] == sys.argv[1]][0])' "$1"; }
count() { "$a" key list v | grep -c 'epoch'; }

say "init with a key file that is made"
expect_status 10 "$a" key list v
expect_status 0 "$a" init v --vault-key k1 --name north
expect_text 'NOTHING OPENS THIS VAULT WITHOUT' out
[ "$(stat -c %a k1)" = 600 ] || fail "mode of the key file: $(stat -c %a k1)"
expect_status 11 "$a" init v --vault-key k1
[ "$(count)" = 1 ] || fail "a second init has touched the keys"
expect_status 0 "$a" list v --vault-key k1

say "key add: file, passphrase, RSA"
openssl genrsa -out rsa.pem 2048 2>/dev/null
openssl rsa -in rsa.pem -pubout -out pub.pem 2>/dev/null
printf 'correct horse\n' >pass
printf 'correct house\n' >wrongpass
expect_status 0 "$a" key add v --vault-key k1 --new-vault-key k2 --label second
expect_text "Made and added .*: k2" out
expect_status 11 "$a" key add v --vault-key k1 --new-vault-key k2
expect_status 0 "$a" key add v --vault-key k2 --new-vault-passphrase-file pass --label words
expect_status 0 "$a" key add v --vault-passphrase-file pass --vault-rsa-public pub.pem --label escrow
expect_status 2 "$a" key add v --vault-key k1
[ "$(count)" = 4 ] || fail "not four keys: $("$a" key list v)"

say "each opens, others do not"
expect_status 0 "$a" list v --vault-key k2
expect_status 0 "$a" list v --vault-passphrase-file pass
expect_status 0 "$a" list v --vault-rsa-key rsa.pem
expect_status 0 env ADEBACKUP_VAULT="$T/v" "$a" list --vault-key k1
expect_status 12 "$a" list v --vault-passphrase-file wrongpass
openssl genrsa -out other.pem 2048 2>/dev/null
expect_status 12 "$a" list v --vault-rsa-key other.pem
expect_status 0 "$a" init other --vault-key k3
expect_status 12 "$a" list v --vault-key k3
expect_status 13 "$a" list v </dev/null
expect_status 13 "$a" list v --vault-rsa-key pub.pem
expect_status 10 "$a" list "$T" --vault-key k1

say "key remove: never the one in hand, and no key opens after it went"
expect_status 11 "$a" key remove v "$(id_of second)" --vault-key k2
expect_text 'another of its keys' err
expect_status 0 "$a" key remove v "$(id_of second | cut -c1-8)" --vault-key k1
expect_status 12 "$a" list v --vault-key k2
expect_status 10 "$a" key remove v "$(printf '0%.0s' {1..32})" --vault-key k1

say "key rotate: all keys must be at hand; then all open, and the slots are new"
expect_status 11 "$a" key rotate v --vault-key k1 --vault-rsa-public pub.pem
expect_text "$(id_of words)" err
expect_status 0 "$a" key remove v "$(id_of words)" --vault-key k1
expect_status 12 "$a" list v --vault-passphrase-file pass
expect_status 0 "$a" key rotate v --vault-key k1 --vault-rsa-public pub.pem --json
expect_text '"epoch": *2' out
expect_status 0 "$a" list v --vault-key k1
expect_status 0 "$a" list v --vault-rsa-key rsa.pem
expect_status 0 "$a" key add v --vault-rsa-key rsa.pem --new-vault-passphrase-file pass --label words
expect_status 0 "$a" list v --vault-passphrase-file pass
[ "$("$a" key list v | grep -c 'epoch 2')" = 3 ] || fail "$("$a" key list v)"

say "key export: paper is a key file, but for a mistyped one"
expect_status 2 "$a" key export v --vault-key k1
expect_status 12 "$a" key export v --paper --vault-key k2
expect_status 0 "$a" key export v --paper --vault-key k1
cp out paper
sed '/^[1-4] /{s/a/A/g; s/ //3}' paper >typed
cmp -s typed paper && fail "nothing was typed otherwise"
expect_status 0 "$a" list v --vault-key typed
sed '/^3 /s/ \(....\) / 0000 /' paper >typed
expect_status 2 "$a" list v --vault-key typed
expect_text 'line 3' err

say "a damaged slot is told from a wrong key"
slot=$(ls v/slot/"$(id_of first)"*)
python3 - "$slot" <<'END'
import os, sys
os.chmod(sys.argv[1], 0o600)
with open(sys.argv[1], "r+b") as f:
    f.seek(70)
    b = f.read(1)
    f.seek(70)
    f.write(bytes([b[0] ^ 1]))
END
expect_status 16 "$a" list v --vault-key k1
expect_status 0 "$a" list v --vault-passphrase-file pass
if grep -rqF "$(sed -n 2p k1)" v out err; then fail "the key file's digits are in the vault or in messages"; fi
