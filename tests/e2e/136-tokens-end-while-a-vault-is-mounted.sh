#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A mounted vault asks Key Vault for each disk that it opens, for as long as it is mounted: a token that has ended,
# or was revoked, is got anew; one from a file is read again; a token server that stalls for a while keeps a disk
# shut only for that while, and nobody waits without end.
. "$(dirname "$0")/lib.sh"
require mke2fs curl python3 openssl jq
. "$(dirname "$0")/keyvault.sh"
a=$B/adebackup
cd "$T"
v1=0123456789abcdef0123456789abcdef
key="--vault-key vault.key"

mkdir beks tree m
echo hello >tree/greeting
mke2fs -q -t ext4 -d tree plain 24M
"$B/tests/make/mkbitlocker" --seed 3 --bek beks plain disk >/dev/null
bek=$(echo beks/*.BEK)
guid=$(basename "$bek" .BEK)
want=$(sha plain)
openssl genrsa -out kek.pem 2048 2>/dev/null
control "{\"do\":\"key\",\"name\":\"kek1\",\"version\":\"$v1\",\"pem\":\"$(awk '{printf "%s\\n", $0}' kek.pem)\"}" >/dev/null
value=$(openssl pkeyutl -encrypt -inkey kek.pem -in "$bek" -pkeyopt rsa_padding_mode:oaep | base64 -w0 | tr '+/' '-_' | tr -d '=')
control "{\"do\":\"secret\",\"name\":\"$guid\",\"value\":\"$value\",\"contentType\":\"Wrapped BEK\",
	\"tags\":{\"DiskEncryptionKeyFileName\":\"$guid.BEK\",\"DiskEncryptionKeyEncryptionAlgorithm\":\"RSA-OAEP\",
	\"DiskEncryptionKeyEncryptionKeyURL\":\"$KV/keys/kek1/$v1\"}}" >/dev/null
"$a" init v --capsule wrapped $key -q
read -ra options <<<"--${KV_OPTS//,/ --}"
for n in 1 2 3 4 5 6 7 8; do
	expect_status 0 "$a" backup v vm$n --disk os=disk $key "${options[@]}"
done

opens() { [ "$(sha "m/vm$1/latest/os/disk.raw")" = "$want" ] || fail "vm$1: $2"; }
tokens() { control '{"do":"log"}' | jq '[.[] | select(.line | test("oauth2"))] | length'; }

say "tokens of two seconds, and one that is revoked"
control '{"do":"set","lifetime":2}' >/dev/null
tokens >/dev/null
mount_ade v "$T/m" "$KV_OPTS,vault-key=vault.key"
opens 1 "before"
sleep 2.2
opens 2 "its token had ended"
[ "$(tokens)" = 2 ] || fail "other than two tokens"
control '{"do":"set","lifetime":3600}' >/dev/null
sleep 1.2
opens 3 "a new one"
control '{"do":"revoke"}' >/dev/null
tokens >/dev/null
opens 4 "its token was revoked"
[ "$(tokens)" = 1 ] || fail "no token was fetched"

say "the token server stalls for a while: shut meanwhile, open after"
control '{"do":"revoke"}' >/dev/null
control '{"do":"fault","match":"oauth2","kind":"stall","seconds":100,"times":99}' >/dev/null
SECONDS=0
if [ -e m/vm5/latest/os/disk.raw ]; then fail "without a token the Key Vault gave a key"; fi
[ $SECONDS -lt 50 ] || fail "waited $SECONDS s for a token"
check_same disk m/vm5/latest/os/encrypted/disk.raw
opens 4 "what is open stays open"
control '{"do":"set","faults":[]}' >/dev/null
opens 5 "the token server is back"
unmount "$T/m"

say "a token from a file is read again when it has ended"
token() {
	curl -sf --noproxy '*' -H Metadata:true \
		"http://127.0.0.1:$KV_HTTP/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://vault.fake.localhost" >token.new
	mv token.new token.json
}
control '{"do":"client","id":"machine"}' >/dev/null
token
mount_ade v "$T/m" "keystore=$KV/,ca-file=$T/kv/ca.pem,azure-token-file=$T/token.json,vault-key=vault.key"
opens 6 "with the first"
control '{"do":"revoke"}' >/dev/null
token
opens 7 "with the second"
control '{"do":"revoke"}' >/dev/null
if head -c 1 m/vm8/latest/os/disk.raw >/dev/null 2>&1; then fail "with a token that has ended"; fi
check_same disk m/vm8/latest/os/encrypted/disk.raw
