#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A disk whose BEK, plain or wrapped, is in a Key Vault: every way to a token, every documented
# refusal, throttling, tokens that end, and that no token leaves for a host that is not the vault.
# timeout: 300
. "$(dirname "$0")/lib.sh"
require mkntfs curl python3 openssl jq
. "$(dirname "$0")/keyvault.sh"

truncate -s 24M "$T/plain"
mkntfs -q -F -L ADE "$T/plain" >/dev/null 2>&1
mkdir "$T/beks" "$T/mnt"
"$B/tests/make/mkbitlocker" --bek "$T/beks" "$T/plain" "$T/disk" >"$T/made"
bek=$(echo "$T"/beks/*.BEK)
guid=$(basename "$bek" .BEK)
want=$(sha "$T/plain")
v1=0123456789abcdef0123456789abcdef
defer unmount "$T/mnt"

opens() {	# WHAT OPTIONS
	say "$1"
	"$B/mount.adebackup" "$T/disk" "$T/mnt" -o "$2" || fail "$1: no mount"
	[ "$(sha "$T/mnt/disk.raw")" = "$want" ] || fail "$1: wrong plaintext"
	[[ "$(jq -r '.partitions[].protectors[].secret_url' "$T/mnt/info.json")" = "$KV/secrets/"* ]] ||
		fail "$1: the secret's URL: $(jq -c '.partitions[].protectors' "$T/mnt/info.json")"
	unmount "$T/mnt"
}
refused() {	# CODE PATTERN OPTIONS
	if "$B/mount.adebackup" "$T/disk" "$T/mnt" -o "$3" 2>"$T/err"; then
		unmount "$T/mnt"
		fail "mounted with $3"
	fi
	expect_text "\[$1\]" "$T/err"
	expect_text "$2" "$T/err"
	! grep -qE 's3cret|Bearer|eyJ' "$T/err" || fail "a secret in: $(cat "$T/err")"
}
fault() { control "{\"do\":\"fault\",$1}" >/dev/null; }
forget_faults() { control '{"do":"set","faults":[]}' >/dev/null; }

openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$T/kek.pem" 2>/dev/null
pem=$(awk '{printf "%s\\n", $0}' "$T/kek.pem")
control "{\"do\":\"key\",\"name\":\"kek1\",\"version\":\"$v1\",\"pem\":\"$pem\"}" >/dev/null
wrap() {	# ALGORITHM OPENSSL-OPTIONS…
	local alg=$1 value
	shift
	openssl pkeyutl -encrypt -inkey "$T/kek.pem" -in "$bek" -out "$T/wrapped" "$@"
	value=$(base64 -w0 "$T/wrapped" | tr '+/' '-_' | tr -d '=')
	control "{\"do\":\"secret\",\"name\":\"$guid\",\"value\":\"$value\",\"contentType\":\"Wrapped BEK\",
		\"tags\":{\"DiskEncryptionKeyFileName\":\"$guid.BEK\",\"DiskEncryptionKeyEncryptionAlgorithm\":\"$alg\",
		\"DiskEncryptionKeyEncryptionKeyURL\":\"$KV/keys/kek1/$v1\",\"MachineName\":\"vm1\"}}" >/dev/null
}

wrap RSA1_5 -pkeyopt rsa_padding_mode:pkcs1
opens "RSA1_5" "$KV_OPTS"
wrap RSA-OAEP-256 -pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:sha256 -pkeyopt rsa_mgf1_md:sha256
opens "RSA-OAEP-256" "$KV_OPTS"
wrap RSA-OAEP -pkeyopt rsa_padding_mode:oaep
opens "RSA-OAEP" "$KV_OPTS"
opens "by URL" "$KV_OPTS,secret-url=$KV/secrets/$guid,kek-url=$KV/keys/kek1/$v1"
control '{"do":"key","name":"kek1"}' >/dev/null
opens "the KEK has a newer version" "$KV_OPTS"
for n in $(seq 60); do control "{\"do\":\"secret\",\"name\":\"a$n\",\"value\":\"x\"}"; done >/dev/null
opens "among many secrets, three pages" "$KV_OPTS"

say "every way to a token"
openssl req -new -x509 -newkey rsa:2048 -nodes -keyout "$T/k" -out "$T/c" -subj /CN=app2 -days 2 2>/dev/null
cat "$T/k" "$T/c" >"$T/app2.pem"
control "{\"do\":\"client\",\"id\":\"app2\",\"certificate\":\"$(awk '{printf "%s\\n", $0}' "$T/c")\"}" >/dev/null
opens "certificate" "keystore=$KV/,$KV_NET,azure-client-id=app2,azure-client-cert=$T/app2.pem"
control '{"do":"client","id":"app3","federated":"header.of.kubernetes"}' >/dev/null
echo header.of.kubernetes >"$T/fed"
AZURE_CLIENT_ID=app3 AZURE_TENANT_ID=$KV_TENANT AZURE_FEDERATED_TOKEN_FILE=$T/fed \
	opens "workload identity" "keystore=$KV/,$KV_NET"
control '{"do":"client","id":"machine"}' >/dev/null
AZURE_POD_IDENTITY_AUTHORITY_HOST=http://127.0.0.1:$KV_HTTP \
	opens "managed identity" "keystore=$KV/,ca-file=$T/kv/ca.pem"
curl -sf --noproxy '*' -H Metadata:true "http://127.0.0.1:$KV_HTTP/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://vault.fake.localhost" >"$T/token.json"
opens "token file" "keystore=$KV/,ca-file=$T/kv/ca.pem,azure-token-file=$T/token.json"
opens "token command" "keystore=$KV/,ca-file=$T/kv/ca.pem,azure-token-command=cat $T/token.json"
AZURE_POD_IDENTITY_AUTHORITY_HOST=http://192.0.2.1 refused 2 'plain http' "keystore=$KV/,ca-file=$T/kv/ca.pem"

say "refusals of the token endpoint"
echo wrong >"$T/wrong.secret"
refused 14 'AADSTS7000215' "keystore=$KV/,$KV_NET,azure-client-id=app1,azure-client-secret-file=$T/wrong.secret"
refused 14 'AADSTS700016' "keystore=$KV/,$KV_NET,azure-client-id=nobody,azure-client-secret-file=$T/wrong.secret"
refused 14 'AADSTS90002' "$KV_OPTS,azure-tenant=99999999-2222-3333-4444-555555555555"
refused 14 'AADSTS700027' "keystore=$KV/,$KV_NET,azure-client-id=app2,azure-client-cert=$T/app2x.pem" <<<"$(
	openssl req -new -x509 -newkey rsa:2048 -nodes -keyout "$T/k" -out "$T/c" -subj /CN=x -days 2 2>/dev/null
	cat "$T/k" "$T/c" >"$T/app2x.pem")"
sed 's/"access_token": "[^"]*"/"access_token": "eyJ.forged.token"/' "$T/token.json" >"$T/forged.json"
refused 14 'token is not accepted' "keystore=$KV/,ca-file=$T/kv/ca.pem,azure-token-file=$T/forged.json"
refused 15 'not trusted' "keystore=$KV/,azure-authority=$KV_LOGIN,azure-client-id=app1,azure-client-secret-file=$T/app1.secret"

say "permissions"
control '{"do":"client","id":"app4","secret":"x4","permissions":{"secrets":["get","list"]}}' >/dev/null
echo x4 >"$T/app4.secret"
as4="keystore=$KV/,$KV_NET,azure-client-id=app4,azure-client-secret-file=$T/app4.secret"
refused 14 'UserErrorKeyVaultPermissionsNotConfigured.*ForbiddenByPolicy' "$as4"
expect_text 'get unwrapKey' "$T/err"
control '{"do":"client","id":"app4","secret":"x4","permissions":{"secrets":["get"],"keys":["unwrapKey"]}}' >/dev/null
opens "get and unwrapKey are enough with the URL" "$as4,secret-url=$KV/secrets/$guid"
refused 14 'permission' "$as4"
control "{\"do\":\"secret\",\"name\":\"plain\",\"value\":\"$(base64 -w0 "$bek")\",\"contentType\":\"BEK\"}" >/dev/null
control '{"do":"client","id":"app4","secret":"x4","permissions":{"secrets":["get"]}}' >/dev/null
control '{"do":"log"}' >/dev/null
opens "BEK only" "$as4,secret-url=$KV/secrets/plain"
! control '{"do":"log"}' | grep -q /keys/ || fail "a plain BEK asked for key permissions"

say "faults"
fault '"match":"GET .*/secrets/plain","kind":"status","status":429,"times":2'
opens "429 without Retry-After" "$KV_OPTS,secret-url=$KV/secrets/plain"
fault '"match":"GET .*/secrets/plain","kind":"status","status":429,"headers":{"Retry-After":"2"}'
SECONDS=0
opens "429 with Retry-After" "$KV_OPTS,secret-url=$KV/secrets/plain"
[ $SECONDS -ge 2 ] || fail "Retry-After was not honoured"
fault '"match":"GET .*/secrets/plain","kind":"status","status":403,"code":"Forbidden","inner":"ForbiddenByRbac"'
opens "403 that heals" "$KV_OPTS,secret-url=$KV/secrets/plain"
fault '"match":"GET .*/secrets/plain","kind":"cut"'
opens "an answer cut off" "$KV_OPTS,secret-url=$KV/secrets/plain"
control '{"do":"set","lifetime":1}' >/dev/null
opens "tokens of one second" "$KV_OPTS"
control '{"do":"set","lifetime":3600}' >/dev/null
fault '"match":"GET .*/secrets/plain","kind":"raw","body":"{\"value\":"'
refused 16 'not what a Key Vault says' "$KV_OPTS,secret-url=$KV/secrets/plain"
fault '"match":"GET .*/secrets/plain","kind":"raw","body":"[1,2]"'
refused 16 'not what a Key Vault says' "$KV_OPTS,secret-url=$KV/secrets/plain"
fault '"match":"GET .*/secrets/plain","kind":"huge","bytes":5000000'
refused 16 'longer' "$KV_OPTS,secret-url=$KV/secrets/plain"
fault '"match":"oauth2","kind":"raw","body":"{}"'
refused 16 'no access token' "$KV_OPTS,secret-url=$KV/secrets/plain"

say "no token leaves"
control '{"do":"log"}' >/dev/null
fault "\"match\":\"GET .*/secrets/plain\",\"kind\":\"raw\",\"status\":302,\"times\":9,\"body\":\"\",\"headers\":{\"Location\":\"https://login.fake.localhost:$KV_PORT/stolen\"}"
refused 14 'elsewhere' "$KV_OPTS,secret-url=$KV/secrets/plain"
forget_faults
! control '{"do":"log"}' | grep -q stolen || fail "the redirect was followed"
fault '"match":"GET .*/secrets/plain","kind":"raw","status":401,"times":9,"body":"{}","headers":{"WWW-Authenticate":"Bearer authorization=\"https://login.fake.localhost/t\", resource=\"https://graph.microsoft.com\""}'
refused 14 'not above its own name' "$KV_OPTS,secret-url=$KV/secrets/plain"
forget_faults
! control '{"do":"log"}' | grep -q oauth2 || fail "a token was fetched for another resource"
refused 10 'another Key Vault' "$KV_OPTS,secret-url=https://other.vault.fake.localhost:$KV_PORT/secrets/plain"

say "deleted, disabled, of a certificate"
control '{"do":"secret","name":"off","value":"eA==","attributes":{"enabled":false}}' >/dev/null
refused 14 'disabled .SecretDisabled' "$KV_OPTS,secret-url=$KV/secrets/off"
control '{"do":"secret","name":"cert","value":"eA==","managed":true,"contentType":"application/x-pkcs12"}' >/dev/null
refused 17 'certificate' "$KV_OPTS,secret-url=$KV/secrets/cert"
refused 10 'no such object|restore-to-keyvault' "$KV_OPTS,secret-url=$KV/secrets/nothing"
token=$(sed 's/.*"access_token": "\([^"]*\)".*/\1/' "$T/token.json")
curl -sf --noproxy '*' --cacert "$T/kv/ca.pem" -X DELETE -H "Authorization: Bearer $token" "$KV/secrets/plain?api-version=7.4" >/dev/null
refused 10 'deleted but can be recovered' "$KV_OPTS,secret-url=$KV/secrets/plain"

say "a token server that stalls ends in time"
fault '"match":"oauth2","kind":"stall","seconds":100,"times":99'
SECONDS=0
refused 15 'no token' "$KV_OPTS"
[ $SECONDS -lt 45 ] || fail "waited $SECONDS s for a token"
