#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A Key Vault key opens the vault as one of its keys. A slot that is marked for capsules is what the disks'
# keys are sealed for: a host with another key of the vault backs up, and cannot open what it backed up.
# The second reader agrees on all of it, and a forged mark is refused.
# timeout: 300
. "$(dirname "$0")/lib.sh"
require mke2fs curl python3 openssl jq
/usr/bin/python3 -c 'import cryptography, zstandard' || skip "python3-cryptography or python3-zstandard is not installed"
. "$(dirname "$0")/keyvault.sh"
a=$B/adebackup
cd "$T"
key="--vault-key vault.key"
kv="--ca-file kv/ca.pem --azure-authority $KV_LOGIN --azure-client-id app1 --azure-client-secret-file app1.secret"
v1=0123456789abcdef0123456789abcdef
reader() { /usr/bin/python3 "$ROOT/tests/reader/vaultreader.py" "$@"; }
point() { jq -r .point "$1"; }

mkdir beks tree
echo hello >tree/greeting
mke2fs -q -t ext4 -d tree plain 24M
"$B/tests/make/mkbitlocker" --seed 3 --bek beks plain disk >/dev/null
bek=$(echo beks/*.BEK)
hex=$(od -An -v -tx1 "$bek" | tr -d ' \n')
openssl genrsa -out kek.pem 2048 2>/dev/null
openssl genrsa -out escrow.pem 3072 2>/dev/null
openssl rsa -in escrow.pem -pubout -out escrow.pub 2>/dev/null
openssl genrsa -out other.pem 2048 2>/dev/null
control "{\"do\":\"key\",\"name\":\"backup\",\"version\":\"$v1\",\"pem\":\"$(awk '{printf "%s\\n", $0}' kek.pem)\"}" >/dev/null
control '{"do":"client","id":"unwrapper","secret":"u","permissions":{"keys":["unwrapKey"]}}' >/dev/null
echo u >u.secret
"$a" init v $key -q
expect_status 0 "$a" backup v web1 --disk os=disk --bek "$bek" $key --json
before=$(point out)

say "a KEK becomes a key of the vault: the version of today, by its public half"
# shellcheck disable=SC2086	# two words are two
expect_status 0 "$a" key add v $key --vault-kek "$KV/keys/backup" --label cloud $kv --json
[ "$(jq -r .kek out)" = "$KV/keys/backup/$v1" ] || fail "$(cat out)"
expect_status 0 "$a" key list v
expect_text "kek .*cloud.*keys/backup/$v1" out
control '{"do":"key","name":"backup"}' >/dev/null

say "it opens the vault through the Key Vault, through its private key, and for whom unwrap is permitted"
# shellcheck disable=SC2086
expect_status 0 "$a" list v web1 --keystore "$KV/" $kv --audit-log audit --reason drill
jq -e 'select(.action == "unwrap" and .reason == "drill" and (.with | test("keys/backup")))' audit >/dev/null || fail "$(cat audit)"
# shellcheck disable=SC2086
expect_status 0 "$a" list v --keystore azure:vault.fake.localhost $kv
expect_status 0 "$a" list v --keystore pem:kek.pem
expect_status 0 "$a" list v --keystore "$KV/" --ca-file kv/ca.pem --azure-authority "$KV_LOGIN" --azure-client-id unwrapper \
	--azure-client-secret-file u.secret
expect_status 12 "$a" list v --keystore pem:other.pem
control '{"do":"client","id":"nobody","secret":"n","permissions":{}}' >/dev/null
echo n >n.secret
expect_status 14 "$a" list v --keystore "$KV/" --ca-file kv/ca.pem --azure-authority "$KV_LOGIN" --azure-client-id nobody \
	--azure-client-secret-file n.secret
expect_text 'UserErrorKeyVaultPermissionsNotConfigured' err
"$a" init nokek $key -q
expect_status 13 "$a" list nokek --keystore pem:kek.pem </dev/null
mount_ade v m "keystore=pem:kek.pem,vm=web1,point=latest"
check_same plain m/os/disk.raw
unmount "$PWD/m"

say "rotate renews it without the Key Vault"
expect_status 0 "$a" key rotate v $key
expect_status 0 "$a" list v web1 --keystore pem:kek.pem

say "an RSA slot for capsules: the host's key backs up and opens nothing of what it wrote"
expect_status 2 "$a" key add v $key --new-vault-key second --for-capsules
expect_status 0 "$a" key add v $key --vault-rsa-public escrow.pub --for-capsules --label escrow --json
jq -e .for_capsules out >/dev/null || fail "$(cat out)"
expect_status 0 "$a" backup v web1 --disk os=disk --bek "$bek" $key --json
after=$(point out)
expect_status 13 "$a" keys verify v web1 $key
expect_text 'marked for capsules' err
expect_status 13 "$a" keys export v web1 --to none $key
mount_ade v m "vault-key=vault.key,vm=web1,point=latest"
if head -c 1 m/os/disk.raw >got 2>/dev/null && [ -s got ]; then fail "the host's key opens the disk"; fi
unmount "$PWD/m"
expect_status 0 "$a" show v web1 $key
expect_text "thief of the vault's key opens: nothing" out
expect_status 0 "$a" keys verify "v" "web1@$before" $key

say "its private key opens them, also beside another key of the vault"
expect_status 0 "$a" keys verify v web1 --vault-rsa-key escrow.pem
expect_status 0 "$a" keys verify v web1 $key --keystore pem:escrow.pem
expect_status 12 "$a" keys verify v web1 $key --keystore pem:kek.pem
expect_status 0 "$a" keys export v web1 --to exported --vault-rsa-key escrow.pem
check_same "$bek" "exported/$(basename "$bek")"
mount_ade v m "vault-rsa-key=escrow.pem,vm=web1,point=latest"
check_same plain m/os/disk.raw
unmount "$PWD/m"
expect_status 0 "$a" restore v web1 --to back --vault-rsa-key escrow.pem
check_same plain back/os.raw

say "a KEK for capsules beside it: either opens"
# shellcheck disable=SC2086
expect_status 0 "$a" key add v $key --vault-kek "$KV/keys/backup" --for-capsules --label second --keystore azure:vault.fake.localhost $kv
expect_status 0 "$a" key rotate v $key
expect_status 0 "$a" backup v web1 --disk os=disk --bek "$bek" $key --json
both=$(point out)
# shellcheck disable=SC2086
expect_status 0 "$a" keys verify v web1 --keystore "$KV/" $kv
expect_status 0 "$a" keys verify v web1 --vault-rsa-key escrow.pem
expect_status 13 "$a" keys verify v web1 $key

say "the second reader opens the same keys, and checks the vouchers"
reader v --vault-key vault.key keys web1 "$before" | jq -e --arg h "$hex" '.[0].bytes == $h' >/dev/null || fail "before"
for p in $after $both; do
	reader v --vault-rsa-key escrow.pem keys web1 "$p" | jq -e --arg h "$hex" '.[0].bytes == $h' >/dev/null || fail "$p"
	expect_status 1 reader v --vault-key vault.key keys web1 "$p"
	expect_status 1 reader v --vault-key vault.key keys web1 "$p" other.pem
done
reader v --vault-key vault.key check >checked
jq -e '.public_keys == 3 and .for_capsules == 2' checked >/dev/null || fail "vouchers: $(cat checked); $("$a" key list v)"

say "who can write the store, and has no key, cannot have keys sealed for his own"
/usr/bin/python3 - "$ROOT/tests/reader" v other.pem <<'END'
import glob, hashlib, json, os, struct, subprocess, sys
sys.path.insert(0, sys.argv[1])
import zstandard
from vaultobjects import Object
pem = subprocess.run(["openssl", "rsa", "-in", sys.argv[3], "-pubout"], capture_output=True, check=True).stdout.decode()
der = subprocess.run(["openssl", "rsa", "-in", sys.argv[3], "-pubout", "-outform", "DER"], capture_output=True, check=True).stdout
mine = hashlib.sha256(der).digest()[:16].hex()
path = next(p for p in glob.glob(sys.argv[2] + "/slot/*") if b"escrow" in
	Object("slot/" + os.path.basename(p), open(p, "rb").read()).text())
slot = json.loads(Object("slot/" + os.path.basename(path), open(path, "rb").read()).text())
slot.update(id=mine, public=pem)
body = zstandard.ZstdCompressor().compress(json.dumps(slot).encode())
data = open(path, "rb").read()[:48] + struct.pack("<QQ", len(body), 0) + body
open("%s/slot/%s.%s" % (sys.argv[2], mine, slot["epoch"]), "wb").write(data + hashlib.sha256(data).digest())
END
expect_status 16 "$a" backup v web1 --disk os=disk --bek "$bek" $key
expect_text 'not vouched for' err
expect_status 1 reader v --vault-key vault.key check
expect_text 'voucher' err
